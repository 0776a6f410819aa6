"""Steps of a loop as IR: what the functions and operators of C expressions are on vectors of LLVM.

The walk through an expression is `backend.expression`'s, which says what the operators mean.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..expression import Walk, computing_dtype, parse, supports
from . import math as functions
from .values import BITS, Block, Value, where

__all__ = ["maximum", "minimum", "supports", "write_step"]


def maximum(x: Value, y: Value) -> Value:
    """The larger one; NaN if one is."""
    return x | y if x.dtype == "bool" else _passing_nan(x, where(x > y, x, y))


def minimum(x: Value, y: Value) -> Value:
    """The smaller one; NaN if one is."""
    return x & y if x.dtype == "bool" else _passing_nan(x, where(x < y, x, y))


def _passing_nan(x: Value, chosen: Value) -> Value:
    """`chosen` is y where the comparison was false, so a NaN in y is there already."""
    return where(x.is_nan(), x, chosen) if x.is_float else chosen


def _fmax(x: Value, y: Value) -> Value:
    return where(y.is_nan(), x, where(x.is_nan(), y, where(x >= y, x, y))) if x.is_float else maximum(x, y)


def _fmin(x: Value, y: Value) -> Value:
    return where(y.is_nan(), x, where(x.is_nan(), y, where(x <= y, x, y))) if x.is_float else minimum(x, y)


def _truncated(x: Value, y: Value) -> tuple[Value, Value]:
    """Quotient towards zero and remainder of integers; 0 for division by zero, and no trap on the least number."""
    signed = x.dtype.startswith("int")
    safe = where(y.equals(0), 1, y)
    if signed:
        safe = where(y.equals(-1), 1, safe)
    quotient = x.block.value(f"{'sdiv' if signed else 'udiv'} {x.type} {x.text}, {safe.text}", x.dtype)
    if signed:
        quotient = where(y.equals(-1), -x, quotient)
    zero = y.equals(0)
    return where(zero, 0, quotient), where(zero, 0, x - quotient * y)


def _remainder(x: Value, y: Value) -> Value:
    """With the sign of the divisor."""
    if x.is_float:
        rest = functions.FUNCTIONS["fmod"](x, y)
        other_side = (rest < 0.0) ^ (y < 0.0)
        return where(rest.equals(0.0), functions.copysign(x.of(0.0), y), where(other_side, rest + y, rest))
    rest = _truncated(x, y)[1]
    return where(rest.compare("ne", 0) & ((rest < 0) ^ (y < 0)), rest + y, rest) if x.dtype.startswith("int") else rest


def _floor_divide(x: Value, y: Value) -> Value:
    """Rounded down: the quotient of what the remainder leaves, as rounding x / y may step over an integer."""
    if x.is_float:
        rest = functions.FUNCTIONS["fmod"](x, y)
        rest = where(rest.compare("ne", 0.0) & ((rest < 0.0) ^ (y < 0.0)), rest + y, rest)
        quotient = (x - rest) / y
        whole = functions.floor(quotient)
        whole = where(quotient - whole > 0.5, whole + 1.0, whole)
        whole = where(quotient.equals(0.0), functions.copysign(x.of(0.0), x / y), whole)
        return where(y.equals(0.0), x / y, whole)
    quotient, rest = _truncated(x, y)
    down = rest.compare("ne", 0) & ((rest < 0) ^ (y < 0))
    return where(down, quotient - 1, quotient) if x.dtype.startswith("int") else quotient


def _sign(x: Value) -> Value:
    if x.dtype.startswith("u"):
        return where(x > 0, 1, x)
    signs = where(x > 0, 1, where(x < 0, -1, x.of(0)))
    return where(x.is_nan(), x, signs) if x.is_float else signs


def _softplus(x: Value) -> Value:
    """log(1 + exp(x)) without overflow."""
    return maximum(x, x.of(0.0)) + functions.log1p(functions.exp(-abs(x)))


def _rounding(name: str) -> Callable[[Value], Value]:
    return lambda x: x.block.intrinsic(name, x) if x.is_float else x


def _shift(x: Value, y: Value, left: bool) -> Value:
    """Bits that leave are lost, however far one shifts."""
    bits = BITS[x.dtype]
    inside = (y >= 0) & (y < bits) if x.dtype.startswith("int") else y < bits
    shifted = x << where(inside, y, 0) if left else x >> where(inside, y, 0)
    beyond = x >> (bits - 1) if not left and x.dtype.startswith("int") else x.of(0)
    return where(inside, shifted, beyond)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "max": maximum, "min": minimum, "fmax": _fmax, "fmin": _fmin, "fabs": abs, "floor_divide": _floor_divide,
    "remainder": _remainder, "sign": _sign, "floor": _rounding("floor"), "ceil": _rounding("ceil"), "trunc": _rounding("trunc"),
    "rint": _rounding("rint"), "where": where, "pow": functions.power, "softplus": _softplus,
    "<<": lambda x, y: _shift(x, y, left=True), ">>": lambda x, y: _shift(x, y, left=False),
    "isnan": lambda x: x.is_nan() if x.is_float else x.compare("ne", x),
    "isinf": lambda x: abs(x).equals(functions.INF) if x.is_float else x.compare("ne", x),
    "isfinite": lambda x: abs(x) < functions.INF if x.is_float else x.equals(x),
    "signbit": functions.is_negative,
}
"""Functions of all numbers; those of floating values only are in `math`."""


class Emitter(Walk):
    """Writes the IR of one step."""

    def __init__(self, operands: Sequence[Any], dtype: str, block: Block) -> None:
        super().__init__(operands, dtype)
        self.block = block

    def constant(self, number: Any) -> Value:
        """A Python number in the computing dtype."""
        return self.block.constant(number, self.dtype)

    def function(self, name: str, *values: Value) -> Value:
        """A function as IR."""
        if name == "fmod" and not values[0].is_float:
            return _truncated(*values)[1]
        return (FUNCTIONS.get(name) or functions.FUNCTIONS[name])(*values)


def write_step(expression: str, operands: Sequence[Any], dtype: str, block: Block) -> Value:
    """The IR of one step of a loop: `operands` are Values or Python numbers, `dtype` that of the result."""
    return Emitter(operands, computing_dtype(expression, operands, dtype), block).emit(parse(expression)).to(dtype)

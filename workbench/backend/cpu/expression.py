"""C expressions of the op table turned into IR: a small parser, and the meaning of each operator per dtype.

The meaning is NumPy's where C's differs: integers wrap around and divide downwards, max and min pass NaN on, the sign
of NaN is NaN, shifting too far gives 0. Three formulas of the table are recognised whole (floor division, remainder,
softplus), for done piece by piece they would round or overflow on the way.
"""
from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import math as functions
from .values import BITS, FLOATS, LLVM_TYPES, Block, Value, where

Node = tuple
"""("input", i), ("number", value), ("call", name, *nodes), or (operator, *nodes)."""

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?)|\{(\d+)\}|([A-Za-z_]\w*)|(<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>!~&|^(),]))")
_PRECEDENCE = {"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, "<=": 7, ">": 7, ">=": 7,
               "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10}
COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


# Parsing ----------------------------------------------------------------------------------------------------------
@functools.cache
def parse(expression: str) -> Node:
    """The tree of a C expression.

    Raises
    ------
    ValueError
        If the expression is not understood.
    """
    tokens = _tokens(expression)
    node = _binary(tokens, 0)
    if tokens:
        raise ValueError(f"{expression!r}: unexpected {tokens[-1][1]!r}")
    return simplify(node)


def _tokens(expression: str) -> list[tuple[str, Any]]:
    """Kinds and texts in reverse order, so that the next one is popped."""
    found, place, text = [], 0, expression.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"{expression!r}: cannot read {text[place:]!r}")
        kind = ("number", "input", "name", "sign")[match.lastindex - 1]
        found.append((kind, match.group(match.lastindex)))
        place = match.end()
    return found[::-1]


def _binary(tokens: list, least: int) -> Node:
    left = _unary(tokens)
    while tokens and (rank := _PRECEDENCE.get(tokens[-1][1], 0)) > least:
        sign = tokens.pop()[1]
        left = (sign, left, _binary(tokens, rank))
    return left


def _unary(tokens: list) -> Node:
    if not tokens:
        raise ValueError("the expression ends too early")
    kind, text = tokens.pop()
    if kind == "number":
        return ("number", float(text) if any(c in text for c in ".eE") else int(text))
    if kind == "input":
        return ("input", int(text))
    if text in ("-", "!", "~"):
        return (f"unary{text}", _unary(tokens))
    if text == "(":
        node = _binary(tokens, 0)
        _expect(tokens, ")")
        return node
    if kind != "name":
        raise ValueError(f"unexpected {text!r}")
    _expect(tokens, "(")
    inputs = [_binary(tokens, 0)]
    while tokens and tokens[-1][1] == ",":
        tokens.pop()
        inputs.append(_binary(tokens, 0))
    _expect(tokens, ")")
    return ("call", text, *inputs)


def _expect(tokens: list, sign: str) -> None:
    if not tokens or tokens.pop()[1] != sign:
        raise ValueError(f"{sign!r} is missing")


def simplify(node: Node) -> Node:
    """Formulas that mean one operation, as that operation."""
    if node[0] in ("input", "number"):
        return node
    node = tuple(simplify(part) if isinstance(part, tuple) else part for part in node)
    match node:
        case ("call", "floor", ("/", x, y)):
            return ("call", "floor_divide", x, y)
        case ("-", x, ("*", ("call", "floor_divide", a, b), y)) if a == x and b == y:
            return ("call", "remainder", x, y)
        case ("-", (">", x, ("number", 0)), ("<", y, ("number", 0))) if x == y:
            return ("call", "sign", x)
        case ("call", "log1p", ("call", "exp", x)):
            return ("call", "softplus", x)
    return node


# Meaning ----------------------------------------------------------------------------------------------------------
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


ARITHMETIC: dict[str, Callable[..., Value]] = {
    "+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y, "/": lambda x, y: x / y,
    "&": lambda x, y: x & y, "|": lambda x, y: x | y, "^": lambda x, y: x ^ y,
    "<<": functools.partial(_shift, left=True), ">>": functools.partial(_shift, left=False),
    "unary-": lambda x: -x, "unary~": lambda x: ~x,
}
ANYWHERE: dict[str, Callable[..., Value]] = {
    "max": maximum, "min": minimum, "fmax": _fmax, "fmin": _fmin, "fabs": abs, "floor_divide": _floor_divide,
    "remainder": _remainder, "sign": _sign, "floor": _rounding("floor"), "ceil": _rounding("ceil"), "trunc": _rounding("trunc"),
    "rint": _rounding("rint"), "cast": lambda x: x,
}
"""Functions of all numbers."""
CLASSES: dict[str, Callable[[Value], Value]] = {
    "isnan": lambda x: x.is_nan() if x.is_float else x.compare("ne", x),
    "isinf": lambda x: abs(x).equals(functions.INF) if x.is_float else x.compare("ne", x),
    "isfinite": lambda x: abs(x) < functions.INF if x.is_float else x.equals(x),
    "signbit": functions.is_negative,
}
"""Questions about one number; their result is bool."""
INTEGER_FUNCTIONS = {"fmod": lambda x, y: _truncated(x, y)[1]}


class Emitter:
    """Writes the IR of one step.

    Attributes
    ----------
    operands : sequence of Value or Python numbers
    dtype : str
        In which dtype operands are computed.
    """

    def __init__(self, operands: Sequence[Any], dtype: str, block: Block) -> None:
        self.operands, self.dtype, self.block = operands, dtype, block

    def number(self, node: Node) -> Value:
        """The value of a node in the computing dtype."""
        if node[0] in ("number", "input"):
            found = node[1] if node[0] == "number" else self.operands[node[1]]
            return found.to(self.dtype) if isinstance(found, Value) else self.block.constant(found, self.dtype)
        return self.emit(node).to(self.dtype)

    def truth(self, node: Node) -> Value:
        """The value of a node as a bool, computed in its own dtype."""
        if node[0] == "input" and isinstance(self.operands[node[1]], Value):
            return self.operands[node[1]].to("bool")
        return (self.number(node) if node[0] in ("number", "input") else self.emit(node)).to("bool")

    def emit(self, node: Node) -> Value:
        """The value of an operation, in the computing dtype or as a bool."""
        head, *parts = node
        if head in COMPARISONS:
            x, y = (self.emit(p) if p[0] == "unary!" else self.number(p) for p in parts)
            return x.compare(COMPARISONS[head], y)
        if head in ("&&", "||"):
            x, y = map(self.truth, parts)
            return x & y if head == "&&" else x | y
        if head == "unary!":
            return ~self.truth(parts[0])
        if head in ("number", "input"):
            return self.number(node)
        return self._call(*parts) if head == "call" else ARITHMETIC[head](*map(self.number, parts))

    def _call(self, name: str, *parts: Node) -> Value:
        if name == "where":
            return where(self.truth(parts[0]), self.number(parts[1]), self.number(parts[2]))
        if name == "pow" and parts[1][0] == "input" and not isinstance(self.operands[parts[1][1]], Value):
            return _power(self.number(parts[0]), self.operands[parts[1][1]])
        values = list(map(self.number, parts))
        if name == "pow":
            return functions.power(*values)
        if name == "softplus":
            return _softplus(*values)
        known = ANYWHERE.get(name) or CLASSES.get(name)
        if known is None and not values[0].is_float:
            known = INTEGER_FUNCTIONS.get(name)
        return (known or functions.FUNCTIONS[name])(*values)


def _power(x: Value, exponent: Any) -> Value:
    """A power with a number as exponent: the small ones are products."""
    simple: dict[float, Callable[[], Value]] = {
        0: lambda: x.of(1), 1: lambda: x, 2: lambda: x * x, 3: lambda: x * x * x, 4: lambda: (x * x) * (x * x)}
    if x.is_float:
        simple |= {-1: lambda: 1.0 / x, -2: lambda: 1.0 / (x * x), 0.5: lambda: functions.sqrt(x)}
    if exponent in simple:
        return simple[exponent]()
    return functions.power(x, x.of(exponent))


def write_step(expression: str, operands: Sequence[Any], dtype: str, block: Block) -> Value:
    """The IR of one step of a loop: `operands` are Values or Python numbers, `dtype` that of the result."""
    return Emitter(operands, computing_dtype(expression, operands, dtype), block).emit(parse(expression)).to(dtype)


def computing_dtype(expression: str, operands: Sequence[Any], dtype: str) -> str:
    """In which dtype the operands of a step meet."""
    if dtype != "bool" or parse(expression)[:2] == ("call", "cast"):
        return dtype
    kinds = [np.dtype(v.dtype) if isinstance(v, Value) else v for v in operands]
    common = np.result_type(*kinds) if kinds else np.dtype(dtype)
    if common.kind in "iu" and any(not isinstance(v, Value) and not np.iinfo(common).min <= v <= np.iinfo(common).max for v in operands):
        return "int64"  # compared with a number that it cannot hold
    return common.name


@functools.cache
def supports(expression: str, dtype: str) -> bool:
    """Can `expression` be compiled with its operands in `dtype`?

    Examples
    --------
    >>> supports("tanh({0})", "float32"), supports("tanh({0})", "int64"), supports("digamma({0})", "float32")
    (True, False, False)
    """
    try:
        return dtype in LLVM_TYPES and all(_fits(name, dtype) for name in _names(parse(expression)))
    except ValueError:
        return False


def _names(node: Node) -> list[str]:
    """The operators and functions of a tree."""
    if node[0] in ("input", "number"):
        return []
    own = node[1] if node[0] == "call" else node[0]
    return [own, *(name for part in node[1:] if isinstance(part, tuple) for name in _names(part))]


def _fits(name: str, dtype: str) -> bool:
    is_float, is_bool = dtype in FLOATS, dtype == "bool"
    if name in COMPARISONS or name in ("&&", "||", "unary!", "where", "cast") or name in CLASSES:
        return True
    if name in ("/", "pow", "softplus"):
        return is_float
    if name in ("&", "|", "^", "unary~"):
        return not is_float
    if name in ("<<", ">>"):
        return not is_float and not is_bool
    if name in ("-", "unary-", "floor_divide", "remainder", "sign", *INTEGER_FUNCTIONS):
        return not is_bool
    return name in ARITHMETIC or name in ANYWHERE or (name in functions.FUNCTIONS and is_float)

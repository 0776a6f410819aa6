"""Numbers in LLVM's IR with Python's operators, so that the math library reads like formulas.

Semantics are NumPy's: maxima keep NaN, integers wrap around, comparisons of NaN are false.
"""
from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

I1, I8, I32, I64, F32, F64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
TYPES = {"bool": I8, "uint8": I8, "int32": I32, "int64": I64, "float32": F32, "float64": F64}
"""How a dtype lies in memory."""
CONTRACT = ("contract",)
"""A product and a sum may become one rounding; nothing else may change."""


class Value:
    """A scalar of some dtype inside a function that is being built. A bool is one bit."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value, dtype: str) -> None:
        self.builder, self.value, self.dtype = builder, value, dtype

    @property
    def is_float(self) -> bool:
        """float32 or float64?"""
        return self.dtype in ("float32", "float64")

    def of(self, value: ir.Value, dtype: str | None = None) -> Value:
        """Another value in the same function."""
        return Value(self.builder, value, dtype or self.dtype)

    def constant(self, number: Any) -> Value:
        """A number of the same dtype."""
        return constant(self.builder, number, self.dtype)

    def _both(self, other: Any) -> tuple[ir.Value, ir.Value]:
        other = other if isinstance(other, Value) else self.constant(other)
        return self.value, other.to(self.dtype).value

    def _arithmetic(self, other: Any, floating: str, integer: str) -> Value:
        a, b = self._both(other)
        if self.is_float:
            return self.of(getattr(self.builder, floating)(a, b, flags=CONTRACT))
        return self.of(getattr(self.builder, integer)(a, b))

    def __add__(self, other: Any) -> Value:
        return self._arithmetic(other, "fadd", "or_" if self.dtype == "bool" else "add")

    def __sub__(self, other: Any) -> Value:
        return self._arithmetic(other, "fsub", "sub")

    def __mul__(self, other: Any) -> Value:
        return self._arithmetic(other, "fmul", "and_" if self.dtype == "bool" else "mul")

    def __truediv__(self, other: Any) -> Value:
        a, b = self._both(other)
        return self.of(self.builder.fdiv(a, b, flags=CONTRACT))

    def __radd__(self, other: Any) -> Value:
        return self.constant(other) + self

    def __rsub__(self, other: Any) -> Value:
        return self.constant(other) - self

    def __rmul__(self, other: Any) -> Value:
        return self.constant(other) * self

    def __rtruediv__(self, other: Any) -> Value:
        return self.constant(other) / self

    def __neg__(self) -> Value:
        return self.of(self.builder.fneg(self.value) if self.is_float else self.builder.neg(self.value))

    def __and__(self, other: Any) -> Value:
        return self.of(self.builder.and_(*self._both(other)))

    def __or__(self, other: Any) -> Value:
        return self.of(self.builder.or_(*self._both(other)))

    def __xor__(self, other: Any) -> Value:
        return self.of(self.builder.xor(*self._both(other)))

    def __invert__(self) -> Value:
        return self.of(self.builder.not_(self.value))

    def compare(self, symbol: str, other: Any) -> Value:
        """One of ``< <= > >= == !=``; of NaN only ``!=`` is true."""
        a, b = self._both(other)
        if self.is_float:
            found = self.builder.fcmp_unordered(symbol, a, b) if symbol == "!=" else self.builder.fcmp_ordered(symbol, a, b)
        elif self.dtype in ("bool", "uint8"):
            found = self.builder.icmp_unsigned(symbol, a, b)
        else:
            found = self.builder.icmp_signed(symbol, a, b)
        return self.of(found, "bool")

    def is_nan(self) -> Value:
        """Is it not equal to itself?"""
        return self.of(self.builder.fcmp_unordered("uno", self.value, self.value), "bool")

    def where(self, yes: Any, no: Any) -> Value:
        """`yes` where this bool is true, else `no`."""
        yes = yes if isinstance(yes, Value) else no.constant(yes)
        no = no if isinstance(no, Value) else yes.constant(no)
        return yes.of(self.builder.select(self.value, yes.value, no.to(yes.dtype).value))

    def to(self, dtype: str) -> Value:
        """Converted as C does; to bool: is it not zero?"""
        if dtype == self.dtype:
            return self
        if dtype == "bool":
            return self.compare("!=", 0)
        b, v, kind = self.builder, self.value, {"bool": I1}.get(dtype) or TYPES[dtype]
        if self.is_float:
            if dtype in ("float32", "float64"):
                return self.of(b.fpext(v, kind) if dtype == "float64" else b.fptrunc(v, kind), dtype)
            return self.of(b.fptosi(v, kind) if dtype != "uint8" else b.trunc(b.fptosi(v, I32), I8), dtype)
        if dtype in ("float32", "float64"):
            return self.of((b.uitofp if self.dtype in ("bool", "uint8") else b.sitofp)(v, kind), dtype)
        width, own = kind.width, v.type.width
        if width == own:
            return self.of(v, dtype)
        grow = b.zext if self.dtype in ("bool", "uint8") else b.sext
        return self.of(grow(v, kind) if width > own else b.trunc(v, kind), dtype)

    def bits(self) -> Value:
        """The bits of a float32 or float64 as an integer."""
        kind, name = (I32, "int32") if self.dtype == "float32" else (I64, "int64")
        return self.of(self.builder.bitcast(self.value, kind), name)

    def as_float(self) -> Value:
        """The float32 or float64 with these bits."""
        kind, name = (F32, "float32") if self.dtype == "int32" else (F64, "float64")
        return self.of(self.builder.bitcast(self.value, kind), name)

    def shift_left(self, count: int) -> Value:
        """Bits moved up."""
        return self.of(self.builder.shl(self.value, self.constant(count).value))

    def shift_right(self, count: int) -> Value:
        """Bits moved down, zeros entering."""
        return self.of(self.builder.lshr(self.value, self.constant(count).value))

    def intrinsic(self, name: str, *others: Value) -> Value:
        """An LLVM intrinsic such as ``llvm.sqrt`` on values of this dtype."""
        arguments = [self.value, *(o.to(self.dtype).value for o in others)]
        kind = self.value.type
        function = self.builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind] * len(arguments)))
        return self.of(self.builder.call(function, arguments))


def constant(builder: ir.IRBuilder, number: Any, dtype: str) -> Value:
    """A number as a value; floats are rounded to the dtype first."""
    if dtype == "bool":
        return Value(builder, ir.Constant(I1, int(bool(number))), dtype)
    if dtype in ("float32", "float64"):
        with np.errstate(over="ignore"):
            return Value(builder, ir.Constant(TYPES[dtype], float(np.dtype(dtype).type(number))), dtype)
    return Value(builder, ir.Constant(TYPES[dtype], int(number)), dtype)


def maximum(a: Value, b: Value) -> Value:
    """The larger; NaN if either is."""
    larger = a.compare(">", b).where(a, b)
    return a.is_nan().where(a, larger) if a.is_float else larger


def minimum(a: Value, b: Value) -> Value:
    """The smaller; NaN if either is."""
    smaller = a.compare("<", b).where(a, b)
    return a.is_nan().where(a, smaller) if a.is_float else smaller

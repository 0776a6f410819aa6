"""Vectors of LLVM IR that compute like Python numbers, and the text they write.

`math` and `expression` are formulas on `Value`s; every operation appends one line of IR. IR is written as text: building
it through llvmlite.ir costs more time than compiling it. One `Block` writes one function; its `width` is the number of
lanes of everything written from then on (1: plain scalars), so one formula serves the loop body and the remainder.
"""
from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...core.errors import ArgumentError

LLVM_TYPES = {"float32": "float", "float64": "double", "bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32",
              "int64": "i64", "uint8": "i8", "uint16": "i16", "uint32": "i32", "uint64": "i64"}
BITS = {"float32": 32, "float64": 64, "bool": 8, **{f"{kind}{n}": n for kind in ("int", "uint") for n in (8, 16, 32, 64)}}
"""Bits of an element in memory."""
FLOATS = ("float32", "float64")
_ORDERED = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}


class Block:
    """The text of one function while it is written.

    Attributes
    ----------
    width : int
        Lanes of the values that are written next.
    label : str
        The basic block that is open, as a phi names it.
    contract : bool
        May a product and a sum be rounded once, as one instruction? Without, results are NumPy's to the last bit.
    """

    def __init__(self, module: Module, contract: bool = True) -> None:
        self.module, self.lines, self.width, self.label = module, [], 1, "entry"
        self.contract = contract
        self._count = 0

    def name(self, prefix: str = "v") -> str:
        """A name that the function has not used."""
        self._count += 1
        return f"{prefix}{self._count}"

    def write(self, line: str) -> None:
        """Append one instruction without a result."""
        self.lines.append(f"  {line}")

    def assign(self, instruction: str) -> str:
        """Append an instruction; returns the name of its result."""
        name = f"%{self.name()}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def value(self, instruction: str, dtype: str) -> Value:
        """Append an instruction whose result is a vector of `dtype`."""
        return Value(self, self.assign(instruction), dtype)

    def start(self, label: str) -> None:
        """Open a basic block."""
        self.lines.append(f"{label}:")
        self.label = label

    def type(self, dtype: str, width: int | None = None) -> str:
        """The LLVM type of a vector of `dtype`."""
        width = self.width if width is None else width
        return LLVM_TYPES[dtype] if width == 1 else f"<{width} x {LLVM_TYPES[dtype]}>"

    def constant(self, number: Any, dtype: str) -> Value:
        """The same number in every lane."""
        text = literal(number, dtype)
        return Value(self, text if self.width == 1 else f"splat ({LLVM_TYPES[dtype]} {text})", dtype)

    def splat(self, scalar: Value) -> Value:
        """A scalar value in every lane."""
        if self.width == 1:
            return scalar
        element, whole = LLVM_TYPES[scalar.dtype], self.type(scalar.dtype)
        first = self.assign(f"insertelement {whole} poison, {element} {scalar.text}, i64 0")
        return self.value(f"shufflevector {whole} {first}, {whole} poison, <{self.width} x i32> zeroinitializer", scalar.dtype)

    def intrinsic(self, name: str, *values: Value) -> Value:
        """Call ``llvm.<name>`` on values of one dtype."""
        kind = self.type(values[0].dtype)
        short = {"float": "f32", "double": "f64"}.get(LLVM_TYPES[values[0].dtype], LLVM_TYPES[values[0].dtype])
        suffix = short if self.width == 1 else f"v{self.width}{short}"
        self.module.declare(f"declare {kind} @llvm.{name}.{suffix}({', '.join([kind] * len(values))})")
        return self.value(f"call {kind} @llvm.{name}.{suffix}({', '.join(f'{kind} {v.text}' for v in values)})", values[0].dtype)

    @contextlib.contextmanager
    def lanes(self, width: int) -> Iterator[None]:
        """Write values of another width for a while."""
        before, self.width = self.width, width
        try:
            yield
        finally:
            self.width = before


class Module:
    """The functions of one kernel and what they call, each declared once."""

    def __init__(self) -> None:
        self.declarations: dict[str, None] = {}
        self.functions: dict[str, str] = {}

    def declare(self, line: str) -> None:
        """Declare an external function."""
        self.declarations[line] = None

    def define(self, name: str, make: Callable[[], str]) -> None:
        """Define an internal function unless it is there."""
        if name not in self.functions:
            self.functions[name] = ""  # taken while `make` writes, which may define others
            self.functions[name] = make()

    def __str__(self) -> str:
        return "\n".join([*self.functions.values(), *self.declarations, ""])


class Value:
    """A vector (or scalar) of `dtype` in a block; operators write IR. Comparisons give dtype "bool"."""

    __slots__ = ("block", "text", "dtype")

    def __init__(self, block: Block, text: str, dtype: str) -> None:
        self.block, self.text, self.dtype = block, text, dtype

    @property
    def is_float(self) -> bool:
        """Is it float32 or float64?"""
        return self.dtype in FLOATS

    @property
    def type(self) -> str:
        """Its LLVM type."""
        return self.block.type(self.dtype)

    def of(self, number: Any) -> Value:
        """`number` as a value like this one."""
        return number if isinstance(number, Value) else self.block.constant(number, self.dtype)

    def binary(self, integer: str, other: Any, boolean: str | None = None) -> Value:
        """`integer` names the instruction; floats take its f-form, booleans another one."""
        floating = f"f{integer} contract" if self.block.contract else f"f{integer}"
        name = boolean if self.dtype == "bool" and boolean else floating if self.is_float else integer
        return self.block.value(f"{name} {self.type} {self.text}, {self.of(other).text}", self.dtype)

    def __add__(self, other: Any) -> Value:
        return self.binary("add", other, "or")

    def __sub__(self, other: Any) -> Value:
        return self.binary("sub", other, "xor")

    def __mul__(self, other: Any) -> Value:
        return self.binary("mul", other, "and")

    def __radd__(self, other: Any) -> Value:
        return self + other

    def __rmul__(self, other: Any) -> Value:
        return self * other

    def __rsub__(self, other: Any) -> Value:
        return self.of(other) - self

    def __truediv__(self, other: Any) -> Value:
        return self.block.value(f"fdiv {self.type} {self.text}, {self.of(other).text}", self.dtype)

    def __rtruediv__(self, other: Any) -> Value:
        return self.of(other) / self

    def __neg__(self) -> Value:
        if self.is_float:
            return self.block.value(f"fneg {self.type} {self.text}", self.dtype)
        return self.of(0) - self

    def __abs__(self) -> Value:
        if self.is_float:
            return self.block.intrinsic("fabs", self)
        return self if self.dtype == "bool" or self.dtype.startswith("u") else where(self < 0, -self, self)

    def compare(self, name: str, other: Any) -> Value:
        """eq, ne, lt, le, gt or ge, false for NaN but for ne."""
        if self.is_float:
            instruction = f"fcmp {_ORDERED[name]}"
        elif name in ("eq", "ne"):
            instruction = f"icmp {name}"
        else:
            instruction = f"icmp {'s' if self.dtype.startswith('int') else 'u'}{name}"
        return self.block.value(f"{instruction} {self.type} {self.text}, {self.of(other).text}", "bool")

    def __lt__(self, other: Any) -> Value:
        return self.compare("lt", other)

    def __le__(self, other: Any) -> Value:
        return self.compare("le", other)

    def __gt__(self, other: Any) -> Value:
        return self.compare("gt", other)

    def __ge__(self, other: Any) -> Value:
        return self.compare("ge", other)

    def equals(self, other: Any) -> Value:
        """Is it equal, lane by lane?"""
        return self.compare("eq", other)

    def is_nan(self) -> Value:
        """Which lanes are NaN?"""
        return self.block.value(f"fcmp uno {self.type} {self.text}, {self.text}", "bool")

    def __and__(self, other: Any) -> Value:
        return self.block.value(f"and {self.type} {self.text}, {self.of(other).text}", self.dtype)

    def __or__(self, other: Any) -> Value:
        return self.block.value(f"or {self.type} {self.text}, {self.of(other).text}", self.dtype)

    def __xor__(self, other: Any) -> Value:
        return self.block.value(f"xor {self.type} {self.text}, {self.of(other).text}", self.dtype)

    def __invert__(self) -> Value:
        return self ^ (True if self.dtype == "bool" else -1 if self.dtype.startswith("int") else (1 << BITS[self.dtype]) - 1)

    def __lshift__(self, other: Any) -> Value:
        return self.block.value(f"shl {self.type} {self.text}, {self.of(other).text}", self.dtype)

    def __rshift__(self, other: Any) -> Value:
        name = "ashr" if self.dtype.startswith("int") else "lshr"
        return self.block.value(f"{name} {self.type} {self.text}, {self.of(other).text}", self.dtype)

    def bits(self, dtype: str) -> Value:
        """The same bits read as another dtype of the same size."""
        return self.block.value(f"bitcast {self.type} {self.text} to {self.block.type(dtype)}", dtype)

    def to(self, dtype: str) -> Value:
        """Converted as NumPy's astype does."""
        if dtype == self.dtype:
            return self
        if dtype == "bool":
            return self.compare("ne", 0)
        if self.is_float and dtype not in FLOATS and BITS[dtype] < 32:
            return self.to("int32").to(dtype)  # out of range wraps around, as it does in C on the usual machines
        return self.block.value(f"{_conversion(self.dtype, dtype)} {self.type} {self.text} to {self.block.type(dtype)}", dtype)


def where(condition: Value, x: Any, y: Any) -> Value:
    """`x` where `condition` is true, else `y`; at least one of the two is a Value."""
    like = x if isinstance(x, Value) else y
    x, y = like.of(x), like.of(y)
    block = condition.block
    return block.value(f"select {condition.type} {condition.text}, {x.type} {x.text}, {y.type} {y.text}", x.dtype)


def fma(x: Value, y: Any, z: Any) -> Value:
    """x * y + z, rounded once where the machine can."""
    return x.block.intrinsic("fmuladd", x, x.of(y), x.of(z))


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """Horner's rule, lowest power first."""
    result = x.of(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = fma(result, x, coefficient)
    return result


def rearrange(value: Value, lanes: Sequence[int], width: int) -> Value:
    """The lanes of a vector of `width` in another order and number; the block has their number as its width."""
    block, dtype = value.block, value.dtype
    source = block.type(dtype, width)
    if width == 1:
        return block.splat(value)
    if len(lanes) == 1:
        return block.value(f"extractelement {source} {value.text}, i64 {lanes[0]}", dtype)
    mask = ", ".join(f"i32 {lane}" for lane in lanes)
    return block.value(f"shufflevector {source} {value.text}, {source} poison, <{len(lanes)} x i32> <{mask}>", dtype)


def literal(number: Any, dtype: str) -> str:
    """A number as IR text."""
    if dtype in FLOATS:
        number = float(number)
        if dtype == "float32" and math.isfinite(number):
            number = struct.unpack("f", struct.pack("f", number))[0] if abs(number) < 3.4028235677973366e38 else math.copysign(math.inf, number)
        return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
    if dtype == "bool":
        return "true" if number else "false"
    number, bits = int(number), BITS[dtype]
    least = -(1 << bits - 1) if dtype.startswith("int") else 0
    if not least <= number < least + (1 << bits):
        raise ArgumentError(f"{number} does not fit into {dtype}; use a number between {least} and {least + (1 << bits) - 1}")
    return str(number)


def _conversion(source: str, target: str) -> str:
    signed = source.startswith("int")
    if source in FLOATS:
        if target in FLOATS:
            return "fpext" if BITS[target] > BITS[source] else "fptrunc"
        return "fptoui" if target.startswith("u") else "fptosi"
    if target in FLOATS:
        return "sitofp" if signed else "uitofp"
    if source == "bool" or BITS[target] > BITS[source]:
        return "sext" if signed else "zext"
    return "trunc" if BITS[target] < BITS[source] else "bitcast"

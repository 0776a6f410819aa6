"""Steps as CUDA C: the body of a kernel with one line per step, and the parameters that CuPy wants beside it.

float16 is computed in float32 and rounded after every step. Integers are computed without a sign, so that they wrap around.
"""
from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from .. import expression as shared
from ..expression import FLOATS, Literal, Step, Walk, computing_dtype, parse

TYPES = {"bool": "bool", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
         "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned int", "uint64": "unsigned long long",
         "float16": "float16", "float32": "float", "float64": "double"}
"""C types as CuPy calls them."""
_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_OF_ITS_OWN = frozenset(("max", "min", "fmax", "fmin", "sign", "softplus", "lgamma", "remainder", "floor_divide"))
"""Functions of the prelude; what is not there is C's."""
_OF_INTEGERS = {"fabs": "int_fabs", "fmod": "int_fmod", "remainder": "int_remainder", "floor_divide": "int_floor_divide",
                "<<": "shift_left", ">>": "shift_right"}


@dataclasses.dataclass(frozen=True)
class Source:
    """What `cupy.ElementwiseKernel` is made of.

    Attributes
    ----------
    inputs, outputs : str
        Parameters: "float32 x0, float32 x1".
    body : str
        One statement per line.
    name : str
        Of the kernel: what it is for, and a hash of the rest.
    """

    inputs: str
    outputs: str
    body: str
    name: str


@functools.cache
def prelude() -> str:
    """The functions that generated bodies call."""
    return Path(__file__).with_name("prelude.cuh").read_text(encoding="utf-8")


def supports(expression: str, dtype: str) -> bool:
    """Can `expression` be computed with its operands in `dtype`?

    Examples
    --------
    >>> supports("tanh({0})", "float16"), supports("tanh({0})", "int64"), supports("{0} + {1}", "complex64")
    (True, False, False)
    """
    if dtype == "float16":
        return "nextafter" not in expression and shared.supports(expression, "float32")  # the next number is another one in float32
    return shared.supports(expression, dtype)


def write(operands: Sequence[str], steps: Sequence[Step], stores: Sequence[int], label: str) -> Source:
    """The kernel that computes `steps` on inputs of the dtypes `operands`, and writes the values `stores`.

    Examples
    --------
    >>> print(write(["float32"], [Step("tanh({0})", (0,), "float32"), Step("{0} * 2", (1,), "float32")], [2], "f").body)
    const float v1 = tanh(x0);
    const float v2 = (v1 * (float)2.0);
    y0 = v2;
    """
    values = [Text(f"x{number}", dtype).loaded() for number, dtype in enumerate(operands)]
    dtypes, lines = list(operands), []
    for number, step in enumerate(steps, len(operands)):
        given = [v.value if isinstance(v, Literal) else values[v] for v in step.operands]
        lines.append(f"const {TYPES[step.dtype]} v{number} = {_computed(step.expression, given, step.dtype)};")
        values.append(Text(f"v{number}", step.dtype).loaded())
        dtypes.append(step.dtype)
    lines += [f"y{place} = {'x' if value < len(operands) else 'v'}{value};" for place, value in enumerate(stores)]
    inputs = ", ".join(f"{dtype} x{number}" for number, dtype in enumerate(operands))
    outputs = ", ".join(f"{dtypes[value]} y{place}" for place, value in enumerate(stores))
    body = "\n".join(lines)
    mark = hashlib.sha256(f"{inputs};{outputs};{body}".encode()).hexdigest()[:12]
    return Source(inputs, outputs, body, f"wb_{''.join(c if c.isalnum() else '_' for c in label)}_{mark}")


def _computed(expression: str, operands: Sequence[Any], dtype: str) -> str:
    """The text of one step, of the type of its result."""
    computing = computing_dtype(expression, operands, dtype)
    value = Writer(operands, "float32" if computing == "float16" else computing).emit(parse(expression))
    return value.to("float32").to("float16").text if dtype == "float16" else value.to(dtype).text


class Text:
    """A C expression and its dtype; operators make longer ones."""

    __slots__ = ("text", "dtype")

    def __init__(self, text: str, dtype: str) -> None:
        self.text, self.dtype = text, dtype

    def loaded(self) -> Text:
        """As a value that is computed with."""
        return Text(f"(float){self.text}", "float32") if self.dtype == "float16" else self

    def of(self, number: Any) -> Text:
        """`number` as a value like this one."""
        return number if isinstance(number, Text) else Text(literal(number, self.dtype), self.dtype)

    def to(self, dtype: str) -> Text:
        """Converted as C does; every number but 0 is true."""
        if dtype == self.dtype:
            return self
        return self.compare("ne", 0) if dtype == "bool" else Text(f"({TYPES[dtype]})({self.text})", dtype)

    def compare(self, name: str, other: Any) -> Text:
        """eq, ne, lt, le, gt or ge."""
        return Text(f"({self.text} {_SIGNS[name]} {self.of(other).text})", "bool")

    def _binary(self, sign: str, other: Any, boolean: str = "") -> Text:
        other = self.of(other)
        if self.dtype == "bool":
            return Text(f"({self.text} {boolean} {other.text})", "bool")
        if self.dtype in FLOATS:
            return Text(f"({self.text} {sign} {other.text})", self.dtype)
        plain = unsigned(self.dtype)
        return Text(f"({TYPES[self.dtype]})(({plain}){self.text} {sign} ({plain}){other.text})", self.dtype)

    def __add__(self, other: Any) -> Text:
        return self._binary("+", other, "||")

    def __sub__(self, other: Any) -> Text:
        return self._binary("-", other, "!=")

    def __mul__(self, other: Any) -> Text:
        return self._binary("*", other, "&&")

    def __truediv__(self, other: Any) -> Text:
        return self._binary("/", other)

    def __rtruediv__(self, other: Any) -> Text:
        return self.of(other) / self

    def __and__(self, other: Any) -> Text:
        return self._binary("&", other, "&&")

    def __or__(self, other: Any) -> Text:
        return self._binary("|", other, "||")

    def __xor__(self, other: Any) -> Text:
        return self._binary("^", other, "!=")

    def __neg__(self) -> Text:
        return Text(f"(-{self.text})", self.dtype) if self.dtype in FLOATS else self.of(0) - self

    def __invert__(self) -> Text:
        return Text(f"(!{self.text})", "bool") if self.dtype == "bool" else Text(f"({TYPES[self.dtype]})(~{self.text})", self.dtype)


class Writer(Walk):
    """Writes the text of one step."""

    def constant(self, number: Any) -> Text:
        """A Python number in the computing dtype."""
        return Text(literal(number, self.dtype), self.dtype)

    def function(self, name: str, *values: Text) -> Text:
        """A function as text: one of integers, one of the prelude, or C's."""
        dtype = values[-1].dtype
        if name == "where":
            return Text("({} ? {} : {})".format(*(v.text for v in values)), dtype)
        if name in shared.CLASSES:
            return _class(name, values[0])
        if dtype == "bool" and name in ("max", "fmax", "min", "fmin"):
            return values[0] | values[1] if "max" in name else values[0] & values[1]
        called = f"({', '.join(v.text for v in values)})"
        if dtype in FLOATS:
            return Text(f"{'wb::' if name in _OF_ITS_OWN else ''}{name}{called}", dtype)
        if name in ("floor", "ceil", "trunc", "rint") or name == "fabs" and dtype[0] in "bu":
            return values[0]
        if name in _OF_INTEGERS:
            return Text(f"wb::{_OF_INTEGERS[name]}<{TYPES[dtype]}, {unsigned(dtype)}>{called}", dtype)
        return Text(f"wb::{name}<{TYPES[dtype]}>{called}", dtype)


def _class(name: str, x: Text) -> Text:
    """A question about a number."""
    if x.dtype not in FLOATS:
        return Text({"isfinite": "true", "signbit": f"({x.text} < 0)"}.get(name, "false"), "bool")
    size = Text(f"fabs({x.text})", x.dtype)
    if name == "isnan":
        return x.compare("ne", x)
    if name == "signbit":
        return Text(f"(copysign({literal(1.0, x.dtype)}, {x.text}) < 0)", "bool")
    return size.compare("eq" if name == "isinf" else "lt", math.inf)


def unsigned(dtype: str) -> str:
    """The C type in which integers of `dtype` are computed: no smaller than int, or C would give them a sign."""
    return TYPES["uint64" if dtype.endswith("64") else "uint32"]


def literal(number: Any, dtype: str) -> str:
    """A Python number as C."""
    if dtype == "bool":
        return "true" if number else "false"
    if dtype in FLOATS:
        number = float(number)
        if math.isnan(number):
            return f"({TYPES[dtype]})(0.0 / 0.0)"
        text = repr(number) if math.isfinite(number) else f"({'-' if number < 0 else ''}1.0 / 0.0)"
        return f"({TYPES[dtype]}){text}" if dtype == "float32" or not math.isfinite(number) else f"({text})" if number < 0 else text
    number, limits = int(number), np.iinfo(dtype)
    if not limits.min <= number <= limits.max:
        raise ArgumentError(f"{number} does not fit into {dtype}; use a number between {limits.min} and {limits.max}")
    return f"({TYPES[dtype]}){number if number >= 0 else f'(-{-number - 1}LL - 1)'}{'ULL' if dtype == 'uint64' else 'LL' if number > 2**31 else ''}"

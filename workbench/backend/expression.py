"""C expressions of the op table: a small parser, and the walk through a tree that every generator of kernels shares.

A step of a kernel is such an expression with its operands and the dtype of its result. What an operator means is NumPy's
where C's differs: integers wrap around and divide downwards, max and min pass NaN on, the sign of NaN is NaN, shifting too
far gives 0. Three formulas of the table are recognised whole (floor division, remainder, softplus), for done piece by
piece they would round or overflow on the way. How values are written down is left to `backend.cpu` and `backend.cuda`.
"""
from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DTYPES = ("float32", "float64", "bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)))
"""Dtypes in which expressions are computed."""
FLOATS = ("float32", "float64")
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


# Steps ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Literal:
    """A Python number among the operands of a step; it takes the dtype of the others.

    Attributes
    ----------
    value : float, int or bool
    """

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and (type(self.value), repr(self.value)) == (type(other.value), repr(other.value))

    def __hash__(self) -> int:
        return hash(repr(self.value))


@dataclass(frozen=True)
class Step:
    """One element-wise operation.

    Attributes
    ----------
    expression : str
        In C, as in the rows of `ops.elementwise`.
    operands : tuple of int or Literal
        Numbers of values: the inputs of the kernel first, then the steps before this one.
    dtype : str
        Of the result. Operands are converted to it first; where it is "bool", to their common dtype.
    """

    expression: str
    operands: tuple
    dtype: str


# Walking ----------------------------------------------------------------------------------------------------------
class Walk:
    """Computes the tree of one step with values of some kind, which a subclass knows.

    Values have a ``dtype``, ``to(dtype)``, ``compare(name, other)``, the operators of Python, and ``of(number)``: a value like this one.

    Attributes
    ----------
    operands : sequence of values or Python numbers
    dtype : str
        In which dtype operands are computed.
    """

    def __init__(self, operands: Sequence[Any], dtype: str) -> None:
        self.operands, self.dtype = operands, dtype

    def constant(self, number: Any) -> Any:
        """A Python number in the computing dtype."""
        raise NotImplementedError

    def function(self, name: str, *values: Any) -> Any:
        """A function of C or of this table, or "where", "<<" or ">>"."""
        raise NotImplementedError

    def number(self, node: Node) -> Any:
        """The value of a node in the computing dtype."""
        if node[0] in ("number", "input"):
            found = node[1] if node[0] == "number" else self.operands[node[1]]
            return self.constant(found) if is_number(found) else found.to(self.dtype)
        return self.emit(node).to(self.dtype)

    def truth(self, node: Node) -> Any:
        """The value of a node as a bool, computed in its own dtype."""
        if node[0] == "input" and not is_number(self.operands[node[1]]):
            return self.operands[node[1]].to("bool")
        return (self.number(node) if node[0] in ("number", "input") else self.emit(node)).to("bool")

    def emit(self, node: Node) -> Any:
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
        if head == "call":
            return self._call(*parts)
        values = map(self.number, parts)
        return self.function(head, *values) if head in ("<<", ">>") else ARITHMETIC[head](*values)

    def _call(self, name: str, *parts: Node) -> Any:
        if name == "where":
            return self.function(name, self.truth(parts[0]), self.number(parts[1]), self.number(parts[2]))
        if name == "cast":
            return self.number(parts[0])
        if name == "pow" and parts[1][0] == "input" and is_number(self.operands[parts[1][1]]):
            return self._power(self.number(parts[0]), self.operands[parts[1][1]])
        return self.function(name, *map(self.number, parts))

    def _power(self, x: Any, exponent: Any) -> Any:
        """A power with a number as exponent: the small ones are products."""
        simple: dict[float, Callable[[], Any]] = {
            0: lambda: x.of(1), 1: lambda: x, 2: lambda: x * x, 3: lambda: x * x * x, 4: lambda: (x * x) * (x * x)}
        if self.dtype in FLOATS:
            simple |= {-1: lambda: 1.0 / x, -2: lambda: 1.0 / (x * x), 0.5: lambda: self.function("sqrt", x)}
        return simple[exponent]() if exponent in simple else self.function("pow", x, x.of(exponent))


def is_number(value: Any) -> bool:
    """Is an operand a Python number, and no value?"""
    return isinstance(value, (bool, int, float, np.generic))


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y, "/": lambda x, y: x / y,
    "&": lambda x, y: x & y, "|": lambda x, y: x | y, "^": lambda x, y: x ^ y, "unary-": lambda x: -x, "unary~": lambda x: ~x,
}
"""Operators as Python has them for values."""
ANYWHERE = frozenset(("max", "min", "fmax", "fmin", "fabs", "floor_divide", "remainder", "sign", "floor", "ceil", "trunc", "rint"))
"""Functions of all numbers."""
CLASSES = frozenset(("isnan", "isinf", "isfinite", "signbit"))
"""Questions about one number; their result is bool."""
OF_FLOATS = frozenset((
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh",
    "asinh", "acosh", "atanh", "erf", "erfc", "lgamma", "sqrt", "rsqrt", "cbrt", "hypot", "copysign", "fmod", "nextafter"))
"""Functions of floating values by their C names; integers have fmod too."""


# Dtypes -----------------------------------------------------------------------------------------------------------
def computing_dtype(expression: str, operands: Sequence[Any], dtype: str) -> str:
    """In which dtype the operands of a step meet."""
    if dtype != "bool" or parse(expression)[:2] == ("call", "cast"):
        return dtype
    kinds = [v if is_number(v) else np.dtype(v.dtype) for v in operands]
    common = np.result_type(*kinds) if kinds else np.dtype(dtype)
    if common.kind in "iu" and any(is_number(v) and not np.iinfo(common).min <= v <= np.iinfo(common).max for v in operands):
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
        return dtype in DTYPES and all(_fits(name, dtype) for name in _names(parse(expression)))
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
    if name in ("-", "unary-", "floor_divide", "remainder", "sign", "fmod"):
        return not is_bool
    return name in ARITHMETIC or name in ANYWHERE or (name in OF_FLOATS and is_float)

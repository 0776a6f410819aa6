"""Element-wise functions: one row each, the standard's name, our function, and the dtypes it takes.

A row becomes a function with the standard's signature, ``name(x, /)`` or ``name(x1, x2, /)``, that checks dtypes, brings
operands to the standard's common dtype and calls ours; so every one of them differentiates. The few that differ follow.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..core.errors import DTypeError
from ..core.tensor import Tensor
from .promotion import Scalar, as_tensor_like, checked, counted, operands

_ONE = {
    "abs": (ops.abs, "numeric"), "acos": (ops.acos, "floating"), "acosh": (ops.acosh, "floating"), "asin": (ops.asin, "floating"),
    "asinh": (ops.asinh, "floating"), "atan": (ops.atan, "floating"), "atanh": (ops.atanh, "floating"),
    "bitwise_invert": (ops.bitwise_not, "integral or bool"), "ceil": (ops.ceil, "real"), "conj": (ops.conj, "numeric"),
    "cos": (ops.cos, "floating"), "cosh": (ops.cosh, "floating"), "exp": (ops.exp, "floating"), "expm1": (ops.expm1, "floating"),
    "floor": (ops.floor, "real"), "imag": (ops.imag, "complex floating"), "isfinite": (ops.isfinite, "numeric"),
    "isinf": (ops.isinf, "numeric"), "isnan": (ops.isnan, "numeric"), "log": (ops.log, "floating"), "log1p": (ops.log1p, "floating"),
    "log2": (ops.log2, "floating"), "log10": (ops.log10, "floating"), "logical_not": (ops.logical_not, "bool"),
    "negative": (ops.neg, "numeric"), "positive": (ops.positive, "numeric"), "real": (ops.real, "numeric"),
    "reciprocal": (ops.reciprocal, "floating"), "round": (ops.rint, "numeric"), "sign": (ops.sgn, "numeric"),
    "signbit": (ops.signbit, "real floating"), "sin": (ops.sin, "floating"), "sinh": (ops.sinh, "floating"),
    "square": (ops.square, "numeric"), "sqrt": (ops.sqrt, "floating"), "tan": (ops.tan, "floating"), "tanh": (ops.tanh, "floating"),
    "trunc": (ops.trunc, "real"),
}
_TWO = {
    "add": (ops.add, "numeric"), "atan2": (ops.atan2, "real floating"), "bitwise_and": (ops.bitwise_and, "integral or bool"),
    "bitwise_left_shift": (ops.bitwise_left_shift, "integral"), "bitwise_or": (ops.bitwise_or, "integral or bool"),
    "bitwise_right_shift": (ops.bitwise_right_shift, "integral"), "bitwise_xor": (ops.bitwise_xor, "integral or bool"),
    "copysign": (ops.copysign, "real floating"), "divide": (ops.div, "floating"), "equal": (ops.eq, "any"),
    "greater": (ops.gt, "real"), "greater_equal": (ops.ge, "real"), "hypot": (ops.hypot, "real floating"), "less": (ops.lt, "real"),
    "less_equal": (ops.le, "real"), "logaddexp": (ops.logaddexp, "real floating"), "logical_and": (ops.logical_and, "bool"),
    "logical_or": (ops.logical_or, "bool"), "logical_xor": (ops.logical_xor, "bool"), "maximum": (ops.maximum, "real"),
    "minimum": (ops.minimum, "real"), "multiply": (ops.mul, "numeric"), "nextafter": (ops.nextafter, "real floating"),
    "not_equal": (ops.ne, "any"), "pow": (ops.pow, "numeric"), "remainder": (ops.remainder, "real"), "subtract": (ops.sub, "numeric"),
}


def _of_one(name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def function(x: Tensor, /) -> Tensor:
        return counted(ours(checked(name, x, kinds)))

    return _named(function, name, ours, kinds)


def _of_two(name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def function(x1: Tensor | Scalar, x2: Tensor | Scalar, /) -> Tensor:
        return counted(ours(*operands(name, x1, x2, kinds)))

    return _named(function, name, ours, kinds)


def _named(function: Callable[..., Tensor], name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    function.__name__ = function.__qualname__ = name
    about = (ours.__doc__ or "").split("\n")[0]
    function.__doc__ = f"{about} Takes {kinds} dtypes; otherwise `workbench.{ours.__name__}`."
    return function


globals().update({name: _of_one(name, *row) for name, row in _ONE.items()})
globals().update({name: _of_two(name, *row) for name, row in _TWO.items()})


def floor_divide(x1: Tensor | Scalar, x2: Tensor | Scalar, /) -> Tensor:
    """``x1 / x2`` rounded down; where one of both is infinite, the quotient itself (an infinity or a zero with its sign).

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.floor_divide(xp.asarray([-7, 7]), 2).tolist()
    [-4, 3]
    """
    x1, x2 = operands("floor_divide", x1, x2, "real")
    quotient = ops.floor_divide(x1, x2)
    if quotient.dtype.kind not in "fV":
        return counted(quotient)
    like = x1 if isinstance(x1, Tensor) else x2
    x1, x2 = (as_tensor_like(x, quotient.dtype, like) for x in (x1, x2))
    one_infinite = ops.logical_or(ops.logical_and(ops.isinf(x1), ops.isfinite(x2)), ops.logical_and(ops.isfinite(x1), ops.isinf(x2)))
    return counted(ops.where(one_infinite, ops.div(x1, x2), quotient))


def clip(x: Tensor, /, min: Tensor | Scalar | None = None, max: Tensor | Scalar | None = None) -> Tensor:
    """`x` limited to ``[min, max]``, in its own dtype; NaN stays NaN.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.clip(xp.asarray([1, 5, 9]), 2, 6).tolist()
    [2, 5, 6]
    """
    checked("clip", x, "real")
    low, high = _bound("min", min, x), _bound("max", max, x)
    return counted(ops.clone(x) if low is None and high is None else ops.clip(x, low, high))


def _bound(name: str, bound: Tensor | Scalar | None, x: Tensor) -> Tensor | None:
    """A bound in the dtype of `x`; None when it limits nothing there."""
    if bound is None:
        return None
    kind = bound.dtype.kind if isinstance(bound, Tensor) else {int: "i", float: "f"}.get(type(bound), "?")
    if kind not in "iufV" or (kind in "fV" and x.dtype.kind in "iu"):
        given = bound.dtype if isinstance(bound, Tensor) else type(bound).__name__
        raise DTypeError(f"clip: {name} is {given}, which does not fit x of dtype {x.dtype}; convert x with astype first")
    if isinstance(bound, int) and x.dtype.kind in "iu":
        limits = np.iinfo(x.dtype)
        if (bound <= limits.min) if name == "min" else (bound >= limits.max):
            return None
    return as_tensor_like(bound, x.dtype, x)


__all__ = ["clip", "floor_divide", *_ONE, *_TWO]

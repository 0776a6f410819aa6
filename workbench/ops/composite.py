"""Formulas in other ops: they need no rules of their own, and have every derivative and transformation.

Blends, products of three, limits, comparisons within a tolerance. The few declared ops here are those that no formula
can give: `frexp` and `isin`.
"""
from __future__ import annotations

import builtins
import math
from typing import Any

from ..backend import dtypes
from ..core import batching
from ..core.declare import op
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.op import BY_UFUNC, REGISTRY, Op
from ..core.tensor import Tensor, as_tensor
from . import elementwise as ew
from .complex_parts import complex, conj, imag, real
from .convert import clone
from .index import clip, where
from .movement import _cast, axes_of
from .reduce import norm
from .special import gammainc as igamma
from .special import gammaincc as igammac
from .special import logit, polygamma
from .special import multigammaln as mvlgamma

Number = float | int


# Arithmetic with the extra arguments of PyTorch -----------------------------------------------------------------------
def add(x: Tensor, y: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """The sum ``x + alpha * y``; the operator ``+`` is the same with alpha 1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.add(wb.tensor([1.0]), wb.tensor([2.0]), alpha=10).tolist()
    [21.0]
    """
    return ew.add(x, y if alpha == 1 else ew.mul(y, _factor("add", alpha, x, y)))


def sub(x: Tensor, y: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """The difference ``x - alpha * y``; the operator ``-`` is the same with alpha 1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.sub(wb.tensor([21.0]), wb.tensor([2.0]), alpha=10).tolist()
    [1.0]
    """
    return ew.sub(x, y if alpha == 1 else ew.mul(y, _factor("sub", alpha, x, y)))


def rsub(x: Tensor, y: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """The difference the other way round, ``y - alpha * x``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.rsub(wb.tensor([1.0]), 3).tolist()
    [2.0]
    """
    return sub(y, x, alpha=alpha)


def _factor(what: str, alpha: Number, *operands: Any) -> Number:
    if isinstance(alpha, float) and not any(getattr(a, "dtype", dtypes.bool_).kind in "fVc" or isinstance(a, float) for a in operands):
        raise DTypeError(f"{what}: alpha must be an integer for tensors of integers, got {alpha}; convert one of them to float first")
    return alpha


def div(x: Tensor, y: Tensor | Number, *, rounding_mode: str | None = None) -> Tensor:
    """The quotient ``x / y``, rounded down or towards zero if asked for.

    Parameters
    ----------
    x, y : Tensor or number
    rounding_mode : None, "floor" or "trunc"
        With a mode, integers stay integers.

    Raises
    ------
    ArgumentError
        For any other mode.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.div(wb.tensor([-7]), 2, rounding_mode="trunc").tolist()
    [-3]
    """
    if rounding_mode is None:
        return ew.div(x, y)
    if rounding_mode == "floor":
        return ew.floor_divide(x, y)
    if rounding_mode != "trunc":
        raise ArgumentError(f"div: rounding_mode must be None, 'floor' or 'trunc', got {rounding_mode!r}")
    if any(getattr(a, "dtype", dtypes.bool_).kind in "fV" or isinstance(a, float) for a in (x, y)):
        return ew.trunc(ew.div(x, y))
    down = ew.floor_divide(x, y)
    return down + ew.logical_and(ew.lt(down, 0), ew.ne(down * y, x))


def float_power(x: Tensor | Number, y: Tensor | Number) -> Tensor:
    """The power ``x ** y`` computed, and returned, in double precision.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.float_power(wb.tensor([2, 3]), -1).dtype
    dtype('float64')
    """
    double = dtypes.complex128 if any(getattr(a, "dtype", dtypes.bool_).kind == "c" or isinstance(a, builtins.complex) for a in (x, y)) else dtypes.float64
    x, y = (_cast(a, dtype=double) if hasattr(a, "dtype") else a for a in (x, y))
    return ew.pow(x, y)


BY_UFUNC["float_power"] = float_power


def lerp(x: Tensor, end: Tensor, weight: Tensor | Number) -> Tensor:
    """The point between `x` and `end`: ``x + weight * (end - x)``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.lerp(wb.tensor([1.0]), wb.tensor([3.0]), 0.25).tolist()
    [1.5]
    """
    return x + weight * (end - x)


def addcmul(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """``x + value * tensor1 * tensor2``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.addcmul(wb.tensor([1.0]), wb.tensor([2.0]), wb.tensor([3.0]), value=2).tolist()
    [13.0]
    """
    return add(x, ew.mul(tensor1, tensor2), alpha=value)


def addcdiv(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """``x + value * tensor1 / tensor2``.

    Raises
    ------
    DTypeError
        If both are integers: say which rounding is meant with `div`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.addcdiv(wb.tensor([1.0]), wb.tensor([4.0]), wb.tensor([2.0])).tolist()
    [3.0]
    """
    if tensor1.dtype.kind in "biu" and tensor2.dtype.kind in "biu":
        raise DTypeError(f"addcdiv: a quotient of {tensor1.dtype} and {tensor2.dtype} is not defined; convert one to float, or use div with a rounding_mode")
    return add(x, ew.div(tensor1, tensor2), alpha=value)


def ldexp(x: Tensor, other: Tensor) -> Tensor:
    """``x * 2 ** other``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.ldexp(wb.tensor([1.5]), wb.tensor([2])).tolist()
    [6.0]
    """
    x, other = as_tensor(x), as_tensor(other)
    if x.dtype.kind in "fV" and other.dtype.kind in "biu":
        other = _cast(other, dtype=x.dtype)
    return x * ew.exp2(other)


@op(batch=batching.elementwise, outputs=2)
class frexp:
    """Mantissa and exponent: ``x = mantissa * 2 ** exponent`` with the mantissa in [0.5, 1).

    Parameters
    ----------
    x : Tensor
        Floating point.

    Returns
    -------
    mantissa, exponent : Tensor
        The exponent is int32.

    Examples
    --------
    >>> import workbench as wb
    >>> mantissa, exponent = wb.frexp(wb.tensor([6.0]))
    >>> mantissa.tolist(), exponent.tolist()
    ([0.75], [3])
    """

    def forward(xp, x):
        if x.dtype.kind not in "fV":
            raise DTypeError(f"frexp: expected a floating-point tensor, got {x.dtype}; use x.float()")
        return xp.frexp(x)

    def vjp(g, x, o):
        return ldexp(g[0], -o[1])


# Limits -----------------------------------------------------------------------------------------------------------------
def clamp_min(x: Tensor, min: Tensor | Number) -> Tensor:
    """`x`, and `min` where `x` is smaller.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.clamp_min(wb.tensor([-1.0, 1.0]), 0).tolist()
    [0.0, 1.0]
    """
    return clip(x, min=min)


def clamp_max(x: Tensor, max: Tensor | Number) -> Tensor:
    """`x`, and `max` where `x` is larger.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.clamp_max(wb.tensor([-1.0, 1.0]), 0).tolist()
    [-1.0, 0.0]
    """
    return clip(x, max=max)


def nan_to_num(x: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """`x` with NaN and the infinities replaced by numbers.

    Parameters
    ----------
    x : Tensor
        Of complex numbers, both parts are treated.
    nan : float
        Instead of NaN.
    posinf, neginf : float, optional
        Instead of the infinities; by default the largest and smallest numbers of the dtype.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nan_to_num(wb.tensor([float("nan"), float("inf"), 1.0]), posinf=9.0).tolist()
    [0.0, 9.0, 1.0]
    """
    if x.dtype.kind not in "fVc":
        return clone(x)
    if x.dtype.kind == "c":
        return complex(nan_to_num(real(x), nan, posinf, neginf), nan_to_num(imag(x), nan, posinf, neginf))
    limits = dtypes.finfo(x.dtype)
    highest, lowest = float(limits.max) if posinf is None else posinf, float(limits.min) if neginf is None else neginf
    x = where(ew.isnan(x), nan, x)
    return where(ew.isposinf(x), highest, where(ew.isneginf(x), lowest, x))


def renorm(x: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """`x` with every slice along `dim` scaled down to the norm `maxnorm` if it is longer.

    Parameters
    ----------
    x : Tensor
        At least two axes.
    p : float
        Order of the norm, above 0.
    dim : int
        The axis that counts the slices.
    maxnorm : float
        The longest norm to leave, at least 0.

    Raises
    ------
    ShapeError, ArgumentError
        For fewer axes, a `p` or `maxnorm` out of range.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.renorm(wb.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0).round(decimals=4)
    tensor([[0.6, 0.8],
            [0.3, 0.4]])
    """
    if len(x.shape) < 2:
        raise ShapeError(f"renorm: expected a tensor with at least two axes, got shape {tuple(x.shape)}")
    if p <= 0 or maxnorm < 0:
        raise ArgumentError(f"renorm: p must be above 0 and maxnorm at least 0, got p={p} and maxnorm={maxnorm}")
    kept = axes_of(dim, len(x.shape), "renorm")
    size = norm(x, p, tuple(a for a in range(len(x.shape)) if a not in kept), keepdims=True)
    return x * where(ew.gt(size, maxnorm), maxnorm / (size + 1e-7), 1.0)


def dist(x: Tensor, y: Tensor, p: float = 2) -> Tensor:
    """The norm of order `p` of the difference of `x` and `y`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.dist(wb.tensor([1.0, 1.0]), wb.tensor([4.0, 5.0]))
    tensor(5.)
    """
    return norm(x - y, p)


# Questions --------------------------------------------------------------------------------------------------------------
def isclose(x: Tensor, y: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Where ``abs(x - y) <= atol + rtol * abs(y)``; equal infinities are close.

    Raises
    ------
    DTypeError
        If the dtypes differ.
    ArgumentError
        For a negative tolerance.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.isclose(wb.tensor([1.0, 2.0]), wb.tensor([1.0, 2.1])).tolist()
    [True, False]
    """
    x, y = as_tensor(x), as_tensor(y)
    if x.dtype != y.dtype:
        raise DTypeError(f"isclose: {x.dtype} and {y.dtype} are not compared; convert one to the other's dtype")
    if rtol < 0 or atol < 0:
        raise ArgumentError(f"isclose: tolerances must be at least 0, got rtol={rtol} and atol={atol}")
    same = ew.eq(x, y)
    if x.dtype.kind not in "fVc":
        x, y = _cast(x, dtype=dtypes.float64), _cast(y, dtype=dtypes.float64)
    elif equal_nan:
        same = ew.logical_or(same, ew.logical_and(ew.isnan(x), ew.isnan(y)))
    near = ew.le(ew.abs(x - y), atol + ew.abs(rtol * y))
    return ew.logical_or(same, ew.logical_and(near, ew.isfinite(x - y)))


def allclose(x: Tensor, y: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Are all elements close? Arguments and errors as in `isclose`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.allclose(wb.ones(2), wb.ones(2) + 1e-7)
    True
    """
    return bool(REGISTRY["all"].call(isclose(x, y, rtol, atol, equal_nan)).item())


def equal(x: Tensor, y: Tensor) -> bool:
    """Have both the same shape and the same elements? NaN differs from everything.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.equal(wb.ones(2), wb.ones(3))
    False
    """
    return tuple(x.shape) == tuple(y.shape) and bool(REGISTRY["all"].call(ew.eq(x, y)).item())


def _isin_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    return batching.loop(op, values, mapped, params) if mapped[1] else op.call(*values, **params)


@op(arity=2, batch=_isin_batch)
class isin_:
    """Which elements of `x` are among those of `y`?"""

    def forward(xp, x, y, *, invert):
        return xp.asarray(xp.isin(x, y, invert=invert))


_isin = isin_


def isin(elements: Tensor | Number, test_elements: Tensor | Number, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Which of `elements` are among `test_elements`?

    Parameters
    ----------
    elements, test_elements : Tensor or number
    assume_unique : bool
        A promise that neither holds an element twice; it changes nothing here.
    invert : bool
        Ask which are not.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.isin(wb.tensor([1, 2, 3]), wb.tensor([2, 5])).tolist()
    [False, True, False]
    """
    return _isin(as_tensor(elements), as_tensor(test_elements), invert=invert)


def is_floating_point(x: Tensor) -> bool:
    """Is the dtype a floating-point one?

    Examples
    --------
    >>> import workbench as wb
    >>> wb.is_floating_point(wb.tensor([1]))
    False
    """
    return x.dtype.kind in "fV"


def is_complex(x: Tensor) -> bool:
    """Is the dtype a complex one?

    Examples
    --------
    >>> import workbench as wb
    >>> wb.is_complex(wb.tensor([1j]))
    True
    """
    return x.dtype.kind == "c"


def is_signed(x: Tensor) -> bool:
    """Can the dtype hold negative numbers?

    Examples
    --------
    >>> import workbench as wb
    >>> wb.is_signed(wb.tensor([True]))
    False
    """
    return x.dtype.kind in "ifVc"


def is_nonzero(x: Tensor) -> bool:
    """Is the only element of `x` not zero?

    Raises
    ------
    ShapeError
        If there is not exactly one element.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.is_nonzero(wb.tensor([3.0]))
    True
    """
    if math.prod(x.shape) != 1:
        raise ShapeError(f"is_nonzero: expected a tensor with one element, got shape {tuple(x.shape)}; use any or all")
    return bool(x.item())


def resolve_conj(x: Tensor) -> Tensor:
    """`x` itself: a conjugate is computed at once here, never postponed.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.resolve_conj(wb.tensor([1j]).conj()).tolist()
    [-1j]
    """
    return x


conj_physical, resolve_neg = conj, resolve_conj

__all__ = ["add", "sub", "rsub", "div", "subtract", "divide", "true_divide", "float_power", "lerp", "addcmul", "addcdiv", "ldexp", "frexp", "clamp_min", "clamp_max",
           "nan_to_num", "renorm", "dist", "isclose", "allclose", "equal", "isin", "is_floating_point", "is_complex", "is_signed", "is_nonzero",
           "resolve_conj", "resolve_neg", "conj_physical", "igamma", "igammac", "logit", "mvlgamma", "polygamma"]
subtract, divide, true_divide = sub, div, div

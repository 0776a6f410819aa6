"""Reductions as users call them: with ``dtype=``, without NaN, and two results at once.

Apart from `reduce`, whose declared ops they are made of: rules and layers call those, one Python call cheaper.
"""
from __future__ import annotations

from typing import Any

from ..backend import dtypes
from ..core.errors import DTypeError
from ..core.op import REGISTRY
from ..core.tensor import Tensor
from . import elementwise as ew
from . import reduce
from .convert import to
from .index import where
from .reduce import Axis, amax, amin, half_again, moments, safe_root


def sum(x: Tensor, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, dim: Axis = None, keepdim: bool | None = None) -> Tensor:
    """The sum of elements along `axis`.

    Parameters
    ----------
    x : Tensor
    axis : int, sequence of int or None
        Axes to sum over; None: all. Also spelled ``dim``.
    keepdims : bool
        Keep summed axes with length one. Also spelled ``keepdim``.
    dtype : dtype, optional
        Convert `x` to it first, and the result.

    Returns
    -------
    Tensor
        Without `dtype`, integers and booleans give int64, all else the dtype of `x`; half precision is accumulated in float32.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.sum(wb.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([4., 6.])
    """
    if dtype is None:
        return reduce.sum(x, axis, keepdims, dim, keepdim)
    return to(reduce.sum(to(x, dtype=dtype), axis, keepdims, dim, keepdim), dtype=dtype)


def mean(x: Tensor, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, dim: Axis = None, keepdim: bool | None = None) -> Tensor:
    """The mean of elements along `axis`; arguments as in `sum`.

    Raises
    ------
    DTypeError
        For integers without ``dtype``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.mean(wb.tensor([1, 2]), dtype=wb.float32)
    tensor(1.5)
    """
    return reduce.mean(x if dtype is None else to(x, dtype=dtype), axis, keepdims, dim, keepdim)


def prod(x: Tensor, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, dim: Axis = None, keepdim: bool | None = None) -> Tensor:
    """The product of elements along `axis`; arguments as in `sum`. Gradients are right also where elements are zero.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.prod(wb.tensor([2.0, 3.0, 4.0]))
    tensor(24.)
    """
    if dtype is None:
        return reduce.prod(x, axis, keepdims, dim, keepdim)
    return to(reduce.prod(to(x, dtype=dtype), axis, keepdims, dim, keepdim), dtype=dtype)


def nansum(x: Tensor, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, dim: Axis = None, keepdim: bool | None = None) -> Tensor:
    """`sum` of what is not NaN; 0 where nothing is left. NaN gets gradient 0.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nansum(wb.tensor([1.0, float("nan"), 2.0]))
    tensor(3.)
    """
    if x.dtype.kind == "c":
        raise DTypeError(f"nansum: not defined for {x.dtype}; sum real and imaginary parts")
    return sum(_without_nan(x, 0), axis, keepdims, dtype=dtype, dim=dim, keepdim=keepdim)


def nanmean(x: Tensor, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, dim: Axis = None, keepdim: bool | None = None) -> Tensor:
    """`mean` of what is not NaN; NaN where nothing is left.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nanmean(wb.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5)
    """
    if x.dtype.kind not in "fVc":
        raise DTypeError(f"nanmean: expected a floating-point tensor, got {x.dtype}; use x.float()")
    x = x if dtype is None else to(x, dtype=dtype)
    there = reduce.sum(to(ew.logical_not(ew.isnan(x)), dtype=dtypes.int64), axis, keepdims, dim, keepdim)
    return sum(_without_nan(x, 0), axis, keepdims, dim=dim, keepdim=keepdim) / there


def nanmax(x: Tensor, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool | None = None) -> Tensor:
    """`amax` of what is not NaN; NaN where nothing is left.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nanmax(wb.tensor([1.0, float("nan"), 2.0]))
    tensor(2.)
    """
    out = amax(_without_nan(x, -float("inf")), axis, keepdims, dim, keepdim)
    return _nan_where_all_are(out, x, axis, keepdims, dim, keepdim)


def nanmin(x: Tensor, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool | None = None) -> Tensor:
    """`amin` of what is not NaN; NaN where nothing is left.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nanmin(wb.tensor([1.0, float("nan"), 2.0]))
    tensor(1.)
    """
    out = amin(_without_nan(x, float("inf")), axis, keepdims, dim, keepdim)
    return _nan_where_all_are(out, x, axis, keepdims, dim, keepdim)


def _without_nan(x: Tensor, value: float) -> Tensor:
    return x if x.dtype.kind not in "fVc" else where(ew.isnan(x), value, x)


def _nan_where_all_are(out: Tensor, x: Tensor, axis: Axis, keepdims: bool, dim: Axis, keepdim: bool | None) -> Tensor:
    if x.dtype.kind not in "fV":
        return out
    return where(REGISTRY["all"].call(ew.isnan(x), axis, keepdims, dim, keepdim), float("nan"), out)


def var_mean(x: Tensor, axis: Axis | bool = None, unbiased: bool | None = None, keepdims: bool = False, *, correction: float | None = 1,
             dim: Axis = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """Variance and mean along `axis`; arguments as in `var`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.var_mean(wb.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    variance, middle = moments("var_mean", x, axis, unbiased, keepdims or keepdim, correction, dim)
    return half_again(variance, x), half_again(middle, x)


def std_mean(x: Tensor, axis: Axis | bool = None, unbiased: bool | None = None, keepdims: bool = False, *, correction: float | None = 1,
             dim: Axis = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean along `axis`; arguments as in `var`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.std_mean(wb.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    variance, middle = moments("std_mean", x, axis, unbiased, keepdims or keepdim, correction, dim)
    return half_again(safe_root(variance), x), half_again(middle, x)


def aminmax(x: Tensor, *, axis: int | None = None, keepdims: bool = False, dim: int | None = None, keepdim: bool | None = None) -> tuple[Tensor, Tensor]:
    """The smallest and the largest element along `axis`; tied elements share the gradient.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.aminmax(wb.tensor([3.0, 1.0, 2.0]))
    (tensor(1.), tensor(3.))
    """
    return amin(x, axis, keepdims, dim, keepdim), amax(x, axis, keepdims, dim, keepdim)


__all__ = ["sum", "mean", "prod", "nansum", "nanmean", "nanmax", "nanmin", "var_mean", "std_mean", "aminmax"]

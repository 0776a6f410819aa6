"""Reductions: many numbers become one along axes; cumulative sums beside them.

``axis`` is one axis, several, or None for all; ``dim`` and ``keepdim`` mean the same as ``axis`` and ``keepdims``.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import dtypes
from ..core import batching
from ..core.declare import op
from ..core.errors import ArgumentError, DTypeError
from ..core.op import REGISTRY, Op
from ..core.tensor import Tensor
from . import elementwise as ew
from .movement import _broadcast_to, _cast, _reshape, axes_of, axis_of, flip_axis

Axis = int | Sequence[int] | None


def kept_shape(shape: Sequence[int], axis: Axis) -> tuple[int, ...]:
    """The shape of a reduction with ``keepdims=True``."""
    axes = axes_of(axis, len(shape))
    return tuple(1 if a in axes else n for a, n in enumerate(shape))


def spread(g: Any, shape: Sequence[int], axis: Axis) -> Any:
    """A reduced value broadcast back over the axes it was reduced along."""
    return _broadcast_to(_reshape(g, shape=kept_shape(shape, axis)), shape=tuple(shape))


def count(shape: Sequence[int], axis: Axis) -> int:
    """How many numbers each result of a reduction is made from."""
    return math.prod(shape[a] for a in axes_of(axis, len(shape)))


def _sum_to_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    x = values[0]
    shape = tuple(params["shape"])
    missing = len(x.shape) - 1 - len(shape)
    out = op.call(x, shape=(x.shape[0], *(1,) * missing, *shape))
    return _reshape(out, shape=(x.shape[0], *shape)) if missing else out


def _plain(axis: Axis, x: Any) -> Axis:
    """`axis` as array modules take it, which allow none for a number."""
    if axis is not None and not x.ndim:
        axes_of(axis, 0)
        return None
    return tuple(axis) if isinstance(axis, list) else axis


def _wide(x: Any) -> np.dtype | None:
    """The dtype in which numbers add up: int64 for integers and booleans, float32 for float16, their own for all others."""
    kind = x.dtype.kind
    if kind == "f":
        return dtypes.float32 if x.dtype.itemsize == 2 else None
    return dtypes.int64 if kind in "bi" or (kind == "u" and x.dtype.itemsize < 8) else None


def _rounded(out: Any, x: Any) -> Any:
    """What float32 has accumulated, in the dtype of `x` again."""
    return out.astype(x.dtype) if x.dtype.kind == "f" and out.dtype is not x.dtype else out


@op(batch=batching.reduction)
class sum:
    """The sum of elements along `axis`.

    Parameters
    ----------
    x : Tensor
    axis : int, sequence of int or None
        Axes to sum over; None: all. Also spelled ``dim``.
    keepdims : bool
        Keep summed axes with length one. Also spelled ``keepdim``.

    Returns
    -------
    Tensor
        Integers and booleans give int64, all else the dtype of `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.sum(wb.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([4., 6.])
    """

    def forward(xp, x, *, axis=None, keepdims=False):
        return _rounded(xp.add.reduce(x, axis=_plain(axis, x), keepdims=keepdims, dtype=_wide(x)), x)

    def vjp(g, xs, *, axis, keepdims):
        return spread(g, xs, axis)

    linear = (0,)


@op(batch=_sum_to_batch)
class sum_to:
    """The sum over the axes along which `shape` was broadcast to the shape of `x`."""

    def forward(xp, x, *, shape):
        lead = x.ndim - len(shape)
        axes = tuple(range(lead)) + tuple(a + lead for a, n in enumerate(shape) if n == 1 and x.shape[a + lead] != 1)
        return (_rounded(xp.add.reduce(x, axis=axes, keepdims=True, dtype=_wide(x)), x) if axes else x).reshape(shape)

    def vjp(g, xs, *, shape):
        lead = len(xs) - len(shape)
        return _broadcast_to(_reshape(g, shape=(1,) * lead + tuple(shape)), shape=tuple(xs))

    linear = (0,)


@op(batch=batching.reduction)
class mean:
    """The mean of elements along `axis`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.mean(wb.tensor([1.0, 3.0]))
    tensor(2.)
    """

    def forward(xp, x, *, axis=None, keepdims=False):
        if x.dtype.kind not in "fVc":
            raise DTypeError(f"mean: a tensor of dtype {x.dtype} has no mean in its own dtype; use x.float().mean()")
        total = xp.add.reduce(x, axis=_plain(axis, x), keepdims=keepdims, dtype=_wide(x))
        return _rounded(total / count(x.shape, axis), x)

    def vjp(g, xs, *, axis, keepdims):
        return spread(g / max(count(xs, axis), 1), xs, axis)

    linear = (0,)


def _ordered(x: Any, what: str) -> Any:
    if x.dtype.kind == "c":
        raise DTypeError(f"{what}: complex numbers have no order; use abs(x) or x.real")
    return x


@op(batch=batching.reduction, holomorphic=False)
class amax:
    """The largest element along `axis`; tied elements share the gradient evenly.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.amax(wb.tensor([[1.0, 5.0], [7.0, 2.0]]), axis=1)
    tensor([5., 7.])
    """

    def forward(xp, x, *, axis=None, keepdims=False):
        return xp.max(_ordered(x, "amax"), axis=_plain(axis, x), keepdims=keepdims)

    def vjp(g, x, o, *, axis, keepdims):
        return _to_ties(g, x, o, axis)


@op(batch=batching.reduction, holomorphic=False)
class amin:
    """The smallest element along `axis`; tied elements share the gradient evenly.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.amin(wb.tensor([[1.0, 5.0], [7.0, 2.0]]), axis=1)
    tensor([1., 2.])
    """

    def forward(xp, x, *, axis=None, keepdims=False):
        return xp.min(_ordered(x, "amin"), axis=_plain(axis, x), keepdims=keepdims)

    def vjp(g, x, o, *, axis, keepdims):
        return _to_ties(g, x, o, axis)


def _to_ties(g: Any, x: Any, o: Any, axis: Axis) -> Any:
    shape = kept_shape(x.shape, axis)
    hit = cast_like(ew.eq(x, _reshape(o, shape=shape)), x)
    return hit * _reshape(g, shape=shape) / sum(hit, axis=axis, keepdims=True)


def cast_like(x: Any, like: Any) -> Any:
    """`x` in the dtype of `like`."""
    return _cast(x, dtype=like.dtype)


def half_again(out: Any, x: Any) -> Any:
    """What was computed in float32 because `x` has half precision, in the dtype of `x`."""
    return cast_like(out, x) if x.dtype.itemsize == 2 else out


@op(batch=batching.reduction)
class prod:
    """The product of elements along `axis`; gradients are right also where elements are zero.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.prod(wb.tensor([2.0, 3.0, 4.0]))
    tensor(24.)
    """

    def forward(xp, x, *, axis=None, keepdims=False):
        return _rounded(xp.prod(x, axis=_plain(axis, x), keepdims=keepdims, dtype=_wide(x)), x)

    def vjp(g, x, *, axis, keepdims):
        return spread(g, x.shape, axis) * _products_of_others(x, axis)


def _products_of_others(x: Any, axis: Axis) -> Any:
    """For every element the product of all others along `axis`, from running products of both ends."""
    axes = axes_of(axis, len(x.shape))
    rest = [a for a in range(len(x.shape)) if a not in axes]
    from .movement import permute

    order = (*rest, *axes)
    rows = _reshape(permute(x, *order), shape=(*(x.shape[a] for a in rest), -1))
    before, after = _exclusive_product(rows), flip_axis(_exclusive_product(flip_axis(rows, axis=-1)), axis=-1)
    moved = _reshape(before * after, shape=tuple(x.shape[a] for a in order))
    return permute(moved, *np.argsort(order).tolist())


def _exclusive_product(rows: Any) -> Any:
    from .create import ones_like
    from .movement import concat, narrow_raw

    total = cumprod(rows, axis=-1)
    first = ones_like(narrow_raw(rows, -1, 0, 1))
    return concat([first, narrow_raw(total, -1, 0, rows.shape[-1] - 1)], axis=-1)


@op(batch=batching.single_axis)
class cumsum:
    """Running sums along `axis`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cumsum(wb.tensor([1, 2, 3]), 0).tolist()
    [1, 3, 6]
    """

    def forward(xp, x, *, axis):
        return _rounded(xp.cumsum(x, axis=axis_of(axis, x.ndim, "cumsum"), dtype=_wide(x)), x)

    def vjp(g, *, axis):
        return flip_axis(cumsum(flip_axis(g, axis=axis), axis=axis), axis=axis)

    linear = (0,)


@op(batch=batching.single_axis)
class cumprod:
    """Running products along `axis`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cumprod(wb.tensor([1, 2, 3]), 0).tolist()
    [1, 2, 6]
    """

    def forward(xp, x, *, axis):
        return _rounded(xp.cumprod(x, axis=axis_of(axis, x.ndim, "cumprod"), dtype=_wide(x)), x)

    def vjp(g, x, *, axis):
        return _cumprod_vjp(g, x, axis)


def _cumprod_vjp(g: Any, x: Any, axis: int) -> Any:
    """Row i sums g_k over products that leave out x_i; exact for zeros, quadratic in the axis length."""
    from .create import triangle
    from .movement import expand_dims, moveaxis

    rows = moveaxis(x, axis, -1)
    length = rows.shape[-1]
    eye = triangle(length, 0, like=x) - triangle(length, -1, like=x)
    without = expand_dims(rows, -2) * (1 - eye) + eye
    running = cumprod(without, axis=-1) * (1 - triangle(length, -1, like=x))
    return moveaxis(sum(expand_dims(moveaxis(g, axis, -1), -2) * running, axis=-1), -1, axis)


@op(batch=batching.reduction)
class all:
    """Are all elements along `axis` true? Always booleans, also of uint8.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.all(wb.tensor([True, False])).item()
    False
    """

    def forward(xp, x, *, axis=None, keepdims=False):
        return xp.all(x, axis=_plain(axis, x), keepdims=keepdims)


@op(batch=batching.reduction)
class any:
    """Is at least one element along `axis` true? Always booleans, also of uint8.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.any(wb.tensor([True, False])).item()
    True
    """

    def forward(xp, x, *, axis=None, keepdims=False):
        return xp.any(x, axis=_plain(axis, x), keepdims=keepdims)


@op(batch=batching.reduction)
class count_nonzero:
    """How many elements along `axis` are not zero?

    Examples
    --------
    >>> import workbench as wb
    >>> wb.count_nonzero(wb.tensor([1, 0, 2])).item()
    2
    """

    def forward(xp, x, *, axis=None, keepdims=False):
        if xp is np:
            return np.asarray(np.count_nonzero(x, axis=_plain(axis, x), keepdims=keepdims))
        return xp.sum(x != 0, axis=_plain(axis, x), keepdims=keepdims, dtype=np.int64)  # CuPy's count_nonzero has no keepdims


def _arg_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    x = values[0]
    out = batching.single_axis(op, values, mapped, params)
    if params["axis"] is None and params.get("keepdims"):
        return _reshape(out, shape=(x.shape[0], *(1,) * (len(x.shape) - 1)))
    return out


@op(batch=_arg_batch)
class argmax:
    """The index of the largest element along `axis` (the first one if tied; of the flattened tensor without axis).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.argmax(wb.tensor([[1, 5], [7, 2]]), axis=1).tolist()
    [1, 0]
    """

    def forward(xp, x, *, axis=None, keepdims=False):
        return xp.argmax(_ordered(x, "argmax"), axis=axis, keepdims=keepdims)


@op(batch=_arg_batch)
class argmin:
    """The index of the smallest element along `axis` (the first one if tied; of the flattened tensor without axis).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.argmin(wb.tensor([[1, 5], [7, 2]]), axis=1).tolist()
    [0, 1]
    """

    def forward(xp, x, *, axis=None, keepdims=False):
        return xp.argmin(_ordered(x, "argmin"), axis=axis, keepdims=keepdims)


# Composites -----------------------------------------------------------------------------------------------------------
def var(x: Tensor, axis: Axis | bool = None, unbiased: bool | None = None, keepdims: bool = False, *, correction: float | None = 1,
        dim: Axis = None, keepdim: bool = False) -> Tensor:
    """The variance along `axis`, divided by ``n - correction``.

    Parameters
    ----------
    x : Tensor
        Floating point or complex; half precision is computed in float32.
    axis : int, sequence of int or None
        Axes to reduce; None: all. Also spelled ``dim``.
    unbiased : bool, optional
        An older way to say correction 1 (True) or 0 (False).
    keepdims : bool
        Keep reduced axes with length one. Also spelled ``keepdim``.
    correction : float
        What is taken off the number of elements.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.var(wb.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return half_again(moments("var", x, axis, unbiased, keepdims or keepdim, correction, dim)[0], x)


def moments(what: str, x: Tensor, axis: Axis | bool, unbiased: bool | None, keepdims: bool, correction: float | None, dim: Axis) -> tuple[Tensor, Tensor]:
    """Variance and mean together; those of half precision in float32."""
    if x.dtype.kind not in "fVc":
        raise DTypeError(f"{what}: a tensor of dtype {x.dtype} has no variance in its own dtype; use x.float()")
    if isinstance(axis, bool):
        axis, unbiased = None, axis
    axis = axis if dim is None else dim
    correction = 1 if correction is None else correction
    if unbiased is not None:
        correction = 1 if unbiased else 0
    if x.dtype.itemsize == 2:
        return moments(what, _cast(x, dtype=dtypes.float32), axis, None, keepdims, correction, None)
    middle = mean(x, axis=axis, keepdims=True)
    centred = x - middle
    squares = ew.square(ew.abs(centred)) if x.dtype.kind == "c" else ew.square(centred)
    freedom = count(x.shape, axis) - correction
    spread_out = sum(squares, axis=axis, keepdims=keepdims) / (freedom if freedom > 0 else 0.0)
    return spread_out, middle if keepdims else _reshape(middle, shape=tuple(spread_out.shape))


def std(x: Tensor, axis: Axis | bool = None, unbiased: bool | None = None, keepdims: bool = False, *, correction: float | None = 1,
        dim: Axis = None, keepdim: bool = False) -> Tensor:
    """The standard deviation along `axis`; arguments as in `var`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.std(wb.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return half_again(safe_root(moments("std", x, axis, unbiased, keepdims or keepdim, correction, dim)[0]), x)


def logsumexp(x: Tensor, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False) -> Tensor:
    """``log(sum(exp(x)))`` along `axis`, without overflow.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.logsumexp(wb.tensor([1000.0, 1000.0])).item() > 1000
    True
    """
    axis = axis if dim is None else dim
    keepdims = keepdims or keepdim
    if not count(x.shape, axis):
        return ew.log(sum(ew.exp(x), axis=axis, keepdims=keepdims))
    size = REGISTRY["real"].call(x) if x.dtype.kind == "c" else x
    top = where_finite(detached(amax(size, axis=axis, keepdims=True)))
    out = ew.log(sum(ew.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else _reshape(out, shape=tuple(n for a, n in enumerate(out.shape) if a not in axes_of(axis, len(x.shape))))


def where_finite(x: Tensor) -> Tensor:
    """`x` where it is finite, else 0."""
    from .index import where

    return where(ew.isfinite(x), x, 0.0)


def detached(x: Tensor) -> Tensor:
    """`x` cut off every tape, also inside transformations."""
    return stop_gradient(x)


@op(batch=batching.elementwise, c="{0}")
class stop_gradient:
    """`x` as a constant: no derivative of any kind passes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.grad(lambda x: x * wb.stop_gradient(x))(wb.tensor(3.0))
    tensor(3.)
    """

    def forward(xp, x):
        return x


def norm(x: Tensor, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, p: float | str | None = None,
         dim: Axis = None, keepdim: bool = False) -> Tensor:
    """The vector norm along `axis`.

    Parameters
    ----------
    x : Tensor
        Floating point or complex.
    ord : float or str
        2 by default (also "fro"); 0, 1, inf, -inf and any other number work; "nuc" sums singular values. Also spelled ``p``.
    axis : int, sequence of int or None
        Axes to reduce; None: all. Also spelled ``dim``.
    keepdims : bool
        Keep reduced axes with length one. Also spelled ``keepdim``.
    dtype : dtype, optional
        Convert `x` to it first.

    Raises
    ------
    DTypeError
        For integers without ``dtype``.
    ArgumentError
        For an order that is another string.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.norm(wb.tensor([3.0, 4.0]))
    tensor(5.)
    """
    x = x if dtype is None else _cast(x, dtype=dtypes.as_dtype(dtype))
    if x.dtype.kind not in "fVc":
        raise DTypeError(f"norm: a tensor of dtype {x.dtype} has no norm in its own dtype; use x.float()")
    if x.dtype.itemsize == 2:
        return half_again(norm(_cast(x, dtype=dtypes.float32), ord, axis, keepdims, p=p, dim=dim, keepdim=keepdim), x)
    order = 2 if ord is None and p is None else p if ord is None else ord
    order = 2 if order == "fro" else order
    axis, keepdims = (axis if dim is None else dim), keepdims or keepdim
    if isinstance(order, str):
        return _nuclear_norm(x, order, axis, keepdims)
    size = ew.abs(x)
    if order == math.inf:
        return amax(size, axis=axis, keepdims=keepdims)
    if order == -math.inf:
        return amin(size, axis=axis, keepdims=keepdims)
    if order == 0:
        return sum(cast_like(ew.ne(size, 0), size), axis=axis, keepdims=keepdims)
    if order == 1:
        return sum(size, axis=axis, keepdims=keepdims)
    if size.dtype.itemsize == 2:  # the square of 300 is beyond float16
        size = _cast(size, dtype=dtypes.float32)
    if order == 2:
        return half_again(safe_root(sum(ew.square(size), axis=axis, keepdims=keepdims)), x)
    if order < 0:
        return half_again(_negative_norm(size, order, axis, keepdims), x)
    return half_again(_safe_power(sum(_safe_power(size, order), axis=axis, keepdims=keepdims), 1.0 / order), x)


def _safe_power(x: Tensor, order: float) -> Tensor:
    """A positive power whose derivative at 0 is 0."""
    from .index import where

    positive = ew.gt(x, 0)
    return where(positive, ew.pow(where(positive, x, 1.0), order), x * 0)


def _negative_norm(size: Tensor, order: float, axis: Axis, keepdims: bool) -> Tensor:
    """The norm of a negative order: 0, with the derivative 0, where an element is 0."""
    from .index import where

    zero = ew.eq(size, 0)
    powers = sum(ew.pow(where(zero, 1.0, size), order), axis=axis, keepdims=keepdims)
    return where(any(zero, axis=axis, keepdims=keepdims), 0.0, ew.pow(powers, 1.0 / order))


def _nuclear_norm(x: Tensor, order: str, axis: Axis, keepdims: bool) -> Tensor:
    from .norms import matrix_norm

    if order != "nuc":
        raise ArgumentError(f"norm: the order must be a number, 'fro' or 'nuc', got {order!r}")
    return matrix_norm(x, "nuc", (-2, -1) if axis is None else axis, keepdims)


def safe_root(x: Tensor) -> Tensor:
    """Square root whose derivative at 0 is 0, as that of a norm and of a standard deviation has to be."""
    from .index import where

    positive = ew.gt(x, 0)
    return where(positive, ew.sqrt(where(positive, x, 1.0)), x * 0)


__all__ = ["sum", "mean", "prod", "amax", "amin", "argmax", "argmin", "all", "any", "count_nonzero", "cumsum",
           "cumprod", "var", "std", "logsumexp", "norm", "stop_gradient"]

"""Running results along one axis, differences, and integrals of sampled functions.

`linear_recurrence` is the op behind the gradient of `logcumsumexp`: it sums exponentials that would overflow one by one.
Scans that NumPy has no ufunc for on every array module are computed by doubling: log2(n) steps over whole arrays.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import batching
from ..core.declare import op
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.op import Op
from ..core.tensor import Tensor, as_tensor
from . import elementwise as ew
from . import reduce
from .convert import clone, to
from .create import ones_like
from .index import index, where
from .movement import axes_of, axis_of, concat, expand_dims, flip_axis, moveaxis, narrow_raw, pad_constant
from .scatter import gather_along


def _axis(what: str, x: Tensor, axis: int | None, dim: int | None) -> int:
    axis = axis if dim is None else dim
    if not isinstance(axis, int):
        raise ArgumentError(f"{what}: it needs one axis to run along; pass dim=")
    return axis_of(axis, len(x.shape), what)


def _running(xp: Any, ufunc: Any, x: Any, axis: int) -> Any:
    """Results of an associative function of everything up to each place."""
    if xp.__name__ == "numpy":
        return ufunc.accumulate(x, axis=axis)
    out, step = x.copy(), 1
    while step < x.shape[axis]:
        late = (slice(None),) * axis + (slice(step, None),)
        early = (slice(None),) * axis + (slice(None, -step),)
        out[late] = ufunc(out[late], out[early].copy())
        step *= 2
    return out


# Scans ------------------------------------------------------------------------------------------------------------------
def cumsum(x: Tensor, axis: int | None = None, *, dtype: Any = None, dim: int | None = None) -> Tensor:
    """Running sums along `axis`.

    Parameters
    ----------
    x : Tensor
    axis : int
        Also spelled ``dim``.
    dtype : dtype, optional
        Convert `x` to it first, and the result.

    Returns
    -------
    Tensor
        Without `dtype`, integers and booleans give int64; half precision is accumulated in float32.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cumsum(wb.tensor([1, 2, 3]), 0).tolist()
    [1, 3, 6]
    """
    return _scanned(reduce.cumsum, "cumsum", x, axis, dtype, dim)


def cumprod(x: Tensor, axis: int | None = None, *, dtype: Any = None, dim: int | None = None) -> Tensor:
    """Running products along `axis`; arguments as in `cumsum`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cumprod(wb.tensor([1, 2, 3]), 0).tolist()
    [1, 2, 6]
    """
    return _scanned(reduce.cumprod, "cumprod", x, axis, dtype, dim)


def _scanned(scan: Callable[..., Tensor], what: str, x: Tensor, axis: int | None, dtype: Any, dim: int | None) -> Tensor:
    row = x if x.shape else expand_dims(x, 0)
    out = scan(row if dtype is None else to(row, dtype=dtype), axis=_axis(what, row, axis, dim))
    out = out if dtype is None else to(out, dtype=dtype)
    return out if x.shape else index(out, 0)


def cumulative_sum(x: Tensor, axis: int | None = None, *, dtype: Any = None, include_initial: bool = False) -> Tensor:
    """`cumsum` with NumPy's name; `include_initial` puts a 0 in front, and a vector needs no `axis`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cumulative_sum(wb.tensor([1, 2, 3]), include_initial=True).tolist()
    [0, 1, 3, 6]
    """
    return _with_initial(cumsum, x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(x: Tensor, axis: int | None = None, *, dtype: Any = None, include_initial: bool = False) -> Tensor:
    """`cumprod` with NumPy's name; `include_initial` puts a 1 in front, and a vector needs no `axis`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cumulative_prod(wb.tensor([2, 3]), include_initial=True).tolist()
    [1, 2, 6]
    """
    return _with_initial(cumprod, x, axis, dtype, 1 if include_initial else None)


def _with_initial(scan: Callable[..., Tensor], x: Tensor, axis: int | None, dtype: Any, first: int | None) -> Tensor:
    if axis is None and len(x.shape) != 1:
        raise ArgumentError(f"cumulative: a tensor of shape {tuple(x.shape)} needs an axis")
    axis = axis_of(0 if axis is None else axis, len(x.shape), "cumulative")
    out = scan(x, axis, dtype=dtype)
    widths = tuple((1, 0) if a == axis else (0, 0) for a in range(len(x.shape)))
    return out if first is None else pad_constant(out, widths=widths, value=first)


@op(batch=batching.single_axis, inexact=True, holomorphic=False)
class running_logsumexp:
    """``log(cumsum(exp(x)))`` along `axis`, without overflow."""

    def forward(xp, x, *, axis):
        return _running(xp, xp.logaddexp, x, axis)

    def vjp(g, x, o, *, axis):
        length = x.shape[axis]
        later = concat([narrow_raw(o, axis, 1, length), narrow_raw(o, axis, max(length - 1, 0), length)], axis=axis)
        total = linear_recurrence(flip_axis(_decay(o, later), axis=axis), flip_axis(g, axis=axis), axis=axis)
        return _decay(x, o) * flip_axis(total, axis=axis)


def _decay(smaller: Any, larger: Any) -> Any:
    """exp(smaller - larger), 0 where that would be infinity from infinity."""
    known = ew.isfinite(smaller)
    return where(known, ew.exp(where(known, smaller, 0.0) - where(known, larger, 0.0)), 0.0)


def _recurrence_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    size = next(v.shape[0] for v, m in zip(values, mapped, strict=True) if m)
    full = [v if m else reduce.spread(v, (size, *v.shape), 0) for v, m in zip(values, mapped, strict=True)]
    return op.call(*full, axis=batching.shifted_axis(params["axis"], len(full[0].shape) - 1))


@op(arity=2, batch=_recurrence_batch)
class linear_recurrence:
    """The sequence ``s[0] = y[0], s[k] = x[k] * s[k - 1] + y[k]`` along `axis`."""

    def forward(xp, x, y, *, axis):
        factor, total, step = x.copy(), y.copy(), 1
        while step < x.shape[axis]:
            late = (slice(None),) * (axis % x.ndim) + (slice(step, None),)
            early = (slice(None),) * (axis % x.ndim) + (slice(None, -step),)
            total[late] += factor[late] * total[early].copy()
            factor[late] *= factor[early].copy()
            step *= 2
        return total

    def joint(g, needs, x, o, *, axis):
        back = flip_axis(linear_recurrence(flip_axis(_moved(x, axis, -1), axis=axis), flip_axis(g, axis=axis), axis=axis), axis=axis)
        return back * _moved(o, axis, 1) if needs[0] else None, back if needs[1] else None


def _moved(x: Any, axis: int, places: int) -> Any:
    """`x` moved along `axis`, zeros coming in."""
    axis = axis % len(x.shape)
    width = (places, -places)
    return pad_constant(x, widths=tuple(width if a == axis else (0, 0) for a in range(len(x.shape))), value=0)


def logcumsumexp(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """``log(cumsum(exp(x)))`` along `axis`, without overflow, and with a gradient of linear cost.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.logcumsumexp(wb.tensor([1000.0, 1000.0]), 0).round(decimals=3)
    tensor([1000.   , 1000.693])
    """
    if x.dtype.kind not in "fV":
        raise DTypeError(f"logcumsumexp: expected a floating-point tensor, got {x.dtype}")
    if not x.shape:
        return x + 0
    return running_logsumexp(x, axis=_axis("logcumsumexp", x, axis, dim))


@op(batch=batching.single_axis)
class running_argmax:
    """Where the largest element so far is, the last one if tied; NaN counts as largest."""

    def forward(xp, x, *, axis):
        if x.dtype.kind == "c":
            raise DTypeError("cummax, cummin: complex numbers have no order; use abs(x) or x.real")
        largest = _running(xp, xp.maximum, x, axis % x.ndim)
        places = xp.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - axis % x.ndim - 1))
        hits = xp.where(xp.equal(x, largest) | xp.isnan(x), places, 0)
        return _running(xp, xp.maximum, hits, axis % x.ndim)


def cummax(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> tuple[Tensor, Tensor]:
    """The largest element so far along `axis`, and where it is (the last one if tied).

    Parameters
    ----------
    x : Tensor
    axis : int
        Also spelled ``dim``.

    Returns
    -------
    values, indices : Tensor

    Examples
    --------
    >>> import workbench as wb
    >>> values, indices = wb.cummax(wb.tensor([1.0, 3.0, 2.0]), 0)
    >>> values.tolist(), indices.tolist()
    ([1.0, 3.0, 3.0], [0, 1, 1])
    """
    return _running_extreme("cummax", x, x, axis, dim)


def cummin(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> tuple[Tensor, Tensor]:
    """The smallest element so far along `axis`, and where it is (the last one if tied); arguments as in `cummax`.

    Examples
    --------
    >>> import workbench as wb
    >>> values, indices = wb.cummin(wb.tensor([3.0, 1.0, 2.0]), 0)
    >>> values.tolist(), indices.tolist()
    ([3.0, 1.0, 1.0], [0, 1, 1])
    """
    return _running_extreme("cummin", x, ew.bitwise_not(x) if x.dtype.kind in "biu" else -x, axis, dim)


def _running_extreme(what: str, x: Tensor, heights: Tensor, axis: int | None, dim: int | None) -> tuple[Tensor, Tensor]:
    if not x.shape:
        axes_of(0 if axis is None and dim is None else axis if dim is None else dim, 1, what)
        return clone(x), as_tensor(0)
    axis = _axis(what, x, axis, dim)
    places = running_argmax(heights, axis=axis)
    return gather_along(x, places, axis=axis), places


# Differences and integrals ------------------------------------------------------------------------------------------------
def _part(x: Any, axis: int, start: int | None, stop: int | None, step: int | None = None) -> Any:
    return index(x, (slice(None),) * axis + (slice(start, stop, step),))


def diff(x: Tensor, n: int = 1, axis: int = -1, prepend: Tensor | None = None, append: Tensor | None = None, *, dim: int | None = None) -> Tensor:
    """Differences of neighbours along `axis`, `n` times over.

    Parameters
    ----------
    x : Tensor
        At least one axis; booleans give where neighbours differ.
    n : int
        How often, at least 0.
    axis : int
        Also spelled ``dim``.
    prepend, append : Tensor, optional
        Put before and behind `x` first, unless `n` is 0.

    Raises
    ------
    ShapeError, ArgumentError
        For a tensor without axes, a negative `n`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.diff(wb.tensor([1, 4, 9, 16]), n=2).tolist()
    [2, 2]
    """
    if not x.shape:
        raise ShapeError("diff: expected a tensor with at least one axis, got shape ()")
    if n < 0:
        raise ArgumentError(f"diff: the order n must be at least 0, got {n}")
    axis = _axis("diff", x, axis, dim)
    parts = [part for part in (prepend, x, append) if part is not None and n]
    x = concat(parts, axis=axis) if len(parts) > 1 else x if n else clone(x)
    for _ in range(min(n, x.shape[axis])):
        late, early = _part(x, axis, 1, None), _part(x, axis, None, -1)
        x = ew.logical_xor(late, early) if x.dtype.kind == "b" else late - early
    return x


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, axis: int = -1, dim: int | None = None) -> Tensor:
    """The integral of sampled values by the trapezoidal rule.

    Parameters
    ----------
    y : Tensor
        Values of the function.
    x : Tensor, optional
        Where they were taken: one axis, or the shape of `y`.
    dx : float
        The distance of places when `x` is not given.
    axis : int
        The axis to integrate along. Also spelled ``dim``.

    Raises
    ------
    ShapeError
        If `x` is not as long as `y`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.trapezoid(wb.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    axis = _axis("trapezoid", y, axis, dim)
    return reduce.sum(_trapezoids("trapezoid", y, x, dx, axis), axis=axis)


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, axis: int = -1, dim: int | None = None) -> Tensor:
    """Running integrals by the trapezoidal rule; arguments as in `trapezoid`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cumulative_trapezoid(wb.tensor([1.0, 2.0, 3.0])).tolist()
    [1.5, 4.0]
    """
    axis = _axis("cumulative_trapezoid", y, axis, dim)
    return reduce.cumsum(_trapezoids("cumulative_trapezoid", y, x, dx, axis), axis=axis)


def _trapezoids(what: str, y: Tensor, x: Tensor | None, dx: float, axis: int) -> Tensor:
    sums = _part(y, axis, 1, None) + _part(y, axis, None, -1)
    if x is None:
        return sums * (0.5 * dx)
    place = 0 if len(x.shape) == 1 else axis - len(y.shape) + len(x.shape)
    if place < 0 or x.shape[place] != y.shape[axis]:
        raise ShapeError(f"{what}: {tuple(x.shape)} places for values of shape {tuple(y.shape)} along axis {axis}; there must be one for each")
    widths = _part(x, place, 1, None) - _part(x, place, None, -1)
    return sums * (_along(widths, len(y.shape), axis) if len(x.shape) == 1 else widths) * 0.5


def _along(x: Tensor, ndim: int, axis: int) -> Tensor:
    """A vector as an array with `ndim` axes that is long along `axis`."""
    return moveaxis(expand_dims(x, tuple(range(ndim - 1))), -1, axis)


def gradient(x: Tensor, *, spacing: Any = 1, axis: int | Sequence[int] | None = None, edge_order: int = 1,
             dim: int | Sequence[int] | None = None) -> list[Tensor]:
    """Derivatives of sampled values by differences of second order, one tensor per axis.

    Parameters
    ----------
    x : Tensor
        Values of the function on a grid.
    spacing : number, sequence of numbers, or sequence of Tensor
        The distance of places: for all axes, for each, or the places themselves.
    axis : int, sequence of int or None
        Axes to differentiate along; None: all. Also spelled ``dim``.
    edge_order : 1 or 2
        Order of the differences at the ends.

    Raises
    ------
    ArgumentError, ShapeError
        For another `edge_order`, a spacing that does not fit, fewer than ``edge_order + 1`` places.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.gradient(wb.tensor([1.0, 4.0, 9.0, 16.0]))[0].tolist()
    [3.0, 4.0, 6.0, 7.0]
    """
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    axes = axes_of(axis if dim is None else dim, len(x.shape), "gradient")
    spacing = 1 if spacing is None else spacing
    spacings = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(axes)
    if len(spacings) != len(axes):
        raise ArgumentError(f"gradient: {len(spacings)} spacings for {len(axes)} axes; give one for each")
    x = x if x.dtype.kind in "fVc" else x * 1.0
    return [_slope(x, a, places, edge_order) for a, places in zip(axes, spacings, strict=True)]


def _slope(x: Tensor, axis: int, spacing: Any, edge_order: int) -> Tensor:
    length = x.shape[axis]
    if length < edge_order + 1:
        raise ShapeError(f"gradient: {length} values along axis {axis} are too few; at least {edge_order + 1} are needed")
    rises = _part(x, axis, 1, None) - _part(x, axis, None, -1)
    if not isinstance(spacing, Tensor) or not spacing.shape:
        widths = ones_like(rises) * spacing
    elif tuple(spacing.shape) != (length,):
        raise ShapeError(f"gradient: places of shape {tuple(spacing.shape)} for {length} values along axis {axis}")
    else:
        widths = _along(_part(spacing, 0, 1, None) - _part(spacing, 0, None, -1), len(x.shape), axis)
    slopes = rises / widths
    first, last = _part(slopes, axis, 0, 1), _part(slopes, axis, -1, None)
    if length == 2:
        return concat([first, last], axis=axis)
    left, right = _part(widths, axis, None, -1), _part(widths, axis, 1, None)
    inner = (right * _part(slopes, axis, None, -1) + left * _part(slopes, axis, 1, None)) / (left + right)
    if edge_order == 2:
        first, last = _bent(slopes, widths, axis, 0, 1), _bent(slopes, widths, axis, -1, -2)
    return concat([first, inner, last], axis=axis)


def _bent(slopes: Tensor, widths: Tensor, axis: int, edge: int, next_to: int) -> Tensor:
    """The slope at an end of a parabola through three places."""
    one = lambda x, place: _part(x, axis, place, place + 1 or None)
    share = one(widths, edge) / (one(widths, edge) + one(widths, next_to))
    return one(slopes, edge) * (1 + share) - one(slopes, next_to) * share


trapz = trapezoid

__all__ = ["cumsum", "cumprod", "cumulative_sum", "cumulative_prod", "logcumsumexp", "cummax", "cummin", "diff", "trapezoid", "trapz",
           "cumulative_trapezoid", "gradient"]

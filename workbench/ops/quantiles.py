"""The element, or the point between elements, below which a given share of the numbers lies.

Apart from `order` because NaN has to be counted here: the `nan` forms leave it out, the others return it.
"""
from __future__ import annotations

from collections.abc import Sequence

from ..backend.dtypes import int64
from ..core import batching
from ..core.declare import op
from ..core.errors import ArgumentError, AxisError, DTypeError, ShapeError
from ..core.tensor import Tensor, as_tensor
from . import elementwise as ew
from .index import clip, where
from .movement import _broadcast_to, _cast, _moveaxis, _reshape, expand_dims
from .order import Picked, _argsort, lined, picked
from .reduce import cast_like
from .reduce import sum as total
from .scatter import gather_along


def _missing(row: Tensor, axis: int) -> Tensor | None:
    """How many elements along `axis` are NaN; None where there can be none."""
    return total(_cast(ew.isnan(row), dtype=int64), axis=axis, keepdims=True) if row.dtype.kind in "fV" else None


@op(batch=batching.single_axis)
class middle:
    """The median along the last axis; equal elements share its gradient evenly, as those of a maximum do."""

    def forward(xp, x, *, axis, ignore):
        rows = xp.sort(x, axis=axis)
        rank = xp.full((*rows.shape[:-1], 1), (rows.shape[axis] - 1) // 2)
        if x.dtype.kind in "fV":
            there = rows.shape[axis] - xp.isnan(rows).sum(axis=axis, keepdims=True)
            rank = xp.maximum((there - 1) // 2, 0) if ignore else xp.where(there < rows.shape[axis], there, rank)
        return xp.take_along_axis(rows, rank, axis=axis)[..., 0]

    def vjp(g, x, o, *, axis, ignore):
        wide = expand_dims(o, len(o.shape))
        shares = cast_like(ew.logical_or(ew.eq(x, wide), ew.logical_and(ew.isnan(x), ew.isnan(wide))), x)
        return shares * expand_dims(g, len(o.shape)) / total(shares, axis=axis, keepdims=True)


def _median(x: Tensor, axis: int | None, dim: int | None, keepdims: bool, ignore: bool, what: str) -> Tensor | Picked:
    if axis is None and dim is None:
        return _median_of_all(x, ignore, what)
    row, axis = lined(x, axis, dim, what)
    length = row.shape[axis]
    if not length:
        raise AxisError(f"{what}: no elements along axis {axis} of a tensor of shape {tuple(x.shape)}")
    order = _argsort(row, axis=axis, descending=False)
    missing = _missing(row, axis)
    if missing is None:
        rank = as_tensor((length - 1) // 2)
    elif ignore:
        rank = clip(ew.floor_divide(length - 1 - missing, 2), min=0)
    else:
        rank = where(missing > 0, length - missing, (length - 1) // 2)
    rank = _broadcast_to(_reshape(rank, shape=(1,) * len(row.shape)) if missing is None else rank,
                         shape=(*row.shape[:axis], 1, *row.shape[axis + 1:]))
    both = picked(row, row, gather_along(order, rank, axis=axis), axis, keepdims)
    return both if len(x.shape) else Picked(_reshape(both.values, shape=()), _reshape(both.indices, shape=()))


def _median_of_all(x: Tensor, ignore: bool, what: str) -> Tensor:
    row, axis = lined(_reshape(x, shape=(-1,)), 0, None, what)
    if row.shape[0]:
        return middle(row, axis=axis, ignore=ignore)
    if x.dtype.kind not in "fV":
        raise ShapeError(f"{what}: no elements in a tensor of shape {tuple(x.shape)} and dtype {x.dtype}")
    return as_tensor(float("nan"), dtype=x.dtype)


def median(x: Tensor, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool = False) -> Tensor | Picked:
    """The middle element, the lower one of two; NaN if there is one.

    Parameters
    ----------
    x : Tensor
        Real numbers or integers.
    axis : int, optional
        None: of all elements.
    keepdims : bool
        Keep the axis with length one.

    Returns
    -------
    Tensor or Picked
        With an axis, ``values`` and ``indices``; without, the value.

    Raises
    ------
    AxisError
        There is no such axis, or no element along it.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.median(wb.tensor([4.0, 1.0, 3.0, 2.0])).item()
    2.0
    """
    return _median(x, axis, dim, keepdims or keepdim, False, "median")


def nanmedian(x: Tensor, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool = False) -> Tensor | Picked:
    """As `median`, leaving out NaN; NaN if there is nothing else.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nanmedian(wb.tensor([float("nan"), 1.0, 3.0])).item()
    1.0
    """
    return _median(x, axis, dim, keepdims or keepdim, True, "nanmedian")


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(x: Tensor, q: Tensor | float | Sequence[float], axis: int | None, keepdims: bool, interpolation: str, ignore: bool, what: str) -> Tensor:
    q = q if isinstance(q, Tensor) else as_tensor(q, dtype=x.dtype if x.dtype.kind == "f" else None, device=x.device)
    _check_quantile(x, q, interpolation, what)
    flat = axis is None
    row, axis = lined(_reshape(x, shape=(-1,)) if flat else x, -1 if axis is None else axis, None, what)
    length = row.shape[axis]
    if not length:
        raise ShapeError(f"{what}: no elements along axis {axis} of a tensor of shape {tuple(x.shape)}")
    rows = _moveaxis(row, source=axis, destination=-1)
    rows = gather_along(rows, _argsort(rows, axis=len(rows.shape) - 1, descending=False), axis=len(rows.shape) - 1)
    missing = _missing(rows, len(rows.shape) - 1)
    if ignore:
        last = clip(length - 1 - missing, min=0)
        rank = _reshape(q, shape=(-1,)) * _cast(last, dtype=x.dtype)
    else:
        rank = where(missing > 0, float(length - 1), _reshape(q, shape=(-1,)) * (length - 1))
    out = _between(rows, rank, interpolation)
    kept = tuple(1 if flat or a == axis else n for a, n in enumerate(x.shape)) if keepdims else tuple(rows.shape[:-1])
    return _reshape(_moveaxis(out, source=len(out.shape) - 1, destination=0), shape=(*q.shape, *kept))


def _between(rows: Tensor, rank: Tensor, interpolation: str) -> Tensor:
    """The numbers at fractional places along the last axis of sorted `rows`."""
    axis = len(rows.shape) - 1
    at = lambda place: gather_along(rows, _cast(place, dtype=int64), axis=axis)
    if interpolation == "lower":
        return at(ew.floor(rank))
    if interpolation == "higher":
        return at(ew.ceil(rank))
    if interpolation == "nearest":
        return at(ew.round(rank))
    below, above = at(ew.floor(rank)), at(ew.ceil(rank))
    weight = 0.5 if interpolation == "midpoint" else rank - ew.floor(rank)
    return below + weight * (above - below)


def _check_quantile(x: Tensor, q: Tensor, interpolation: str, what: str) -> None:
    if x.dtype.kind not in "fV":
        raise DTypeError(f"{what}: a tensor of dtype {x.dtype}; expected a floating dtype (convert with .float())")
    if q.dtype is not x.dtype:
        raise DTypeError(f"{what}: q of dtype {q.dtype} for a tensor of dtype {x.dtype}; expected the same")
    if len(q.shape) > 1:
        raise ShapeError(f"{what}: q of shape {tuple(q.shape)}; expected a number or one axis")
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(f"{what}: interpolation {interpolation!r}; expected one of {', '.join(INTERPOLATIONS)}")
    if type(q) is Tensor and q.size and not (0 <= float(q.data.min()) and float(q.data.max()) <= 1):
        raise ArgumentError(f"{what}: q from {float(q.data.min())} to {float(q.data.max())}; expected shares from 0 to 1")


def quantile(x: Tensor, q: Tensor | float | Sequence[float], axis: int | None = None, keepdims: bool = False, *, interpolation: str = "linear",
             dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The numbers below which a share `q` of the elements lies; NaN where an element is.

    Parameters
    ----------
    x : Tensor
        Floating dtype.
    q : number or Tensor
        Shares from 0 to 1; one axis at most, which comes first in the result. In the dtype of `x`.
    axis : int, optional
        None: of all elements.
    keepdims : bool
        Keep the axis with length one.
    interpolation : str
        Between two elements: ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"`` or ``"nearest"``.

    Raises
    ------
    ArgumentError, DTypeError, ShapeError
        `q` outside of 0 to 1, of another dtype, or with more than one axis; an unknown interpolation; nothing to pick from.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.quantile(wb.tensor([0.0, 1.0, 2.0, 4.0]), 0.5).item()
    1.5
    """
    return _quantile(x, q, axis if dim is None else dim, keepdims or keepdim, interpolation, False, "quantile")


def nanquantile(x: Tensor, q: Tensor | float | Sequence[float], axis: int | None = None, keepdims: bool = False, *, interpolation: str = "linear",
                dim: int | None = None, keepdim: bool = False) -> Tensor:
    """As `quantile`, leaving out NaN; NaN if there is nothing else.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nanquantile(wb.tensor([float("nan"), 1.0, 3.0]), 0.5).item()
    2.0
    """
    return _quantile(x, q, axis if dim is None else dim, keepdims or keepdim, interpolation, True, "nanquantile")


__all__ = ["median", "nanmedian", "quantile", "nanquantile"]

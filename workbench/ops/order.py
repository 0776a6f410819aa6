"""Ops that depend on the order of numbers: sorting, the k-th of them, the most frequent, searching in sorted ones.

Apart from reductions, because their results are picked elements, whose gradient goes back to where they came from.
Orders are stable, and NaN counts as the largest number, as in PyTorch.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..backend.dtypes import int32, int64
from ..core import batching
from ..core.declare import op
from ..core.errors import ArgumentError, AxisError, DTypeError, ShapeError
from ..core.op import REGISTRY, Op
from ..core.tensor import Tensor, as_tensor
from . import elementwise as ew
from .index import getitem
from .movement import _broadcast_to, _cast, _reshape, axis_of
from .reduce import Axis
from .scatter import gather_along


class Picked(NamedTuple):
    """Elements, and where along the axis they were."""

    values: Tensor
    indices: Tensor


@op(batch=batching.single_axis)
class argsort_:
    """The indices that sort along `axis`."""

    def forward(xp, x, *, axis, descending):
        if not descending:
            return xp.argsort(x, axis=axis, kind="stable")
        reverse = xp.flip(xp.argsort(xp.flip(x, axis=axis), axis=axis, kind="stable"), axis=axis)
        return x.shape[axis] - 1 - reverse


_argsort = argsort_


def lined(x: Tensor, axis: int | None, dim: int | None, what: str) -> tuple[Tensor, int]:
    """`x` with at least one axis, and the axis that is meant (`dim` if given), counted from the front."""
    axis = axis if dim is None else dim
    if x.dtype.kind == "c":
        raise DTypeError(f"{what}: complex numbers have no order; sort their abs() or their real parts")
    row = x if len(x.shape) else _reshape(x, shape=(1,))
    return row, axis_of(axis, len(row.shape), what)


def slices(x: Tensor, axis: int, part: slice | int) -> Tensor:
    """``x[:, ..., part]`` with `part` at `axis`."""
    return getitem(x, index=(slice(None),) * axis + (part, Ellipsis))


def without(x: Tensor, axis: int, keepdims: bool, like: Tensor) -> Tensor:
    """`x`, whose `axis` has length one, with the rank of a reduction of `like`."""
    return _reshape(x, shape=()) if not len(like.shape) else x if keepdims else slices(x, axis, 0)


def sort(x: Tensor, axis: int = -1, descending: bool = False, stable: bool = False, *, dim: int | None = None) -> Picked:
    """The sorted elements along `axis` and their indices.

    Parameters
    ----------
    x : Tensor
        Real numbers, integers or booleans; NaN counts as the largest.
    axis : int
        Default -1.
    descending : bool
        The largest first.
    stable : bool
        Equal elements keep their order; here they do in any case.

    Returns
    -------
    Picked
        ``values`` and ``indices`` (int64), in the shape of `x`.

    Raises
    ------
    AxisError
        `x` has no such axis.
    DTypeError
        `x` is complex.

    Examples
    --------
    >>> import workbench as wb
    >>> values, indices = wb.sort(wb.tensor([3, 1, 2]))
    >>> values.tolist(), indices.tolist()
    ([1, 2, 3], [1, 2, 0])
    """
    row, axis = lined(x, axis, dim, "sort")
    order = _argsort(row, axis=axis, descending=descending)
    values = gather_along(row, order, axis=axis)
    return Picked(values, order) if row is x else Picked(_reshape(values, shape=()), _reshape(order, shape=()))


def argsort(x: Tensor, axis: int = -1, descending: bool = False, stable: bool = False, *, dim: int | None = None) -> Tensor:
    """The indices that sort along `axis`; parameters and errors are those of `sort`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.argsort(wb.tensor([3, 1, 2])).tolist()
    [1, 2, 0]
    """
    row, axis = lined(x, axis, dim, "argsort")
    return _reshape(_argsort(row, axis=axis, descending=descending), shape=tuple(x.shape))


def msort(x: Tensor) -> Tensor:
    """The sorted elements along the first axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.msort(wb.tensor([[3, 1], [2, 4]])).tolist()
    [[2, 1], [3, 4]]
    """
    return sort(x, 0).values


def topk(x: Tensor, k: int, axis: int = -1, largest: bool = True, sorted: bool = True, *, dim: int | None = None) -> Picked:
    """The `k` largest (or smallest) elements along `axis` and their indices.

    Parameters
    ----------
    x : Tensor
        Real numbers or integers.
    k : int
        From 0 to the length of the axis.
    axis : int
        Default -1.
    largest : bool
        False: the smallest.
    sorted : bool
        In order; here they are in any case.

    Raises
    ------
    ShapeError
        The axis is shorter than `k`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.topk(wb.tensor([3, 1, 2]), 2).values.tolist()
    [3, 2]
    """
    row, axis = lined(x, axis, dim, "topk")
    if not 0 <= k <= row.shape[axis]:
        raise ShapeError(f"topk: k={k} for an axis of length {row.shape[axis]}; expected 0 to {row.shape[axis]}")
    order = slices(_argsort(row, axis=axis, descending=largest), axis, slice(0, k))
    values = gather_along(row, order, axis=axis)
    return Picked(values, order) if row is x or k == 0 else Picked(_reshape(values, shape=()), _reshape(order, shape=()))


def kthvalue(x: Tensor, k: int, axis: int = -1, keepdims: bool = False, *, dim: int | None = None, keepdim: bool = False) -> Picked:
    """The k-th smallest element along `axis` (k = 1: the smallest) and its index.

    Raises
    ------
    ShapeError
        `k` is not between 1 and the length of the axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.kthvalue(wb.tensor([5.0, 1.0, 3.0]), 2).values.item()
    3.0
    """
    row, axis = lined(x, axis, dim, "kthvalue")
    if not 1 <= k <= row.shape[axis]:
        raise ShapeError(f"kthvalue: k={k} for an axis of length {row.shape[axis]}; expected 1 to {row.shape[axis]}")
    return picked(x, row, slices(_argsort(row, axis=axis, descending=False), axis, slice(k - 1, k)), axis, keepdims or keepdim)


def picked(x: Tensor, row: Tensor, index: Tensor, axis: int, keepdims: bool) -> Picked:
    """The elements of `row` at `index`, one per line along `axis`, shaped as a reduction of `x`."""
    return Picked(without(gather_along(row, index, axis=axis), axis, keepdims, x), without(index, axis, keepdims, x))


@op(batch=batching.single_axis)
class mode_index:
    """Where along `axis` the most frequent element stands last (the smallest one if tied); the axis keeps length one."""

    def forward(xp, x, *, axis):
        rows = xp.moveaxis(x, axis, -1)
        order = xp.argsort(rows, axis=-1, kind="stable")
        rows = xp.take_along_axis(rows, order, axis=-1)
        length = rows.shape[-1]
        begins = xp.zeros(rows.shape, int64)
        begins[..., 1:] = xp.where(rows[..., 1:] != rows[..., :-1], xp.arange(1, length), 0)
        step = 1
        while step < length:  # the largest so far, in steps that double: CuPy has no maximum.accumulate
            begins[..., step:] = xp.maximum(begins[..., step:], begins[..., :-step])
            step *= 2
        longest = xp.argmax(xp.arange(length) - begins, axis=-1)[..., None]
        return xp.moveaxis(xp.take_along_axis(order, longest, axis=-1), -1, axis)


def mode(x: Tensor, axis: int = -1, keepdims: bool = False, *, dim: int | None = None, keepdim: bool = False) -> Picked:
    """The most frequent element along `axis` (the smallest one if tied) and the index where it stands last.

    Raises
    ------
    AxisError
        `x` has no such axis.
    ShapeError
        The axis has length 0.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.mode(wb.tensor([2, 7, 7, 1])).values.item()
    7
    """
    row, axis = lined(x, axis, dim, "mode")
    if not row.shape[axis]:
        raise ShapeError(f"mode: axis {axis} of a tensor of shape {tuple(x.shape)} has no elements")
    return picked(x, row, mode_index(row, axis=axis), axis, keepdims or keepdim)


def max(x: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element; along ``dim``, PyTorch's pair (values, indices); along ``axis``, NumPy's values alone.

    With a second tensor instead of an axis, the larger elements of both.

    Examples
    --------
    >>> import workbench as wb
    >>> values, indices = wb.max(wb.tensor([[1, 5], [7, 2]]), 1)
    >>> values.tolist(), indices.tolist()
    ([5, 7], [1, 0])
    """
    return _extreme(x, dim, keepdim or keepdims, axis, "amax", "argmax")


def min(x: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element; along ``dim``, PyTorch's pair (values, indices); along ``axis``, NumPy's values alone.

    With a second tensor instead of an axis, the smaller elements of both.

    Examples
    --------
    >>> import workbench as wb
    >>> values, indices = wb.min(wb.tensor([[1, 5], [7, 2]]), 1)
    >>> values.tolist(), indices.tolist()
    ([1, 2], [0, 1])
    """
    return _extreme(x, dim, keepdim or keepdims, axis, "amin", "argmin")


def _extreme(x: Tensor, dim: Any, keepdims: bool, axis: Axis, value: str, place: str) -> Any:
    x = as_tensor(x)
    if isinstance(dim, Tensor):
        return (ew.maximum if value == "amax" else ew.minimum)(x, dim)
    if dim is None:
        return REGISTRY[value].call(x, axis=axis, keepdims=keepdims)
    row, dim = lined(x, None, dim, value)
    return picked(x, row, REGISTRY[place].call(row, axis=dim, keepdims=True), dim, keepdims)


def _search_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """Sequences that differ, or have several rows already, need values in as many rows."""
    if not mapped[0] and len(values[0].shape) == 1:
        return op.call(*values, **params)
    size = next(v.shape[0] for v, m in zip(values, mapped, strict=True) if m)
    sequence, wanted = (v if m else _broadcast_to(v, shape=(size, *v.shape)) for v, m in zip(values, mapped, strict=True))
    if len(sequence.shape) == 2:
        return _reshape(op.call(sequence, _reshape(wanted, shape=(size, -1)), **params), shape=tuple(wanted.shape))
    return op.call(sequence, wanted, **params)


@op(arity=2, batch=_search_batch)
class searchsorted_:
    """Where `y` would enter the sorted `x`: one row for all of `y`, or as many rows as `y`."""

    def forward(xp, x, y, *, right):
        if x.ndim == 1:
            return xp.asarray(xp.searchsorted(x, y, side="right" if right else "left"))
        low, high = xp.zeros(y.shape, int64), xp.full(y.shape, x.shape[-1], int64)
        for _ in range(x.shape[-1].bit_length()):  # halves the interval of all rows at once
            middle = (low + high) // 2
            there = xp.take_along_axis(x, xp.minimum(middle, x.shape[-1] - 1), axis=-1)
            behind = (low < high) & ~(there > y if right else there >= y)
            low, high = xp.where(behind, middle + 1, low), xp.where(behind, high, xp.where(low < high, middle, high))
        return low


def searchsorted(sorted_sequence: Tensor, values: Tensor | float, *, out_int32: bool = False, right: bool = False,
                 side: str | None = None, sorter: Tensor | None = None) -> Tensor:
    """The places at which `values` would enter `sorted_sequence` without disturbing its order.

    Parameters
    ----------
    sorted_sequence : Tensor
        Sorted along its last axis; of one axis, or with the leading axes of `values`.
    values : Tensor or number
        Of the same dtype.
    out_int32 : bool
        int32 instead of int64.
    right : bool
        Behind equal elements instead of before them.
    side : str, optional
        ``"left"`` or ``"right"``; the same in words.
    sorter : Tensor, optional
        Indices that sort `sorted_sequence`, if it is not.

    Returns
    -------
    Tensor
        The shape of `values`.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        Leading axes or dtypes differ; `side` is unknown or contradicts `right`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.searchsorted(wb.tensor([1, 3, 5]), wb.tensor([3, 6])).tolist()
    [1, 3]
    """
    if side not in (None, "left", "right") or (right and side == "left"):
        raise ArgumentError(f"searchsorted: side={side!r} with right={right}; expected 'left' or 'right', and one of both arguments")
    values = values if isinstance(values, Tensor) else as_tensor(values, dtype=sorted_sequence.dtype)
    _check_search(sorted_sequence, values, sorter)
    if sorter is not None:
        sorted_sequence = gather_along(sorted_sequence, sorter, axis=len(sorted_sequence.shape) - 1)
    found = searchsorted_(sorted_sequence, values, right=right or side == "right")
    return _cast(found, dtype=int32 if out_int32 else int64)


def _check_search(sequence: Tensor, values: Tensor, sorter: Tensor | None) -> None:
    if values.dtype is not sequence.dtype:
        raise DTypeError(f"searchsorted: a sequence of {sequence.dtype} and values of {values.dtype}; convert one with .to(dtype)")
    if sequence.dtype.kind == "c":
        raise DTypeError("searchsorted: complex numbers have no order")
    if not len(sequence.shape) or (len(sequence.shape) > 1 and tuple(sequence.shape[:-1]) != tuple(values.shape[:-1])):
        raise ShapeError(f"searchsorted: a sequence of shape {tuple(sequence.shape)} and values of shape {tuple(values.shape)}; expected one "
                         "axis, or equal axes but for the last")
    if sorter is None:
        return
    if tuple(sorter.shape) != tuple(sequence.shape):
        raise ShapeError(f"searchsorted: a sorter of shape {tuple(sorter.shape)} for a sequence of shape {tuple(sequence.shape)}; expected the same")
    if sorter.dtype is not int64:
        raise DTypeError(f"searchsorted: a sorter of dtype {sorter.dtype}; expected int64, as argsort returns")
    if type(sorter) is Tensor and sorter.size and not 0 <= int(sorter.data.min()) <= int(sorter.data.max()) < sequence.shape[-1]:
        raise AxisError(f"searchsorted: a sorter with indices outside of 0 to {sequence.shape[-1] - 1}")


def bucketize(x: Tensor | float, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The number of the bucket between `boundaries` in which each element lies.

    Parameters
    ----------
    x : Tensor or number
    boundaries : Tensor
        One axis, sorted.
    out_int32 : bool
        int32 instead of int64.
    right : bool
        A boundary belongs to the bucket above it; False: to the one below.

    Raises
    ------
    ShapeError
        `boundaries` has not one axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.bucketize(wb.tensor([1, 4]), wb.tensor([1, 3, 5])).tolist()
    [0, 2]
    """
    if len(boundaries.shape) != 1:
        raise ShapeError(f"bucketize: boundaries of shape {tuple(boundaries.shape)}; expected one axis")
    x = x if isinstance(x, Tensor) else as_tensor(np.asarray(x), dtype=boundaries.dtype)
    return searchsorted(boundaries, x, out_int32=out_int32, right=right)


__all__ = ["sort", "argsort", "msort", "topk", "kthvalue", "mode", "max", "min", "searchsorted", "bucketize"]

"""The same numbers seen otherwise: parts along one axis, turned and mirrored axes, added axes, common shapes.

Apart from `movement`, whose declared ops everything here is made of.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import arrays
from ..backend.arrays import PYTHON_SCALARS
from ..core.errors import ArgumentError, AxisError, DTypeError, GraphError, ShapeError
from ..core.tensor import Tensor, as_tensor
from .index import getitem, take
from .movement import (
    _broadcast_to,
    _moveaxis,
    _reshape,
    axes_of,
    axis_of,
    flip,
    moveaxis,
    permute,
    resolve_shape,
    transpose,
)

movedim = moveaxis
swapdims = transpose


def select(x: Tensor, dim: int, index: int) -> Tensor:
    """The slice `index` along `dim`, that axis removed (a view).

    Raises
    ------
    AxisError
        There is no such axis or slice.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.select(wb.tensor([[1, 2], [3, 4]]), 1, -1).tolist()
    [2, 4]
    """
    dim = axis_of(dim, len(x.shape), "select")
    if not -x.shape[dim] <= index < x.shape[dim]:
        raise AxisError(f"select: index {index} is out of range for axis {dim} of length {x.shape[dim]}")
    return getitem(x, index=(slice(None),) * dim + (int(index), Ellipsis))


def narrow(x: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """`length` elements along `dim`, from `start` on (a view).

    Parameters
    ----------
    x : Tensor
        At least one axis.
    dim : int
    start : int or Tensor
        Negative: from the end.
    length : int

    Raises
    ------
    AxisError, ShapeError
        There is no such axis, or not so many elements.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.narrow(wb.arange(5), 0, 1, 3).tolist()
    [1, 2, 3]
    """
    if not len(x.shape):
        raise ShapeError("narrow: a tensor without axes has no part; reshape it to (1,)")
    dim = axis_of(dim, len(x.shape), "narrow")
    if isinstance(start, Tensor):
        if start.dtype.kind not in "iu" or len(start.shape):
            raise DTypeError(f"narrow: start of dtype {start.dtype} and shape {tuple(start.shape)}; expected one integer")
        if type(start) is not Tensor:
            raise GraphError(f"narrow: start is not known inside {type(start).transformation}; use take with start + arange(length)")
        start = int(start.item())
    total = x.shape[dim]
    if length < 0 or not -total <= start <= total or (start + total if start < 0 else start) + length > total:
        raise ShapeError(f"narrow: {length} elements from {start} on, along axis {dim} of length {total}")
    first = start + total if start < 0 else start
    return getitem(x, index=(slice(None),) * dim + (slice(first, first + length), Ellipsis))


def sliding(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All parts of length `size` along an axis, `step` apart, their elements along a new last axis: ``x.unfold(...)``.

    Parameters
    ----------
    x : Tensor
    dimension : int
    size : int
        From 0 to the length of the axis.
    step : int
        At least 1.

    Returns
    -------
    Tensor
        A copy; PyTorch's is a view.

    Raises
    ------
    AxisError, ShapeError, ArgumentError
        There is no such axis, `size` is longer than it, or `step` is below 1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.arange(5).unfold(0, 2, 2).tolist()
    [[0, 1], [2, 3]]
    """
    if step < 1:
        raise ArgumentError(f"unfold: step={step}; expected at least 1")
    row = x if len(x.shape) else _reshape(x, shape=(1,))
    axis = axis_of(dimension, len(row.shape), "unfold")
    if not 0 <= size <= row.shape[axis]:
        raise ShapeError(f"unfold: parts of length {size} along axis {axis} of length {row.shape[axis]}")
    starts = np.arange(0, row.shape[axis] - size + 1, step)
    places = Tensor(arrays.to_device(starts[:, None] + np.arange(size), x.device if isinstance(x, Tensor) else "cpu"))
    parts = _moveaxis(take(row, places, axis), source=axis + 1, destination=-1)
    return parts if len(x.shape) else _reshape(parts, shape=(size,))


def unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several, whose lengths multiply to its length; one may be -1.

    Raises
    ------
    AxisError, ShapeError, ArgumentError
        There is no such axis, the lengths do not fit, or there are none.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.unflatten(wb.zeros((2, 6)), 1, (3, -1)).shape
    (2, 3, 2)
    """
    dim = axis_of(dim, len(x.shape), "unflatten")
    if not len(tuple(sizes)):
        raise ArgumentError("unflatten: sizes is empty; expected at least one length")
    try:
        inner = resolve_shape(sizes, (x.shape[dim],))
    except ShapeError:
        raise ShapeError(f"unflatten: {tuple(sizes)} does not multiply to {x.shape[dim]}, the length of axis {dim}") from None
    return _reshape(x, shape=(*x.shape[:dim], *inner, *x.shape[dim + 1:]))


def rot90(x: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """`x` turned `k` times by 90 degrees in the plane of two axes, from the first towards the second.

    Raises
    ------
    ArgumentError, AxisError
        `dims` does not name two different axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.rot90(wb.tensor([[1, 2], [3, 4]])).tolist()
    [[2, 4], [1, 3]]
    """
    if len(tuple(dims)) != 2:
        raise ArgumentError(f"rot90: dims={tuple(dims)}; expected two axes")
    first, second = axes_of(dims, len(x.shape), "rot90")
    turns = k % 4
    if turns == 2:
        return flip(x, (first, second))
    if turns == 0:
        return flip(x, ())
    return transpose(flip(x, second), first, second) if turns == 1 else flip(transpose(x, first, second), second)


def fliplr(x: Tensor) -> Tensor:
    """The columns (second axis) in reverse order.

    Raises
    ------
    ShapeError
        `x` has fewer than two axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fliplr(wb.tensor([[1, 2], [3, 4]])).tolist()
    [[2, 1], [4, 3]]
    """
    if len(x.shape) < 2:
        raise ShapeError(f"fliplr: a tensor of shape {tuple(x.shape)}; expected at least two axes")
    return flip(x, 1)


def flipud(x: Tensor) -> Tensor:
    """The rows (first axis) in reverse order.

    Raises
    ------
    ShapeError
        `x` has no axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.flipud(wb.tensor([[1, 2], [3, 4]])).tolist()
    [[3, 4], [1, 2]]
    """
    if not len(x.shape):
        raise ShapeError("flipud: a tensor without axes; expected at least one")
    return flip(x, 0)


def t(x: Tensor) -> Tensor:
    """A matrix transposed; a vector or a number as it is.

    Raises
    ------
    ShapeError
        More than two axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.t(wb.zeros((2, 3))).shape
    (3, 2)
    """
    if len(x.shape) > 2:
        raise ShapeError(f"t: a tensor of shape {tuple(x.shape)}; expected at most two axes (x.mT transposes the last two)")
    return permute(x, tuple(range(len(x.shape)))[::-1])


def _each(tensors: tuple, change: Any) -> Any:
    if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)):
        return change(_as_tensor(tensors[0]))
    parts = tensors[0] if len(tensors) == 1 else tensors
    return tuple(change(_as_tensor(part)) for part in parts)


def _as_tensor(x: Any) -> Any:
    return as_tensor(x) if type(x) in PYTHON_SCALARS else x


def atleast_1d(*tensors: Any) -> Any:
    """A number as a vector; several tensors as a tuple.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.atleast_1d(wb.tensor(5)).tolist()
    [5]
    """
    return _each(tensors, lambda x: x if len(x.shape) else _reshape(x, shape=(1,)))


def atleast_2d(*tensors: Any) -> Any:
    """A number or vector as a matrix of one row; several tensors as a tuple.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.atleast_2d(wb.tensor([5, 6])).tolist()
    [[5, 6]]
    """
    return _each(tensors, lambda x: x if len(x.shape) > 1 else _reshape(x, shape=(1, *(x.shape or (1,)))))


def atleast_3d(*tensors: Any) -> Any:
    """At least three axes: a vector of length n as (1, n, 1), a matrix as (n, m, 1); several tensors as a tuple.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.atleast_3d(wb.tensor([5, 6])).shape
    (1, 2, 1)
    """
    return _each(tensors, lambda x: x if len(x.shape) > 2 else _reshape(x, shape={0: (1, 1, 1), 1: (1, *x.shape, 1), 2: (*x.shape, 1)}[len(x.shape)]))


def broadcast_shapes(*shapes: Sequence[int] | int) -> tuple[int, ...]:
    """The shape to which tensors of `shapes` broadcast.

    Raises
    ------
    ShapeError
        They do not fit together.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"broadcast_shapes: {', '.join(map(str, shapes))} do not fit together; counted from the right, lengths must be "
                         "equal or 1, and none negative") from None


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors in their common shape (read-only views).

    Raises
    ------
    ShapeError
        Their shapes do not fit together.

    Examples
    --------
    >>> import workbench as wb
    >>> [x.shape for x in wb.broadcast_tensors(wb.zeros((2, 1)), wb.zeros(3))]
    [(2, 3), (2, 3)]
    """
    shape = broadcast_shapes(*(tuple(x.shape) for x in tensors))
    return tuple(_broadcast_to(x, shape=shape) for x in tensors)


def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """`x` expanded to the shape of `other`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros((3, 1)).expand_as(wb.zeros((3, 4))).shape
    (3, 4)
    """
    return _broadcast_to(x, shape=tuple(other.shape))


def reshape_as(x: Tensor, other: Tensor) -> Tensor:
    """`x` in the shape of `other`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros(6).reshape_as(wb.zeros((2, 3))).shape
    (2, 3)
    """
    return _reshape(x, shape=resolve_shape(other.shape, x.shape))


view_as = reshape_as

__all__ = ["movedim", "swapdims", "select", "narrow", "unflatten", "rot90", "fliplr", "flipud", "t", "atleast_1d", "atleast_2d", "atleast_3d",
           "broadcast_shapes", "broadcast_tensors", "expand_as", "reshape_as", "view_as"]

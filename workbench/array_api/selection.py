"""Indexing, searching, sorting and set functions: which elements, and where they are."""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..backend import arrays
from ..core.errors import ArgumentError, DTypeError, GraphError, ShapeError
from ..core.tensor import Tensor
from .promotion import Scalar, as_tensor_like, checked, counted, operands, result_type


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The elements of `x` at a vector of `indices` along `axis`, which only a vector may leave out.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.take(xp.asarray([5, 6, 7]), xp.asarray([2, 0])).tolist()
    [7, 5]
    """
    checked("take", indices, "integral")
    if axis is None and len(x.shape) != 1:
        raise ShapeError(f"take: an array of shape {tuple(x.shape)} needs axis=")
    return ops.take(x, indices, 0 if axis is None else axis)


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """The elements at `indices`, one choice per row along `axis`; the other axes broadcast.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.take_along_axis(xp.asarray([[1, 2], [3, 4]]), xp.asarray([[1], [0]])).tolist()
    [[2], [3]]
    """
    checked("take_along_axis", indices, "integral")
    if len(x.shape) != len(indices.shape):
        raise ShapeError(f"take_along_axis: indices of shape {tuple(indices.shape)} for an array of shape {tuple(x.shape)}; they need as many axes")
    axis = ops.movement.axis_of(axis, len(x.shape), "take_along_axis")
    common = np.broadcast_shapes(*(tuple(1 if a == axis else n for a, n in enumerate(array.shape)) for array in (x, indices)))
    x, indices = (ops.broadcast_to(array, (*common[:axis], array.shape[axis], *common[axis + 1:])) for array in (x, indices))
    return ops.take_along_axis(x, indices, axis)


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the largest element along `axis`, the first if several; NaN counts as the largest."""
    return ops.argmax(checked("argmax", x, "real"), axis=axis, keepdims=keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the smallest element along `axis`, the first if several; NaN counts as the smallest."""
    return ops.argmin(checked("argmin", x, "real"), axis=axis, keepdims=keepdims)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The indices of the elements that are not zero, one array per axis."""
    if not len(x.shape):
        raise ShapeError("nonzero: an array without axes has no indices; compare it with 0 instead")
    if type(x) is not Tensor:
        raise GraphError(f"nonzero: how many elements are not zero is not known inside {type(x).transformation}; use where()")
    return tuple(Tensor(part) for part in arrays.module_of(type(x.data)).nonzero(x.data))


def searchsorted(x1: Tensor, x2: Tensor | Scalar, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """The places at which `x2` would enter the sorted vector `x1`; behind equal elements with ``side="right"``.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.searchsorted(xp.asarray([1, 3, 5]), xp.asarray([3, 6])).tolist()
    [1, 3]
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side={side!r}; expected 'left' or 'right'")
    checked("searchsorted", x1, "real")
    dtype = result_type(x1, x2)
    sequence, values = (as_tensor_like(x, dtype, x1) for x in (x1, x2))
    return ops.searchsorted(sequence, values, side=side, sorter=sorter)


def where(condition: Tensor, x1: Tensor | Scalar, x2: Tensor | Scalar, /) -> Tensor:
    """`x1` where `condition` holds, else `x2`."""
    checked("where", condition, "bool")
    x1, x2 = operands("where", x1, x2, "any")
    like = x1 if isinstance(x1, Tensor) else x2
    return counted(ops.where(condition, *(as_tensor_like(x, like.dtype, like) for x in (x1, x2))))


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along `axis`; NaN comes last, or first when descending."""
    return ops.sort(_with_axis("sort", x), axis=axis, descending=descending, stable=stable).values


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that `sort` along `axis`; equal elements keep their order."""
    return ops.argsort(_with_axis("argsort", x), axis=axis, descending=descending, stable=stable)


def _with_axis(what: str, x: Tensor) -> Tensor:
    if not len(checked(what, x, "real").shape):
        raise ShapeError(f"{what}: an array without axes has no order")
    return x


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Tensor, /) -> UniqueAll:
    """The different elements in order, where each is first, the way back to `x`, and how often each occurs.

    Every NaN differs from all others. Gradients flow to the first of equal elements.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> values, indices, inverse, counts = xp.unique_all(xp.asarray([3, 1, 3]))
    >>> values.tolist(), indices.tolist(), inverse.tolist(), counts.tolist()
    ([1, 3], [1, 0], [1, 0, 1], [1, 2])
    """
    indices, inverse, counts = _unique(x)
    return UniqueAll(ops.take(ops.ravel(x), indices, 0), indices, inverse, counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The different elements in order, and how often each occurs."""
    values, _, _, counts = unique_all(x)
    return UniqueCounts(values, counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The different elements in order, and for each element of `x` the place of its value among them."""
    values, _, inverse, _ = unique_all(x)
    return UniqueInverse(values, inverse)


def unique_values(x: Tensor, /) -> Tensor:
    """The different elements in order."""
    return unique_all(x).values


def _unique(x: Any) -> tuple[Tensor, Tensor, Tensor]:
    if not isinstance(x, Tensor):
        raise DTypeError(f"unique: expected a tensor, got {type(x).__name__}; make one with asarray()")
    if type(x) is not Tensor:
        raise GraphError(f"unique: how many elements differ is not known inside {type(x).transformation}")
    xp = arrays.module_of(type(x.data))
    _, indices, inverse, counts = xp.unique(x.data, return_index=True, return_inverse=True, return_counts=True, equal_nan=False)
    return Tensor(indices), Tensor(inverse.reshape(x.shape)), Tensor(counts)


__all__ = ["argmax", "argmin", "argsort", "nonzero", "searchsorted", "sort", "take", "take_along_axis", "unique_all", "unique_counts",
           "unique_inverse", "unique_values", "where"]

"""Ops that depend on the order of numbers: sorting, searching, quantiles, sets of values.

Apart from reductions, because their results are picked elements, whose gradient goes back to where they came from.
"""
from __future__ import annotations

from typing import Any

from ..core import batching
from ..core.declare import op
from ..core.errors import ShapeError
from ..core.op import REGISTRY
from ..core.tensor import Tensor
from . import elementwise as ew
from .index import getitem
from .movement import _reshape, axes_of
from .scatter import gather_along


def sort(x: Tensor, axis: int = -1, descending: bool = False, *, dim: int | None = None) -> tuple[Tensor, Tensor]:
    """The sorted elements along `axis` and their indices (stable).

    Examples
    --------
    >>> import workbench as wb
    >>> values, indices = wb.sort(wb.tensor([3, 1, 2]))
    >>> values.tolist(), indices.tolist()
    ([1, 2, 3], [1, 2, 0])
    """
    axis = axes_of(axis if dim is None else dim, len(x.shape), "sort")[0]
    order = argsort(x, axis=axis, descending=descending)
    return gather_along(x, order, axis=axis), order


@op(batch=batching.single_axis)
class argsort:
    """The indices that sort along `axis` (stable).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.argsort(wb.tensor([3, 1, 2])).tolist()
    [1, 2, 0]
    """

    def forward(xp, x, *, axis=-1, descending=False):
        if not descending:
            return xp.argsort(x, axis=axis, kind="stable")
        reverse = xp.flip(xp.argsort(xp.flip(x, axis=axis), axis=axis, kind="stable"), axis=axis)
        return x.shape[axis] - 1 - reverse


def topk(x: Tensor, k: int, axis: int = -1, largest: bool = True, *, dim: int | None = None) -> tuple[Tensor, Tensor]:
    """The `k` largest (or smallest) elements along `axis`, sorted, and their indices.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.topk(wb.tensor([3, 1, 2]), 2)[0].tolist()
    [3, 2]
    """
    axis = axes_of(axis if dim is None else dim, len(x.shape), "topk")[0]
    if not 0 <= k <= x.shape[axis]:
        raise ShapeError(f"topk: k={k} for an axis of length {x.shape[axis]}")
    order = getitem(argsort(x, axis=axis, descending=largest), index=(slice(None),) * axis + (slice(0, k),))
    return gather_along(x, order, axis=axis), order


def max(x: Tensor, axis: Any = None, *, keepdims: bool = False, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; with ``dim``, PyTorch's pair (values, indices); with ``axis``, the values alone.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.max(wb.tensor([[1, 5], [7, 2]]), axis=1).tolist()
    [5, 7]
    """
    return _extreme(x, axis, keepdims, dim, keepdim, "amax", "argmax")


def min(x: Tensor, axis: Any = None, *, keepdims: bool = False, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with ``dim``, PyTorch's pair (values, indices); with ``axis``, the values alone.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.min(wb.tensor([[1, 5], [7, 2]]), axis=1).tolist()
    [1, 2]
    """
    return _extreme(x, axis, keepdims, dim, keepdim, "amin", "argmin")


def _extreme(x: Tensor, axis: Any, keepdims: bool, dim: Any, keepdim: bool, value: str, place: str) -> Any:
    if isinstance(axis, Tensor):
        return (ew.maximum if value == "amax" else ew.minimum)(x, axis)
    if dim is None:
        return REGISTRY[value].call(x, axis=axis, keepdims=keepdims)
    dim = axes_of(dim, len(x.shape), value)[0]
    where_it_is = REGISTRY[place].call(x, axis=dim, keepdims=True)
    picked = gather_along(x, where_it_is, axis=dim)
    if keepdim or keepdims:
        return picked, where_it_is
    shape = tuple(n for a, n in enumerate(x.shape) if a != dim)
    return _reshape(picked, shape=shape), _reshape(where_it_is, shape=shape)


__all__ = ["sort", "argsort", "topk", "max", "min"]

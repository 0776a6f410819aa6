"""Ops whose result's shape depends on the numbers: the places that are not zero, the different values of a tensor.

Apart from all others because neither vmap nor jit can run them: both need shapes that are known beforehand. Declared
ops here say so with ``dynamic = True``.
"""
from __future__ import annotations

import math
from typing import Any

from ..core.declare import op
from ..core.errors import GraphError
from ..core.op import Op
from ..core.tensor import Tensor
from .movement import _reshape, axis_of


def _refused(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    raise GraphError(f"{op.name}: the shape of its result differs between examples inside vmap; use where(condition, x, y) or a mask of fixed shape")


@op(batch=_refused)
class argwhere:
    """The places where `x` is not zero, one row each: shape (places, axes), int64.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.argwhere(wb.tensor([[0, 3], [4, 0]])).tolist()
    [[0, 1], [1, 0]]
    """

    def forward(xp, x):
        return xp.argwhere(x)

    dynamic = True


def nonzero(x: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """The places where `x` is not zero.

    Parameters
    ----------
    x : Tensor
    as_tuple : bool
        One tensor of indices per axis, as ``x[...]`` takes them, instead of a tensor of shape (places, axes).

    Raises
    ------
    GraphError
        Inside vmap or jit, which need shapes that do not depend on numbers.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nonzero(wb.tensor([0, 3, 4])).tolist()
    [[1], [2]]
    """
    if as_tuple and not len(x.shape):
        return nonzero(_reshape(x, shape=(1,)), as_tuple=True)
    found = argwhere(x)
    return tuple(found[:, axis] for axis in range(len(x.shape))) if as_tuple else found


@op(outputs=3, batch=_refused)
class distinct:
    """The different values, where each element stands among them, and how often each occurs."""

    def forward(xp, x, *, axis):
        values, inverse, counts = xp.unique(x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
        return values, inverse.reshape(x.shape if axis is None else (-1,)), counts

    dynamic = True


@op(outputs=3, batch=_refused)
class runs:
    """The slices along `axis` without those equal to the one before, the run of each, and how long each run is."""

    def forward(xp, x, *, axis):
        rows = xp.moveaxis(x, axis, 0)
        length = rows.shape[0]
        begins = xp.ones(length, bool)
        begins[1:] = (rows[1:] != rows[:-1]).reshape(length - 1, math.prod(rows.shape[1:])).any(axis=1) if length else begins
        starts = xp.nonzero(begins)[0]
        counts = xp.diff(xp.concatenate([starts, xp.asarray([length])]))
        return xp.moveaxis(rows[starts], 0, axis), xp.cumsum(begins) - 1, counts

    dynamic = True


def _chosen(found: tuple, inverse: bool, counts: bool) -> Any:
    wanted = (found[0], *(found[1:2] if inverse else ()), *(found[2:] if counts else ()))
    return wanted if len(wanted) > 1 else wanted[0]


def unique(x: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None,
           *, axis: int | None = None) -> Any:
    """The different elements (or, with `dim`, slices), in order.

    Parameters
    ----------
    x : Tensor
    sorted : bool
        In order; here they are in any case.
    return_inverse : bool
        Also where each element stands among them.
    return_counts : bool
        Also how often each occurs.
    dim : int, optional
        Compare slices along this axis; None: elements.

    Raises
    ------
    GraphError
        Inside vmap or jit.

    Notes
    -----
    Every NaN is different from all others.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.unique(wb.tensor([3, 1, 3])).tolist()
    [1, 3]
    """
    dim = axis if dim is None else dim
    if dim is None and len(x.shape) != 1:
        flat = distinct(_reshape(x, shape=(-1,)), axis=None)
        return _chosen((flat[0], _reshape(flat[1], shape=tuple(x.shape)), flat[2]), return_inverse, return_counts)
    return _chosen(distinct(x, axis=None if dim is None else axis_of(dim, len(x.shape), "unique")), return_inverse, return_counts)


def unique_consecutive(x: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None,
                       *, axis: int | None = None) -> Any:
    """The elements (or slices along `dim`) without those equal to the one before; parameters as `unique`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.unique_consecutive(wb.tensor([1, 1, 2, 1])).tolist()
    [1, 2, 1]
    """
    dim = axis if dim is None else dim
    if dim is None:
        found = runs(_reshape(x, shape=(-1,)), axis=0)
        return _chosen((found[0], _reshape(found[1], shape=tuple(x.shape)), found[2]), return_inverse, return_counts)
    return _chosen(runs(x, axis=axis_of(dim, len(x.shape), "unique_consecutive")), return_inverse, return_counts)


__all__ = ["argwhere", "nonzero", "unique", "unique_consecutive"]

"""Copies of a tensor with a part replaced: slices, diagonals, rows named by an index, places where a mask holds.

Apart from `index`, which has the one op that writes; each function here is a key for it. All are differentiable in the
tensor and in what is written.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import arrays
from ..backend.dtypes import int64
from ..core.errors import ArgumentError, AxisError, DTypeError, ShapeError
from ..core.tensor import Tensor, as_tensor
from .index import clip, index, put_at, take, where
from .index_batching import SLOT
from .movement import _broadcast_to, _cast, _moveaxis, _reshape, axes_of, axis_of
from .scan import cumsum
from .scatter import check_range, scatter_reduce
from .shaping import broadcast_tensors


def _row_key(x: Tensor, dim: int, rows: Tensor, what: str) -> tuple[int, Tensor]:
    """The axis counted from the front, and the index tensor of one axis; errors before anything is computed."""
    dim = axis_of(dim, len(x.shape), what)
    if rows.dtype.kind not in "iu":
        raise DTypeError(f"{what}: an index of dtype {rows.dtype}; expected integers (convert with .long())")
    if len(rows.shape) > 1:
        raise ShapeError(f"{what}: an index of shape {tuple(rows.shape)}; expected one axis")
    if type(rows) is Tensor:
        check_range(rows.data, x.shape[dim], what, dim)
    return dim, rows if len(rows.shape) else _reshape(rows, shape=(1,))


def _check_source(x: Tensor, dim: int, rows: Tensor, source: Tensor, what: str) -> Tensor:
    """`source` with the axes of `x`."""
    if source.dtype is not x.dtype:
        raise DTypeError(f"{what}: a source of dtype {source.dtype} for a tensor of dtype {x.dtype}; convert it with .to(x.dtype)")
    wanted = (*x.shape[:dim], rows.shape[0], *x.shape[dim + 1:])
    if not len(source.shape) and wanted == (1,):
        source = _reshape(source, shape=(1,))
    if tuple(source.shape) != wanted:
        raise ShapeError(f"{what}: a source of shape {tuple(source.shape)} for {rows.shape[0]} indices along axis {dim} of a tensor of shape "
                         f"{tuple(x.shape)}; expected {wanted}")
    return source


def _rows_written(x: Tensor, dim: int, rows: Tensor, source: Tensor | float, what: str, *, accumulate: bool = False) -> Tensor:
    if not len(x.shape):
        full = source if not isinstance(source, Tensor) else _reshape(source, shape=(1,)) if source.size == 1 else source
        return _reshape(_rows_written(_reshape(x, shape=(1,)), dim, rows, full, what, accumulate=accumulate), shape=())
    dim, rows = _row_key(x, dim, rows, what)
    if isinstance(source, Tensor):
        source = _check_source(x, dim, rows, source, what)
    else:
        source = as_tensor(source, dtype=x.dtype)
    return put_at(x, source, rows, template=(slice(None),) * dim + (SLOT,), accumulate=accumulate)


def index_add(x: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """A copy of `x` in which the slice ``index[i]`` along `dim` has ``alpha * source[i]`` added; repeated indices add up.

    Parameters
    ----------
    x : Tensor
    dim : int
    index : Tensor
        Integers, one axis.
    source : Tensor
        The shape of `x`, but as long as `index` along `dim`; the same dtype.
    alpha : float

    Raises
    ------
    ShapeError, DTypeError, AxisError
        Shapes or dtypes do not fit, or an index is out of range.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.index_add(wb.zeros(3), 0, wb.tensor([2, 2]), wb.ones(2)).tolist()
    [0.0, 0.0, 2.0]
    """
    return _rows_written(x, dim, index, source if alpha == 1 else source * alpha, "index_add", accumulate=True)


def index_copy(x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of `x` in which the slice ``index[i]`` along `dim` is ``source[i]``; parameters and errors as `index_add`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.index_copy(wb.zeros(3), 0, wb.tensor([2, 0]), wb.tensor([1.0, 5.0])).tolist()
    [5.0, 0.0, 1.0]
    """
    return _rows_written(x, dim, index, source, "index_copy")


def index_fill(x: Tensor, dim: int, index: Tensor, value: Tensor | float) -> Tensor:
    """A copy of `x` in which the slices at `index` along `dim` are filled with one number.

    Raises
    ------
    ShapeError
        `value` is a tensor with axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.index_fill(wb.zeros(3), 0, wb.tensor([0, 2]), 7).tolist()
    [7.0, 0.0, 7.0]
    """
    if isinstance(value, Tensor):
        if len(value.shape):
            raise ShapeError(f"index_fill: a value of shape {tuple(value.shape)}; expected one number")
        value = _cast(value, dtype=x.dtype)
        if len(x.shape):
            dim, rows = _row_key(x, dim, index, "index_fill")  # a mask, as an index named twice is filled once
            there = put_at(as_tensor(np.zeros(x.shape[dim], bool)), as_tensor(True), rows, template=(SLOT,), accumulate=False)
            return where(_reshape(there, shape=(-1, *(1,) * (len(x.shape) - dim - 1))), value, x)
    return _rows_written(x, dim, index, value, "index_fill")


def index_reduce(x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True) -> Tensor:
    """A copy of `x` in which slices along `dim` are reduced with the slices of `source` sent there by `index`.

    Parameters
    ----------
    x, dim, index, source
        As in `index_add`.
    reduce : str
        ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
    include_self : bool
        The elements of `x` take part.

    Raises
    ------
    ArgumentError
        `reduce` is unknown; otherwise as `index_add`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.index_reduce(wb.ones(2), 0, wb.tensor([1, 1]), wb.tensor([3.0, 4.0]), "prod").tolist()
    [1.0, 12.0]
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ArgumentError(f"index_reduce: reduce={reduce!r}; expected prod, mean, amax or amin (index_add sums)")
    if not len(x.shape):
        row = _reshape(source, shape=(1,)) if source.size == 1 else source
        return _reshape(index_reduce(_reshape(x, shape=(1,)), dim, index, row, reduce, include_self=include_self), shape=())
    dim, rows = _row_key(x, dim, index, "index_reduce")
    source = _check_source(x, dim, rows, source, "index_reduce")
    places = _broadcast_to(_reshape(rows, shape=(rows.shape[0], *(1,) * (len(x.shape) - dim - 1))), shape=tuple(source.shape))
    return scatter_reduce(x, dim, places, source, reduce, include_self=include_self)


def put(x: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `x` in which the elements at `index`, counted through all axes, are replaced by those of `source`.

    Parameters
    ----------
    x : Tensor
    index : Tensor
        Integers of any shape.
    source : Tensor
        As many elements as `index`, in the dtype of `x`.
    accumulate : bool
        Add instead of replacing.

    Raises
    ------
    ShapeError, DTypeError, AxisError
        Sizes or dtypes differ, or an index is out of range.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.put(wb.zeros((2, 2)), wb.tensor([3, 0]), wb.tensor([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    if index.dtype.kind not in "iu":
        raise DTypeError(f"put: an index of dtype {index.dtype}; expected integers (convert with .long())")
    if source.dtype is not x.dtype:
        raise DTypeError(f"put: a source of dtype {source.dtype} for a tensor of dtype {x.dtype}; convert it with .to(x.dtype)")
    if np.prod(index.shape) != np.prod(source.shape):
        raise ShapeError(f"put: {int(np.prod(source.shape))} numbers for {int(np.prod(index.shape))} indices; expected as many")
    flat = put_at(_reshape(x, shape=(-1,)), _reshape(source, shape=(-1,)), _reshape(index, shape=(-1,)), template=(SLOT,), accumulate=accumulate)
    return _reshape(flat, shape=tuple(x.shape))


def masked_scatter(x: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy of `x` in which the elements where `mask` holds are replaced by those of `source`, in order.

    Parameters
    ----------
    x : Tensor
    mask : Tensor
        Booleans; broadcasts with `x`.
    source : Tensor
        At least as many elements as the mask holds, in the dtype of `x`.

    Raises
    ------
    DTypeError, ShapeError
        `mask` is no mask, dtypes differ, or `source` has too few elements.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.masked_scatter(wb.zeros(3), wb.tensor([True, False, True]), wb.tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 0.0, 2.0]
    """
    if mask.dtype.kind != "b":
        raise DTypeError(f"masked_scatter: a mask of dtype {mask.dtype}; expected booleans")
    if source.dtype is not x.dtype:
        raise DTypeError(f"masked_scatter: a source of dtype {source.dtype} for a tensor of dtype {x.dtype}; convert it with .to(x.dtype)")
    x, mask = broadcast_tensors(x, mask)
    if type(mask) is Tensor and int(mask.data.sum()) > np.prod(source.shape):
        raise ShapeError(f"masked_scatter: {int(np.prod(source.shape))} numbers for a mask that holds at {int(mask.data.sum())} places")
    if not np.prod(source.shape):
        return x
    order = clip(cumsum(_cast(_reshape(mask, shape=(-1,)), dtype=int64), 0) - 1, 0, int(np.prod(source.shape)) - 1)
    return where(mask, _reshape(take(source, order), shape=tuple(x.shape)), x)


def _written_part(x: Tensor, src: Tensor, key: tuple, what: str) -> Tensor:
    wanted = np.broadcast_to(np.empty(()), tuple(x.shape))[key].shape
    if tuple(src.shape) != wanted:
        raise ShapeError(f"{what}: numbers of shape {tuple(src.shape)} for a part of shape {wanted}")
    return put_at(x, _cast(src, dtype=x.dtype), template=key, accumulate=False)


def slice_scatter(x: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """A copy of `x` with ``x[start:end:step]`` along `dim` replaced by `src`.

    Raises
    ------
    ShapeError
        `src` has not the shape of that part.
    ArgumentError
        `step` is below 1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.slice_scatter(wb.zeros(4), wb.ones(2), start=1, end=3).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    if step < 1:
        raise ArgumentError(f"slice_scatter: step={step}; expected at least 1")
    dim = axis_of(dim, len(x.shape), "slice_scatter")
    return _written_part(x, src, (slice(None),) * dim + (slice(start, end, step), Ellipsis), "slice_scatter")


def select_scatter(x: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of `x` with the slice `index` along `dim` replaced by `src`.

    Raises
    ------
    ShapeError, AxisError
        `src` has not the shape of that slice, or there is no such slice.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.select_scatter(wb.zeros((2, 2)), wb.ones(2), 0, 1).tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    dim = axis_of(dim, len(x.shape), "select_scatter")
    if not -x.shape[dim] <= index < x.shape[dim]:
        raise AxisError(f"select_scatter: index {index} is out of range for axis {dim} of length {x.shape[dim]}")
    return _written_part(x, src, (slice(None),) * dim + (index, Ellipsis), "select_scatter")


def diagonal_scatter(x: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of `x` with a diagonal replaced by `src`, whose last axis runs along the diagonal.

    Raises
    ------
    ShapeError
        `src` has not the shape of `diagonal(x, offset, dim1, dim2)`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.diagonal_scatter(wb.zeros((2, 2)), wb.ones(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    first, second = axes_of((dim1, dim2), len(x.shape), "diagonal_scatter")
    rows, columns = x.shape[first], x.shape[second]
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    wanted = (*(n for a, n in enumerate(x.shape) if a not in (first, second)), length)
    if tuple(src.shape) != wanted:
        raise ShapeError(f"diagonal_scatter: numbers of shape {tuple(src.shape)} for a diagonal of shape {wanted}")
    device = x.device if isinstance(x, Tensor) else arrays.device_of(x)
    down, right = (Tensor(arrays.to_device(np.arange(length) + max(shift, 0), device)) for shift in (-offset, offset))
    template: list[Any] = [slice(None)] * len(x.shape)
    template[first] = template[second] = SLOT
    key = (down, right) if first < second else (right, down)
    together = abs(first - second) == 1
    at = min(first, second) if together else 0
    value = _moveaxis(_cast(src, dtype=x.dtype), source=len(src.shape) - 1, destination=at)
    return put_at(x, value, *key, template=tuple(template), accumulate=False)


def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    """The elements of `x` where `mask` holds, along one axis; the two broadcast against each other.

    Raises
    ------
    DTypeError
        `mask` is no mask.
    GraphError
        Inside vmap, where examples could have different numbers of them.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.masked_select(wb.tensor([5, 6, 7]), wb.tensor([True, False, True])).tolist()
    [5, 7]
    """
    if mask.dtype.kind != "b":
        raise DTypeError(f"masked_select: a mask of dtype {mask.dtype}; expected booleans")
    return index(*broadcast_tensors(x, mask))


__all__ = ["index_add", "index_copy", "index_fill", "index_reduce", "put", "masked_scatter", "slice_scatter", "select_scatter",
           "diagonal_scatter", "masked_select"]

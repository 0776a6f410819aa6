"""Tensors put together and cut apart: stacking, splitting, repeating, grids and combinations.

Apart from `movement`, whose declared ops everything here is made of.
"""
from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import arrays
from ..backend.arrays import PYTHON_SCALARS
from ..core.errors import ArgumentError, DTypeError, GraphError, ShapeError
from ..core.tensor import Tensor, as_tensor
from .convert import clone
from .index import take
from .layout import contiguous
from .movement import _broadcast_to, _ints, _reshape, axis_of, concat, expand_dims, narrow_raw, stack, transpose
from .shaping import atleast_1d, atleast_2d, atleast_3d


def split(x: Tensor, split_size_or_sections: int | Sequence[int], axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Cut along `axis` into parts of a size (the last may be smaller) or of the sizes given.

    Examples
    --------
    >>> import workbench as wb
    >>> [part.tolist() for part in wb.arange(5).split(2)]
    [[0, 1], [2, 3], [4]]
    """
    axis = axis_of(axis if dim is None else dim, len(x.shape), "split")
    length = x.shape[axis]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 1:
            raise ArgumentError(f"split: a size of {size}; expected at least 1")
        sizes = [min(size, length - start) for start in range(0, length, size)]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != length:
            raise ShapeError(f"split: sizes {sizes} add up to {sum(sizes)}, but axis {axis} has length {length}")
    starts = np.cumsum([0, *sizes])
    return tuple(narrow_raw(x, axis, int(a), int(b)) for a, b in zip(starts[:-1], starts[1:], strict=True))


def chunk(x: Tensor, chunks: int, axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Cut along `axis` into at most `chunks` parts of equal size (the last may be smaller).

    Examples
    --------
    >>> import workbench as wb
    >>> [part.shape for part in wb.zeros((5, 2)).chunk(2)]
    [(3, 2), (2, 2)]
    """
    if chunks < 1:
        raise ArgumentError(f"chunk: chunks={chunks}; expected at least 1")
    axis = axis_of(axis if dim is None else dim, len(x.shape), "chunk")
    return split(x, max(1, -(-x.shape[axis] // chunks)), axis)


def unbind(x: Tensor, axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """The slices along `axis`, that axis removed.

    Examples
    --------
    >>> import workbench as wb
    >>> len(wb.zeros((3, 2)).unbind())
    3
    """
    axis = axis_of(axis if dim is None else dim, len(x.shape), "unbind")
    return tuple(narrow_raw(x, axis, i, None) for i in range(x.shape[axis]))


def tile(x: Tensor, *repeats: int | Sequence[int]) -> Tensor:
    """`x` repeated `repeats` times along each axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.tensor([1, 2]).tile(2, 2).tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    counts = _ints(repeats)
    if all(n == 1 for n in counts) and len(counts) <= len(x.shape):
        return clone(x)
    ndim = max(len(counts), len(x.shape))
    counts, shape = (1,) * (ndim - len(counts)) + tuple(counts), (1,) * (ndim - len(x.shape)) + tuple(x.shape)
    spread = _broadcast_to(_reshape(x, shape=tuple(n for s in shape for n in (1, s))),
                           shape=tuple(n for c, s in zip(counts, shape, strict=True) for n in (c, s)))
    return contiguous(_reshape(spread, shape=tuple(c * s for c, s in zip(counts, shape, strict=True))))  # a view may be left, of one row


def repeat(x: Tensor, *repeats: int | Sequence[int]) -> Tensor:
    """`x` repeated `repeats` times along each axis, as `tile`, but with a number for every axis.

    Raises
    ------
    ShapeError
        Fewer numbers than axes, or a negative one.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.tensor([1, 2]).repeat(2, 2).tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    counts = tuple(_ints(repeats))
    if len(counts) < len(x.shape):
        raise ShapeError(f"repeat: {len(counts)} numbers for a tensor with {len(x.shape)} axes; expected one for each (tile fills in ones)")
    if any(n < 0 for n in counts):
        raise ShapeError(f"repeat: {counts} repeats; expected no negative number")
    return tile(x, counts)


def repeat_interleave(x: Tensor, repeats: int | Tensor | None = None, dim: int | None = None, *, output_size: int | None = None,
                      axis: int | None = None) -> Tensor:
    """Every element repeated before the next one comes.

    Parameters
    ----------
    x : Tensor
        Alone, it holds the numbers of repeats, and the result is the indices: ``[2, 1]`` gives ``[0, 0, 1]``.
    repeats : int or Tensor
        How often; a tensor has one number for each element along the axis.
    dim : int, optional
        None: of the flattened tensor.
    output_size : int, optional
        The length of the result, checked if it is given.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        `repeats` does not fit, is no integer, or is negative.
    GraphError
        Inside vmap or jit with `repeats` a tensor, where its numbers are not known.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.repeat_interleave(wb.tensor([5, 7]), 2).tolist()
    [5, 5, 7, 7]
    """
    if repeats is None:
        return _interleaved_indices(x, None, output_size)
    dim = axis if dim is None else dim
    if dim is None:
        x, dim = _reshape(x, shape=(-1,)), 0
    row = x if len(x.shape) else _reshape(x, shape=(1,))
    dim = axis_of(dim, len(row.shape), "repeat_interleave")
    if isinstance(repeats, int) or (isinstance(repeats, Tensor) and type(repeats) is Tensor and repeats.size == 1):
        count = repeats if isinstance(repeats, int) else int(repeats.item())
        if count < 0:
            raise ArgumentError(f"repeat_interleave: repeats={count}; expected no negative number")
        _check_length(count * row.shape[dim], output_size)
        if count == 1:
            return clone(row)
        spread = _broadcast_to(expand_dims(row, dim + 1), shape=(*row.shape[:dim + 1], count, *row.shape[dim + 1:]))
        return _reshape(spread, shape=(*row.shape[:dim], count * row.shape[dim], *row.shape[dim + 1:]))
    return take(row, _interleaved_indices(as_tensor(repeats), row.shape[dim], output_size), dim)


def _interleaved_indices(repeats: Tensor, length: int | None, output_size: int | None) -> Tensor:
    if type(repeats) is not Tensor:
        raise GraphError(f"repeat_interleave: the length of the result is not known inside {type(repeats).transformation}; "
                         "give the repeats as a number, or compute it outside")
    if repeats.dtype.kind not in "iu":
        raise DTypeError(f"repeat_interleave: repeats of dtype {repeats.dtype}; expected integers")
    if len(repeats.shape) != 1 or (length is not None and repeats.shape[0] != length):
        raise ShapeError(f"repeat_interleave: repeats of shape {tuple(repeats.shape)}; expected one number"
                         + ("" if length is None else f", or {length} of them, one for each element along the axis"))
    counts = arrays.to_device(repeats.data, "cpu")
    if counts.size and counts.min() < 0:
        raise ArgumentError(f"repeat_interleave: repeats={int(counts.min())}; expected no negative number")
    _check_length(int(counts.sum()), output_size)
    return Tensor(arrays.to_device(np.repeat(np.arange(counts.size), counts), repeats.device))


def _check_length(length: int, output_size: int | None) -> None:
    if output_size is not None and output_size != length:
        raise ShapeError(f"repeat_interleave: output_size={output_size}, but the result has length {length}")


def split_with_sizes(x: Tensor, split_sizes: Sequence[int], axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Cut along `axis` into parts of the sizes given; see `split`.

    Examples
    --------
    >>> import workbench as wb
    >>> [part.tolist() for part in wb.arange(3).split_with_sizes([1, 2])]
    [[0], [1, 2]]
    """
    return split(x, list(split_sizes), axis, dim=dim)


def tensor_split(x: Tensor, indices_or_sections: int | Sequence[int] | Tensor, axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Cut along `axis` into a number of parts whose sizes differ by one at most, or before the indices given.

    Parameters
    ----------
    x : Tensor
        At least one axis.
    indices_or_sections : int, sequence of int or Tensor
    axis : int

    Raises
    ------
    ShapeError
        `x` has no axis.
    ArgumentError
        Fewer than one part.

    Examples
    --------
    >>> import workbench as wb
    >>> [part.tolist() for part in wb.arange(5).tensor_split(2)]
    [[0, 1, 2], [3, 4]]
    """
    if not len(x.shape):
        raise ShapeError("tensor_split: a tensor without axes cannot be split; reshape it to (1,)")
    axis = axis_of(axis if dim is None else dim, len(x.shape), "tensor_split")
    length = x.shape[axis]
    if isinstance(indices_or_sections, Tensor):
        if indices_or_sections.dtype.kind not in "iu" or len(indices_or_sections.shape) > 1:
            raise DTypeError(f"tensor_split: indices of dtype {indices_or_sections.dtype} and shape {tuple(indices_or_sections.shape)}; "
                             "expected integers with one axis at most")
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        if indices_or_sections < 1:
            raise ArgumentError(f"tensor_split: {indices_or_sections} parts; expected at least 1")
        small, more = divmod(length, indices_or_sections)
        ends = list(itertools.accumulate(small + (part < more) for part in range(indices_or_sections)))[:-1]
    else:
        ends = [slice(None, end).indices(length)[1] for end in indices_or_sections]
    return tuple(narrow_raw(x, axis, start, max(start, stop)) for start, stop in zip([0, *ends], [*ends, length], strict=True))


def _split_along(x: Tensor, indices_or_sections: int | Sequence[int], axis: int, needed: int, what: str) -> tuple[Tensor, ...]:
    if len(x.shape) < needed:
        raise ShapeError(f"{what}: a tensor of shape {tuple(x.shape)}; expected at least {needed} axes")
    if isinstance(indices_or_sections, str):
        raise ArgumentError(f"{what}: indices_or_sections={indices_or_sections!r}; expected how many parts, or where to cut")
    if isinstance(indices_or_sections, int) and (indices_or_sections < 1 or x.shape[axis] % indices_or_sections):
        raise ShapeError(f"{what}: axis {axis} of length {x.shape[axis]} cannot be cut into {indices_or_sections} equal parts; "
                         "tensor_split allows unequal ones")
    return tensor_split(x, indices_or_sections, axis)


def hsplit(x: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Cut into columns: along the second axis, or the only one.

    Raises
    ------
    ShapeError
        No axis, or a length that the number of parts does not divide.

    Examples
    --------
    >>> import workbench as wb
    >>> [part.tolist() for part in wb.hsplit(wb.tensor([[1, 2], [3, 4]]), 2)]
    [[[1], [3]], [[2], [4]]]
    """
    return _split_along(x, indices_or_sections, 0 if len(x.shape) == 1 else 1, 1, "hsplit")


def vsplit(x: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Cut into rows: along the first axis of at least two.

    Examples
    --------
    >>> import workbench as wb
    >>> [part.tolist() for part in wb.vsplit(wb.tensor([[1, 2], [3, 4]]), 2)]
    [[[1, 2]], [[3, 4]]]
    """
    return _split_along(x, indices_or_sections, 0, 2, "vsplit")


def dsplit(x: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Cut into layers: along the third axis.

    Examples
    --------
    >>> import workbench as wb
    >>> [part.shape for part in wb.dsplit(wb.zeros((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return _split_along(x, indices_or_sections, 2, 3, "dsplit")


def _all(tensors: Any, what: str) -> list[Tensor]:
    parts = [as_tensor(part) if type(part) in PYTHON_SCALARS else part for part in tensors]
    if not parts:
        raise ArgumentError(f"{what}: expected at least one tensor, got an empty sequence")
    return parts


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join along the second axis, vectors along their only one.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.hstack([wb.tensor([1, 2]), wb.tensor([3])]).tolist()
    [1, 2, 3]
    """
    parts = [atleast_1d(part) for part in _all(tensors, "hstack")]
    return concat(parts, axis=0 if len(parts[0].shape) == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join along the first axis, vectors as rows.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vstack([wb.tensor([1, 2]), wb.tensor([3, 4])]).tolist()
    [[1, 2], [3, 4]]
    """
    return concat([atleast_2d(part) for part in _all(tensors, "vstack")], axis=0)


row_stack = vstack


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join along the third axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.dstack([wb.tensor([1, 2]), wb.tensor([3, 4])]).tolist()
    [[[1, 3], [2, 4]]]
    """
    return concat([atleast_3d(part) for part in _all(tensors, "dstack")], axis=2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Join along the second axis, numbers and vectors as columns.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.column_stack([wb.tensor([1, 2]), wb.tensor([3, 4])]).tolist()
    [[1, 3], [2, 4]]
    """
    columns = [part if len(part.shape) > 1 else _reshape(part, shape=(math.prod(part.shape), 1)) for part in _all(tensors, "column_stack")]
    return concat(columns, axis=1)


def meshgrid(*tensors: Tensor | Sequence[Tensor], indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinate grids from vectors.

    Parameters
    ----------
    *tensors : Tensor
        One axis, or none; all of the same dtype. One list of them will do.
    indexing : str
        ``"ij"``: the first tensor runs along the first axis; ``"xy"``: along the second.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        A tensor with more axes, different dtypes, another word for `indexing`.

    Examples
    --------
    >>> import workbench as wb
    >>> [g.shape for g in wb.meshgrid(wb.arange(2), wb.arange(3))]
    [(2, 3), (2, 3)]
    """
    parts = _vectors(tensors, "meshgrid")
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"meshgrid: indexing={indexing!r}; expected 'ij' or 'xy'")
    lengths = tuple(part.shape[0] for part in parts)
    grids = [_broadcast_to(_reshape(part, shape=(1,) * i + (lengths[i],) + (1,) * (len(parts) - i - 1)), shape=lengths)
             for i, part in enumerate(parts)]
    return tuple(transpose(grid, 0, 1) if indexing == "xy" and len(grids) > 1 else grid for grid in grids)


def _vectors(tensors: tuple, what: str) -> list[Tensor]:
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    parts = [_reshape(part, shape=(1,)) if not len(part.shape) else part for part in _all(tensors, what)]
    for part in parts:
        if len(part.shape) != 1:
            raise ShapeError(f"{what}: a tensor of shape {tuple(part.shape)}; expected one axis")
        if part.dtype is not parts[0].dtype:
            raise DTypeError(f"{what}: tensors of dtypes {parts[0].dtype} and {part.dtype}; expected the same")
    return parts


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Every combination of one element of each vector, one row each.

    Raises
    ------
    ShapeError, DTypeError
        A tensor has not one axis, or another dtype.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cartesian_prod(wb.tensor([1, 2]), wb.tensor([4, 5])).tolist()
    [[1, 4], [1, 5], [2, 4], [2, 5]]
    """
    parts = _vectors(tensors, "cartesian_prod")
    if len(parts) == 1:
        return parts[0]
    return stack([_reshape(grid, shape=(-1,)) for grid in meshgrid(*parts)], axis=1)


def combinations(x: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of `r` elements of a vector, in order, one row each.

    Parameters
    ----------
    x : Tensor
        One axis.
    r : int
        How many; not negative.
    with_replacement : bool
        An element may be chosen again.

    Raises
    ------
    ShapeError, ArgumentError
        `x` has not one axis, or `r` is negative.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.combinations(wb.tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    if len(x.shape) != 1:
        raise ShapeError(f"combinations: a tensor of shape {tuple(x.shape)}; expected one axis")
    if r < 0:
        raise ArgumentError(f"combinations: r={r}; expected no negative number")
    if r == 0:
        return _reshape(x[:0], shape=(0,))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(x.shape[0]), r)), dtype=np.int64).reshape(-1, r)
    return take(x, Tensor(arrays.to_device(rows, x.device if isinstance(x, Tensor) else "cpu")), 0)


__all__ = ["split", "chunk", "unbind", "tile", "repeat", "repeat_interleave", "split_with_sizes", "tensor_split", "hsplit", "vsplit", "dsplit",
           "hstack", "vstack", "row_stack", "dstack", "column_stack", "meshgrid", "cartesian_prod", "combinations"]

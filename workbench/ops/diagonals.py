"""Diagonals: taken out of matrices, put into them, summed.

Two declared ops on the last two axes, the transposes of each other, and the public functions over them.
"""
from __future__ import annotations

import builtins

import numpy as np

from ..backend import arrays
from ..core import batching
from ..core.declare import op
from ..core.errors import ShapeError
from ..core.tensor import Tensor
from .convert import clone
from .index import where
from .movement import _reshape, axes_of, concat, moveaxis, pad_constant
from .reduce import sum


@op(batch=batching.trailing)
class diagonal_last:
    """The diagonal of the last two axes."""

    def forward(xp, x, *, offset):
        found = xp.diagonal(x, offset, axis1=-2, axis2=-1)
        if xp is np:  # which refuses writes into the diagonal unless asked
            found.flags.writeable = x.flags.writeable
        return found

    def vjp(g, xs, *, offset):
        return place_diagonal(g, offset=offset, rows=xs[-2], columns=xs[-1])

    def put(x, value, *, offset):
        rows, columns = x.shape[-2:]
        mask = arrays.to_device(np.eye(rows, columns, offset, dtype=bool), x.device if isinstance(x, Tensor) else arrays.device_of(x))
        return where(mask, place_diagonal(value, offset=offset, rows=rows, columns=columns), x)

    linear = (0,)


@op(batch=batching.trailing)
class place_diagonal:
    """Matrices of zeros with `x` on a diagonal."""

    def forward(xp, x, *, offset, rows, columns):
        out = xp.zeros((*x.shape[:-1], rows, columns), x.dtype)
        i = xp.arange(x.shape[-1])
        out[..., i + max(-offset, 0), i + max(offset, 0)] = x
        return out

    def vjp(g, *, offset, rows, columns):
        return diagonal_last(g, offset=offset)

    linear = (0,)


def diagonal(x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two axes, as a new last axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.diagonal(wb.tensor([[1, 2], [3, 4]])).tolist()
    [1, 4]
    """
    axes = axes_of((dim1, dim2), len(x.shape), "diagonal")
    return diagonal_last(moveaxis(x, axes, (-2, -1)), offset=offset)


def diag(x: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with vector `x` on a diagonal, or a copy of the diagonal of matrix `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.diag(wb.tensor([1, 2])).tolist()
    [[1, 0], [0, 2]]
    """
    if len(x.shape) == 1:
        size = x.shape[0] + (diagonal if diagonal >= 0 else -diagonal)
        return place_diagonal(x, offset=diagonal, rows=size, columns=size)
    if len(x.shape) != 2:
        raise ShapeError(f"diag: expected a vector or a matrix, got a tensor of shape {tuple(x.shape)}; use diagonal or diag_embed for a batch")
    return clone(diagonal_last(x, offset=diagonal))


def trace(x: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.trace(wb.eye(3)).item()
    3.0
    """
    if len(x.shape) != 2:
        raise ShapeError(f"trace: expected a matrix, got a tensor of shape {tuple(x.shape)}; use diagonal(...).sum(-1) for a batch")
    return sum(diagonal_last(x, offset=0), axis=-1)


def diag_embed(x: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices of zeros with the last axis of `x` on a diagonal; their axes are `dim1` and `dim2` of the result.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.diag_embed(wb.ones(2, 3)).shape
    (2, 3, 3)
    """
    axes = axes_of((dim1, dim2), len(x.shape) + 1, "diag_embed")
    size = x.shape[-1] + (offset if offset >= 0 else -offset)
    return moveaxis(place_diagonal(x, offset=offset, rows=size, columns=size), (-2, -1), axes)


def diagflat(x: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements of `x` on a diagonal.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.diagflat(wb.tensor([[1, 2]])).tolist()
    [[1, 0], [0, 2]]
    """
    return diag(_reshape(x, shape=(-1,)), offset)


def block_diag(*tensors: Tensor) -> Tensor:
    """One matrix with these along its diagonal and zeros elsewhere; vectors are rows, numbers are 1 by 1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.block_diag(wb.ones(1, 2), wb.tensor(3.0)).tolist()
    [[1.0, 1.0, 0.0], [0.0, 0.0, 3.0]]
    """
    blocks = [_reshape(x, shape=(1,) * (2 - len(x.shape)) + tuple(x.shape)) for x in tensors]
    if any(len(block.shape) > 2 for block in blocks):
        raise ShapeError(f"block_diag: expected matrices, vectors or numbers, got tensors of shapes {', '.join(str(tuple(x.shape)) for x in tensors)}")
    width = builtins.sum(block.shape[1] for block in blocks)
    rows, before = [], 0
    for block in blocks:
        after = width - before - block.shape[1]
        rows.append(pad_constant(block, widths=((0, 0), (before, after))))
        before += block.shape[1]
    return concat(rows)


__all__ = ["diagonal", "diag", "trace", "diag_embed", "diagflat", "block_diag"]

"""Matrices: diagonals and traces."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core.declare import op
from ..core.op import Op
from ..core.tensor import Tensor
from .index import where
from .movement import axes_of, moveaxis
from .reduce import sum


def _trailing_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    return op.call(*values, **params)


@op(batch=_trailing_batch)
class diagonal_last:
    """The diagonal of the last two axes."""

    def forward(xp, x, *, offset):
        return xp.diagonal(x, offset, axis1=-2, axis2=-1)

    def vjp(g, xs, *, offset):
        return place_diagonal(g, offset=offset, rows=xs[-2], columns=xs[-1])

    def put(x, value, *, offset):
        rows, columns = x.shape[-2:]
        return where(np.eye(rows, columns, offset, dtype=bool), place_diagonal(value, offset=offset, rows=rows, columns=columns), x)

    linear = (0,)


@op(batch=_trailing_batch)
class place_diagonal:
    """Matrices of zeros with `x` on a diagonal."""

    def forward(xp, x, *, offset, rows, columns):
        out = xp.zeros((*x.shape[:-1], rows, columns), x.dtype)
        i = np.arange(x.shape[-1])
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
    """A matrix with vector `x` on a diagonal, or the diagonal of matrix `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.diag(wb.tensor([1, 2])).tolist()
    [[1, 0], [0, 2]]
    """
    if len(x.shape) == 1:
        size = x.shape[0] + (diagonal if diagonal >= 0 else -diagonal)
        return place_diagonal(x, offset=diagonal, rows=size, columns=size)
    return diagonal_last(x, offset=diagonal)


def trace(x: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.trace(wb.eye(3)).item()
    3.0
    """
    return sum(diagonal_last(x, offset=0), axis=-1)


__all__ = ["diagonal", "diag", "trace"]

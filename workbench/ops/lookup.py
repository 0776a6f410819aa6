"""Rows of a table, looked up so that the gradient holds those rows only."""
from __future__ import annotations

from typing import Any

from ..backend.rowsparse import RowSparse
from ..core.declare import fused
from ..core.state import STATE
from ..core.tensor import Tensor
from .index import index


def lookup_reference(weight: Tensor, rows: Tensor) -> Tensor:
    """``weight[rows]``, whose gradient is a plain array."""
    return index(weight, rows)


@fused(reference=lookup_reference, arity=2, inexact=False)
class lookup_rows:
    """``weight[rows]``; a first-order sweep leaves a `RowSparse` as the gradient of the weight."""

    def forward(xp, x, y):
        return x[y], None

    def backward(xp, g, needs, residual, x, y):
        return RowSparse(y.reshape(-1), g.reshape(-1, *x.shape[1:]), x.shape), None


lookup_rows.op.promotes = False


def lookup(weight: Any, rows: Any, sparse: bool) -> Tensor:
    """``weight[rows]``. Inside a trace, and under every transformation, gradients are plain."""
    return lookup_rows(weight, rows) if sparse and STATE.trace is None else index(weight, rows)


__all__: list[str] = []

"""The op table: one row for every declared op and public function, from which all tests of ops are made.

A function without a row fails a test, so nothing can be added without values, gradients of two orders, forward mode,
vmap, dtypes and special values being checked. Importing this needs NumPy only; PyTorch is looked up by name when a
row is compared with it.
"""
from __future__ import annotations

from .. import ops
from ..nn import functional
from . import (
    table_elementwise,
    table_fft,
    table_layers,
    table_library,
    table_linalg,
    table_losses,
    table_order,
    table_spatial,
    table_special,
    table_structured,
)
from .rows import Case, Draw, Row

ROWS: tuple[Row, ...] = (*table_elementwise.ROWS, *table_structured.ROWS, *table_library.ROWS, *table_fft.ROWS, *table_linalg.ROWS, *table_special.ROWS,
                         *table_spatial.ROWS, *table_losses.ROWS, *table_order.ROWS, *table_layers.ROWS)
ALIASES = {**table_elementwise.ALIASES, **table_linalg.ALIASES, **table_special.ALIASES, **table_order.ALIASES}
BY_NAME: dict[str, Row] = {row.name: row for row in ROWS}
NAMESPACES = ("fft", "linalg", "special")
"""Modules of `workbench.ops` whose functions are called as ``wb.fft.rfft``; rows name them ``fft.rfft``."""

__all__ = ["ALIASES", "BY_NAME", "ROWS", "Case", "Draw", "Row", "covered", "public"]


def covered() -> set[str]:
    """Every name that some row checks.

    Examples
    --------
    >>> from workbench.testing import optable
    >>> {"sin", "matmul", "conv_core"} <= optable.covered()
    True
    """
    return {*BY_NAME, *ALIASES, *(name for row in ROWS for name in row.covers)}


def public() -> set[str]:
    """Every name that needs a row.

    Examples
    --------
    >>> from workbench.testing import optable
    >>> {"sin", "fft.rfft"} <= optable.public()
    True
    """
    known = {getattr(ops, name) for name in ops.__all__}
    others = {f"nn.functional.{name}" for name in functional.__all__ if getattr(functional, name) not in known}
    return {*others, *ops.__all__, *(f"{space}.{name}" for space in NAMESPACES for name in getattr(ops, space).__all__)}

"""Declarations of every op, one family per file, and the public functions over them."""
from __future__ import annotations

from . import (
    accumulate,
    complex_parts,
    composite,
    contract,
    convert,
    create,
    diagonals,
    distance,
    elementwise,
    fft,
    fused,
    index,
    linalg,
    matrices,
    movement,
    order,
    pooling,
    products,
    quantiles,
    random,
    reduce,
    sampling,
    scan,
    scatter,
    spatial,
    special,
    window,
)
from .methods import bind, public_functions

globals().update(public_functions())
bind()
__all__ = sorted(public_functions())

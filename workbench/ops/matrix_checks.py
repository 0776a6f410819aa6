"""What every public function on matrices checks first: dtype, number of axes, squareness, fitting shapes.

Apart from `linalg` because norms, products and the functions of the top level check the same.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import DTypeError, ShapeError
from ..core.tensor import Tensor, as_tensor


def matrices(x: Any, what: str, *, square: bool = False) -> Tensor:
    """`x` if it is a matrix (or a batch of them) of a dtype that LAPACK knows; else one of our errors."""
    x = numbers(x, what)
    if len(x.shape) < 2:
        raise ShapeError(f"{what}: expected a matrix or a batch of them, got a tensor of shape {tuple(x.shape)}")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{what}: expected square matrices, got a tensor of shape {tuple(x.shape)}")
    return x


def numbers(x: Any, what: str) -> Tensor:
    """`x` if it is of single or double precision, real or complex."""
    x = as_tensor(x)
    if x.dtype.kind not in "fc" or x.dtype.itemsize < 4:
        raise DTypeError(f"{what}: expected float32, float64, complex64 or complex128, got {x.dtype}; convert with x.float()")
    return x


def same_dtype(x: Tensor, y: Tensor, what: str) -> None:
    """Refuse two different dtypes."""
    if x.dtype != y.dtype:
        raise DTypeError(f"{what}: both must have the same dtype, got {x.dtype} and {y.dtype}; convert one with .to(dtype)")


def fitting(x: Tensor, y: Tensor, what: str) -> None:
    """Can `x` @ o = `y` be solved for every pair of the batch?"""
    same_dtype(x, y, what)
    if x.shape[-2] != y.shape[-2]:
        raise ShapeError(f"{what}: shapes {tuple(x.shape)} and {tuple(y.shape)} do not fit together: the matrices have {x.shape[-2]} rows, "
                         f"the right-hand sides {y.shape[-2]}")
    try:
        np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        raise ShapeError(f"{what}: shapes {tuple(x.shape)} and {tuple(y.shape)} do not fit together: the batches do not broadcast") from None

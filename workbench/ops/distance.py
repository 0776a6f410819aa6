"""Distances between vectors: of pairs, of all pairs of two sets, of all pairs of one set; and the cosine of their angle.

All are norms of differences. A distance of zero has a gradient of zero, as in PyTorch.
"""
from __future__ import annotations

import math

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tensor import Tensor
from . import elementwise as ew
from .contract import matmul
from .index import index, where
from .movement import axes_of, broadcast_to, expand_dims, transpose
from .reduce import norm, safe_root, sum
from .resample import constant
from .shaping import broadcast_shapes

_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
MANY = 25
"""Sets with more vectors than this have their Euclidean distances computed by one matrix product, unless told otherwise."""


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norm distance of every vector of one set from every vector of another.

    Parameters
    ----------
    x1 : Tensor, shape (..., P, M)
    x2 : Tensor, shape (..., R, M)
    p : float
        0 counts the coordinates that differ, inf takes the largest difference.
    compute_mode : str
        "use_mm_for_euclid_dist_if_necessary" computes Euclidean distances by a matrix product when a set has more than 25
        vectors; "use_mm_for_euclid_dist" always, "donot_use_mm_for_euclid_dist" never (slower, but exact for near vectors).

    Returns
    -------
    Tensor, shape (..., P, R)

    Raises
    ------
    ShapeError
        If the vectors have different lengths.
    ArgumentError
        If p is negative.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cdist(wb.tensor([[0.0, 0.0]]), wb.tensor([[3.0, 4.0], [0.0, 1.0]])).tolist()
    [[5.0, 1.0]]
    """
    if len(x1.shape) < 2 or len(x2.shape) < 2:
        raise ShapeError(f"cdist: expected two sets of vectors (..., P, M) and (..., R, M), got {tuple(x1.shape)} and {tuple(x2.shape)}")
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"cdist: vectors of length {x1.shape[-1]} and {x2.shape[-1]} have no distance")
    if compute_mode not in _MODES:
        raise ArgumentError(f"cdist: compute_mode={compute_mode!r}; expected one of {', '.join(_MODES)}")
    _check("cdist", p, x1, x2)
    many = x1.shape[-2] > MANY or x2.shape[-2] > MANY
    if p == 2 and (compute_mode == _MODES[1] or (compute_mode == _MODES[0] and many)):
        return _by_product(x1, x2)
    return minkowski(expand_dims(x1, -2) - expand_dims(x2, -3), p)


def _check(what: str, p: float, *vectors: Tensor) -> None:
    if not p >= 0:
        raise ArgumentError(f"{what}: p={p}; expected a number of at least 0")
    for x in vectors:
        if x.dtype.kind not in "fV":
            raise DTypeError(f"{what}: vectors of dtype {x.dtype}; expected floating-point numbers (use .float())")


def _by_product(x1: Tensor, x2: Tensor) -> Tensor:
    """The root of |x|² - 2 x y + |y|²; rounding may take it below zero."""
    squares = sum(ew.square(x1), axis=-1, keepdims=True) + transpose(sum(ew.square(x2), axis=-1, keepdims=True))
    square = squares - 2 * matmul(x1, transpose(x2))
    return safe_root(where(ew.gt(square, 0), square, square * 0))


def minkowski(x: Tensor, p: float) -> Tensor:
    """The p-norm along the last axis, with a derivative of zero where x is zero."""
    if p in (0, 1, 2, math.inf):
        return norm(x, p, -1)
    return _power(sum(_power(ew.abs(x), p), axis=-1), 1 / p)


def _power(x: Tensor, p: float) -> Tensor:
    positive = ew.gt(x, 0)
    return where(positive, ew.pow(where(positive, x, 1.0), p), x * 0)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances of all pairs of rows (N, M): the upper triangle of `cdist` of a set with itself, row by row.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.pdist(wb.tensor([[0.0], [1.0], [3.0]])).tolist()
    [1.0, 3.0, 2.0]
    """
    if len(input.shape) != 2:
        raise ShapeError(f"pdist: expected vectors (N, M), got {tuple(input.shape)}")
    _check("pdist", p, input)
    first, second = (constant(part, input) for part in np.triu_indices(input.shape[0], 1))
    return minkowski(index(input, first) - index(input, second), p)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of ``x1 - x2 + eps`` along the last axis.

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.pairwise_distance(wb.zeros(2), wb.tensor([3.0, 4.0])).item(), 4)
    5.0
    """
    return norm(x1 - x2 + eps, p, -1, keepdims=keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between two vectors along `dim` of their common shape; lengths count as at least `eps`.

    The gradient is that of this formula also below `eps`, where PyTorch's is that of the true length.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cosine_similarity(wb.tensor([[1.0, 0.0]]), wb.tensor([[0.0, 2.0]])).tolist()
    [0.0]
    """
    for x in (x1, x2):
        if x.dtype.kind in "iub":
            raise DTypeError(f"cosine_similarity: vectors of dtype {x.dtype}; expected floating-point numbers (use .float())")
    shape = broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
    axis = (*axes_of(dim, len(shape), "cosine_similarity"), 0)[0]
    if shape and not x1.shape[axis - len(shape):][:1] == x2.shape[axis - len(shape):][:1] == shape[axis:axis + 1]:
        x1, x2 = broadcast_to(x1, shape), broadcast_to(x2, shape)
    lengths = [norm(x, 2, dim, keepdims=True) for x in (x1, x2)]
    first, second = (x / where(ew.gt(length, eps), length, eps) for x, length in zip((x1, x2), lengths, strict=True))
    return sum(first * second, axis=dim)


__all__ = ["cdist", "pdist", "pairwise_distance", "cosine_similarity"]

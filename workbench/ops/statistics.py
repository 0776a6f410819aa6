"""Covariances, correlations and counts: how numbers vary together, and how many fall into which bin.

Apart from reductions, because bins and counts need searching and sorting.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backend import arrays
from ..backend.dtypes import int64
from ..core.errors import ArgumentError, DTypeError, GraphError, ShapeError
from ..core.op import REGISTRY
from ..core.tensor import Tensor, as_tensor
from . import elementwise as ew
from .contract import matmul, mT
from .diagonals import diag
from .index import clip, where
from .movement import _cast, _reshape
from .order import searchsorted
from .ranges import linspace
from .reduce import detached, mean
from .reduce import sum as total
from .scatter import scatter_along
from .shaping import t as transposed


class Histogram(NamedTuple):
    """Counts, and the edges of the bins."""

    hist: Tensor
    bin_edges: Tensor


class HistogramDD(NamedTuple):
    """Counts in a grid, and the edges of the bins along each axis."""

    hist: Tensor
    bin_edges: tuple[Tensor, ...]


def cov(x: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None) -> Tensor:
    """The covariances of the rows of `x`, whose columns are observations.

    Parameters
    ----------
    x : Tensor
        Two axes (variables, observations), or one: a single variable. Complex ones are conjugated on the right.
    correction : int
        What is taken off the number of observations.
    fweights : Tensor, optional
        How often each observation counts (integers).
    aweights : Tensor, optional
        How much each observation weighs.

    Returns
    -------
    Tensor
        (variables, variables), or the variance of one variable.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        More than two axes, weights of another length or kind, negative weights.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cov(wb.tensor([[0.0, 2.0], [0.0, 4.0]])).tolist()
    [[2.0, 4.0], [4.0, 8.0]]
    """
    if len(x.shape) > 2 or x.dtype.kind == "b":
        raise ShapeError(f"cov: a tensor of shape {tuple(x.shape)} and dtype {x.dtype}; expected numbers with two axes at most")
    rows = _reshape(x, shape=(1, -1)) if len(x.shape) < 2 else x
    rows = rows if rows.dtype.kind in "fVc" else _cast(rows, dtype=as_tensor(0.0).dtype)
    weights = _weights(rows, fweights, aweights)
    if weights is None:
        count: Any = rows.shape[1]
        factor = count - correction
        rows = rows - mean(rows, axis=1, keepdims=True)
        right = rows
    else:
        count = total(weights)
        rows = rows - total(rows * weights, axis=1, keepdims=True) / count
        factor = count - correction if aweights is None else count - correction * total(weights * aweights) / count
        right = rows * weights
    product = matmul(rows, mT(REGISTRY["conj"].call(right) if rows.dtype.kind == "c" else right))
    # A denominator below zero counts as zero, so that too few observations give NaN or infinity.
    factor = clip(factor, min=0) if isinstance(factor, Tensor) else float(max(factor, 0))
    out = product / factor
    return _reshape(out, shape=()) if rows.shape[0] == 1 else out


def _weights(rows: Tensor, fweights: Tensor | None, aweights: Tensor | None) -> Tensor | None:
    for name, weights, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "fV")):
        if weights is None:
            continue
        if weights.dtype.kind not in kinds:
            raise DTypeError(f"cov: {name} of dtype {weights.dtype}; expected {'integers' if kinds == 'iu' else 'floating-point numbers'}")
        if len(weights.shape) > 1 or (weights.shape or (1,)) != (rows.shape[1],):
            raise ShapeError(f"cov: {name} of shape {tuple(weights.shape)} for {rows.shape[1]} observations; expected one number for each")
        if type(weights) is Tensor and weights.size and float(weights.data.min()) < 0:
            raise ArgumentError(f"cov: {name} with {float(weights.data.min())}; expected no negative number")
    real = np.zeros(0, rows.dtype).real.dtype
    cast = [_cast(weights, dtype=real) for weights in (fweights, aweights) if weights is not None]
    return None if not cast else cast[0] if len(cast) == 1 else cast[0] * cast[1]


def corrcoef(x: Tensor) -> Tensor:
    """The correlation coefficients of the rows of `x`, from -1 to 1.

    Raises
    ------
    ShapeError
        `x` has more than two axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.corrcoef(wb.tensor([[0.0, 2.0], [0.0, 4.0]])).round().tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    if len(x.shape) > 2:
        raise ShapeError(f"corrcoef: a tensor of shape {tuple(x.shape)}; expected two axes at most")
    c = cov(x)
    if not len(c.shape):  # one row
        return c / c
    deviations = ew.sqrt(REGISTRY["real"].call(diag(c)) if c.dtype.kind == "c" else diag(c))
    out = c / _reshape(deviations, shape=(-1, 1)) / deviations
    return out if c.dtype.kind == "c" else clip(out, -1, 1)


def bincount(x: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 on occurs; with `weights`, the sum of theirs.

    Parameters
    ----------
    x : Tensor
        One axis of integers, none negative.
    weights : Tensor, optional
        One number for each; float32 stays, all others become float64. Differentiable.
    minlength : int
        The least length of the result, which is one more than the largest number.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        More axes, no integers, negative ones, or weights of another length.
    GraphError
        Inside vmap or jit without knowing `x`: the length of the result depends on it.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.bincount(wb.tensor([0, 2, 2])).tolist()
    [1, 0, 2]
    """
    if x.dtype.kind not in "iu":
        raise DTypeError(f"bincount: numbers of dtype {x.dtype}; expected integers")
    if len(x.shape) != 1 or (weights is not None and tuple(weights.shape) != tuple(x.shape)):
        raise ShapeError(f"bincount: numbers of shape {tuple(x.shape)}" + ("" if weights is None else f" and weights of shape {tuple(weights.shape)}")
                         + "; expected one axis of the same length")
    if minlength < 0:
        raise ArgumentError(f"bincount: minlength={minlength}; expected no negative number")
    if type(x) is not Tensor:
        raise GraphError(f"bincount: the length of the result is not known inside {type(x).transformation}; use scatter_add into zeros of fixed length")
    lowest, highest = (int(x.data.min()), int(x.data.max())) if x.size else (0, -1)
    if lowest < 0:
        raise ArgumentError(f"bincount: a number {lowest}; expected none below 0")
    if weights is None:
        weights = Tensor(arrays.module_of(type(x.data)).ones(x.shape, int64))
    elif weights.dtype.name != "float32":
        weights = _cast(weights, dtype=np.dtype("float64"))
    return scatter_along(weights, x, axis=0, shape=(max(minlength, highest + 1),))


def _edges(x: Tensor, bins: int, low: float, high: float, what: str) -> tuple[float, float]:
    if bins < 1:
        raise ArgumentError(f"{what}: bins={bins}; expected at least 1")
    if low == high and x.size:
        if type(x) is not Tensor:
            raise GraphError(f"{what}: the range of the numbers is not known inside {type(x).transformation}; give it")
        low, high = float(x.data.min()), float(x.data.max())
    if low == high:
        low, high = low - (1 if what == "histc" else 0.5), high + (1 if what == "histc" else 0.5)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ArgumentError(f"{what}: a range from {low} to {high}; expected finite numbers")
    if low > high:
        raise ArgumentError(f"{what}: a range from {low} to {high}; the first must not be larger")
    return low, high


def _counted(x: Tensor, edges: Tensor, weight: Tensor | None) -> Tensor:
    """How many (or what weight) of the flattened `x` lie between neighbouring edges; the last bin has its upper edge."""
    bins = edges.shape[0] - 1
    flat = _reshape(detached(x), shape=(-1,))
    place = searchsorted(edges, flat, right=True) - 1
    place = where(ew.eq(flat, edges[-1]), bins - 1, place)
    inside = ew.logical_and(ew.ge(flat, edges[0]), ew.le(flat, edges[-1]))
    weight = REGISTRY["ones_like"].call(flat) if weight is None else _reshape(weight, shape=(-1,))
    return scatter_along(where(inside, weight, 0), clip(place, 0, bins - 1), axis=0, shape=(bins,))


def histc(x: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of `bins` equal parts of the interval from `min` to `max`.

    Parameters
    ----------
    x : Tensor
        Floating dtype, any shape; elements outside are left out.
    bins : int
        Default 100.
    min, max : float
        Both equal: the range of `x`.

    Returns
    -------
    Tensor
        (bins,), in the dtype of `x`.

    Raises
    ------
    ArgumentError
        No bin, `min` above `max`, or a range that is not finite.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.histc(wb.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3).tolist()
    [0.0, 2.0, 1.0, 0.0]
    """
    if x.dtype.kind not in "fV":
        raise DTypeError(f"histc: numbers of dtype {x.dtype}; expected a floating dtype (convert with .float())")
    low, high = _edges(x, bins, min, max, "histc")
    flat = _reshape(detached(x), shape=(-1,))
    place = _cast(clip(ew.floor((flat - low) * (bins / (high - low))), 0, bins - 1), dtype=int64)
    inside = ew.logical_and(ew.ge(flat, low), ew.le(flat, high))
    return scatter_along(_cast(inside, dtype=x.dtype), where(inside, place, 0), axis=0, shape=(bins,))


def histogram(x: Tensor, bins: int | Tensor = 100, *, range: tuple[float, float] | None = None, weight: Tensor | None = None,
              density: bool = False) -> Histogram:
    """How many elements fall into each bin, and the edges of the bins.

    Parameters
    ----------
    x : Tensor
        Floating dtype, any shape.
    bins : int or Tensor
        How many bins of equal width, or their edges in order.
    range : pair of float, optional
        Lowest and highest edge; by default the range of `x`.
    weight : Tensor, optional
        In the shape of `x`: what each element counts.
    density : bool
        Divide so that the integral over all bins is 1.

    Raises
    ------
    ArgumentError, ShapeError, DTypeError
        No bin, edges with more than one axis, a range beside edges, weights of another shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.histogram(wb.tensor([1.0, 2.0, 1.0]), 4, range=(0.0, 3.0)).hist.tolist()
    [0.0, 2.0, 1.0, 0.0]
    """
    _check_histogram(x, weight, "histogram")
    if isinstance(bins, Tensor):
        if len(bins.shape) != 1 or bins.dtype is not x.dtype or bins.shape[0] < 2:
            raise ShapeError(f"histogram: edges of shape {tuple(bins.shape)} and dtype {bins.dtype}; expected one axis, at least two, as {x.dtype}")
        if range is not None:
            raise ArgumentError("histogram: both edges and a range; give one of them")
        edges = bins
    else:
        low, high = _edges(x, bins, *(range or (0.0, 0.0)), "histogram")
        edges = linspace(low, high, bins + 1, dtype=x.dtype, device=x.device)
    hist = _counted(x, edges, weight)
    return Histogram(hist / (total(hist) * (edges[1:] - edges[:-1])) if density else hist, edges)


def _check_histogram(x: Tensor, weight: Tensor | None, what: str) -> None:
    if x.dtype.kind not in "fV":
        raise DTypeError(f"{what}: numbers of dtype {x.dtype}; expected a floating dtype (convert with .float())")
    if weight is not None and weight.dtype is not x.dtype:
        raise DTypeError(f"{what}: weights of dtype {weight.dtype} for numbers of dtype {x.dtype}; expected the same")
    if weight is not None and tuple(weight.shape) != tuple(x.shape if what == "histogram" else x.shape[:-1]):
        raise ShapeError(f"{what}: weights of shape {tuple(weight.shape)} for numbers of shape {tuple(x.shape)}")


def histogramdd(x: Tensor, bins: int | Sequence[int] | Sequence[Tensor], *, range: Sequence[float] | None = None,
                weight: Tensor | None = None, density: bool = False) -> HistogramDD:
    """How many points fall into each cell of a grid, and the edges of its cells.

    Parameters
    ----------
    x : Tensor
        (..., D): points with D coordinates. Floating dtype.
    bins : int, sequence of int, or sequence of Tensor
        How many cells along each axis, or their edges.
    range : sequence of float, optional
        Lowest and highest edge of each axis, 2 D numbers; by default the range of the coordinates.
    weight : Tensor, optional
        (...): what each point counts.
    density : bool
        Divide so that the integral over all cells is 1.

    Raises
    ------
    ArgumentError, ShapeError, DTypeError
        As `histogram`; `bins` or `range` for another number of coordinates.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.histogramdd(wb.tensor([[0.0, 1.0], [1.0, 0.0]]), [2, 2]).hist.tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    _check_histogram(x, weight, "histogramdd")
    if len(x.shape) < 2:
        raise ShapeError(f"histogramdd: points of shape {tuple(x.shape)}; expected (..., D)")
    axes = x.shape[-1]
    each = [bins] * axes if isinstance(bins, int) else list(bins)
    if len(each) != axes or (range is not None and len(range) != 2 * axes):
        raise ArgumentError(f"histogramdd: {len(each)} bins" + ("" if range is None else f" and {len(range)} ends of ranges")
                            + f" for points with {axes} coordinates; expected {axes} and {2 * axes}")
    points = transposed(_reshape(x, shape=(-1, axes)))
    edges = tuple(_axis_edges(points[i], part, None if range is None else tuple(range[2 * i: 2 * i + 2])) for i, part in enumerate(each))
    hist = _in_cells(detached(points), edges, weight)
    if density:
        hist = hist / total(hist)
        for axis, edge in enumerate(edges):
            hist = hist / _reshape(edge[1:] - edge[:-1], shape=(-1, *(1,) * (axes - axis - 1)))
    return HistogramDD(hist, edges)


def _axis_edges(x: Tensor, bins: int | Tensor, ends: tuple | None) -> Tensor:
    if isinstance(bins, Tensor):
        return bins
    return linspace(*_edges(x, bins, *(ends or (0.0, 0.0)), "histogramdd"), bins + 1, dtype=x.dtype, device=x.device)


def _in_cells(points: Tensor, edges: tuple[Tensor, ...], weight: Tensor | None) -> Tensor:
    """What falls into each cell; the upper edge of the grid belongs to its last cells."""
    lengths = tuple(edge.shape[0] - 1 for edge in edges)
    place: Any = 0
    inside: Any = True
    for axis, (edge, length) in enumerate(zip(edges, lengths, strict=True)):
        row = points[axis]
        here = where(ew.eq(row, edge[-1]), length - 1, searchsorted(edge, row, right=True) - 1)
        inside = ew.logical_and(inside, ew.logical_and(ew.ge(row, edge[0]), ew.le(row, edge[-1])))
        place = place * length + clip(here, 0, length - 1)
    counts = REGISTRY["ones_like"].call(points[0]) if weight is None else _reshape(weight, shape=(-1,))
    flat = scatter_along(where(inside, counts, 0), place, axis=0, shape=(math.prod(lengths),))
    return _reshape(flat, shape=lengths)


__all__ = ["cov", "corrcoef", "bincount", "histc", "histogram", "histogramdd"]

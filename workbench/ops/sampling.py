"""Sampling an image at places that are computed: `grid_sample` and the grids of affine maps.

Written in other ops: places are rounded, numbers gathered there and weighted, so the gradient reaches the image and the grid, to
any order.
"""
from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tensor import Tensor
from . import elementwise as ew
from .contract import matmul
from .index import clip, where
from .movement import _reshape, expand_dims, transpose
from .reduce import stop_gradient
from .resample import constant, cubic_weight, flat_places
from .scatter import gather_along

Neighbour = tuple[Tensor, Tensor | None]
"""Places along one axis, and the weight of what lies there (None: 1)."""


def grid_sample(input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros",
                align_corners: bool | None = None) -> Tensor:
    """The numbers of an image at the places of a grid (Jaderberg et al. 2015).

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (N, C, D, H, W)
    grid : Tensor, shape (N, H', W', 2) or (N, D', H', W', 3)
        Places (x, y) or (x, y, z); -1 and 1 are the borders of the image.
    mode : {"bilinear", "nearest", "bicubic"}
        How to weigh the neighbours; "bicubic" for images of two axes only.
    padding_mode : {"zeros", "border", "reflection"}
        What lies outside.
    align_corners : bool, optional
        Are -1 and 1 the centres of the outermost pixels instead of their edges? No by default.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (N, C, D', H', W')

    Raises
    ------
    ArgumentError
        If a mode is not known.
    ShapeError
        If image and grid do not fit.

    Examples
    --------
    >>> import workbench as wb
    >>> image = wb.arange(4.0).reshape(1, 1, 2, 2)
    >>> wb.nn.functional.grid_sample(image, wb.zeros(1, 1, 1, 2)).tolist()
    [[[[1.5]]]]
    """
    _check(input, grid, mode, padding_mode)
    lengths, align = tuple(input.shape[2:]), bool(align_corners)
    axes = len(lengths)
    places = [_in_pixels(grid[..., axes - 1 - axis], lengths[axis], align) for axis in range(axes)]
    neighbours = [_neighbours(_reshape(place, shape=(place.shape[0], -1)), length, mode, padding_mode, align)
                  for place, length in zip(places, lengths, strict=True)]
    flat = _reshape(input, shape=(*input.shape[:2], -1))
    out = None
    for corner in itertools.product(*neighbours):
        part = _weighted(flat, corner, lengths)
        out = part if out is None else out + part
    return _reshape(out, shape=(*input.shape[:2], *grid.shape[1:-1]))


def _check(x: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ArgumentError(f"grid_sample: mode={mode!r}; expected 'bilinear', 'nearest' or 'bicubic'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(f"grid_sample: padding_mode={padding_mode!r}; expected 'zeros', 'border' or 'reflection'")
    axes = len(x.shape) - 2
    if axes not in (2, 3) or len(grid.shape) != axes + 2:
        raise ShapeError(f"grid_sample: expected an image (N, C, H, W) with a grid (N, H', W', 2), or (N, C, D, H, W) with (N, D', H', W', 3), "
                         f"got {tuple(x.shape)} and {tuple(grid.shape)}")
    if mode == "bicubic" and axes == 3:
        raise ShapeError(f"grid_sample: mode='bicubic' takes images (N, C, H, W), got {tuple(x.shape)}")
    if grid.shape[-1] != axes or grid.shape[0] != x.shape[0]:
        raise ShapeError(f"grid_sample: an image of shape {tuple(x.shape)} needs a grid of {x.shape[0]} samples and {axes} coordinates, got "
                         f"{tuple(grid.shape)}")
    if 0 in x.shape[2:]:
        raise ShapeError(f"grid_sample: the image of shape {tuple(x.shape)} has no pixels")
    if x.dtype != grid.dtype:
        raise DTypeError(f"grid_sample: an image of dtype {x.dtype} and a grid of dtype {grid.dtype}; make them equal")


def _in_pixels(place: Tensor, length: int, align: bool) -> Tensor:
    return (place + 1) / 2 * (length - 1) if align else ((place + 1) * length - 1) / 2


def _inside_border(place: Tensor, length: int) -> Tensor:
    """The place limited to the image; outside, and on the border, it has no derivative."""
    fixed = stop_gradient(place)
    inside = ew.bitwise_and(ew.gt(fixed, 0), ew.lt(fixed, length - 1))
    return where(inside, place, clip(fixed, 0, length - 1))


def _reflected(place: Tensor, length: int, align: bool) -> Tensor:
    """The place mirrored at the borders until it is inside."""
    low, span = (0.0, length - 1) if align else (-0.5, length)
    if span == 0:
        return place * 0
    distance = ew.abs(place - low)
    turns = ew.floor(stop_gradient(distance) / span)
    rest = distance - turns * span
    even = ew.eq(ew.remainder(turns, 2), 0)
    return _inside_border(where(even, rest, span - rest) + low, length)


def _padded(place: Tensor, length: int, padding_mode: str, align: bool) -> Tensor:
    if padding_mode == "border":
        return _inside_border(place, length)
    return _reflected(place, length, align) if padding_mode == "reflection" else place


def _neighbours(place: Tensor, length: int, mode: str, padding_mode: str, align: bool) -> list[Neighbour]:
    """Pixels near `place` along one axis, with their weights."""
    if mode != "bicubic":
        place = _padded(place, length, padding_mode, align)
    if mode == "nearest":
        return [(ew.round(stop_gradient(place)), None)]
    first = ew.floor(stop_gradient(place))
    part = place - first
    if mode == "bilinear":
        return [(first, 1 - part), (first + 1, part)]
    inner = [cubic_weight(distance, -0.75) for distance in (part + 1, part, 1 - part, 2 - part)]
    weights = (inner[0][1], inner[1][0], inner[2][0], inner[3][1])
    return [(_padded(first + shift, length, padding_mode, align), weight) for shift, weight in zip((-1, 0, 1, 2), weights, strict=True)]


def _weighted(flat: Tensor, corner: Sequence[Neighbour], lengths: tuple[int, ...]) -> Tensor:
    """What lies at one neighbour of every place, times its weight; nothing outside the image."""
    inside: Any = None
    weight: Any = None
    for (place, factor), length in zip(corner, lengths, strict=True):
        within = ew.bitwise_and(ew.ge(place, 0), ew.le(place, length - 1))
        inside = within if inside is None else ew.bitwise_and(inside, within)
        weight = factor if weight is None else weight * factor if factor is not None else weight
    pixels = flat_places([where(inside, stop_gradient(place), 0.0).to("int64") for place, _ in corner], lengths)
    values = gather_along(flat, expand_dims(pixels, 1), axis=2)
    return where(expand_dims(inside, 1), values if weight is None else values * expand_dims(weight, 1), 0.0)


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places that affine maps (N, 2, 3) or (N, 3, 4) send the pixels of an image of `size` to, for `grid_sample`.

    Examples
    --------
    >>> import workbench as wb
    >>> same = wb.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> wb.nn.functional.affine_grid(same, (1, 1, 2, 2), align_corners=True)[0, 0].tolist()
    [[-1.0, -1.0], [1.0, -1.0]]
    """
    axes = len(size) - 2
    if theta.dtype.kind not in "fV":
        raise DTypeError(f"affine_grid: theta of dtype {theta.dtype}; expected floating-point numbers")
    if axes not in (2, 3) or tuple(theta.shape) != (size[0], axes, axes + 1):
        raise ShapeError(f"affine_grid: theta of shape {tuple(theta.shape)} and size={tuple(size)}; expected (N, 2, 3) with (N, C, H, W), or "
                         "(N, 3, 4) with (N, C, D, H, W)")
    if any(n < 1 for n in size):
        raise ShapeError(f"affine_grid: size={tuple(size)}; expected positive numbers")
    lines = [np.linspace(-1, 1, n) * (1 if align_corners else (n - 1) / n) if n > 1 else np.zeros(1) for n in size[2:]]
    mesh = np.meshgrid(*lines, indexing="ij")
    base = np.stack([*(part.ravel() for part in reversed(mesh)), np.ones(math.prod(size[2:]))], 1)
    out = matmul(constant(base.astype(theta.dtype), theta), transpose(theta, 1, 2))
    return _reshape(out, shape=(size[0], *size[2:], axes))

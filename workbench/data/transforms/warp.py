"""Random turns, shifts, scales, shears, perspectives and elastic moves: one map is drawn, the image, its mask and its boxes follow it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from .base import Transform, probability
from .functional import warping
from .functional.framing import Fill

Range = float | Sequence[float]


class _Warp(Transform):
    """A transform whose draw is (matrix, size of the result), or None for the image as it is."""

    interpolation: str = "nearest"
    fill: Fill = 0

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """The image under the map."""
        return image if params is None else warping.warp(image, *params, self.interpolation, self.fill)

    def apply_mask(self, mask: np.ndarray, params: Any) -> np.ndarray:
        """The nearest label, and 0 outside."""
        return mask if params is None else warping.warp(mask, *params, "nearest", 0)

    def move(self, points: np.ndarray, params: Any, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Points under the map."""
        return (points, size) if params is None else (warping.transform_points(params[0], points), params[1])


class RandomRotation(_Warp):
    """Turned by a random angle.

    Parameters
    ----------
    degrees : float or (float, float)
        From where to where; one number means -degrees to degrees. Counter-clockwise.
    interpolation : {"nearest", "bilinear"}
        The colour of the nearest pixel, or a weighted mean of four.
    expand : bool
        A canvas large enough for all, instead of one of the old size.
    center : (float, float), optional
        The point x, y that stays; the middle by default.
    fill : float or sequence of float
        The colour outside the image.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomRotation((90, 90))(np.array([[[1, 2], [3, 4]]])).tolist()
    [[[2, 4], [1, 3]]]
    """

    def __init__(self, degrees: Range, interpolation: str = "nearest", expand: bool = False,
                 center: Sequence[float] | None = None, fill: Fill = 0) -> None:
        self.degrees = interval(degrees, "RandomRotation: degrees")
        self.interpolation, self.expand, self.center, self.fill = _interpolation(interpolation), expand, center, fill

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, int]]:
        """The map of an angle."""
        return warping.rotation(shape[-2:], rng.uniform(*self.degrees), self.expand, self.center)


class RandomAffine(_Warp):
    """Turned, shifted, scaled and sheared at random, about the middle.

    Parameters
    ----------
    degrees : float or (float, float)
        Angles clockwise; one number means -degrees to degrees.
    translate : (float, float), optional
        Up to which share of width and height it is shifted.
    scale : (float, float), optional
        Smallest and largest factor.
    shear : float or sequence of 2 or 4 floats, optional
        Angles along x; with four numbers, then along y.
    interpolation : {"nearest", "bilinear"}
        How colours between pixels are found.
    fill : float or sequence of float
        The colour outside the image.
    center : (float, float), optional
        The point x, y that stays; the middle by default.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomAffine(15, translate=(0.1, 0.1), scale=(0.9, 1.1))(np.zeros((3, 8, 8))).shape
    (3, 8, 8)
    """

    def __init__(self, degrees: Range, translate: Sequence[float] | None = None, scale: Sequence[float] | None = None,
                 shear: Range | None = None, interpolation: str = "nearest", fill: Fill = 0,
                 center: Sequence[float] | None = None) -> None:
        self.degrees = interval(degrees, "RandomAffine: degrees")
        if translate is not None and (len(translate) != 2 or not all(0 <= share <= 1 for share in translate)):
            raise ArgumentError(f"RandomAffine: translate={translate!r}; expected two shares between 0 and 1")
        if scale is not None and (len(scale) != 2 or not 0 < scale[0] <= scale[1]):
            raise ArgumentError(f"RandomAffine: scale={scale!r}; expected (smallest, largest), above 0")
        self.translate, self.scale, self.shear = translate, scale, _shears(shear)
        self.interpolation, self.fill, self.center = _interpolation(interpolation), fill, center

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, int]]:
        """The map of an angle, a shift by whole pixels, a factor and two shears."""
        height, width = shape[-2:]
        angle = rng.uniform(*self.degrees)
        reach = np.zeros(2) if self.translate is None else np.multiply(self.translate, [width, height])
        shift = np.rint(rng.uniform(-reach, reach))
        scale = 1.0 if self.scale is None else rng.uniform(*self.scale)
        shear = [rng.uniform(low, high) for low, high in self.shear]
        return warping.affine_matrix(warping.middle((height, width), self.center), angle, shift, scale, shear), (height, width)


class RandomPerspective(_Warp):
    """Seen from a random side with probability `p`: each corner moves inwards by up to `distortion_scale` of half the size.

    Parameters
    ----------
    distortion_scale : float
        How far corners may move, from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomPerspective()(np.zeros((3, 8, 8))).shape
    (3, 8, 8)
    """

    def __init__(self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: str = "bilinear", fill: Fill = 0) -> None:
        self.distortion_scale = probability(distortion_scale, "RandomPerspective: distortion_scale")
        self.p, self.interpolation, self.fill = probability(p, "RandomPerspective"), _interpolation(interpolation), fill

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, int]] | None:
        """The map that sends the corners inwards, or None."""
        if rng.random() >= self.p:
            return None
        height, width = shape[-2:]
        corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float64)
        reach = self.distortion_scale * np.array([width, height]) / 2
        inwards = np.where(corners == 0, 1, -1) * np.floor(rng.uniform(0, reach, corners.shape))
        return warping.perspective_matrix(corners, corners + inwards), (height, width)


class ElasticTransform(Transform):
    """Every pixel moved a little, and its neighbours nearly as much: noise, smoothed, says how far (Simard et al. 2003).

    ``shift = alpha / 2 G(u)`` in pixels, across and down, with u drawn from -1 to 1 for each pixel and a Gaussian G of width `sigma`.

    Parameters
    ----------
    alpha : float or (float, float)
        How strong it is, across and down; the half is torchvision's.
    sigma : float or (float, float)
        How far the smoothing reaches, in pixels.
    interpolation : {"nearest", "bilinear"}
        The colour of the nearest pixel, or a weighted mean of four.
    fill : float or sequence of float
        The colour outside the image.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.ElasticTransform(alpha=20.0)(np.zeros((3, 8, 8), np.uint8)).shape
    (3, 8, 8)
    """

    def __init__(self, alpha: float | Sequence[float] = 50.0, sigma: float | Sequence[float] = 5.0, interpolation: str = "bilinear",
                 fill: Fill = 0) -> None:
        self.alpha, self.sigma = (tuple(value) if isinstance(value, Sequence) else (value, value) for value in (alpha, sigma))
        if min(self.sigma) <= 0 or len(self.sigma) != 2 or len(self.alpha) != 2:
            raise ArgumentError(f"ElasticTransform: alpha={alpha}, sigma={sigma}; expected one or two numbers, and a sigma above 0")
        self.interpolation, self.fill = _interpolation(interpolation), fill

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """How far each pixel moves: (2, H, W), across and down."""
        shifts = []
        for alpha, sigma in zip(self.alpha, self.sigma, strict=True):
            # The noise reaches beyond the edges, so that they are as smooth as the middle.
            down, across = (_smoothing(length, sigma) for length in shape[-2:])
            shifts.append(alpha / 2 * (down @ rng.uniform(-1, 1, (down.shape[1], across.shape[1])) @ across.T))
        return np.stack(shifts)

    def apply(self, image: np.ndarray, params: np.ndarray) -> np.ndarray:
        """The image, its pixels moved."""
        return warping.elastic(image, params, self.interpolation, self.fill)

    def apply_mask(self, mask: np.ndarray, params: np.ndarray) -> np.ndarray:
        """The nearest label, and 0 outside."""
        return warping.elastic(mask, params, "nearest", 0)

    def move(self, points: np.ndarray, params: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Where points go: the place q from which the shift leads back to them."""
        moved = points
        for _ in range(5):
            column, row = (np.clip(np.floor(moved[..., axis]).astype(np.int64), 0, size[1 - axis] - 1) for axis in (0, 1))
            moved = points - np.moveaxis(params[:, row, column], 0, -1)
        return moved, size


def _smoothing(length: int, sigma: float) -> np.ndarray:
    """A Gaussian in every row, one step further each time: times a longer line it is that line, smoothed."""
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    rows = np.zeros((length, length + 2 * reach))
    rows[np.arange(length)[:, None], np.arange(length)[:, None] + np.arange(2 * reach + 1)] = weights / weights.sum()
    return rows


def interval(value: Range, name: str) -> tuple[float, float]:
    """(low, high) of two numbers, or of one that stands for -value to value."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ArgumentError(f"{name}={value}; one number must be at least 0")
        return (-value, value)
    if len(value) != 2 or value[0] > value[1]:
        raise ArgumentError(f"{name}={value!r}; expected one number or (low, high)")
    return (value[0], value[1])


def _shears(shear: Range | None) -> tuple[tuple[float, float], tuple[float, float]]:
    if shear is None or isinstance(shear, (int, float)) or len(shear) == 2:
        return (0.0, 0.0) if shear is None else interval(shear, "RandomAffine: shear"), (0.0, 0.0)
    if len(shear) != 4:
        raise ArgumentError(f"RandomAffine: shear={shear!r}; expected 1, 2 or 4 numbers")
    return interval(shear[:2], "RandomAffine: shear"), interval(shear[2:], "RandomAffine: shear")


def _interpolation(mode: str) -> str:
    if mode not in ("nearest", "bilinear"):
        raise ArgumentError(f"interpolation={mode!r}; expected 'nearest' or 'bilinear'")
    return mode

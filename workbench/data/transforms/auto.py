"""Augmentation whose operations are drawn from a table: AutoAugment, RandAugment and TrivialAugment."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from .base import Transform
from .functional import color, warping
from .functional.framing import Fill
from .policies import POLICIES


class _Table(Transform):
    """A transform that draws operations (name, magnitude) from a table.

    A row gives the magnitudes of all strengths, smallest first, and whether the sign is drawn as well.
    """

    interpolation: str
    fill: Fill

    def rows(self, size: tuple[int, int]) -> dict[str, tuple[np.ndarray | None, bool]]:
        """The table for an image of `size` (H, W)."""
        raise ArgumentError(f"{type(self).__name__} does not define rows")

    def signed(self, row: tuple[np.ndarray | None, bool], strength: int, rng: np.random.Generator) -> float:
        """The magnitude of a row at a strength, its sign drawn."""
        magnitudes, either = row
        chosen = 0.0 if magnitudes is None else float(magnitudes[strength])
        return -chosen if either and rng.random() < 0.5 else chosen

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """The drawn operations, one after the other."""
        for name, magnitude in params:
            image = OPERATIONS[name](image, magnitude, (self.interpolation, self.fill))
        return image

    def apply_mask(self, mask: np.ndarray, params: Any) -> np.ndarray:
        """Those of the operations that move pixels."""
        for name, magnitude in params:
            if name in MOVES:
                mask = OPERATIONS[name](mask, magnitude, ("nearest", 0))
        return mask

    def move(self, points: np.ndarray, params: Any, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Points under those of the operations that move pixels."""
        for name, magnitude in params:
            if name in MOVES:
                points = warping.transform_points(MOVES[name](magnitude, size), points)
        return points, size


def _shear_x(angle: float, size: tuple[int, int]) -> np.ndarray:
    # The upper left corner stays, as in the paper's implementation.
    return warping.affine_matrix((0, 0), 0, (0, 0), 1, (np.degrees(np.arctan(angle)), 0))


def _shear_y(angle: float, size: tuple[int, int]) -> np.ndarray:
    return warping.affine_matrix((0, 0), 0, (0, 0), 1, (0, np.degrees(np.arctan(angle))))


MOVES: dict[str, Callable[[float, tuple[int, int]], np.ndarray]] = {
    "ShearX": _shear_x,
    "ShearY": _shear_y,
    "TranslateX": lambda m, size: warping.affine_matrix((0, 0), 0, (int(m), 0), 1, (0, 0)),
    "TranslateY": lambda m, size: warping.affine_matrix((0, 0), 0, (0, int(m)), 1, (0, 0)),
    "Rotate": lambda m, size: warping.rotation(size, m)[0],
}


def _mover(name: str) -> Callable[[np.ndarray, float, tuple[str, Fill]], np.ndarray]:
    return lambda image, m, how: warping.warp(image, MOVES[name](m, image.shape[-2:]), None, *how)


# A magnitude of the enhancing operations is how far from 1 the factor lies.
OPERATIONS: dict[str, Callable[[np.ndarray, float, tuple[str, Fill]], np.ndarray]] = {
    "Identity": lambda image, m, how: image,
    **{name: _mover(name) for name in MOVES},
    "Brightness": lambda image, m, how: color.adjust_brightness(image, 1 + m),
    "Color": lambda image, m, how: color.adjust_saturation(image, 1 + m),
    "Contrast": lambda image, m, how: color.adjust_contrast(image, 1 + m),
    "Sharpness": lambda image, m, how: color.adjust_sharpness(image, 1 + m),
    "Posterize": lambda image, m, how: color.posterize(image, int(m)),
    "Solarize": lambda image, m, how: color.solarize(image, m * color.largest(image.dtype)),
    "AutoContrast": lambda image, m, how: color.autocontrast(image),
    "Equalize": lambda image, m, how: color.equalize(image),
    "Invert": lambda image, m, how: color.invert(image),
}


def _strengths(bins: int, size: tuple[int, int]) -> dict[str, tuple[np.ndarray | None, bool]]:
    """The table of AutoAugment's paper, as torchvision reads it."""
    enhance, (height, width) = (np.linspace(0, 0.9, bins), True), size
    return {
        "Identity": (None, False),
        "ShearX": (np.linspace(0, 0.3, bins), True), "ShearY": (np.linspace(0, 0.3, bins), True),
        "TranslateX": (np.linspace(0, 150 / 331 * width, bins), True), "TranslateY": (np.linspace(0, 150 / 331 * height, bins), True),
        "Rotate": (np.linspace(0, 30, bins), True),
        "Brightness": enhance, "Color": enhance, "Contrast": enhance, "Sharpness": enhance,
        "Posterize": (8 - np.rint(np.arange(bins) / ((bins - 1) / 4)) if bins > 1 else np.array([8.0]), False),
        "Solarize": (np.linspace(1, 0, bins), False),
        "AutoContrast": (None, False), "Equalize": (None, False),
    }


class AutoAugment(_Table):
    """One of 25 pairs of operations that were found to help on a data set, each done with a probability of its own (Cubuk et al. 2018).

    Parameters
    ----------
    policy : {"imagenet", "cifar10", "svhn"}
        The data set for which the pairs were found.
    interpolation : {"nearest", "bilinear"}
        How colours between pixels are found.
    fill : float or sequence of float
        The colour outside the image.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.AutoAugment("cifar10")(np.zeros((3, 8, 8), np.uint8)).shape
    (3, 8, 8)
    """

    def __init__(self, policy: str = "imagenet", interpolation: str = "nearest", fill: Fill = 0) -> None:
        if policy not in POLICIES:
            raise ArgumentError(f"AutoAugment: policy={policy!r}; expected {', '.join(map(repr, POLICIES))}")
        self.policy, self.interpolation, self.fill = policy, interpolation, fill

    def rows(self, size: tuple[int, int]) -> dict[str, tuple[np.ndarray | None, bool]]:
        """Ten strengths of every operation."""
        return {**_strengths(10, size), "Invert": (None, False)}

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> list[tuple[str, float]]:
        """Those of a pair that are done, and their magnitudes."""
        table, pairs = self.rows(shape[-2:]), POLICIES[self.policy]
        pair = pairs[rng.integers(0, len(pairs))]
        return [(name, self.signed(table[name], strength, rng)) for name, p, strength in pair if rng.random() < p]


class RandAugment(_Table):
    """`num_ops` operations drawn from 14, all at one strength (Cubuk et al. 2019).

    Parameters
    ----------
    num_ops : int
        How many operations are applied to an image.
    magnitude : int
        The strength, from 0 to `num_magnitude_bins` - 1.
    num_magnitude_bins : int
        Into how many steps the range of strengths is divided.
    interpolation : {"nearest", "bilinear"}
        How colours between pixels are found.
    fill : float or sequence of float
        The colour outside the image.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandAugment()(np.zeros((3, 8, 8), np.uint8)).shape
    (3, 8, 8)
    """

    def __init__(self, num_ops: int = 2, magnitude: int = 9, num_magnitude_bins: int = 31, interpolation: str = "nearest",
                 fill: Fill = 0) -> None:
        if num_ops < 1 or not 0 <= magnitude < num_magnitude_bins:
            raise ArgumentError(f"RandAugment: num_ops={num_ops}, magnitude={magnitude}; expected at least 1, and 0 to "
                                f"num_magnitude_bins - 1 = {num_magnitude_bins - 1}")
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins
        self.interpolation, self.fill = interpolation, fill

    def rows(self, size: tuple[int, int]) -> dict[str, tuple[np.ndarray | None, bool]]:
        """The paper's table."""
        return _strengths(self.num_magnitude_bins, size)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> list[tuple[str, float]]:
        """Operations and their magnitudes."""
        table = self.rows(shape[-2:])
        names = list(table)
        chosen = [names[place] for place in rng.integers(0, len(names), self.num_ops)]
        return [(name, self.signed(table[name], self.magnitude, rng)) for name in chosen]


class TrivialAugmentWide(_Table):
    """One operation drawn from 14, at a strength drawn as well (Müller and Hutter 2021).

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.TrivialAugmentWide()(np.zeros((3, 8, 8), np.uint8)).shape
    (3, 8, 8)
    """

    def __init__(self, num_magnitude_bins: int = 31, interpolation: str = "nearest", fill: Fill = 0) -> None:
        if num_magnitude_bins < 2:
            raise ArgumentError(f"TrivialAugmentWide: num_magnitude_bins={num_magnitude_bins}; expected at least 2")
        self.num_magnitude_bins, self.interpolation, self.fill = num_magnitude_bins, interpolation, fill

    def rows(self, size: tuple[int, int]) -> dict[str, tuple[np.ndarray | None, bool]]:
        """The paper's wide table."""
        bins = self.num_magnitude_bins
        enhance, shear, shift = np.linspace(0, 0.99, bins), np.linspace(0, 0.99, bins), np.linspace(0, 32, bins)
        return {
            "Identity": (None, False),
            "ShearX": (shear, True), "ShearY": (shear, True), "TranslateX": (shift, True), "TranslateY": (shift, True),
            "Rotate": (np.linspace(0, 135, bins), True),
            "Brightness": (enhance, True), "Color": (enhance, True), "Contrast": (enhance, True), "Sharpness": (enhance, True),
            "Posterize": (8 - np.rint(np.arange(bins) / ((bins - 1) / 6)), False),
            "Solarize": (np.linspace(1, 0, bins), False),
            "AutoContrast": (None, False), "Equalize": (None, False),
        }

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> list[tuple[str, float]]:
        """One operation and its magnitude."""
        table = self.rows(shape[-2:])
        name = list(table)[rng.integers(0, len(table))]
        return [(name, self.signed(table[name], int(rng.integers(0, self.num_magnitude_bins)), rng))]

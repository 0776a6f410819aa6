"""Points in the plane whose classes no straight line divides."""
from __future__ import annotations

import numpy as np

from ...core.errors import ArgumentError
from ..dataset import TensorDataset


def _points(name: str, places: np.ndarray, labels: np.ndarray, noise: float, rng: np.random.Generator) -> TensorDataset:
    """The places, with normal noise added, in random order."""
    if noise < 0:
        raise ArgumentError(f"{name}: noise={noise}; expected at least 0")
    order = rng.permutation(len(labels))
    noisy = places + rng.normal(0, noise, places.shape)
    classes = [str(number) for number in range(int(labels.max()) + 1)]
    return TensorDataset(noisy[order].astype(np.float32), labels[order].astype(np.int64), name=name, classes=classes)


def _count(n: int, classes: int, name: str) -> np.ndarray:
    """Labels of n points, as even as can be."""
    if n < classes:
        raise ArgumentError(f"{name}: n={n}; expected at least one point for each of {classes} classes")
    return np.arange(n) % classes


def moons(n: int = 200, noise: float = 0.1, seed: int = 0) -> TensorDataset:
    """Two half circles that reach into each other.

    Examples
    --------
    >>> import workbench as wb
    >>> x, y = wb.data.moons(100)[:]
    >>> x.shape, y.sum().item()
    ((100, 2), 50)
    """
    rng, labels = np.random.default_rng(seed), _count(n, 2, "moons")
    angle = rng.uniform(0, np.pi, n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _points("moons", np.where(labels[:, None] == 0, upper, [1, 0.5] - upper), labels, noise, rng)


def circles(n: int = 200, noise: float = 0.05, factor: float = 0.5, seed: int = 0) -> TensorDataset:
    """A circle of radius `factor` (class 1) in a circle of radius 1 (class 0).

    ``x = r (cos(a), sin(a)) + noise z`` with an angle a, r 1 or `factor`, and normal z.

    Parameters
    ----------
    factor : float
        Radius of the inner circle.

    Examples
    --------
    >>> import workbench as wb
    >>> x, y = wb.data.circles(50, noise=0)[:]
    >>> bool(((x ** 2).sum(1).sqrt().isclose(wb.where(y == 1, 0.5, 1.0))).all())
    True
    """
    if not 0 < factor < 1:
        raise ArgumentError(f"circles: factor={factor}; expected between 0 and 1")
    rng, labels = np.random.default_rng(seed), _count(n, 2, "circles")
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = np.where(labels == 1, factor, 1.0)
    return _points("circles", radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), labels, noise, rng)


def spirals(n: int = 300, noise: float = 0.02, classes: int = 3, turns: float = 0.75, seed: int = 0) -> TensorDataset:
    """Arms that wind outwards around each other, one for each class.

    Parameters
    ----------
    classes : int
        How many arms.
    turns : float
        How often an arm winds around the middle.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.spirals(90, classes=3)
    spirals: 90 samples, 3 classes ((90, 2) float32, (90,) int64)
    """
    rng, labels = np.random.default_rng(seed), _count(n, classes, "spirals")
    radius = rng.uniform(0.05, 1, n)
    angle = 2 * np.pi * (turns * radius + labels / classes)
    return _points("spirals", radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), labels, noise, rng)


def xor(n: int = 200, noise: float = 0.05, seed: int = 0) -> TensorDataset:
    """Points of a square: class 1 where the signs of both coordinates differ.

    Examples
    --------
    >>> import workbench as wb
    >>> x, y = wb.data.xor(50, noise=0)[:]
    >>> bool(((x[:, 0] * x[:, 1] < 0) == (y == 1)).all())
    True
    """
    rng, labels = np.random.default_rng(seed), _count(n, 2, "xor")
    size, sign = rng.uniform(0.05, 1, (n, 2)), rng.choice([-1, 1], n)
    places = size * np.stack([sign, np.where(labels == 1, -sign, sign)], axis=1)
    return _points("xor", places, labels, noise, rng)


def blobs(n: int = 200, classes: int = 3, features: int = 2, spread: float = 0.5, seed: int = 0) -> TensorDataset:
    """Normal clouds around random middles.

    ``x = middle[class] + spread z`` with normal z.

    Parameters
    ----------
    classes : int
        How many clouds.
    features : int
        Numbers of a point.
    spread : float
        Standard deviation of a cloud.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.blobs(60, classes=4, features=5)
    blobs: 60 samples, 4 classes ((60, 5) float32, (60,) int64)
    """
    rng, labels = np.random.default_rng(seed), _count(n, classes, "blobs")
    return _points("blobs", rng.uniform(-3, 3, (classes, features))[labels], labels, spread, rng)

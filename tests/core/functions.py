"""Small functions that transformations are composed over, and central differences to compare with."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

import workbench as wb

W = np.random.default_rng(5).normal(size=(3, 4))


def as64(x: object) -> wb.Tensor:
    """Numbers as a float64 tensor."""
    return wb.tensor(np.asarray(x, np.float64))


SMALL: dict[str, Callable] = {
    "sin x squared": lambda x: (wb.sin(x) * x * x).sum(),
    "layer": lambda x: wb.tanh(x @ wb.as_tensor(W)).sum(),
    "softmax": lambda x: (wb.softmax(x, axis=-1) * wb.as_tensor(W[:, 0])).sum(),
    "indexing": lambda x: (x[[0, 2, 2]] * x[1]).sum() + x[::2].prod(),
    "normalized": lambda x: (wb.layer_norm(x, 3) ** 3).sum(),
    "branches": lambda x: wb.where(x > 0.1, wb.exp(x), x * x).sum() + wb.logsumexp(x),
}


def difference(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, v: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """The central difference of `function` at `x` along `v`."""
    return (np.asarray(function(x + eps * v)) - np.asarray(function(x - eps * v))) / (2 * eps)


def gradient(function: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """All central differences of a scalar function."""
    return np.array([difference(function, x, unit) for unit in np.eye(x.size)]).reshape(x.shape)

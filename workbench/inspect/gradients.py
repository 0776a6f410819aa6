"""Gradient flow: for every parameter the size of its gradient, of its weights, and of its last update."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..nn import Module
from .numbers import BINS, histogram, host
from .records import GradientFlow


def trainable(model: Module) -> dict[str, Any]:
    """Parameters that have or will have a gradient, by name, in the order of the model."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def copy_weights(model: Module) -> dict[str, Any]:
    """The numbers of every trainable parameter, to measure the next update against."""
    return {name: parameter.data.copy() for name, parameter in trainable(model).items()}


def gradient_flow(model: Module, step: int = 0, before: dict[str, Any] | None = None) -> GradientFlow:
    """The gradients that ``grad`` of the parameters holds now.

    Parameters
    ----------
    model : Module
    step : int
        The step to write on the record.
    before : dict, optional
        Weights before the last update (`copy_weights`); without them the update ratio is NaN.

    Returns
    -------
    GradientFlow
        A parameter without a gradient has NaN statistics and an empty histogram.
    """
    parameters = trainable(model)
    stats = np.full((len(parameters), 5), np.nan, np.float32)
    ranges = np.zeros((len(parameters), 2), np.float32)
    counts = np.zeros((len(parameters), BINS), np.uint32)
    for row, (name, parameter) in enumerate(parameters.items()):
        weights = host(parameter.data)
        size = _norm(weights)
        stats[row, 1] = size
        if before is not None and name in before:
            stats[row, 2] = _norm(weights - host(before[name])) / max(size, 1e-12)
        if parameter.grad is None:
            continue
        grad = host(parameter.grad.data)
        stats[row, 0] = norm = _norm(grad)
        stats[row, 3:] = (0, 0) if np.isfinite(norm) else (np.isnan(grad).sum(), np.isinf(grad).sum())
        *ranges[row], counts[row] = histogram(grad)
    return GradientFlow(step, tuple(parameters), stats, ranges, counts)


def _norm(array: np.ndarray) -> float:
    flat = array.ravel()
    return float(np.sqrt(np.vdot(flat, flat).real))

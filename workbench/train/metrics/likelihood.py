"""Metrics of the probability that a model gives to what is true."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from .base import Metric, log_softmax, probabilities, scores_2d


class LogLoss(Metric):
    """The mean of ``-log p`` of the true class.

    Parameters
    ----------
    from_logits : bool
        Predictions are raw model outputs (N, C, ...), or one per target; else probabilities, which are kept a machine epsilon away from
        0 and 1.

    Shapes
    ------
    Predictions (N, C, ...), or one per target; targets (N, ...).

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.LogLoss(from_logits=False)
    >>> metric.update(wb.tensor([[0.25, 0.75], [0.5, 0.5]]), wb.tensor([1, 0])); round(metric.compute(), 4)
    0.4904
    """

    name = "log_loss"
    weighted = True

    def __init__(self, *, from_logits: bool = True) -> None:
        self.from_logits = from_logits
        super().__init__()

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """-log p."""
        chances = probabilities(self.name, prediction, target, self.from_logits)
        rows = np.arange(target.size)
        if self.from_logits:
            scores = scores_2d(self.name, prediction, target)
            logs = log_softmax(scores if scores.ndim == 2 else np.stack([np.zeros_like(scores), scores], axis=1))
            return -logs[rows, _classes(self.name, target, logs)]
        least = np.finfo(chances.dtype).eps
        return -np.log(np.clip(chances, least, 1 - least)[rows, _classes(self.name, target, chances)].astype(np.float64))


class Perplexity(Metric):
    """``exp(mean(-log p))`` of the true tokens (Jelinek et al. 1977): among how many equally likely ones a model wavers.

    Parameters
    ----------
    ignore_index : int
        Targets that do not count.

    Shapes
    ------
    Predictions are raw model outputs (N, C, ...), targets (N, ...), as for `cross_entropy`.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.Perplexity()
    >>> metric.update(wb.zeros(2, 7), wb.tensor([3, -100])); round(metric.compute(), 6)
    7.0
    """

    name = "perplexity"

    def __init__(self, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index
        super().__init__()

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """-log p of the targets that count."""
        scores, flat = scores_2d(self.name, prediction, target), target.reshape(-1)
        if scores.ndim != 2:
            raise ArgumentError(f"perplexity: expected scores (N, C, ...), got one score per target of shape {target.shape}")
        counted = flat != self.ignore_index
        logs = log_softmax(scores[counted])
        return -logs[np.arange(len(logs)), _classes(self.name, flat[counted], logs)]

    def result(self, **kept: np.ndarray) -> Any:
        """exp of the mean."""
        mean = super().result(**kept)
        return math.exp(mean) if mean < 700 else mean if math.isnan(mean) else math.inf


def _classes(name: str, target: np.ndarray, logs: np.ndarray) -> np.ndarray:
    flat = target.reshape(-1).astype(np.int64)
    if flat.size and not 0 <= flat.min() <= flat.max() < logs.shape[1]:
        raise ArgumentError(f"{name}: targets from {flat.min()} to {flat.max()}, but there are scores of {logs.shape[1]} classes")
    return flat

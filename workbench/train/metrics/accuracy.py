"""The share of samples that are right."""
from __future__ import annotations

import numpy as np

from ...core.errors import ArgumentError
from .base import Metric, classes_of, scores_2d


class Accuracy(Metric):
    """``mean(prediction == target)``: the share of right classes.

    Shapes
    ------
    Predictions are scores (N, C, ...), one score per target (right above 0), or classes (N, ...); targets (N, ...).

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.Accuracy()
    >>> metric.update(wb.tensor([[0.1, 0.9], [0.8, 0.2]]), wb.tensor([1, 1])); metric.compute()
    0.5
    """

    name = "accuracy"
    weighted = True

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """1 where the class is right."""
        return classes_of(self.name, prediction, target) == target


class TopKAccuracy(Metric):
    """``mean(rank of the target's score <= k)``: the share of targets among the `k` classes of the highest scores; of
    equal scores the later class counts as higher.

    Parameters
    ----------
    k : int
        How many classes count as named.

    Shapes
    ------
    Predictions are scores (N, C, ...), targets (N, ...).

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.TopKAccuracy(k=2)
    >>> metric.update(wb.tensor([[0.5, 0.2, 0.3], [0.5, 0.2, 0.3]]), wb.tensor([2, 1])); metric.compute()
    0.5
    """

    name = "top_k_accuracy"
    weighted = True

    def __init__(self, k: int = 2) -> None:
        if k < 1:
            raise ArgumentError(f"top_k_accuracy: k={k}; expected at least 1")
        self.k = k
        super().__init__()

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """1 where the class is among the best."""
        scores = scores_2d(self.name, prediction, target)
        if scores.ndim != 2:
            raise ArgumentError(f"top_k_accuracy: expected scores (N, C, ...), got one score per target of shape {target.shape}")
        best = np.argsort(scores, axis=1, kind="stable")[:, ::-1][:, :self.k]
        return (best == target.reshape(-1, 1)).any(axis=1)

"""Metrics that are fed batch by batch, and equal what all data at once would give: update, compute, reset, merge."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.errors import ArgumentError
from .accuracy import Accuracy, TopKAccuracy
from .base import Metric
from .bleu import BLEU
from .calibration import CalibrationError
from .confusion import BalancedAccuracy, CohenKappa, ConfusionMatrix, MatthewsCorrelation
from .likelihood import LogLoss, Perplexity
from .overlap import F1, Dice, FBeta, IoU, Precision, Recall
from .ranking import ROCAUC, AveragePrecision
from .regression import (
    ExplainedVariance,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    Pearson,
    R2Score,
    RootMeanSquaredError,
    Spearman,
)

METRICS: dict[str, Callable[..., Metric]] = {kind.name: kind for kind in (
    Accuracy, TopKAccuracy, BalancedAccuracy, Precision, Recall, FBeta, F1, Dice, IoU, ConfusionMatrix, MatthewsCorrelation, CohenKappa,
    ROCAUC, AveragePrecision, LogLoss, Perplexity, CalibrationError, BLEU, R2Score, ExplainedVariance, MeanSquaredError,
    RootMeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, Pearson, Spearman)}

__all__ = ["Metric", *sorted(kind.__name__ for kind in METRICS.values())]


def resolve(metric: Any) -> Metric:
    """A metric by name, class or instance.

    Examples
    --------
    >>> from workbench.train.metrics import resolve
    >>> resolve("accuracy")
    Accuracy(nan)
    """
    if isinstance(metric, str):
        if metric not in METRICS:
            raise ArgumentError(f"metric {metric!r} is not known; expected one of {', '.join(METRICS)} or a Metric")
        return METRICS[metric]()
    return metric if isinstance(metric, Metric) else metric()

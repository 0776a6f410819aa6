"""Metrics that are fed batch by batch, and equal what all data at once would give: update, compute, reset, merge."""
from __future__ import annotations

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

METRICS: dict[str, type[Metric]] = {kind.name: kind for kind in (
    Accuracy, TopKAccuracy, BalancedAccuracy, Precision, Recall, FBeta, F1, Dice, IoU, ConfusionMatrix, MatthewsCorrelation, CohenKappa,
    ROCAUC, AveragePrecision, LogLoss, Perplexity, CalibrationError, BLEU, R2Score, ExplainedVariance, MeanSquaredError,
    RootMeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, Pearson, Spearman)}

__all__ = ["Metric", *sorted(kind.__name__ for kind in METRICS.values())]


"""Calibration: does a confidence of 80 % mean that 80 % are right?"""
from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError
from .base import Arrays, Metric, probabilities


class CalibrationError(Metric):
    """The expected calibration error: ``sum_b n_b / n |accuracy_b - confidence_b|`` over bins of confidence (Guo et al. 2017).

    Of several classes the confidence is the highest probability, and right is whether its class is true. Of one score per target it is
    the probability of class 1, and right is whether that is true.

    Parameters
    ----------
    n_bins : int
        Bins of equal width between 0 and 1; a bin holds its upper end.
    norm : {"l1", "max"}
        The weighted mean of the bins, or the largest of them.
    from_logits : bool
        Predictions are raw model outputs; else probabilities.

    Shapes
    ------
    Predictions are scores (N, C, ...), or one per target; targets (N, ...).

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.CalibrationError(n_bins=2, from_logits=False)
    >>> metric.update(wb.tensor([0.75, 0.75, 0.25]), wb.tensor([1, 0, 0])); metric.compute()
    0.25
    >>> metric.bins()["accuracy"].tolist()
    [0.0, 0.5]
    """

    name = "ece"
    kept: ClassVar[dict[str, str]] = {"count": "sum", "confidence": "sum", "right": "sum"}

    def __init__(self, n_bins: int = 15, norm: str = "l1", *, from_logits: bool = True) -> None:
        if n_bins < 1 or norm not in ("l1", "max"):
            raise ArgumentError(f"ece: n_bins={n_bins}, norm={norm!r}; expected at least 1, and 'l1' or 'max'")
        self.n_bins, self.norm, self.from_logits = n_bins, norm, from_logits
        super().__init__()

    def parts(self, prediction: np.ndarray, target: np.ndarray) -> Arrays:  # type: ignore[override]  # it is not weighted
        """Counts and sums per bin."""
        chances, flat = probabilities(self.name, prediction, target, self.from_logits), target.reshape(-1)
        if prediction.shape == target.shape:
            confidence, right = chances[:, 1], flat == 1
        else:
            confidence, right = chances.max(axis=1), chances.argmax(axis=1) == flat
        place = np.clip(np.ceil(confidence.astype(np.float64) * self.n_bins).astype(np.int64) - 1, 0, self.n_bins - 1)
        sums = lambda weights: np.bincount(place, weights, minlength=self.n_bins)
        return {"count": np.bincount(place, minlength=self.n_bins), "confidence": sums(confidence), "right": sums(right)}

    def bins(self) -> Arrays:
        """A reliability diagram: per bin how many samples, their mean confidence and their accuracy (NaN where there are none)."""
        kept = self.state_dict()
        if not kept:
            return {name: np.full(self.n_bins, np.nan) for name in ("count", "confidence", "accuracy")}
        with np.errstate(invalid="ignore"):
            return {"count": kept["count"], "confidence": kept["confidence"] / kept["count"], "accuracy": kept["right"] / kept["count"]}

    def result(self, **kept: np.ndarray) -> Any:
        """The mean or the largest of the gaps."""
        count, used = kept["count"], kept["count"] > 0
        if not used.any():
            return float("nan")
        gaps = np.abs(kept["right"] - kept["confidence"])[used]
        return float((gaps / count[used]).max() if self.norm == "max" else gaps.sum() / count.sum())

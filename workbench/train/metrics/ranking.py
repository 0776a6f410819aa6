"""Metrics of how well scores rank the members of a class before the others: areas under the ROC and precision-recall curves."""
from __future__ import annotations

from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError
from .base import Arrays, Metric, probabilities, scores_2d
from .confusion import warn_undefined


class Ranked(Metric):
    """Base of metrics that need all scores and targets at once: they are kept, N (C + 2) numbers.

    Parameters
    ----------
    average : {"macro", "weighted", "micro", None}
        Of classes or labels: their mean, the mean weighted by how often they are the target, all their decisions in one ranking, or one
        number for each.
    from_logits : bool
        Scores of several classes are raw model outputs, of which the softmax is taken; else they are probabilities.
    """

    kept: ClassVar[dict[str, str]] = {"scores": "concatenate", "targets": "concatenate", "weights": "concatenate"}
    weighted = True

    def __init__(self, average: str | None = "macro", *, from_logits: bool = True) -> None:
        if average not in ("macro", "weighted", "micro", None):
            raise ArgumentError(f"{self.name}: average={average!r}; expected 'macro', 'weighted', 'micro' or None")
        self.average, self.from_logits = average, from_logits
        super().__init__()

    def parts(self, prediction: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> Arrays:
        """Scores, targets and weights of a batch: (N,), (N, C) and (N,), or of labels (N, L)."""
        weights = np.ones(target.shape) if weight is None else weight
        if prediction.shape == target.shape and target.ndim == 2:
            return {"scores": prediction, "targets": target, "weights": weights}
        scores = scores_2d(self.name, prediction, target) if prediction.shape == target.shape else probabilities(self.name, prediction, target, self.from_logits)
        return {"scores": scores, "targets": target.reshape(-1), "weights": weights.reshape(-1)}

    def of_curve(self, positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
        """The value for one class: which samples are its members, their scores, and how much they count."""
        raise ArgumentError(f"{type(self).__name__} does not define of_curve(positive, scores, weights)")

    def result(self, **kept: np.ndarray) -> Any:
        """The value, per class and averaged."""
        scores, targets, weights = kept["scores"], kept["targets"], kept["weights"]
        if not len(targets):
            return float("nan")
        if scores.ndim == 1:
            return self._of_those_that_count(targets == 1, scores, weights)
        if targets.ndim == 2:
            return self.of_classes(targets == 1, scores, weights)
        return self.of_classes(targets[:, None] == np.arange(scores.shape[1]), scores, np.broadcast_to(weights[:, None], scores.shape))

    def of_classes(self, members: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Any:
        """The average of one curve per column."""
        if self.average == "micro":
            return self._of_those_that_count(members.reshape(-1), scores.reshape(-1), weights.reshape(-1))
        values = np.array([self._of_those_that_count(*column) for column in zip(members.T, scores.T, weights.T, strict=True)])
        if self.average is None:
            return values
        shares = (members * weights).sum(axis=0) if self.average == "weighted" else np.ones(len(values))
        values[shares == 0] = 0
        return float(np.average(values, weights=shares)) if shares.any() else 0.0

    def _of_those_that_count(self, positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
        counted = weights > 0
        return self.of_curve(positive[counted], scores[counted], weights[counted])


def curve(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many members and how many others have at least each of the different scores, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    positive, weights = positive[order], weights[order]
    return np.cumsum(positive * weights)[ends], np.cumsum(~positive * weights)[ends]


class ROCAUC(Ranked):
    """The probability that a member of a class has a higher score than another sample: the area under the ROC curve.

    ``P(s_i > s_j) + P(s_i = s_j) / 2`` for i in the class and j outside (Hanley and McNeil 1982).

    Not defined, and NaN, where a class has no members or nothing else; of classes it is the mean of one against the rest, or of pairs
    (Hand and Till 2001).

    Parameters
    ----------
    average : {"macro", "weighted", "micro", None}
        Of classes or labels: their mean, the mean weighted by how often they are the target, all their decisions in one ranking, or one
        number for each.
    multi_class : {"ovr", "ovo"}
        Each class against the rest, or the mean over pairs of classes.
    from_logits : bool
        Scores of several classes are raw model outputs, of which the softmax is taken; else they are probabilities.

    Shapes
    ------
    Predictions are scores (N,) with targets (N,) of 0 and 1, or scores (N, C) with targets (N,) of classes or (N, C) of
    labels.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.ROCAUC()
    >>> metric.update(wb.tensor([0.1, 0.4, 0.35, 0.8]), wb.tensor([0, 0, 1, 1])); metric.compute()
    0.75
    """

    name = "roc_auc"

    def __init__(self, average: str | None = "macro", multi_class: str = "ovr", *, from_logits: bool = True) -> None:
        if multi_class not in ("ovr", "ovo"):
            raise ArgumentError(f"roc_auc: multi_class={multi_class!r}; expected 'ovr' or 'ovo'")
        if multi_class == "ovo" and average not in ("macro", "weighted"):
            raise ArgumentError(f"roc_auc: average={average!r} with multi_class='ovo'; expected 'macro' or 'weighted'")
        self.multi_class = multi_class
        super().__init__(average, from_logits=from_logits)

    def of_curve(self, positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
        """Trapezoids under the curve."""
        if positive.all() or not positive.any():
            warn_undefined(self.name, "only one class occurs", np.nan)
            return float("nan")
        hits, misses = (np.concatenate([[0.0], counts]) for counts in curve(positive, scores, weights))
        return float(np.trapezoid(hits, misses) / (hits[-1] * misses[-1]))

    def result(self, **kept: np.ndarray) -> Any:
        """The value, by class, label or pair."""
        if self.multi_class == "ovr" or kept["scores"].ndim == 1 or kept["targets"].ndim == 2 or not len(kept["targets"]):
            return super().result(**kept)
        scores, targets, ones = kept["scores"], kept["targets"], kept["weights"]
        if (ones != 1).any():
            raise ArgumentError("roc_auc: multi_class='ovo' takes no sample_weight; pass multi_class='ovr'")
        values, shares = [], []
        for first, second in combinations(np.unique(targets), 2):
            pair = (targets == first) | (targets == second)
            values.append(np.mean([self.of_curve(targets[pair] == kind, scores[pair, kind], ones[pair]) for kind in (first, second)]))
            shares.append(pair.mean())
        if not values:
            warn_undefined(self.name, "only one class occurs", np.nan)
            return float("nan")
        return float(np.average(values, weights=shares if self.average == "weighted" else None))


class AveragePrecision(Ranked):
    """``sum_n (R_n - R_{n-1}) P_n``, precisions P at each rank weighted by the gain in recall R: the area under the
    precision-recall curve.

    0 where a class has no members. Parameters as in `ROCAUC`, without `multi_class`.

    Parameters
    ----------
    average : str, optional
        As in `ROCAUC`.
    from_logits : bool
        As in `ROCAUC`.

    Shapes
    ------
    Predictions are scores (N,) with targets (N,) of 0 and 1, or scores (N, C) with targets (N,) of classes or (N, C) of
    labels.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.AveragePrecision()
    >>> metric.update(wb.tensor([0.1, 0.4, 0.35, 0.8]), wb.tensor([0, 0, 1, 1])); round(metric.compute(), 4)
    0.8333
    """

    name = "average_precision"

    def of_curve(self, positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
        """Steps under the curve."""
        if not positive.any():
            warn_undefined(self.name, "some class does not occur", 0)
            return 0.0
        hits, misses = curve(positive, scores, weights)
        return float((np.diff(hits, prepend=0.0) / hits[-1] * hits / (hits + misses)).sum())

"""Metrics of numbers: errors, explained variance, correlation."""
from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError, ShapeError
from .base import Arrays, Metric
from .confusion import warn_undefined


class Regression(Metric):
    """Base of metrics of numbers: targets (N, ...) have columns, whose scores are averaged.

    Parameters
    ----------
    multioutput : {"uniform_average", "raw_values"}
        The mean of the columns, or one number for each.

    Shapes
    ------
    Predictions and targets (N, ...), the same; every place behind N is a column.
    """

    def __init__(self, multioutput: str = "uniform_average") -> None:
        if multioutput not in self.averages:
            raise ArgumentError(f"{self.name}: multioutput={multioutput!r}; expected one of {', '.join(self.averages)}")
        self.multioutput = multioutput
        super().__init__()

    averages: ClassVar[tuple[str, ...]] = ("uniform_average", "raw_values")
    weighted = True

    def columns(self, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both as float64 (N, columns)."""
        if prediction.shape != target.shape:
            raise ShapeError(f"{self.name}: predictions of shape {prediction.shape} do not fit targets of shape {target.shape}")
        if not target.ndim:
            raise ShapeError(f"{self.name}: expected targets (N, ...), got a single number")
        rows = (len(target), math.prod(target.shape[1:]))
        return prediction.reshape(rows).astype(np.float64), target.reshape(rows).astype(np.float64)

    def parts(self, prediction: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> Arrays:
        """Sums of each column."""
        each = self.measure(*self.columns(prediction, target))
        if weight is None:
            return {"total": each.sum(axis=0), "count": np.full(each.shape[1], len(each))}
        weights = weight.reshape(each.shape)
        return {"total": (each * weights).sum(axis=0), "count": weights.sum(axis=0)}

    def result(self, **kept: np.ndarray) -> Any:
        """Means of columns, averaged."""
        return self.average(self.finish(kept["total"] / kept["count"])) if kept["count"].all() else float("nan")

    def finish(self, means: np.ndarray) -> np.ndarray:
        """The score of a column from its mean."""
        return means

    def average(self, scores: np.ndarray) -> Any:
        """The scores of columns as one."""
        return scores if self.multioutput == "raw_values" else float(scores.mean())


class MeanSquaredError(Regression):
    """``mean (p - y)²``: the mean of squared differences.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.MeanSquaredError()
    >>> metric.update(wb.tensor([1.0]), wb.tensor([3.0])); metric.compute()
    4.0
    """

    name = "mse"

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Squared differences."""
        return np.square(prediction - target)


class RootMeanSquaredError(MeanSquaredError):
    """``sqrt(mean (p - y)²)``: the root of the mean of squared differences (of each column).

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.RootMeanSquaredError()
    >>> metric.update(wb.tensor([1.0, 0.0]), wb.tensor([3.0, 2.0])); metric.compute()
    2.0
    """

    name = "rmse"

    def finish(self, means: np.ndarray) -> np.ndarray:
        """Roots."""
        return np.sqrt(means)


class MeanAbsoluteError(Regression):
    """``mean |p - y|``: the mean of absolute differences.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.MeanAbsoluteError()
    >>> metric.update(wb.tensor([1.0]), wb.tensor([3.0])); metric.compute()
    2.0
    """

    name = "mae"

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Absolute differences."""
        return np.abs(prediction - target)


class MeanAbsolutePercentageError(Regression):
    """``mean |p - y| / |y|``: the mean of absolute differences as parts of the targets (at least a machine epsilon).

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.MeanAbsolutePercentageError()
    >>> metric.update(wb.tensor([1.0]), wb.tensor([4.0])); metric.compute()
    0.75
    """

    name = "mape"

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Relative differences."""
        return np.abs(prediction - target) / np.maximum(np.abs(target), np.finfo(np.float64).eps)


class Moments(Regression):
    """Base of metrics of means, variances and a covariance.

    A batch is kept as the moments of its columns, one row of numbers, and rows are joined by the formula of Chan, Golub and LeVeque
    (1979): sums of squares would lose all digits of data whose mean is far from 0, and so would means, which therefore are kept as the
    distance from the first value.
    """

    kept: ClassVar[dict[str, str]] = {"moments": "concatenate"}
    averages: ClassVar[tuple[str, ...]] = ("uniform_average", "raw_values", "variance_weighted")
    least = 1
    """So many samples it takes."""

    def pair(self, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The two variables whose moments are kept."""
        return prediction, target

    def parts(self, prediction: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> Arrays:
        """Of each column the first values, weight, means, sums of squared deviations and of their products, and number: (1, 9, columns)."""
        values = np.stack(self.pair(*self.columns(prediction, target)))
        weights = np.ones(values.shape[1:]) if weight is None else weight.reshape(values.shape[1:])
        total = weights.sum(axis=0)
        if not total.all() or not values.shape[1]:
            return {}
        first = values[:, 0]
        means = ((values - first[:, None]) * weights).sum(axis=1) / total
        a, b = values - first[:, None] - means[:, None]
        squares = [(weights * x * y).sum(axis=0) for x, y in ((a, a), (b, b), (a, b))]
        return {"moments": np.stack([*first, total, *means, *squares, (weights > 0).sum(axis=0)])[None]}

    def _add(self, parts: Arrays) -> None:
        super()._add(parts)
        kept = self._batches["moments"]
        if sum(map(len, kept)) > 64:  # the state stays small however many batches come
            self._batches["moments"] = [_together(np.concatenate(kept))[None]]

    def result(self, **kept: np.ndarray) -> Any:
        """The score of each column, averaged."""
        first_a, first_b, weight, mean_a, mean_b, aa, bb, ab, number = _together(kept["moments"])
        if number.min(initial=math.inf) < self.least:
            warn_undefined(self.name, "it takes two samples", np.nan)
            return float("nan")
        return self.of_moments(weight, first_a + mean_a, first_b + mean_b, aa, bb, ab)

    def of_moments(self, weight: np.ndarray, mean_a: np.ndarray, mean_b: np.ndarray, aa: np.ndarray, bb: np.ndarray, ab: np.ndarray) -> Any:
        """The value from the moments of all."""
        raise ArgumentError(f"{type(self).__name__} does not define of_moments")


def _together(moments: np.ndarray) -> np.ndarray:
    """Rows of moments as one."""
    first, counts, numbers = moments[0, :2], moments[:, 2:3], moments[:, 8:]
    means = moments[:, 3:5] + (moments[:, :2] - first)
    mean = (means * (counts / counts.sum(axis=0))).sum(axis=0)
    da, db = np.moveaxis(means - mean, 1, 0)
    between = np.stack([da * da, db * db, da * db], axis=1) * counts
    return np.concatenate([first, counts.sum(axis=0), mean, (moments[:, 5:8] + between).sum(axis=0), numbers.sum(axis=0)])


class R2Score(Moments):
    """``1 - sum (y - p)² / sum (y - mean y)²``: the share of the variance that is predicted.

    Of targets that are all equal it is 1 if they are met, else 0.

    Parameters
    ----------
    multioutput : {"uniform_average", "raw_values", "variance_weighted"}
        The mean of columns, one number for each, or the mean weighted by their variance.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.R2Score()
    >>> metric.update(wb.tensor([2.5, 0.0, 2.0, 8.0]), wb.tensor([3.0, -0.5, 2.0, 7.0])); round(metric.compute(), 4)
    0.9486
    """

    name = "r2"
    least = 2

    def pair(self, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is left over, and the target."""
        return target - prediction, target

    def of_moments(self, weight: np.ndarray, mean_a: np.ndarray, mean_b: np.ndarray, aa: np.ndarray, bb: np.ndarray, ab: np.ndarray) -> Any:
        """From the squares of what is left over."""
        return self.explained(aa + weight * mean_a ** 2, bb)

    def explained(self, left: np.ndarray, spread: np.ndarray) -> Any:
        """1 - left / spread, averaged."""
        scores = np.where(left == 0, 1.0, 0.0)
        scores[spread > 0] = 1 - left[spread > 0] / spread[spread > 0]
        if self.multioutput == "variance_weighted" and spread.any():
            return float(np.average(scores, weights=spread))
        return self.average(scores)


class ExplainedVariance(R2Score):
    """``1 - var(y - p) / var(y)``: as `R2Score`, but an error that is always the same costs nothing. Parameters as there.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.ExplainedVariance()
    >>> metric.update(wb.tensor([2.0, 3.0, 4.0]), wb.tensor([1.0, 2.0, 3.0])); metric.compute()
    1.0
    """

    name = "explained_variance"
    least = 1

    def of_moments(self, weight: np.ndarray, mean_a: np.ndarray, mean_b: np.ndarray, aa: np.ndarray, bb: np.ndarray, ab: np.ndarray) -> Any:
        """From the variance of what is left over."""
        return self.explained(aa, bb)


class Pearson(Moments):
    """``cov(p, y) / (std(p) std(y))``: the linear correlation of predictions and targets (Pearson 1895); NaN where one of
    them is constant.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.Pearson()
    >>> metric.update(wb.tensor([1.0, 2.0, 3.0]), wb.tensor([2.0, 4.0, 7.0])); round(metric.compute(), 4)
    0.9934
    """

    name = "pearson"
    weighted = False
    averages: ClassVar[tuple[str, ...]] = ("uniform_average", "raw_values")

    def of_moments(self, weight: np.ndarray, mean_a: np.ndarray, mean_b: np.ndarray, aa: np.ndarray, bb: np.ndarray, ab: np.ndarray) -> Any:
        """Covariance over the root of variances."""
        spread = np.sqrt(aa) * np.sqrt(bb)
        scores = np.full(len(spread), np.nan)
        scores[spread > 0] = np.clip(ab[spread > 0] / spread[spread > 0], -1, 1)
        return self.average(scores)


class Spearman(Regression):
    """``pearson(rank(p), rank(y))``: the linear correlation of ranks, equal values sharing theirs (Spearman 1904); NaN
    where all are equal. Keeps all values.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.Spearman()
    >>> metric.update(wb.tensor([1.0, 2.0, 30.0]), wb.tensor([2.0, 4.0, 7.0])); round(metric.compute(), 4)
    1.0
    """

    name = "spearman"
    weighted = False
    kept: ClassVar[dict[str, str]] = {"predictions": "concatenate", "targets": "concatenate"}

    def parts(self, prediction: np.ndarray, target: np.ndarray) -> Arrays:  # type: ignore[override]  # it is not weighted
        """All values."""
        a, b = self.columns(prediction, target)
        return {"predictions": a, "targets": b}

    def result(self, **kept: np.ndarray) -> Any:
        """The correlation of ranks of each column, averaged."""
        correlation = Pearson("raw_values")
        correlation.update(*(np.apply_along_axis(_ranks, 0, kept[name]) for name in ("predictions", "targets")))
        return self.average(np.atleast_1d(correlation.compute()))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values with the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]

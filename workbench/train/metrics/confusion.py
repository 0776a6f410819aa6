"""Metrics of the confusion matrix, which counts targets of class i that were predicted as j: all but itself follow from it."""
from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError
from .base import Arrays, Metric, classes_of


class Counted(Metric):
    """Base of metrics that need the confusion matrix and nothing else.

    Parameters
    ----------
    num_classes : int, optional
        Counts these, whether they occur or not. By default those that occur, in targets or predictions.
    ignore_index : int, optional
        Targets of this class are left out.

    Shapes
    ------
    Predictions are scores (N, C, ...), one score per target (above 0 is class 1), or classes (N, ...); targets (N,
    ...).
    """

    kept: ClassVar[dict[str, str]] = {"matrix": "sum"}
    weighted = True

    def __init__(self, num_classes: int | None = None, ignore_index: int | None = None) -> None:
        if num_classes is not None and num_classes < 1:
            raise ArgumentError(f"{self.name}: num_classes={num_classes}; expected at least 1")
        self.num_classes, self.ignore_index = num_classes, ignore_index
        super().__init__()

    def parts(self, prediction: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> Arrays:
        """The confusion matrix of a batch."""
        found, wanted = classes_of(self.name, prediction, target).reshape(-1), target.reshape(-1)
        weights = None if weight is None else weight.reshape(-1)
        if self.ignore_index is not None:
            counted = wanted != self.ignore_index
            found, wanted, weights = found[counted], wanted[counted], None if weights is None else weights[counted]
        lowest, highest = (int(min(found.min(), wanted.min())), int(max(found.max(), wanted.max()))) if wanted.size else (0, 0)
        if lowest < 0 or highest >= (self.num_classes or math.inf) or wanted.dtype.kind not in "iub":
            raise ArgumentError(f"{self.name}: classes are integers from 0 to {(self.num_classes or 'C') if self.num_classes is None else self.num_classes - 1}"
                                f", got {wanted.dtype} {lowest} to {highest}")
        count = self.num_classes or highest + 1
        flat = np.bincount(wanted.astype(np.int64) * count + found.astype(np.int64), weights, minlength=count * count)
        return {"matrix": flat.reshape(count, count)}

    def result(self, **kept: np.ndarray) -> Any:
        """The value for the classes that count."""
        matrix = kept["matrix"]
        if not matrix.any():
            return float("nan")
        here = np.flatnonzero(matrix.sum(axis=0) + matrix.sum(axis=1)) if self.num_classes is None else np.arange(len(matrix))
        return self.of_matrix(matrix[np.ix_(here, here)].astype(np.float64), here)  # a class whose samples all weigh nothing does not occur

    def of_matrix(self, matrix: np.ndarray, classes: np.ndarray) -> Any:
        """The value of a confusion matrix of these classes."""
        raise ArgumentError(f"{type(self).__name__} does not define of_matrix(matrix, classes)")


class ConfusionMatrix(Counted):
    """``matrix[i, j] = sum(target == i and prediction == j)``: how often a target of class i was predicted as j.

    Parameters
    ----------
    normalize : {"true", "pred", "all"}, optional
        Make rows, columns or everything add up to 1.
    num_classes : int, optional
        By default as many as the classes that occur.
    ignore_index : int, optional
        Targets of this class are left out.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.ConfusionMatrix()
    >>> metric.update([0, 1, 1], [0, 0, 1]); metric.compute()
    array([[1, 1],
           [0, 1]])
    """

    name = "confusion_matrix"

    def __init__(self, normalize: str | None = None, num_classes: int | None = None, ignore_index: int | None = None) -> None:
        if normalize not in (None, "true", "pred", "all"):
            raise ArgumentError(f"confusion_matrix: normalize={normalize!r}; expected 'true', 'pred', 'all' or None")
        self.normalize = normalize
        super().__init__(num_classes, ignore_index)

    def result(self, **kept: np.ndarray) -> Any:
        """Whole numbers, unless samples have weights or it is normalized."""
        found = super().result(**kept)
        return found.astype(np.int64) if self.normalize is None and np.ndim(found) and kept["matrix"].dtype.kind == "i" else found

    def of_matrix(self, matrix: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Itself, normalized."""
        if self.normalize is None:
            return matrix
        axis = {"true": 1, "pred": 0, "all": None}[self.normalize]
        return divide(matrix, np.broadcast_to(matrix.sum(axis=axis, keepdims=True), matrix.shape))


class BalancedAccuracy(Counted):
    """``mean_c tp_c / (tp_c + fn_c)``: the mean of the recalls of the classes that occur as targets (Brodersen et al.
    2010).

    Parameters
    ----------
    adjusted : bool
        Move and stretch it so that guessing gives 0.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.BalancedAccuracy()
    >>> metric.update([0, 0, 1, 0], [0, 0, 1, 1]); metric.compute()
    0.75
    """

    name = "balanced_accuracy"

    def __init__(self, adjusted: bool = False, num_classes: int | None = None, ignore_index: int | None = None) -> None:
        self.adjusted = adjusted
        super().__init__(num_classes, ignore_index)

    def of_matrix(self, matrix: np.ndarray, classes: np.ndarray) -> float:
        """From recalls."""
        targets = matrix.sum(axis=1)
        recalls = np.diag(matrix)[targets > 0] / targets[targets > 0]
        score = float(recalls.mean())
        if not self.adjusted:
            return score
        chance = 1 / len(recalls)
        with np.errstate(all="ignore"):  # of one class: it is not defined, as in scikit-learn
            return float(np.float64(score - chance) / (1 - chance))


class MatthewsCorrelation(Counted):
    """``cov(t, p) / sqrt(cov(t, t) cov(p, p))`` of targets and predictions as indicators of classes (Matthews 1975;
    Gorodkin 2004); 0 where it is not defined.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.MatthewsCorrelation()
    >>> metric.update([1, 1, 0, 0], [1, 1, 0, 1]); round(metric.compute(), 4)
    0.5774
    """

    name = "mcc"

    def of_matrix(self, matrix: np.ndarray, classes: np.ndarray) -> float:
        """From the marginal counts."""
        targets, found, total = matrix.sum(axis=1), matrix.sum(axis=0), matrix.sum()
        together = np.trace(matrix) * total - targets @ found
        spread = (total ** 2 - found @ found) * (total ** 2 - targets @ targets)
        return float(together / math.sqrt(spread)) if spread else 0.0


class CohenKappa(Counted):
    """``1 - sum w o / sum w e`` with o how often each pair of classes occurs and e how often it would by chance: agreement
    beyond that of chance (Cohen 1960).

    Parameters
    ----------
    weights : {"linear", "quadratic"}, optional
        How much a disagreement counts for the distance of the classes; by default all count the same.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.CohenKappa()
    >>> metric.update([0, 1, 1, 0], [0, 1, 0, 0]); metric.compute()
    0.5
    """

    name = "kappa"

    def __init__(self, weights: str | None = None, num_classes: int | None = None, ignore_index: int | None = None) -> None:
        if weights not in (None, "linear", "quadratic"):
            raise ArgumentError(f"kappa: weights={weights!r}; expected 'linear', 'quadratic' or None")
        self.weights = weights
        super().__init__(num_classes, ignore_index)

    def of_matrix(self, matrix: np.ndarray, classes: np.ndarray) -> float:
        """From the matrix and its margins."""
        apart = np.abs(np.subtract.outer(np.arange(len(matrix)), np.arange(len(matrix)))).astype(np.float64)
        weight = {None: apart > 0, "linear": apart, "quadratic": apart ** 2}[self.weights]
        expected = (weight * np.outer(matrix.sum(axis=1), matrix.sum(axis=0))).sum() / matrix.sum()
        return float(1 - (weight * matrix).sum() / expected) if expected else float("nan")


def divide(above: np.ndarray, below: np.ndarray, undefined: float = 0.0) -> np.ndarray:
    """Quotients, `undefined` where the divisor is 0."""
    return np.divide(above, below, out=np.full(np.shape(above), float(undefined)), where=below != 0)


def warn_undefined(name: str, why: str, value: float) -> None:
    """Say that a score is not defined by the data."""
    warnings.warn(f"{name} is not defined: {why}; it is taken as {value:g}", stacklevel=3)

"""Metrics of how the predicted and the true members of a class overlap: precision, recall, F, intersection over union."""
from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError, ShapeError
from .base import Arrays, as_array
from .confusion import Counted, divide, warn_undefined

_AVERAGES = ("binary", "micro", "macro", "weighted", None)


class Overlap(Counted):
    """Base of the metrics here: a quotient of counts per class, and an average of classes.

    Parameters
    ----------
    average : {"binary", "micro", "macro", "weighted", None}
        ``"binary"``: of class `pos_label`, if there are two; ``"micro"``: of the counts of all classes together; ``"macro"``: the
        mean of classes; ``"weighted"``: that mean weighted by how often a class is the target; None: one number per class.
    pos_label : int
        The class that is asked for when `average` is binary.
    zero_division : {"warn", 0.0, 1.0, nan}
        The value of a class for which the divisor is 0; "warn" is 0 with a warning.
    multilabel : bool
        Targets and predictions are (N, L), and every column is a question of its own.
    num_classes : int, optional
        Counts these, whether they occur or not. By default those that occur.
    ignore_index : int, optional
        Targets of this class are left out.

    Shapes
    ------
    Predictions are scores (N, C, ...), one score per target (above 0 is class 1), or classes (N, ...); targets (N,
    ...). With `multilabel` both (N, L).
    """

    kept: ClassVar[dict[str, str]] = {"matrix": "sum"}

    def __init__(self, average: str | None = "binary", pos_label: int = 1, zero_division: Any = "warn", *, multilabel: bool = False,
                 num_classes: int | None = None, ignore_index: int | None = None) -> None:
        if average not in _AVERAGES:
            raise ArgumentError(f"{self.name}: average={average!r}; expected 'binary', 'micro', 'macro', 'weighted' or None")
        if multilabel and average == "binary":
            raise ArgumentError(f"{self.name}: average='binary' of several labels; expected 'micro', 'macro', 'weighted' or None")
        self.average, self.pos_label, self.zero_division, self.multilabel = average, pos_label, zero_division, multilabel
        super().__init__(num_classes, ignore_index)

    def quotient(self, both: np.ndarray, found: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Dividend and divisor, from the counts of members that are both, predicted, and true."""
        raise ArgumentError(f"{type(self).__name__} does not define quotient(both, found, wanted)")

    def parts(self, prediction: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> Arrays:
        """The confusion matrix of a batch; of labels the counts (3, L)."""
        if not self.multilabel:
            return super().parts(prediction, target, weight)
        if prediction.shape != target.shape or target.ndim != 2:
            raise ShapeError(f"{self.name}: predictions of shape {prediction.shape} and targets of shape {target.shape}; expected (N, L) both")
        found = prediction > 0 if prediction.dtype.kind == "f" else prediction.astype(bool)
        wanted = as_array(target).astype(bool)
        members = np.stack([found & wanted, found, wanted])
        return {"matrix": members.sum(axis=1) if weight is None else (members * weight).sum(axis=1)}

    def result(self, **kept: np.ndarray) -> Any:
        """The value from counts."""
        return self._averaged(*kept["matrix"].astype(np.float64)) if self.multilabel else super().result(**kept)

    def of_matrix(self, matrix: np.ndarray, classes: np.ndarray) -> Any:
        """The value of a confusion matrix of these classes."""
        both, found, wanted = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
        if self.average != "binary":
            return self._averaged(both, found, wanted)
        if len(classes) > 2 or (len(classes) == 2 and self.pos_label not in classes):
            raise ArgumentError(f"{self.name}: average='binary' asks for class {self.pos_label} of two, but classes {classes.tolist()} occur; "
                                "pass average='macro', 'micro', 'weighted' or None")
        chosen = classes == self.pos_label
        return self._averaged(*(count[chosen].sum(keepdims=True) for count in (both, found, wanted)))

    def _averaged(self, both: np.ndarray, found: np.ndarray, wanted: np.ndarray) -> Any:
        if self.average == "micro":
            both, found, wanted = (count.sum(keepdims=True) for count in (both, found, wanted))
        above, below = self.quotient(both, found, wanted)
        silent = 0.0 if self.zero_division == "warn" else float(self.zero_division)
        if self.zero_division == "warn" and (below == 0).any():
            warn_undefined(self.name, "some class has no members to divide by", silent)
        values = divide(above, below, silent)
        if self.average is None:
            return values
        weights = wanted if self.average == "weighted" else np.ones(len(values))
        usable = ~np.isnan(values)
        if not usable.any():
            return float("nan")
        if not weights[usable].any():
            weights = np.ones(len(values))
        return float(np.average(values[usable], weights=weights[usable]))


class Precision(Overlap):
    """The share of the predicted members of a class that are true: ``tp / (tp + fp)``. Parameters as in `FBeta`, without `beta`.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.Precision()
    >>> metric.update([1, 1, 0, 0], [1, 0, 1, 0]); metric.compute()
    0.5
    """

    name = "precision"

    def quotient(self, both: np.ndarray, found: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """tp, tp + fp."""
        return both, found


class Recall(Overlap):
    """The share of the true members of a class that are predicted: ``tp / (tp + fn)``. Parameters as in `FBeta`, without `beta`.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.Recall(average=None)
    >>> metric.update([0, 1, 2, 2], [0, 1, 1, 2]); metric.compute()
    array([1. , 0.5, 1. ])
    """

    name = "recall"

    def quotient(self, both: np.ndarray, found: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """tp, tp + fn."""
        return both, wanted


class FBeta(Overlap):
    """The weighted harmonic mean of precision and recall: ``(1 + b²) tp / ((1 + b²) tp + b² fn + fp)`` (van Rijsbergen 1979).

    Parameters
    ----------
    beta : float
        Above 1 recall counts for more, below 1 precision.
    average : {"binary", "micro", "macro", "weighted", None}
        ``"binary"``: of class `pos_label`, if there are two; ``"micro"``: of the counts of all classes together; ``"macro"``: the
        mean of classes; ``"weighted"``: that mean weighted by how often a class is the target; None: one number per class.
    pos_label : int
        The class that is asked for when `average` is binary.
    zero_division : {"warn", 0.0, 1.0, nan}
        The value of a class for which the divisor is 0; "warn" is 0 with a warning.
    how
        `multilabel`: targets and predictions are (N, L), and every column is a question of its own. `num_classes`: counts
        these, whether they occur or not. `ignore_index`: targets of this class are left out.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.FBeta(beta=0.5, average="macro")
    >>> metric.update([0, 1, 1], [0, 0, 1]); round(metric.compute(), 4)
    0.6944
    """

    name = "fbeta"

    def __init__(self, beta: float = 1.0, average: str | None = "binary", pos_label: int = 1, zero_division: Any = "warn", **how: Any) -> None:
        if beta < 0:
            raise ArgumentError(f"{self.name}: beta={beta}; expected 0 or more")
        self.beta = beta
        super().__init__(average, pos_label, zero_division, **how)

    def quotient(self, both: np.ndarray, found: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(1 + b²) tp, and itself with b² fn + fp."""
        return (1 + self.beta ** 2) * both, self.beta ** 2 * wanted + found


class F1(FBeta):
    """``2 tp / (2 tp + fn + fp)``, the harmonic mean of precision and recall, `FBeta` of 1; of masks it is the Dice
    coefficient (Dice 1945).

    Parameters
    ----------
    how
        As in `FBeta`.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.F1()
    >>> metric.update([1, 1, 0, 0], [1, 0, 1, 0]); metric.compute()
    0.5
    """

    name = "f1"

    def __init__(self, average: str | None = "binary", pos_label: int = 1, zero_division: Any = "warn", **how: Any) -> None:
        super().__init__(1.0, average, pos_label, zero_division, **how)


class Dice(F1):
    """``2 |A ∩ B| / (|A| + |B|)`` of predicted and true masks, by default the mean of classes (Dice 1945).

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.Dice()
    >>> metric.update([[0, 1], [1, 1]], [[0, 1], [0, 1]]); round(metric.compute(), 4)
    0.7333
    """

    name = "dice"

    def __init__(self, average: str | None = "macro", pos_label: int = 1, zero_division: Any = "warn", **how: Any) -> None:
        super().__init__(average, pos_label, zero_division, **how)


class IoU(Overlap):
    """``|A ∩ B| / |A ∪ B|`` of predicted and true masks, by default the mean of classes (Jaccard 1912). Parameters as in `F1`.

    Parameters
    ----------
    how
        As in `FBeta`.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.IoU()
    >>> metric.update([[0, 1], [1, 1]], [[0, 1], [0, 1]]); round(metric.compute(), 4)
    0.5833
    """

    name = "iou"

    def __init__(self, average: str | None = "macro", pos_label: int = 1, zero_division: Any = "warn", **how: Any) -> None:
        super().__init__(average, pos_label, zero_division, **how)

    def quotient(self, both: np.ndarray, found: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """tp, tp + fp + fn."""
        return both, found + wanted - both

"""Metrics that are fed batch by batch: update, compute, reset, merge."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from ..core.recorded import Recorded


class Metric(Recorded):
    """Base of metrics: a sum and a count, of what `measure` says of each batch."""

    name: str

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._total, self._count = 0.0, 0

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """One number per sample."""
        raise ArgumentError(f"{type(self).__name__} does not define measure(prediction, target)")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in a batch of model outputs and targets."""
        each = self.measure(prediction.numpy(), target.numpy())
        self._total += float(each.sum())
        self._count += each.size

    def merge(self, other: Metric) -> None:
        """Take in what another of the same kind has seen."""
        self._total += other._total
        self._count += other._count

    def compute(self) -> float:
        """The value over everything seen since the last reset; NaN before the first batch."""
        return self._total / self._count if self._count else float("nan")


class Accuracy(Metric):
    """The share of right classes. Predictions are scores (N, C, ...) or, with one axis, logits of the positive class.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.Accuracy()
    >>> metric.update(wb.tensor([[0.1, 0.9], [0.8, 0.2]]), wb.tensor([1, 1])); metric.compute()
    0.5
    """

    name = "accuracy"

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """1 where the class is right."""
        found = prediction.argmax(axis=1) if prediction.ndim == target.ndim + 1 else prediction > 0
        if found.shape != target.shape:
            raise ShapeError(f"accuracy: predictions of shape {prediction.shape} do not fit targets of shape {target.shape}")
        return found == target


class MeanSquaredError(Metric):
    """The mean of squared differences.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.MeanSquaredError()
    >>> metric.update(wb.tensor([1.0]), wb.tensor([3.0])); metric.compute()
    4.0
    """

    name = "mse"

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Squared differences."""
        if prediction.shape != target.shape:
            raise ShapeError(f"mse: predictions of shape {prediction.shape} do not fit targets of shape {target.shape}")
        return np.square(prediction - target)


class MeanAbsoluteError(MeanSquaredError):
    """The mean of absolute differences.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.MeanAbsoluteError()
    >>> metric.update(wb.tensor([1.0]), wb.tensor([3.0])); metric.compute()
    2.0
    """

    name = "mae"

    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Absolute differences."""
        return np.sqrt(super().measure(prediction, target))


METRICS: dict[str, Callable[[], Metric]] = {kind.name: kind for kind in (Accuracy, MeanSquaredError, MeanAbsoluteError)}


def resolve(metric: Any) -> Metric:
    """A metric by name, class or instance."""
    if isinstance(metric, str):
        if metric not in METRICS:
            raise ArgumentError(f"metric {metric!r} is not known; expected one of {', '.join(METRICS)} or a Metric")
        return METRICS[metric]()
    return metric if isinstance(metric, Metric) else metric()

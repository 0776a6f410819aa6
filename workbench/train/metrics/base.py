"""What all metrics share: numbers that batches add to, and that merge across ranks; and how predictions are read."""
from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...core import Tensor
from ...core.errors import ArgumentError, CheckpointError, ShapeError
from ...core.recorded import Recorded

Arrays = dict[str, np.ndarray]


class Metric(Recorded):
    """Base of metrics: fed batch by batch, equal to what all of the data at once would give.

    A subclass gives ``measure(prediction, target)``, one number per sample, of which the mean is taken; or it declares the arrays
    it keeps in `kept`, each with the way two of them become one ("sum" or "concatenate"), and gives ``parts(prediction, target)``,
    what a batch adds, and ``result()``. Since states only add up, ranks may each see a part of the data, and be merged.

    Attributes
    ----------
    weighted : bool
        Does `update` take ``sample_weight``? Then `parts` gets a third argument, the weight of every target, where one is given.

    Examples
    --------
    >>> import numpy as np, workbench as wb
    >>> class Bias(wb.train.metrics.Metric):
    ...     name = "bias"
    ...     def measure(self, prediction, target): return prediction - target
    >>> metric = Bias()
    >>> metric.update(wb.tensor([1.0, 2.0]), wb.tensor([0.0, 0.0])); metric.compute()
    1.5
    """

    name: str
    kept: ClassVar[dict[str, str]] = {"total": "sum", "count": "sum"}
    weighted: ClassVar[bool] = False

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._batches: dict[str, list[np.ndarray]] = {name: [] for name in self.kept}

    # ------------------------------------------------------------------ what a subclass gives
    def measure(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """One number per sample."""
        raise ArgumentError(f"{type(self).__name__} does not define measure(prediction, target)")

    def parts(self, prediction: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> Arrays:
        """What a batch adds to the arrays that are kept."""
        each = np.asarray(self.measure(prediction, target))
        if weight is None:
            return {"total": each.sum(dtype=np.float64), "count": np.asarray(each.size)}
        return {"total": np.dot(each.reshape(-1), weight.reshape(-1)), "count": weight.sum()}

    def result(self, **kept: np.ndarray) -> Any:
        """The value, from the arrays that are kept."""
        return float(kept["total"] / kept["count"]) if kept["count"] else float("nan")

    # ------------------------------------------------------------------ what a user calls
    def update(self, prediction: Any, target: Any, sample_weight: Any = None) -> None:
        """Take in a batch of model outputs and targets.

        Parameters
        ----------
        prediction, target : Tensor or array
        sample_weight : Tensor or array, optional
            How much each sample (N,), or each target, counts; one that weighs nothing is left out.
        """
        predictions, targets = as_array(prediction), as_array(target)
        if sample_weight is None:
            self._add(self.parts(predictions, targets))
        else:
            self._add(self.parts(predictions, targets, self._weights(sample_weight, targets)))

    def _weights(self, given: Any, target: np.ndarray) -> np.ndarray:
        """The weight of every target."""
        if not self.weighted:
            raise ArgumentError(f"{self.name}: this metric takes no sample_weight")
        weight = as_array(given).astype(np.float64)
        if weight.shape not in (target.shape, target.shape[:1]):
            raise ShapeError(f"{self.name}: sample_weight of shape {weight.shape} does not fit targets of shape {target.shape}; expected one number "
                             "per sample or per target")
        if not np.isfinite(weight).all() or (weight < 0).any():
            raise ArgumentError(f"{self.name}: sample_weight holds what is negative, infinite or NaN; expected numbers of 0 or more")
        return np.broadcast_to(weight.reshape(weight.shape + (1,) * (target.ndim - weight.ndim)), target.shape)

    def merge(self, other: Metric) -> None:
        """Take in what another of the same kind has seen."""
        if type(other) is not type(self):
            raise ArgumentError(f"{self.name}.merge: expected a {type(self).__name__}, got a {type(other).__name__}")
        self._add(other.state_dict())

    def compute(self) -> Any:
        """The value over everything seen since the last reset; NaN before the first batch."""
        if not any(self._batches.values()):
            return float("nan")
        return self.result(**self.state_dict())

    def state_dict(self) -> Arrays:
        """The arrays that are kept, by name; those of several ranks become one as `kept` says."""
        for name, batches in self._batches.items():
            if len(batches) > 1:
                self._batches[name] = [_joined(batches, self.kept[name])]
        return {name: batches[0].copy() for name, batches in self._batches.items() if batches}

    def load_state_dict(self, state: Arrays) -> None:
        """Continue from what `state_dict` returned."""
        if state and set(state) != set(self.kept):
            raise CheckpointError(f"{self.name}: a state of {', '.join(state)} is not one of this metric, which keeps {', '.join(self.kept)}")
        self.reset()
        self._add(state)

    def _add(self, parts: Arrays) -> None:
        for name, part in parts.items():
            batches = self._batches[name]
            batches.append(np.asarray(part))
            if len(batches) > 1 and self.kept[name] == "sum":
                self._batches[name] = [_joined(batches, "sum")]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.compute()})"


def _joined(batches: list[np.ndarray], how: str) -> np.ndarray:
    if how == "concatenate":
        return np.concatenate(batches)
    largest = tuple(np.max([batch.shape for batch in batches], axis=0))
    return sum(_grown(batch, largest) for batch in batches)


def _grown(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`array` with zeros at the end of its axes: counts of classes that it had not seen."""
    if array.shape == shape:
        return array
    return np.pad(array, [(0, wanted - have) for have, wanted in zip(array.shape, shape, strict=True)])


def as_array(value: Any) -> np.ndarray:
    """A tensor, or anything like an array, as an array; low precision as float32."""
    array = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "V" or array.dtype == np.float16 else array


def classes_of(name: str, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Predicted classes: of scores (N, C, ...) the best, of one score per target whether it is above 0, of integers themselves."""
    if prediction.ndim == target.ndim + 1:
        prediction = prediction.argmax(axis=1)
    elif prediction.dtype.kind == "f":
        prediction = (prediction > 0).astype(np.int64)
    if prediction.shape != target.shape:
        raise ShapeError(f"{name}: predictions of shape {prediction.shape} do not fit targets of shape {target.shape}")
    return prediction


def probabilities(name: str, prediction: np.ndarray, target: np.ndarray, from_logits: bool) -> np.ndarray:
    """Probabilities (N, C) of scores (N, C, ...), or (N, 2) of one score per target: softmax or logistic, or as they are."""
    values = scores_2d(name, prediction, target).astype(np.float64 if prediction.dtype.kind != "f" else prediction.dtype, copy=False)
    alike = values.ndim == 2 and values.size > 0 and (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-5)
    if from_logits:
        if alike:
            raise ArgumentError(f"{name}: the rows of the predictions are probabilities already; pass from_logits=False")
        return np.exp(log_softmax(_with_zero(values)))
    if values.ndim == 2 and not alike and values.size > 0:
        raise ArgumentError(f"{name}: the rows of the predictions do not add up to 1; pass from_logits=True for raw model outputs")
    if values.size > 0 and not (values.min() >= 0 and values.max() <= 1):
        raise ArgumentError(f"{name}: predictions of {values.min():g} to {values.max():g} are no probabilities; pass from_logits=True for raw "
                            "model outputs")
    return np.stack([1 - values, values], axis=1) if values.ndim == 1 else values


def scores_2d(name: str, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Scores (N, C) for scores (N, C, ...) of targets (N, ...), or (N,) for one score per target."""
    if prediction.shape == target.shape:
        return prediction.reshape(-1)
    if prediction.ndim != target.ndim + 1 or prediction.shape[:1] + prediction.shape[2:] != target.shape:
        raise ShapeError(f"{name}: predictions of shape {prediction.shape} do not fit targets of shape {target.shape}")
    return np.moveaxis(prediction, 1, -1).reshape(-1, prediction.shape[1])


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Logarithms of softmax along the last axis, in float64."""
    scores = scores.astype(np.float64)
    shifted = scores - scores.max(axis=-1, keepdims=True, initial=-np.inf) if scores.size else scores
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _with_zero(values: np.ndarray) -> np.ndarray:
    """Logits of one class as those of two: the logistic function is the softmax of (0, x)."""
    return np.stack([np.zeros_like(values), values], axis=1) if values.ndim == 1 else values

"""One batch: how large it is, how it is divided and moved, and what a model and a loss make of it."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..core import Tensor, tree
from ..core.errors import ArgumentError
from ..nn import auxiliary_losses

TARGETS = ("target", "targets", "label", "labels", "y")
"""Under one of these names a batch that is a dict holds what the loss compares with."""


def batch_size(batch: Any) -> int:
    """How many samples a batch has: the length of its first tensor, else of the batch itself.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.train.steps import batch_size
    >>> batch_size((wb.ones(3, 2), wb.ones(3))), batch_size(["a", "b"])
    (3, 2)
    """
    for leaf in tree.flatten(batch)[0]:
        if getattr(leaf, "shape", ()):
            return int(leaf.shape[0])
    return len(batch) if hasattr(batch, "__len__") else 1


def split(batch: Any, size: int | None) -> list[Any]:
    """Parts of at most `size` samples; every tensor in the batch is divided along its first axis."""
    count = batch_size(batch)
    if size is None or count <= size:
        return [batch]
    leaves, structure = tree.flatten(batch)
    wrong = next((leaf for leaf in leaves if getattr(leaf, "shape", ()) and leaf.shape[0] != count), None)
    if wrong is not None:
        raise ArgumentError(f"micro_batch: a batch of {count} samples holds a tensor of shape {tuple(wrong.shape)}, which cannot be divided with it")
    return [structure.unflatten([leaf[start:start + size] if getattr(leaf, "shape", ()) else leaf for leaf in leaves])
            for start in range(0, count, size)]


def placed(batch: Any, device: str) -> Any:
    """The batch with its tensors on `device`."""
    leaves, structure = tree.flatten(batch)
    if all(not isinstance(leaf, Tensor) or leaf.device == device for leaf in leaves):
        return batch
    return structure.unflatten([leaf.to(device) if isinstance(leaf, Tensor) else leaf for leaf in leaves])


def plain_step(model: Any, batch: Any, loss: Callable[..., Any] | None) -> dict[str, Any]:
    """What a trainer does with a batch unless it is given a ``step`` of its own.

    ``(x, y)`` means ``loss(model(x), y)``; of a longer tuple the last is the target. A dict is passed by name, without its
    target (one of `TARGETS`). Without a loss the model gets everything and returns the loss, or something that has one. What
    layers add of themselves (`nn.auxiliary_losses`) is part of the loss.
    """
    with auxiliary_losses() as extra:
        found = _computed(model, batch, loss)
    return {**found, "loss": sum(extra, found["loss"])} if extra else found


def _computed(model: Any, batch: Any, loss: Callable[..., Any] | None) -> dict[str, Any]:
    if loss is None:
        output = model(**batch) if isinstance(batch, Mapping) else model(*batch) if isinstance(batch, (tuple, list)) else model(batch)
        return outcome(output if isinstance(output, (Tensor, Mapping)) else getattr(output, "loss", output))
    if isinstance(batch, Mapping):
        name = next((name for name in TARGETS if name in batch), None)
        if name is None:
            raise ArgumentError(f"fit: a batch with the names {', '.join(map(str, batch))} has no target; call it one of {', '.join(TARGETS)}, "
                                "or give the trainer a step(model, batch)")
        prediction, target = model(**{key: value for key, value in batch.items() if key != name}), batch[name]
    elif isinstance(batch, (tuple, list)) and len(batch) > 1:
        prediction, target = model(*batch[:-1]), batch[-1]
    else:
        raise ArgumentError(f"fit: expected batches of (input, target) or dicts, got {type(batch).__name__}; for anything else give the trainer "
                            "a step(model, batch) that returns the loss")
    value = loss(prediction, target)
    if not isinstance(value, Tensor):
        raise ArgumentError(f"fit: the loss gave a {type(value).__name__}; expected a tensor with one element, which depends on the prediction")
    return {"loss": value, "prediction": prediction, "target": target}


def outcome(value: Any) -> dict[str, Any]:
    """What a step returned, as a dict with ``"loss"``, further numbers, and perhaps ``"prediction"`` and ``"target"``."""
    found = dict(value) if isinstance(value, Mapping) else {"loss": value}
    if not isinstance(found.get("loss"), Tensor) or found["loss"].size != 1:
        what = type(value).__name__ if "loss" not in found else f"a loss that is {getattr(found['loss'], 'shape', type(found['loss']).__name__)}"
        raise ArgumentError(f"fit: a step must return the loss as a tensor with one element, or a dict with it under 'loss'; got {what}")
    return found


def numbers(found: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an outcome that is logged."""
    return {name: value for name, value in found.items() if name not in ("prediction", "target")}


def compared(found: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Prediction and target of an outcome, for metrics; low precision as float32."""
    if "prediction" not in found or "target" not in found:
        raise ArgumentError("metrics need what the model predicted: let step return {'loss': ..., 'prediction': ..., 'target': ...}")
    prediction = found["prediction"]
    low = prediction.dtype.kind in "fV" and prediction.dtype.itemsize == 2
    return prediction.to(dtype="float32") if low else prediction, found["target"]


def length(loader: Any) -> int | None:
    """The number of batches of an epoch; None for a stream."""
    try:
        return len(loader)
    except TypeError:
        return None


def device_of(model: Any) -> str:
    """Where a model lives: the device of its first parameter."""
    return next((parameter.device for parameter in model.parameters()), "cpu")

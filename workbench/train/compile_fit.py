"""What `Sequential` and `Model` do when they are compiled and fitted: arrays become batches, and the trainer does the work."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import ops
from ..core import Tensor, as_tensor, no_grad, tree
from ..core.errors import ArgumentError, ShapeError
from ..data import DataLoader, Dataset, IterableDataset, Subset, default_collate
from ..nn import Model, Module
from ..optim import Optimizer
from . import names, steps
from .callbacks.progress import counted
from .metrics import Metric
from .run import Run
from .trainer import Trainer


@dataclass
class Plan:
    """What a model was compiled with; the optimizer is made when the first batch is there."""

    optimizer: Callable[[Iterable[Tensor]], Optimizer] | Optimizer
    loss: Callable[..., Tensor]
    metrics: list[Metric]
    jit: bool = False
    made: Optimizer | None = field(default=None, repr=False)

    def optimizer_of(self, model: Module) -> Optimizer:
        """The one optimizer of all calls of `fit`."""
        if self.made is None:
            self.made = self.optimizer if isinstance(self.optimizer, Optimizer) else self.optimizer(model.parameters())
        return self.made

    def __getstate__(self) -> dict[str, Any]:
        """A copy of the model gets an optimizer of its own."""
        return {**vars(self), "made": None}


@dataclass
class JointLoss:
    """The weighted sum of a loss for each output."""

    losses: dict[Any, Callable[..., Tensor]]
    weights: dict[Any, float]

    def __call__(self, prediction: Any, target: Any) -> Tensor:
        for what, given in (("outputs", prediction), ("targets", target)):
            names = given.keys() if isinstance(given, Mapping) else range(len(given))
            if set(names) != set(self.losses):
                raise ArgumentError(f"fit: the {what} are called {', '.join(map(str, names))}, the losses {', '.join(map(str, self.losses))}")
        return sum(loss(prediction[name], target[name]) * self.weights[name] for name, loss in self.losses.items())


def planned(optimizer: Any, loss: Any, metrics: Sequence[Any], lr: float | None, loss_weights: Any, jit_compile: bool, options: dict[str, Any]) -> Plan:
    """The arguments of ``compile`` as objects."""
    if options:
        raise ArgumentError(f"compile: {', '.join(options)} cannot be combined with an optimizer and a loss")
    if optimizer is None or loss is None:
        raise ArgumentError(f"compile: {'an optimizer' if optimizer is None else 'a loss'} is missing; pass compile(optimizer='adam', loss='cross_entropy')")
    several = isinstance(loss, (Mapping, list, tuple))
    if several and metrics:
        raise ArgumentError("compile: metrics need one output to look at; evaluate the outputs of the model by themselves")
    if loss_weights is not None and not several:
        raise ArgumentError("compile: loss_weights need several losses; pass a dict or a list of losses")
    if isinstance(metrics, (str, Metric)):
        metrics = [metrics]
    return Plan(names.optimizer(optimizer, lr, "compile"), _joint(loss, loss_weights) if several else names.loss(loss, "compile"),
                [names.metric(metric, "compile") for metric in metrics], jit_compile)


def _joint(losses: Any, weights: Any) -> JointLoss:
    named = dict(losses) if isinstance(losses, Mapping) else dict(enumerate(losses))
    factors = dict.fromkeys(named, 1.0) if weights is None else dict(weights) if isinstance(weights, Mapping) else dict(enumerate(weights))
    if set(factors) != set(named):
        raise ArgumentError(f"compile: loss_weights for {', '.join(map(str, factors))}; expected {', '.join(map(str, named))}")
    return JointLoss({name: names.loss(loss, "compile") for name, loss in named.items()}, factors)


# Data -----------------------------------------------------------------------------------------------------------------------
class Rows(Dataset):
    """Tensors in any tree; item i is the tree of their rows i."""

    takes_many = True

    def __init__(self, parts: Any, dtype: Any) -> None:
        leaves, self.structure = tree.flatten(parts)
        self.tensors = [_tensor(leaf, dtype) for leaf in leaves]
        lengths = {t.shape[0] if t.ndim else None for t in self.tensors}
        if len(lengths) != 1 or None in lengths:
            raise ShapeError(f"fit: inputs and targets must have the same number of samples on axis 0, got shapes {[tuple(t.shape) for t in self.tensors]}")

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index: Any) -> Any:
        return self.structure.unflatten([t[index] for t in self.tensors])


def _tensor(leaf: Any, dtype: Any) -> Tensor:
    """An array as a tensor; what is not a tensor yet gets the precision of the model."""
    if isinstance(leaf, Tensor):
        return leaf.detach()
    made = as_tensor(np.asarray(leaf))
    return made.to(dtype=dtype) if made.dtype.kind == "f" and dtype is not None else made


def _is_arrays(x: Any) -> bool:
    """Arrays, in lists and dicts, as opposed to something that gives samples or batches."""
    parts = list(x.values()) if isinstance(x, Mapping) else x if isinstance(x, (list, tuple)) else [x]
    return bool(parts) and all(isinstance(part, (Tensor, np.ndarray)) or hasattr(part, "__array__") for part in parts)


def as_dataset(model: Module, what: str, x: Any, y: Any = None) -> Any:
    """`x` and `y` as a dataset whose items are (input, ..., target); what is no array stays what it is."""
    if not _is_arrays(x):
        if y is not None:
            raise ArgumentError(f"{what}: y goes with arrays; a {type(x).__name__} holds its targets itself")
        if not isinstance(x, Iterable) and not hasattr(x, "__getitem__"):
            raise ArgumentError(f"{what}: x is {type(x).__name__}; expected arrays, a Dataset, or batches")
        return x
    dtype = next((p.dtype for p in model.parameters() if p.dtype.kind in "fV"), None)
    inputs = tuple(x) if isinstance(x, (list, tuple)) else (dict(x) if isinstance(x, Mapping) else x,)
    return Rows(inputs if y is None else (*inputs, y), dtype)


def _batches(data: Any, batch_size: int, shuffle: bool = False, seed: int | None = None) -> Any:
    if batch_size < 1:
        raise ArgumentError(f"batch_size={batch_size}; expected at least 1")
    if isinstance(data, IterableDataset):
        return DataLoader(data, batch_size)
    ready = isinstance(data, (list, DataLoader)) or not hasattr(data, "__getitem__")
    return data if ready else DataLoader(data, batch_size, shuffle=shuffle, seed=seed)


def _divided(data: Any, share: float) -> tuple[Any, Any]:
    """All but the last samples, and those."""
    if not 0 < share < 1:
        raise ArgumentError(f"fit: validation_split={share}; a share must lie between 0 and 1")
    if not isinstance(data, Dataset):
        raise ArgumentError("fit: validation_split divides arrays and datasets; of batches pass some as validation_data")
    kept = len(data) - round(len(data) * share)
    if not 0 < kept < len(data):
        raise ArgumentError(f"fit: validation_split={share} of {len(data)} samples leaves nothing to train on or to evaluate")
    return Subset(data, range(kept)), Subset(data, range(kept, len(data)))


_FURTHER = ("max_steps", "checkpoint", "resume")
"""Options of `Trainer.fit` that are handed on."""


# The methods ----------------------------------------------------------------------------------------------------------------
def fit(model: Module, x: Any, y: Any, batch_size: int, epochs: int, verbose: str | int, callbacks: Sequence[Any], validation_split: float,
        validation_data: Any, shuffle: bool, seed: int | None, options: dict[str, Any]) -> Run:
    """See `nn.trainable.Trainable.fit`."""
    progress = _progress(verbose, "fit")
    if unknown := sorted(set(options) - set(_FURTHER)):
        raise ArgumentError(f"fit: no option is called {unknown[0]!r}; there are {', '.join(_FURTHER)}, and verbose=0 for silence")
    if validation_split and validation_data is not None:
        raise ArgumentError("fit: validation_split and validation_data were given; give one of them")
    plan, data = _plan_of(model, "fit"), as_dataset(model, "fit", x, y)
    held = None
    if validation_split:
        data, held = _divided(data, validation_split)
    elif validation_data is not None:
        held = as_dataset(model, "fit: validation_data", *(validation_data if isinstance(validation_data, tuple) else (validation_data,)))
    settle(model, data)
    trainer = Trainer(model, plan.loss, plan.optimizer_of(model), metrics=plan.metrics, callbacks=callbacks, compile=plan.jit, seed=seed)
    validation = None if held is None else _batches(held, batch_size)
    return trainer.fit(_batches(data, batch_size, shuffle, seed), epochs, validation=validation, progress=progress, **options)


def _progress(verbose: str | int, what: str) -> bool | None:
    """Keras' `verbose` as the trainer says it; 2, a line per epoch, is for logs, which callbacks write."""
    if verbose not in ("auto", 0, 1):
        raise ArgumentError(f"{what}: verbose={verbose!r}; expected 'auto', 0 or 1 (for a line per epoch in a file pass callbacks=[train.CSVLogger(path)])")
    return None if verbose == "auto" else bool(verbose)


def evaluate(model: Module, x: Any, y: Any, batch_size: int, verbose: str | int) -> dict[str, Any]:
    """See `nn.trainable.Trainable.evaluate`."""
    plan, data = _plan_of(model, "evaluate"), as_dataset(model, "evaluate", x, y)
    settle(model, data)
    batches = counted(_batches(data, batch_size), "evaluate", _progress(verbose, "evaluate"))
    return Trainer(model, plan.loss, plan.optimizer_of(model), metrics=plan.metrics).evaluate(batches)


def predict(model: Module, x: Any, batch_size: int, verbose: str | int) -> Any:
    """See `nn.trainable.Trainable.predict`."""
    arrays = _is_arrays(x)
    loader = counted(_batches(as_dataset(model, "predict", x), batch_size), "predict", _progress(verbose, "predict"))
    device, was = steps.device_of(model), [(module, module.training) for module in model.modules()]
    found = []
    model.eval()
    try:
        with no_grad():
            for batch in loader:
                parts = batch if isinstance(batch, tuple) else tuple(batch) if isinstance(batch, list) else (batch,)
                found.append(model(*steps.placed(parts if arrays else parts[:_count(model)], device)))
    finally:
        for module, mode in was:
            module.training = mode
    if not found:
        raise ArgumentError("predict: there are no samples")
    return tree.map(lambda *outputs: ops.concat(outputs), *found)


def _count(model: Module) -> int:
    """How many arguments a call has."""
    return len(model._specs) if isinstance(model, Model) and model._inputs.kind is not dict else 1


def _plan_of(model: Module, what: str) -> Plan:
    plan = vars(model).get("_plan")
    if plan is None:
        raise ArgumentError(f"{what}: nothing says how to train; call compile(optimizer='adam', loss='cross_entropy') first")
    return plan


def settle(model: Module, data: Any) -> None:
    """Let lazy layers see a sample before an optimizer takes their parameters."""
    if not any(hasattr(parameter, "materialize") for parameter in model.parameters()) or not isinstance(data, Dataset):
        return
    modes = [(module, module.training) for module in model.modules()]
    batch = data[np.arange(1)] if data.takes_many else default_collate([data[0]])
    if not isinstance(batch, (tuple, list)):
        return
    with no_grad():
        model.eval()(*steps.placed(batch[:-1] if len(batch) > 1 else batch, steps.device_of(model)))
    for module, mode in modes:
        module.training = mode

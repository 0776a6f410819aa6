"""`fit`: a model trained in one line."""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from ..core.errors import ArgumentError
from ..core.recorded import recorded
from ..data import DataLoader, Dataset, IterableDataset, random_split
from ..nn import Module
from ..optim import EMA, Optimizer
from . import names
from .callbacks import Callback, Checkpoint
from .compile_fit import as_dataset, settle
from .metrics import Metric
from .precision import Precision
from .run import Run
from .trainer import Loss, Trainer


@recorded
def fit(model: Module, data: Dataset | DataLoader | tuple, *, loss: Loss | str,
        optimizer: str | type[Optimizer] | Optimizer | Callable[..., Optimizer] | None = None, lr: float | None = None,
        epochs: int = 5, batch_size: int = 64, validation: float | Dataset | DataLoader | tuple | None = None,
        metrics: Sequence[str | Metric] | None = None, scheduler: Any = None, max_grad_norm: float | None = None,
        seed: int = 0, title: str | None = None, progress: bool | None = None, max_steps: int | None = None,
        schedule: str = "epoch", monitor: str | None = None, accumulate: int = 1, micro_batch: int | None = None, precision: str | Precision = "32",
        evaluate_every: int | None = None, ema: float | EMA | None = None, callbacks: Sequence[Callback] = (), compile: bool = False,
        checkpoint: str | os.PathLike | Checkpoint | None = None, resume: bool | str | os.PathLike = False) -> Run:
    """Train a model in one line; in a notebook the run shows itself live.

    Parameters
    ----------
    model : Module
    data : Dataset, DataLoader, or (x, y)
        Of (input, target); arrays or tensors become a dataset.
    loss : callable or str
        ``loss(model(x), y)``, or a name: ``"cross_entropy"``, ``"mse"``.
    optimizer : str, class, Optimizer or callable
        A name (``"adam"``) or a class is called with the model's parameters and `lr`, a function with the parameters; Adam by default.
    lr : float, optional
        Learning rate for the name or the class of an optimizer; 0.001 by default.
    epochs, batch_size : int
    validation : float, Dataset, DataLoader or (x, y), optional
        A share of `data` to set aside, or data of its own.
    metrics : sequence of str or Metric, optional
        For validation; accuracy by default when targets are integers.
    scheduler : LRScheduler or callable, optional
        Stepped after every epoch (or step: `schedule`); a callable is called with the optimizer.
    max_grad_norm : float, optional
        Clip the joint norm of gradients.
    seed : int
        For splitting and shuffling.
    title : str, optional
    progress : bool, optional
        Show a bar in the terminal.
    max_steps, checkpoint, resume
        As in `Trainer.fit`.
    schedule, monitor, accumulate, micro_batch, precision, evaluate_every, ema, callbacks, compile
        As in `Trainer`.

    Returns
    -------
    Run

    Raises
    ------
    ArgumentError
        If the data or a number does not make sense.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench import nn
    >>> run = wb.fit(nn.Linear(4, 3), wb.data.iris(), loss="cross_entropy", optimizer="adam", lr=0.1, epochs=20, validation=0.2)
    >>> run.history.last("val_accuracy") > 0.8
    True
    """
    if epochs < 1:
        raise ArgumentError(f"fit: epochs={epochs}; expected at least 1")
    data, validation = _whole(model, "data", data), validation if isinstance(validation, float) else _whole(model, "validation", validation)
    training, held_out = _divide(data, validation, seed)
    loader = training if isinstance(training, DataLoader) else DataLoader(training, batch_size, shuffle=True, seed=seed)
    checking = held_out if held_out is None or isinstance(held_out, DataLoader) else DataLoader(held_out, 4 * batch_size)
    settle(model, loader.dataset)
    chosen = _chosen(optimizer, lr)
    optimizer = chosen if isinstance(chosen, Optimizer) else chosen(model.parameters())
    if scheduler is not None and not hasattr(scheduler, "step"):
        scheduler = scheduler(optimizer)
    if metrics is None:
        metrics = ("accuracy",) if held_out is not None and _has_classes(loader.dataset) else ()
    trainer = Trainer(model, loss, optimizer, scheduler=scheduler, metrics=metrics, max_grad_norm=max_grad_norm, title=title,
                      schedule=schedule, monitor=monitor, accumulate=accumulate, micro_batch=micro_batch, precision=precision,
                      evaluate_every=evaluate_every, ema=ema, callbacks=callbacks, compile=compile)
    return trainer.fit(loader, epochs, max_steps=max_steps, validation=checking, progress=progress, checkpoint=checkpoint, resume=resume)


def _whole(model: Module, what: str, data: Any) -> Any:
    """Data in batches or to be divided into some; arrays (x, y) become a dataset."""
    if isinstance(data, tuple) and data and all(hasattr(part, "__array__") for part in data):
        return as_dataset(model, "fit", data)
    if data is not None and (hasattr(data, "__array__") or not hasattr(data, "__getitem__") and not isinstance(data, (DataLoader, IterableDataset))):
        raise ArgumentError(f"fit: {what} is {type(data).__name__}; expected a Dataset, a DataLoader, or arrays (x, y)")
    return data


def _chosen(optimizer: Any, lr: float | None) -> Any:
    """The optimizer, or what makes it; of names and classes with the rate that a first run wants."""
    named = optimizer is None or isinstance(optimizer, (str, type))
    return names.optimizer("adam" if optimizer is None else optimizer, 1e-3 if named and lr is None else lr, "fit")


def _divide(data: Any, validation: Any, seed: int) -> tuple[Any, Any]:
    if not isinstance(validation, float):
        return data, validation
    if not 0 < validation < 1:
        raise ArgumentError(f"fit: validation={validation}; a share must lie between 0 and 1")
    if isinstance(data, DataLoader):
        raise ArgumentError("fit: a share of a DataLoader cannot be set aside; pass the dataset, or a loader as validation")
    return random_split(data, [1 - validation, validation], seed=seed)


def _has_classes(dataset: Any) -> bool:
    """Is the second of the two values of an item a whole number?"""
    item = None if isinstance(dataset, IterableDataset) else dataset[0]
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        return False
    return isinstance(item[1], int) or getattr(getattr(item[1], "dtype", None), "kind", "-") in "iu"

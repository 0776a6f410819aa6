"""The trainer: epochs over a loader, validation after each, and a run that can be watched and steered meanwhile."""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..core import Tensor, no_grad
from ..core.errors import ArgumentError
from ..data import DataLoader, Dataset, random_split
from ..nn import Module
from ..optim import Optimizer, clip_grad_norm_
from .metrics import Metric, resolve
from .run import Run

Loss = Callable[..., Tensor]


class Trainer:
    """Trains a model on batches of (input, target).

    Parameters
    ----------
    model : Module
    loss : callable
        ``loss(model(x), y)``.
    optimizer : Optimizer
    scheduler : LRScheduler, optional
        Stepped after every epoch.
    metrics : sequence of str or Metric
        Computed on the validation set (and named ``val_...``).
    max_grad_norm : float, optional
        Clip the joint norm of gradients.
    title : str, optional
        What views call the run.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench import nn, optim
    >>> model = nn.Linear(4, 3)
    >>> trainer = wb.train.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
    >>> run = trainer.fit(wb.data.DataLoader(wb.data.iris(), batch_size=50), epochs=2, progress=False)
    >>> run.step_index
    6
    """

    def __init__(self, model: Module, loss: Loss, optimizer: Optimizer, *, scheduler: Any = None,
                 metrics: Sequence[str | Metric] = (), max_grad_norm: float | None = None, title: str | None = None) -> None:
        self.model, self.loss, self.optimizer, self.scheduler = model, loss, optimizer, scheduler
        self.metrics = [resolve(metric) for metric in metrics]
        self.max_grad_norm, self.title = max_grad_norm, title

    def fit(self, loader: Iterable[Any], epochs: int = 1, *, validation: Iterable[Any] | None = None,
            progress: bool | None = None) -> Run:
        """Train for some epochs; a stop asked for from outside ends it quietly.

        Parameters
        ----------
        loader : iterable of (x, y)
        epochs : int
        validation : iterable of (x, y), optional
            Evaluated after every epoch.
        progress : bool, optional
            Show a bar in the terminal. By default where there is a terminal.

        Returns
        -------
        Run
            Its history holds ``loss`` per step and ``val_...`` per epoch.
        """
        per_epoch = len(loader) if hasattr(loader, "__len__") else None
        total = None if per_epoch is None else per_epoch * epochs
        run = Run(self.model, self.optimizer, title=self.title, total=total)
        bar = _Bar(total, progress, run)
        try:
            with run, bar:
                for _ in range(epochs):
                    self._epoch(run, loader, bar)
                    if validation is not None:
                        scores = self.evaluate(validation)
                        run.log(**{f"val_{name}": value for name, value in scores.items()})
                        bar.show(scores)
                    if self.scheduler is not None:
                        self.scheduler.step()
        except KeyboardInterrupt:
            if run.state != "stopped":
                raise
        return run

    def _epoch(self, run: Run, loader: Iterable[Any], bar: _Bar) -> None:
        self.model.train()
        for x, y in loader:
            loss = self.loss(self.model(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            if self.max_grad_norm is not None:
                clip_grad_norm_(self.model.parameters(), self.max_grad_norm)
            self.optimizer.step()
            try:
                run.step(loss=loss)
            finally:
                bar.advance()

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Mean loss and metrics over `loader`, in evaluation mode and without recording."""
        was_training = self.model.training
        self.model.eval()
        total, count = 0.0, 0
        for metric in self.metrics:
            metric.reset()
        with no_grad():
            for x, y in loader:
                prediction = self.model(x)
                total += self.loss(prediction, y).item() * len(y)
                count += len(y)
                for metric in self.metrics:
                    metric.update(prediction, y)
        self.model.train(was_training)
        return {"loss": total / max(count, 1), **{metric.name: metric.compute() for metric in self.metrics}}


class _Bar:
    """A progress bar in a terminal, nothing elsewhere: in a notebook the live view takes its place."""

    def __init__(self, total: int | None, wanted: bool | None, run: Run) -> None:
        self._bar: Any = None
        self._total, self._run = total, run
        self._wanted = sys.stderr.isatty() if wanted is None else wanted

    def __enter__(self) -> _Bar:
        if self._wanted:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=self._total, desc=self._run.title, unit="step")
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self) -> None:
        """One step is done."""
        if self._bar is not None:
            self._bar.update(1)

    def show(self, scores: dict[str, float]) -> None:
        """Write the newest validation scores beside the bar."""
        if self._bar is not None:
            self._bar.set_postfix({name: f"{value:.4g}" for name, value in scores.items()})


def fit(model: Module, data: Dataset | DataLoader, *, loss: Loss, optimizer: type[Optimizer] | Optimizer | None = None,
        lr: float = 1e-3, epochs: int = 5, batch_size: int = 64, validation: float | Dataset | DataLoader | None = None,
        metrics: Sequence[str | Metric] | None = None, scheduler: Any = None, max_grad_norm: float | None = None,
        seed: int = 0, title: str | None = None, progress: bool | None = None) -> Run:
    """Train a model in one line; in a notebook the run shows itself live.

    Parameters
    ----------
    model : Module
    data : Dataset or DataLoader
        Of (input, target).
    loss : callable
        ``loss(model(x), y)``.
    optimizer : class or Optimizer
        A class is called with the model's parameters and `lr`; Adam by default.
    lr : float
        Learning rate for an optimizer class.
    epochs, batch_size : int
    validation : float, Dataset or DataLoader, optional
        A share of `data` to set aside, or data of its own.
    metrics : sequence of str or Metric, optional
        For validation; accuracy by default when targets are integers.
    scheduler : LRScheduler or callable, optional
        Stepped after every epoch; a callable is called with the optimizer.
    max_grad_norm : float, optional
        Clip the joint norm of gradients.
    seed : int
        For splitting and shuffling.
    title : str, optional
    progress : bool, optional
        Show a bar in the terminal.

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
    >>> run = wb.fit(nn.Linear(4, 3), wb.data.iris(), loss=nn.functional.cross_entropy, lr=0.1, epochs=20, validation=0.2)
    >>> run.history.last("val_accuracy") > 0.8
    True
    """
    from ..optim import Adam

    if epochs < 1:
        raise ArgumentError(f"fit: epochs={epochs}; expected at least 1")
    training, held_out = _divide(data, validation, seed)
    loader = training if isinstance(training, DataLoader) else DataLoader(training, batch_size, shuffle=True, seed=seed)
    checking = held_out if held_out is None or isinstance(held_out, DataLoader) else DataLoader(held_out, 4 * batch_size)
    chosen = Adam if optimizer is None else optimizer
    optimizer = chosen(model.parameters(), lr=lr) if isinstance(chosen, type) else chosen
    if scheduler is not None and not hasattr(scheduler, "step"):
        scheduler = scheduler(optimizer)
    if metrics is None:
        metrics = ("accuracy",) if held_out is not None and _has_classes(loader.dataset) else ()
    trainer = Trainer(model, loss, optimizer, scheduler=scheduler, metrics=metrics, max_grad_norm=max_grad_norm, title=title)
    return trainer.fit(loader, epochs, validation=checking, progress=progress)


def _divide(data: Any, validation: Any, seed: int) -> tuple[Any, Any]:
    if not isinstance(validation, float):
        return data, validation
    if not 0 < validation < 1:
        raise ArgumentError(f"fit: validation={validation}; a share must lie between 0 and 1")
    if isinstance(data, DataLoader):
        raise ArgumentError("fit: a share of a DataLoader cannot be set aside; pass the dataset, or a loader as validation")
    return random_split(data, [1 - validation, validation], seed=seed)


def _has_classes(dataset: Any) -> bool:
    _, target = dataset[0]
    return getattr(target, "dtype", None) is not None and target.dtype.kind in "iu"

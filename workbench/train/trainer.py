"""The trainer: a loop over batches with places where callbacks may act, and a run that can be watched and steered.

The loop is `Trainer._train`; everything else prepares it, or is one of its lines.
"""
from __future__ import annotations

import collections
import contextlib
import itertools
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Tensor, no_grad
from ..core.errors import ArgumentError, CheckpointError
from ..graph import jit
from ..nn import Module
from ..optim import EMA, Optimizer, clip_grad_norm_
from ..optim.lr_scheduler import ReduceLROnPlateau
from . import names, steps
from .callbacks import Callback, Checkpoint, Progress, WeightAveraging
from .checkpoints import load
from .metrics import Metric
from .precision import Precision
from .run import Run, RunStopped
from .state import load_training_state, random_state, seed_everything, set_random_state, training_state

Loss = Callable[..., Tensor]
_log = logging.getLogger("workbench")


class Trainer:
    """Trains a model on batches.

    Parameters
    ----------
    model : Module
    loss : callable or str, optional
        ``loss(model(x), y)``, the mean over the samples, or a name (``"cross_entropy"``). Without it the model returns its loss itself.
    optimizer : Optimizer, str, class or callable
        A name (``"adam"``), a class or a function is called with the parameters of the model.
    scheduler : LRScheduler, optional
    schedule : {"epoch", "step"}
        When the scheduler is stepped.
    monitor : str, optional
        What `ReduceLROnPlateau` is told: ``"val_loss"``, or ``"loss"`` where nothing is evaluated.
    metrics : sequence of str or Metric
        Computed on the validation set (and named ``val_...``).
    step : callable, optional
        ``step(model, batch)`` for batches that are neither ``(x, y)`` nor dicts with a target. It returns the loss, or a dict
        with ``"loss"``, other numbers to log, and ``"prediction"`` and ``"target"`` for metrics.
    accumulate : int
        So many batches make one step. Every sample counts the same, also where batches differ in size.
    micro_batch : int, optional
        Larger batches go through the model in parts of this size; the step is that of the whole batch.
    max_grad_norm : float or callable, optional
        Clip the joint norm of gradients; a callable is called with the parameters.
    precision : {"32", "bf16", "16"} or Precision
        Low precision for what bears it, with weights in float32; "16" scales the loss.
    evaluate_every : int, optional
        Evaluate after so many steps; by default after every epoch.
    ema : float or EMA, optional
        Evaluate an exponential average of the weights; a number is its decay. It is ``trainer.ema``.
    callbacks : sequence of Callback
    compile : bool
        Compile forward, backward and update with `jit`. What it computes is the same.
    seed : int, optional
        Start all random numbers from here: with it, a run repeats bit for bit.
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

    def __init__(self, model: Module, loss: Loss | str | None = None,
                 optimizer: Optimizer | str | Callable[..., Optimizer] | None = None, *, scheduler: Any = None,
                 schedule: str = "epoch", monitor: str | None = None, metrics: Sequence[str | Metric] = (),
                 step: Callable[[Any, Any], Any] | None = None, accumulate: int = 1, micro_batch: int | None = None,
                 max_grad_norm: float | Callable[[list[Tensor]], Any] | None = None, precision: str | Precision = "32",
                 evaluate_every: int | None = None, ema: float | EMA | None = None, callbacks: Sequence[Callback] = (), compile: bool = False,
                 seed: int | None = None, title: str | None = None) -> None:
        for name, value in (("accumulate", accumulate), ("micro_batch", micro_batch), ("evaluate_every", evaluate_every)):
            if value is not None and value < 1:
                raise ArgumentError(f"Trainer: {name}={value}; expected at least 1")
        if schedule not in ("epoch", "step"):
            raise ArgumentError(f"Trainer: schedule={schedule!r}; expected 'epoch' or 'step'")
        if optimizer is None:
            raise ArgumentError("Trainer: an optimizer is missing; pass optimizer=optim.Adam(model.parameters())")
        if not isinstance(optimizer, Optimizer):
            optimizer = names.optimizer(optimizer, None, "Trainer")(model.parameters())
        self.loss = None if loss is None else names.loss(loss, "Trainer")
        self.model, self.optimizer, self.step = model, optimizer, step
        self.scheduler, self.schedule, self.monitor = scheduler, schedule, monitor
        self.metrics = [names.metric(metric, "Trainer") for metric in ([metrics] if isinstance(metrics, (str, Metric)) else metrics)]
        _check_parts(self)
        self.accumulate, self.micro_batch, self.evaluate_every = accumulate, micro_batch, evaluate_every
        self.max_grad_norm, self.seed, self.title = max_grad_norm, seed, title
        self.precision = precision if isinstance(precision, Precision) else Precision(precision)
        self._wants_closure = getattr(optimizer, "needs_closure", False)
        if self._wants_closure and self.precision.scaler is not None:
            raise ArgumentError(f"Trainer: precision='16' scales gradients, which {type(optimizer).__name__} computes again by itself; use 'bf16' or '32'")
        self.ema = EMA(model, ema) if isinstance(ema, (int, float)) else ema
        self._given = [*callbacks, *([] if self.ema is None else [WeightAveraging(self.ema)])]
        self.callbacks: list[Callback] = self._given
        self._backward = jit(self._forward_backward) if compile else self._forward_backward
        self._optimize = jit(optimizer.step) if compile else optimizer.step
        self.epoch = self.batch = 0
        self.stopping = self.ended = False
        self.run: Run | None = None
        self.validation: Mapping[str, Iterable[Any]] | None = None
        self.scores: dict[str, Any] = {}

    # ------------------------------------------------------------------ training
    def fit(self, loader: Iterable[Any], epochs: int | None = None, *, max_steps: int | None = None,
            validation: Iterable[Any] | Mapping[str, Iterable[Any]] | None = None,
            progress: bool | None = None, checkpoint: str | os.PathLike | Checkpoint | None = None,
            resume: bool | str | os.PathLike = False) -> Run:
        """Train for some epochs or steps; a stop asked for from outside ends it quietly.

        Parameters
        ----------
        loader : iterable of batches
            With ``state_dict`` and ``load_state_dict``, as `DataLoader`, it continues in the middle of an epoch; any other is
            begun again and the batches that were done are passed over.
        epochs : int, optional
            1 unless `max_steps` is given.
        max_steps : int, optional
        validation : iterable of batches, or dict of several, optional
            Evaluated after every epoch, or every `evaluate_every` steps. The names of a dict take the place of ``val`` in those of
            the scores: ``{"val": ..., "noisy": ...}`` gives ``val_loss`` and ``noisy_loss``.
        progress : bool, optional
            Show a bar in the terminal. By default where there is a terminal.
        checkpoint : path or Checkpoint, optional
            A folder in which the state is saved after every epoch and at the last of `max_steps` (or as the callback says).
        resume : bool, "auto" or path
            Go on from the newest undamaged checkpoint of that folder (with "auto" only if there is one), or from a file.
            What follows is equal, bit for bit, to a run that was never interrupted.

        Returns
        -------
        Run
            Its history holds ``loss`` per step and ``val_...`` per evaluation.

        Raises
        ------
        CheckpointError
            If there is nothing to resume from, or it does not fit; model and optimizer are then as they were before.
        """
        self._plan(loader, epochs, max_steps, validation)
        self.callbacks = self._with_standard(progress, checkpoint)
        total = None if self._per_epoch is None or self.epochs is None else self.epochs * self._per_epoch
        self.run = Run(self.model, self.optimizer, title=self.title, total=total if max_steps is None else min(max_steps, total or max_steps))
        started: list[Callback] = []
        try:
            for callback in self.callbacks:
                callback.on_fit_start(self)
                started.append(callback)
            if not self._resume(resume) and self.seed is not None:
                seed_everything(self.seed)
            with self.run:
                self._train()
        except BaseException as error:
            for callback in started:
                callback.on_exception(self, error)
            if not isinstance(error, KeyboardInterrupt) or self.run.state != "stopped":
                raise
        finally:
            with contextlib.ExitStack() as ends:  # each that has started ends, also if one before it fails
                for callback in reversed(started):
                    ends.callback(callback.on_fit_end, self)
        return self.run

    def _train(self) -> None:
        self.model.train()
        while not self._done():
            if not self.batch:
                self._tell("on_epoch_start")
            for batches in self._groups():
                parts = self._parts(batches)
                logs = self._gradients(parts)
                self._update(parts, logs)
                self.batch += len(batches)
                self._log(logs)
                if self._is_last_step() or (self.evaluate_every is not None and self.run.step_index % self.evaluate_every == 0):
                    self._evaluate()
                self._tell("on_step_end")
                if self._is_last_step() or self._halted or self.stopping:
                    return
            self._check_epoch()
            if self.evaluate_every is None:
                self._evaluate()
            self._reschedule("epoch")
            self.epoch, self.batch, self.ended = self.epoch + 1, 0, False
            self._tell("on_epoch_end")

    def stop(self) -> None:
        """End the training after this step; for callbacks."""
        self.stopping = True

    def state_dict(self) -> dict[str, Any]:
        """The whole state of the training, for `wb.save`."""
        return training_state(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become what `state_dict` was taken of; all or nothing."""
        load_training_state(self, state)

    # ------------------------------------------------------------------ before the loop
    def _plan(self, loader: Iterable[Any], epochs: int | None, max_steps: int | None,
              validation: Iterable[Any] | Mapping[str, Iterable[Any]] | None) -> None:
        if not isinstance(loader, Iterable) and not hasattr(loader, "__getitem__"):
            raise ArgumentError(f"fit: loader is {type(loader).__name__}; expected batches to go through, such as a DataLoader or a list")
        for name, value in (("epochs", epochs), ("max_steps", max_steps)):
            if value is not None and value < 1:
                raise ArgumentError(f"fit: {name}={value}; expected at least 1")
        self.loader, self.max_steps = loader, max_steps
        self.validation = validation if validation is None or isinstance(validation, Mapping) else {"val": validation}
        self.epochs = 1 if epochs is None and max_steps is None else epochs
        count = steps.length(loader)
        self._per_epoch = None if count is None else math.ceil(count / self.accumulate)
        self.epoch = self.batch = 0
        self.stopping = self.ended = self._halted = self._skipped = False
        self._device = steps.device_of(self.model)

    def _with_standard(self, progress: bool | None, checkpoint: Any) -> list[Callback]:
        chosen = [*self._given, Progress(progress)]
        if checkpoint is not None:
            chosen.append(checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint))
        return sorted(chosen, key=lambda callback: callback.order)

    def _resume(self, resume: bool | str | os.PathLike) -> bool:
        """Load the state to go on from; was there one?"""
        managers = [callback.manager for callback in self.callbacks if isinstance(callback, Checkpoint)]
        if resume is False:
            if any(manager.paths() for manager in managers):
                raise ArgumentError(f"fit: {managers[0].folder} holds checkpoints of a run already; go on with it by resume='auto', "
                                    "or choose another folder")
            return False
        if resume is True or resume == "auto":
            if not managers:
                raise ArgumentError(f"fit: resume={resume!r} needs a folder; pass checkpoint=")
            path = managers[0].latest()
            if path is None and resume is True:
                raise CheckpointError(f"resume: {managers[0].folder} holds no undamaged checkpoint")
            if path is None:
                return False
        else:
            path = resume
        self.load_state_dict(load(path))
        _log.info("run %r goes on from %s, step %d", self.run.title, path, self.run.step_index)
        return True

    # ------------------------------------------------------------------ the lines of the loop
    def _done(self) -> bool:
        over = self.epochs is not None and self.epoch >= self.epochs
        return over or self.stopping or self._is_last_step()

    def _is_last_step(self) -> bool:
        return self.max_steps is not None and self.run.step_index >= self.max_steps

    def _groups(self) -> Iterator[list[Any]]:
        """The batches of an epoch that are still to come, in groups of one step."""
        if self.ended:
            return
        batches = iter(self.loader)
        if self.batch and not hasattr(self.loader, "load_state_dict"):  # resumed: pass over what was done
            state = random_state()
            collections.deque(itertools.islice(batches, self.batch), maxlen=0)
            set_random_state(state)
        while not self.ended:
            group = list(itertools.islice(batches, self.accumulate))
            self.ended = len(group) < self.accumulate  # the loader may stand at the next epoch already
            if group:
                yield group

    def _check_epoch(self) -> None:
        if not self.batch:
            raise ArgumentError(f"fit: the loader gave no batch in epoch {self.epoch + 1}; " + (
                "a generator can be gone through once only: pass a list or a DataLoader" if self.epoch else "is its data empty?"))

    def _parts(self, batches: list[Any]) -> list[Any]:
        """What goes through the model at once: `batches` as callbacks leave them, divided and on its device."""
        parts = []
        for batch in batches:
            for callback in self.callbacks:
                changed = callback.on_batch_start(self, batch)
                batch = batch if changed is None else changed
            parts += steps.split(steps.placed(batch, self._device), self.micro_batch)
        return parts

    def _gradients(self, parts: list[Any]) -> dict[str, Any]:
        """The gradients of the mean loss of all samples in `parts`; what to log."""
        self.optimizer.zero_grad()
        sizes = [steps.batch_size(part) for part in parts]
        scale = self.precision.scaler.get_scale() if self.precision.scaler is not None else 1.0
        if len(parts) == 1 and scale == 1:
            return self._backward(parts[0], None)
        logs: dict[str, float] = {}
        with self.precision.overflowing():
            for part, size in zip(parts, sizes, strict=True):
                share = size / sum(sizes)
                for name, value in self._backward(part, Tensor(np.asarray(share * scale)).to(self._device)).items():
                    logs[name] = logs.get(name, 0.0) + float(value) * share
        return logs

    def _forward_backward(self, batch: Any, factor: Tensor | None) -> dict[str, Any]:
        """Forward and backward of one part; what it logs. This is what is compiled."""
        with self.precision:
            found = self._look(self.model, batch)
        loss = found["loss"]
        (loss if factor is None else loss * factor).backward()
        return {name: value.detach() if isinstance(value, Tensor) else value for name, value in steps.numbers(found).items()}

    def _look(self, model: Module, batch: Any) -> dict[str, Any]:
        return steps.plain_step(model, batch, self.loss) if self.step is None else steps.outcome(self.step(model, batch))

    def _update(self, parts: list[Any], logs: dict[str, Any]) -> None:
        """Let the optimizer use the gradients, unless they overflowed."""
        scaler = self.precision.scaler
        if scaler is not None:
            scaler.unscale_(self.optimizer)
        self._clip()
        self._tell("on_backward_end")
        self._skipped = scaler is not None and scaler.found_inf(self.optimizer)
        if not self._skipped and self._wants_closure:
            self.optimizer.step(self._closure(parts, logs["loss"]))
        elif not self._skipped:
            self._optimize()
        if scaler is not None:
            scaler.update()

    def _closure(self, parts: list[Any], loss: Any) -> Callable[[], Tensor]:
        """For an optimizer that looks at several points: loss and gradients where the weights are now, which is known at first."""
        known = [loss]

        def closure() -> Tensor:
            if known:
                found = known.pop()
            else:
                found = self._gradients(parts)["loss"]
                self._clip()
            return found if isinstance(found, Tensor) else Tensor(np.asarray(found))

        return closure

    def _clip(self) -> None:
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        if callable(self.max_grad_norm):
            self.max_grad_norm(parameters)
        elif self.max_grad_norm is not None:
            clip_grad_norm_(parameters, self.max_grad_norm)

    def _log(self, logs: dict[str, Any]) -> None:
        try:
            self.run.step(**logs)
        except RunStopped:
            self._halted = True
        if not self._skipped:
            self._reschedule("step")

    def _reschedule(self, when: str) -> None:
        """Step the scheduler, if it is stepped now."""
        if self.scheduler is None or self.schedule != when:
            return
        if isinstance(self.scheduler, ReduceLROnPlateau):
            name = self.monitor or ("loss" if self.validation is None else "val_loss")
            if name not in self.run.history.names:
                raise ArgumentError(f"monitor={name!r} has not been logged; there is {', '.join(self.run.history.names)}")
            self.scheduler.step(self.run.history.last(name))
        else:
            self.scheduler.step()

    def _tell(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, *args)

    # ------------------------------------------------------------------ evaluation
    def _evaluate(self) -> None:
        if self.validation is None:
            return
        self.scores = {f"{place}_{name}": value for place, loader in self.validation.items() for name, value in self.evaluate(loader).items()}
        scores = {name: value for name, value in self.scores.items() if np.ndim(value) == 0}
        self.run.log(**scores)
        self._tell("on_evaluate_end", scores)

    @contextlib.contextmanager
    def _evaluating(self) -> Iterator[Module]:
        """The model to evaluate, an average if there is one, in evaluation mode."""
        averaging = next((callback for callback in self.callbacks if isinstance(callback, WeightAveraging)), None)
        with contextlib.nullcontext(self.model) if averaging is None else averaging.evaluated(self.model) as model:
            modes = [(module, module.training) for module in model.modules()]
            try:
                yield model.eval()
            finally:
                for module, mode in modes:
                    module.training = mode

    def evaluate(self, loader: Iterable[Any]) -> dict[str, Any]:
        """Mean loss and metrics over `loader`, in evaluation mode and without recording.

        While training, numbers among them are logged; what is more than a number (a confusion matrix) is in ``scores``.
        """
        totals: dict[str, float] = {}
        count = 0
        for metric in self.metrics:
            metric.reset()
        with no_grad(), self._evaluating() as model:
            device = steps.device_of(model)
            for batch in loader:
                with self.precision:
                    found = self._look(model, steps.placed(batch, device))
                size = steps.batch_size(batch)
                count += size
                for name, value in steps.numbers(found).items():
                    totals[name] = totals.get(name, 0.0) + float(value) * size
                for metric in self.metrics:
                    metric.update(*steps.compared(found))
        means = {name: total / count for name, total in totals.items()}
        return {**(means or {"loss": math.nan}), **{metric.name: metric.compute() for metric in self.metrics}}


def _check_parts(trainer: Trainer) -> None:
    """Raise if some part would quietly do nothing: what is trained, scheduled and measured belongs together."""
    model, optimizer, scheduler = trainer.model, trainer.optimizer, trainer.scheduler
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    there = [*model.parameters(), *(trainer.loss.parameters() if isinstance(trainer.loss, Module) else ())]
    if trainer.step is None and not any(id(parameter) in trained for parameter in there):
        raise ArgumentError(f"Trainer: none of the parameters of the optimizer belongs to this {type(model).__name__}; make it after the model has its "
                            f"parameters: optim.{type(optimizer).__name__}(model.parameters(), ...)")
    scheduled = getattr(scheduler, "optimizer", optimizer)
    if not any(group is own for group in scheduled.param_groups for own in optimizer.param_groups):
        raise ArgumentError(f"Trainer: the scheduler ({type(scheduler).__name__}) sets the rates of another optimizer; make it with the one that is passed")
    called = [metric.name for metric in trainer.metrics]
    if twice := [name for number, name in enumerate(called) if name in called[:number]]:
        raise ArgumentError(f"Trainer: two metrics are called {twice[0]!r}; give one of them a name of its own, metric.name = '{twice[0]}_micro'")

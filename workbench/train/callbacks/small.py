"""Callbacks of a few lines: clipping, rates, time, and a transformation of batches."""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...core.errors import ArgumentError
from ...optim import clip_grad_norm_, clip_grad_value_
from ..steps import batch_size
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class GradientClipping(Callback):
    """Clips gradients by their joint norm or each number by itself (Pascanu et al. 2013), and logs the norm as ``grad_norm``.

    Parameters
    ----------
    max_norm : float, optional
        The largest joint norm of all gradients.
    clip_value : float, optional
        One of the two.
    norm_type : float
        The exponent of that norm.

    Examples
    --------
    >>> import workbench as wb
    >>> clip = wb.train.GradientClipping(max_norm=1e-3)
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, epochs=1, callbacks=[clip])
    >>> run.history.last("grad_norm") > 1e-3
    True
    """

    def __init__(self, max_norm: float | None = None, clip_value: float | None = None, norm_type: float = 2.0) -> None:
        if (max_norm is None) == (clip_value is None):
            raise ArgumentError(f"GradientClipping: max_norm={max_norm}, clip_value={clip_value}; expected one of the two")
        self.max_norm, self.clip_value, self.norm_type = max_norm, clip_value, norm_type
        self._norm: float | None = None

    def on_backward_end(self, trainer: Trainer) -> None:
        """Clip."""
        parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
        if self.max_norm is None:
            clip_grad_value_(parameters, self.clip_value)
        else:
            self._norm = float(clip_grad_norm_(parameters, self.max_norm, self.norm_type))

    def on_step_end(self, trainer: Trainer) -> None:
        """Log the norm before clipping."""
        if self._norm is not None:
            trainer.run.log(grad_norm=self._norm)


class LearningRateMonitor(Callback):
    """Logs the rate of every step as ``lr`` (``lr/0``, ``lr/1``... for several groups).

    Examples
    --------
    >>> import workbench as wb
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, lr=0.5, epochs=1,
    ...              callbacks=[wb.train.LearningRateMonitor()])
    >>> run.history.last("lr")
    0.5
    """

    def on_backward_end(self, trainer: Trainer) -> None:
        """Note the rates that the step is made with."""
        self._rates = [group["lr"] for group in trainer.optimizer.param_groups]

    def on_step_end(self, trainer: Trainer) -> None:
        """Log them."""
        several = len(self._rates) > 1
        trainer.run.log(**{f"lr/{number}" if several else "lr": rate for number, rate in enumerate(self._rates)})


class Throughput(Callback):
    """Logs ``step_seconds`` and ``samples_per_second`` of every step, the waiting for data included.

    Examples
    --------
    >>> import workbench as wb
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, epochs=1,
    ...              callbacks=[wb.train.Throughput()])
    >>> run.history.last("samples_per_second") > 0
    True
    """

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Start the clock."""
        self._samples, self._since = 0, time.perf_counter()

    def on_fit_start(self, trainer: Trainer) -> None:
        """A run that resumes in the middle of an epoch starts here."""
        self.on_epoch_start(trainer)

    def on_batch_start(self, trainer: Trainer, batch: Any) -> None:
        """Count."""
        self._samples += batch_size(batch)

    def on_step_end(self, trainer: Trainer) -> None:
        """Log, and start the clock again."""
        now = time.perf_counter()
        seconds = now - self._since
        trainer.run.log(step_seconds=seconds, samples_per_second=self._samples / seconds)
        self._samples, self._since = 0, now


class Timer(Callback):
    """Ends training after so many seconds, those before a restart included.

    Parameters
    ----------
    seconds : float
        How long training may take.

    Examples
    --------
    >>> import workbench as wb
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, epochs=1000, callbacks=[wb.train.Timer(0.01)])
    >>> run.step_index < run.total
    True
    """

    def __init__(self, seconds: float) -> None:
        if seconds <= 0:
            raise ArgumentError(f"Timer: seconds={seconds}; expected more than 0")
        self.seconds, self.elapsed = seconds, 0.0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Start the clock."""
        self.elapsed, self._since = 0.0, time.perf_counter()

    def on_step_end(self, trainer: Trainer) -> None:
        """Is the time up?"""
        now = time.perf_counter()
        self.elapsed, self._since = self.elapsed + now - self._since, now
        if self.elapsed >= self.seconds:
            trainer.run.note("info", "timer", f"{self.elapsed:.0f} seconds are over")
            trainer.stop()

    def state_dict(self) -> dict[str, Any]:
        """The time so far."""
        return {"elapsed": self.elapsed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue to count."""
        self.elapsed = state["elapsed"]


class BatchTransform(Callback):
    """Changes every training batch: mixup, cutmix, noise.

    Parameters
    ----------
    transform : callable
        A tuple is taken apart: ``transform(x, y)`` returns the new tuple. Anything else goes in as it is.

    Examples
    --------
    >>> import workbench as wb
    >>> noise = wb.train.BatchTransform(lambda x, y: (x + 0.1 * wb.randn(*x.shape), y))
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, epochs=1, callbacks=[noise])
    """

    def __init__(self, transform: Callable[..., Any]) -> None:
        self.transform = transform

    def on_batch_start(self, trainer: Trainer, batch: Any) -> Any:
        """The transformed batch."""
        return self.transform(*batch) if isinstance(batch, (tuple, list)) else self.transform(batch)

"""Callback: what may happen beside a training loop, one method for each place where it may."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...core.errors import ArgumentError
from ...core.recorded import Recorded

if TYPE_CHECKING:
    from ..trainer import Trainer


class Callback(Recorded):
    """Base of callbacks; a subclass defines the methods it needs.

    Every method gets the trainer: ``trainer.model``, ``optimizer``, ``run`` (its history and `log`), ``epoch`` (epochs
    done), ``batch`` (batches done of this epoch), and ``stop()``. An error in a callback ends the training.

    Attributes
    ----------
    order : int
        Callbacks with a smaller number are called first; those with the same in the order they were given.

    Examples
    --------
    >>> import workbench as wb
    >>> class Count(wb.train.Callback):
    ...     steps = 0
    ...     def on_step_end(self, trainer):
    ...         self.steps += 1
    >>> count, model = Count(), wb.nn.Linear(4, 3)
    >>> _ = wb.fit(model, wb.data.iris(), loss=wb.nn.functional.cross_entropy, epochs=2, batch_size=50, callbacks=[count])
    >>> count.steps
    6
    """

    order = 0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before anything; a state that the run resumes from is loaded after this."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before the first batch of an epoch; not again when a run resumes in the middle of one."""

    def on_batch_start(self, trainer: Trainer, batch: Any) -> Any:
        """Before the model sees a batch; what is returned takes its place, unless it is None."""

    def on_backward_end(self, trainer: Trainer) -> None:
        """When the gradients of a step are complete, unscaled and clipped, before the optimizer uses them."""

    def on_step_end(self, trainer: Trainer) -> None:
        """After a step: weights, averages and a schedule by steps are up to date, and its numbers are logged."""

    def on_evaluate_end(self, trainer: Trainer, scores: dict[str, float]) -> None:
        """After an evaluation while training; `scores` have the names under which they are logged (``val_...``)."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """After an epoch, its evaluation, and a schedule by epochs; ``trainer.epoch`` counts it already."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """When training ends, for whatever reason."""

    def on_exception(self, trainer: Trainer, error: BaseException) -> None:
        """When an error (or a keyboard interrupt) ends training; before `on_fit_end`."""

    def state_dict(self) -> dict[str, Any]:
        """What must be kept for a run to resume: plain values and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """Functions as a callback.

    Parameters
    ----------
    **hooks : callable
        By the names of the methods of `Callback`.

    Examples
    --------
    >>> import workbench as wb
    >>> callback = wb.train.LambdaCallback(on_epoch_end=lambda trainer: print(trainer.epoch))
    >>> model = wb.nn.Linear(4, 3)
    >>> _ = wb.fit(model, wb.data.iris(), loss=wb.nn.functional.cross_entropy, epochs=2, callbacks=[callback])
    1
    2
    """

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        unknown = sorted(set(hooks) - set(HOOKS))
        if unknown:
            raise ArgumentError(f"LambdaCallback: no hook is called {', '.join(unknown)}; expected {', '.join(HOOKS)}")
        vars(self).update(hooks)

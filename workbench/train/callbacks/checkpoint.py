"""Checkpoint: save the whole state of training now and then."""
from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from ...core.errors import ArgumentError
from ..checkpoints import CheckpointManager
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class Checkpoint(Callback):
    """Saves the state of the trainer in a folder, for ``fit(..., resume="auto")``.

    It comes after all other callbacks, so that what they have done at this step is part of what is saved.

    Parameters
    ----------
    folder : path or CheckpointManager
        Where checkpoints lie.
    every_steps : int, optional
        Save after so many steps.
    every_epochs : int or None
        Save after so many epochs; None: only by steps.
    keep : int or None
        How many of the newest to keep.
    best : str, optional
        Keep the checkpoint with the best value of this metric as well. An evaluation that finds a better one is saved, whether it is time
        or not.
    mode : {"min", "max"}
        Whether the smallest or the largest value of `best` is best.

    Examples
    --------
    >>> import tempfile, workbench as wb
    >>> folder = tempfile.mkdtemp()
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, batch_size=50, epochs=2, checkpoint=folder)
    >>> [path.name for path in wb.train.CheckpointManager(folder).paths()]
    ['step-000000006.wb', 'step-000000003.wb']
    """

    order = 100

    def __init__(self, folder: str | os.PathLike | CheckpointManager, every_steps: int | None = None, every_epochs: int | None = 1, *,
                 keep: int | None = 3, best: str | None = None, mode: str = "min") -> None:
        for name, value in (("every_steps", every_steps), ("every_epochs", every_epochs)):
            if value is not None and value < 1:
                raise ArgumentError(f"Checkpoint: {name}={value}; expected at least 1, or None")
        self.manager = folder if isinstance(folder, CheckpointManager) else CheckpointManager(folder, keep, best, mode)
        self.every_steps, self.every_epochs = every_steps, every_epochs
        self._found: dict[str, float] = {}

    def on_evaluate_end(self, trainer: Trainer, scores: dict[str, float]) -> None:
        """Remember them until a state can be saved."""
        self._found = scores

    def on_step_end(self, trainer: Trainer) -> None:
        """Save if it is time, or better than ever, at the last of so many steps, or if somebody has pressed stop."""
        step = trainer.run.step_index
        due = self.every_steps is not None and step % self.every_steps == 0
        last = trainer.max_steps is not None and step >= trainer.max_steps  # perhaps in the middle of an epoch
        if due or last or trainer.run.state == "stopped" or self._is_best():
            self.save(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Save if it is time, or better than ever."""
        if (self.every_epochs is not None and trainer.epoch % self.every_epochs == 0) or self._is_best():
            self.save(trainer)

    def _is_best(self) -> bool:
        """Has the evaluation that just was found a better value than those that are saved?"""
        value, before = self._found.get(self.manager.best or "", math.nan), self.manager.best_score()
        self._found = {}
        return not math.isnan(value) and (before is None or (value < before if self.manager.mode == "min" else value > before))

    def save(self, trainer: Trainer) -> None:
        """Save now, with everything that was logged at this step: older scores are those of other weights."""
        self._found = {}
        rows = trainer.run.history.records(max(len(trainer.run.history) - 1, 0))
        self.manager.save(trainer.state_dict(), trainer.run.step_index, {
            name: float(value) for step, values in rows if step == trainer.run.step_index for name, value in values.items()})

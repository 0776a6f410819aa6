"""Checkpoint: save the whole state of training now and then."""
from __future__ import annotations

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
        Keep the checkpoint with the best value of this metric as well.
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

    def on_step_end(self, trainer: Trainer) -> None:
        """Save if it is time, or if somebody has pressed stop."""
        due = self.every_steps is not None and trainer.run.step_index % self.every_steps == 0
        if due or trainer.run.state == "stopped":
            self.save(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Save if it is time."""
        if self.every_epochs is not None and trainer.epoch % self.every_epochs == 0:
            self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Save now, with the newest value of everything that was logged."""
        history = trainer.run.history
        self.manager.save(trainer.state_dict(), trainer.run.step_index, {name: history.last(name) for name in history.names})

"""WeightAveraging: a running average of the weights beside the training, which evaluation uses."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...core.errors import ArgumentError
from ...nn.averaging import AveragedModel
from ...optim import EMA
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class WeightAveraging(Callback):
    """Feeds an average of the weights while training; evaluation is of the average.

    Parameters
    ----------
    averaged : EMA, AveragedModel, or {"ema", "swa"}
        As they are made, or by name with their defaults: an exponential average (`optim.EMA`), or an equal one over the epochs at the end (SWA, Izmailov et al.
        2018, `optim.swa_utils.AveragedModel`). Batch norms of the latter want `update_bn` when all is done.
    every : {"step", "epoch"}
        When it takes the weights in.
    start_epoch : int
        Only from this epoch on; before, evaluation is of the model itself.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Linear(4, 3)
    >>> average = wb.optim.swa_utils.AveragedModel(model)
    >>> run = wb.fit(model, wb.data.iris(), loss=wb.nn.functional.cross_entropy, epochs=4, validation=0.2,
    ...              callbacks=[wb.train.WeightAveraging(average, every="epoch", start_epoch=2)])
    >>> average.n_averaged.item()
    2
    """

    def __init__(self, averaged: EMA | AveragedModel | str, every: str = "step", start_epoch: int = 0) -> None:
        if every not in ("step", "epoch"):
            raise ArgumentError(f"WeightAveraging: every={every!r}; expected 'step' or 'epoch'")
        if averaged in ("ema", "swa"):
            self._name, averaged = averaged, None
        elif not hasattr(averaged, "update_parameters") and not hasattr(averaged, "apply"):
            raise ArgumentError(f"WeightAveraging: averaged is {averaged!r:.60}; expected 'ema', 'swa', an optim.EMA or an optim.swa_utils.AveragedModel")
        self.averaged, self.every, self.start_epoch = averaged, every, start_epoch
        self.started = False

    def on_fit_start(self, trainer: Trainer) -> None:
        """Make the average that was named."""
        if self.averaged is None:
            self.averaged = EMA(trainer.model) if self._name == "ema" else AveragedModel(trainer.model)

    def on_step_end(self, trainer: Trainer) -> None:
        """Take the weights in."""
        if self.every == "step" and trainer.epoch >= self.start_epoch:
            self._take(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Take the weights in."""
        if self.every == "epoch" and trainer.epoch > self.start_epoch:
            self._take(trainer)

    def _take(self, trainer: Trainer) -> None:
        self.started = True
        if hasattr(self.averaged, "update_parameters"):
            self.averaged.update_parameters(trainer.model)
        else:
            self.averaged.update()

    @contextlib.contextmanager
    def evaluated(self, model: Any) -> Iterator[Any]:
        """What to evaluate in place of `model`."""
        if not self.started:
            yield model
        elif hasattr(self.averaged, "update_parameters"):
            yield self.averaged.module
        else:
            with self.averaged.apply():
                yield model

    def state_dict(self) -> dict[str, Any]:
        """The average so far."""
        return {"averaged": dict(self.averaged.state_dict()), "started": self.started}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue to average."""
        self.averaged.load_state_dict(state["averaged"])
        self.started = state["started"]

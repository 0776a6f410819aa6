"""WeightAveraging: a running average of the weights beside the training, which evaluation uses."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.errors import ArgumentError
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class WeightAveraging(Callback):
    """Feeds an averaged model while training; evaluation is of the average.

    Parameters
    ----------
    averaged : object
        With ``update_parameters(model)``, ``module`` and a state dict, as `optim.swa_utils.AveragedModel`: an exponential
        average (EMA) or an equal one (SWA, Izmailov et al. 2018), as it was made.
    every : {"step", "epoch"}
        When it takes the weights in.
    start_epoch : int
        Only from this epoch on; before, evaluation is of the model itself.

    Examples
    --------
    >>> import copy, workbench as wb
    >>> class Last:
    ...     def __init__(self, model): self.module = copy.deepcopy(model)
    ...     def update_parameters(self, model): self.module.load_state_dict(model.state_dict())
    ...     def state_dict(self): return self.module.state_dict()
    ...     def load_state_dict(self, state): self.module.load_state_dict(state)
    >>> model = wb.nn.Linear(4, 3); average = Last(model)
    >>> run = wb.fit(model, wb.data.iris(), loss=wb.nn.functional.cross_entropy, callbacks=[wb.train.WeightAveraging(average)])
    >>> bool((average.module.weight == model.weight).all())
    True
    """

    def __init__(self, averaged: Any, every: str = "step", start_epoch: int = 0) -> None:
        if every not in ("step", "epoch"):
            raise ArgumentError(f"WeightAveraging: every={every!r}; expected 'step' or 'epoch'")
        self.averaged, self.every, self.start_epoch = averaged, every, start_epoch

    def on_step_end(self, trainer: Trainer) -> None:
        """Take the weights in."""
        if self.every == "step" and trainer.epoch >= self.start_epoch:
            self._take(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Take the weights in."""
        if self.every == "epoch" and trainer.epoch > self.start_epoch:
            self._take(trainer)

    def _take(self, trainer: Trainer) -> None:
        self.averaged.update_parameters(trainer.model)
        self.evaluated = self.averaged.module

    def state_dict(self) -> dict[str, Any]:
        """The average so far."""
        return {"averaged": dict(self.averaged.state_dict()), "started": self.evaluated is not None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue to average."""
        self.averaged.load_state_dict(state["averaged"])
        self.evaluated = self.averaged.module if state["started"] else None

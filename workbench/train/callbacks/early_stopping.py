"""EarlyStopping: end training when nothing gets better any more."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.errors import ArgumentError
from .base import Callback
from .monitor import Monitor

if TYPE_CHECKING:
    from ..trainer import Trainer


class EarlyStopping(Callback):
    """Ends training after `patience` evaluations in a row without progress (Prechelt 1998).

    Parameters
    ----------
    monitor : str
        What is watched, by the name under which it is logged.
    patience : int
        How many evaluations in a row may bring no progress.
    min_delta : float
        How much better counts as progress.
    mode : {"min", "max"}
        Whether smaller or larger is better.
    restore_best : bool
        Give the model the weights of its best evaluation at the end.

    Raises
    ------
    ArgumentError
        From `fit`, if nothing is evaluated or it is not called `monitor`.

    Examples
    --------
    >>> import workbench as wb
    >>> stop = wb.train.EarlyStopping(patience=1, min_delta=10.0)
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, validation=0.2, epochs=9, callbacks=[stop])
    >>> len(run.history.column("val_loss")[0])
    2
    """

    def __init__(self, monitor: str = "val_loss", patience: int = 5, min_delta: float = 0.0, mode: str = "min", *,
                 restore_best: bool = False) -> None:
        if patience < 1:
            raise ArgumentError(f"EarlyStopping: patience={patience}; expected at least 1")
        self.monitor, self.patience, self.restore_best = Monitor(monitor, mode, min_delta), patience, restore_best
        self.waited = 0
        self.weights: dict[str, Any] | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin to watch."""
        if trainer.validation is None:
            raise ArgumentError(f"EarlyStopping: it watches {self.monitor.name!r}, but nothing is evaluated; give fit a validation set")
        self.monitor.reset()
        self.waited, self.weights = 0, None

    def on_evaluate_end(self, trainer: Trainer, scores: dict[str, float]) -> None:
        """Compare with the best."""
        if self.monitor.improved(scores):
            self.waited = 0
            if self.restore_best:
                self.weights = {name: value.clone() for name, value in trainer.model.state_dict().items()}
            return
        self.waited += 1
        if self.waited >= self.patience:
            trainer.run.note("info", "early-stopping", f"no progress of {self.monitor.name} in {self.waited} evaluations; "
                                                       f"the best was {self.monitor.best:.4g}")
            trainer.stop()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Put the best weights back, if asked to."""
        if self.weights is not None:
            trainer.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """The best so far, and how long ago it was."""
        return {"best": self.monitor.best, "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue to wait."""
        self.monitor.best, self.waited, self.weights = state["best"], state["waited"], state["weights"]

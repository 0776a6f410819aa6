"""A metric with a direction: has it become better? Callbacks that wait for that share this."""
from __future__ import annotations

import math

from ...core.errors import ArgumentError


class Monitor:
    """Remembers the best value of a metric and when it was reached.

    Parameters
    ----------
    name : str
        As it is logged: ``"val_loss"``.
    mode : {"min", "max"}
    min_delta : float
        How much better counts as better.
    """

    def __init__(self, name: str, mode: str = "min", min_delta: float = 0.0) -> None:
        if mode not in ("min", "max") or min_delta < 0:
            raise ArgumentError(f"mode={mode!r}, min_delta={min_delta}; expected 'min' or 'max', and 0 or more")
        self.name, self.mode, self.min_delta = name, mode, min_delta
        self.reset()

    def reset(self) -> None:
        """Forget what was best."""
        self.best = math.inf if self.mode == "min" else -math.inf

    def improved(self, scores: dict[str, float]) -> bool:
        """Is the metric better than ever before? Remembers it then. NaN never is."""
        if self.name not in scores:
            raise ArgumentError(f"there is no {self.name!r} among what is evaluated: {', '.join(scores) or 'nothing'}; "
                                "name one of these, or add the metric to the trainer")
        value = float(scores[self.name])
        better = value < self.best - self.min_delta if self.mode == "min" else value > self.best + self.min_delta
        if better:
            self.best = value
        return better

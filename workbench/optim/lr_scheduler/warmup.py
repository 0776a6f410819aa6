"""Rates that begin small: a warm-up and what comes after it, in one formula (transformers are trained so)."""
from __future__ import annotations

import math

from ...core.errors import ArgumentError
from ..base import Optimizer
from .base import LRScheduler

DECAYS = ("constant", "linear", "cosine", "polynomial", "inverse_sqrt")


class WarmupLR(LRScheduler):
    """A straight line up to the initial rate over `warmup_steps` (Goyal et al. 2017), then down to `end_factor` of it at `total_steps`.

    ``base (start_factor + (1 - start_factor) step / warmup_steps)`` on the way up.

    With ``s`` the share of the way from `warmup_steps` to `total_steps`, the factor is then 1 ("constant"),
    ``1 - s`` ("linear"), ``(1 + cos(pi s)) / 2`` ("cosine") or ``(1 - s)^power`` ("polynomial"), taken between `end_factor`
    and 1; or ``sqrt(warmup_steps / step)`` ("inverse_sqrt"), which needs no end.

    Parameters
    ----------
    optimizer : Optimizer
        The one whose rates it sets.
    warmup_steps : int
        Steps on the way up.
    total_steps : int, optional
        For the decays that end.
    decay : {"constant", "linear", "cosine", "polynomial", "inverse_sqrt"}
        What comes after the warm-up.
    start_factor, end_factor : float
        Of the initial rate, at the first step and at the last.
    power : float
        Of "polynomial".
    last_epoch : int

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.WarmupLR(optimizer, 2, 6, decay="linear")
    >>> rates = []
    >>> for _ in range(7):
    ...     rates += scheduler.get_last_lr(); scheduler.step()
    >>> rates
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0]
    """

    def __init__(self, optimizer: Optimizer, warmup_steps: int, total_steps: int | None = None, *, decay: str = "cosine", start_factor: float = 0.0,
                 end_factor: float = 0.0, power: float = 1.0, last_epoch: int = -1) -> None:
        if decay not in DECAYS:
            raise ArgumentError(f"WarmupLR: decay={decay!r}; expected one of {', '.join(DECAYS)}")
        if warmup_steps < (decay == "inverse_sqrt"):
            raise ArgumentError(f"WarmupLR: warmup_steps={warmup_steps}; expected 0 or more, and at least 1 for 'inverse_sqrt'")
        if decay not in ("constant", "inverse_sqrt") and (total_steps is None or total_steps <= warmup_steps):
            raise ArgumentError(f"WarmupLR: total_steps={total_steps}, warmup_steps={warmup_steps}; a {decay} decay needs more steps than the warm-up")
        self.warmup_steps, self.total_steps, self.decay, self.power = warmup_steps, total_steps, decay, power
        self.start_factor, self.end_factor = start_factor, end_factor
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """`base` times the factor."""
        if epoch < self.warmup_steps:
            return base * (self.start_factor + (1 - self.start_factor) * epoch / self.warmup_steps)
        if self.decay == "constant":
            return base
        if self.decay == "inverse_sqrt":
            return base * math.sqrt(self.warmup_steps / epoch)
        share = min((epoch - self.warmup_steps) / (self.total_steps - self.warmup_steps), 1.0)
        left = {"linear": 1 - share, "cosine": (1 + math.cos(math.pi * share)) / 2, "polynomial": (1 - share) ** self.power}[self.decay]
        return base * (self.end_factor + (1 - self.end_factor) * left)


class NoamLR(LRScheduler):
    """The schedule of the first transformer: ``lr model_size^-0.5 min(t^-0.5, t warmup_steps^-1.5)`` at step t = 1, 2, ... (Vaswani et al. 2017).

    Parameters
    ----------
    optimizer : Optimizer
        Its rate is a factor, usually 1.
    model_size : int
        Features of the model, `d_model`.
    warmup_steps : int
        Steps on the way up.
    last_epoch : int

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.Adam([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.NoamLR(optimizer, model_size=64, warmup_steps=4)
    >>> round(scheduler.get_last_lr()[0], 6)
    0.015625
    """

    def __init__(self, optimizer: Optimizer, model_size: int, warmup_steps: int = 4000, last_epoch: int = -1) -> None:
        if model_size < 1 or warmup_steps < 1:
            raise ArgumentError(f"NoamLR: model_size={model_size}, warmup_steps={warmup_steps}; expected at least 1")
        self.model_size, self.warmup_steps = model_size, warmup_steps
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """The smaller of the line up and the root down."""
        step = epoch + 1
        return base * self.model_size**-0.5 * min(step**-0.5, step * self.warmup_steps**-1.5)


def warmup_cosine(optimizer: Optimizer, warmup_steps: int, total_steps: int, *, start_factor: float = 0.0, end_factor: float = 0.0) -> WarmupLR:
    """The usual schedule of a transformer: `WarmupLR` with a cosine.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.warmup_cosine(optimizer, 1, 3); scheduler.step(); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.5
    """
    return WarmupLR(optimizer, warmup_steps, total_steps, decay="cosine", start_factor=start_factor, end_factor=end_factor)

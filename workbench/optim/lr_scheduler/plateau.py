"""The rate goes down when nothing gets better."""
from __future__ import annotations

import math
from typing import Any

from ...core.errors import ArgumentError
from ..base import Optimizer
from .base import LRScheduler, check_optimizer, per_group


class ReduceLROnPlateau(LRScheduler):
    """``rate = max(rate factor, min_lr)`` when a quantity has not got better for `patience` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        The one whose rates it sets.
    mode : {"min", "max"}
        Which way is better.
    factor : float
        What the rate is multiplied by, below 1.
    patience : int
        Epochs without progress that are let pass.
    threshold : float
        How much better counts.
    threshold_mode : {"rel", "abs"}
        Whether `threshold` is a share of the best value or a difference from it.
    cooldown : int
        Epochs after a reduction in which nothing is counted.
    min_lr : float or list of float
        Rates do not go below it; one for all groups or one for each.
    eps : float
        A smaller change is not made.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    >>> scheduler.step(1.0); scheduler.step(1.0); round(optimizer.param_groups[0]["lr"], 6)
    0.1
    """

    def __init__(self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
                 threshold_mode: str = "rel", cooldown: int = 0, min_lr: float | list[float] = 0, eps: float = 1e-8) -> None:
        if not factor < 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor={factor}; expected a number below 1")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ArgumentError(f"ReduceLROnPlateau: mode={mode!r}, threshold_mode={threshold_mode!r}; expected 'min' or 'max', 'rel' or 'abs'")
        self.optimizer, self.mode, self.factor, self.patience = check_optimizer(self, optimizer), mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.min_lrs = per_group(self, "min_lr", min_lr, optimizer)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]  # as PyTorch's: it needs a quantity
        """Note the quantity of one epoch, and lower the rates if it is time."""
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _reduce(self) -> None:
        later = self.optimizer.param_groups[len(self.min_lrs):]  # groups that were added meanwhile
        for group, least in zip(self.optimizer.param_groups, [*self.min_lrs, *(self.min_lrs[-1] for _ in later)], strict=True):
            lower = max(group["lr"] * self.factor, least)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower

    def _is_better(self, current: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        wanted = self.best - sign * self.threshold if self.threshold_mode == "abs" else self.best * (1 - sign * self.threshold)
        return sign * current < sign * wanted

    def restart(self) -> None:
        """Forget what was best, and begin again at the initial rates."""
        raise ArgumentError("ReduceLROnPlateau cannot be part of a SequentialLR or ChainedScheduler: its step needs a quantity")

    def get_last_lr(self) -> list[float]:
        """The present rates, one per group."""
        return [group["lr"] for group in self.optimizer.param_groups]

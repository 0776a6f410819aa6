"""Learning rates that change while training. Each scheduler is its closed formula in the number of steps taken."""
from __future__ import annotations

import copy
import math
from typing import Any

from ..core.errors import ArgumentError
from ..core.recorded import Recorded
from .optimizer import Optimizer


class LRScheduler(Recorded):
    """Base of the schedulers: ``factor(epoch)`` times each group's initial rate.

    A rate changed by hand in the meantime (a slider, a group's ``lr``) stays changed by the same ratio.
    """

    given = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"{type(self).__name__}: expected an Optimizer, got {type(optimizer).__name__}")
        self.optimizer, self.last_epoch = optimizer, last_epoch
        self.base_lrs = [group.setdefault("initial_lr", group["lr"]) for group in optimizer.param_groups]
        self._last_lr = [group["lr"] for group in optimizer.param_groups]
        self._by_hand = [lr / base if base else 1.0 for lr, base in zip(self._last_lr, self.base_lrs, strict=True)]  # another scheduler's factor
        self.step()

    def rate(self, base: float, epoch: int) -> float:
        """The rate after `epoch` steps of a group that began at `base`."""
        raise ArgumentError(f"{type(self).__name__} does not define rate(base, epoch)")

    def step(self) -> None:
        """Set the rates of the next epoch (or step, as often as it is called)."""
        self.last_epoch += 1
        for number, (group, rate) in enumerate(zip(self.optimizer.param_groups, self.rates(), strict=True)):
            if self._last_lr[number]:
                self._by_hand[number] *= group["lr"] / self._last_lr[number]
            group["lr"] = self._last_lr[number] = rate * self._by_hand[number]

    def rates(self) -> list[float]:
        """The rates of all groups after `last_epoch` steps."""
        return [self.rate(base, self.last_epoch) for base in self.base_lrs]

    def restart(self) -> None:
        """Begin again, whatever the rates are now."""
        self.last_epoch, self._by_hand = 0, [1.0] * len(self.base_lrs)
        self._last_lr = self.rates()
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate

    def get_last_lr(self) -> list[float]:
        """The rates that were set last, one per group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return copy.deepcopy({name: value for name, value in vars(self).items() if name not in ("optimizer", "_recipe")})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        vars(self).update(copy.deepcopy(state))


class StepLR(LRScheduler):
    """The rate times `gamma` after every `step_size` epochs.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if step_size < 1:
            raise ArgumentError(f"StepLR: step_size={step_size}; expected at least 1")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """``base gamma^(epoch // step_size)``."""
        return base * self.gamma ** (epoch // self.step_size)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the initial rate down to `eta_min` over `T_max` epochs (Loshchilov and Hutter 2016).

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.5
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_max < 1:
            raise ArgumentError(f"CosineAnnealingLR: T_max={T_max}; expected at least 1")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """``eta_min + (base - eta_min) (1 + cos(pi epoch / T_max)) / 2``."""
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * epoch / self.T_max)) / 2


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down to almost nothing over `total_steps` steps (Smith and Topin 2017).

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> round(scheduler.get_last_lr()[0], 4)
    0.04
    """

    def __init__(self, optimizer: Optimizer, max_lr: float, total_steps: int, pct_start: float = 0.3, div_factor: float = 25.0,
                 final_div_factor: float = 1e4, last_epoch: int = -1) -> None:
        if total_steps < 1 or not 0 < pct_start < 1:
            raise ArgumentError(f"OneCycleLR: total_steps={total_steps}, pct_start={pct_start}; expected at least one step and a share of it")
        self.total_steps, self.pct_start = total_steps, pct_start
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"] = max_lr / div_factor
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """Half cosines between base, ``base div_factor`` and ``base / final_div_factor``."""
        top, turn, end = base * self.div_factor, self.pct_start * self.total_steps - 1, self.total_steps - 1
        if epoch <= turn:
            return _half_cosine(base, top, epoch / turn if turn else 1.0)
        return _half_cosine(top, base / self.final_div_factor, min((epoch - turn) / (end - turn), 1.0))


def _half_cosine(start: float, stop: float, share: float) -> float:
    return stop + (start - stop) * (1 + math.cos(math.pi * share)) / 2


from .schedules import (  # noqa: E402 - they build on the base above
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
)

__all__ = ["LRScheduler", "StepLR", "CosineAnnealingLR", "OneCycleLR", "ChainedScheduler", "ConstantLR", "CosineAnnealingWarmRestarts", "CyclicLR",
           "ExponentialLR", "LambdaLR", "LinearLR", "MultiStepLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR"]

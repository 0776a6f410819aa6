"""More schedules, and schedules made of schedules; all are found in `workbench.optim.lr_scheduler`."""
from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

from ..core.errors import ArgumentError
from .lr_scheduler import LRScheduler
from .optimizer import Optimizer


class MultiStepLR(LRScheduler):
    """The rate times `gamma` at each of the `milestones`.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], gamma=0.5); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.5
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """``base gamma^(milestones passed)``."""
        return base * self.gamma ** bisect.bisect_right(self.milestones, epoch)



class ConstantLR(LRScheduler):
    """The rate times `factor` for the first `total_iters` epochs, then the initial one.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.ConstantLR(optimizer, factor=0.25); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.25
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1:
            raise ArgumentError(f"ConstantLR: factor={factor}; expected a number between 0 and 1")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """``base factor`` while ``epoch < total_iters``."""
        return base * (self.factor if epoch < self.total_iters else 1)



class LinearLR(LRScheduler):
    """A straight line from `start_factor` to `end_factor` over `total_iters` epochs: the usual warm-up.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.75
    """

    def __init__(self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ArgumentError(f"LinearLR: start_factor={start_factor}, end_factor={end_factor}; expected numbers in (0, 1] and [0, 1]")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """``base (start + (end - start) epoch / total_iters)``."""
        return base * (self.start_factor + (self.end_factor - self.start_factor) * min(epoch, self.total_iters) / self.total_iters)



class ExponentialLR(LRScheduler):
    """The rate times `gamma` after every epoch.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.5
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """``base gamma^epoch``."""
        return base * self.gamma**epoch



class PolynomialLR(LRScheduler):
    """Down to zero over `total_iters` epochs along a polynomial.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=2, power=2.0); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.25
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """``base (1 - epoch / total_iters)^power``."""
        return base * (1 - min(epoch, self.total_iters) / self.total_iters) ** self.power



class CosineAnnealingWarmRestarts(LRScheduler):
    """Half cosines from the initial rate to `eta_min`, each `T_mult` times as long as the one before (Loshchilov and Hutter 2016).

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.5
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_0 < 1 or T_mult < 1:
            raise ArgumentError(f"CosineAnnealingWarmRestarts: T_0={T_0}, T_mult={T_mult}; expected at least 1")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """The cosine of `CosineAnnealingLR` within the present cycle."""
        length = self.T_0
        while epoch >= length:
            epoch, length = epoch - length, length * self.T_mult
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * epoch / length)) / 2



class LambdaLR(LRScheduler):
    """The initial rate times ``lr_lambda(epoch)``, one function for all groups or one for each.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.5
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]], last_epoch: int = -1) -> None:
        count = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * count
        if len(self.lr_lambdas) != count:
            raise ArgumentError(f"LambdaLR: {len(self.lr_lambdas)} functions for {count} parameter groups")
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """``base lr_lambda(epoch)``."""
        return [base * function(self.last_epoch) for base, function in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and the functions."""
        return {name: value for name, value in super().state_dict().items() if name != "lr_lambdas"}



class CyclicLR(LRScheduler):
    """Back and forth between `base_lr` and `max_lr` (Smith 2015), in steps rather than epochs.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=4); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.25
    """

    def __init__(self, optimizer: Optimizer, base_lr: float, max_lr: float, step_size_up: int = 2000, step_size_down: int | None = None,
                 mode: str = "triangular", gamma: float = 1.0, last_epoch: int = -1) -> None:
        if mode not in ("triangular", "triangular2", "exp_range"):
            raise ArgumentError(f"CyclicLR: mode={mode!r}; expected 'triangular', 'triangular2' or 'exp_range'")
        self.max_lr, self.mode, self.gamma = max_lr, mode, gamma
        self.up, self.total = step_size_up, step_size_up + (step_size_up if step_size_down is None else step_size_down)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"] = base_lr
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """A triangle; its height halves each cycle in "triangular2" and shrinks by gamma each step in "exp_range"."""
        cycle, place = divmod(epoch, self.total)
        share = place / self.up if place <= self.up else (self.total - place) / (self.total - self.up)
        height = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": self.gamma**epoch}[self.mode]
        return base + (self.max_lr - base) * share * height



class ReduceLROnPlateau:
    """The rate times `factor` when a quantity has not got better for `patience` epochs.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {"min", "max"}
        Which way is better.
    factor : float
    patience : int
        Epochs without progress that are let pass.
    threshold : float
        How much better counts.
    threshold_mode : {"rel", "abs"}
    cooldown : int
        Epochs after a reduction in which nothing is counted.
    min_lr, eps : float
        The rate does not go below `min_lr`, and a change smaller than `eps` is not made.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    >>> scheduler.step(1.0); scheduler.step(1.0); round(optimizer.param_groups[0]["lr"], 6)
    0.1
    """

    def __init__(self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
                 threshold_mode: str = "rel", cooldown: int = 0, min_lr: float = 0, eps: float = 1e-8) -> None:
        if not 0 < factor < 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor={factor}; expected a number between 0 and 1")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ArgumentError(f"ReduceLROnPlateau: mode={mode!r}, threshold_mode={threshold_mode!r}; expected 'min' or 'max', 'rel' or 'abs'")
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.min_lr, self.eps = threshold, threshold_mode, cooldown, min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """Note the quantity of one epoch, and lower the rates if it is time."""
        current = float(metrics)
        self.last_epoch += 1
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group in self.optimizer.param_groups:
                new = max(group["lr"] * self.factor, self.min_lr)
                if group["lr"] - new > self.eps:
                    group["lr"] = new
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, current: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "abs":
            return sign * current < sign * self.best - self.threshold
        return sign * current < sign * self.best * (1 - sign * self.threshold) if math.isfinite(self.best) else not math.isnan(current)

    def get_last_lr(self) -> list[float]:
        """The present rates, one per group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {name: value for name, value in vars(self).items() if name not in ("optimizer", "_recipe")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        vars(self).update(state)


class SequentialLR:
    """One scheduler after the other, changing at `milestones`: a warm-up and then a cosine, for example.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> both = SequentialLR(optimizer, [ConstantLR(optimizer, 0.1, 2), ExponentialLR(optimizer, 0.5)], milestones=[2])
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(optimizer.param_groups[0]["lr"], 6)); both.step()
    >>> rates
    [0.1, 0.1, 1.0, 0.5]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(f"SequentialLR: {len(schedulers)} schedulers need {len(schedulers) - 1} milestones, got {len(milestones)}")
        if any(scheduler.optimizer is not optimizer for scheduler in schedulers):
            raise ArgumentError("SequentialLR: all schedulers must have the optimizer that is given")
        self.optimizer, self.schedulers, self.milestones, self.last_epoch = optimizer, list(schedulers), list(milestones), 0
        self.schedulers[0].restart()

    def step(self) -> None:
        """Step the scheduler whose turn it is; one whose turn begins starts at its first rate."""
        self.last_epoch += 1
        turn = bisect.bisect_right(self.milestones, self.last_epoch)
        if turn and self.milestones[turn - 1] == self.last_epoch:
            self.schedulers[turn].restart()
        else:
            self.schedulers[turn].step()

    def get_last_lr(self) -> list[float]:
        """The present rates, one per group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The states of all schedulers, and where it is."""
        return {"last_epoch": self.last_epoch, "schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.last_epoch = state["last_epoch"]
        for scheduler, own in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(own)


class ChainedScheduler:
    """Several schedulers at once: their factors multiply.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> both = ChainedScheduler([ConstantLR(optimizer, 0.1, 2), ExponentialLR(optimizer, 0.5)]); both.step()
    >>> round(both.get_last_lr()[0], 6)
    0.05
    """

    def __init__(self, schedulers: Sequence[LRScheduler]) -> None:
        if not schedulers or any(scheduler.optimizer is not schedulers[0].optimizer for scheduler in schedulers):
            raise ArgumentError("ChainedScheduler: give at least one scheduler, all of one optimizer")
        self.schedulers = list(schedulers)

    def step(self) -> None:
        """Step all: each takes what the others did for a change by hand, which stays."""
        for scheduler in self.schedulers:
            scheduler.step()

    def get_last_lr(self) -> list[float]:
        """The present rates, one per group."""
        return [group["lr"] for group in self.schedulers[0].optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The states of all schedulers."""
        return {"schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        for scheduler, own in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(own)

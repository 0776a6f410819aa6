"""Rates that go one way: steps, straight lines, powers, a cosine, and functions of your own."""
from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ...core.errors import ArgumentError
from ..base import Optimizer
from .base import LRScheduler, check_functions


class StepLR(LRScheduler):
    """``base gamma^(epoch // step_size)``: the rate times `gamma` after every `step_size` epochs.

    Parameters
    ----------
    step_size : int
        Epochs from one change to the next.
    gamma : float
        The factor.

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


class MultiStepLR(LRScheduler):
    """``base gamma^m`` once m of the `milestones` are reached.

    Parameters
    ----------
    milestones : Iterable[int]
        Epochs at which the rate changes.
    gamma : float
        The factor.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], gamma=0.5); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.5
    """

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """``base gamma^(milestones passed)``."""
        return base * self.gamma ** bisect.bisect_right(self.milestones, epoch)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; in PyTorch's the milestones are counted."""
        super().load_state_dict(state)
        self.milestones = sorted(Counter(self.milestones).elements())


class ConstantLR(LRScheduler):
    """``rate = base factor`` for the first `total_iters` epochs, then ``base``.

    Parameters
    ----------
    factor : float
        Of the initial rate, between 0 and 1.
    total_iters : int
        Epochs until the rate is the initial one.

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
    """``base (start_factor + (end_factor - start_factor) epoch / total_iters)``, and then ``base end_factor``: the usual
    warm-up (Goyal et al. 2017).

    Parameters
    ----------
    start_factor : float
        Of the initial rate, at the beginning.
    end_factor : float
        Of the initial rate, after `total_iters` epochs.
    total_iters : int
        Epochs of the way.

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
    """``base gamma^epoch``: the rate times `gamma` after every epoch.

    Parameters
    ----------
    gamma : float
        The factor.

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
    """``base (1 - epoch / total_iters)^power``: down to zero along a polynomial.

    Parameters
    ----------
    total_iters : int
        Epochs until the rate is zero.
    power : float
        The exponent; 1 is a straight line.

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


class CosineAnnealingLR(LRScheduler):
    """``eta_min + (base - eta_min) (1 + cos(pi epoch / T_max)) / 2``: half a cosine down to `eta_min` (Loshchilov and
    Hutter 2016).

    Parameters
    ----------
    T_max : int
        Epochs until `eta_min` is reached.
    eta_min : float
        The lowest rate.

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


class LambdaLR(LRScheduler):
    """``base lr_lambda(epoch)``, one function for all groups or one for each.

    Parameters
    ----------
    lr_lambda : callable
        From the number of the epoch to a factor.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.5
    """

    functions = ("lr_lambdas",)
    per_group = "lr_lambda"

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | list[Callable[[int], float]], last_epoch: int = -1) -> None:
        self.lr_lambdas = check_functions(self, lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def rates(self, epoch: int) -> list[float]:
        """``base lr_lambda(epoch)``."""
        return [base * function(epoch) for base, function in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(LRScheduler):
    """``rate lr_lambda(epoch)`` after every epoch: factors multiply. In a `SequentialLR` it goes on from the rate that it finds.

    Parameters
    ----------
    lr_lambda : callable
        From the number of the epoch to a factor of the present rate, for all groups or one for each.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5); scheduler.step(); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.25
    """

    functions = ("lr_lambdas",)
    per_group = "lr_lambda"

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | list[Callable[[int], float]], last_epoch: int = -1) -> None:
        self.lr_lambdas = check_functions(self, lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The present rates, after the first epoch times ``lr_lambda(epoch)``."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return [rate * function(self.last_epoch) for rate, function in zip(rates, self.lr_lambdas, strict=True)] if self.last_epoch > 0 else rates

    def restart(self) -> None:
        """Begin again, from the present rates: it has no others."""
        self.last_epoch = 0
        self._last_lr = [group["lr"] * function(0) for group, function in zip(self.optimizer.param_groups, self.lr_lambdas, strict=True)]
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate

"""Rates that go up and down: warm restarts, triangles, and one cycle; the last two move the momentum the other way."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...core.errors import ArgumentError
from ..base import Optimizer
from .base import LRScheduler, check_optimizer, per_group


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half cosines from the initial rate to `eta_min`, each `T_mult` times as long as the one before (Loshchilov and Hutter 2016).

    ``eta_min + (base - eta_min) (1 + cos(pi t / T)) / 2``, t epochs after a restart in a cycle of T.

    ``step(epoch + batch / batches)`` moves within an epoch.

    Parameters
    ----------
    T_0 : int
        Epochs of the first cycle.
    T_mult : int
        How many times as long as the one before each cycle is.
    eta_min : float
        The lowest rate.

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

    def rate(self, base: float, epoch: float) -> float:
        """The cosine of `CosineAnnealingLR` within the present cycle."""
        length = self.T_0
        while epoch >= length:
            epoch, length = epoch - length, length * self.T_mult
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * epoch / length)) / 2


class _Cycle(LRScheduler):
    """A schedule that also moves the momentum (or Adam's first beta) of every group."""

    cycle_momentum = False
    per_group = "max_lr"

    def momenta(self, epoch: int) -> list[float]:
        """The momenta of all groups after `epoch` steps."""
        raise NotImplementedError

    def _prepare(self, optimizer: Optimizer, base_momentum: Any, max_momentum: Any, last_epoch: int) -> None:
        """Note in the groups between what the momentum moves."""
        self.cycle_momentum, self.use_beta1 = True, "betas" in optimizer.defaults
        if not self.use_beta1 and "momentum" not in optimizer.defaults:
            raise ArgumentError(f"{type(self).__name__}: {type(optimizer).__name__} has neither momentum nor betas; pass cycle_momentum=False")
        lowest, highest = (per_group(self, name, value, optimizer) for name, value in (("base_momentum", base_momentum), ("max_momentum", max_momentum)))
        for group, low, high in zip(optimizer.param_groups if last_epoch == -1 else (), lowest, highest, strict=last_epoch == -1):
            group["base_momentum"], group["max_momentum"] = low, high

    def _set(self) -> None:
        super()._set()
        for group, momentum in zip(self.optimizer.param_groups, self.momenta(self.last_epoch) if self.cycle_momentum else (), strict=self.cycle_momentum):
            if self.use_beta1:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum


class CyclicLR(_Cycle):
    """Back and forth between `base_lr` and `max_lr` (Smith 2015), in steps rather than epochs.

    ``base_lr + (max_lr - base_lr) height``, where height goes from 0 to 1 and back in straight lines.

    Parameters
    ----------
    optimizer : Optimizer
        The one whose rates it sets.
    base_lr, max_lr : float or list of float
        For all groups, or one for each.
    step_size_up, step_size_down : int
        Steps from `base_lr` to `max_lr`, and back (by default as many).
    mode : {"triangular", "triangular2", "exp_range"}
        Triangles of one height, of half the height in each cycle, or of ``gamma ** steps`` times the height.
    gamma : float
        Of "exp_range".
    scale_fn : callable, optional
        Gives the height instead of `mode`.
    scale_mode : {"cycle", "iterations"}
        What `scale_fn` gets: the number of the cycle, from 1, or of the step.
    cycle_momentum : bool
        Move the momentum between `max_momentum` (at `base_lr`) and `base_momentum`.
    base_momentum, max_momentum : float or list of float
        Between these the momentum moves.
    last_epoch : int

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0, momentum=0.9)
    >>> scheduler = wb.optim.lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=4); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6), round(optimizer.param_groups[0]["momentum"], 6)
    (0.25, 0.875)
    """

    functions = ("_scale",)

    def __init__(self, optimizer: Optimizer, base_lr: float | list[float], max_lr: float | list[float], step_size_up: int = 2000,
                 step_size_down: int | None = None, mode: str = "triangular", gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None,
                 scale_mode: str = "cycle", cycle_momentum: bool = True, base_momentum: float = 0.8, max_momentum: float = 0.9,
                 last_epoch: int = -1) -> None:
        check_optimizer(self, optimizer)
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ArgumentError(f"CyclicLR: mode={mode!r}; expected 'triangular', 'triangular2' or 'exp_range', or a scale_fn")
        self.max_lrs, self.mode, self.gamma = per_group(self, "max_lr", max_lr, optimizer), mode, gamma
        self.up, self.total = step_size_up, step_size_up + (step_size_up if step_size_down is None else step_size_down)
        self._scale, self.scale_mode = [] if scale_fn is None else [scale_fn], scale_mode
        bases = per_group(self, "base_lr", base_lr, optimizer)
        if cycle_momentum:
            self._prepare(optimizer, base_momentum, max_momentum, last_epoch)
        for group, base in zip(optimizer.param_groups, bases, strict=True):
            group["initial_lr"] = base
            if last_epoch == -1:
                group["lr"] = base
        super().__init__(optimizer, last_epoch)

    def _height(self, epoch: int) -> float:
        """How far from the base it is, 1 being all the way."""
        cycle, place = divmod(epoch, self.total)
        share = place / self.up if place <= self.up else (self.total - place) / (self.total - self.up)
        if self._scale:
            return share * self._scale[0](cycle + 1 if self.scale_mode == "cycle" else epoch)
        return share * {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": self.gamma**epoch}[self.mode]

    def rates(self, epoch: int) -> list[float]:
        """A triangle between the base and the largest rate."""
        return [base + (most - base) * self._height(epoch) for base, most in zip(self.base_lrs, self.max_lrs, strict=True)]

    def momenta(self, epoch: int) -> list[float]:
        """The same triangle upside down."""
        return [group["max_momentum"] - (group["max_momentum"] - group["base_momentum"]) * self._height(epoch) for group in self.optimizer.param_groups]


class OneCycleLR(_Cycle):
    """Up to `max_lr` and down to almost nothing over `total_steps` steps (Smith and Topin 2017).

    ``end + (start - end) (1 + cos(pi s)) / 2`` in each phase, s the share of it that is done.

    Parameters
    ----------
    optimizer : Optimizer
        The one whose rates it sets.
    max_lr : float or list of float
        The top, for all groups, or one for each.
    total_steps : int, optional
        Or ``epochs * steps_per_epoch``.
    epochs, steps_per_epoch : int, optional
        Their product is the number of steps.
    pct_start : float
        The share of steps on the way up.
    anneal_strategy : {"cos", "linear"}
        Half cosines or straight lines.
    cycle_momentum : bool
        Move the momentum between `max_momentum` (at the ends) and `base_momentum` (at the top).
    base_momentum, max_momentum : float or list of float
        Between these the momentum moves.
    div_factor, final_div_factor : float
        It begins at ``max_lr / div_factor``, and ends at that over `final_div_factor`.
    three_phase : bool
        Come down to the first rate as fast as it went up, and only then to the last one.
    last_epoch : int

    Raises
    ------
    ArgumentError
        Also from `step`, after `total_steps`.

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0, momentum=0.9)
    >>> scheduler = wb.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> round(scheduler.get_last_lr()[0], 4), round(optimizer.param_groups[0]["momentum"], 4)
    (0.04, 0.95)
    """

    def __init__(self, optimizer: Optimizer, max_lr: float | list[float], total_steps: int | None = None, epochs: int | None = None,
                 steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos", cycle_momentum: bool = True,
                 base_momentum: float | list[float] = 0.85, max_momentum: float | list[float] = 0.95, div_factor: float = 25.0,
                 final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1) -> None:
        check_optimizer(self, optimizer)
        total = total_steps if total_steps is not None else (epochs or 0) * (steps_per_epoch or 0)
        if total < 1 or not 0 <= pct_start <= 1:
            raise ArgumentError(f"OneCycleLR: total_steps={total_steps}, epochs={epochs}, steps_per_epoch={steps_per_epoch}, pct_start={pct_start}; "
                                "expected at least one step, and a share of all")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"OneCycleLR: anneal_strategy={anneal_strategy!r}; expected 'cos' or 'linear'")
        self.total_steps, self.anneal_strategy = total, anneal_strategy
        turn = pct_start * total - 1
        self.phases = [(turn, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        if three_phase:
            self.phases.append((2 * turn, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
        self.phases.append((total - 1, self.phases[-1][2], "min_lr", self.phases[-1][4], "max_momentum"))
        highest = per_group(self, "max_lr", max_lr, optimizer)
        if cycle_momentum:
            self._prepare(optimizer, base_momentum, max_momentum, last_epoch)
        for group, most in zip(optimizer.param_groups if last_epoch == -1 else (), highest, strict=last_epoch == -1):
            first = most / div_factor
            group.update(lr=first, initial_lr=first, max_lr=most, min_lr=first / final_div_factor)
        super().__init__(optimizer, last_epoch)

    def _between(self, group: dict[str, Any], epoch: int, first: int) -> float:
        """Where a group is between two settings of its phase; `first` says which column names them."""
        number = next((n for n, phase in enumerate(self.phases) if epoch <= phase[0]), len(self.phases) - 1)
        begin, (end, *names) = self.phases[number - 1][0] if number else 0, self.phases[number]
        start, stop = group[names[first]], group[names[first + 1]]
        share = (epoch - begin) / (end - begin) if end != begin else 1.0
        if self.anneal_strategy == "linear":
            return start + (stop - start) * share
        return stop + (start - stop) * (1 + math.cos(math.pi * share)) / 2

    def rates(self, epoch: int) -> list[float]:
        """Half cosines (or lines) between the rates of the phases."""
        if epoch > self.total_steps:
            raise ArgumentError(f"OneCycleLR: step {epoch} of {self.total_steps}; make total_steps as many as scheduler.step() is called")
        return [self._between(group, epoch, 0) for group in self.optimizer.param_groups]

    def momenta(self, epoch: int) -> list[float]:
        """The same between the momenta."""
        return [self._between(group, epoch, 2) for group in self.optimizer.param_groups]

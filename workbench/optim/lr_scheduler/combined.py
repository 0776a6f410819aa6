"""Schedules made of schedules: one after the other, or all at once."""
from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

from ...core.errors import ArgumentError
from ..base import Optimizer
from .base import LRScheduler, check_optimizer
from .plateau import ReduceLROnPlateau


class _Several(LRScheduler):
    """Holds schedulers of one optimizer."""

    schedulers: list[LRScheduler]

    def _hold(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler]) -> None:
        name = type(self).__name__
        for number, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ArgumentError(f"{name}: scheduler {number} is a ReduceLROnPlateau, whose step needs a quantity; step it on its own")
            if scheduler.optimizer is not optimizer:
                raise ArgumentError(f"{name}: scheduler {number} ({type(scheduler).__name__}) belongs to another optimizer")
        self.optimizer, self.schedulers = optimizer, list(schedulers)

    def get_last_lr(self) -> list[float]:
        """The present rates, one per group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The states of all schedulers, and where it is."""
        return {"last_epoch": self.last_epoch, "schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        if len(state["schedulers"]) != len(self.schedulers):
            raise ArgumentError(f"{type(self).__name__}: the state is of {len(state['schedulers'])} schedulers, this one has {len(self.schedulers)}")
        self.last_epoch = state["last_epoch"]
        for scheduler, own in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(own)


class SequentialLR(_Several):
    """``rate = rate of schedulers[i]`` once i of the `milestones` are reached: a warm-up and then a cosine, for example.

    Parameters
    ----------
    schedulers : sequence of LRScheduler
        One after the other, all of the same optimizer.
    milestones : sequence of int
        Epochs at which the next one takes over, one fewer than schedulers.

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

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1) -> None:
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise ArgumentError(f"SequentialLR: {len(schedulers)} schedulers and {len(milestones)} milestones; expected one scheduler more than milestones")
        self._hold(check_optimizer(self, optimizer), schedulers)
        self.milestones, self.last_epoch = list(milestones), last_epoch + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self.schedulers[bisect.bisect_right(self.milestones, 0)]._begin()

    def step(self, epoch: float | None = None) -> None:
        """Step the scheduler whose turn it is; one whose turn begins starts at its first rate."""
        if epoch is not None:
            raise ArgumentError("SequentialLR: step() takes no epoch; step the schedulers one by one")
        self.last_epoch += 1
        turn = bisect.bisect_right(self.milestones, self.last_epoch)
        if turn and self.milestones[turn - 1] == self.last_epoch:
            self.schedulers[turn].restart()
        else:
            self.schedulers[turn].step()

    def _begin(self) -> None:
        self.last_epoch = 0
        self.schedulers[bisect.bisect_right(self.milestones, 0)]._begin()


class ChainedScheduler(_Several):
    """``rate = base f_1(epoch) f_2(epoch) ...``: several schedulers at once, whose factors multiply.

    Each counts what the others did for a change by hand, which stays. In PyTorch this holds for those that go on from the present
    rate; `LambdaLR`, `CosineAnnealingWarmRestarts`, an `eta_min`, or a cosine past `T_max` put the factors of others aside there.

    Parameters
    ----------
    schedulers : sequence of LRScheduler
        All of the same optimizer.
    optimizer : Optimizer, optional
        Theirs; it need not be given.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> both = ChainedScheduler([ConstantLR(optimizer, 0.1, 2), ExponentialLR(optimizer, 0.5)]); both.step()
    >>> round(both.get_last_lr()[0], 6)
    0.05
    """

    given = ()

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if not schedulers:
            raise ArgumentError("ChainedScheduler: no schedulers; expected at least one")
        self._hold(optimizer or schedulers[0].optimizer, schedulers)
        self.last_epoch = 0

    def step(self, epoch: float | None = None) -> None:
        """Step all: each takes what the others did for a change by hand, which stays."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        for scheduler in self.schedulers:
            scheduler.step(epoch)

    def _begin(self) -> None:
        self.last_epoch = 0
        for scheduler in self.schedulers:
            scheduler._begin()

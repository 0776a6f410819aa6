"""What all schedulers share: initial rates, the count of steps, hands on the rate, and saving.

A scheduler of ours is its closed formula in the number of steps taken (`LRScheduler.rate`), so it can begin anywhere. One
that is written for PyTorch, with `get_lr` in terms of the group's present rate, works as well.
"""
from __future__ import annotations

import copy
import types
from collections.abc import Callable, Sequence
from typing import Any

from ...core.errors import ArgumentError, CheckpointError
from ...core.recorded import Recorded
from ..base import Optimizer


class LRScheduler(Recorded):
    """Base of the schedulers: a subclass defines ``rate(base, epoch)``, or ``get_lr()`` as in PyTorch.

    A rate changed by hand in the meantime (a slider, a group's ``lr``) stays changed by the same ratio. A group added to the
    optimizer later keeps the rate it came with, and changes with the others from then on.

    Parameters
    ----------
    optimizer : Optimizer
    last_epoch : int
        The last epoch that was trained, to resume without a state: the groups must hold their ``initial_lr``, and the
        ``lr`` of the epoch after it.

    Raises
    ------
    ArgumentError
        If it is no optimizer, or a group does not say where it began.
    """

    given = ("optimizer",)
    functions: tuple[str, ...] = ()
    """Attributes that hold lists of functions: only the attributes of callable objects are saved."""
    per_group = ""
    """A setting that each group has its own of, so that a group that comes later lacks it."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer, self.last_epoch = check_optimizer(self, optimizer), last_epoch
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        elif any("initial_lr" not in group for group in optimizer.param_groups):
            raise ArgumentError(f"{type(self).__name__}: last_epoch={last_epoch}, but a group has no initial_lr; load the optimizer's state first")
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self._last_lr = [group["lr"] for group in optimizer.param_groups]
        before = self.base_lrs if last_epoch == -1 or self._is_foreign() else self.rates(last_epoch + 1)
        self._by_hand = _ratios(self._last_lr, before)  # or by another scheduler
        self.step()

    def rate(self, base: float, epoch: int) -> float:
        """The rate after `epoch` steps of a group that began at `base`."""
        raise ArgumentError(f"{type(self).__name__} does not define rate(base, epoch)")

    def rates(self, epoch: int) -> list[float]:
        """The rates of all groups after `epoch` steps."""
        return [self.rate(base, epoch) for base in self.base_lrs]

    def get_lr(self) -> list[float]:
        """The rates to set after ``last_epoch`` steps; `get_last_lr` says which were set."""
        return [rate * hand for rate, hand in zip(self.rates(self.last_epoch), self._by_hand, strict=True)]

    def get_last_lr(self) -> list[float]:
        """The rates that were set last, one per group."""
        return list(self._last_lr)

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch (or step, as often as it is called).

        Parameters
        ----------
        epoch : float, optional
            Go there instead of one further; may lie between two epochs.
        """
        self._add_groups()
        self._follow_hands()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._set()

    def _add_groups(self) -> None:
        """Take in groups that the optimizer was given meanwhile."""
        for group in self.optimizer.param_groups[len(self.base_lrs):]:
            if self.per_group:
                raise ArgumentError(f"{type(self).__name__}: the optimizer has got another group, for which there is no {self.per_group}; make a "
                                    "new scheduler after add_param_group")
            self.base_lrs.append(group.setdefault("initial_lr", group["lr"]))
            self._last_lr.append(group["lr"])
            before = 0.0 if self._is_foreign() else self.rate(self.base_lrs[-1], self.last_epoch)
            self._by_hand.append(group["lr"] / before if before else 1.0)

    def _follow_hands(self) -> None:
        """Note by how much rates were changed since they were set; from a rate of zero there is a way back."""
        for number, group in enumerate(self.optimizer.param_groups):
            if self._last_lr[number] and group["lr"]:
                self._by_hand[number] *= group["lr"] / self._last_lr[number]
            elif group["lr"] != self._last_lr[number] and not self._is_foreign():
                plain = self.rates(self.last_epoch)[number]
                self._by_hand[number] = group["lr"] / plain if plain else self._by_hand[number]

    def restart(self) -> None:
        """Begin again at the initial rates, whatever the rates are now."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._begin()

    def _begin(self) -> None:
        """Begin again on top of the present rates."""
        self.last_epoch = 0
        self._by_hand = _ratios([group["lr"] for group in self.optimizer.param_groups], self.base_lrs)
        self._set()

    def _set(self) -> None:
        self._last_lr = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate

    def _is_foreign(self) -> bool:
        """Does it compute rates from the present ones, as PyTorch's do?"""
        return type(self).get_lr is not LRScheduler.get_lr

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions."""
        state = {name: value for name, value in vars(self).items() if name not in ("optimizer", "_recipe", *self.functions)}
        for name in self.functions:
            state[name] = [None if isinstance(f, types.FunctionType) else getattr(f, "__dict__", None) for f in getattr(self, name)]
        return copy.deepcopy(state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, here or in PyTorch.

        Raises
        ------
        CheckpointError
            If it is not that of a scheduler, or of one for other groups; nothing is changed then.
        """
        count = len(self.optimizer.param_groups)
        if "last_epoch" not in state or len(state.get("base_lrs", range(count))) != count:
            raise CheckpointError(f"{type(self).__name__}: the state is not that of a scheduler of {count} groups")
        state = copy.deepcopy(state)
        for name in self.functions:
            for function, saved in zip(getattr(self, name), state.pop(name, ()), strict=False):  # PyTorch's leaves some out
                vars(function).update(saved or {})
        vars(self).update(state)


def _ratios(rates: Sequence[float], before: Sequence[float]) -> list[float]:
    return [rate / base if base else 1.0 for rate, base in zip(rates, before, strict=True)]


def check_optimizer(scheduler: Any, optimizer: Any) -> Optimizer:
    """`optimizer`, if it is one."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"{type(scheduler).__name__}: expected an Optimizer, got {type(optimizer).__name__}")
    return optimizer


def per_group(scheduler: Any, name: str, value: Any, optimizer: Optimizer) -> list:
    """One value for each group: a list as it is, anything else repeated."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ArgumentError(f"{type(scheduler).__name__}: {name} has {len(value)} entries for {count} parameter groups")
    return list(value)


def check_functions(scheduler: Any, given: Any, optimizer: Optimizer) -> list[Callable[[int], float]]:
    """One function of the epoch for each group."""
    found = per_group(scheduler, "lr_lambda", given, check_optimizer(scheduler, optimizer))
    for function in found:
        if not callable(function):
            raise ArgumentError(f"{type(scheduler).__name__}: lr_lambda must be a function of the epoch, got {type(function).__name__}")
    return found

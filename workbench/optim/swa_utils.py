"""The names of `torch.optim.swa_utils`: averages of models, their batch norm, and the rate for averaging.

Averaged models are modules, so they live in `nn.averaging`; here they are looked up when they are asked for.
"""
from __future__ import annotations

import math
import pkgutil
from typing import Any

from ..core.errors import ArgumentError
from .base import Optimizer
from .lr_scheduler.base import LRScheduler, check_optimizer, per_group

ABOUT_MODELS = ("AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn", "update_bn")
__all__ = ["SWALR", *ABOUT_MODELS]


def __getattr__(name: str) -> Any:
    # `nn` is a sibling of `optim`: neither imports the other when it loads.
    if name in ABOUT_MODELS:
        return pkgutil.resolve_name(f"workbench.nn.averaging:{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class SWALR(LRScheduler):
    """From the present rate to `swa_lr` over `anneal_epochs` epochs, and no further (Izmailov et al. 2018).

    Parameters
    ----------
    optimizer : Optimizer
    swa_lr : float or list of float
        The rate while weights are averaged.
    anneal_epochs : int
    anneal_strategy : {"cos", "linear"}
    last_epoch : int

    Examples
    --------
    >>> import workbench as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter(wb.ones(1))], lr=1.0)
    >>> scheduler = wb.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear"); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.75]
    """

    def __init__(self, optimizer: Optimizer, swa_lr: float | list[float], anneal_epochs: int = 10, anneal_strategy: str = "cos", last_epoch: int = -1) -> None:
        if anneal_strategy not in ("cos", "linear") or anneal_epochs < 0:
            raise ArgumentError(f"SWALR: anneal_strategy={anneal_strategy!r}, anneal_epochs={anneal_epochs}; expected 'cos' or 'linear', and 0 or more")
        for group, rate in zip(check_optimizer(self, optimizer).param_groups, per_group(self, "swa_lr", swa_lr, optimizer), strict=True):
            group["swa_lr"] = rate
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        """How much of the way is gone."""
        share = max(0.0, min(1.0, epoch / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * share)) / 2 if self.anneal_strategy == "cos" else share

    def get_lr(self) -> list[float]:
        """From where the present rates began, a bit further: another scheduler may have moved them meanwhile."""
        step = max(1, self.last_epoch) if self.anneal_epochs == 0 else self.last_epoch
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            goal = group["swa_lr"]
            first = goal if before == 1 else (group["lr"] - before * goal) / (1 - before)
            rates.append(goal * now + first * (1 - now))
        return rates

"""A model whose weights are the average of another's while it trains; found as `optim.swa_utils`, as in PyTorch."""
from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import ops
from ..core import Tensor, no_grad
from ..core.errors import ArgumentError
from .module import Module
from .normalization import _BatchNorm

Tensors = Sequence[Tensor]


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """``decay a + (1 - decay) p``, for one parameter.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.optim.swa_utils.get_ema_avg_fn(0.75)(wb.zeros(1), wb.ones(1), 1).item()
    0.25
    """
    _check(decay)
    return lambda averaged, current, num_averaged: averaged * decay + current * (1 - decay)


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """``a + (p - a) / (n + 1)``, for one parameter: the plain mean.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.optim.swa_utils.get_swa_avg_fn()(wb.zeros(1), wb.ones(1), 3).item()
    0.25
    """
    return lambda averaged, current, num_averaged: averaged + (current - averaged) / (num_averaged + 1)


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[Tensors, Tensors, Any], None]:
    """The same for lists of parameters, in place.

    Examples
    --------
    >>> import workbench as wb
    >>> average = wb.zeros(1)
    >>> wb.optim.swa_utils.get_ema_multi_avg_fn(0.75)([average], [wb.ones(1)], 1); average.item()
    0.25
    """
    return _in_place(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Callable[[Tensors, Tensors, Any], None]:
    """The plain mean for lists of parameters, in place.

    Examples
    --------
    >>> import workbench as wb
    >>> average = wb.zeros(1)
    >>> wb.optim.swa_utils.get_swa_multi_avg_fn()([average], [wb.ones(1)], 3); average.item()
    0.25
    """
    return _in_place(get_swa_avg_fn())


def _check(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ArgumentError(f"get_ema_avg_fn: decay={decay}; expected a number between 0 and 1")


def _in_place(average: Callable[[Tensor, Tensor, Any], Tensor]) -> Callable[[Tensors, Tensors, Any], None]:
    def update(averaged: Tensors, current: Tensors, num_averaged: Any) -> None:
        with no_grad():
            for a, p in zip(averaged, current, strict=True):
                a.copy_(average(a, p, num_averaged))

    return update


class AveragedModel(Module):
    """A copy of a model whose weights are the mean of those the model has at each `update_parameters` (Izmailov et al. 2018).

    Parameters
    ----------
    model : Module
    device : str, optional
        Where the average is kept.
    avg_fn : callable, optional
        ``avg_fn(averaged, current, n)`` for one parameter, instead of the plain mean; n counts the updates before.
    multi_avg_fn : callable, optional
        ``multi_avg_fn(averaged list, current list, n)``, which writes in place.
    use_buffers : bool
        Average buffers too; else they are copied.

    Raises
    ------
    ArgumentError
        If both functions are given.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Linear(1, 1, bias=False)
    >>> average = wb.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = wb.nn.init.constant_(model.weight, value); average.update_parameters(model)
    >>> average.module.weight.item(), average(wb.ones(1, 1)).item()
    (3.0, 3.0)
    """

    def __init__(self, model: Module, device: str | None = None, avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
                 multi_avg_fn: Callable[[Tensors, Tensors, Any], None] | None = None, use_buffers: bool = False) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("AveragedModel: avg_fn and multi_avg_fn; choose one")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", ops.zeros((), dtype="int64", device=device))
        self.use_buffers = use_buffers
        self.average = multi_avg_fn or _in_place(avg_fn or get_swa_avg_fn())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """That of the model, with the average."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present weights of `model` into the average; the first time they are copied."""
        pairs = list(zip(self.module.parameters(), model.parameters(), strict=True))
        buffers = list(zip(self.module.buffers(), model.buffers(), strict=True))
        copied = [] if self.use_buffers else buffers
        averaged = pairs + buffers if self.use_buffers else pairs
        seen = int(self.n_averaged.item())
        with no_grad():
            for a, p in averaged + copied if seen == 0 else copied:
                a.detach().copy_(p.detach())
            if seen:
                self._average(averaged, seen)
            self.n_averaged += 1

    def _average(self, pairs: list[tuple[Tensor, Tensor]], seen: int) -> None:
        held = [a.detach() for a, _ in pairs]
        self.average(held, [p.detach().to(a.device) for a, p in pairs], seen)


def update_bn(loader: Iterable[Any], model: Module, device: str | None = None) -> None:
    """Compute the statistics of a model's batch norms anew, as the mean over all batches: an average of weights needs its own.

    Parameters
    ----------
    loader : iterable
        Of inputs, or of tuples that begin with the input.
    model : Module
    device : str, optional
        Where inputs are put first.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.BatchNorm1d(1, momentum=0.5)
    >>> wb.optim.swa_utils.update_bn([wb.tensor([[1.0], [3.0]]), wb.tensor([[3.0], [5.0]])], model)
    >>> model.running_mean.item(), model.momentum
    (3.0, 0.5)
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        return
    momenta, training = [norm.momentum for norm in norms], model.training
    try:
        model.train()
        for norm in norms:
            _forget(norm)
            norm.momentum = None
        with no_grad():
            for batch in loader:
                x = batch[0] if isinstance(batch, (list, tuple)) else batch
                model(x if device is None else x.to(device))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(training)


def _forget(norm: Any) -> None:
    with no_grad():
        norm.running_mean.zero_()
        norm.running_var.fill_(1)
        norm.num_batches_tracked.zero_()

"""Stochastic gradient descent."""
from __future__ import annotations

from typing import Any, Unpack

from ..core.errors import ArgumentError
from .base import Common, Optimizer, Params, array_like


class SGD(Optimizer):
    """``b = momentum b + (1 - dampening) g``; ``p = p - lr b``, or with Nesterov ``p = p - lr (g + momentum b)``
    (Robbins and Monro 1951; Polyak 1964).

    Parameters
    ----------
    params : iterable
    lr : float
        Learning rate.
    momentum : float
    dampening : float
        What share of a new gradient is left out of the momentum.
    weight_decay : float
        Adds ``weight_decay p`` to the gradient.
    nesterov : bool
        Needs a momentum and no dampening (Sutskever et al. 2013).
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.SGD([p], lr=0.5).step(); p.tolist()
    [0.5]
    """

    def __init__(self, params: Params, lr: float = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: float = 0,
                 nesterov: bool = False, **common: Unpack[Common]) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError(f"SGD: nesterov needs momentum > 0 and dampening 0, got momentum={momentum}, dampening={dampening}")
        super().__init__(params, dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
                                      nesterov=nesterov), **common)

    def rows_only(self, group: dict[str, Any]) -> bool:
        """On rows alone where those with a gradient of zero stay as they are."""
        return not (group["momentum"] or group["weight_decay"])

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        momentum = group["momentum"]
        if group["weight_decay"]:
            grad = grad + parameter * group["weight_decay"]
        if momentum:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                state["momentum_buffer"] = buffer = array_like(parameter, grad)
            else:
                buffer *= momentum
                buffer += grad * (1 - group["dampening"])
            grad = grad + buffer * momentum if group["nesterov"] else buffer
        parameter -= grad * group["lr"]

"""Adam and its form with decoupled weight decay."""
from __future__ import annotations

from typing import Any, Unpack

from .base import Common, Optimizer, Params, array_like, begin


class Adam(Optimizer):
    """Steps of about the same size for every number (Kingma and Ba 2014).

    ``m = b1 m + (1 - b1) g``; ``v = b2 v + (1 - b2) g^2``;
    ``p = p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)``.

    Parameters
    ----------
    params : iterable
    lr : float
    betas : pair of float
        How much of the running means of gradient and squared gradient is kept.
    eps : float
    weight_decay : float
        Adds ``weight_decay p`` to the gradient.
    amsgrad : bool
        Divide by the largest v so far (Reddi et al. 2018).
    decoupled_weight_decay : bool
        Shrink the weights directly instead, as `AdamW` does.
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.Adam([p], lr=0.5).step(); p.tolist()
    [0.5]
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, amsgrad: bool = False, *, decoupled_weight_decay: bool = False, **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad,
                                      decoupled_weight_decay=decoupled_weight_decay), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter; the scratch array saves allocations."""
        (beta1, beta2), decay, lr = group["betas"], group["weight_decay"], group["lr"]
        if not state:
            begin(state, parameter, "exp_avg", "exp_avg_sq")
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = array_like(parameter, 0)
        state["step"] = step = state["step"] + 1
        if decay and group["decoupled_weight_decay"]:
            parameter *= 1 - lr * decay
        elif decay:
            grad = grad + parameter * decay
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean *= beta1
        scratch = grad * (1 - beta1)
        mean += scratch
        square *= beta2
        scratch = grad * grad
        scratch *= 1 - beta2
        square += scratch
        if group["amsgrad"]:
            square = state["max_exp_avg_sq"]
            square[...] = square.clip(min=state["exp_avg_sq"])
        scratch = square ** 0.5
        scratch *= (1 - beta2**step) ** -0.5
        scratch += group["eps"]
        delta = mean / scratch
        delta *= lr / (1 - beta1**step)
        parameter -= delta


class AdamW(Adam):
    """`Adam` whose weight decay shrinks the weights directly (Loshchilov and Hutter 2017): ``p = p (1 - lr weight_decay)``.

    Parameters
    ----------
    weight_decay : float
        Shrinks the weights directly, by ``lr weight_decay`` at each step.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.zeros(1)
    >>> wb.optim.AdamW([p], lr=0.5, weight_decay=0.5).step(); p.tolist()
    [0.75]
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 1e-2, amsgrad: bool = False, **common: Unpack[Common]) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True, **common)

"""Step sizes from the history of squared gradients: Adagrad, Adadelta, RMSprop and the relatives of Adam."""
from __future__ import annotations

from typing import Any, Unpack

from .. import ops
from .base import Common, Optimizer, Params, array_like, begin, decayed, moments


class Adagrad(Optimizer):
    """``s = s + g^2``; ``p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)`` (Duchi et al. 2011).

    Parameters
    ----------
    params : iterable
    lr : float
    lr_decay : float
        How fast the rate falls.
    weight_decay : float
        Adds ``weight_decay p`` to the gradient.
    initial_accumulator_value : float
        Where s begins.
    eps : float
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.Adagrad([p], lr=0.5).step(); p.tolist()
    [0.5]
    """

    def __init__(self, params: Params, lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0, initial_accumulator_value: float = 0,
                 eps: float = 1e-10, **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay,
                                      initial_accumulator_value=initial_accumulator_value), **common)

    def rows_only(self, group: dict[str, Any]) -> bool:
        """On rows alone where those with a gradient of zero stay as they are."""
        return not group["weight_decay"]

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        if not state:
            state.update(step=0, sum=array_like(parameter, group["initial_accumulator_value"]))
        state["step"] = step = state["step"] + 1
        grad = decayed(grad, parameter, group)
        total = state["sum"]
        total += grad * grad
        parameter -= grad / (total ** 0.5 + group["eps"]) * (group["lr"] / (1 + (step - 1) * group["lr_decay"]))


class Adadelta(Optimizer):
    """Steps in units of the parameter itself (Zeiler 2012): ``d = g sqrt(a + eps) / sqrt(s + eps)``, with running means s of g^2 and a of d^2.

    Parameters
    ----------
    params : iterable
    lr : float
        Scales d.
    rho : float
        How much of the running means is kept.
    eps, weight_decay : float
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.Adadelta([p]).step(); round(p.item(), 4)
    0.9968
    """

    def __init__(self, params: Params, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
                 **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        begin(state, parameter, "square_avg", "acc_delta")
        state["step"] = state["step"] + 1
        rho, eps, grad = group["rho"], group["eps"], decayed(grad, parameter, group)
        square, moved = state["square_avg"], state["acc_delta"]
        square *= rho
        square += grad * grad * (1 - rho)
        delta = (moved + eps) ** 0.5 / (square + eps) ** 0.5 * grad
        moved *= rho
        moved += delta * delta * (1 - rho)
        parameter -= delta * group["lr"]


class RMSprop(Optimizer):
    """``s = alpha s + (1 - alpha) g^2``; ``p = p - lr g / (sqrt(s) + eps)`` (Hinton 2012), optionally centred and with momentum.

    Parameters
    ----------
    params : iterable
    lr : float
    alpha : float
        How much of the running mean is kept.
    eps, weight_decay, momentum : float
    centered : bool
        Divide by the standard deviation instead: the running mean of g is taken off (Graves 2013).
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.RMSprop([p], lr=0.01).step(); round(p.item(), 4)
    0.9
    """

    def __init__(self, params: Params, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0, momentum: float = 0,
                 centered: bool = False, **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered, weight_decay=weight_decay), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        if not state:
            state.update(step=0, square_avg=array_like(parameter, 0))
            if group["momentum"]:
                state["momentum_buffer"] = array_like(parameter, 0)
            if group["centered"]:
                state["grad_avg"] = array_like(parameter, 0)
        state["step"] = state["step"] + 1
        alpha, grad, square = group["alpha"], decayed(grad, parameter, group), state["square_avg"]
        square *= alpha
        square += grad * grad * (1 - alpha)
        spread = square
        if group["centered"]:
            mean = state["grad_avg"]
            mean += (grad - mean) * (1 - alpha)
            spread = ops.maximum(square - mean * mean, 0)  # of a steady gradient it is rounding, and may be below 0
        grad = grad / (spread ** 0.5 + group["eps"])
        if group["momentum"]:
            buffer = state["momentum_buffer"]
            buffer *= group["momentum"]
            buffer += grad
            grad = buffer
        parameter -= grad * group["lr"]


class Adamax(Optimizer):
    """Adam with the largest gradient so far in place of the mean square (Kingma and Ba 2014): ``u = max(b2 u, |g| + eps)``.

    Parameters
    ----------
    params : iterable
    lr : float
    betas : pair of float
    eps, weight_decay : float
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.Adamax([p], lr=0.5).step(); round(p.item(), 4)
    0.5
    """

    def __init__(self, params: Params, lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        begin(state, parameter, "exp_avg", "exp_inf")
        state["step"] = step = state["step"] + 1
        (beta1, beta2), grad = group["betas"], decayed(grad, parameter, group)
        mean, largest = state["exp_avg"], state["exp_inf"]
        mean += (grad - mean) * (1 - beta1)
        largest[...] = ops.maximum(largest * beta2, ops.abs(grad) + group["eps"])
        parameter -= mean / largest * (group["lr"] / (1 - beta1**step))


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, which grows over time (Dozat 2016).

    ``p = p - lr ((1 - u_t) g / (1 - u_1 ... u_t) + u_{t+1} m / (1 - u_1 ... u_{t+1})) / (sqrt(v / (1 - b2^t)) + eps)``
    with Adam's m and v, and ``u_t = b1 (1 - 0.96^(t momentum_decay) / 2)``.

    Parameters
    ----------
    params : iterable
    lr : float
    betas : pair of float
    eps, weight_decay : float
    momentum_decay : float
        How fast the momentum reaches its limit.
    decoupled_weight_decay : bool
        Shrink the weights directly, as AdamW does.
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.NAdam([p], lr=0.1).step(); p.item() < 1
    True
    """

    def __init__(self, params: Params, lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
                                      decoupled_weight_decay=decoupled_weight_decay), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        begin(state, parameter, "exp_avg", "exp_avg_sq")
        state.setdefault("mu_product", 1.0)
        state["step"] = step = state["step"] + 1
        (beta1, beta2), lr, grad = group["betas"], group["lr"], decayed(grad, parameter, group)
        momentum = beta1 * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        following = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * group["momentum_decay"]))
        state["mu_product"] = product = state["mu_product"] * momentum
        mean, square = moments(grad, state, group["betas"])
        denominator = square ** 0.5 * (1 - beta2**step) ** -0.5 + group["eps"]
        parameter -= grad / denominator * (lr * (1 - momentum) / (1 - product)) + mean / denominator * (lr * following / (1 - product * following))


class RAdam(Optimizer):
    """Adam whose first steps, while the mean square is uncertain, are those of momentum alone (Liu et al. 2019).

    ``p = p - lr r m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)`` with Adam's m and v, and a factor r that grows to 1;
    at first without the divisor and r.

    Parameters
    ----------
    params : iterable
    lr : float
    betas : pair of float
    eps, weight_decay : float
    decoupled_weight_decay : bool
        Shrink the weights directly, as AdamW does.
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.RAdam([p], lr=0.5).step(); p.tolist()
    [0.5]
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 decoupled_weight_decay: bool = False, **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
                                      decoupled_weight_decay=decoupled_weight_decay), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        begin(state, parameter, "exp_avg", "exp_avg_sq")
        state["step"] = step = state["step"] + 1
        (beta1, beta2), grad = group["betas"], decayed(grad, parameter, group)
        mean, square = moments(grad, state, group["betas"])
        limit, left = 2 / (1 - beta2) - 1, 1 - beta2**step
        length = limit - 2 * step * beta2**step / left
        certain = length > 5  # before that the variance of the step has no bound
        safe = length * certain + 6 * (1 - certain)
        rectified = ((safe - 4) * (safe - 2) * limit / ((limit - 4) * (limit - 2) * safe) * left) ** 0.5
        scale = (rectified / (square ** 0.5 + group["eps"])) * certain + (1 - certain)
        parameter -= mean * scale * (group["lr"] / (1 - beta1**step))


class AdaBelief(Optimizer):
    """Adam that divides by how far gradients are from their running mean (Zhuang et al. 2020): ``s = b2 s + (1 - b2) (g - m)^2 + eps``.

    Parameters
    ----------
    params : iterable
    lr : float
    betas : pair of float
    eps, weight_decay : float
        The decay is decoupled, as in AdamW.
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.AdaBelief([p], lr=0.1).step(); p.item() < 1
    True
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-16, weight_decay: float = 0,
                 **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, decoupled_weight_decay=True), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        begin(state, parameter, "exp_avg", "exp_avg_var")
        state["step"] = step = state["step"] + 1
        (beta1, beta2), eps, grad = group["betas"], group["eps"], decayed(grad, parameter, group)
        mean, spread = state["exp_avg"], state["exp_avg_var"]
        mean += (grad - mean) * (1 - beta1)
        spread *= beta2
        spread += (grad - mean) * (grad - mean) * (1 - beta2) + eps
        parameter -= mean / (spread ** 0.5 * (1 - beta2**step) ** -0.5 + eps) * (group["lr"] / (1 - beta1**step))

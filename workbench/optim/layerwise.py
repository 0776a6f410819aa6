"""Steps in proportion to each layer's size: LARS and LAMB for large batches, Adafactor with little memory, Muon on whole matrices."""
from __future__ import annotations

import math
from typing import Any, Unpack

from .. import ops
from ..backend import dtypes
from ..core.errors import ArgumentError
from .base import Common, Optimizer, Params, array_like, begin, decayed, moments


def _trust(parameter: Any, update: Any) -> Any:
    """The norm of the weights over that of the update; 1 where either is 0."""
    weights, steps = ops.norm(parameter), ops.norm(update)
    sound = (weights > 0) * (steps > 0)
    return weights / (steps + (steps == 0)) * sound + (1 - sound)


class LARS(Optimizer):
    """SGD with momentum whose rate is scaled layer by layer: ``lr trust |p| / (|g| + weight_decay |p|)`` (You et al. 2017).

    Parameters
    ----------
    params : iterable
    lr, momentum, weight_decay : float
    trust_coefficient : float
        How long a step may be, as a share of the norm of the weights.
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1) * 100
    >>> wb.optim.LARS([p], lr=1.0, trust_coefficient=0.25).step(); p.tolist()
    [0.75]
    """

    def __init__(self, params: Params, lr: float = 1e-1, momentum: float = 0.9, weight_decay: float = 0, trust_coefficient: float = 1e-3,
                 **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay, trust_coefficient=trust_coefficient), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        if not state:
            state.update(momentum_buffer=array_like(parameter, 0))
        weights, steps = ops.norm(parameter), ops.norm(grad)
        sound = (weights > 0) * (steps > 0)
        rate = group["trust_coefficient"] * weights / (steps + group["weight_decay"] * weights + (1 - sound)) * sound + (1 - sound)
        buffer = state["momentum_buffer"]
        buffer *= group["momentum"]
        buffer += decayed(grad, parameter, group) * (rate * group["lr"])
        parameter -= buffer


class LAMB(Optimizer):
    """Adam's step for each layer, scaled to the size of its weights (You et al. 2019).

    ``u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + weight_decay p``; ``p = p - lr (|p| / |u|) u`` with Adam's m
    and v.

    Parameters
    ----------
    params : iterable
    lr : float
    betas : pair of float
    eps, weight_decay : float
        The decay takes part in the step that is scaled.
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.LAMB([p], lr=0.25).step(); round(p.item(), 4)
    0.75
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-6, weight_decay: float = 0,
                 **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        begin(state, parameter, "exp_avg", "exp_avg_sq")
        state["step"] = step = state["step"] + 1
        (beta1, beta2), (mean, square) = group["betas"], moments(grad, state, group["betas"])
        update = mean / (1 - beta1**step) / ((square / (1 - beta2**step)) ** 0.5 + group["eps"]) + parameter * group["weight_decay"]
        parameter -= update * (_trust(parameter, update) * group["lr"])


class Adafactor(Optimizer):
    """Adam without a mean and with the mean square of a matrix kept as one row and one column (Shazeer and Stern 2018).

    ``v = R C / mean(R)`` of running means R and C of the rows and columns of g^2; ``u = g / sqrt(v)``,
    ``p = p - min(lr, 1 / sqrt(t)) rms(p) u / max(1, rms(u) / d)``.

    Parameters
    ----------
    params : iterable
    lr : float
        The largest relative step.
    beta2_decay : float
        The mean square forgets with ``t ** beta2_decay``.
    eps : pair of (float or None, float)
        Added to squares (None: the dtype's precision), and the smallest size of a parameter.
    d : float
        Updates with a larger root mean square are scaled down to it.
    weight_decay : float
        Decoupled.
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(2, 2)); p.grad = wb.ones(2, 2)
    >>> wb.optim.Adafactor([p], lr=0.25).step(); round(p[0, 0].item(), 4)
    0.75
    """

    takes_complex = False

    def __init__(self, params: Params, lr: float = 1e-2, beta2_decay: float = -0.8, eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0,
                 weight_decay: float = 0, **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay,
                                      decoupled_weight_decay=True), **common)

    def check(self, group: dict[str, Any]) -> None:
        """Raise if a setting is out of range."""
        super().check(group)
        if group["d"] < 1 or group["beta2_decay"] > 0:
            raise ArgumentError(f"Adafactor: d={group['d']}, beta2_decay={group['beta2_decay']}; expected at least 1, and at most 0")

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        matrix = len(parameter.shape) > 1
        if not state:
            state.update(step=0)
            if matrix:
                state.update(row_var=array_like(parameter[..., :1], 0), col_var=array_like(parameter[..., :1, :], 0))
            else:
                state.update(variance=array_like(parameter, 0))
        state["step"] = step = state["step"] + 1
        small = group["eps"][0] or float(dtypes.finfo(parameter.dtype).eps)
        fresh, lr = step ** group["beta2_decay"], group["lr"]
        patience = step ** -0.5
        rate = lr * (lr <= patience) + patience * (lr > patience)
        size = math.prod(parameter.shape) ** 0.5
        scale = ops.maximum(ops.norm(parameter) / size, group["eps"][1]) * rate
        decayed(grad, parameter, group)
        square = grad * grad
        if matrix:
            rows, columns = state["row_var"], state["col_var"]
            rows += (ops.mean(square, axis=-1, keepdims=True) - rows) * fresh
            columns += (ops.mean(square, axis=-2, keepdims=True) - columns) * fresh
            variance = ops.matmul(rows, columns) / ops.clip(ops.mean(rows, axis=-2, keepdims=True), small)
        else:
            variance = state["variance"]
            variance += (square - variance) * fresh
        update = grad * ops.clip(variance, small * small) ** -0.5
        parameter -= update * (scale / ops.maximum(ops.norm(update) / (size * group["d"]), 1.0))


class Muon(Optimizer):
    """Momentum whose matrices are made orthogonal by a few Newton-Schulz steps (Jordan et al. 2024). For matrices only.

    ``b = momentum b + (1 - momentum) g``; ``p = p - lr size orthogonal(b)``, or with Nesterov of
    ``momentum b + (1 - momentum) g``.

    Parameters
    ----------
    params : iterable
        Tensors with two axes; give the others to another optimizer.
    lr, weight_decay, momentum : float
        The decay is decoupled.
    nesterov : bool
        Look one step of momentum ahead.
    ns_coefficients : triple of float
        Of the quintic ``a X + b X X' X + c (X X')^2 X``.
    eps : float
        Norms count as at least this.
    ns_steps : int
        How many Newton-Schulz steps.
    adjust_lr_fn : {None, "original", "match_rms_adamw"}
        Matrices take steps of ``lr max(1, rows / columns)^0.5`` (the first two), or ``lr 0.2 max(rows, columns)^0.5``, which is
        of the size of AdamW's (Liu et al. 2025).
    common
        Settings that all have: see `Optimizer`.

    Raises
    ------
    ArgumentError
        If a parameter is not a matrix.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.eye(2)); p.grad = wb.eye(2) * 100
    >>> wb.optim.Muon([p], lr=0.1, weight_decay=0.0).step(); 0.8 < p[0, 0].item() < 0.95
    True
    """

    takes_complex = False

    def __init__(self, params: Params, lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
                 ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315), eps: float = 1e-7, ns_steps: int = 5,
                 adjust_lr_fn: str | None = None, **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov, ns_coefficients=ns_coefficients, eps=eps,
                                      ns_steps=ns_steps, adjust_lr_fn=adjust_lr_fn, decoupled_weight_decay=True), **common)

    def check(self, group: dict[str, Any]) -> None:
        """Raise if a setting is out of range, or a parameter is no matrix."""
        super().check(group)
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ArgumentError(f"Muon: adjust_lr_fn={group['adjust_lr_fn']!r}; expected 'original' or 'match_rms_adamw'")
        for parameter in group["params"]:
            if len(parameter.shape) != 2:
                raise ArgumentError(f"Muon: a parameter of shape {tuple(parameter.shape)} is no matrix; give it to AdamW or another optimizer")

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        if not state:
            state.update(momentum_buffer=array_like(parameter, 0))
        buffer, momentum = state["momentum_buffer"], group["momentum"]
        buffer += (grad - buffer) * (1 - momentum)
        update = grad + (buffer - grad) * momentum if group["nesterov"] else buffer
        decayed(grad, parameter, group)
        rows, columns = parameter.shape
        size = 0.2 * max(rows, columns) ** 0.5 if group["adjust_lr_fn"] == "match_rms_adamw" else max(1.0, rows / columns) ** 0.5
        parameter -= orthogonalized(update, group) * (group["lr"] * size)


def orthogonalized(matrix: Any, group: dict[str, Any]) -> Any:
    """Nearly the orthogonal matrix closest to `matrix`: its singular values are pushed towards one."""
    a, b, c = group["ns_coefficients"]
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix, -2, -1) if tall else matrix
    x = x / ops.maximum(ops.norm(x), group["eps"])
    for _ in range(group["ns_steps"]):
        product = ops.matmul(x, ops.transpose(x, -2, -1))
        x = x * a + ops.matmul(product * b + ops.matmul(product, product) * c, x)
    return ops.transpose(x, -2, -1) if tall else x

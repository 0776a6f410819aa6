"""Limits on gradients before a step: by value, by norm, layer by layer, in proportion to the weights; and noise."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import ops
from ..core import Tensor, mutate, no_grad
from ..core.errors import ArgumentError, GraphError
from ..core.state import STATE
from . import many

Tensors = Tensor | Iterable[Tensor]


def _grads(parameters: Tensors) -> list[Tensor]:
    return [p.grad for p in ([parameters] if isinstance(parameters, Tensor) else parameters) if p.grad is not None]


def get_total_norm(tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None) -> Tensor:
    """The norm of all tensors as if they were one vector.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
        Gradients, for example.
    norm_type : float
        ``inf`` for the largest entry.
    error_if_nonfinite : bool
        Raise a GraphError if it is infinite or NaN.
    foreach : bool, optional
        Taken for PyTorch's sake.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.optim.get_total_norm([wb.tensor([3.0]), wb.tensor([4.0])]).item()
    5.0
    """
    held = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not held:
        return ops.zeros(())
    squares = many.sums_of_squares(held) if norm_type == 2 else None
    with no_grad():
        if squares is None:
            total = ops.norm(ops.stack([ops.norm(g, norm_type) for g in held]), norm_type)
        else:
            total = Tensor(np.asarray(np.sqrt(squares.sum()), held[0].dtype))
    if error_if_nonfinite and STATE.trace is None and not bool(ops.isfinite(total)):
        raise GraphError(f"the norm of the gradients is {total.item()}, so they cannot be clipped; optim.check_gradients(model) says where it comes from")
    return total


def clip_grads_with_norm_(parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None) -> None:
    """Scale all gradients by ``min(1, max_norm / total_norm)``, with a norm that is known already.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.zeros(2)); p.grad = wb.tensor([3.0, 4.0])
    >>> wb.optim.clip_grads_with_norm_([p], 1.0, wb.tensor(5.0)); [round(x, 4) for x in p.grad.tolist()]
    [0.6, 0.8]
    """
    grads = _grads(parameters)
    with no_grad():
        scale = ops.clip(max_norm / (total_norm + 1e-6), max=1.0)
        if STATE.trace is not None or not scale.item() == 1.0 and not many.scale(grads, scale.item()):  # also where it is NaN
            for g in grads:
                g.mul_(scale)


def clip_grad_norm_(parameters: Tensors, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
                    foreach: bool | None = None) -> Tensor:
    """Scale all gradients together so that their joint norm is at most `max_norm`; returns the norm before.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are left out.
    max_norm, norm_type : float
    error_if_nonfinite : bool
        Raise a GraphError, before anything is scaled, if the norm is infinite or NaN.
    foreach : bool, optional
        Taken for PyTorch's sake.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.zeros(2)); p.grad = wb.tensor([3.0, 4.0])
    >>> wb.optim.clip_grad_norm_([p], 1.0).item()
    5.0
    """
    held = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total = get_total_norm(_grads(held), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(held, max_norm, total, foreach)
    return total


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every number of the gradients to ``-clip_value`` .. ``clip_value``.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.zeros(2)); p.grad = wb.tensor([3.0, -4.0])
    >>> wb.optim.clip_grad_value_([p], 1.0); p.grad.tolist()
    [1.0, -1.0]
    """
    for g in _grads(parameters):
        mutate.write(g, ops.clip(g, -clip_value, clip_value), "clip_grad_value_")


def clip_grad_norm_per_layer_(model: Any, max_norm: float, norm_type: float = 2.0) -> dict[str, Tensor]:
    """`clip_grad_norm_` for each layer by itself, so that one with large gradients does not silence the others.

    Parameters
    ----------
    model : Module
        A layer is a module with parameters of its own: its weight and its bias are clipped together.
    max_norm, norm_type : float

    Returns
    -------
    dict
        From the names of layers to their norms before.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(1, 1, bias=False), wb.nn.Linear(1, 1, bias=False))
    >>> model[0].weight.grad, model[1].weight.grad = wb.tensor([[10.0]]), wb.tensor([[0.5]])
    >>> norms = wb.optim.clip_grad_norm_per_layer_(model, 1.0)
    >>> {name: norm.item() for name, norm in norms.items()}, round(model[0].weight.grad.item(), 4), model[1].weight.grad.item()
    ({'0': 10.0, '1': 0.5}, 1.0, 0.5)
    """
    layers = {name: [p for p in module.parameters(recurse=False) if p.grad is not None] for name, module in model.named_modules()}
    return {name: clip_grad_norm_(held, max_norm, norm_type) for name, held in layers.items() if held}


def adaptive_clip_grad_(parameters: Tensors, clip_factor: float = 0.01, eps: float = 1e-3, norm_type: float = 2.0) -> None:
    """Limit the gradient of each unit to `clip_factor` times the norm of its weights (AGC, Brock et al. 2021).

    A unit is a row of a matrix or a filter of a convolution; a parameter with one axis is one unit. Leave the last layer out,
    as the paper does.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    clip_factor : float
    eps : float
        The least norm that weights count as.
    norm_type : float

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.tensor([[3.0, 4.0], [3.0, 4.0]])); p.grad = wb.tensor([[30.0, 40.0], [0.3, 0.4]])
    >>> wb.optim.adaptive_clip_grad_([p], clip_factor=0.1); [[round(x, 4) for x in row] for row in p.grad.tolist()]
    [[0.3, 0.4], [0.3, 0.4]]
    """
    with no_grad():
        for p in [parameters] if isinstance(parameters, Tensor) else parameters:
            if p.grad is None:
                continue
            most = ops.maximum(_by_unit(p.detach(), norm_type), eps) * clip_factor
            size = _by_unit(p.grad, norm_type)
            mutate.write(p.grad, ops.where(size > most, p.grad * (most / ops.maximum(size, 1e-6)), p.grad), "adaptive_clip_grad_")


def _by_unit(x: Tensor, norm_type: float) -> Tensor:
    """Norms over all axes but the first, or over the only one; shaped to broadcast."""
    if x.ndim <= 1:
        return ops.norm(x, norm_type)
    return ops.norm(x.reshape(x.shape[0], -1), norm_type, axis=1).reshape(-1, *[1] * (x.ndim - 1))


def add_gradient_noise_(parameters: Tensors, step: int | Tensor, eta: float = 0.3, gamma: float = 0.55) -> None:
    """Add normal noise of variance ``eta / (1 + step)^gamma`` to the gradients (Neelakantan et al. 2015).

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    step : int or Tensor
        How many steps were taken; inside jit a tensor, for a number would stay the same for ever.
    eta, gamma : float
        The paper takes eta from 0.01, 0.3 and 1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.manual_seed(0)
    >>> p = wb.nn.Parameter(wb.zeros(1000)); p.grad = wb.zeros(1000)
    >>> wb.optim.add_gradient_noise_([p], step=0, eta=0.25)
    >>> 0.45 < p.grad.std().item() < 0.55
    True
    """
    if eta < 0 or gamma < 0:
        raise ArgumentError(f"add_gradient_noise_: eta={eta}, gamma={gamma}; expected 0 or more")
    with no_grad():
        deviation = (eta / (1 + step) ** gamma) ** 0.5
        for g in _grads(parameters):
            g.add_(ops.randn(*g.shape, dtype=g.dtype, device=g.device) * deviation)

"""Limits on gradients before a step."""
from __future__ import annotations

from collections.abc import Iterable

from .. import ops
from ..core import Tensor, mutate, no_grad
from ..core.errors import GraphError
from ..core.state import STATE


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
                    error_if_nonfinite: bool = False) -> Tensor:
    """Scale all gradients together so that their joint norm is at most `max_norm`; returns the norm before.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.zeros(2)); p.grad = wb.tensor([3.0, 4.0])
    >>> wb.optim.clip_grad_norm_([p], 1.0).item()
    5.0
    """
    grads = [p.grad for p in ([parameters] if isinstance(parameters, Tensor) else parameters) if p.grad is not None]
    if not grads:
        return ops.zeros(())
    with no_grad():
        total = ops.norm(ops.stack([ops.norm(g, norm_type) for g in grads]), norm_type)
        if STATE.trace is not None:
            scale = ops.clip(max_norm / (total + 1e-6), max=1.0)
            for g in grads:
                g.mul_(scale)
            return total
        if error_if_nonfinite and not bool(ops.isfinite(total)):
            raise GraphError(f"clip_grad_norm_: the norm of the gradients is {total.item()}; look for the layer with wb.show.gradients")
        scale = min(max_norm / (total.item() + 1e-6), 1.0)
        if scale < 1.0:
            for g in grads:
                g.mul_(scale)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every number of the gradients to ``-clip_value`` .. ``clip_value``.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.zeros(2)); p.grad = wb.tensor([3.0, -4.0])
    >>> wb.optim.clip_grad_value_([p], 1.0); p.grad.tolist()
    [1.0, -1.0]
    """
    for parameter in [parameters] if isinstance(parameters, Tensor) else parameters:
        if parameter.grad is not None:
            mutate.write(parameter.grad, ops.clip(parameter.grad, -clip_value, clip_value), "clip_grad_value_")

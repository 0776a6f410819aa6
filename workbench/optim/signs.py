"""Steps that look at the sign of gradients more than at their size: Rprop, Lion; and averaged SGD."""
from __future__ import annotations

from typing import Any, Unpack

from .. import ops
from ..core.errors import ArgumentError
from .base import Common, Optimizer, Params, array_like, decayed


class Rprop(Optimizer):
    """A step size per number that grows while the sign of its gradient stays, and shrinks when it turns (Riedmiller and Braun 1993).

    ``size = size eta`` with eta 1.2 where the sign is that of the last gradient and 0.5 where it is not (`etas`);
    ``p = p - sign(g) size``, with no step after a turn.

    Parameters
    ----------
    params : iterable
    lr : float
        The first step size.
    etas : pair of float
        Factors after a turn and after none.
    step_sizes : pair of float
        The smallest and the largest step.
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1) * 100
    >>> wb.optim.Rprop([p], lr=0.25).step(); p.tolist()
    [0.75]
    """

    def __init__(self, params: Params, lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2), step_sizes: tuple[float, float] = (1e-6, 50),
                 **common: Unpack[Common]) -> None:
        if not 0 < etas[0] < 1 < etas[1]:
            raise ArgumentError(f"Rprop: etas={etas}; expected one number below 1 and one above")
        super().__init__(params, dict(lr=lr, etas=etas, step_sizes=step_sizes), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        if not state:
            state.update(step=0, prev=array_like(parameter, 0), step_size=array_like(parameter, group["lr"]))
        state["step"] = state["step"] + 1
        (shrink, grow), (smallest, largest) = group["etas"], group["step_sizes"]
        previous, size = state["prev"], state["step_size"]
        same = ops.sign(previous * grad)
        changed = size + (same > 0) * size * (grow - 1) + (same < 0) * size * (shrink - 1)
        size[...] = ops.minimum(ops.maximum(changed, smallest), largest)
        grad = grad * (same >= 0)
        parameter -= ops.sign(grad) * size
        previous[...] = grad


class Lion(Optimizer):
    """``p = p - lr sign(b1 m + (1 - b1) g)``, then ``m = b2 m + (1 - b2) g`` (Chen et al. 2023); weight decay is decoupled.

    Parameters
    ----------
    params : iterable
    lr : float
        About a tenth of Adam's.
    betas : pair of float
    weight_decay : float
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1) * 100
    >>> wb.optim.Lion([p], lr=0.25).step(); p.tolist()
    [0.75]
    """

    def __init__(self, params: Params, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0,
                 **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay, decoupled_weight_decay=True), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        if not state:
            state.update(exp_avg=array_like(parameter, 0))
        (beta1, beta2), mean = group["betas"], state["exp_avg"]
        decayed(grad, parameter, group)
        parameter -= ops.sign(mean * beta1 + grad * (1 - beta1)) * group["lr"]
        mean *= beta2
        mean += grad * (1 - beta2)


class ASGD(Optimizer):
    """SGD that also keeps the average of all parameters it went through, in ``state[p]["ax"]`` (Polyak and Juditsky 1992).

    ``p = p - lr_t (g + lambd p)``; ``ax = ax + (p - ax) / max(1, t - t0)``.

    Parameters
    ----------
    params : iterable
    lr, lambd, alpha : float
        The rate after t steps is ``lr / (1 + lambd lr t) ** alpha``.
    t0 : float
        The step at which averaging begins.
    weight_decay : float
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> wb.optim.ASGD([p], lr=0.5, lambd=0.0).step(); p.tolist()
    [0.5]
    """

    def __init__(self, params: Params, lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6, weight_decay: float = 0,
                 **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay), **common)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        if not state:
            state.update(step=0, eta=group["lr"], mu=1.0, ax=array_like(parameter, 0))
        state["step"] = step = state["step"] + 1
        lr, average, eta = group["lr"], state["ax"], state["eta"]
        grad = decayed(grad, parameter, group)
        parameter *= 1 - group["lambd"] * eta
        parameter -= grad * eta
        average += (parameter - average) * state["mu"]
        state["eta"] = lr / (1 + group["lambd"] * lr * step) ** group["alpha"]
        late = step - group["t0"]
        state["mu"] = 1 / (late * (late > 1) + (late <= 1))

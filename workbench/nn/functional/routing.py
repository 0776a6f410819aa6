"""Losses of a router that spreads tokens over experts."""
from __future__ import annotations

from ... import ops
from ...core import Tensor
from ...core.errors import DTypeError, ShapeError


def load_balancing_loss(probabilities: Tensor, experts: Tensor) -> Tensor:
    """``E sum over e of f_e P_e``: 1 when tokens and probabilities are spread evenly over E experts, more otherwise (Fedus et al. 2021).

    f_e is the share of the choices that fell on expert e, and P_e its mean probability, through which the gradient goes.

    Parameters
    ----------
    probabilities : Tensor, shape (tokens, E)
    experts : Tensor, shape (tokens, k)
        The experts that were chosen for each token.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.load_balancing_loss(wb.full((4, 2), 0.5), wb.tensor([[0], [1], [0], [1]])).item()
    1.0
    """
    if probabilities.ndim != 2 or experts.ndim != 2 or experts.shape[0] != probabilities.shape[0]:
        raise ShapeError(f"load_balancing_loss: probabilities of shape {tuple(probabilities.shape)} and experts of shape {tuple(experts.shape)}; expected "
                         "(tokens, E) and (tokens, k)")
    if experts.dtype.kind not in "iu":
        raise DTypeError(f"load_balancing_loss: experts of dtype {experts.dtype}; expected integers")
    count = probabilities.shape[1]
    share = ops.mean(ops.one_hot(experts.reshape(-1), count).to(probabilities.dtype), axis=0)
    return count * ops.sum(share * ops.mean(probabilities, axis=0))


def router_z_loss(logits: Tensor) -> Tensor:
    """The mean square of the logarithm of ``sum exp(logits)``: keeps the scores of a router small (Zoph et al. 2022).

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.router_z_loss(wb.zeros(3, 2)).item(), 4)
    0.4805
    """
    return ops.mean(ops.square(ops.logsumexp(logits, axis=-1)))

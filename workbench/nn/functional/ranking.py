"""Losses of learning to rank: the scores of a list of items against how relevant each is."""
from __future__ import annotations

from ... import ops
from ...core import Tensor
from ...core.errors import ShapeError
from .losses import reduced, same_shape


def _check_lists(what: str, input: Tensor, target: Tensor) -> None:
    same_shape(what, input, target)
    if input.ndim < 1:
        raise ShapeError(f"{what}: expected lists of scores (..., L), got a number")


@reduced
def pairwise_logistic_loss(input: Tensor, target: Tensor) -> Tensor:
    """``log(1 + exp(s_j - s_i))`` of all pairs whose target i is larger than j, averaged over the pairs of a list (Burges et al. 2005).

    Parameters
    ----------
    input : Tensor, shape (..., L)
        Scores.
    target : Tensor, shape (..., L)
        Relevance.
    weight : Tensor, optional
        Broadcasts to (...).
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.pairwise_logistic_loss(wb.zeros(3), wb.tensor([0.0, 1.0, 2.0])).item(), 4)
    0.6931
    """
    _check_lists("pairwise_logistic_loss", input, target)
    better = target.unsqueeze(-1) > target.unsqueeze(-2)
    losses = ops.where(better, ops.softplus(input.unsqueeze(-2) - input.unsqueeze(-1)), 0.0)
    return ops.sum(losses, axis=(-2, -1)) / ops.maximum(ops.sum(better.to(input.dtype), axis=(-2, -1)), 1.0)


@reduced
def listnet_loss(input: Tensor, target: Tensor) -> Tensor:
    """``-sum_i softmax(y)_i log(softmax(s)_i)`` of relevances y and scores s: who comes first (ListNet; Cao et al. 2007).

    Parameters as in `pairwise_logistic_loss`.

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.listnet_loss(wb.zeros(2), wb.zeros(2)).item(), 4)
    0.6931
    """
    _check_lists("listnet_loss", input, target)
    return -ops.sum(ops.softmax(target, axis=-1) * ops.log_softmax(input, axis=-1), axis=-1)


@reduced
def listmle_loss(input: Tensor, target: Tensor) -> Tensor:
    """``sum_i log(sum_{k >= i} exp(s_k)) - s_i`` with the items in order of relevance (ListMLE; Xia et al. 2008).

    It is minus the log-probability that drawing items by their scores gives that order; ties stay as they come. Parameters as
    in `pairwise_logistic_loss`.

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.listmle_loss(wb.zeros(3), wb.tensor([0.0, 1.0, 2.0])).item(), 4)
    1.7918
    """
    _check_lists("listmle_loss", input, target)
    order = ops.argsort(-ops.stop_gradient(target), axis=-1, stable=True)
    scores = ops.gather(input, -1, order)
    rest = ops.flip(ops.logcumsumexp(ops.flip(scores, (-1,)), -1), (-1,))
    return ops.sum(rest - scores, axis=-1)

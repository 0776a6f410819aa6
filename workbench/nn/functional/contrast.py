"""Losses of representations: vectors that belong together come near each other, others are pushed apart."""
from __future__ import annotations

from typing import Any

from ... import ops
from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError
from .losses import reduce_loss, reduced, same_shape, spelled
from .normalization import normalize


@reduced
def contrastive_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 1.0) -> Tensor:
    """``d ** 2 / 2`` of pairs that are alike, ``max(0, margin - d) ** 2 / 2`` of others, d their distance (Hadsell et al. 2006).

    Parameters
    ----------
    input1, input2 : Tensor, shape (N, D)
    target : Tensor, shape (N,)
        As in the paper: 0 for alike, 1 for different.
    margin : float
        How far apart different ones are to be.
    weight : Tensor, optional
        Broadcasts to (N,).
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> a, b = wb.zeros(2, 2), wb.tensor([[3.0, 4.0], [0.0, 0.5]])
    >>> wb.nn.functional.contrastive_loss(a, b, wb.tensor([0.0, 1.0]), reduction="none").tolist()
    [12.5, 0.125]
    """
    same_shape("contrastive_loss", input1, input2)
    if tuple(target.shape) != tuple(input1.shape[:-1]):
        raise ShapeError(f"contrastive_loss: pairs of shape {tuple(input1.shape)} need a target of shape {tuple(input1.shape[:-1])}, got {tuple(target.shape)}")
    distance = ops.norm(input1 - input2, 2, -1)
    return 0.5 * ((1 - target) * ops.square(distance) + target * ops.square(ops.relu(margin - distance)))


@reduced
def info_nce_loss(query: Tensor, key: Tensor, negatives: Tensor | None = None, temperature: float = 0.1) -> Tensor:
    """``-log(exp(q_i . k_i / t) / sum_j exp(q_i . k_j / t))`` of unit vectors: how well each query finds its key (van den Oord et al. 2018).

    q and k are `query` and `key` over their norms, t the temperature.

    Parameters
    ----------
    query, key : Tensor, shape (N, D)
        Row i of `key` belongs to row i of `query`.
    negatives : Tensor, shape (M, D), optional
        What each key stands against; the other keys by default.
    temperature : float
    weight : Tensor, optional
        Broadcasts to (N,).
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.info_nce_loss(wb.eye(2), wb.eye(2), temperature=1.0).item(), 4)
    0.3133
    """
    _check_vectors("info_nce_loss", query, key, temperature)
    query, key = normalize(query), normalize(key)
    if negatives is None:
        scores = query @ key.T / temperature
        return ops.logsumexp(scores, axis=1) - ops.linalg.diagonal(scores)
    if negatives.ndim != 2 or negatives.shape[1] != query.shape[1]:
        raise ShapeError(f"info_nce_loss: negatives of shape {tuple(negatives.shape)}; expected (M, {query.shape[1]})")
    right = ops.sum(query * key, axis=1, keepdims=True) / temperature
    scores = ops.concat([right, query @ normalize(negatives).T / temperature], axis=1)
    return ops.logsumexp(scores, axis=1) - right.squeeze(1)


@reduced
def nt_xent_loss(view1: Tensor, view2: Tensor, temperature: float = 0.5) -> Tensor:
    """``-log(exp(z_i . z_i' / t) / sum_{j != i} exp(z_i . z_j / t))`` of all 2 N views z over their norms (SimCLR; Chen et al. 2020).

    z_i' is the other view of the example of z_i, t the temperature: `info_nce_loss` both ways, among all views but itself.

    Parameters
    ----------
    view1, view2 : Tensor, shape (N, D)
    temperature : float
    weight : Tensor, optional
        Broadcasts to (2 N,), the losses of the first views and of the second.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.nt_xent_loss(wb.eye(2), wb.eye(2), temperature=1.0).item(), 4)
    0.5514
    """
    _check_vectors("nt_xent_loss", view1, view2, temperature)
    count = view1.shape[0]
    both = normalize(ops.concat([view1, view2]))
    scores = both @ both.T / temperature
    itself = ops.eye(2 * count, dtype="bool", device=scores.device)
    right = ops.concat([ops.linalg.diagonal(scores, offset=count), ops.linalg.diagonal(scores, offset=-count)])
    return ops.logsumexp(ops.where(itself, -float("inf"), scores), axis=1) - right


def _check_vectors(what: str, one: Tensor, other: Tensor, temperature: float) -> None:
    if one.ndim != 2 or tuple(one.shape) != tuple(other.shape):
        raise ShapeError(f"{what}: vectors of shape {tuple(one.shape)} and {tuple(other.shape)}; expected (N, D) and the same")
    if temperature <= 0:
        raise ArgumentError(f"{what}: temperature={temperature}; expected a positive number")


def triplet_mining_loss(input: Tensor, target: Tensor, margin: float = 0.2, mining: str = "hard", reduction: str = "mean") -> Tensor:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` of triplets found in a batch by its classes.

    Parameters
    ----------
    input : Tensor, shape (N, D)
        Vectors, compared by Euclidean distance.
    target : Tensor of integers, shape (N,)
        Their classes.
    margin : float
    mining : {"hard", "semihard", "all"}
        "hard": each anchor with its farthest positive and nearest negative (Hermans et al. 2017); losses (N,). "semihard": each
        pair of a class with the nearest negative that is farther apart than they are, else with the farthest negative (Schroff
        et al. 2015); losses (N, N). "all": all triplets; losses (N, N, N).
    reduction : {"mean", "sum", "none"}
        "mean" is over the triplets that there are; for "all" over those whose loss is not zero. The others have a loss of zero.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor([[0.0], [1.0], [3.0], [3.5]])
    >>> wb.nn.functional.triplet_mining_loss(x, wb.tensor([0, 0, 1, 1]), 2.0, reduction="none").tolist()
    [0.0, 1.0, 0.5, 0.0]
    """
    spelled(reduction)
    if input.ndim != 2 or tuple(target.shape) != (input.shape[0],):
        raise ShapeError(f"triplet_mining_loss: vectors of shape {tuple(input.shape)} and classes of shape {tuple(target.shape)}; expected (N, D) and (N,)")
    if mining not in _MINED:
        raise ArgumentError(f"triplet_mining_loss: mining={mining!r}; expected one of {', '.join(map(repr, _MINED))}")
    distance = ops.norm(input.unsqueeze(1) - input.unsqueeze(0), 2, -1)
    same = target.unsqueeze(1) == target.unsqueeze(0)
    itself = ops.eye(input.shape[0], dtype="bool", device=input.device)
    losses, counted = _MINED[mining](distance, same & ~itself, ~same, margin)
    losses = ops.where(counted, losses, 0.0)
    if reduction == "mean":
        number = ops.sum((counted & (losses > 0) if mining == "all" else counted).to(losses.dtype))
        return losses.sum() / ops.maximum(number, 1.0)
    return reduce_loss(losses, reduction)


def _hard(distance: Tensor, positive: Tensor, negative: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    farthest = _picked(distance, ops.argmax(ops.where(positive, distance, -1.0), axis=1))
    nearest = _picked(distance, ops.argmin(ops.where(negative, distance, float("inf")), axis=1))
    return ops.relu(farthest - nearest + margin), ops.any(positive, axis=1) & ops.any(negative, axis=1)


def _semihard(distance: Tensor, positive: Tensor, negative: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    apart = distance.unsqueeze(1)
    farther = negative.unsqueeze(1) & (apart > distance.unsqueeze(2))
    nearest = ops.argmin(ops.where(farther, apart, float("inf")), axis=2)
    farthest = ops.argmax(ops.where(negative, distance, -1.0), axis=1, keepdims=True)
    chosen = ops.gather(distance, 1, ops.where(ops.any(farther, axis=2), nearest, farthest))
    return ops.relu(distance - chosen + margin), positive & ops.any(negative, axis=1, keepdims=True)


def _all(distance: Tensor, positive: Tensor, negative: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    losses = ops.relu(distance.unsqueeze(2) - distance.unsqueeze(1) + margin)
    return losses, positive.unsqueeze(2) & negative.unsqueeze(1)


def _picked(distance: Any, index: Any) -> Tensor:
    return ops.gather(distance, 1, index.unsqueeze(1)).squeeze(1)


_MINED = {"hard": _hard, "semihard": _semihard, "all": _all}

"""Losses that want a margin: between scores of classes, between pairs and triplets of vectors, around a threshold."""
from __future__ import annotations

from collections.abc import Callable

from ... import ops
from ...core import Tensor
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...ops.fused import check_classes
from ...ops.resample import constant
from .losses import Old, reduce_loss, same_shape

pdist, pairwise_distance, cosine_similarity = ops.pdist, ops.pairwise_distance, ops.cosine_similarity


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, size_average: Old = None, reduce: Old = None,
                         reduction: str = "mean") -> Tensor:
    """x where the target is 1, ``max(0, margin - x)`` where it is -1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.hinge_embedding_loss(wb.tensor([0.5]), wb.tensor([-1])).item()
    0.5
    """
    near = ops.where(target != 1, ops.relu(margin - input), 0.0)
    return reduce_loss(near + ops.where(target != -1, input, 0.0), reduction, size_average, reduce)


def soft_margin_loss(input: Tensor, target: Tensor, size_average: Old = None, reduce: Old = None, reduction: str = "mean") -> Tensor:
    """``log(1 + exp(-y x))`` for targets of 1 and -1.

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.soft_margin_loss(wb.zeros(1), wb.ones(1)).item(), 4)
    0.6931
    """
    same_shape("soft_margin_loss", input, target)
    return reduce_loss(ops.softplus(-target * input), reduction, size_average, reduce)


def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, size_average: Old = None,
                        reduce: Old = None, reduction: str = "mean") -> Tensor:
    """``max(0, -y (x1 - x2) + margin)``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.margin_ranking_loss(wb.tensor([1.0]), wb.tensor([3.0]), wb.tensor([1])).item()
    2.0
    """
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(f"margin_ranking_loss: inputs of shape {tuple(input1.shape)} and {tuple(input2.shape)} and a target of shape "
                         f"{tuple(target.shape)}; expected as many axes in each")
    return reduce_loss(ops.relu(-target * (input1 - input2) + margin), reduction, size_average, reduce)


def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, size_average: Old = None,
                          reduce: Old = None, reduction: str = "mean") -> Tensor:
    """1 - cos where the target is 1, ``max(0, cos - margin)`` where it is -1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.cosine_embedding_loss(wb.tensor([[1.0, 0.0]]), wb.tensor([[0.0, 1.0]]), wb.tensor([1])).item()
    1.0
    """
    if input1.ndim not in (1, 2) or input1.ndim != input2.ndim or target.ndim != input1.ndim - 1:
        raise ShapeError(f"cosine_embedding_loss: inputs of shape {tuple(input1.shape)} and {tuple(input2.shape)} and a target of shape "
                         f"{tuple(target.shape)}; expected (N, D), (N, D) and (N,), or (D,), (D,) and ()")
    cosine = cosine_similarity(input1, input2, -1)
    losses = ops.where(target == 1, 1 - cosine, 0.0) + ops.where(target == -1, ops.relu(cosine - margin), 0.0)
    return reduce_loss(losses, reduction, size_average, reduce)


# Scores of classes -------------------------------------------------------------------------------------------------------
def multi_margin_loss(input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
                      size_average: Old = None, reduce: Old = None, reduction: str = "mean") -> Tensor:
    """``max(0, margin - x[y] + x[j]) ** p`` of every class j but the right one y, summed and divided by the number of classes.

    Parameters
    ----------
    input : Tensor, shape (N, C) or (C,)
        Scores.
    target : Tensor of int64, shape (N,) or ()
    p : int
        1 or 2.
    margin : float
    weight : Tensor, shape (C,), optional
        Factor of each right class.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.multi_margin_loss(wb.tensor([[1.0, 0.5]]), wb.tensor([0])).item()
    0.25
    """
    if p not in (1, 2):
        raise ArgumentError(f"multi_margin_loss: p={p}; expected 1 or 2")
    if input.ndim not in (1, 2) or not input.shape[-1]:
        raise ShapeError(f"multi_margin_loss: expected scores (N, C) or (C,), got {tuple(input.shape)}")
    if target.size != (input.shape[0] if input.ndim == 2 else 1) or target.ndim > 1:
        raise ShapeError(f"multi_margin_loss: scores of shape {tuple(input.shape)} need one class each, got a target of shape {tuple(target.shape)}")
    classes = input.shape[-1]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(f"multi_margin_loss: a weight of shape {tuple(weight.shape)} for {classes} classes")
    rows, labels = input.reshape(-1, classes), target.reshape(-1)
    check_classes("multi_margin_loss", labels, classes, -classes - 1)
    right = ops.gather(rows, 1, labels.unsqueeze(-1))
    terms = ops.relu(margin - right + rows)
    terms = ops.square(terms) if p == 2 else terms
    terms = terms if weight is None else terms * weight[labels].unsqueeze(-1)
    others = labels.unsqueeze(-1) != constant(range(classes), labels)
    losses = ops.where(others, terms, 0.0).sum(-1) / classes
    return reduce_loss(losses if input.ndim == 2 else losses.reshape(tuple(target.shape)), reduction, size_average, reduce)


def multilabel_margin_loss(input: Tensor, target: Tensor, size_average: Old = None, reduce: Old = None, reduction: str = "mean") -> Tensor:
    """``max(0, 1 - (x[y] - x[j]))`` of every right class y and every wrong one j, summed and divided by the number of classes.

    Parameters
    ----------
    input : Tensor, shape (N, C) or (C,)
        Scores.
    target : Tensor of int64, the shape of input
        The right classes in front; those behind the first -1 do not count.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.multilabel_margin_loss(wb.tensor([[1.0, 0.5]]), wb.tensor([[0, -1]])).item()
    0.25
    """
    if input.ndim not in (1, 2) or tuple(input.shape) != tuple(target.shape):
        raise ShapeError(f"multilabel_margin_loss: scores of shape {tuple(input.shape)} and a target of shape {tuple(target.shape)}; expected (N, C) or "
                         "(C,), and the same for both")
    if target.dtype.kind not in "iu":
        raise DTypeError(f"multilabel_margin_loss: a target of dtype {target.dtype}; expected int64")
    classes = input.shape[-1]
    rows, labels = input.reshape(-1, classes), target.reshape(-1, classes)
    check_classes("multilabel_margin_loss", labels, classes, -1)
    listed = ops.cumprod((labels >= 0).to("int64"), axis=1) > 0
    safe = ops.where(listed, labels, 0)
    hits = (safe.unsqueeze(-1) == constant(range(classes), labels)) & listed.unsqueeze(-1)
    wrong = ~ops.any(hits, axis=1)
    right = ops.gather(rows, 1, safe)
    terms = ops.relu(1 - right.unsqueeze(-1) + rows.unsqueeze(1))
    losses = ops.where(listed.unsqueeze(-1) & wrong.unsqueeze(1), terms, 0.0).sum((1, 2)) / classes
    return reduce_loss(losses if input.ndim == 2 else losses.reshape(()), reduction, size_average, reduce)


def multilabel_soft_margin_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Old = None,
                                reduce: Old = None, reduction: str = "mean") -> Tensor:
    """Cross-entropy of the sigmoid of every class score (..., C) against 0 or 1, averaged over the classes.

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.multilabel_soft_margin_loss(wb.zeros(1, 2), wb.ones(1, 2)).item(), 4)
    0.6931
    """
    same_shape("multilabel_soft_margin_loss", input, target)
    terms = -(target * ops.log_sigmoid(input) + (1 - target) * ops.log_sigmoid(-input))
    return reduce_loss((terms if weight is None else terms * weight).mean(-1), reduction, size_average, reduce)


# Triplets ----------------------------------------------------------------------------------------------------------------
def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
                        swap: bool = False, size_average: Old = None, reduce: Old = None, reduction: str = "mean") -> Tensor:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with the p-norm distance (Balntas et al. 2016).

    With `swap`, the negative may be nearer to the positive than to the anchor, and the nearer one counts.

    Examples
    --------
    >>> import workbench as wb
    >>> a = wb.zeros(1, 2)
    >>> round(wb.nn.functional.triplet_margin_loss(a, a, a).item(), 4)
    1.0
    """
    distance = lambda x, y: pairwise_distance(x, y, p, eps)
    return reduce_loss(_triplets("triplet_margin_loss", anchor, positive, negative, distance, margin, swap), reduction, size_average, reduce)


def triplet_margin_with_distance_loss(anchor: Tensor, positive: Tensor, negative: Tensor, *,
                                      distance_function: Callable[[Tensor, Tensor], Tensor] | None = None, margin: float = 1.0,
                                      swap: bool = False, reduction: str = "mean") -> Tensor:
    """`triplet_margin_loss` with any distance; `pairwise_distance` by default.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.triplet_margin_with_distance_loss(wb.zeros(1, 2), wb.zeros(1, 2), wb.zeros(1, 2)).item()
    1.0
    """
    losses = _triplets("triplet_margin_with_distance_loss", anchor, positive, negative, distance_function or pairwise_distance, margin, swap)
    return reduce_loss(losses, reduction)


def _triplets(what: str, anchor: Tensor, positive: Tensor, negative: Tensor, distance: Callable[[Tensor, Tensor], Tensor], margin: float,
              swap: bool) -> Tensor:
    if margin <= 0:
        raise ArgumentError(f"{what}: margin={margin}; expected a positive number")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(f"{what}: anchor, positive and negative of shape {tuple(anchor.shape)}, {tuple(positive.shape)} and {tuple(negative.shape)}; "
                         "expected as many axes in each")
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return ops.relu(near - far + margin)

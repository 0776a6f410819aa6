"""Losses of single predictions that bend the usual ones: towards outliers, quantiles, margins and hard examples."""
from __future__ import annotations

import math

from ... import ops
from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError
from ...ops.fused import check_classes
from .losses import reduced, same_shape, spelled


@reduced
def log_cosh_loss(input: Tensor, target: Tensor) -> Tensor:
    """``log(cosh(input - target))``: half the square near 0, the absolute value minus log 2 far away (Green 1990).

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.log_cosh_loss(wb.tensor([100.0]), wb.zeros(1)).item(), 3)
    99.307
    """
    same_shape("log_cosh_loss", input, target)
    error = input - target
    return error + ops.softplus(-2 * error) - math.log(2)


@reduced
def quantile_loss(input: Tensor, target: Tensor, quantile: float = 0.5) -> Tensor:
    """``max(q (target - input), (q - 1) (target - input))``: smallest at the `quantile` q of the targets (Koenker and Bassett 1978).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.quantile_loss(wb.zeros(2), wb.tensor([1.0, -1.0]), 0.75, reduction="none").tolist()
    [0.75, 0.25]
    """
    same_shape("quantile_loss", input, target)
    if not 0 < quantile < 1:
        raise ArgumentError(f"quantile_loss: quantile={quantile}; expected a number between 0 and 1")
    error = target - input
    return ops.maximum(quantile * error, (quantile - 1) * error)


@reduced
def hinge_loss(input: Tensor, target: Tensor, margin: float = 1.0) -> Tensor:
    """``max(0, margin - target input)`` for targets of 1 and -1 (Cortes and Vapnik 1995).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.hinge_loss(wb.tensor([0.5, 3.0]), wb.tensor([1.0, 1.0]), reduction="none").tolist()
    [0.5, 0.0]
    """
    same_shape("hinge_loss", input, target)
    return ops.relu(margin - target * input)


@reduced
def squared_hinge_loss(input: Tensor, target: Tensor, margin: float = 1.0) -> Tensor:
    """``max(0, margin - target input) ** 2`` for targets of 1 and -1 (Tang 2013).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.squared_hinge_loss(wb.tensor([0.5, 3.0]), wb.tensor([1.0, 1.0]), reduction="none").tolist()
    [0.25, 0.0]
    """
    same_shape("squared_hinge_loss", input, target)
    return ops.square(ops.relu(margin - target * input))


@reduced
def binary_focal_loss(input: Tensor, target: Tensor, alpha: float | None = 0.25, gamma: float = 2.0) -> Tensor:
    """``-alpha_t (1 - p_t) ** gamma log(p_t)`` of the sigmoid of scores, where p_t is the probability of what is right (Lin et al. 2017).

    Parameters
    ----------
    input : Tensor
        Scores.
    target : Tensor, the shape of input
        0 or 1, or between.
    alpha : float, optional
        Factor of the ones; that of the zeros is ``1 - alpha``.
    gamma : float
        How much less an example counts that is already right.
    weight : Tensor, optional
        Broadcasts to the losses.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.binary_focal_loss(wb.zeros(1), wb.ones(1), alpha=None).item(), 4)
    0.1733
    """
    same_shape("binary_focal_loss", input, target)
    target = target.to(input.dtype)
    cross_entropy = ops.softplus(input) - input * target
    right = ops.sigmoid(input) * target + ops.sigmoid(-input) * (1 - target)
    losses = cross_entropy if gamma == 0 else cross_entropy * (1 - right) ** gamma
    return losses if alpha is None else losses * (alpha * target + (1 - alpha) * (1 - target))


def focal_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, gamma: float = 2.0, ignore_index: int = -100,
               reduction: str = "mean") -> Tensor:
    """``-weight[y] (1 - p_y) ** gamma log(p_y)`` of class scores (Lin et al. 2017); the cross-entropy where gamma is 0.

    Parameters
    ----------
    input : Tensor, shape (N, C, ...)
        Scores.
    target : Tensor of int64, shape (N, ...)
    weight : Tensor, shape (C,), optional
        Factor of each class, the paper's alpha.
    gamma : float
        How much less an example counts that is already right.
    ignore_index : int
        A target that does not count.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights of the targets that count.

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.focal_loss(wb.zeros(1, 2), wb.tensor([0])).item(), 4)
    0.1733
    """
    spelled(reduction)
    if input.ndim < 2 or tuple(target.shape) != (input.shape[0], *input.shape[2:]):
        raise ShapeError(f"focal_loss: scores of shape {tuple(input.shape)} and classes of shape {tuple(target.shape)}; expected (N, C, ...) and (N, ...)")
    classes = input.shape[1]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(f"focal_loss: a weight of shape {tuple(weight.shape)} for {classes} classes")
    check_classes("focal_loss", target, classes, ignore_index)
    counted = target != ignore_index
    safe = ops.where(counted, target, 0)
    log_right = ops.gather(ops.log_softmax(input, axis=1), 1, safe.unsqueeze(1)).squeeze(1)
    losses = -log_right if gamma == 0 else -log_right * (-ops.expm1(log_right)) ** gamma
    scale = counted.to(input.dtype) if weight is None else counted * weight[safe]
    losses = losses * scale
    if reduction == "none":
        return losses
    return losses.sum() / scale.sum() if reduction == "mean" else losses.sum()

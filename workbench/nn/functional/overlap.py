"""Losses of segmentation: one minus how much a predicted mask overlaps the right one (Dice, Jaccard, Tversky, Lovász).

Masks are (N, C, ...): numbers in 0..1 such as a sigmoid or softmax gives, and targets of the same shape. Overlap is measured
for each sample and channel over all places.
"""
from __future__ import annotations

from ... import ops
from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError
from .losses import reduced, same_shape


@reduced
def dice_loss(input: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """``1 - (2 |A B| + smooth) / (|A| + |B| + smooth)`` of each sample and channel (Dice 1945; Sudre et al. 2017).

    Parameters
    ----------
    input, target : Tensor, shape (N, C, ...)
        Numbers in 0..1.
    smooth : float
        Keeps the loss of empty masks finite, and their gradient small.
    weight : Tensor, optional
        Broadcasts to (N, C).
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.dice_loss(wb.tensor([[[1.0, 1.0, 0.0]]]), wb.tensor([[[1.0, 0.0, 0.0]]]), smooth=0.0).item()
    0.333...
    """
    both, only_input, only_target = _counts("dice_loss", input, target)
    return 1 - (2 * both + smooth) / (2 * both + only_input + only_target + smooth)


@reduced
def jaccard_loss(input: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """``1 - (|A and B| + smooth) / (|A or B| + smooth)`` of each sample and channel (Rahman and Wang 2016).

    Parameters as in `dice_loss`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.jaccard_loss(wb.tensor([[[1.0, 1.0, 0.0]]]), wb.tensor([[[1.0, 0.0, 0.0]]]), smooth=0.0).item()
    0.5
    """
    both, only_input, only_target = _counts("jaccard_loss", input, target)
    return 1 - (both + smooth) / (both + only_input + only_target + smooth)


@reduced
def tversky_loss(input: Tensor, target: Tensor, alpha: float = 0.3, beta: float = 0.7, gamma: float = 1.0, smooth: float = 1.0) -> Tensor:
    """``(1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth)) ** gamma`` of each sample and channel (Salehi et al. 2017).

    Parameters
    ----------
    input, target : Tensor, shape (N, C, ...)
        Numbers in 0..1.
    alpha, beta : float
        What a place costs that is marked wrongly, and one that is missed.
    gamma : float
        Other than 1: the focal Tversky loss (Abraham and Khan 2019).
    smooth : float
    weight : Tensor, optional
        Broadcasts to (N, C).
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.tversky_loss(wb.tensor([[[1.0, 1.0, 0.0]]]), wb.tensor([[[1.0, 0.0, 0.0]]]), 1.0, 1.0, smooth=0.0).item()
    0.5
    """
    both, only_input, only_target = _counts("tversky_loss", input, target)
    missing = 1 - (both + smooth) / (both + alpha * only_input + beta * only_target + smooth)
    return missing if gamma == 1 else missing ** gamma


@reduced
def generalized_dice_loss(input: Tensor, target: Tensor, eps: float = 1e-6) -> Tensor:
    """``1 - 2 sum_c w_c |A B|_c / sum_c w_c (|A| + |B|)_c`` of each sample, channels weighed by ``w_c = 1 / |B|_c ** 2`` (Sudre et al. 2017).

    A channel whose target is empty has the weight of the smallest channel that is not.

    Parameters
    ----------
    input, target : Tensor, shape (N, C, ...)
        Numbers in 0..1.
    eps : float
        Added to both sides of the fraction.
    weight : Tensor, optional
        Broadcasts to (N,).
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> masks = wb.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    >>> round(wb.nn.functional.generalized_dice_loss(masks, masks).item(), 4)
    0.0
    """
    both, only_input, only_target = _counts("generalized_dice_loss", input, target)
    size = ops.stop_gradient(both + only_target)
    present = size > 0
    scale = ops.where(present, 1 / ops.square(ops.where(present, size, 1.0)), 0.0)
    scale = ops.where(present, scale, ops.amax(scale, axis=1, keepdims=True))
    return 1 - (2 * ops.sum(scale * both, axis=1) + eps) / (ops.sum(scale * (2 * both + only_input + only_target), axis=1) + eps)


def _counts(what: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How much is in both masks, only in the input, only in the target; (N, C) each."""
    same_shape(what, input, target)
    if input.ndim < 3:
        raise ShapeError(f"{what}: masks of shape {tuple(input.shape)}; expected (N, C, ...) with at least one axis of places")
    if type(input) is Tensor and bool(((input.data < 0) | (input.data > 1)).any()):
        raise ArgumentError(f"{what}: input holds values outside 0..1; apply sigmoid or softmax to raw scores")
    places = tuple(range(2, input.ndim))
    both = ops.sum(input * target, axis=places)
    return both, ops.sum(input, axis=places) - both, ops.sum(target, axis=places) - both


@reduced
def lovasz_hinge_loss(input: Tensor, target: Tensor) -> Tensor:
    """``sum_i max(0, e_i) (J_i - J_{i - 1})`` with the hinge errors ``e = 1 - s (2 y - 1)`` of each sample in falling order (Berman et al. 2018).

    J_i is the Jaccard loss of a mask that is wrong at the first i places: the Lovász extension of that loss.

    Parameters
    ----------
    input : Tensor, shape (N, ...)
        Scores; positive means inside the mask.
    target : Tensor, the shape of input
        0 or 1.
    weight : Tensor, optional
        Broadcasts to (N,).
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.lovasz_hinge_loss(wb.tensor([[3.0, -3.0]]), wb.tensor([[1.0, 0.0]])).item()
    0.0
    """
    same_shape("lovasz_hinge_loss", input, target)
    if input.ndim < 2:
        raise ShapeError(f"lovasz_hinge_loss: scores of shape {tuple(input.shape)}; expected (N, ...)")
    scores, labels = input.reshape(input.shape[0], -1), target.reshape(input.shape[0], -1)
    errors = ops.relu(1 - scores * (2 * labels - 1))
    order = ops.argsort(ops.stop_gradient(errors), axis=1, descending=True)
    inside = ops.stop_gradient(ops.gather(labels, 1, order)).to(input.dtype)
    total = ops.sum(inside, axis=1, keepdims=True)
    jaccard = 1 - (total - ops.cumsum(inside, axis=1)) / (total + ops.cumsum(1 - inside, axis=1))
    steps = ops.concat([jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]], axis=1)
    return ops.sum(ops.gather(errors, 1, order) * steps, axis=1)

"""Losses that compare predictions with targets number by number, or with classes.

Every loss takes ``reduction``: "mean" (default), "sum" or "none". ``size_average`` and ``reduce`` are PyTorch's old way to say
the same; they keep their places, so that positional arguments carry over. Losses of margins are in `margins`, of sequences in
`ctc`.
"""
from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

from ... import ops
from ...backend import dtypes
from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError
from ...ops.fused import check_classes, weighted_mean

Old = bool | None


def reduce_loss(losses: Tensor, reduction: str, size_average: Old = None, reduce: Old = None) -> Tensor:
    """The mean or sum of `losses`, or `losses` themselves."""
    reduction = spelled(reduction, size_average, reduce)
    if reduction == "mean":
        return losses.mean()
    return losses.sum() if reduction == "sum" else losses


def spelled(reduction: str, size_average: Old = None, reduce: Old = None, *more: str) -> str:
    """`reduction`, also from the two old arguments; one that is not known is refused."""
    if size_average is not None or reduce is not None:
        return "none" if reduce is False else "sum" if size_average is False else "mean"
    if reduction not in ("mean", "sum", "none", *more):
        raise ArgumentError(f"reduction={reduction!r}; expected one of 'mean', 'sum', 'none'" + "".join(f", {m!r}" for m in more))
    return reduction


def reduced(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Give a function from predictions and targets to one loss per sample (or number) the settings ``weight`` and ``reduction``.

    Losses are multiplied by `weight`, which broadcasts to them; "mean" then divides by the sum of weights.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.nn.functional.losses import reduced
    >>> @reduced
    ... def squared_log_error(prediction, target):
    ...     return (wb.log1p(prediction) - wb.log1p(target)) ** 2
    >>> squared_log_error(wb.zeros(2), wb.zeros(2), reduction="sum").item()
    0.0
    """
    known = inspect.signature(function)
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [p for p in known.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    more = [inspect.Parameter("weight", keyword, default=None), inspect.Parameter("reduction", keyword, default="mean")]

    @functools.wraps(function)
    def loss(*args: Any, weight: Tensor | None = None, reduction: str = "mean", **settings: Any) -> Tensor:
        spelled(reduction)
        losses = function(*args, **settings)
        if weight is None:
            return reduce_loss(losses, reduction)
        if ops.broadcast_shapes(tuple(weight.shape), tuple(losses.shape)) != tuple(losses.shape):
            raise ShapeError(f"{function.__name__}: a weight of shape {tuple(weight.shape)} does not broadcast to losses of shape {tuple(losses.shape)}")
        weighted = losses * weight
        if reduction == "mean":
            return weighted.sum() / ops.broadcast_to(weight, tuple(losses.shape)).sum()
        return reduce_loss(weighted, reduction)

    loss.__signature__ = known.replace(parameters=[*own, *more])
    return loss


def same_shape(what: str, x: Tensor, target: Tensor) -> None:
    """Refuse a target that would be broadcast."""
    if tuple(x.shape) != tuple(target.shape):
        raise ShapeError(f"{what}: input of shape {tuple(x.shape)} and target of shape {tuple(target.shape)} differ; "
                         f"they would broadcast against each other, which is almost never meant (reshape or squeeze "
                         f"one of them)")


def _weighted(what: str, losses: Tensor, weight: Tensor | None, reduction: str, size_average: Old = None, reduce: Old = None) -> Tensor:
    """Reduced losses; with weights, the mean is over their sum."""
    if weight is None:
        return reduce_loss(losses, reduction, size_average, reduce)
    if tuple(weight.shape) != tuple(losses.shape):
        raise ShapeError(f"{what}: a weight of shape {tuple(weight.shape)} for an input of shape {tuple(losses.shape)}; expected the same")
    if spelled(reduction, size_average, reduce) == "mean":
        return (losses * weight).sum() / weight.sum()
    return reduce_loss(losses * weight, reduction, size_average, reduce)


# Distances ---------------------------------------------------------------------------------------------------------------
def mse_loss(input: Tensor, target: Tensor, size_average: Old = None, reduce: Old = None, reduction: str = "mean",
             weight: Tensor | None = None) -> Tensor:
    """Squared differences.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.mse_loss(wb.tensor([1.0]), wb.tensor([3.0])).item()
    4.0
    """
    same_shape("mse_loss", input, target)
    return _weighted("mse_loss", ops.square(input - target), weight, reduction, size_average, reduce)


def l1_loss(input: Tensor, target: Tensor, size_average: Old = None, reduce: Old = None, reduction: str = "mean",
            weight: Tensor | None = None) -> Tensor:
    """Absolute differences.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.l1_loss(wb.tensor([1.0]), wb.tensor([3.0])).item()
    2.0
    """
    same_shape("l1_loss", input, target)
    return _weighted("l1_loss", ops.abs(input - target), weight, reduction, size_average, reduce)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None) -> Tensor:
    """Half the squared difference up to `delta`, linear beyond (Huber 1964).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.huber_loss(wb.tensor([1.0]), wb.tensor([3.0])).item()
    1.5
    """
    same_shape("huber_loss", input, target)
    if delta <= 0:
        raise ArgumentError(f"huber_loss: delta={delta}; expected a positive number")
    if weight is not None:
        same_shape("huber_loss, weight", input, weight)
    size = ops.abs(input - target)
    losses = ops.where(size < delta, 0.5 * size * size, delta * (size - 0.5 * delta))
    return reduce_loss(losses if weight is None else losses * weight, reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, size_average: Old = None, reduce: Old = None, reduction: str = "mean",
                   beta: float = 1.0) -> Tensor:
    """`huber_loss` divided by `beta` (Girshick 2015); `l1_loss` where that is 0.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.smooth_l1_loss(wb.tensor([1.0]), wb.tensor([3.0]), beta=2.0).item()
    1.0
    """
    same_shape("smooth_l1_loss", input, target)
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: beta={beta}; expected a number of at least 0")
    size = ops.abs(input - target)
    losses = size if beta == 0 else ops.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta)
    return reduce_loss(losses, reduction, size_average, reduce)


# Classes -----------------------------------------------------------------------------------------------------------------
def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Old = None, ignore_index: int = -100,
                  reduce: Old = None, reduction: str = "mean", label_smoothing: float = 0.0) -> Tensor:
    """The cross-entropy of class scores (N, C, ...) against class indices or probabilities; see `workbench.cross_entropy`.

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.cross_entropy(wb.zeros(1, 4), wb.tensor([2])).item(), 4)
    1.3863
    """
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"cross_entropy: label_smoothing={label_smoothing}; expected a number between 0 and 1")
    if weight is not None and tuple(weight.shape) != (input.shape[min(1, input.ndim - 1)],):
        raise ShapeError(f"cross_entropy: a weight of shape {tuple(weight.shape)}; expected one number for each class of scores of shape "
                         f"{tuple(input.shape)}")
    return ops.cross_entropy(input, target, weight, ignore_index, spelled(reduction, size_average, reduce), label_smoothing)


def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Old = None, ignore_index: int = -100,
             reduce: Old = None, reduction: str = "mean") -> Tensor:
    """Minus the log-probability (C on axis 1) of the target class.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.nll_loss(wb.tensor([[-1.0, -2.0]]), wb.tensor([1])).item()
    2.0
    """
    reduction = spelled(reduction, size_average, reduce)
    if input.ndim == 0:
        raise ShapeError("nll_loss: the log-probabilities need an axis of classes, got a tensor without axes")
    axis = min(1, input.ndim - 1)
    wanted = tuple(n for a, n in enumerate(input.shape) if a != axis)
    if tuple(target.shape) != wanted:
        raise ShapeError(f"nll_loss: log-probabilities of shape {tuple(input.shape)} need class indices of shape "
                         f"{wanted}, got {tuple(target.shape)}")
    if weight is not None and tuple(weight.shape) != (input.shape[axis],):
        raise ShapeError(f"nll_loss: a weight of shape {tuple(weight.shape)} for {input.shape[axis]} classes")
    check_classes("nll_loss", target, input.shape[axis], ignore_index)
    rows = ops.moveaxis(input, 1, -1) if input.ndim > 2 else input
    rows, flat = rows.reshape(-1, input.shape[axis]), target.reshape(-1)
    counted = flat != ignore_index
    safe = ops.where(counted, flat, 0)
    scale = counted.to(input.dtype) if weight is None else counted * weight[safe]
    picked = ops.gather(rows, 1, safe.unsqueeze(-1)).squeeze(-1)
    losses = -ops.where(counted, picked, 0.0) * scale
    if reduction == "mean":
        return weighted_mean(losses, scale)
    return reduce_loss(losses.reshape(target.shape), reduction)


def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Old = None, reduce: Old = None,
                         reduction: str = "mean") -> Tensor:
    """Cross-entropy of probabilities against targets in 0..1; logarithms are not below -100.

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.binary_cross_entropy(wb.tensor([0.5]), wb.ones(1)).item(), 4)
    0.6931
    """
    same_shape("binary_cross_entropy", input, target)
    if type(input) is Tensor and bool(((input.data < 0) | (input.data > 1)).any()):
        raise ArgumentError("binary_cross_entropy: input holds values outside 0..1; apply sigmoid, or use "
                            "binary_cross_entropy_with_logits on raw scores")
    losses = -_log_likelihood(input, target)
    return reduce_loss(losses if weight is None else losses * weight, reduction, size_average, reduce)


def _log_likelihood(p: Tensor, target: Tensor) -> Tensor:
    """``t log(p) + (1 - t) log(1 - p)``, logarithms at least -100.

    Within 1e-12 of 0 and 1 the slope is ``(t - p) / 1e-12``, as in PyTorch: a saturated sigmoid gives no NaN.
    """
    fixed = ops.stop_gradient(p)
    edge = fixed * (1 - fixed) <= 1e-12
    safe = ops.where(edge, 0.5, p)
    inside = target * ops.log(safe) + (1 - target) * ops.log1p(-safe)
    at_edge = target * _log_from_below(fixed) + (1 - target) * _log_from_below(1 - fixed)
    slope = (ops.stop_gradient(target) - fixed) * min(1e12, float(dtypes.finfo(p.dtype).max))
    return ops.where(edge, at_edge + (p - fixed) * slope, inside)


def _log_from_below(p: Tensor) -> Tensor:
    """``log(p)``, at least -100 also in half precision, which has no ``exp(-100)``."""
    return ops.where(p > 0, ops.maximum(ops.log(ops.where(p > 0, p, 1.0)), -100.0), -100.0)


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Old = None,
                                     reduce: Old = None, reduction: str = "mean", pos_weight: Tensor | None = None) -> Tensor:
    """Cross-entropy of the sigmoid of scores against targets in 0..1, without overflow.

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.nn.functional.binary_cross_entropy_with_logits(wb.zeros(1), wb.ones(1)).item(), 4)
    0.6931
    """
    same_shape("binary_cross_entropy_with_logits", input, target)
    if pos_weight is None:
        losses = ops.softplus(input) - input * target
    else:
        scale = 1 + (pos_weight - 1) * target
        losses = (1 - target) * input + scale * ops.softplus(-input)
    return reduce_loss(losses if weight is None else losses * weight, reduction, size_average, reduce)


# Likelihoods -------------------------------------------------------------------------------------------------------------
def kl_div(input: Tensor, target: Tensor, size_average: Old = None, reduce: Old = None, reduction: str = "mean",
           log_target: bool = False) -> Tensor:
    """Kullback-Leibler divergence of log-probabilities `input` from `target`; "batchmean" divides by the batch.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.kl_div(wb.zeros(2), wb.ones(2)).item()
    0.0
    """
    same_shape("kl_div", input, target)
    reduction = spelled(reduction, size_average, reduce, "batchmean")
    losses = ops.exp(target) * (target - input) if log_target else ops.xlogy(target, target) - target * input
    if reduction == "batchmean":
        if input.ndim == 0:
            raise ShapeError("kl_div: reduction='batchmean' needs an axis of samples, got a tensor without axes")
        return losses.sum() / input.shape[0] if input.shape[0] else losses.sum() * math.nan
    return reduce_loss(losses, reduction)


def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: Old = None,
                     eps: float = 1e-8, reduce: Old = None, reduction: str = "mean") -> Tensor:
    """Minus the log-likelihood of counts under a Poisson distribution; `full` adds Stirling's approximation of the factorial.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.poisson_nll_loss(wb.zeros(2), wb.ones(2)).item()
    1.0
    """
    losses = ops.exp(input) - target * input if log_input else input - target * ops.log(input + eps)
    if full:
        counts = ops.where(target > 1, target, 1.0)
        stirling = counts * ops.log(counts) - counts + 0.5 * ops.log(2 * math.pi * counts)
        losses = losses + ops.where(target > 1, stirling, 0.0)
    return reduce_loss(losses, reduction, size_average, reduce)


def gaussian_nll_loss(input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6,
                      reduction: str = "mean") -> Tensor:
    """Minus the log-likelihood of targets under normal distributions of mean `input` and variance `var`.

    Parameters
    ----------
    input, target : Tensor
    var : Tensor or float
        The shape of input, or one variance for all numbers of the last axis: that axis missing, or of length one.
    full : bool
        Add the constant ``log(2 pi) / 2``.
    eps : float
        Variances count as at least this; their gradient does not know.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.gaussian_nll_loss(wb.zeros(2), wb.ones(2), wb.ones(2)).item()
    0.5
    """
    from ...ops.resample import constant

    variance = var if isinstance(var, Tensor) else constant(float(var), input).to(input.dtype) * ops.ones_like(input)
    if type(variance) is Tensor and bool((variance.data < 0).any()):
        raise ArgumentError("gaussian_nll_loss: var has negative numbers; a variance is at least 0")
    if variance.shape != input.shape:
        if tuple(input.shape[:-1]) == tuple(variance.shape):
            variance = variance.unsqueeze(-1)
        elif tuple(input.shape[:-1]) != tuple(variance.shape[:-1]) or variance.shape[-1] != 1:
            raise ShapeError(f"gaussian_nll_loss: var of shape {tuple(variance.shape)} for an input of shape {tuple(input.shape)}; expected the same, "
                             "or the last axis missing or of length 1")
    fixed = ops.stop_gradient(variance)
    variance = variance + (ops.maximum(fixed, eps) - fixed)
    losses = 0.5 * (ops.log(variance) + ops.square(input - target) / variance)
    return reduce_loss(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)

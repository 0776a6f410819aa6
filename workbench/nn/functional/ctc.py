"""Connectionist temporal classification: the loss of a sequence of labels without an alignment (Graves et al. 2006).

The sum over alignments is `workbench.ops.alignment`. Every derivative of the loss exists; a target that cannot be spelled has the
logarithm -inf and no gradient.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ... import ops
from ...core import Tensor
from ...core.errors import ArgumentError, AxisError, DTypeError, ShapeError
from ...ops.alignment import alignments
from ...ops.resample import constant
from .losses import reduce_loss, spelled

Lengths = Tensor | Sequence[int]


def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Lengths, target_lengths: Lengths, blank: int = 0, reduction: str = "mean",
             zero_infinity: bool = False) -> Tensor:
    """Minus the log-probability of all ways in which a sequence of classes, blanks in between, spells the target.

    Parameters
    ----------
    log_probs : Tensor, shape (T, N, C) or (T, C)
        Logarithms of probabilities, as `log_softmax` gives them.
    targets : Tensor of integers, shape (N, S), (S,), or (sum of target_lengths,)
        Classes, not `blank`; lines padded to one length, or one after the other.
    input_lengths, target_lengths : Tensor or sequence of int, shape (N,) or ()
        How much of each counts.
    blank : int
    reduction : {"mean", "sum", "none"}
        "mean" first divides each loss by the length of its target.
    zero_infinity : bool
        A target that cannot be spelled in so few steps has a loss of zero, instead of an infinite one.

    Raises
    ------
    ShapeError
        If the lengths do not fit.
    AxisError
        If a label is not one of the C classes.

    Examples
    --------
    >>> import workbench as wb
    >>> even = wb.zeros(2, 1, 2).log_softmax(-1)
    >>> round(wb.nn.functional.ctc_loss(even, wb.tensor([[1]]), [2], [1]).item(), 4)
    0.2877
    """
    reduction = spelled(reduction)
    if log_probs.ndim not in (2, 3) or log_probs.dtype.kind not in "fV":
        raise ShapeError(f"ctc_loss: expected floating-point log_probs (T, N, C) or (T, C), got {log_probs.dtype} of shape {tuple(log_probs.shape)}")
    single = log_probs.ndim == 2
    if single:
        log_probs, targets = log_probs.unsqueeze(1), targets.unsqueeze(0)
    times, widths = (_lengths(what, given, log_probs.shape[1]) for what, given in
                     (("input_lengths", input_lengths), ("target_lengths", target_lengths)))
    if times.max(initial=0) > log_probs.shape[0] or times.min(initial=0) < 0:
        raise ShapeError(f"ctc_loss: input_lengths {times.tolist()} for log_probs of shape {tuple(log_probs.shape)}; expected none above {log_probs.shape[0]}")
    labels = _padded(targets, widths)
    _check_labels(labels, widths, log_probs.shape[2], blank)
    losses = -_log_likelihood(log_probs, labels, times, widths, blank)
    if zero_infinity:
        losses = ops.where(losses == math.inf, 0.0, losses)
    if reduction == "mean":
        losses = losses / constant(np.maximum(widths, 1).astype(losses.dtype), losses)
    return reduce_loss(losses.squeeze(0) if single and reduction == "none" else losses, reduction)


def _lengths(what: str, given: Lengths, count: int) -> np.ndarray:
    values = np.atleast_1d(given.numpy() if isinstance(given, Tensor) else np.asarray(given))
    if values.dtype.kind not in "iu":
        raise DTypeError(f"ctc_loss: {what} of dtype {values.dtype}; expected integers")
    if values.shape != (count,):
        raise ShapeError(f"ctc_loss: {what} of shape {values.shape} for {count} sequences")
    return values.astype(np.int64)


def _padded(targets: Tensor, widths: np.ndarray) -> Tensor:
    """Targets as lines (N, S)."""
    if targets.dtype.kind not in "iu":
        raise DTypeError(f"ctc_loss: targets of dtype {targets.dtype}; expected integers")
    longest = int(widths.max(initial=0))
    if targets.ndim == 2:
        if targets.shape[0] != len(widths) or targets.shape[1] < longest or widths.min(initial=0) < 0:
            raise ShapeError(f"ctc_loss: targets of shape {tuple(targets.shape)} for target_lengths {widths.tolist()}")
        return targets[:, :longest]
    if targets.ndim != 1 or targets.shape[0] != widths.sum():
        raise ShapeError(f"ctc_loss: targets of shape {tuple(targets.shape)} for target_lengths {widths.tolist()}; expected (N, S), or all labels one "
                         f"after the other, {widths.sum()} in sum")
    start = np.cumsum(widths) - widths
    places = np.minimum(start[:, None] + np.arange(longest), max(targets.shape[0] - 1, 0))
    return targets[constant(places, targets)]


def _check_labels(labels: Tensor, widths: np.ndarray, classes: int, blank: int) -> None:
    if not 0 <= blank < classes:
        raise ArgumentError(f"ctc_loss: blank={blank} is not one of the {classes} classes (0 to {classes - 1})")
    if type(labels) is Tensor:
        counted = labels.numpy()[np.arange(labels.shape[1]) < widths[:, None]]
        if counted.size and (counted.min() < 0 or counted.max() >= classes):
            raise AxisError(f"ctc_loss: labels from {counted.min()} to {counted.max()}; expected classes from 0 to {classes - 1}")


def _log_likelihood(log_probs: Tensor, labels: Tensor, times: np.ndarray, widths: np.ndarray, blank: int) -> Tensor:
    """log P(labels | log_probs) of every sequence: over all walks along the labels with a blank before, between and behind them."""
    count, states = log_probs.shape[1], 2 * labels.shape[1] + 1
    if not log_probs.shape[0]:
        return constant(np.where(widths > 0, -math.inf, 0.0), log_probs).to(log_probs.dtype)
    inside = constant(np.arange(labels.shape[1]) < widths[:, None], labels)
    labels = ops.where(inside, labels, blank)
    blanks = constant(np.full((count, 1), blank), labels).to(labels.dtype)
    spelled_out = ops.stack([ops.broadcast_to(blanks, tuple(labels.shape)), labels], axis=2).reshape(count, states - 1)
    path = ops.concat([spelled_out, blanks], axis=1)
    odd = constant(np.arange(states) % 2 == 1, path)
    jumps = odd & (path != ops.roll(path, 2, 1)) & constant(np.arange(states) > 1, path)
    return alignments(log_probs, path, jumps, constant(times, log_probs), constant(2 * widths, log_probs))

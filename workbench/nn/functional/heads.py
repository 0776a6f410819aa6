"""The cross-entropy of a linear layer's scores, which need not all exist at once: vocabularies are far wider than what they are read from."""
from __future__ import annotations

import math
from typing import NamedTuple

from ... import ops
from ...core import Tensor
from ...core.checkpoint import checkpoint
from ...core.errors import ArgumentError, ShapeError
from ...ops.fused import weighted_mean
from .losses import cross_entropy, reduce_loss, spelled
from .maps import linear


class LinearCrossEntropyOptions(NamedTuple):
    """How many rows `linear_cross_entropy` scores at once.

    Backward scores them again, by `checkpoint`: any derivative, ``retain_graph`` and every transformation work as without.
    PyTorch's further fields choose between its kernels and have no meaning here.

    Attributes
    ----------
    batch_chunk_size : int, optional
        The number of rows.
    chunking_method : {"auto", "aspect_ratio", "aspect_ratio:2", ...}, optional
        Where the number is not given: so many (a power of two) that their scores take as much memory as the input does, or one
        part in n of that; "auto" is "aspect_ratio:2". None takes all rows at once.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.LinearCrossEntropyOptions().rows(1000, 64, 6400)
    8
    """

    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"

    def rows(self, count: int, in_features: int, num_classes: int) -> int:
        """How many of `count` rows at once."""
        if self.batch_chunk_size is not None:
            return max(1, min(self.batch_chunk_size, count))
        if self.chunking_method is None:
            return max(1, count)
        name, _, part = ("aspect_ratio:2" if self.chunking_method == "auto" else self.chunking_method).partition(":")
        if name != "aspect_ratio" or not (part or "1").isdecimal() or int(part or 1) < 1:
            raise ArgumentError(f"LinearCrossEntropyOptions: chunking_method={self.chunking_method!r}; expected 'auto', 'aspect_ratio', 'aspect_ratio:n' "
                                "with a positive n, or None")
        target = -(-count // -(-num_classes // max(in_features, 1)))
        return max(1, min((1 << (target - 1).bit_length()) // int(part or 1), count)) if count else 1


def linear_cross_entropy(input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None, weight: Tensor | None = None,
                         reduction: str = "mean", ignore_index: int | None = None, label_smoothing: float = 0.0,
                         options: LinearCrossEntropyOptions | None = None) -> Tensor:
    """``cross_entropy(linear(input, linear_weight, linear_bias), target)``.

    Parameters
    ----------
    input : Tensor, shape (N, in) or (in,)
    linear_weight : Tensor, shape (C, in) or (C, d1, ..., in)
    target : Tensor
        Class indices (N, d1, ...), or probabilities (N, C, d1, ...); without N for an input without.
    linear_bias : Tensor, shape (C, d1, ...), optional
    weight : Tensor, shape (C,), optional
        Factor of each class.
    reduction : {"mean", "sum", "none"}
    ignore_index : int, optional
        A class index that does not count; -100 by default.
    label_smoothing : float
        This share of each target is spread evenly over all classes.
    options : LinearCrossEntropyOptions, optional
        Score the rows in chunks, so that the scores of all of them are never held.

    Examples
    --------
    >>> import workbench as wb
    >>> x, w, y = wb.ones(6, 2), wb.eye(3, 2), wb.tensor([0, 1, 2, 0, 1, 2])
    >>> chunked = wb.nn.functional.linear_cross_entropy(x, w, y, options=wb.nn.LinearCrossEntropyOptions(4))
    >>> chunked.item() == wb.nn.functional.linear_cross_entropy(x, w, y).item()
    True
    """
    spelled(reduction)
    batch, classes, inner = tuple(input.shape[:-1]), linear_weight.shape[0], tuple(linear_weight.shape[1:-1])
    if input.ndim not in (1, 2) or linear_weight.ndim < 2 or input.shape[-1] != linear_weight.shape[-1] or (inner and not batch):
        raise ShapeError(f"linear_cross_entropy: input of shape {tuple(input.shape)} and linear_weight of shape {tuple(linear_weight.shape)}; expected (N, in) "
                         "and (C, ..., in), or (in,) and (C, in)")
    if linear_bias is not None and tuple(linear_bias.shape) != (classes, *inner):
        raise ShapeError(f"linear_cross_entropy: linear_bias of shape {tuple(linear_bias.shape)}; expected {(classes, *inner)}")
    soft = tuple(target.shape) == (*batch, classes, *inner)
    if soft and ignore_index is not None:
        raise ArgumentError(f"linear_cross_entropy: ignore_index={ignore_index} with probabilities as targets; it goes with class indices only")
    ignored = -100 if ignore_index is None else ignore_index
    matrix = linear_weight.reshape(-1, input.shape[-1])
    shift = None if linear_bias is None else linear_bias.reshape(-1)

    def losses(x: Tensor, y: Tensor, how: str = "none") -> Tensor:
        scores = linear(x, matrix, shift).reshape(*x.shape[:-1], classes, *inner)
        return cross_entropy(scores, y, weight, ignore_index=ignored, reduction=how, label_smoothing=label_smoothing)

    if options is None or not batch:
        return losses(input, target, reduction)
    step = options.rows(batch[0], input.shape[-1], math.prod((classes, *inner)))
    again = checkpoint(losses)
    parts = [again(input[i:i + step], target[i:i + step]) for i in range(0, max(batch[0], 1), step)]
    if reduction != "mean" or soft:
        return reduce_loss(ops.concat(parts), reduction)
    counted = target != ignored
    scale = counted.to(parts[0].dtype) if weight is None else counted * weight[ops.where(counted, target, 0)]
    return weighted_mean(ops.concat(parts), scale)

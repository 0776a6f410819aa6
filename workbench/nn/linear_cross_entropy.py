"""A linear layer and the cross-entropy of its scores in one: the head of a language model, whose scores need not all be held."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from . import functional as F
from .checks import probability, whole
from .functional.heads import LinearCrossEntropyOptions
from .linear import Linear
from .losses import Loss
from .module import Module


class LinearCrossEntropyLoss(Loss):
    """``-log(softmax(W x + b)_y)``: a linear layer to class scores, and their cross-entropy.

    Scores need not all be held at once (Wijmans et al. 2024): see `options`.

    Parameters
    ----------
    in_features : int
        Length of the last axis of the input.
    num_classes : int
        How many classes there are, C.
    out_features : sequence of int
        Further axes of the scores and the target, (d1, ...).
    bias : bool
        Whether to add b.
    device, dtype : optional
        Of W and b.
    reduction : {"mean", "sum", "none"}
        What is made of the losses: their mean, their sum, or nothing.
    weight : Tensor, optional
        Factor of each class (C,); "mean" divides by the sum of those of the targets.
    ignore_index : int, optional
        A target that does not count; -100 by default.
    label_smoothing : float
        This share of each target is spread evenly over all classes.
    options : LinearCrossEntropyOptions, optional
        Score the rows in chunks, so that the scores of all of them are never held.

    Shapes
    ------
    Input (N, in_features) or (in_features,), target (N, d1, ...) of class indices or (N, C, d1, ...) of probabilities; output a number, or
    with reduction="none" losses (N, d1, ...). ``linear.weight`` (C d1 ..., in_features), ``linear.bias`` (C d1 ...,).

    Examples
    --------
    >>> import workbench as wb
    >>> loss = wb.nn.LinearCrossEntropyLoss(8, 100, options=wb.nn.LinearCrossEntropyOptions(batch_chunk_size=2))
    >>> loss(wb.ones(5, 8), wb.tensor([1, 2, 3, 4, 5])).shape
    ()
    """

    def __init__(self, in_features: int, num_classes: int, *, out_features: Sequence[int] = (), bias: bool = False, device: str | None = None,
                 dtype: Any = None, reduction: str = "mean", weight: Tensor | None = None, ignore_index: int | None = None,
                 label_smoothing: float = 0.0, options: LinearCrossEntropyOptions | None = None) -> None:
        Module.__init__(self)  # the settings are not those of one function
        whole("LinearCrossEntropyLoss", num_classes=num_classes)
        probability("LinearCrossEntropyLoss", label_smoothing=label_smoothing)
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(f"LinearCrossEntropyLoss: a weight of shape {tuple(weight.shape)}; expected {(num_classes,)}, one number for each class")
        if reduction not in self.reductions:
            raise ArgumentError(f"LinearCrossEntropyLoss: reduction={reduction!r}; expected one of {', '.join(self.reductions)}")
        self.num_classes, self.out_features, self.reduction = num_classes, tuple(out_features), reduction
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self.options = None if options is None else LinearCrossEntropyOptions(*options)
        self.register_buffer("weight", weight)
        self.linear = Linear(in_features, num_classes * math.prod(self.out_features), bias, device, dtype)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """Features and targets to a loss."""
        axes = (self.num_classes, *self.out_features)
        bias = None if self.linear.bias is None else self.linear.bias.reshape(axes)
        return F.linear_cross_entropy(x, self.linear.weight.reshape(*axes, -1), target, linear_bias=bias, weight=self.weight, reduction=self.reduction,
                                      ignore_index=self.ignore_index, label_smoothing=self.label_smoothing, options=self.options)

    def extra_repr(self) -> str:
        """Settings."""
        return (f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
                f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
                f"label_smoothing={self.label_smoothing}, options={self.options}")

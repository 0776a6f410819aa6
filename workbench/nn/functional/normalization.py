"""Normalization by statistics of an instance, by neighbouring channels, and by a norm; the others are ops."""
from __future__ import annotations

import math

from ... import ops
from ...core import Tensor, mutate
from ...core.errors import ArgumentError, ShapeError

batch_norm, group_norm, layer_norm, rms_norm = ops.batch_norm, ops.group_norm, ops.layer_norm, ops.rms_norm


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x divided by its p-norm along `dim` (at least `eps`).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.normalize(wb.tensor([[3.0, 4.0]])).shape
    (1, 2)
    """
    return input / ops.maximum(ops.norm(input, p, dim, keepdims=True), eps)


def instance_norm(input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
                  bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Zero mean and unit variance of each channel of each sample of x (N, C, ...) (Ulyanov et al. 2016), then scale and shift.

    With `use_input_stats`, running statistics move towards the means over the samples by `momentum` (in place); without,
    they are what normalizes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.instance_norm(wb.tensor([[[1.0, 3.0]]]), eps=0.0).tolist()
    [[[-1.0, 1.0]]]
    """
    if input.ndim < 3:
        raise ShapeError(f"instance_norm: expected an input (N, C, ...) with at least one more axis, got {tuple(input.shape)}")
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ArgumentError("instance_norm: use_input_stats=False needs running_mean and running_var")
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    axes = tuple(range(2, input.ndim))
    if math.prod(input.shape[2:]) <= 1:
        raise ShapeError(f"instance_norm: an input of shape {tuple(input.shape)} has one value per channel and sample, so no variance")
    if running_mean is not None:
        average = ops.mean(ops.stop_gradient(ops.fused.without_derivative(input)), axis=(0, *axes))
        mutate.write_statistic(running_mean, running_mean * (1 - momentum) + average * momentum, "instance_norm")
    if running_var is not None:
        spread = ops.mean(ops.var(ops.stop_gradient(ops.fused.without_derivative(input)), axis=axes), axis=0)
        mutate.write_statistic(running_var, running_var * (1 - momentum) + spread * momentum, "instance_norm")
    return ops.fused.normalize(input, weight, bias, axes=axes, eps=eps, shape=(input.shape[1], *(1,) * len(axes)))


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x over ``(k + alpha * m) ** beta``, with m the mean square of `size` neighbouring channels of (N, C, ...) (Krizhevsky et al. 2012).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.local_response_norm(wb.ones(1, 2, 3), 2).shape
    (1, 2, 3)
    """
    if input.ndim < 3:
        raise ShapeError(f"local_response_norm: expected an input (N, C, ...) of at least 3 axes, got {tuple(input.shape)}")
    if size < 1:
        raise ArgumentError(f"local_response_norm: size={size}; expected a positive number of channels")
    widths = ((0, 0), (size // 2, (size - 1) // 2), *((0, 0),) * (input.ndim - 2))
    squares = ops.movement.pad_constant(ops.square(input), widths=widths, value=0)
    channels = input.shape[1]
    total = sum((squares[:, i:i + channels] for i in range(1, size)), start=squares[:, :channels])
    return input / (total * (alpha / size) + k) ** beta

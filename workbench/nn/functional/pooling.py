"""Pooling by power means, and the face of the pooling ops."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ... import ops
from ...core import Tensor
from ...ops.pooling import (  # noqa: F401 - part of this namespace
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    fractional_max_pool2d,
    fractional_max_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from ...ops.window import Size, sizes


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False) -> Tensor:
    """``(sum x ** p) ** (1 / p)`` over every window of (N, C, L).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.lp_pool1d(wb.tensor([[[3.0, 4.0]]]), 2, 2).tolist()
    [[[5.0]]]
    """
    return _lp_pool(avg_pool1d, 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False) -> Tensor:
    """``(sum x ** p) ** (1 / p)`` over every window of (N, C, H, W).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.lp_pool2d(wb.ones(1, 1, 2, 2), 2, 2).tolist()
    [[[[2.0]]]]
    """
    return _lp_pool(avg_pool2d, 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False) -> Tensor:
    """``(sum x ** p) ** (1 / p)`` over every window of (N, C, D, H, W).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.lp_pool3d(wb.ones(1, 1, 2, 2, 2), 1, 2).tolist()
    [[[[[8.0]]]]]
    """
    return _lp_pool(avg_pool3d, 3, input, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(average: Callable[..., Any], axes: int, x: Tensor, p: float, kernel_size: Size, stride: Size | None, ceil_mode: bool) -> Tensor:
    means = average(x ** p, kernel_size, stride, 0, ceil_mode)
    area = math.prod(sizes(kernel_size, axes, f"lp_pool{axes}d: kernel_size"))
    return (ops.sign(means) * ops.relu(ops.abs(means)) * area) ** (1 / p)

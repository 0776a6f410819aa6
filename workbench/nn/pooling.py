"""Pooling layers: each window of the input becomes one number."""
from __future__ import annotations

from collections.abc import Sequence

from ..core import Tensor
from ..core.errors import ArgumentError
from . import functional as F
from .module import Module

Size = int | Sequence[int]


class _MaxPool(Module):
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
                 return_indices: bool = False, ceil_mode: bool = False) -> None:
        super().__init__()
        if return_indices:
            raise ArgumentError(f"{type(self).__name__}: return_indices is not offered; use argmax over windows "
                                f"instead")
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.ceil_mode = padding, dilation, ceil_mode

    def extra_repr(self) -> str:
        """Settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, ceil_mode={self.ceil_mode}"


class MaxPool1d(_MaxPool):
    """The largest number of every window of (N, C, L).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.MaxPool1d(2)(wb.ones(1, 3, 8)).shape
    (1, 3, 4)
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) to (N, C, L')."""
        return F.max_pool1d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class MaxPool2d(_MaxPool):
    """The largest number of every window of (N, C, H, W).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.MaxPool2d(2)(wb.ones(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H', W')."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class _AvgPool(Module):
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad

    def extra_repr(self) -> str:
        """Settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of every window of (N, C, L).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.AvgPool1d(2)(wb.ones(1, 3, 8)).shape
    (1, 3, 4)
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) to (N, C, L')."""
        return F.avg_pool1d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AvgPool2d(_AvgPool):
    """The mean of every window of (N, C, H, W).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.AvgPool2d(2)(wb.ones(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True, divisor_override: int | None = None) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H', W')."""
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
                            self.divisor_override)


class _AdaptiveAvgPool(Module):
    def __init__(self, output_size: int | tuple[int | None, ...]) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """Settings."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean of as many windows of (N, C, L) as `output_size` asks for.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.AdaptiveAvgPool1d(2)(wb.ones(1, 3, 8)).shape
    (1, 3, 2)
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) to (N, C, output_size)."""
        return F.adaptive_avg_pool1d(x, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of as many windows of (N, C, H, W) as `output_size` asks for; None keeps an axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.AdaptiveAvgPool2d(1)(wb.ones(1, 3, 8, 8)).shape
    (1, 3, 1, 1)
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, *output_size)."""
        return F.adaptive_avg_pool2d(x, self.output_size)

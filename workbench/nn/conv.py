"""Convolution layers over one and two axes."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What convolutions of any number of axes share."""

    axes: int

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | Sequence[int],
                 stride: int | Sequence[int] = 1, padding: int | Sequence[int] | str = 0,
                 dilation: int | Sequence[int] = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
                 device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ArgumentError(f"{type(self).__name__}: in_channels={in_channels} and out_channels={out_channels} "
                                f"must be divisible by groups={groups}")
        if padding_mode not in _MODES:
            raise ArgumentError(f"{type(self).__name__}: padding_mode={padding_mode!r}; expected one of "
                                f"{', '.join(_MODES)}")
        self.in_channels, self.out_channels, self.groups, self.padding_mode = in_channels, out_channels, groups, padding_mode
        self.kernel_size, self.stride, self.dilation = (self._each(v) for v in (kernel_size, stride, dilation))
        unknown = isinstance(padding, str) and padding not in ("same", "valid")
        if unknown or (padding == "same" and set(self.stride) != {1}):
            raise ArgumentError(f"{type(self).__name__}: padding={padding!r} with stride={self.stride}; expected "
                                f"numbers, 'valid', or 'same' with a stride of 1")
        self.padding = padding if isinstance(padding, str) else self._each(padding)
        self.weight = Parameter(ops.empty(out_channels, in_channels // groups, *self.kernel_size, device=device,
                                          dtype=dtype))
        self.bias = Parameter(ops.empty(out_channels, device=device, dtype=dtype)) if bias else None
        init.fan_in_uniform_(self.weight, self.bias)

    def _each(self, value: int | Sequence[int]) -> tuple[int, ...]:
        return (value,) * self.axes if isinstance(value, int) else tuple(value)

    def _framed(self, x: Tensor) -> tuple[Tensor, tuple[int, ...] | str]:
        """The input padded by this layer's mode, and the zero padding that is left to do."""
        if self.padding_mode == "zeros":
            return x, self.padding
        if isinstance(self.padding, str):
            totals = [d * (k - 1) if self.padding == "same" else 0
                      for k, d in zip(self.kernel_size, self.dilation, strict=True)]
            widths = [(t // 2, t - t // 2) for t in totals]
        else:
            widths = [(p, p) for p in self.padding]
        flat = [n for pair in reversed(widths) for n in pair]
        return F.pad(x, flat, mode=self.padding_mode), (0,) * self.axes

    def forward(self, x: Tensor) -> Tensor:
        """Cross-correlate with the filters."""
        if x.ndim not in (self.axes + 1, self.axes + 2) or x.shape[-self.axes - 1] != self.in_channels:
            names = "N, C, L" if self.axes == 1 else "N, C, H, W"
            raise ShapeError(f"{type(self).__name__}: expected an input ({names}) with C = {self.in_channels} "
                             f"(in_channels), got {tuple(x.shape)}")
        x, padding = self._framed(x)
        if self.axes == 1:
            inner = padding if isinstance(padding, str) else padding[0]
            return F.conv1d(x, self.weight, self.bias, self.stride[0], inner, self.dilation[0], self.groups)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Settings."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        defaults = {"padding": (0,) * self.axes, "dilation": (1,) * self.axes, "groups": 1, "padding_mode": "zeros"}
        text += "".join(f", {name}={getattr(self, name)}" for name, default in defaults.items()
                        if getattr(self, name) != default)
        return text + ("" if self.bias is not None else ", bias=False")


class Conv1d(_Conv):
    """Cross-correlation along one axis: ``y[o, t] = b[o] + sum over c, i of w[o, c, i] x[c, t stride + i dilation]``.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int
    padding : int, 'same' or 'valid'
    groups : int
        Channels are divided into this many independent groups.
    bias : bool
    padding_mode : {"zeros", "reflect", "replicate", "circular"}

    Shapes
    ------
    Input (N, in_channels, L) or (in_channels, L); output (N, out_channels, L').

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Conv1d(2, 3, 3, padding=1)(wb.ones(1, 2, 5)).shape
    (1, 3, 5)
    """

    axes = 1


class Conv2d(_Conv):
    """Cross-correlation over images: every filter is laid on every place of the image, products are summed.

    ``y[o, h, w] = b[o] + sum over c, i, j of weight[o, c, i, j] x[c, h stride + i dilation, w stride + j dilation]``

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or pair of int
    padding : int, pair of int, 'same' or 'valid'
    groups : int
        Channels are divided into this many independent groups.
    bias : bool
    padding_mode : {"zeros", "reflect", "replicate", "circular"}

    Shapes
    ------
    Input (N, in_channels, H, W) or (in_channels, H, W); output (N, out_channels, H', W') with
    ``H' = (H + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Conv2d(1, 4, 3, padding=1)(wb.ones(2, 1, 8, 8)).shape
    (2, 4, 8, 8)
    """

    axes = 2

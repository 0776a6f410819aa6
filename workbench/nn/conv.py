"""Convolution layers over one to three axes, and their transposes."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from ..ops.window import sizes
from . import functional as F
from . import init
from .checks import whole
from .module import Module
from .parameter import Parameter
from .stateless import functional_call

_MODES = ("zeros", "reflect", "replicate", "circular")
NAMES = {1: "N, C, L", 2: "N, C, H, W", 3: "N, C, D, H, W"}
CONVOLVE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


class _Conv(Module):
    """What convolutions of any number of axes share."""

    axes: int

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | Sequence[int],
                 stride: int | Sequence[int] = 1, padding: int | Sequence[int] | str = 0,
                 dilation: int | Sequence[int] = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
                 device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        name = type(self).__name__
        whole(name, in_channels=in_channels, out_channels=out_channels)
        whole(name, 1, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ArgumentError(f"{type(self).__name__}: in_channels={in_channels} and out_channels={out_channels} "
                                f"must be divisible by groups={groups}")
        if padding_mode not in _MODES:
            raise ArgumentError(f"{type(self).__name__}: padding_mode={padding_mode!r}; expected one of "
                                f"{', '.join(_MODES)}")
        self.in_channels, self.out_channels, self.groups, self.padding_mode = in_channels, out_channels, groups, padding_mode
        each = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation}
        self.kernel_size, self.stride, self.dilation = (sizes(v, self.axes, f"{name}: {setting}") for setting, v in each.items())
        unknown = isinstance(padding, str) and padding not in ("same", "valid")
        if unknown or (padding == "same" and set(self.stride) != {1}):
            raise ArgumentError(f"{type(self).__name__}: padding={padding!r} with stride={self.stride}; expected "
                                f"numbers, 'valid', or 'same' with a stride of 1")
        self.padding = padding if isinstance(padding, str) else sizes(padding, self.axes, f"{name}: padding", 0)
        self.weight = Parameter(ops.empty(out_channels, in_channels // groups, *self.kernel_size, device=device,
                                          dtype=dtype))
        self.bias = Parameter(ops.empty(out_channels, device=device, dtype=dtype)) if bias else None
        init.fan_in_uniform_(self.weight, self.bias)

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
            names = NAMES[self.axes]
            raise ShapeError(f"{type(self).__name__}: expected an input ({names}) with C = {self.in_channels} "
                             f"(in_channels), got {tuple(x.shape)}")
        x, padding = self._framed(x)
        return CONVOLVE[self.axes](x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def kronecker_rows(self, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """What K-FAC makes its factors of: the patches that the filters lay on, and the gradients, (groups, places, entries)."""
        entries = self.weight[0].size
        # Filters that each pick one entry: the layer itself then says what its patches are.
        picks = ops.eye(entries, dtype=self.weight.dtype, device=self.weight.device).reshape(entries, *self.weight.shape[1:])
        replaced = {"weight": ops.tile(picks, (self.groups, *[1] * (picks.ndim - 1)))}
        if self.bias is not None:
            replaced["bias"] = ops.zeros(self.groups * entries, dtype=self.bias.dtype, device=self.bias.device)
        return self._by_group(functional_call(self, replaced, x)), self._by_group(g)

    def _by_group(self, values: Tensor) -> Tensor:
        """(N, groups * c, *places) or without N, as (groups, N * places, c)."""
        places = values.shape[values.ndim - self.axes:]
        batch = values.reshape(-1, self.groups, values.shape[-self.axes - 1] // self.groups, *places).flatten(3)
        return batch.permute(1, 0, 3, 2).flatten(1, 2)

    def extra_repr(self) -> str:
        """Settings."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        defaults = {"padding": (0,) * self.axes, "dilation": (1,) * self.axes, "groups": 1, "padding_mode": "zeros"}
        text += "".join(f", {name}={getattr(self, name)}" for name, default in defaults.items()
                        if getattr(self, name) != default)
        return text + ("" if self.bias is not None else ", bias=False")


class Conv1d(_Conv):
    """Cross-correlation along one axis: ``y[o, t] = b[o] + sum over c, i of w[o, c, i] x[c, t stride + i dilation]``.

    Along time it is the time-delay network of Waibel et al. (1989).

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size : int
        Length of the filters.
    stride : int
        From one place of the filters to the next.
    dilation : int
        From one number under a filter to the next.
    padding : int, 'same' or 'valid'
        Zeros at both ends, or as many as "same" lengths need, or none ("valid").
    groups : int
        Channels are divided into this many independent groups.
    bias : bool
        Whether to add a learned bias.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What stands in the padding.

    Shapes
    ------
    Input (N, in_channels, L) or (in_channels, L); output (N, out_channels, L') with
    ``L' = (L + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1``; ``weight`` (out_channels, in_channels /
    groups, kernel_size), ``bias`` (out_channels,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Conv1d(2, 3, 3, padding=1)(wb.ones(1, 2, 5)).shape
    (1, 3, 5)
    """

    axes = 1


class Conv2d(_Conv):
    """Cross-correlation over images: every filter is laid on every place of the image, products are summed (LeCun et al. 1989).

    ``y[o, h, w] = b[o] + sum over c, i, j of weight[o, c, i, j] x[c, h stride + i dilation, w stride + j dilation]``

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size : int or pair of int
        Height and width of the filters.
    stride : int or pair of int
        From one place of the filters to the next.
    dilation : int or pair of int
        From one pixel under a filter to the next.
    padding : int, pair of int, 'same' or 'valid'
        Zeros at each edge, or as many as "same" sizes need, or none ("valid").
    groups : int
        Channels are divided into this many independent groups.
    bias : bool
        Whether to add a learned bias.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What stands in the padding.

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


class Conv3d(_Conv):
    """Cross-correlation over volumes: ``y[o, p] = b[o] + sum over c, k of weight[o, c, k] x[c, p stride + k dilation]``, p
    and k being triples (Ji et al. 2013).

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size : int or triple of int
        Depth, height and width of the filters.
    stride : int or triple of int
        From one place of the filters to the next.
    padding : int, triple of int, 'same' or 'valid'
        Zeros at each face, or as many as "same" sizes need, or none ("valid").
    dilation : int or triple of int
        From one place under a filter to the next.
    groups : int
        Channels are divided into this many independent groups.
    bias : bool
        Whether to add a learned bias.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What stands in the padding.

    Shapes
    ------
    Input (N, in_channels, D, H, W) or (in_channels, D, H, W); output (N, out_channels, D', H', W') with lengths as in
    `Conv2d`; ``weight`` (out_channels, in_channels / groups, *kernel_size), ``bias`` (out_channels,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Conv3d(1, 4, 3, padding=1)(wb.ones(2, 1, 4, 5, 6)).shape
    (2, 4, 4, 5, 6)
    """

    axes = 3


class _ConvTranspose(_Conv):
    """The transpose of a convolution: what its gradient does to the output."""

    kronecker_rows = None  # type: ignore[assignment]  # its patches lie in the output

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | Sequence[int], stride: int | Sequence[int] = 1,
                 padding: int | Sequence[int] = 0, output_padding: int | Sequence[int] = 0, groups: int = 1, bias: bool = True,
                 dilation: int | Sequence[int] = 1, padding_mode: str = "zeros", device: str | None = None, dtype: Any = None) -> None:
        if padding_mode != "zeros" or isinstance(padding, str):
            raise ArgumentError(f"{type(self).__name__}: padding={padding!r}, padding_mode={padding_mode!r}; a transposed convolution takes numbers and 'zeros'")
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        self.output_padding = sizes(output_padding, self.axes, f"{type(self).__name__}: output_padding", 0)
        self.weight = Parameter(ops.empty(in_channels, out_channels // groups, *self.kernel_size, device=device, dtype=dtype))
        init.fan_in_uniform_(self.weight, self.bias)

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Spread every number over a window; `output_size` chooses among the sizes that a stride leaves open."""
        if x.ndim not in (self.axes + 1, self.axes + 2) or x.shape[-self.axes - 1] != self.in_channels:
            raise ShapeError(f"{type(self).__name__}: expected an input ({NAMES[self.axes]}) with C = {self.in_channels} (in_channels), got {tuple(x.shape)}")
        extra = self.output_padding if output_size is None else self._extra(x, tuple(output_size)[-self.axes:])
        return TRANSPOSE[self.axes](x, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _extra(self, x: Tensor, wanted: tuple[int, ...]) -> tuple[int, ...]:
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in
                 zip(x.shape[-self.axes:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)]
        extra = tuple(w - n for w, n in zip(wanted, least, strict=True))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
            raise ShapeError(f"{type(self).__name__}: output_size={wanted}; sizes from {tuple(least)} to {most} are possible")
        return extra

    def extra_repr(self) -> str:
        """Settings."""
        return super().extra_repr() + (f", output_padding={self.output_padding}" if any(self.output_padding) else "")


class ConvTranspose1d(_ConvTranspose):
    """The transpose of `Conv1d`, upsampling with learned filters:
    ``y[o, t stride + k dilation - padding] += weight[c, o, k] x[c, t]`` (Zeiler et al. 2010).

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size, stride, padding, dilation : int
        Those of the convolution that it is the transpose of.
    padding_mode : str
        Only "zeros".
    output_padding : int
        Added to one end of the output.
    groups : int
        Channels are divided into this many independent groups.
    bias : bool
        Whether to add a learned bias.

    Shapes
    ------
    Input (N, in_channels, L) or (in_channels, L); output (N, out_channels, L') with
    ``L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1``; ``weight`` (in_channels,
    out_channels / groups, kernel_size), ``bias`` (out_channels,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.ConvTranspose1d(2, 3, 4, stride=2, padding=1)(wb.ones(1, 2, 5)).shape
    (1, 3, 10)
    """

    axes = 1


class ConvTranspose2d(_ConvTranspose):
    """The transpose of `Conv2d`, upsampling with learned filters:
    ``y[o, p stride + k dilation - padding] += weight[c, o, k] x[c, p]``, p and k being pairs (Zeiler et al. 2010).

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation, padding_mode
        As in `ConvTranspose1d`.

    Shapes
    ------
    Input (N, in_channels, H, W) or (in_channels, H, W); output (N, out_channels, H', W') with lengths as in
    `ConvTranspose1d`; ``weight`` (in_channels, out_channels / groups, *kernel_size), ``bias`` (out_channels,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1)(wb.ones(1, 2, 5, 5)).shape
    (1, 3, 10, 10)
    """

    axes = 2


class ConvTranspose3d(_ConvTranspose):
    """The transpose of `Conv3d`, upsampling with learned filters:
    ``y[o, p stride + k dilation - padding] += weight[c, o, k] x[c, p]``, p and k being triples (Zeiler et al. 2010).

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation, padding_mode
        As in `ConvTranspose1d`.

    Shapes
    ------
    Input (N, in_channels, D, H, W) or (in_channels, D, H, W); output (N, out_channels, D', H', W') with lengths as in
    `ConvTranspose1d`; ``weight`` (in_channels, out_channels / groups, *kernel_size), ``bias`` (out_channels,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.ConvTranspose3d(2, 3, 4, stride=2, padding=1)(wb.ones(1, 2, 3, 3, 3)).shape
    (1, 3, 6, 6, 6)
    """

    axes = 3


class _DepthwiseSeparable(Module):
    axes: int

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | Sequence[int], stride: int | Sequence[int] = 1,
                 padding: int | Sequence[int] | str = 0, dilation: int | Sequence[int] = 1, bias: bool = True, padding_mode: str = "zeros",
                 depth_multiplier: int = 1, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        convolution = {1: Conv1d, 2: Conv2d, 3: Conv3d}[self.axes]
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        middle = in_channels * depth_multiplier
        self.depthwise = convolution(in_channels, middle, kernel_size, stride, padding, dilation, in_channels, bias, padding_mode, **kind)
        self.pointwise = convolution(middle, out_channels, 1, bias=bias, **kind)

    def forward(self, x: Tensor) -> Tensor:
        """Filter every channel alone, then mix channels at every place."""
        return self.pointwise(self.depthwise(x))


class DepthwiseSeparableConv1d(_DepthwiseSeparable):
    """``pointwise(depthwise(x))``: a convolution along one axis in two steps with far fewer weights (Chollet 2017),
    see `DepthwiseSeparableConv2d`.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, bias, padding_mode, depth_multiplier
        As in `DepthwiseSeparableConv2d`.

    Shapes
    ------
    As `Conv1d`; ``depthwise.weight`` (in_channels * depth_multiplier, 1, kernel_size), ``pointwise.weight``
    (out_channels, in_channels * depth_multiplier, 1).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.DepthwiseSeparableConv1d(4, 6, 3, padding=1)(wb.ones(1, 4, 8)).shape
    (1, 6, 8)
    """

    axes = 1


class DepthwiseSeparableConv2d(_DepthwiseSeparable):
    """``pointwise(depthwise(x))``: a convolution in two steps with far fewer weights, one filter per channel, then a 1 x 1
    convolution (Chollet 2017).

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size, stride, padding, dilation, padding_mode
        Of the first step, as in `Conv2d`.
    bias : bool
        Of both steps.
    depth_multiplier : int
        How many filters each channel has.

    Shapes
    ------
    As `Conv2d`; ``depthwise.weight`` (in_channels * depth_multiplier, 1, *kernel_size), ``pointwise.weight`` (out_channels, in_channels *
    depth_multiplier, 1, 1).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.DepthwiseSeparableConv2d(4, 6, 3, padding=1)(wb.ones(1, 4, 8, 8)).shape
    (1, 6, 8, 8)
    """

    axes = 2


class DepthwiseSeparableConv3d(_DepthwiseSeparable):
    """``pointwise(depthwise(x))``: a convolution over three axes in two steps with far fewer weights (Chollet 2017),
    see `DepthwiseSeparableConv2d`.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, bias, padding_mode, depth_multiplier
        As in `DepthwiseSeparableConv2d`.

    Shapes
    ------
    As `Conv3d`; ``depthwise.weight`` (in_channels * depth_multiplier, 1, *kernel_size), ``pointwise.weight``
    (out_channels, in_channels * depth_multiplier, 1, 1, 1).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.DepthwiseSeparableConv3d(4, 6, 3, padding=1)(wb.ones(1, 4, 4, 4, 4)).shape
    (1, 6, 4, 4, 4)
    """

    axes = 3

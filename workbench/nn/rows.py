"""Layers without weights, one row each over the function of the same formula: pooling, padding, resizing, rearranging, distances.

A row gives the class its signature (PyTorch's), its docstring and its forward; there is nothing else to such a layer. What a setting means
stands once in `_ABOUT`.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ShapeError
from . import functional as F
from .activation import _REQUIRED, About, _stub, described
from .module import Module


class FunctionLayer(Module):
    """Base of the layers below: settings are the function's arguments after its inputs."""

    function: Callable[..., Any]
    defaults: dict[str, Any]
    axes: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        bound = inspect.signature(type(self)).bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if isinstance(value, Tensor):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)
        if "kernel_size" in self.defaults and getattr(self, "stride", 1) is None:
            self.stride = bound.arguments["kernel_size"]

    def forward(self, *inputs: Tensor, **more: Any) -> Any:
        """The function of these inputs with this layer's settings."""
        if self.axes is not None and inputs[0].ndim not in (self.axes + 1, self.axes + 2):
            raise ShapeError(f"{type(self).__name__}: expected an input of {self.axes + 2} axes (or {self.axes + 1} without a batch), got "
                             f"{tuple(inputs[0].shape)}")
        settings = {name: getattr(self, name) for name in self.defaults if name != "inplace"}
        return type(self).function(*inputs, **settings, **more)

    def extra_repr(self) -> str:
        """Settings."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.defaults if not name.startswith("_"))


_ABOUT: About = {
    "kernel_size": ("int or sequence of int", "Lengths of a window, one for all axes or one for each."),
    "stride": ("int or sequence of int", "From one window to the next; `kernel_size` where it is None."),
    "Unfold.stride": ("int or sequence of int", "From one window to the next."),
    "Fold.stride": ("int or sequence of int", "From one window to the next."),
    "padding": ("int or sequence of int", "How far windows reach beyond each end; what is there never wins a maximum, and is 0 in a mean."),
    "MaxUnpool.padding": ("int or sequence of int", "That of the pooling."),
    "Fold.padding": ("int or sequence of int", "Frame that was around the image, and is cut off again."),
    "Unfold.padding": ("int or sequence of int", "A frame of zeros that is laid around the image first."),
    "Pad.padding": ("int or sequence of int", "One width for all ends, or (before, after) of the last axis, then of the one before it."),
    "dilation": ("int or sequence of int", "From one number of a window to the next."),
    "return_indices": ("bool", "Also return where the numbers lie, for unpooling."),
    "ceil_mode": ("bool", "Round the number of windows up, so that the last one may reach over the end."),
    "count_include_pad": ("bool", "Whether padding counts where the sum is divided by the number of entries."),
    "divisor_override": ("int, optional", "Divide the sum by this instead."),
    "output_size": ("int or sequence of int", "How many windows, one number for all axes or one for each."),
    "AdaptivePool.output_size": ("int or sequence of int or None", "How many windows, one number for all axes or one for each; None leaves an axis as it is."),
    "Fold.output_size": ("int or sequence of int", "Height and width of the image."),
    "output_ratio": ("float or sequence of float", "The number of windows as a share of the length; instead of `output_size`."),
    "norm_type": ("float", "The exponent p."),
    "keepdim": ("bool", "Keep the axes that are summed over, with a length of 1."),
    "value": ("float", "The number of the frame."),
    "size": ("int or sequence of int", "The new lengths; or give a factor."),
    "scale_factor": ("float or sequence of float", "The new lengths as multiples of the old."),
    "mode": ('{"nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"}', "How numbers between places are found."),
    "align_corners": ("bool, optional", "Whether the middles of the corner pixels stay where they are, for the modes that interpolate."),
    "recompute_scale_factor": ("bool, optional", "Take the factor that the rounded lengths have."),
    "upscale_factor": ("int", "The factor r."),
    "downscale_factor": ("int", "The factor r."),
    "groups": ("int", "How many groups; divides the channels."),
    "dim": ("int", "The axis along which vectors lie."),
    "CosineSimilarity.eps": ("float", "Lengths count as at least this."),
    "PairwiseDistance.eps": ("float", "Added to every difference, so that the gradient exists where vectors are equal."),
    "p": ("float", "The exponent of the norm."),
    "LocalResponseNorm.size": ("int", "How many neighbouring channels."),
    "alpha": ("float", "Weight of the mean square."),
    "beta": ("float", "The exponent."),
    "k": ("float", "What is added to the energy."),
}


def row(name: str, function: Callable[..., Any], about: str, call: str, shape: str, shapes: str, *, axes: int | None = None, family: str = "",
        **defaults: Any) -> type:
    """The class of one row; `call` is how its example is made and called, `shape` what comes out, `family` whose texts settings have."""
    parameters = described(family or name, {key: value for key, value in defaults.items() if not key.startswith("_")}, _ABOUT)
    doc = (f"{about}{parameters}\n\nShapes\n------\n{shapes}\n\nExamples\n--------\n>>> import workbench as wb\n>>> wb.nn.{name}{call}.shape\n{shape}")
    kind = type(name, (FunctionLayer,), {"function": staticmethod(function), "defaults": defaults, "axes": axes, "__doc__": doc,
                                         "__module__": __name__})
    kind.__signature__ = inspect.signature(_stub(defaults))
    return kind


_AXES = {1: "one axis", 2: "two axes", 3: "three axes"}


def _image(axes: int, n: int = 8) -> str:
    return f"(wb.ones({', '.join(['1', '4', *[str(n)] * axes])}))"


def _out(channels: int, *lengths: int) -> str:
    return f"({', '.join(map(str, (1, channels, *lengths)))})"


def _over_places(reduce: Callable[..., Any], n: int) -> Callable[..., Any]:
    return lambda x, keepdim: reduce(x, axis=tuple(range(-n, 0)), keepdims=keepdim)


# Pooling ------------------------------------------------------------------------------------------------------------------
_PLACES = {1: "L", 2: "H, W", 3: "D, H, W"}


def _to(n: int, then: str) -> str:
    return f"Input (N, C, {_PLACES[n]}) or (C, {_PLACES[n]}); {then}"


def _lengths(n: int, formula: str) -> str:
    return _to(n, f"output the same with every length n now ``{formula}``.")


_MAX = dict(kernel_size=_REQUIRED, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False)
_MEAN = dict(kernel_size=_REQUIRED, stride=None, padding=0, ceil_mode=False, count_include_pad=True)
_SHRUNK = "(n + 2 padding - kernel_size) // stride + 1"
_SHARED = "``floor(i n / m) <= j < ceil((i + 1) n / m)``"
MaxPool1d, MaxPool2d, MaxPool3d = (
    row(f"MaxPool{n}d", getattr(F, f"max_pool{n}d"),
        f"``y[i] = max_j x[i stride + j dilation - padding]``: the largest number of every window, over {_AXES[n]} (Ranzato et al. 2007).",
        f"(2){_image(n)}", _out(4, *[4] * n), _lengths(n, "(n + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1"), axes=n, **_MAX)
    for n in (1, 2, 3))
AvgPool1d, AvgPool2d, AvgPool3d = (
    row(f"AvgPool{n}d", getattr(F, f"avg_pool{n}d"), f"``y[i] = mean_j x[i stride + j - padding]``: the mean of every window, over {_AXES[n]} (LeCun et al. 1998).",
        f"(2){_image(n)}", _out(4, *[4] * n), _lengths(n, _SHRUNK), axes=n, **_MEAN, **({} if n == 1 else {"divisor_override": None})) for n in (1, 2, 3))
AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = (
    row(f"AdaptiveAvgPool{n}d", getattr(F, f"adaptive_avg_pool{n}d"),
        f"The mean of each of m windows over {_AXES[n]} of length n, however long it is: y[i] is the mean of x[j] with {_SHARED} (He et al. 2014).",
        f"(2){_image(n)}", _out(4, *[2] * n), _to(n, "output (N, C, *output_size)."), axes=n, family="AdaptivePool",
        output_size=_REQUIRED) for n in (1, 2, 3))
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = (
    row(f"AdaptiveMaxPool{n}d", getattr(F, f"adaptive_max_pool{n}d"),
        f"The largest number of each of m windows over {_AXES[n]} of length n, however long it is: y[i] is that of x[j] with {_SHARED} (He et al. 2014).",
        f"(2){_image(n)}", _out(4, *[2] * n), _to(n, "output (N, C, *output_size)."), axes=n, family="AdaptivePool",
        output_size=_REQUIRED, return_indices=False)
    for n in (1, 2, 3))
LPPool1d, LPPool2d, LPPool3d = (
    row(f"LPPool{n}d", getattr(F, f"lp_pool{n}d"),
        f"``y[i] = (sum_j x[i stride + j]^p)^(1 / p)``: the p-norm of every window, over {_AXES[n]} (Sermanet et al. 2012).",
        f"(2, 2){_image(n)}", _out(4, *[4] * n), _lengths(n, "(n - kernel_size) // stride + 1"), axes=n, norm_type=_REQUIRED, kernel_size=_REQUIRED,
        stride=None, ceil_mode=False) for n in (1, 2, 3))
FractionalMaxPool2d, FractionalMaxPool3d = (
    row(f"FractionalMaxPool{n}d", getattr(F, f"fractional_max_pool{n}d"),
        f"``y[i] = max_j x[a[i] + j]`` with window starts a drawn at random, over {_AXES[n]}, so that an input may shrink by any factor (Graham 2014).",
        f"(2, output_size=3){_image(n)}", _out(4, *[3] * n), _to(n, "output (N, C, *output_size), or every length times `output_ratio`, rounded down."),
        axes=n, kernel_size=_REQUIRED, output_size=None, output_ratio=None, return_indices=False, _random_samples=None) for n in (2, 3))
GlobalAvgPool1d, GlobalAvgPool2d, GlobalAvgPool3d = (
    row(f"GlobalAvgPool{n}d", _over_places(ops.mean, n), f"``y[c] = mean over {_PLACES[n]} of x[c]``, one number per channel (Lin et al. 2013).",
        f"(){_image(n)}", _out(4), _to(n, f"output (N, C), or (N, C, {', '.join('1' * n)}) with `keepdim`."), axes=n, keepdim=False) for n in (1, 2, 3))
GlobalMaxPool1d, GlobalMaxPool2d, GlobalMaxPool3d = (
    row(f"GlobalMaxPool{n}d", _over_places(ops.amax, n), f"``y[c] = max over {_PLACES[n]} of x[c]``, one number per channel (Oquab et al. 2015).",
        f"(){_image(n)}", _out(4), _to(n, f"output (N, C), or (N, C, {', '.join('1' * n)}) with `keepdim`."), axes=n, keepdim=False) for n in (1, 2, 3))
MaxUnpool1d, MaxUnpool2d, MaxUnpool3d = (
    row(f"MaxUnpool{n}d", getattr(F, f"max_unpool{n}d"),
        f"``y[indices[i]] = x[i]``, else 0: numbers back to where max pooling over {_AXES[n]} found them (Zeiler and Fergus 2013).",
        f"(2)(*wb.nn.MaxPool{n}d(2, return_indices=True){_image(n)})", _out(4, *[8] * n),
        _to(n, "indices of that shape; output the same with every length n now ``(n - 1) stride - 2 padding + kernel_size``, or what the call gives as "
               "`output_size`."), axes=n, family="MaxUnpool", kernel_size=_REQUIRED, stride=None, padding=0) for n in (1, 2, 3))

# Padding ------------------------------------------------------------------------------------------------------------------
def _pads(mode: str, n: int) -> Callable[..., Any]:
    def pad(x: Tensor, padding: Any, value: float | None = None) -> Tensor:
        return F.pad(x, (padding,) * (2 * n) if isinstance(padding, int) else padding, mode, value)

    return pad


def _padding(prefix: str, mode: str, about: str) -> tuple[type, ...]:
    more = {"value": _REQUIRED} if prefix == "Constant" else {}
    made = "(1, 0.5)" if more else "(1)"
    return tuple(row(f"{prefix}Pad{n}d", _pads(mode, n), f"{about}, over {_AXES[n]}.", f"{made}{_image(n, 4)}", _out(4, *[6] * n),
                     _lengths(n, "before + n + after"), axes=n, family="Pad", padding=_REQUIRED, **more) for n in (1, 2, 3))


_INSIDE = "``y[before + i] = x[i]`` and around it"
ConstantPad1d, ConstantPad2d, ConstantPad3d = _padding("Constant", "constant", f"{_INSIDE} a frame of one number")
ZeroPad1d, ZeroPad2d, ZeroPad3d = _padding("Zero", "constant", f"{_INSIDE} a frame of zeros")
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = _padding("Reflection", "reflect",
                                                             "``y[before - i] = x[i]``: a frame that mirrors the inside, without the border itself")
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = _padding("Replication", "replicate",
                                                                "``y[i] = x[min(max(i - before, 0), n - 1)]``: a frame that repeats the border")
CircularPad1d, CircularPad2d, CircularPad3d = _padding("Circular", "circular", "``y[i] = x[(i - before) mod n]``: a frame taken from the opposite side")

# Resizing and rearranging -------------------------------------------------------------------------------------------------
_SIZES = dict(size=None, scale_factor=None)
_SIZED = "every length n now `size` or ``floor(n scale_factor)``."
Upsample = row("Upsample", F.interpolate, "``y[i] = x[floor(i n / m)]`` (nearest) or weighted means of neighbours: from lengths n to lengths m, over one to "
               "three axes; see `interpolate` (Keys 1981 for the bicubic one).", f"(scale_factor=2){_image(2)}", _out(4, 16, 16),
               f"Input (N, C, L), (N, C, H, W) or (N, C, D, H, W); output the same with {_SIZED}", **_SIZES, mode="nearest", align_corners=None,
               recompute_scale_factor=None)
UpsamplingNearest2d = row("UpsamplingNearest2d", lambda x, **k: F.interpolate(x, mode="nearest", **k),
                          "``y[i, j] = x[floor(i n / m), floor(j n' / m')]``: images of n x n' pixels resized to m x m' by repeating pixels.",
                          f"(scale_factor=2){_image(2)}", _out(4, 16, 16), f"Input (N, C, H, W); output the same with {_SIZED}", axes=2, **_SIZES)
UpsamplingBilinear2d = row("UpsamplingBilinear2d", lambda x, **k: F.interpolate(x, mode="bilinear", align_corners=True, **k),
                           "Images resized by bilinear interpolation: pixel i of m lies at ``i (n - 1) / (m - 1)`` among the n, corners on corners.",
                           f"(scale_factor=2){_image(2)}", _out(4, 16, 16), f"Input (N, C, H, W); output the same with {_SIZED}", axes=2, **_SIZES)
PixelShuffle = row("PixelShuffle", F.pixel_shuffle, "Channels become pixels: ``y[c, h r + i, w r + j] = x[c r^2 + i r + j, h, w]`` (Shi et al. 2016).",
                   f"(2){_image(2)}", _out(1, 16, 16), "Input (..., C r r, H, W); output (..., C, H r, W r).", upscale_factor=_REQUIRED)
PixelUnshuffle = row("PixelUnshuffle", F.pixel_unshuffle,
                     "Pixels become channels, undoing `PixelShuffle`: ``y[c r^2 + i r + j, h, w] = x[c, h r + i, w r + j]`` (Shi et al. 2016).",
                     f"(2){_image(2)}", _out(16, 4, 4), "Input (..., C, H r, W r); output (..., C r r, H, W).", downscale_factor=_REQUIRED)
ChannelShuffle = row("ChannelShuffle", F.channel_shuffle,
                     "Channels of g groups, dealt out like cards: ``y[j g + i] = x[i C / g + j]`` (Zhang et al. 2017).", f"(2){_image(2)}",
                     _out(4, 8, 8), "Input (N, C, ...); output of the same shape.", groups=_REQUIRED)
_WINDOWS = dict(kernel_size=_REQUIRED, dilation=1, padding=0, stride=1)
Unfold = row("Unfold", F.unfold, "Every window of an image as a column: ``y[(c, i, j), l] = x[c, top(l) + i dilation, left(l) + j dilation]`` for windows l, row "
             "by row (Chellapilla et al. 2006).", f"(2){_image(2)}", "(1, 16, 49)",
             "Input (N, C, H, W) or (C, H, W); output (N, C k k', windows) for windows of k x k'.", **_WINDOWS)
Fold = row("Fold", F.fold, "Columns back into an image, undoing `Unfold` up to a factor: ``y[c, h, w] = sum of x[(c, i, j), l]`` over all windows l and places "
           "(i, j) that lie there.", "((8, 8), 2)(wb.ones(1, 16, 49))", _out(4, 8, 8),
           "Input (N, C k k', windows) or (C k k', windows) for windows of k x k'; output (N, C, *output_size).", output_size=_REQUIRED, **_WINDOWS)

# Distances, normalization without weights -----------------------------------------------------------------------------------
CosineSimilarity = row("CosineSimilarity", F.cosine_similarity, "``x1 . x2 / (|x1| |x2|)``: the cosine of the angle between vectors along `dim`.",
                       "()(wb.ones(2, 3), wb.ones(2, 3))", "(2,)", "Two inputs (..., D, ...) with D at `dim`; output (..., ...) without it.", dim=1, eps=1e-8)
PairwiseDistance = row("PairwiseDistance", F.pairwise_distance, "``(sum |x1 - x2 + eps|^p)^(1 / p)``: the p-norm of differences along the last axis.",
                       "()(wb.ones(2, 3), wb.zeros(2, 3))", "(2,)", "Two inputs (N, D) or (D,); output (N,) or (), with `keepdim` (N, 1) or (1,).",
                       p=2.0, eps=1e-6, keepdim=False)
LocalResponseNorm = row("LocalResponseNorm", F.local_response_norm,
                        "``x / (k + alpha m)^beta`` with m the mean square of `size` neighbouring channels (Krizhevsky et al. 2012).",
                        f"(2){_image(2)}", _out(4, 8, 8), "Input (N, C, ...); output of the same shape.", size=_REQUIRED, alpha=1e-4, beta=0.75, k=1.0)

__all__ = sorted(name for name, value in vars().items() if isinstance(value, type) and issubclass(value, FunctionLayer) and value is not FunctionLayer)

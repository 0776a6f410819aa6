"""Layers without weights, one row each over the function of the same formula: pooling, padding, resizing, rearranging, distances.

A row gives the class its signature (PyTorch's), its docstring and its forward; there is nothing else to such a layer.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ShapeError
from . import functional as F
from .activation import _REQUIRED, _stub
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


def row(name: str, function: Callable[..., Any], about: str, call: str, shape: str, *, axes: int | None = None, **defaults: Any) -> type:
    """The class of one row; `call` is how its example is made and called, `shape` what comes out."""
    settings = "".join(f"\n{key} : {'required' if value is _REQUIRED else repr(value) + ' by default'}" for key, value in defaults.items()
                       if not key.startswith("_"))
    parameters = f"\n\nParameters\n----------{settings}" if settings else ""
    doc = f"{about}{parameters}\n\nExamples\n--------\n>>> import workbench as wb\n>>> wb.nn.{name}{call}.shape\n{shape}"
    kind = type(name, (FunctionLayer,), {"function": staticmethod(function), "defaults": defaults, "axes": axes, "__doc__": doc,
                                         "__module__": __name__})
    kind.__signature__ = inspect.signature(_stub(defaults))
    return kind


def _image(axes: int, n: int = 8) -> str:
    return f"(wb.ones({', '.join(['1', '4', *[str(n)] * axes])}))"


def _out(channels: int, *lengths: int) -> str:
    return f"({', '.join(map(str, (1, channels, *lengths)))})"


def _over_places(reduce: Callable[..., Any], n: int) -> Callable[..., Any]:
    return lambda x, keepdim: reduce(x, axis=tuple(range(-n, 0)), keepdims=keepdim)


# Pooling ------------------------------------------------------------------------------------------------------------------
_MAX = dict(kernel_size=_REQUIRED, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False)
_MEAN = dict(kernel_size=_REQUIRED, stride=None, padding=0, ceil_mode=False, count_include_pad=True)
MaxPool1d, MaxPool2d, MaxPool3d = (
    row(f"MaxPool{n}d", getattr(F, f"max_pool{n}d"), f"The largest number of every window over {n} axes; with `return_indices` also where it lies.",
        f"(2){_image(n)}", _out(4, *[4] * n), axes=n, **_MAX) for n in (1, 2, 3))
AvgPool1d = row("AvgPool1d", F.avg_pool1d, "The mean of every window over one axis.", f"(2){_image(1)}", _out(4, 4), axes=1, **_MEAN)
AvgPool2d, AvgPool3d = (
    row(f"AvgPool{n}d", getattr(F, f"avg_pool{n}d"), f"The mean of every window over {n} axes.", f"(2){_image(n)}", _out(4, *[4] * n), axes=n, **_MEAN,
        divisor_override=None) for n in (2, 3))
AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = (
    row(f"AdaptiveAvgPool{n}d", getattr(F, f"adaptive_avg_pool{n}d"), f"The mean of as many windows over {n} axes as `output_size` asks for.",
        f"(2){_image(n)}", _out(4, *[2] * n), axes=n, output_size=_REQUIRED) for n in (1, 2, 3))
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = (
    row(f"AdaptiveMaxPool{n}d", getattr(F, f"adaptive_max_pool{n}d"), f"The largest number of as many windows over {n} axes as `output_size` asks for.",
        f"(2){_image(n)}", _out(4, *[2] * n), axes=n, output_size=_REQUIRED, return_indices=False) for n in (1, 2, 3))
LPPool1d, LPPool2d, LPPool3d = (
    row(f"LPPool{n}d", getattr(F, f"lp_pool{n}d"), f"The p-norm of every window over {n} axes, without absolute values.", f"(2, 2){_image(n)}",
        _out(4, *[4] * n), axes=n, norm_type=_REQUIRED, kernel_size=_REQUIRED, stride=None, ceil_mode=False) for n in (1, 2, 3))
FractionalMaxPool2d, FractionalMaxPool3d = (
    row(f"FractionalMaxPool{n}d", getattr(F, f"fractional_max_pool{n}d"), f"The largest number of windows of random lengths over {n} axes (Graham 2014).",
        f"(2, output_size=3){_image(n)}", _out(4, *[3] * n), axes=n, kernel_size=_REQUIRED, output_size=None, output_ratio=None, return_indices=False,
        _random_samples=None) for n in (2, 3))
GlobalAvgPool1d, GlobalAvgPool2d, GlobalAvgPool3d = (
    row(f"GlobalAvgPool{n}d", _over_places(ops.mean, n), f"The mean of every channel over all {n} axes of places (Lin et al. 2013).",
        f"(){_image(n)}", _out(4), axes=n, keepdim=False) for n in (1, 2, 3))
GlobalMaxPool1d, GlobalMaxPool2d, GlobalMaxPool3d = (
    row(f"GlobalMaxPool{n}d", _over_places(ops.amax, n), f"The largest number of every channel over all {n} axes of places (Oquab et al. 2015).",
        f"(){_image(n)}", _out(4), axes=n, keepdim=False) for n in (1, 2, 3))
MaxUnpool1d, MaxUnpool2d, MaxUnpool3d = (
    row(f"MaxUnpool{n}d", getattr(F, f"max_unpool{n}d"), f"Numbers back to where max pooling over {n} axes found them, zeros elsewhere.",
        f"(2)(*wb.nn.MaxPool{n}d(2, return_indices=True){_image(n)})", _out(4, *[8] * n), axes=n, kernel_size=_REQUIRED, stride=None, padding=0)
    for n in (1, 2, 3))

# Padding ------------------------------------------------------------------------------------------------------------------
def _pads(mode: str, n: int) -> Callable[..., Any]:
    def pad(x: Tensor, padding: Any, value: float | None = None) -> Tensor:
        return F.pad(x, (padding,) * (2 * n) if isinstance(padding, int) else padding, mode, value)

    return pad


def _padding(prefix: str, mode: str, about: str) -> tuple[type, ...]:
    more = {"value": _REQUIRED} if prefix == "Constant" else {}
    made = "(1, 0.5)" if more else "(1)"
    return tuple(row(f"{prefix}Pad{n}d", _pads(mode, n), f"{about} Over {n} axes, `padding` at both ends, or (before, after) from the last axis on.",
                     f"{made}{_image(n, 4)}", _out(4, *[6] * n), axes=n, padding=_REQUIRED, **more) for n in (1, 2, 3))


ConstantPad1d, ConstantPad2d, ConstantPad3d = _padding("Constant", "constant", "A frame of one number.")
ZeroPad1d, ZeroPad2d, ZeroPad3d = _padding("Zero", "constant", "A frame of zeros.")
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = _padding("Reflection", "reflect", "A frame that mirrors the inside, without the border itself.")
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = _padding("Replication", "replicate", "A frame that repeats the border.")
CircularPad1d, CircularPad2d, CircularPad3d = _padding("Circular", "circular", "A frame taken from the opposite side.")

# Resizing and rearranging -------------------------------------------------------------------------------------------------
_SIZES = dict(size=None, scale_factor=None)
Upsample = row("Upsample", F.interpolate, "Resize over one to three axes; see `interpolate`.", f"(scale_factor=2){_image(2)}", _out(4, 16, 16), **_SIZES,
               mode="nearest", align_corners=None, recompute_scale_factor=None)
UpsamplingNearest2d = row("UpsamplingNearest2d", lambda x, **k: F.interpolate(x, mode="nearest", **k), "Resize images by repeating pixels.",
                          f"(scale_factor=2){_image(2)}", _out(4, 16, 16), axes=2, **_SIZES)
UpsamplingBilinear2d = row("UpsamplingBilinear2d", lambda x, **k: F.interpolate(x, mode="bilinear", align_corners=True, **k),
                           "Resize images by bilinear interpolation, corners on corners.", f"(scale_factor=2){_image(2)}", _out(4, 16, 16), axes=2, **_SIZES)
PixelShuffle = row("PixelShuffle", F.pixel_shuffle, "Channels become pixels: (C r r, H, W) to (C, H r, W r) (Shi et al. 2016).", f"(2){_image(2)}",
                   _out(1, 16, 16), upscale_factor=_REQUIRED)
PixelUnshuffle = row("PixelUnshuffle", F.pixel_unshuffle, "Pixels become channels: (C, H r, W r) to (C r r, H, W).", f"(2){_image(2)}", _out(16, 4, 4),
                     downscale_factor=_REQUIRED)
ChannelShuffle = row("ChannelShuffle", F.channel_shuffle, "Channels of `groups` groups, dealt out like cards (Zhang et al. 2017).", f"(2){_image(2)}",
                     _out(4, 8, 8), groups=_REQUIRED)
_WINDOWS = dict(kernel_size=_REQUIRED, dilation=1, padding=0, stride=1)
Unfold = row("Unfold", F.unfold, "Every window of an image as a column: (N, C, H, W) to (N, C k k, L).", f"(2){_image(2)}", "(1, 16, 49)", **_WINDOWS)
Fold = row("Fold", F.fold, "Columns back into an image; where windows overlap they add up.", "((8, 8), 2)(wb.ones(1, 16, 49))", _out(4, 8, 8),
           output_size=_REQUIRED, **_WINDOWS)

# Distances, normalization without weights -----------------------------------------------------------------------------------
CosineSimilarity = row("CosineSimilarity", F.cosine_similarity, "The cosine of the angle between vectors along `dim`.", "()(wb.ones(2, 3), wb.ones(2, 3))",
                       "(2,)", dim=1, eps=1e-8)
PairwiseDistance = row("PairwiseDistance", F.pairwise_distance, "The p-norm of differences along the last axis.", "()(wb.ones(2, 3), wb.zeros(2, 3))", "(2,)",
                       p=2.0, eps=1e-6, keepdim=False)
LocalResponseNorm = row("LocalResponseNorm", F.local_response_norm, "Divide by the energy of neighbouring channels (Krizhevsky et al. 2012).",
                        f"(2){_image(2)}", _out(4, 8, 8), size=_REQUIRED, alpha=1e-4, beta=0.75, k=1.0)

__all__ = sorted(name for name, value in vars().items() if isinstance(value, type) and issubclass(value, FunctionLayer) and value is not FunctionLayer)

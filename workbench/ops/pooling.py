"""Pooling over one, two or three axes: every window of an image becomes one number.

Largest and mean numbers of sliding windows are ops over the strided view of `window`; everything else is a formula in
other ops. Windows that differ in size or place (adaptive, fractional) are tables of places to choose from.
"""
from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.declare import fused, op
from ..core.errors import ArgumentError, AxisError, DTypeError, ShapeError
from ..core.op import Op
from ..core.tensor import Tensor
from . import elementwise as ew
from .movement import _reshape, broadcast_to, expand_dims, pad_constant, squeeze
from .random import rand
from .reduce import argmax, mean, stop_gradient, sum
from .resample import Rule, area_bounds, constant, flat_places, resample
from .scatter import gather_along
from .window import LETTERS, Size, Sizes, add_windows, check_kernel, places, sizes, windows


@op(batch=batching.fold)
class window_view:
    """Windows of x (N, C, *size) as rows: (N, C, *out, elements of the window)."""

    def forward(xp, x, *, kernel, stride, dilation):
        view = windows(xp, x, kernel, stride, dilation)
        return view.reshape(*view.shape[:x.ndim], math.prod(kernel))

    def vjp(g, xs, *, kernel, stride, dilation):
        return window_sum(g, shape=tuple(xs), kernel=kernel, stride=stride, dilation=dilation)

    linear = (0,)


def _window_sum_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    x = values[0]
    size, (n, *rest) = x.shape[0], params["shape"]
    out = op.call(_reshape(x, shape=(size * n, *x.shape[2:])), **{**params, "shape": (size * n, *rest)})
    return _reshape(out, shape=(size, n, *rest))


@op(batch=_window_sum_batch)
class window_sum:
    """Add rows of windows back into `shape`: the transpose of `window_view`."""

    def forward(xp, x, *, shape, kernel, stride, dilation):
        return add_windows(xp, x.reshape(*x.shape[:-1], *kernel), shape, stride, dilation)

    def vjp(g, *, shape, kernel, stride, dilation):
        return window_view(g, kernel=kernel, stride=stride, dilation=dilation)

    linear = (0,)


def max_windows_reference(x: Tensor, *, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Tensor:
    """The largest element of every window, picked by its place."""
    options = dict(kernel=kernel, stride=stride, dilation=dilation)
    return gather_along(window_view(x, **options), largest_in_window(x, **options), axis=len(x.shape))[..., 0]


@fused(reference=max_windows_reference, arity=1, inexact=False)
class max_windows:
    """The largest element of every window."""

    def forward(xp, x, *, kernel, stride, dilation):
        first, *others = places(x.shape[2:], kernel, stride, dilation)
        o = x[(..., *first)].copy(order="K")
        for place in others:
            xp.maximum(o, x[(..., *place)], out=o)
        return o, o

    def backward(xp, g, needs, o, x, *, kernel, stride, dilation):
        """The first element equal to the maximum gets the gradient (any NaN stands for a NaN maximum)."""
        dx, open_, undefined = xp.zeros_like(x), xp.ones_like(o, dtype=bool), o != o
        any_undefined = xp is not np or undefined.any()  # a device is not asked, and waited for
        apart = all(s > (k - 1) * d for k, s, d in zip(kernel, stride, dilation, strict=True))
        for place in places(x.shape[2:], kernel, stride, dilation):
            here, target = x[(..., *place)], dx[(..., *place)]
            hit = here == o
            if any_undefined:
                hit |= here != here
            hit &= open_
            open_ ^= hit
            if apart:
                xp.multiply(g, hit, out=target)
            else:
                target += g * hit
        return (dx,)


@op(batch=batching.fold)
class largest_in_window:
    """Which element of every window is the largest (the first one if tied), with a last axis of length one."""

    def forward(xp, x, *, kernel, stride, dilation):
        view = windows(xp, x, kernel, stride, dilation)
        return view.reshape(*view.shape[:x.ndim], math.prod(kernel)).argmax(axis=-1)[..., None]


# What sliding windows share ----------------------------------------------------------------------------------------------
def samples(what: str, axes: int, x: Tensor) -> tuple[Tensor, bool]:
    """The input with an axis of samples, and whether that had to be added."""
    if len(x.shape) not in (axes + 1, axes + 2):
        raise ShapeError(f"{what}: expected an input (N, C, {LETTERS[axes]}) or (C, {LETTERS[axes]}), got {tuple(x.shape)}")
    if 0 in x.shape[-axes - 1:]:
        raise ShapeError(f"{what}: an input of shape {tuple(x.shape)} has no numbers; only the axis of samples may be empty")
    return (expand_dims(x, 0), True) if len(x.shape) == axes + 1 else (x, False)


def _sliding(what: str, axes: int, kernel: Size, stride: Size | None, padding: Size) -> tuple[Sizes, Sizes, Sizes]:
    """Kernel, stride and padding of each axis; torch.nn also says "no stride" by an empty list."""
    kernel = sizes(kernel, axes, f"{what}: kernel_size")
    stride = kernel if stride is None or stride == [] else sizes(stride, axes, f"{what}: stride")
    padding = sizes(padding, axes, f"{what}: padding", 0)
    if any(p > k // 2 for p, k in zip(padding, kernel, strict=True)):
        raise ArgumentError(f"{what}: padding {padding} is more than half of the kernel {kernel}")
    return kernel, stride, padding


def _ceil_widths(x: Tensor, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool) -> tuple[Sizes, ...]:
    """Padding of each axis, with what ceil_mode adds behind so that a last partial window exists."""
    widths = []
    for n, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True):
        extra = 0
        if ceil_mode:
            reach = (k - 1) * d + 1
            count = -(-(n + 2 * p - reach) // s) + 1
            count -= (count - 1) * s >= n + p
            extra = max(0, (count - 1) * s + reach - (n + 2 * p))
        widths.append((p, p + extra))
    return tuple(widths)


def _padded(x: Any, widths: tuple[Sizes, ...], value: float = 0) -> Any:
    return pad_constant(x, widths=((0, 0), (0, 0), *widths), value=value) if any(w != (0, 0) for w in widths) else x


def _single(x: Any, single: bool) -> Any:
    return squeeze(x, 0) if single else x


# Largest numbers ---------------------------------------------------------------------------------------------------------
def _max_pool(what: str, axes: int, x: Tensor, kernel_size: Size, stride: Size | None, padding: Size, dilation: Size,
              ceil_mode: bool, return_indices: bool) -> Any:
    x, single = samples(what, axes, x)
    kernel, stride, padding = _sliding(what, axes, kernel_size, stride, padding)
    dilation = sizes(dilation, axes, f"{what}: dilation")
    widths = _ceil_widths(x, kernel, stride, padding, dilation, ceil_mode)
    check_kernel(what, x, widths, kernel, dilation)
    framed = _padded(x, widths, -math.inf if x.dtype.kind in "fV" else int(np.iinfo(x.dtype).min))
    out = _single(max_windows(framed, kernel=kernel, stride=stride, dilation=dilation), single)
    if not return_indices:
        return out
    place = squeeze(largest_in_window(framed, kernel=kernel, stride=stride, dilation=dilation), -1)
    return out, _single(_places(place, x.shape[2:], kernel, stride, padding, dilation), single)


def _places(inside: Tensor, lengths: Sequence[int], kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Tensor:
    """Places in the flattened image, from places in the flattened window."""
    coordinates: list[Any] = []
    for axis in reversed(range(len(kernel))):
        count = inside.shape[2 + axis]
        first = np.arange(count).reshape(-1, *(1,) * (len(kernel) - 1 - axis)) * stride[axis] - padding[axis]
        coordinates.insert(0, ew.remainder(inside, kernel[axis]) * dilation[axis] + constant(first, inside))
        inside = ew.floor_divide(inside, kernel[axis])
    return flat_places(coordinates, tuple(lengths))


def max_pool1d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """The largest number in every window of `input` (N, C, L), and with `return_indices` where it was.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.max_pool1d(wb.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2).tolist()
    [[[3.0, 2.0]]]
    """
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """The largest number in every window of `input` (N, C, H, W), and with `return_indices` where it was in the flattened image.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.max_pool2d(wb.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """The largest number in every window of `input` (N, C, D, H, W), and with `return_indices` where it was.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.max_pool3d(wb.arange(8.0).reshape(1, 1, 2, 2, 2), 2).tolist()
    [[[[[7.0]]]]]
    """
    return _max_pool("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _choose(x: Tensor, places: Tensor, out: Sizes, single: bool, return_indices: bool) -> Any:
    """The largest of the numbers at `places` (N or 1, C or 1, outputs, choices) of the flattened image."""
    flat = _reshape(x, shape=(*x.shape[:2], math.prod(x.shape[2:])))
    count, choices = places.shape[2:]
    every = gather_along(stop_gradient(flat), _reshape(places, shape=(*places.shape[:2], count * choices)), axis=2)
    best = argmax(_reshape(every, shape=(*x.shape[:2], count, choices)), axis=3, keepdims=True)
    chosen = squeeze(gather_along(broadcast_to(places, (*x.shape[:2], count, choices)), best, axis=3), 3)
    values = _single(_reshape(gather_along(flat, chosen, axis=2), shape=(*x.shape[:2], *out)), single)
    return (values, _single(_reshape(chosen, shape=(*x.shape[:2], *out)), single)) if return_indices else values


def _adaptive_sizes(what: str, x: Tensor, output_size: Any, axes: int) -> Sizes:
    given = (output_size,) * axes if isinstance(output_size, int) or output_size is None else tuple(output_size)
    if len(given) != axes:
        raise ArgumentError(f"{what}: output_size={output_size!r}; expected one number or {axes}")
    wanted = tuple(n if size is None else size for size, n in zip(given, x.shape[2:], strict=True))
    if any(n < 1 for n in wanted):
        raise ArgumentError(f"{what}: output_size={output_size!r}; expected numbers of at least 1")
    return wanted


def _adaptive_max(what: str, axes: int, x: Tensor, output_size: Any, return_indices: bool) -> Any:
    x, single = samples(what, axes, x)
    out, lengths = _adaptive_sizes(what, x, output_size, axes), tuple(x.shape[2:])
    grid = []
    for axis, (length, count) in enumerate(zip(lengths, out, strict=True)):
        start, stop = area_bounds(length, count)
        # A window shorter than the widest one repeats its last place: that never changes the first largest number.
        inside = np.minimum(start[:, None] + np.arange((stop - start).max()), stop[:, None] - 1)
        shape = [1] * (2 * axes)
        shape[axis], shape[axes + axis] = inside.shape
        grid.append(inside.reshape(shape))
    places = np.asarray(flat_places(grid, lengths)).reshape(1, 1, math.prod(out), -1)
    return _choose(x, constant(places, x), out, single, return_indices)


def adaptive_max_pool1d(input: Tensor, output_size: int | Sequence[int], return_indices: bool = False) -> Any:
    """The largest of as many windows of `input` (N, C, L) as `output_size` asks for, as even as possible.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.adaptive_max_pool1d(wb.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2).tolist()
    [[[3.0, 2.0]]]
    """
    return _adaptive_max("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: int | Sequence[int | None], return_indices: bool = False) -> Any:
    """The largest of as many windows of `input` (N, C, H, W) as `output_size` asks for (None keeps an axis).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.adaptive_max_pool2d(wb.ones(1, 2, 5, 7), (1, None)).shape
    (1, 2, 1, 7)
    """
    return _adaptive_max("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: int | Sequence[int | None], return_indices: bool = False) -> Any:
    """The largest of as many windows of `input` (N, C, D, H, W) as `output_size` asks for (None keeps an axis).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.adaptive_max_pool3d(wb.ones(1, 2, 4, 5, 7), 2).shape
    (1, 2, 2, 2, 2)
    """
    return _adaptive_max("adaptive_max_pool3d", 3, input, output_size, return_indices)


def _fractional(what: str, axes: int, x: Tensor, kernel_size: Size, output_size: Size | None, output_ratio: Any,
                return_indices: bool, _random_samples: Tensor | None) -> Any:
    x, single = samples(what, axes, x)
    kernel, lengths = sizes(kernel_size, axes, f"{what}: kernel_size"), tuple(x.shape[2:])
    if (output_size is None) == (output_ratio is None):
        raise ArgumentError(f"{what}: give output_size or output_ratio, one of them")
    if output_size is None:
        ratios = (output_ratio,) * axes if isinstance(output_ratio, float) else tuple(output_ratio)
        if any(not 0 < r < 1 for r in ratios):
            raise ArgumentError(f"{what}: output_ratio={output_ratio!r}; expected numbers between 0 and 1")
        output_size = [int(n * r) for n, r in zip(lengths, ratios, strict=True)]
    out = sizes(output_size, axes, f"{what}: output_size")
    if any(o + k - 1 > n for o, k, n in zip(out, kernel, lengths, strict=True)):
        raise ShapeError(f"{what}: {out} windows of {kernel} do not fit into an image of {lengths}")
    shifts = rand(*x.shape[:2], axes, dtype=x.dtype) if _random_samples is None else _random_samples
    grid = []
    for axis in range(axes):
        # PyTorch's samples begin with the last axis in two dimensions, and with the first in three.
        sample = stop_gradient(shifts)[..., axes - 1 - axis if axes == 2 else axis]
        start = _fractional_starts(sample, lengths[axis], out[axis], kernel[axis])
        shape = [*start.shape[:2], *(1,) * (2 * axes)]
        inside = expand_dims(start, -1) + constant(np.arange(kernel[axis]), start)
        shape[2 + axis], shape[2 + axes + axis] = out[axis], kernel[axis]
        grid.append(_reshape(inside, shape=tuple(shape)))
    places = flat_places(grid, lengths)
    places = _reshape(places, shape=(*places.shape[:2], math.prod(out), -1))
    return _choose(x, places, out, single, return_indices)


def _fractional_starts(sample: Tensor, length: int, count: int, kernel: int) -> Tensor:
    """Where the windows begin (N, C, count): steps of one or another whole number, in an order that `sample` shifts."""
    from .movement import concat

    last = constant(np.full((1, 1, 1), length - kernel), sample)
    last = broadcast_to(last, (*sample.shape[:2], 1))
    if count == 1:
        return last
    step = (length - kernel) / (count - 1)
    shift = expand_dims(sample, -1)
    order = constant(np.arange(count - 1).astype(sample.dtype), sample)
    starts = ew.floor((shift + order) * step) - ew.floor(shift * step)
    return concat([starts.to("int64"), last], axis=2)


def fractional_max_pool2d(input: Tensor, kernel_size: Size, output_size: Size | None = None,
                          output_ratio: float | Sequence[float] | None = None, return_indices: bool = False,
                          _random_samples: Tensor | None = None) -> Any:
    """The largest number in windows whose distances are drawn, so that an image may shrink by any factor (Graham 2014).

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W)
    kernel_size : int or pair of int
    output_size, output_ratio : int or pair of int, float or pair of float
        One of them: the size of the result, or its share of the input's.
    return_indices : bool
        Also return the place of each largest number in the flattened image.
    _random_samples : Tensor, shape (N, C, 2), optional
        Numbers in [0, 1) that choose the windows.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.ops.fractional_max_pool2d(wb.ones(1, 2, 5, 5), 2, output_size=3).shape
    (1, 2, 3, 3)
    """
    return _fractional("fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def fractional_max_pool3d(input: Tensor, kernel_size: Size, output_size: Size | None = None,
                          output_ratio: float | Sequence[float] | None = None, return_indices: bool = False,
                          _random_samples: Tensor | None = None) -> Any:
    """`fractional_max_pool2d` for volumes (N, C, D, H, W).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.ops.fractional_max_pool3d(wb.ones(1, 2, 5, 5, 5), 2, output_size=3).shape
    (1, 2, 3, 3, 3)
    """
    return _fractional("fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


# Means -------------------------------------------------------------------------------------------------------------------
def _avg_pool(what: str, axes: int, x: Tensor, kernel_size: Size, stride: Size | None, padding: Size, ceil_mode: bool,
              count_include_pad: bool, divisor_override: int | None = None) -> Tensor:
    x, single = samples(what, axes, x)
    kernel, stride, padding = _sliding(what, axes, kernel_size, stride, padding)
    if divisor_override == 0:
        raise ArgumentError(f"{what}: divisor_override must not be zero")
    ones = (1,) * axes
    widths = _ceil_widths(x, kernel, stride, padding, ones, ceil_mode)
    check_kernel(what, x, widths, kernel, ones)
    total = sum(window_view(_padded(x, widths), kernel=kernel, stride=stride, dilation=ones), axis=-1)
    if divisor_override is not None:
        out = total / divisor_override
    elif not any(b for _, b in widths):
        out = total / math.prod(kernel)
    else:
        out = total / _window_counts(x, widths, kernel, stride, padding, count_include_pad)
    return _single(out, single)


def _window_counts(x: Tensor, widths: tuple[Sizes, ...], kernel: Sizes, stride: Sizes, padding: Sizes, include: bool) -> Tensor:
    """How many numbers each window averages: padding counts if asked, what ceil_mode added never does."""
    counts = []
    for n, (before, after), k, s, p in zip(x.shape[2:], widths, kernel, stride, padding, strict=True):
        inside = np.zeros(n + before + after)
        inside[(0 if include else before):(n + 2 * p if include else before + n)] = 1
        starts = np.arange(0, inside.size - k + 1, s)
        counts.append(np.array([inside[a:a + k].sum() for a in starts]))
    return constant(functools.reduce(np.multiply.outer, counts).astype(x.dtype), x)


def avg_pool1d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:
    """The mean of every window of `input` (N, C, L).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.avg_pool1d(wb.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2).tolist()
    [[[2.0, 1.0]]]
    """
    return _avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """The mean of every window of `input` (N, C, H, W).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.avg_pool2d(wb.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """
    return _avg_pool("avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """The mean of every window of `input` (N, C, D, H, W).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.avg_pool3d(wb.arange(8.0).reshape(1, 1, 2, 2, 2), 2).tolist()
    [[[[[3.5]]]]]
    """
    return _avg_pool("avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _adaptive_avg(what: str, axes: int, x: Tensor, output_size: Any) -> Tensor:
    x, single = samples(what, axes, x)
    wanted, lengths = _adaptive_sizes(what, x, output_size, axes), tuple(x.shape[2:])
    if any(n % count for n, count in zip(lengths, wanted, strict=True)):
        for axis, (length, count) in enumerate(zip(lengths, wanted, strict=True), start=2):
            x = resample(x, axis=axis, rule=Rule("area", length, count))
        return _single(x, single)
    split = [part for n, count in zip(lengths, wanted, strict=True) for part in (count, n // count)]
    return _single(mean(_reshape(x, shape=(*x.shape[:2], *split)), axis=tuple(range(3, 2 + 2 * axes, 2))), single)


def adaptive_avg_pool1d(input: Tensor, output_size: int | Sequence[int]) -> Tensor:
    """Means over as many windows of `input` (N, C, L) as `output_size` asks for, as even as possible.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.adaptive_avg_pool1d(wb.tensor([[[1.0, 3.0, 5.0]]]), 1).tolist()
    [[[3.0]]]
    """
    return _adaptive_avg("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: int | Sequence[int | None]) -> Tensor:
    """Means over as many windows of `input` (N, C, H, W) as `output_size` asks for, as even as possible (None keeps an axis).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.adaptive_avg_pool2d(wb.ones(1, 2, 5, 7), 1).shape
    (1, 2, 1, 1)
    """
    return _adaptive_avg("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: int | Sequence[int | None]) -> Tensor:
    """Means over as many windows of `input` (N, C, D, H, W) as `output_size` asks for (None keeps an axis).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.adaptive_avg_pool3d(wb.ones(1, 2, 4, 5, 7), 2).shape
    (1, 2, 2, 2, 2)
    """
    return _adaptive_avg("adaptive_avg_pool3d", 3, input, output_size)


# Back to the image -------------------------------------------------------------------------------------------------------
def _unpool_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    size = next(v.shape[0] for v, m in zip(values, mapped, strict=True) if m)
    full = [v if m else broadcast_to(v, (size, *v.shape)) for v, m in zip(values, mapped, strict=True)]
    out = op.call(*(_reshape(v, shape=(size * v.shape[1], *v.shape[2:])) for v in full), **params)
    return _reshape(out, shape=(size, -1, *out.shape[1:]))


@op(arity=2, batch=_unpool_batch, promotes=False)
class unpool:
    """Rows of zeros of `length` with the elements of each row of `x` at the places in `y`; the last of several stays."""

    def forward(xp, x, y, *, length):
        out = xp.zeros((x.shape[0], length), x.dtype)
        out[xp.arange(x.shape[0])[:, None], y] = x
        return out

    def joint(g, needs, y, *, length):
        return gather_along(g, y, axis=1), None

    linear = (0,)


def _max_unpool(what: str, axes: int, x: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None, padding: Size,
                output_size: Sequence[int] | None) -> Tensor:
    if indices.dtype != np.dtype("int64"):
        raise DTypeError(f"{what}: indices of dtype {indices.dtype}; expected int64, as max_pool{axes}d(..., return_indices=True) gives them")
    if tuple(indices.shape) != tuple(x.shape):
        raise ShapeError(f"{what}: an input of shape {tuple(x.shape)} needs indices of that shape, got {tuple(indices.shape)}")
    x, single = samples(what, axes, x)
    kernel, stride, padding = _sliding(what, axes, kernel_size, stride, padding)
    usual = tuple((n - 1) * s - 2 * p + k for n, s, p, k in zip(x.shape[2:], stride, padding, kernel, strict=True))
    out = usual if output_size is None else tuple(output_size)[-axes:]
    if output_size is not None and (len(output_size) not in (axes, axes + 1, axes + 2)
                                    or any(abs(o - n) >= s for o, n, s in zip(out, usual, stride, strict=True))):
        raise ShapeError(f"{what}: output_size={tuple(output_size)} is not within a stride {stride} of the usual size {usual}")
    rows = (x.shape[0] * x.shape[1], math.prod(x.shape[2:]))
    places = _reshape(indices, shape=rows)
    if type(places) is Tensor and places.size and not (int(places.data.min()) >= 0 and int(places.data.max()) < math.prod(out)):
        raise AxisError(f"{what}: indices from {int(places.data.min())} to {int(places.data.max())} for an image of {out}")
    flat = unpool(_reshape(x, shape=rows), places, length=math.prod(out))
    return _single(_reshape(flat, shape=(*x.shape[:2], *out)), single)


def max_unpool1d(input: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
                 output_size: Sequence[int] | None = None) -> Tensor:
    """Zeros with the numbers of `input` (N, C, L) where `max_pool1d` found them.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.ops.max_unpool1d(wb.tensor([[[3.0]]]), wb.tensor([[[1]]]), 2).tolist()
    [[[0.0, 3.0]]]
    """
    return _max_unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(input: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
                 output_size: Sequence[int] | None = None) -> Tensor:
    """Zeros with the numbers of `input` (N, C, H, W) where `max_pool2d` found them (Zeiler and Fergus 2014).

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W)
    indices : Tensor of int64, the shape of x
        As ``max_pool2d(..., return_indices=True)`` gives them.
    kernel_size, stride, padding : int or pair of int
        Those of the pooling.
    output_size : sequence of int, optional
        The size of the image, where several are pooled to the size of x.

    Examples
    --------
    >>> import workbench as wb
    >>> pooled, places = wb.max_pool2d(wb.arange(4.0).reshape(1, 1, 2, 2), 2, return_indices=True)
    >>> wb.ops.max_unpool2d(pooled, places, 2).tolist()
    [[[[0.0, 0.0], [0.0, 3.0]]]]
    """
    return _max_unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
                 output_size: Sequence[int] | None = None) -> Tensor:
    """Zeros with the numbers of `input` (N, C, D, H, W) where `max_pool3d` found them.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.ops.max_unpool3d(wb.ones(1, 1, 1, 1, 1), wb.tensor([[[[[5]]]]]), 2).sum().item()
    1.0
    """
    return _max_unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


__all__ = ["max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
           "fractional_max_pool2d", "fractional_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d",
           "adaptive_avg_pool2d", "adaptive_avg_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d"]

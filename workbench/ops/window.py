"""Sliding windows and convolution over any number of axes.

A convolution is one matrix product over the windows; its two gradients are again products and the scatter of windows.
The transposed convolution is the gradient with respect to the input, called forward. Pooling is in `pooling`.
"""
from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..backend import dtypes
from ..core import batching
from ..core.declare import op
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.op import Op
from ..core.state import lowered
from ..core.tensor import Tensor
from .movement import _reshape, broadcast_to, expand_dims, pad_constant, squeeze, transpose

LARGE = 1 << 17
"""Products of numbers from which a kernel is used: NumPy needs about a tenth of a millisecond for them."""
Sizes = tuple[int, ...]
Size = int | Sequence[int]
LETTERS = {1: "L", 2: "H, W", 3: "D, H, W"}


def sizes(value: Size, axes: int, what: str, least: int = 1) -> Sizes:
    """One number for all axes, or one for each; none below `least`."""
    if isinstance(value, int) and value >= least:
        return (value,) * axes
    try:
        given = tuple(map(operator.index, value if isinstance(value, Sequence) else (value,)))
    except TypeError:
        raise ArgumentError(f"{what}: expected integers, got {value!r}") from None
    given = given * axes if len(given) == 1 else given
    if len(given) != axes:
        raise ArgumentError(f"{what}: expected one number or {axes}, got {value!r}")
    if any(n < least for n in given):
        raise ArgumentError(f"{what}: {value!r} is too small; expected numbers of at least {least}")
    return given


def positions(kernel: Sizes) -> Iterator[Sizes]:
    """Every place of a window, the last axis fastest."""
    return itertools.product(*map(range, kernel))


@functools.lru_cache(1024)
def places(size: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> list[tuple[slice, ...]]:
    """Where an element of all windows of an image lies, element by element, the last axis fastest."""
    counts = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)]
    return [tuple(slice(i * d, i * d + n * s, s) for i, n, s, d in zip(place, counts, stride, dilation, strict=True))
            for place in positions(kernel)]


def windows(xp: Any, x: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """A view (N, C, *out, *kernel) of x (N, C, *size)."""
    steps = x.strides[2:]
    out = tuple((n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True))
    return xp.lib.stride_tricks.as_strided(
        x, (*x.shape[:2], *out, *kernel),
        (*x.strides[:2], *(a * s for a, s in zip(steps, stride, strict=True)), *(a * d for a, d in zip(steps, dilation, strict=True))))


def add_windows(xp: Any, patches: Any, shape: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """Add patches (N, C, *out, *kernel) into zeros of `shape`: the transpose of `windows`."""
    out = xp.zeros(shape, patches.dtype)
    kernel = patches.shape[len(shape):]
    for element, place in zip(positions(kernel), places(tuple(shape[2:]), kernel, stride, dilation), strict=True):
        out[(..., *place)] += patches[(..., *element)]
    return out


def _conv_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """Fold the batch into samples if only the input is batched, into groups if the weight is."""
    x, weight = values
    if mapped == (True, False):
        return batching.fold(op, values, mapped, params)
    size = weight.shape[0]
    if not mapped[0]:
        x = broadcast_to(x, (size, *x.shape))
    groups = params["groups"]
    joined = _reshape(transpose(x, 0, 1), shape=(x.shape[1], size * x.shape[2], *x.shape[3:]))
    filters = _reshape(weight, shape=(size * weight.shape[1], *weight.shape[2:]))
    out = op.call(joined, filters, **{**params, "groups": groups * size})
    return transpose(_reshape(out, shape=(x.shape[1], size, weight.shape[1], *out.shape[2:])), 0, 1)


def _input_grad_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    g, weight = values
    if mapped == (True, False):
        folded = _reshape(g, shape=(g.shape[0] * g.shape[1], *g.shape[2:]))
        n, *rest = params["shape"]
        out = op.call(folded, weight, **{**params, "shape": (g.shape[0] * n, *rest)})
        return _reshape(out, shape=(g.shape[0], n, *rest))
    return batching.loop(op, values, mapped, params)


@functools.cache
def cpu() -> Any:
    """The package of kernels, which is imported when it is first needed."""
    from ..backend import cpu

    return cpu


class Layout:
    """The numbers of one convolution. Inside, samples are the innermost axis: windows of small images copy in long runs."""

    def __init__(self, x_shape: Sequence[int], kernel: Sizes, stride: Sizes, padding: tuple[Sizes, ...], dilation: Sizes) -> None:
        self.samples, self.channels, *self.size = x_shape
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation
        self.padded = [n + a + b for n, (a, b) in zip(self.size, padding, strict=True)]
        self.out = [(n - (k - 1) * d - 1) // s + 1
                    for n, k, s, d in zip(self.padded, kernel, stride, dilation, strict=True)]

    @functools.cached_property
    def places(self) -> list[tuple[tuple, tuple[slice, ...]]]:
        """Every element of a window, and where that of all windows lies in the padded image."""
        found = places(tuple(self.padded), self.kernel, self.stride, self.dilation)
        return [((slice(None), *element), (slice(None), *place)) for element, place in zip(positions(self.kernel), found, strict=True)]

    @functools.cached_property
    def inner(self) -> tuple[slice, ...]:
        """Where the image lies in the padded one."""
        return (slice(None), *(slice(a, a + n) for n, (a, _) in zip(self.size, self.padding, strict=True)))

    @functools.cached_property
    def runs(self) -> tuple[int, np.ndarray]:
        """How many numbers of windows lie one after the other (a line of places with all samples, or one place), and where each run begins."""
        line = self.stride[-1] == 1
        axes = len(self.out) - 1 if line else len(self.out)
        steps = self._steps()
        places = np.zeros((), np.int64)
        for axis in range(axes):
            places = places[..., None] + np.arange(self.out[axis]) * (self.stride[axis] * steps[axis])
        return self.samples * (self.out[-1] if line else 1), np.ascontiguousarray(places.reshape(-1))

    def offsets(self, channels: int) -> np.ndarray:
        """Where the elements of a window over so many channels lie from its first one."""
        steps = self._steps()
        found = np.arange(channels) * (math.prod(self.padded) * self.samples)
        for axis, length in enumerate(self.kernel):
            found = found[..., None] + np.arange(length) * (self.dilation[axis] * steps[axis])
        return np.ascontiguousarray(found.reshape(-1))

    def _steps(self) -> list[int]:
        """Numbers from one place to the next along every axis of the padded image."""
        return [math.prod(self.padded[axis + 1:]) * self.samples for axis in range(len(self.padded))]

    def direct(self, x: Any, work: int) -> bool:
        """Are there kernels for windows of x where they lie? For a run of few numbers, and for little `work`, they are not worth it."""
        return type(x) is np.ndarray and x.dtype.char in "fd" and work * math.prod(self.out) * self.samples >= LARGE and self.runs[0] >= 16 and cpu().available()

    def framed(self, xp: Any, x: Any) -> Any:
        """x as (C, *padded, N)."""
        image = x.transpose(*range(1, x.ndim), 0)
        if self.padded == self.size:
            return image
        framed = xp.zeros((self.channels, *self.padded, self.samples), x.dtype)
        framed[self.inner] = image
        return framed

    def columns(self, xp: Any, x: Any) -> Any:
        """Every window of x as a column: (C, *kernel, *out, N)."""
        image = self.framed(xp, x)
        out = xp.empty((self.channels, *self.kernel, *self.out, self.samples), x.dtype)
        for element, place in self.places:
            out[element] = image[place]
        return out

    def image(self, xp: Any, columns: Any) -> Any:
        """Add columns back into an image (N, C, *size): the transpose of `columns`."""
        dtype = columns.dtype
        columns = columns.astype(dtypes.float32) if dtype.itemsize == 2 else columns
        framed = xp.zeros((self.channels, *self.padded, self.samples), columns.dtype)
        for element, place in self.places:
            framed[place] += columns[element]
        image = _samples_first(framed[self.inner])
        return image if image.dtype is dtype else dtypes.converted(image, dtype)


@functools.lru_cache(1024)
def _layout(x_shape: Sizes, kernel: Sizes, stride: Sizes, padding: tuple[Sizes, ...], dilation: Sizes) -> Layout:
    """The same for every call of one shape."""
    return Layout(x_shape, kernel, stride, padding, dilation)


def _samples_first(x: Any) -> Any:
    return x.transpose(x.ndim - 1, *range(x.ndim - 1))


def _correlated(layout: Layout, x: Any, weight: Any, groups: int) -> Any:
    """`conv_core` by a kernel, group by group."""
    (width, bases), filters = layout.runs, np.ascontiguousarray(weight).reshape(groups, -1, weight[0].size)
    image = np.ascontiguousarray(layout.framed(np, x)).reshape(groups, -1)
    offsets = layout.offsets(layout.channels // groups)
    out = np.empty((groups, filters.shape[1], len(bases), width), x.dtype)
    for number in range(groups):
        cpu().outputs(filters[number], image[number], offsets, bases, out[number])
    return _samples_first(out.reshape(weight.shape[0], *layout.out, layout.samples))


def _against(layout: Layout, g: Any, x: Any, groups: int, shape: Sizes) -> Any:
    """`conv_weight` by a kernel, group by group."""
    width, bases = layout.runs
    image = np.ascontiguousarray(layout.framed(np, x)).reshape(groups, -1)
    rows = np.ascontiguousarray(_rows(g, groups)).reshape(groups, -1, len(bases), width)
    offsets, out = layout.offsets(layout.channels // groups), np.zeros((groups, rows.shape[1], math.prod(shape[1:])), x.dtype)
    for number in range(groups):
        cpu().filters(rows[number], image[number], offsets, bases, out[number])
    return out.reshape(shape)


def _turned(weight: Any, groups: int) -> Any:
    """Filters (O, C / groups, *kernel) for the way back: (C, O / groups, *kernel), every kernel from its end."""
    own = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
    return own.reshape(-1, *own.shape[2:])[(slice(None), slice(None), *[slice(None, None, -1)] * (weight.ndim - 2))]


def _rows(x: Any, groups: int) -> Any:
    """Outputs (N, O, *out) as matrices (groups, O / groups, out * N)."""
    return x.transpose(*range(1, x.ndim), 0).reshape(groups, x.shape[1] // groups, -1)


@op(arity=2, batch=_conv_batch)
class conv_core:
    """Cross-correlation of x (N, C, *size) with filters (O, C / groups, *kernel)."""

    def forward(xp, x, weight, *, stride, padding, dilation, groups):
        layout = _layout(x.shape, weight.shape[2:], stride, padding, dilation)
        if layout.direct(x, weight.size):
            return _correlated(layout, x, weight, groups)
        columns = layout.columns(xp, x).reshape(groups, weight[0].size, -1)
        out = xp.matmul(weight.reshape(groups, -1, weight[0].size), columns)
        return _samples_first(out.reshape(weight.shape[0], *layout.out, layout.samples))

    def joint(g, needs, x, y, **options):
        return (conv_input(g, y, shape=tuple(x.shape), **options) if needs[0] else None,
                conv_weight(g, x, shape=tuple(y.shape), **options) if needs[1] else None)

    linear = (0, 1)


@op(arity=2, batch=_input_grad_batch)
class conv_input:
    """The gradient of `conv_core` with respect to its input: a transposed convolution of x with the filters."""

    def forward(xp, x, weight, *, shape, stride, padding, dilation, groups):
        layout = _layout(shape, weight.shape[2:], stride, padding, dilation)
        around = tuple(((k - 1) * d - a, (k - 1) * d - b) for k, d, (a, b) in zip(layout.kernel, dilation, padding, strict=True))
        if max(stride) == 1 and min(map(min, around)) >= 0 and layout.direct(x, weight.size):
            back = _layout(x.shape, layout.kernel, stride, around, dilation)
            return _correlated(back, x, _turned(weight, groups), groups)
        matrices = weight.reshape(groups, -1, weight[0].size).transpose(0, 2, 1)
        columns = xp.matmul(matrices, _rows(x, groups))
        return layout.image(xp, columns.reshape(shape[1], *layout.kernel, *layout.out, layout.samples))

    def joint(g, needs, x, y, *, shape, **options):
        return (conv_core(g, y, **options) if needs[0] else None,
                conv_weight(x, g, shape=tuple(y.shape), **options) if needs[1] else None)

    linear = (0, 1)


@op(arity=2, batch=batching.loop)
class conv_weight:
    """The gradient of `conv_core` with respect to its filters, from the cotangent x and the input y."""

    def forward(xp, x, y, *, shape, stride, padding, dilation, groups):
        layout = _layout(y.shape, shape[2:], stride, padding, dilation)
        if layout.direct(y, math.prod(shape)):
            return _against(layout, x, y, groups, shape)
        columns = layout.columns(xp, y)
        columns = columns.reshape(groups, math.prod(shape[1:]), -1)
        return xp.matmul(_rows(x, groups), columns.transpose(0, 2, 1)).reshape(shape)

    def joint(g, needs, x, y, *, shape, **options):
        return (conv_core(y, g, **options) if needs[0] else None,
                conv_input(x, g, shape=tuple(y.shape), **options) if needs[1] else None)

    linear = (0, 1)


# What people call --------------------------------------------------------------------------------------------------------
def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size | str = 0,
           dilation: Size = 1, groups: int = 1) -> Tensor:
    """One-dimensional cross-correlation of `input` (N, C, L) with filters (O, C / groups, k); options as in `conv2d`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.conv1d(wb.ones(1, 2, 5), wb.ones(3, 2, 3)).shape
    (1, 3, 3)
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size | str = 0,
           dilation: Size = 1, groups: int = 1) -> Tensor:
    """Two-dimensional cross-correlation.

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W)
    weight : Tensor, shape (O, C / groups, kh, kw)
    bias : Tensor, shape (O,), optional
    stride, dilation : int or pair of int
    padding : int, pair of int, 'same' or 'valid'
        Zeros added on each side; ``'same'`` keeps H and W (stride 1 only).
    groups : int
        Input and output channels are divided into this many independent groups.

    Returns
    -------
    Tensor, shape (N, O, H', W')

    Raises
    ------
    ShapeError
        If channels do not fit, or the kernel is larger than the padded input.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.conv2d(wb.ones(1, 1, 4, 4), wb.ones(2, 1, 3, 3), padding=1).shape
    (1, 2, 4, 4)
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size | str = 0,
           dilation: Size = 1, groups: int = 1) -> Tensor:
    """Three-dimensional cross-correlation of `input` (N, C, D, H, W) with filters (O, C / groups, kd, kh, kw); options as in `conv2d`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.conv3d(wb.ones(1, 1, 4, 4, 4), wb.ones(2, 1, 3, 3, 3)).shape
    (1, 2, 2, 2, 2)
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size = 0,
                     output_padding: Size = 0, groups: int = 1, dilation: Size = 1) -> Tensor:
    """The transpose of `conv1d`: x (N, C, L) with filters (C, O / groups, k); options as in `conv_transpose2d`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.conv_transpose1d(wb.ones(1, 2, 3), wb.ones(2, 3, 2), stride=2).shape
    (1, 3, 6)
    """
    return _conv_transpose("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size = 0,
                     output_padding: Size = 0, groups: int = 1, dilation: Size = 1) -> Tensor:
    """The transpose of `conv2d`, which spreads every number over a window ("deconvolution").

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W)
    weight : Tensor, shape (C, O / groups, kh, kw)
    bias : Tensor, shape (O,), optional
    stride, dilation : int or pair of int
    padding : int or pair of int
        Cut off on each side of the result.
    output_padding : int or pair of int
        Added behind the result, to choose among the sizes that `conv2d` maps to the size of x; below stride or dilation.
    groups : int

    Returns
    -------
    Tensor, shape (N, O, H', W')
        ``H' = (H - 1) * stride - 2 * padding + dilation * (kh - 1) + output_padding + 1``.

    Raises
    ------
    ShapeError
        If channels do not fit, or nothing is left of the result.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.conv_transpose2d(wb.ones(1, 2, 3, 3), wb.ones(2, 4, 2, 2), stride=2).shape
    (1, 4, 6, 6)
    """
    return _conv_transpose("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size = 0,
                     output_padding: Size = 0, groups: int = 1, dilation: Size = 1) -> Tensor:
    """The transpose of `conv3d`: x (N, C, D, H, W) with filters (C, O / groups, kd, kh, kw); options as in `conv_transpose2d`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.conv_transpose3d(wb.ones(1, 1, 2, 2, 2), wb.ones(1, 1, 2, 2, 2)).shape
    (1, 1, 3, 3, 3)
    """
    return _conv_transpose("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _conv(what: str, axes: int, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Size, padding: Size | str,
          dilation: Size, groups: int) -> Tensor:
    x, single = _samples(what, axes, x, weight)
    stride, dilation = sizes(stride, axes, f"{what}: stride"), sizes(dilation, axes, f"{what}: dilation")
    if groups < 1 or weight.shape[0] % groups:
        raise ShapeError(f"{what}: {weight.shape[0]} output channels cannot be divided into groups={groups}")
    _check_channels(what, x, weight, weight.shape[1] * groups, groups)
    _check_bias(what, x, bias, weight.shape[0])
    kernel = tuple(weight.shape[2:])
    widths = padding_widths(what, padding, kernel, stride, dilation)
    check_kernel(what, x, widths, kernel, dilation)
    return _biased(conv_core(x, weight, stride=stride, padding=widths, dilation=dilation, groups=groups), bias, axes, single)


def _conv_transpose(what: str, axes: int, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Size, padding: Size,
                    output_padding: Size, groups: int, dilation: Size) -> Tensor:
    x, single = _samples(what, axes, x, weight)
    stride, dilation = sizes(stride, axes, f"{what}: stride"), sizes(dilation, axes, f"{what}: dilation")
    padding, extra = sizes(padding, axes, f"{what}: padding", 0), sizes(output_padding, axes, f"{what}: output_padding", 0)
    if groups < 1 or weight.shape[0] % groups:
        raise ShapeError(f"{what}: {weight.shape[0]} input channels cannot be divided into groups={groups}")
    _check_channels(what, x, weight, weight.shape[0], groups)
    _check_bias(what, x, bias, weight.shape[1] * groups)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ArgumentError(f"{what}: output_padding {extra} must be smaller than stride {stride} or dilation {dilation}")
    out = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, s, p, d, k, e
                in zip(x.shape[2:], stride, padding, dilation, weight.shape[2:], extra, strict=True))
    if any(n < 1 for n in out):
        raise ShapeError(f"{what}: padding {padding} leaves nothing of the result, whose size would be {out}")
    # An addition below the stride is a size that the same convolution maps to x; a larger one cuts off less, or adds zeros.
    behind = tuple(p - e if e >= s else p for p, e, s in zip(padding, extra, stride, strict=True))
    zeros = tuple(max(-b, 0) for b in behind)
    y = conv_input(x, weight, shape=(x.shape[0], weight.shape[1] * groups, *(n - z for n, z in zip(out, zeros, strict=True))), stride=stride,
                   padding=tuple((p, max(b, 0)) for p, b in zip(padding, behind, strict=True)), dilation=dilation, groups=groups)
    if any(zeros):
        y = pad_constant(y, widths=((0, 0), (0, 0), *((0, z) for z in zeros)))
    return _biased(y, bias, axes, single)


def _samples(what: str, axes: int, x: Tensor, weight: Tensor) -> tuple[Tensor, bool]:
    """The input with an axis of samples, and whether that had to be added."""
    if len(x.shape) not in (axes + 1, axes + 2) or len(weight.shape) != axes + 2:
        kernel = {1: "k", 2: "kh, kw", 3: "kd, kh, kw"}[axes]
        first = "C, O" if "transpose" in what else "O, C"
        raise ShapeError(f"{what}: expected an input (N, C, {LETTERS[axes]}) and filters ({first}, {kernel}), got {tuple(x.shape)} and "
                         f"{tuple(weight.shape)}")
    if x.dtype.kind in "iub":
        raise DTypeError(f"{what}: an input of dtype {x.dtype}; expected floating-point numbers (use .float())")
    return (expand_dims(x, 0), True) if len(x.shape) == axes + 1 else (x, False)


def _biased(out: Tensor, bias: Tensor | None, axes: int, single: bool) -> Tensor:
    if bias is not None:
        out = out + _reshape(lowered(bias), shape=(-1, *(1,) * axes))
    return squeeze(out, 0) if single else out


def padding_widths(what: str, padding: Size | str, kernel: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Sizes, ...]:
    """(before, after) for each axis."""
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ArgumentError(f"{what}: padding='same' needs stride 1, got stride {stride}")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        raise ArgumentError(f"{what}: padding={padding!r}; expected numbers, 'same' or 'valid'")
    return tuple((p, p) for p in sizes(padding, len(kernel), f"{what}: padding", 0))


def _check_channels(what: str, x: Tensor, weight: Tensor, expected: int, groups: int) -> None:
    if x.shape[1] != expected:
        raise ShapeError(f"{what}: the input has {x.shape[1]} channels, but filters of shape {tuple(weight.shape)} with "
                         f"groups={groups} expect {expected}")


def _check_bias(what: str, x: Tensor, bias: Tensor | None, channels: int) -> None:
    if bias is not None and tuple(bias.shape) != (channels,):
        raise ShapeError(f"{what}: a bias of shape {tuple(bias.shape)} for {channels} output channels")
    if bias is not None and bias.dtype.kind == "c" and x.dtype.kind != "c":
        raise DTypeError(f"{what}: a bias of dtype {bias.dtype} for an input of dtype {x.dtype}; expected the same")


def check_kernel(what: str, x: Tensor, widths: tuple[Sizes, ...], kernel: Sizes, dilation: Sizes) -> None:
    """Refuse windows that reach beyond the padded input."""
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    padded = tuple(n + a + b for n, (a, b) in zip(x.shape[2:], widths, strict=True))
    if any(r > n for r, n in zip(reach, padded, strict=True)):
        raise ShapeError(f"{what}: a kernel reaching over {reach} does not fit into a padded input of {padded}")


__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

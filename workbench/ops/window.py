"""Sliding windows: convolution and pooling over one or two axes, written over a strided view of the input.

A convolution is one matrix product over the windows; its two gradients are again products and the scatter of windows.
One axis is computed as two with a height of one, so every rule exists once.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.declare import fused, op
from ..core.errors import ArgumentError, ShapeError
from ..core.op import Op
from ..core.tensor import Tensor
from .index import gather_along
from .movement import _reshape, broadcast_to, expand_dims, pad_constant, squeeze
from .reduce import sum

Pair = tuple[int, int]


def pair(value: int | Sequence[int], what: str) -> Pair:
    """One number for both axes, or one for each."""
    given = (value, value) if isinstance(value, int) else tuple(value)
    if len(given) != 2:
        raise ArgumentError(f"{what}: expected one number or two, got {value!r}")
    return int(given[0]), int(given[1])


def windows(xp: Any, x: Any, kernel: Pair, stride: Pair, dilation: Pair) -> Any:
    """A view (N, C, out_h, out_w, kernel_h, kernel_w) of x (N, C, H, W)."""
    n, c, h, w = x.shape
    out = tuple((size - (k - 1) * d - 1) // s + 1 for size, k, s, d in zip((h, w), kernel, stride, dilation, strict=True))
    sn, sc, sh, sw = x.strides
    return xp.lib.stride_tricks.as_strided(
        x, (n, c, *out, *kernel), (sn, sc, sh * stride[0], sw * stride[1], sh * dilation[0], sw * dilation[1]))


def add_windows(xp: Any, patches: Any, shape: tuple[int, ...], stride: Pair, dilation: Pair) -> Any:
    """Add patches (N, C, out_h, out_w, kernel_h, kernel_w) into zeros of `shape`: the transpose of `windows`."""
    out = xp.zeros(shape, patches.dtype)
    rows, columns, kernel_h, kernel_w = patches.shape[2:]
    for i in range(kernel_h):
        for j in range(kernel_w):
            top, left = i * dilation[0], j * dilation[1]
            out[:, :, top:top + rows * stride[0]:stride[0], left:left + columns * stride[1]:stride[1]] += patches[..., i, j]
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
    joined = _reshape(_swap(x), shape=(x.shape[1], size * x.shape[2], *x.shape[3:]))
    filters = _reshape(weight, shape=(size * weight.shape[1], *weight.shape[2:]))
    out = op.call(joined, filters, **{**params, "groups": groups * size})
    return _swap(_reshape(out, shape=(x.shape[1], size, weight.shape[1], *out.shape[2:])))


def _swap(x: Any) -> Any:
    from .movement import transpose

    return transpose(x, 0, 1)


def _input_grad_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    g, weight = values
    if mapped == (True, False):
        folded = _reshape(g, shape=(g.shape[0] * g.shape[1], *g.shape[2:]))
        n, *rest = params["shape"]
        out = op.call(folded, weight, **{**params, "shape": (g.shape[0] * n, *rest)})
        return _reshape(out, shape=(g.shape[0], n, *rest))
    return batching.loop(op, values, mapped, params)


class Layout:
    """The numbers of one convolution. Inside, samples are the innermost axis: windows of small images copy in long runs."""

    def __init__(self, x_shape: Sequence[int], kernel: Pair, stride: Pair, padding: tuple[Pair, Pair], dilation: Pair) -> None:
        self.samples, self.channels, *self.size = x_shape
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation
        self.padded = [n + a + b for n, (a, b) in zip(self.size, padding, strict=True)]
        self.out = [(n - (k - 1) * d - 1) // s + 1
                    for n, k, s, d in zip(self.padded, kernel, stride, dilation, strict=True)]

    def place(self, i: int, j: int) -> tuple[slice, ...]:
        """Where element (i, j) of every window lies in the padded image."""
        return (slice(None), *(slice(k * d, k * d + n * s, s)
                               for k, d, n, s in zip((i, j), self.dilation, self.out, self.stride, strict=True)))

    @property
    def inner(self) -> tuple[slice, ...]:
        """Where the image lies in the padded one."""
        return (slice(None), *(slice(a, a + n) for n, (a, _) in zip(self.size, self.padding, strict=True)))

    def columns(self, xp: Any, x: Any) -> Any:
        """Every window of x as a column: (C, kh, kw, out_h, out_w, N)."""
        image = x.transpose(1, 2, 3, 0)
        if self.padded != self.size:
            framed = xp.zeros((self.channels, *self.padded, self.samples), x.dtype)
            framed[self.inner] = image
            image = framed
        out = xp.empty((self.channels, *self.kernel, *self.out, self.samples), x.dtype)
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                out[:, i, j] = image[self.place(i, j)]
        return out

    def image(self, xp: Any, columns: Any) -> Any:
        """Add columns back into an image (N, C, H, W): the transpose of `columns`."""
        framed = xp.zeros((self.channels, *self.padded, self.samples), columns.dtype)
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                framed[self.place(i, j)] += columns[:, i, j]
        return framed[self.inner].transpose(3, 0, 1, 2)


def _rows(x: Any, groups: int) -> Any:
    """Outputs (N, O, out_h, out_w) as matrices (groups, O / groups, out_h * out_w * N)."""
    return x.transpose(1, 2, 3, 0).reshape(groups, x.shape[1] // groups, -1)


@op(arity=2, batch=_conv_batch)
class conv2d_core:
    """Cross-correlation of x (N, C, H, W) with filters (O, C / groups, kh, kw)."""

    def forward(xp, x, weight, *, stride, padding, dilation, groups):
        layout = Layout(x.shape, weight.shape[2:], stride, padding, dilation)
        columns = layout.columns(xp, x).reshape(groups, weight[0].size, -1)
        out = xp.matmul(weight.reshape(groups, -1, weight[0].size), columns)
        return out.reshape(weight.shape[0], *layout.out, layout.samples).transpose(3, 0, 1, 2)

    def joint(g, needs, x, y, **options):
        return (conv2d_input(g, y, shape=tuple(x.shape), **options) if needs[0] else None,
                conv2d_weight(g, x, shape=tuple(y.shape), **options) if needs[1] else None)

    linear = (0, 1)


@op(arity=2, batch=_input_grad_batch)
class conv2d_input:
    """The gradient of `conv2d_core` with respect to its input: a transposed convolution of x with the filters."""

    def forward(xp, x, weight, *, shape, stride, padding, dilation, groups):
        layout = Layout(shape, weight.shape[2:], stride, padding, dilation)
        matrices = weight.reshape(groups, -1, weight[0].size).transpose(0, 2, 1)
        columns = xp.matmul(matrices, _rows(x, groups))
        return layout.image(xp, columns.reshape(shape[1], *layout.kernel, *layout.out, layout.samples))

    def joint(g, needs, x, y, *, shape, **options):
        return (conv2d_core(g, y, **options) if needs[0] else None,
                conv2d_weight(x, g, shape=tuple(y.shape), **options) if needs[1] else None)

    linear = (0, 1)


@op(arity=2, batch=batching.loop)
class conv2d_weight:
    """The gradient of `conv2d_core` with respect to its filters, from the cotangent x and the input y."""

    def forward(xp, x, y, *, shape, stride, padding, dilation, groups):
        columns = Layout(y.shape, shape[2:], stride, padding, dilation).columns(xp, y)
        columns = columns.reshape(groups, shape[1] * shape[2] * shape[3], -1)
        return xp.matmul(_rows(x, groups), columns.transpose(0, 2, 1)).reshape(shape)

    def joint(g, needs, x, y, *, shape, **options):
        return (conv2d_core(y, g, **options) if needs[0] else None,
                conv2d_input(x, g, shape=tuple(y.shape), **options) if needs[1] else None)

    linear = (0, 1)


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int | Pair = 1, padding: int | Pair | str = 0,
           dilation: int | Pair = 1, groups: int = 1) -> Tensor:
    """Two-dimensional cross-correlation.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
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
    single = len(x.shape) == 3
    x = expand_dims(x, 0) if single else x
    stride, dilation = pair(stride, "conv2d: stride"), pair(dilation, "conv2d: dilation")
    _check_conv(x, weight, bias, groups)
    kernel = tuple(weight.shape[2:])
    widths = padding_widths(padding, kernel, stride, dilation)
    _check_kernel("conv2d", x, widths, kernel, dilation)
    out = conv2d_core(x, weight, stride=stride, padding=widths, dilation=dilation, groups=groups)
    if bias is not None:
        out = out + _reshape(bias, shape=(-1, 1, 1))
    return squeeze(out, 0) if single else out


def _padded(x: Any, widths: tuple[Pair, ...], value: float = 0) -> Any:
    return pad_constant(x, widths=((0, 0), (0, 0), *widths), value=value) if any(w != (0, 0) for w in widths) else x


def padding_widths(padding: int | Sequence[int] | str, kernel: Pair, stride: Pair, dilation: Pair) -> tuple[Pair, ...]:
    """(before, after) for each axis."""
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ArgumentError(f"padding='same' needs stride 1, got stride {stride}")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        raise ArgumentError(f"padding={padding!r}; expected numbers, 'same' or 'valid'")
    return tuple((p, p) for p in pair(padding, "padding"))


def _check_conv(x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    if len(x.shape) != 4 or len(weight.shape) != 4:
        raise ShapeError(f"conv2d: expected an input (N, C, H, W) and filters (O, C, kh, kw), got {tuple(x.shape)} and {tuple(weight.shape)}")
    if groups < 1 or weight.shape[0] % groups:
        raise ShapeError(f"conv2d: {weight.shape[0]} output channels cannot be divided into groups={groups}")
    if x.shape[1] != weight.shape[1] * groups:
        raise ShapeError(f"conv2d: the input has {x.shape[1]} channels, but filters of shape {tuple(weight.shape)} with "
                         f"groups={groups} expect {weight.shape[1] * groups}")
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ShapeError(f"conv2d: a bias of shape {tuple(bias.shape)} for {weight.shape[0]} output channels")


def _check_kernel(what: str, x: Tensor, widths: tuple[Pair, ...], kernel: Pair, dilation: Pair) -> None:
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    padded = tuple(n + a + b for n, (a, b) in zip(x.shape[2:], widths, strict=True))
    if any(r > n for r, n in zip(reach, padded, strict=True)):
        raise ShapeError(f"{what}: a kernel reaching over {reach} does not fit into a padded input of {padded}")


def conv1d(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int | str = 0,
           dilation: int = 1, groups: int = 1) -> Tensor:
    """One-dimensional cross-correlation of x (N, C, L) with filters (O, C / groups, k); options as in `conv2d`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.conv1d(wb.ones(1, 2, 5), wb.ones(3, 2, 3)).shape
    (1, 3, 3)
    """
    if len(weight.shape) != 3 or len(x.shape) not in (2, 3):
        raise ShapeError(f"conv1d: expected an input (N, C, L) and filters (O, C, k), got {tuple(x.shape)} and {tuple(weight.shape)}")
    size = [v if isinstance(v, int) else v[0] for v in (stride, dilation)]
    inner = padding if isinstance(padding, str) else (0, padding if isinstance(padding, int) else padding[0])
    out = conv2d(expand_dims(x, -2), expand_dims(weight, -2), bias, (1, size[0]), inner, (1, size[1]), groups)
    return squeeze(out, -2)


# Pooling ---------------------------------------------------------------------------------------------------------------
@op(batch=batching.fold)
class window_view:
    """Windows of x (N, C, H, W) as rows: (N, C, out_h, out_w, kernel_h * kernel_w)."""

    def forward(xp, x, *, kernel, stride, dilation):
        view = windows(xp, x, kernel, stride, dilation)
        return view.reshape(*view.shape[:4], kernel[0] * kernel[1])

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
        return add_windows(xp, x.reshape(*x.shape[:4], *kernel), shape, stride, dilation)

    def vjp(g, *, shape, kernel, stride, dilation):
        return window_view(g, kernel=kernel, stride=stride, dilation=dilation)

    linear = (0,)


def max_windows_reference(x: Tensor, *, kernel: Pair, stride: Pair, dilation: Pair) -> Tensor:
    """The largest element of every window, picked by its place."""
    options = dict(kernel=kernel, stride=stride, dilation=dilation)
    return gather_along(window_view(x, **options), largest_in_window(x, **options), axis=4)[..., 0]


@fused(reference=max_windows_reference, arity=1, inexact=False)
class max_windows:
    """The largest element of every window."""

    def forward(xp, x, *, kernel, stride, dilation):
        view = windows(xp, x, kernel, stride, dilation)
        o = view[..., 0, 0].copy(order="K")
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                if i or j:
                    xp.maximum(o, view[..., i, j], out=o)
        return o, o

    def backward(xp, g, needs, o, x, *, kernel, stride, dilation):
        """The first element equal to the maximum gets the gradient (any NaN stands for a NaN maximum)."""
        dx = xp.zeros_like(x)
        view, target = windows(xp, x, kernel, stride, dilation), windows(xp, dx, kernel, stride, dilation)
        open_ = xp.ones_like(o, dtype=bool)
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                here = view[..., i, j]
                hit = open_ & ((here == o) | (here != here))
                target[..., i, j] += g * hit
                open_ &= ~hit
        return (dx,)


@op(batch=batching.fold)
class largest_in_window:
    """Which element of every window is the largest (the first one if tied), with a last axis of length one."""

    def forward(xp, x, *, kernel, stride, dilation):
        view = windows(xp, x, kernel, stride, dilation)
        return view.reshape(*view.shape[:4], -1).argmax(axis=-1)[..., None]


def _pool(x: Tensor, what: str) -> tuple[Tensor, bool]:
    if len(x.shape) not in (3, 4):
        raise ShapeError(f"{what}: expected an input (N, C, H, W) or (C, H, W), got {tuple(x.shape)}")
    return (expand_dims(x, 0), True) if len(x.shape) == 3 else (x, False)


def _ceil_widths(x: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> tuple[Pair, ...]:
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


def max_pool2d(x: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0,
               dilation: int | Pair = 1, ceil_mode: bool = False) -> Tensor:
    """The largest number in every window of x (N, C, H, W).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.max_pool2d(wb.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """
    x, single = _pool(x, "max_pool2d")
    kernel, dilation = pair(kernel_size, "kernel_size"), pair(dilation, "dilation")
    stride, padding = kernel if stride is None else pair(stride, "stride"), pair(padding, "padding")
    _check_padding("max_pool2d", kernel, padding)
    widths = _ceil_widths(x, kernel, stride, padding, dilation, ceil_mode)
    _check_kernel("max_pool2d", x, widths, kernel, dilation)
    x = _padded(x, widths, -np.inf)
    out = max_windows(x, kernel=kernel, stride=stride, dilation=dilation)
    return squeeze(out, 0) if single else out


def _check_padding(what: str, kernel: Pair, padding: Pair) -> None:
    if any(p > k // 2 for p, k in zip(padding, kernel, strict=True)):
        raise ArgumentError(f"{what}: padding {padding} is more than half of the kernel {kernel}")


def avg_pool2d(x: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0,
               ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """The mean of every window of x (N, C, H, W).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.avg_pool2d(wb.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """
    x, single = _pool(x, "avg_pool2d")
    kernel = pair(kernel_size, "kernel_size")
    stride, padding = kernel if stride is None else pair(stride, "stride"), pair(padding, "padding")
    _check_padding("avg_pool2d", kernel, padding)
    widths = _ceil_widths(x, kernel, stride, padding, (1, 1), ceil_mode)
    shape = x.shape
    _check_kernel("avg_pool2d", x, widths, kernel, (1, 1))
    x = _padded(x, widths)
    total = sum(window_view(x, kernel=kernel, stride=stride, dilation=(1, 1)), axis=-1)
    if divisor_override is not None:
        out = total / divisor_override
    elif not any(b for _, b in widths):
        out = total / (kernel[0] * kernel[1])
    else:
        out = total / _window_counts(shape, widths, kernel, stride, padding, count_include_pad, x)
    return squeeze(out, 0) if single else out


def _window_counts(shape: Sequence[int], widths: tuple[Pair, ...], kernel: Pair, stride: Pair, padding: Pair,
                   include: bool, like: Tensor) -> Tensor:
    """How many numbers each window averages: padding counts if asked, what ceil_mode added never does."""
    from ..core.tensor import as_tensor

    counts = []
    for n, (before, after), k, s, p in zip(shape[2:], widths, kernel, stride, padding, strict=True):
        inside = np.zeros(n + before + after)
        inside[(0 if include else before):(n + 2 * p if include else before + n)] = 1
        starts = np.arange(0, inside.size - k + 1, s)
        counts.append(np.array([inside[a:a + k].sum() for a in starts]))
    return as_tensor(np.outer(*counts).astype(like.dtype), device=None if like.device == "cpu" else like.device)


def _lift(x: Tensor, what: str) -> Tensor:
    if len(x.shape) not in (2, 3):
        raise ShapeError(f"{what}: expected an input (N, C, L) or (C, L), got {tuple(x.shape)}")
    return expand_dims(x, -2)


def _first(value: Any) -> int:
    return value if isinstance(value, int) else value[0]


def max_pool1d(x: Tensor, kernel_size: int, stride: int | None = None, padding: int = 0, dilation: int = 1,
               ceil_mode: bool = False) -> Tensor:
    """The largest number in every window of x (N, C, L).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.max_pool1d(wb.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2).tolist()
    [[[3.0, 2.0]]]
    """
    stride = kernel_size if stride is None else stride
    out = max_pool2d(_lift(x, "max_pool1d"), (1, _first(kernel_size)), (1, _first(stride)), (0, _first(padding)), (1, _first(dilation)), ceil_mode)
    return squeeze(out, -2)


def avg_pool1d(x: Tensor, kernel_size: int, stride: int | None = None, padding: int = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:
    """The mean of every window of x (N, C, L).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.avg_pool1d(wb.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2).tolist()
    [[[2.0, 1.0]]]
    """
    stride = kernel_size if stride is None else stride
    out = avg_pool2d(_lift(x, "avg_pool1d"), (1, _first(kernel_size)), (1, _first(stride)), (0, _first(padding)), ceil_mode, count_include_pad)
    return squeeze(out, -2)


def adaptive_avg_pool2d(x: Tensor, output_size: int | tuple[int | None, int | None]) -> Tensor:
    """Means over as many windows as `output_size` asks for, as even as possible (None keeps an axis).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.adaptive_avg_pool2d(wb.ones(1, 2, 5, 7), 1).shape
    (1, 2, 1, 1)
    """
    from ..core.tensor import as_tensor
    from .contract import matmul

    x, single = _pool(x, "adaptive_avg_pool2d")
    given = (output_size, output_size) if isinstance(output_size, int) or output_size is None else tuple(output_size)
    sizes = [n if wanted is None else wanted for wanted, n in zip(given, x.shape[2:], strict=True)]
    weights = [as_tensor(averaging_matrix(n, m).astype(x.dtype), device=None if x.device == "cpu" else x.device)
               for n, m in zip(x.shape[2:], sizes, strict=True)]
    out = matmul(matmul(weights[0].T, x), weights[1])
    return squeeze(out, 0) if single else out


def averaging_matrix(length: int, count: int) -> np.ndarray:
    """Column j averages the elements from floor(j * length / count) to ceil((j + 1) * length / count)."""
    matrix = np.zeros((length, count))
    for j in range(count):
        start, stop = j * length // count, -(-(j + 1) * length // count)
        matrix[start:stop, j] = 1 / (stop - start)
    return matrix


__all__ = ["conv1d", "conv2d", "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool2d"]

"""Images rearranged and resized: interpolation, pixel and channel shuffles, windows as columns and back.

All are formulas in `resample`, `pooling` and the movement ops, so every transformation works on them. Sampling at places that
are themselves computed is in `sampling`.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tensor import Tensor
from .movement import _reshape, expand_dims, moveaxis, pad_constant, permute, squeeze, transpose
from .pooling import window_sum, window_view
from .resample import Rule, resample
from .window import Size, Sizes, check_kernel, sizes

_RULES = {"nearest": "nearest", "nearest-exact": "nearest-exact", "area": "area", "linear": "linear", "bilinear": "linear",
          "trilinear": "linear", "bicubic": "cubic"}
_AXES = {"linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,)}


def interpolate(input: Tensor, size: Size | None = None, scale_factor: float | Sequence[float] | None = None, mode: str = "nearest",
                align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False) -> Tensor:
    """An image at another size.

    Parameters
    ----------
    input : Tensor, shape (N, C, L), (N, C, H, W) or (N, C, D, H, W)
    size : int or sequence of int
        The new size of the image axes; or
    scale_factor : float or sequence of float
        by how much they grow.
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"}
        "linear" takes one image axis, "bilinear" and "bicubic" two, "trilinear" three. "nearest" rounds down as OpenCV does,
        "nearest-exact" is right.
    align_corners : bool, optional
        The centres of the corner pixels stay where they are (linear and cubic modes).
    recompute_scale_factor : bool, optional
        Use the quotient of the sizes instead of the `scale_factor` given.
    antialias : bool
        Smooth while shrinking ("bilinear" and "bicubic").

    Returns
    -------
    Tensor

    Raises
    ------
    ArgumentError
        If options contradict each other.
    ShapeError
        If the mode is for another number of axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.interpolate(wb.tensor([[[1.0, 3.0]]]), size=3, mode="linear", align_corners=True).tolist()
    [[[1.0, 2.0, 3.0]]]
    """
    axes = len(input.shape) - 2
    _check_mode(input, axes, mode, align_corners, antialias)
    wanted, factors = _wanted_size(tuple(input.shape[2:]), size, scale_factor, recompute_scale_factor)
    kind = f"smooth {_RULES[mode]}" if antialias else _RULES[mode]
    out = input
    for axis, (length, count, factor) in enumerate(zip(input.shape[2:], wanted, factors, strict=True), start=2):
        out = resample(out, axis=axis, rule=Rule(kind, length, count, None if mode == "area" else factor, bool(align_corners)))
    return out


def _check_mode(x: Tensor, axes: int, mode: str, align_corners: bool | None, antialias: bool) -> None:
    if mode not in _RULES:
        raise ArgumentError(f"interpolate: mode={mode!r}; expected one of {', '.join(_RULES)}")
    if axes not in _AXES.get(mode, (1, 2, 3)):
        raise ShapeError(f"interpolate: mode={mode!r} does not take an input of shape {tuple(x.shape)}; linear wants (N, C, L), bilinear and "
                         "bicubic (N, C, H, W), trilinear (N, C, D, H, W), the others any of these")
    if align_corners is not None and mode not in _AXES:
        raise ArgumentError(f"interpolate: align_corners={align_corners} has no meaning for mode={mode!r}; leave it out")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError(f"interpolate: antialias=True needs mode 'bilinear' or 'bicubic', got {mode!r}")
    if x.dtype.kind in "iub" and not mode.startswith("nearest"):
        raise DTypeError(f"interpolate: mode={mode!r} of dtype {x.dtype}; expected floating-point numbers (use .float())")
    if 0 in x.shape[1:]:
        raise ShapeError(f"interpolate: an input of shape {tuple(x.shape)} has no numbers; only the axis of samples may be empty")


def _wanted_size(lengths: Sizes, size: Size | None, scale_factor: float | Sequence[float] | None,
                 recompute: bool | None) -> tuple[Sizes, tuple[float | None, ...]]:
    """The new size, and the factors that the user insists on."""
    axes = len(lengths)
    if (size is None) == (scale_factor is None):
        raise ArgumentError("interpolate: give size or scale_factor, one of them")
    if size is not None:
        if recompute:
            raise ArgumentError("interpolate: recompute_scale_factor=True needs scale_factor, not size")
        return sizes(size, axes, "interpolate: size"), (None,) * axes
    given = (scale_factor,) * axes if isinstance(scale_factor, (int, float)) else tuple(scale_factor or ())
    if len(given) != axes:
        raise ArgumentError(f"interpolate: scale_factor={scale_factor!r}; expected one number or {axes}")
    wanted = tuple(math.floor(n * factor) for n, factor in zip(lengths, given, strict=True))
    if any(n < 1 for n in wanted):
        raise ArgumentError(f"interpolate: scale_factor={scale_factor!r} leaves nothing of an image of {lengths}")
    return wanted, (None,) * axes if recompute else tuple(float(factor) for factor in given)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C r r, H, W) to (..., C, H r, W r): channels become pixels (Shi et al. 2016).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.pixel_shuffle(wb.arange(4.0).reshape(1, 4, 1, 1), 2).tolist()
    [[[[0.0, 1.0], [2.0, 3.0]]]]
    """
    r = upscale_factor
    if len(input.shape) < 3:
        raise ShapeError(f"pixel_shuffle: expected an input (..., C, H, W), got {tuple(input.shape)}")
    if r < 1:
        raise ArgumentError(f"pixel_shuffle: upscale_factor={r}; expected a positive number")
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise ShapeError(f"pixel_shuffle: {channels} channels cannot be divided by upscale_factor squared, {r * r}")
    parts = _reshape(input, shape=(*lead, channels // (r * r), r, r, height, width))
    n = len(lead)
    parts = permute(parts, *range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return _reshape(parts, shape=(*lead, channels // (r * r), height * r, width * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., C, H r, W r) to (..., C r r, H, W): the inverse of `pixel_shuffle`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.pixel_unshuffle(wb.arange(4.0).reshape(1, 1, 2, 2), 2).shape
    (1, 4, 1, 1)
    """
    r = downscale_factor
    if len(input.shape) < 3:
        raise ShapeError(f"pixel_unshuffle: expected an input (..., C, H, W), got {tuple(input.shape)}")
    if r < 1:
        raise ArgumentError(f"pixel_unshuffle: downscale_factor={r}; expected a positive number")
    *lead, channels, height, width = input.shape
    if height % r or width % r:
        raise ShapeError(f"pixel_unshuffle: an image of {height} x {width} cannot be divided by downscale_factor={r}")
    parts = _reshape(input, shape=(*lead, channels, height // r, r, width // r, r))
    n = len(lead)
    parts = permute(parts, *range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return _reshape(parts, shape=(*lead, channels * r * r, height // r, width // r))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels of (N, C, ...) in groups, reordered so that neighbours come from different groups (Zhang et al. 2018).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.channel_shuffle(wb.arange(4.0).reshape(1, 4, 1), 2).ravel().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """
    if len(input.shape) < 3:
        raise ShapeError(f"channel_shuffle: expected an input (N, C, ...) of at least 3 axes, got {tuple(input.shape)}")
    n, channels, *rest = input.shape
    if groups < 1 or channels % groups:
        raise ShapeError(f"channel_shuffle: {channels} channels cannot be divided into groups={groups}")
    return _reshape(transpose(_reshape(input, shape=(n, groups, channels // groups, *rest)), 1, 2), shape=tuple(input.shape))


def unfold(input: Tensor, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Tensor:
    """Every window of an image (N, C, H, W) as a column: (N, C kh kw, windows) ("im2col").

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.unfold(wb.ones(1, 2, 4, 4), 3).shape
    (1, 18, 4)
    """
    if len(input.shape) not in (3, 4) or 0 in input.shape[-3:]:
        raise ShapeError(f"unfold: expected an image (N, C, H, W) or (C, H, W) with numbers, got {tuple(input.shape)}")
    x = expand_dims(input, 0) if len(input.shape) == 3 else input
    kernel, stride, padding, dilation = _sliding("unfold", kernel_size, stride, padding, dilation)
    widths = tuple((p, p) for p in padding)
    check_kernel("unfold", x, widths, kernel, dilation)
    view = window_view(pad_constant(x, widths=((0, 0), (0, 0), *widths), value=0), kernel=kernel, stride=stride, dilation=dilation)
    columns = _reshape(moveaxis(view, -1, 2), shape=(x.shape[0], x.shape[1] * math.prod(kernel), math.prod(view.shape[2:4])))
    return squeeze(columns, 0) if len(input.shape) == 3 else columns


def fold(input: Tensor, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Tensor:
    """Columns (N, C kh kw, windows) added up to an image (N, C, *output_size): the transpose of `unfold` ("col2im").

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.fold(wb.ones(1, 4, 4), (3, 3), 2).tolist()
    [[[[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]]]
    """
    if len(input.shape) not in (2, 3) or 0 in input.shape[-2:]:
        raise ShapeError(f"fold: expected columns (N, C kh kw, windows) or (C kh kw, windows), got {tuple(input.shape)}")
    x = expand_dims(input, 0) if len(input.shape) == 2 else input
    kernel, stride, padding, dilation = _sliding("fold", kernel_size, stride, padding, dilation)
    size = sizes(output_size, 2, "fold: output_size")
    padded = tuple(n + 2 * p for n, p in zip(size, padding, strict=True))
    counts = tuple((n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(padded, kernel, stride, dilation, strict=True))
    area = math.prod(kernel)
    if x.shape[1] % area:
        raise ShapeError(f"fold: columns of length {x.shape[1]} are no multiple of the {area} numbers of a window {kernel}")
    if any(n < 1 for n in counts) or x.shape[2] != math.prod(counts):
        raise ShapeError(f"fold: an image of {size} has {counts[0]} x {counts[1]} windows, but there are {x.shape[2]} columns")
    view = moveaxis(_reshape(x, shape=(x.shape[0], x.shape[1] // area, area, *counts)), 2, -1)
    out = window_sum(view, shape=(*view.shape[:2], *padded), kernel=kernel, stride=stride, dilation=dilation)
    out = pad_constant(out, widths=((0, 0), (0, 0), *((-p, -p) for p in padding)), value=0)
    return squeeze(out, 0) if len(input.shape) == 2 else out


def _sliding(what: str, kernel: Size, stride: Size, padding: Size, dilation: Size) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    return (sizes(kernel, 2, f"{what}: kernel_size"), sizes(stride, 2, f"{what}: stride"), sizes(padding, 2, f"{what}: padding", 0),
            sizes(dilation, 2, f"{what}: dilation"))


__all__ = ["pixel_shuffle", "pixel_unshuffle", "channel_shuffle"]

"""Functions that choose which pixels an image has: flips, crops, margins, sizes. Arrays (..., H, W) in and out."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....core import as_tensor, no_grad
from ....core.errors import ArgumentError, ShapeError
from ....ops.spatial import interpolate

INTERPOLATIONS = ("nearest", "nearest-exact", "bilinear", "bicubic")
PADDING_MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}
Size = int | Sequence[int]
Fill = float | Sequence[float]


def hflip(image: np.ndarray) -> np.ndarray:
    """Left and right exchanged.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.hflip(np.array([[1, 2]])).tolist()
    [[2, 1]]
    """
    return image[..., ::-1]


def vflip(image: np.ndarray) -> np.ndarray:
    """Top and bottom exchanged.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.vflip(np.array([[1], [2]])).tolist()
    [[2], [1]]
    """
    return image[..., ::-1, :]


def pair(size: Size, name: str) -> tuple[int, int]:
    """(height, width) of a size given as one number or two."""
    wanted = (size, size) if isinstance(size, (int, np.integer)) else tuple(size)
    wanted = wanted * 2 if len(wanted) == 1 else wanted
    if len(wanted) != 2 or min(wanted) < 1:
        raise ArgumentError(f"{name}: size={size!r}; expected one number or (height, width), of at least 1")
    return int(wanted[0]), int(wanted[1])


def margins(padding: Size, name: str = "pad") -> tuple[int, int, int, int]:
    """left, top, right, bottom of a padding given as one number, (left and right, top and bottom) or all four."""
    given = (padding,) if isinstance(padding, (int, np.integer)) else tuple(padding)
    if len(given) not in (1, 2, 4):
        raise ArgumentError(f"{name}: padding={padding!r}; expected 1, 2 or 4 numbers")
    left, top, right, bottom = given if len(given) == 4 else (given * 4)[:4]
    return left, top, right, bottom


def fill_of(fill: Fill, image: np.ndarray) -> np.ndarray:
    """The colour of new pixels, as an array that broadcasts with the image."""
    colour = np.asarray(fill)
    if colour.ndim and (image.ndim < 3 or len(colour) not in (1, image.shape[-3])):
        raise ArgumentError(f"fill={fill!r} for an image of shape {image.shape}; expected one number, or one per channel")
    return (colour[:, None, None] if colour.ndim else colour).astype(image.dtype)


def pad(image: np.ndarray, padding: Size, fill: Fill = 0, padding_mode: str = "constant") -> np.ndarray:
    """Margins around the image; negative ones cut.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.pad(np.array([[1, 2]]), [1, 0], padding_mode="edge").tolist()
    [[1, 1, 2, 2]]
    """
    if padding_mode not in PADDING_MODES:
        raise ArgumentError(f"pad: padding_mode={padding_mode!r}; expected one of {', '.join(PADDING_MODES)}")
    left, top, right, bottom = margins(padding)
    height, width = image.shape[-2:]
    image = image[..., max(-top, 0):height - max(-bottom, 0), max(-left, 0):width - max(-right, 0)]
    widths = [(0, 0)] * (image.ndim - 2) + [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))]
    if padding_mode != "constant":
        return np.pad(image, widths, PADDING_MODES[padding_mode])
    shape = (*image.shape[:-2], *(before + n + after for n, (before, after) in zip(image.shape[-2:], widths[-2:], strict=True)))
    out = np.empty(shape, image.dtype)
    out[...] = fill_of(fill, image)
    out[..., max(top, 0):max(top, 0) + image.shape[-2], max(left, 0):max(left, 0) + image.shape[-1]] = image
    return out


def crop(image: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """A window of the image; what lies outside is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.crop(np.arange(6).reshape(2, 3), 1, 2, 1, 2).tolist()
    [[5, 0]]
    """
    full_height, full_width = image.shape[-2:]
    bottom, right = top + height, left + width
    inside = image[..., max(top, 0):max(bottom, 0), max(left, 0):max(right, 0)]
    if top >= 0 and left >= 0 and bottom <= full_height and right <= full_width:
        return inside
    before = max(-left, 0), max(-top, 0)
    return pad(inside, [*before, width - inside.shape[-1] - before[0], height - inside.shape[-2] - before[1]])


def center_crop(image: np.ndarray, output_size: Size) -> np.ndarray:
    """The middle of the image; a smaller image gets a margin of 0.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.center_crop(np.arange(9).reshape(3, 3), 1).tolist()
    [[4]]
    """
    return crop(image, *center(image.shape[-2:], pair(output_size, "center_crop")))


def center(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, int, int]:
    """top, left, height, width of the window in the middle; of two middles, the one Python's rounding gives."""
    top, left = (int(round((n - w) / 2)) if n >= w else -((w - n) // 2) for n, w in zip(size, wanted, strict=True))
    return top, left, *wanted


def wanted_size(size: tuple[int, int], wanted: Size | None, max_size: int | None = None) -> tuple[int, int]:
    """(height, width) after `resize`: one number is the length of the shorter edge."""
    height, width = size
    if wanted is not None and not isinstance(wanted, (int, np.integer)) and len(wanted) == 2:
        if max_size is not None:
            raise ArgumentError("resize: max_size goes with a size of one number")
        return pair(wanted, "resize")
    if wanted is None:
        if max_size is None:
            raise ArgumentError("resize: give size or max_size")
        scale = max_size / max(size)
        return max(int(height * scale), 1), max(int(width * scale), 1)
    short = pair(wanted, "resize")[0]
    long = int(short * max(size) / min(size))
    if max_size is not None and long > max_size:
        if max_size <= short:
            raise ArgumentError(f"resize: max_size={max_size} must be larger than size={short}")
        short, long = int(max_size * short / long), max_size
    return (short, long) if height <= width else (long, short)


def resize(image: np.ndarray, size: Size | None, interpolation: str = "bilinear", max_size: int | None = None,
           antialias: bool = True) -> np.ndarray:
    """The image at another size.

    Parameters
    ----------
    image : ndarray, shape (..., H, W)
    size : int or (int, int)
        One number is the new length of the shorter edge.
    interpolation : {"nearest", "nearest-exact", "bilinear", "bicubic"}
    max_size : int, optional
        The longer edge is never longer.
    antialias : bool
        Average over what falls together when shrinking ("bilinear" and "bicubic").

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.resize(np.arange(16.0).reshape(1, 4, 4), 2).shape
    (1, 2, 2)
    """
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(f"resize: interpolation={interpolation!r}; expected one of {', '.join(INTERPOLATIONS)}")
    if image.ndim < 2 or 0 in image.shape:
        raise ShapeError(f"resize: expected an image (..., H, W) with pixels, got shape {image.shape}")
    target = wanted_size(image.shape[-2:], size, max_size)
    if target == image.shape[-2:]:
        return image
    smooth = interpolation in ("bilinear", "bicubic")
    numbers = image.astype(np.float32) if smooth and image.dtype.kind != "f" else image
    with no_grad():
        out = interpolate(as_tensor(numbers.reshape(1, -1, *image.shape[-2:])), target, mode=interpolation, antialias=antialias and smooth)
    return as_dtype(out.numpy().reshape(*image.shape[:-2], *target), image.dtype)


def as_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Computed values in the dtype of an image: rounded and kept within its range where it counts in integers."""
    if dtype.kind == "b":
        return values >= 0.5
    if dtype.kind in "iu" and values.dtype.kind == "f":
        info = np.iinfo(dtype)
        values = np.rint(values).clip(info.min, info.max)
    return values.astype(dtype, copy=False)


def resized_crop(image: np.ndarray, top: int, left: int, height: int, width: int, size: Size,
                 interpolation: str = "bilinear", antialias: bool = True) -> np.ndarray:
    """A window of the image, at another size.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.resized_crop(np.zeros((3, 8, 8)), 0, 0, 4, 4, 16).shape
    (3, 16, 16)
    """
    return resize(crop(image, top, left, height, width), pair(size, "resized_crop"), interpolation, antialias=antialias)


def five_crop(image: np.ndarray, size: Size) -> tuple[np.ndarray, ...]:
    """The four corners and the middle.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> [int(part.sum()) for part in functional.five_crop(np.arange(9).reshape(3, 3), 1)]
    [0, 2, 6, 8, 4]
    """
    height, width = pair(size, "five_crop")
    if height > image.shape[-2] or width > image.shape[-1]:
        raise ShapeError(f"five_crop: size={size!r} is larger than an image of shape {image.shape}")
    bottom, right = image.shape[-2] - height, image.shape[-1] - width
    corners = [crop(image, top, left, height, width) for top in (0, bottom) for left in (0, right)]
    return (*corners, center_crop(image, (height, width)))


def ten_crop(image: np.ndarray, size: Size, vertical_flip: bool = False) -> tuple[np.ndarray, ...]:
    """`five_crop` of the image and of its mirror image.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> [int(part.sum()) for part in functional.ten_crop(np.arange(9).reshape(3, 3), 1)]
    [0, 2, 6, 8, 4, 2, 0, 8, 6, 4]
    """
    return five_crop(image, size) + five_crop(vflip(image) if vertical_flip else hflip(image), size)

"""Functions that change what colour pixels have. Arrays (..., C, H, W) of bytes 0..255 or floats 0..1, in and out."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....core.errors import ArgumentError, DTypeError, ShapeError
from ..convert import largest
from .framing import as_dtype

# How bright red, green and blue look (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114])


def blend(image: np.ndarray, other: np.ndarray | float, factor: float) -> np.ndarray:
    """``factor image + (1 - factor) other``, kept within the range of the dtype."""
    if factor < 0:
        raise ArgumentError(f"factor={factor}; expected at least 0")
    mixed = factor * image.astype(_float(image)) + (1 - factor) * other
    return as_dtype(np.clip(mixed, 0, largest(image.dtype)), image.dtype)


def _float(image: np.ndarray) -> np.dtype:
    return image.dtype if image.dtype.kind == "f" else np.dtype(np.float32)


def _channels(image: np.ndarray, name: str) -> int:
    if image.ndim < 3 or image.shape[-3] not in (1, 3):
        raise ShapeError(f"{name}: expected (..., C, H, W) with 1 or 3 channels, got shape {image.shape}")
    return image.shape[-3]


def gray(image: np.ndarray) -> np.ndarray:
    """Brightness (..., 1, H, W) as floats."""
    if _channels(image, "gray") == 1:
        return image.astype(_float(image))
    return np.einsum("...chw,c->...hw", image.astype(_float(image)), LUMA.astype(_float(image)))[..., None, :, :]


def rgb_to_grayscale(image: np.ndarray, num_output_channels: int = 1) -> np.ndarray:
    """``0.299 R + 0.587 G + 0.114 B``, once or for all three channels.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.rgb_to_grayscale(np.ones((3, 1, 1))).shape
    (1, 1, 1)
    """
    if num_output_channels not in (1, 3):
        raise ArgumentError(f"rgb_to_grayscale: num_output_channels={num_output_channels}; expected 1 or 3")
    return np.repeat(as_dtype(gray(image), image.dtype), num_output_channels, axis=-3)


def adjust_brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """Blended with black: 0 is black, 1 the image, 2 twice as bright.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.adjust_brightness(np.array([[[0.2, 0.8]]]), 2).tolist()
    [[[0.4, 1.0]]]
    """
    return blend(image, 0.0, factor)


def adjust_contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """Blended with the mean brightness: 0 is even grey.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.adjust_contrast(np.array([[[0.2, 0.8]]]), 0).tolist()
    [[[0.5, 0.5]]]
    """
    level = gray(image)
    if image.dtype.kind != "f":
        level = np.rint(level)
    return blend(image, level.mean(axis=(-3, -2, -1), keepdims=True), factor)


def adjust_saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """Blended with its own grey picture: 0 is grey.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.adjust_saturation(np.array([1.0, 0, 0]).reshape(3, 1, 1), 0).ravel().tolist()
    [0.299, 0.299, 0.299]
    """
    return blend(image, gray(image), factor)


def adjust_sharpness(image: np.ndarray, factor: float) -> np.ndarray:
    """Blended with a smoothed image: 0 is smooth, 1 the image, 2 sharper. The edge stays.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.adjust_sharpness(np.eye(3)[None], 0)[0, 1].round(2).tolist()
    [0.0, 0.54, 0.0]
    """
    height, width = image.shape[-2:]
    smooth = image.astype(_float(image))
    if height > 2 and width > 2:
        columns = smooth[..., :-2] + smooth[..., 1:-1] + smooth[..., 2:]
        sums = columns[..., :-2, :] + columns[..., 1:-1, :] + columns[..., 2:, :]
        inner = (sums + 4 * smooth[..., 1:-1, 1:-1]) / 13
        smooth = smooth.copy()
        smooth[..., 1:-1, 1:-1] = inner if image.dtype.kind == "f" else np.rint(inner)
    return blend(image, smooth, factor)


def adjust_gamma(image: np.ndarray, gamma: float, gain: float = 1) -> np.ndarray:
    """``gain x^gamma`` of an image scaled to 0..1.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.adjust_gamma(np.array([[[0.25, 1.0]]]), 0.5).tolist()
    [[[0.5, 1.0]]]
    """
    if gamma < 0:
        raise ArgumentError(f"adjust_gamma: gamma={gamma}; expected at least 0")
    white = largest(image.dtype)
    return as_dtype(np.clip(gain * (image.astype(_float(image)) / white) ** gamma, 0, 1) * white, image.dtype)


def adjust_hue(image: np.ndarray, factor: float) -> np.ndarray:
    """Colours moved around the colour wheel by `factor` turns (between -0.5 and 0.5).

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> red = np.array([1.0, 0, 0]).reshape(3, 1, 1)
    >>> functional.adjust_hue(red, 1 / 3).ravel().round(6).tolist()
    [0.0, 1.0, 0.0]
    """
    if not -0.5 <= factor <= 0.5:
        raise ArgumentError(f"adjust_hue: factor={factor}; expected between -0.5 and 0.5")
    if _channels(image, "adjust_hue") == 1 or factor == 0:
        return image
    white = largest(image.dtype)
    turned = from_hsv(*_turned(image.astype(_float(image)) / white, factor))
    return as_dtype(turned * white, image.dtype)


def _turned(rgb: np.ndarray, turns: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    hue, saturation, value = to_hsv(rgb)
    return _wrapped(hue + turns, 1), saturation, value


def _wrapped(turned: np.ndarray, whole: int) -> np.ndarray:
    """Values less than one turn outside 0..whole, brought inside; `%` of floats is slow."""
    return turned + whole * ((turned < 0).astype(turned.dtype) - (turned >= whole))


def to_hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hue in turns, saturation and value of (..., 3, H, W) between 0 and 1."""
    red, green, blue = np.moveaxis(rgb, -3, 0)
    value, low = rgb.max(axis=-3), rgb.min(axis=-3)
    span = value - low
    safe = np.where(span == 0, 1, span)
    sixths = np.where(value == red, (green - blue) / safe, np.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4))
    return _wrapped(sixths, 6) / 6, span / np.where(value == 0, 1, value), value


def from_hsv(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """(..., 3, H, W) between 0 and 1: ``value (1 - saturation max(0, min(k, 4 - k, 1)))`` with ``k = (n + 6 hue) mod 6``."""
    chroma = value * saturation
    places = [_wrapped(n + 6 * hue, 6) for n in (5, 3, 1)]
    return np.stack([value - chroma * np.minimum(k, 4 - k).clip(0, 1) for k in places], axis=-3).astype(value.dtype)


def invert(image: np.ndarray) -> np.ndarray:
    """White minus the image.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.invert(np.array([[[0, 55]]], np.uint8)).tolist()
    [[[255, 200]]]
    """
    return (largest(image.dtype) - image.astype(_float(image))).astype(image.dtype)


def solarize(image: np.ndarray, threshold: float) -> np.ndarray:
    """Inverted from `threshold` upwards.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.solarize(np.array([[[100, 200]]], np.uint8), 128).tolist()
    [[[100, 55]]]
    """
    if threshold > largest(image.dtype):
        raise ArgumentError(f"solarize: threshold={threshold} above the white of {image.dtype}")
    return np.where(image >= threshold, invert(image), image)


def posterize(image: np.ndarray, bits: int) -> np.ndarray:
    """Only the highest `bits` of 8 kept.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.posterize(np.array([[[100, 200]]], np.uint8), 1).tolist()
    [[[0, 128]]]
    """
    if not 0 <= bits <= 8:
        raise ArgumentError(f"posterize: bits={bits}; expected 0 to 8")
    if image.dtype.kind == "f":
        levels = 1 << bits
        return (np.floor(image * levels).clip(0, levels - 1) / levels).astype(image.dtype)
    return image & image.dtype.type(256 - (1 << (8 - bits)))


def autocontrast(image: np.ndarray) -> np.ndarray:
    """Each channel stretched so that its darkest pixel is black and its brightest white.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.autocontrast(np.array([[[50, 100, 150]]], np.uint8)).tolist()
    [[[0, 127, 255]]]
    """
    white = largest(image.dtype)
    numbers = image.astype(np.float64)
    low, high = (edge(numbers, axis=(-2, -1), keepdims=True) for edge in (np.min, np.max))
    flat = low == high
    stretched = (numbers - np.where(flat, 0, low)) * (white / np.where(flat, white, high - low))
    return np.floor(stretched + 1e-9).clip(0, white).astype(image.dtype) if image.dtype.kind != "f" else stretched.astype(image.dtype)


def equalize(image: np.ndarray) -> np.ndarray:
    """Bytes recoloured per channel so that all brightnesses are about equally frequent.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> dark = np.repeat(np.arange(4, dtype=np.uint8), 340).reshape(1, 40, 34)
    >>> np.unique(functional.equalize(dark)).tolist()
    [0, 85, 170, 255]
    """
    if image.dtype.kind == "f":
        return (equalize(np.clip(image * 255, 0, 255).astype(np.uint8)) / 255).astype(image.dtype)
    if image.dtype != np.uint8:
        raise DTypeError(f"equalize: expected uint8 or floats, got {image.dtype}")
    flat = image.reshape(-1, image.shape[-2] * image.shape[-1])
    return np.stack([_equalized(channel) for channel in flat]).reshape(image.shape) if len(flat) else image


def _equalized(channel: np.ndarray) -> np.ndarray:
    counts = np.bincount(channel, minlength=256)
    step = (len(channel) - counts[np.flatnonzero(counts)[-1]]) // 255 if len(channel) else 0
    if step == 0:
        return channel
    below = np.concatenate([[0], counts.cumsum()[:-1]])
    return ((below + step // 2) // step).clip(0, 255).astype(np.uint8)[channel]


def gaussian_blur(image: np.ndarray, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None) -> np.ndarray:
    """Smoothed by a Gaussian cut off at an odd `kernel_size`; the edge is mirrored.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Width and height.
    sigma : float or (float, float), optional
        Along width and height, in pixels; by default ``0.15 kernel_size + 0.35``.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.gaussian_blur(np.eye(3)[None], 3, 0.5)[0].round(2).tolist()
    [[0.66, 0.25, 0.05], [0.25, 0.64, 0.25], [0.05, 0.25, 0.66]]
    """
    sizes = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
    if len(sizes) != 2 or any(size < 1 or size % 2 == 0 for size in sizes):
        raise ArgumentError(f"gaussian_blur: kernel_size={kernel_size!r}; expected odd numbers of at least 1")
    sigmas = [0.15 * size + 0.35 for size in sizes] if sigma is None else [sigma] * 2 if isinstance(sigma, (int, float)) else list(sigma)
    if len(sigmas) != 2 or min(sigmas) <= 0:
        raise ArgumentError(f"gaussian_blur: sigma={sigma!r}; expected one or two numbers above 0")
    out = image.astype(_float(image))
    for axis, size, width in zip((-1, -2), sizes, sigmas, strict=True):
        if size // 2 >= image.shape[axis]:
            raise ShapeError(f"gaussian_blur: kernel_size={kernel_size!r} reaches beyond an image of shape {image.shape}")
        offsets = np.arange(size) - size // 2
        weights = np.exp(-0.5 * (offsets / width) ** 2)
        margin = [(0, 0)] * image.ndim
        margin[axis] = (size // 2, size // 2)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(out, margin, "reflect"), size, axis=axis)
        out = windows @ (weights / weights.sum()).astype(out.dtype)
    return as_dtype(out, image.dtype)


def gaussian_noise(image: np.ndarray, noise: np.ndarray, clip: bool = True) -> np.ndarray:
    """The image plus noise (measured where white is 1), kept between black and white if `clip`.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.gaussian_noise(np.array([[[0.5, 1.0]]]), np.array([0.25, 0.25])).tolist()
    [[[0.75, 1.0]]]
    """
    white = largest(image.dtype)
    noisy = image + noise * white
    return as_dtype(noisy.clip(0, white) if clip else noisy, image.dtype)


def erase(image: np.ndarray, top: int, left: int, height: int, width: int, value: np.ndarray | float, inplace: bool = False) -> np.ndarray:
    """The image, or a copy of it, with one rectangle overwritten.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.erase(np.ones((1, 2, 3)), 0, 1, 2, 1, 0).tolist()
    [[[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]]
    """
    out = image if inplace else image.copy()
    out[..., top:top + height, left:left + width] = value
    return out

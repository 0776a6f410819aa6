"""Transforms that change what colour pixels have."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from .base import Transform, probability
from .functional import color


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    Parameters
    ----------
    brightness, contrast, saturation : float or (float, float), optional
        Factors from ``max(0, 1 - value)`` to ``1 + value``, or from where to where.
    hue : float or (float, float), optional
        Turns of the colour wheel from -value to value, at most half a turn.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.ColorJitter(brightness=(2, 2))(np.full((3, 1, 1), 0.25)).max()
    np.float64(0.5)
    """

    def __init__(self, brightness: float | Sequence[float] | None = None, contrast: float | Sequence[float] | None = None,
                 saturation: float | Sequence[float] | None = None, hue: float | Sequence[float] | None = None) -> None:
        self.brightness = _factors(brightness, "brightness", 1, (0, np.inf))
        self.contrast = _factors(contrast, "contrast", 1, (0, np.inf))
        self.saturation = _factors(saturation, "saturation", 1, (0, np.inf))
        self.hue = _factors(hue, "hue", 0, (-0.5, 0.5))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> list[tuple[Callable, float]]:
        """Functions with their factors, in the order in which they are applied."""
        table = [(color.adjust_brightness, self.brightness), (color.adjust_contrast, self.contrast),
                 (color.adjust_saturation, self.saturation), (color.adjust_hue, self.hue)]
        drawn = [(function, rng.uniform(*limits)) for function, limits in table if limits is not None]
        return [drawn[place] for place in rng.permutation(len(drawn))]

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """Each function in turn."""
        for function, factor in params:
            image = function(image, factor)
        return image


def _factors(value: float | Sequence[float] | None, name: str, middle: float, bounds: tuple[float, float]) -> tuple[float, float] | None:
    if value is None or value == 0:
        return None
    if isinstance(value, (int, float)):
        low, high = (max(middle - value, 0), middle + value) if middle else (-value, value)
        fine = value >= 0
    else:
        (low, high), fine = value, len(value) == 2
    if not fine or not bounds[0] <= low <= high <= bounds[1]:
        raise ArgumentError(f"ColorJitter: {name}={value!r}; expected a number of at least 0, or (low, high), within {bounds}")
    return (low, high)


class Grayscale(Transform):
    """Brightness only, in 1 or 3 channels.

    Parameters
    ----------
    num_output_channels : int
        1, or 3 that are alike.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.Grayscale()(np.ones((3, 4, 4))).shape
    (1, 4, 4)
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        if num_output_channels not in (1, 3):
            raise ArgumentError(f"Grayscale: num_output_channels={num_output_channels}; expected 1 or 3")
        self.num_output_channels = num_output_channels

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """(..., 1 or 3, H, W)."""
        return color.rgb_to_grayscale(image, self.num_output_channels)


class _Maybe(Transform):
    """A change of colour that happens with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(p, type(self).__name__)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> bool:
        """Whether."""
        return bool(rng.random() < self.p)

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """Changed, or as it was."""
        return self.change(image) if params else image

    def change(self, image: np.ndarray) -> np.ndarray:
        """The changed image."""
        raise ArgumentError(f"{type(self).__name__} does not define change")


class RandomGrayscale(_Maybe):
    """Grey with probability `p`, with as many channels as before.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomGrayscale(p=1)(np.array([1.0, 0, 0]).reshape(3, 1, 1)).ravel().round(3).tolist()
    [0.299, 0.299, 0.299]
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def change(self, image: np.ndarray) -> np.ndarray:
        """Brightness in every channel."""
        return color.rgb_to_grayscale(image, image.shape[-3])


class RandomInvert(_Maybe):
    """``y = white - x`` with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomInvert(p=1)(np.array([[[0, 55]]], np.uint8)).tolist()
    [[[255, 200]]]
    """

    change = staticmethod(color.invert)


class RandomAutocontrast(_Maybe):
    """``y = white (x - min) / (max - min)`` per channel, with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomAutocontrast(p=1)(np.array([[[0.4, 0.5, 0.6]]])).round(3).tolist()
    [[[0.0, 0.5, 1.0]]]
    """

    change = staticmethod(color.autocontrast)


class RandomEqualize(_Maybe):
    """Histograms made even, with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> dark = np.repeat(np.arange(4, dtype=np.uint8), 340).reshape(1, 40, 34)
    >>> np.unique(transforms.RandomEqualize(p=1)(dark)).tolist()
    [0, 85, 170, 255]
    """

    change = staticmethod(color.equalize)


class RandomPosterize(_Maybe):
    """``y = x - x mod 2^(8 - bits)`` with probability `p`: only the highest `bits` of 8 kept.

    Parameters
    ----------
    bits : int
        How many are kept.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomPosterize(bits=1, p=1)(np.array([[[100, 200]]], np.uint8)).tolist()
    [[[0, 128]]]
    """

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def change(self, image: np.ndarray) -> np.ndarray:
        """Fewer levels."""
        return color.posterize(image, self.bits)


class RandomSolarize(_Maybe):
    """``y = white - x`` where ``x >= threshold``, with probability `p`.

    Parameters
    ----------
    threshold : float
        From where on numbers are inverted.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomSolarize(threshold=128, p=1)(np.array([[[100, 200]]], np.uint8)).tolist()
    [[[100, 55]]]
    """

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def change(self, image: np.ndarray) -> np.ndarray:
        """Bright pixels inverted."""
        return color.solarize(image, self.threshold)


class RandomAdjustSharpness(_Maybe):
    """``y = factor x + (1 - factor) smoothed(x)`` with probability `p`: sharper with a factor above 1, smoother below.

    Parameters
    ----------
    sharpness_factor : float
        0 is smooth, 1 the image itself, 2 sharper.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> point = np.zeros((1, 3, 3)); point[0, 1, 1] = 0.5
    >>> transforms.RandomAdjustSharpness(0, p=1)(point)[0, 1, 1].round(3)
    np.float64(0.192)
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, image: np.ndarray) -> np.ndarray:
        """Blended with its smoothed self."""
        return color.adjust_sharpness(image, self.sharpness_factor)


class GaussianBlur(Transform):
    """``y = exp(-(i² + j²) / (2 sigma²)) * x``, divided by the sum of the weights: smoothed by a Gaussian whose width is
    drawn from `sigma`.

    Parameters
    ----------
    kernel_size : int or sequence of int
        Height and width of the window, odd.
    sigma : float or sequence of float
        Between these the width is drawn; one number is the width.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.GaussianBlur(3)(np.ones((1, 4, 4))).round(6).max()
    np.float64(1.0)
    """

    def __init__(self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        self.kernel_size = kernel_size
        self.sigma = (sigma, sigma) if isinstance(sigma, (int, float)) else tuple(sigma)
        if len(self.sigma) != 2 or not 0 < self.sigma[0] <= self.sigma[1]:
            raise ArgumentError(f"GaussianBlur: sigma={sigma!r}; expected one number or (low, high), above 0")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> float:
        """The width in pixels."""
        return float(rng.uniform(*self.sigma))

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """Smoothed."""
        return color.gaussian_blur(image, self.kernel_size, params)


class GaussianNoise(Transform):
    """``y = x + mean + sigma z`` with normal z, measured where white is 1.

    Parameters
    ----------
    mean : float
        Mean of the noise.
    sigma : float
        Standard deviation of the noise.
    clip : bool
        Keep the result between black and white.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> noisy = transforms.GaussianNoise(sigma=0.1)(np.full((1, 32, 32), 0.5))
    >>> bool(0.08 < noisy.std() < 0.12)
    True
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        if sigma < 0:
            raise ArgumentError(f"GaussianNoise: sigma={sigma}; expected at least 0")
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Noise of the image's shape."""
        return rng.normal(self.mean, self.sigma, shape)

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """With noise."""
        return color.gaussian_noise(image, params, self.clip)


class RandomErasing(Transform):
    """A random rectangle overwritten, with probability `p` (Zhong et al. 2017).

    Parameters
    ----------
    p : float
        Probability with which it is applied.
    scale : (float, float)
        Between which shares of the image's area the rectangle's lies.
    ratio : (float, float)
        Between which height over width lies.
    value : float, sequence of float or "random"
        The colour: one number, one per channel, or normal noise.
    inplace : bool
        Write over the image that is given.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> erased = transforms.RandomErasing(p=1)(np.ones((1, 32, 32)))
    >>> bool(0 < (erased == 0).mean() < 0.4)
    True
    """

    def __init__(self, p: float = 0.5, scale: tuple[float, float] = (0.02, 0.33), ratio: tuple[float, float] = (0.3, 3.3),
                 value: float | Sequence[float] | str = 0, inplace: bool = False) -> None:
        if not 0 <= scale[0] <= scale[1] <= 1 or not 0 < ratio[0] <= ratio[1]:
            raise ArgumentError(f"RandomErasing: scale={scale}, ratio={ratio}; expected (smallest, largest), shares up to 1, ratios above 0")
        if isinstance(value, str) and value != "random":
            raise ArgumentError(f"RandomErasing: value={value!r}; expected a number, one per channel, or 'random'")
        self.p, self.scale, self.ratio, self.value, self.inplace = probability(p, "RandomErasing"), scale, ratio, value, inplace

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[int, int, int, int, Any] | None:
        """top, left, height, width and colour; None if nothing is erased, or no rectangle fitted in ten tries."""
        if rng.random() >= self.p:
            return None
        channels, height, width = shape[-3:]
        for _ in range(10):
            area = height * width * rng.uniform(*self.scale)
            ratio = np.exp(rng.uniform(*np.log(self.ratio)))
            tall, wide = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
            if tall < height and wide < width:
                corner = int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1))
                noise = rng.standard_normal((channels, tall, wide)) if self.value == "random" else np.asarray(self.value)
                return *corner, tall, wide, noise[:, None, None] if noise.ndim == 1 else noise
        return None

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """With the rectangle overwritten."""
        return image if params is None else color.erase(image, *params, inplace=self.inplace)

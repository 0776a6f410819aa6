"""From one form of image to another: Pillow, arrays, tensors, bytes, numbers between 0 and 1, standard scores."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...backend import dtypes
from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError, DTypeError, ShapeError
from .base import Transform, is_pillow, to_array, to_pillow


def to_dtype(image: np.ndarray, dtype: Any, scale: bool = False) -> np.ndarray:
    """The same image of another dtype; `scale` maps the whole range of integers to 0..1 and back.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.transforms import functional
    >>> functional.to_dtype(np.array([[[0, 255]]], np.uint8), np.float32, scale=True).tolist()
    [[[0.0, 1.0]]]
    """
    wanted = dtypes.as_dtype(dtype)
    if image.dtype == wanted or not scale:
        return image.astype(wanted, copy=False)
    if wanted.kind == "f":
        return image.astype(wanted) / wanted.type(largest(image.dtype))
    if image.dtype.kind == "f":
        # One number in 2^bits + 1 equal steps: 1.0 falls into the last one, as torchvision has it.
        return (image.astype(np.float64) * (largest(wanted) + 1 - 1e-3)).clip(0, largest(wanted)).astype(wanted)
    shift = int(largest(wanted)).bit_length() - int(largest(image.dtype)).bit_length()
    return image.astype(wanted) << shift if shift >= 0 else (image >> -shift).astype(wanted)


def largest(dtype: np.dtype) -> float:
    """The value of white: 1 for floats, else the largest integer of the dtype."""
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0


class ToDtype(Transform):
    """Another dtype; ``scale=True`` also maps bytes 0..255 to 0..1 (and back).

    Parameters
    ----------
    dtype
        What the numbers become.
    scale : bool
        Bring the range of the old dtype to that of the new one.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.ToDtype("float32", scale=True)(np.full((1, 1, 1), 51, np.uint8)).item()
    0.20000000298023224
    """

    def __init__(self, dtype: Any = np.float32, scale: bool = False) -> None:
        self.dtype, self.scale = dtypes.as_dtype(dtype), scale

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """(..., C, H, W) of the new dtype."""
        return to_dtype(image, self.dtype, self.scale)


class PILToTensor(Transform):
    """A Pillow image as a Tensor (C, H, W) of its own bytes.

    Examples
    --------
    >>> from PIL import Image
    >>> from workbench.data import transforms
    >>> transforms.PILToTensor()(Image.new('L', (2, 1), 7)).tolist()
    [[[7, 7]]]
    """

    def __call__(self, image: Any) -> Tensor:
        if not is_pillow(image):
            raise DTypeError(f"PILToTensor: expected a Pillow image, got {type(image).__name__}")
        return as_tensor(np.array(to_array(image)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToTensor(Transform):
    """A Pillow image, or an array (H, W, C) or (H, W), as a Tensor (C, H, W); bytes become floats between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> x = transforms.ToTensor()(np.full((4, 5, 3), 255, np.uint8))
    >>> x.shape, x.dtype.name, x.max().item()
    ((3, 4, 5), 'float32', 1.0)
    """

    def __call__(self, image: Any) -> Tensor:
        if is_pillow(image):
            pixels = to_array(image)
        elif isinstance(image, np.ndarray) and image.ndim in (2, 3):
            pixels = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
        else:
            raise DTypeError(f"ToTensor: expected a Pillow image or an array (H, W, C) or (H, W), got {type(image).__name__}"
                             + (f" of shape {tuple(image.shape)}; ToDtype converts (C, H, W)" if hasattr(image, "shape") else ""))
        return as_tensor(np.ascontiguousarray(to_dtype(pixels, np.float32, scale=True) if pixels.dtype == np.uint8 else pixels))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToPILImage(Transform):
    """A Tensor or array (C, H, W) as a Pillow image; floats are taken to lie between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.ToPILImage()(np.zeros((3, 4, 5))).size
    (5, 4)
    """

    def __call__(self, image: Any) -> Any:
        return image if is_pillow(image) else to_pillow(to_array(image))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Normalize(Transform):
    """``(x - mean) / std`` per channel.

    Parameters
    ----------
    mean, std : sequence of float
        One for each channel, or one for all.
    inplace : bool
        Write the result over the image that is given.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.Normalize(mean=[0.5], std=[0.25])(np.ones((1, 1, 2))).tolist()
    [[[2.0, 2.0]]]
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        if len(mean) != len(std) or 0 in std:
            raise ArgumentError(f"Normalize: mean={mean!r}, std={std!r}; expected as many of both, and no std of 0")
        self.mean, self.std, self.inplace = list(mean), list(std), inplace

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """(..., C, H, W) of floats."""
        if image.dtype.kind != "f":
            raise DTypeError(f"Normalize: expected floats, got {image.dtype}; put ToDtype('float32', scale=True) before it")
        if len(self.mean) not in (1, image.shape[-3]):
            raise ShapeError(f"Normalize: {len(self.mean)} means for an image of shape {image.shape}; expected (..., C, H, W)")
        mean, std = (np.asarray(values, image.dtype)[:, None, None] for values in (self.mean, self.std))
        out = np.subtract(image, mean, out=image if self.inplace else None)
        out /= std
        return out


class Lambda(Transform):
    """A function of your own on the image, as an array (..., C, H, W).

    Parameters
    ----------
    function : callable
        From an array to an array.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.Lambda(lambda image: image + 1)(np.arange(4.0).reshape(1, 2, 2)).max()
    np.float64(4.0)
    """

    def __init__(self, function: Callable[[np.ndarray], np.ndarray]) -> None:
        self.function = function

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """``function(image)``."""
        return self.function(image)

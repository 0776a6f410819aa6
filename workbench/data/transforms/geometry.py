"""Transforms that choose which pixels an image has: sizes, crops, margins, flips."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError
from .base import Boxes, Mask, Transform, like, probability, to_array
from .functional import framing
from .functional.framing import Fill, Size


class Resize(Transform):
    """Another size; one number is the new length of the shorter edge.

    Parameters
    ----------
    size : int or (int, int)
        Height and width, or one number for the shorter edge.
    interpolation : {"bilinear", "nearest", "nearest-exact", "bicubic"}
        How colours between pixels are found.
    max_size : int, optional
        The longer edge is never longer.
    antialias : bool
        Average over what falls together when shrinking.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.Resize(4)(np.zeros((3, 8, 16))).shape
    (3, 4, 8)
    """

    def __init__(self, size: Size | None, interpolation: str = "bilinear", max_size: int | None = None, antialias: bool = True) -> None:
        framing.wanted_size((1, 1), size, max_size)
        if interpolation not in framing.INTERPOLATIONS:
            raise ArgumentError(f"Resize: interpolation={interpolation!r}; expected one of {', '.join(framing.INTERPOLATIONS)}")
        self.size, self.interpolation, self.max_size, self.antialias = size, interpolation, max_size, antialias

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """(..., H, W) to the new size."""
        return framing.resize(image, self.size, self.interpolation, self.max_size, self.antialias)

    def apply_mask(self, mask: np.ndarray, params: Any) -> np.ndarray:
        """The nearest label."""
        return framing.resize(mask, self.size, "nearest", self.max_size)

    def move(self, points: np.ndarray, params: Any, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Scaled."""
        height, width = framing.wanted_size(size, self.size, self.max_size)
        return points * [width / size[1], height / size[0]], (height, width)


class _Window(Transform):
    """A transform whose draw is a window (top, left, height, width)."""

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """The window of the image."""
        return framing.crop(image, *params)

    def apply_mask(self, mask: np.ndarray, params: Any) -> np.ndarray:
        """The same window."""
        return framing.crop(mask, *params)

    def move(self, points: np.ndarray, params: Any, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Counted from the window's corner."""
        top, left, height, width = params
        return points - [left, top], (height, width)


class CenterCrop(_Window):
    """The middle of the image; a smaller image gets a margin of 0.

    Parameters
    ----------
    size : int or sequence of int
        Height and width of what is kept; one number for both.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.CenterCrop(2)(np.arange(16).reshape(1, 4, 4)).tolist()
    [[[5, 6], [9, 10]]]
    """

    def __init__(self, size: Size) -> None:
        self.size = framing.pair(size, "CenterCrop")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """The window in the middle."""
        return framing.center(shape[-2:], self.size)


class RandomCrop(Transform):
    """A window at a random place.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the window; one number for both.
    padding : int or sequence of int, optional
        A margin that is added first.
    pad_if_needed : bool
        Add as much margin as a small image lacks, on both sides.
    fill, padding_mode
        Of the margin, as in `Pad`.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomCrop(32, padding=4)(np.zeros((3, 32, 32))).shape
    (3, 32, 32)
    """

    def __init__(self, size: Size, padding: Size | None = None, pad_if_needed: bool = False, fill: Fill = 0,
                 padding_mode: str = "constant") -> None:
        self.size, self.padding, self.pad_if_needed = framing.pair(size, "RandomCrop"), padding, pad_if_needed
        self.fill, self.padding_mode = fill, _padding_mode(padding_mode, "RandomCrop")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The margins, and the window in the image with margins."""
        left, top, right, bottom = (0,) * 4 if self.padding is None else framing.margins(self.padding)
        height, width = shape[-2] + top + bottom, shape[-1] + left + right
        if self.pad_if_needed:
            down, across = max(self.size[0] - height, 0), max(self.size[1] - width, 0)
            left, top, right, bottom = left + across, top + down, right + across, bottom + down
            height, width = height + 2 * down, width + 2 * across
        if height < self.size[0] or width < self.size[1]:
            raise ShapeError(f"RandomCrop: size={self.size} is larger than the image with its margins, ({height}, {width}); "
                             "give a padding, or pad_if_needed=True")
        corner = rng.integers(0, height - self.size[0] + 1), rng.integers(0, width - self.size[1] + 1)
        return (left, top, right, bottom), (int(corner[0]), int(corner[1]), *self.size)

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """Margins added, then the window."""
        return framing.crop(framing.pad(image, params[0], self.fill, self.padding_mode), *params[1])

    def apply_mask(self, mask: np.ndarray, params: Any) -> np.ndarray:
        """The same, with margins of 0 where they have a colour."""
        return framing.crop(framing.pad(mask, params[0], 0, self.padding_mode), *params[1])

    def move(self, points: np.ndarray, params: Any, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Counted from the window's corner."""
        (left, top, _, _), (down, across, height, width) = params
        return points + [left - across, top - down], (height, width)


class RandomResizedCrop(_Window):
    """A window of random area and shape, brought to one size (Szegedy et al. 2014).

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the result; one number for both.
    scale : (float, float)
        Between which shares of the image's area the window's lies.
    ratio : (float, float)
        Between which width over height lies, evenly on a logarithmic scale.
    interpolation, antialias
        As in `Resize`.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomResizedCrop(8)(np.zeros((3, 20, 30))).shape
    (3, 8, 8)
    """

    def __init__(self, size: Size, scale: tuple[float, float] = (0.08, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3),
                 interpolation: str = "bilinear", antialias: bool = True) -> None:
        if not 0 < scale[0] <= scale[1] or not 0 < ratio[0] <= ratio[1]:
            raise ArgumentError(f"RandomResizedCrop: scale={scale}, ratio={ratio}; expected (smallest, largest), above 0")
        self.size, self.scale, self.ratio = framing.pair(size, "RandomResizedCrop"), scale, ratio
        self.interpolation, self.antialias = interpolation, antialias

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Ten tries for a window that fits, then the largest one in the middle whose shape is allowed."""
        height, width = shape[-2:]
        for _ in range(10):
            area = height * width * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(*np.log(self.ratio)))
            wide, tall = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < wide <= width and 0 < tall <= height:
                return int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1)), tall, wide
        wide, tall = min(width, max(round(height * self.ratio[1]), 1)), min(height, max(round(width / self.ratio[0]), 1))
        return (height - tall) // 2, (width - wide) // 2, tall, wide

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """The window at the wanted size."""
        return framing.resized_crop(image, *params, self.size, self.interpolation, self.antialias)

    def apply_mask(self, mask: np.ndarray, params: Any) -> np.ndarray:
        """The same with the nearest label."""
        return framing.resized_crop(mask, *params, self.size, "nearest")

    def move(self, points: np.ndarray, params: Any, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Counted from the window's corner, scaled."""
        inside, (height, width) = super().move(points, params, size)
        return inside.clip(0, [width, height]) * [self.size[1] / width, self.size[0] / height], self.size


class Pad(Transform):
    """Margins of left, top, right, bottom pixels (or one number for all, or left and right, top and bottom).

    Parameters
    ----------
    padding : int or sequence of int
        How many pixels.
    fill : float or sequence of float
        The colour of a constant margin.
    padding_mode : {"constant", "edge", "reflect", "symmetric"}
        The colour `fill`, the edge repeated, or the image mirrored without or with its edge.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.Pad([1, 0])(np.ones((1, 1, 1))).tolist()
    [[[0.0, 1.0, 0.0]]]
    """

    def __init__(self, padding: Size, fill: Fill = 0, padding_mode: str = "constant") -> None:
        framing.margins(padding, "Pad")
        self.padding, self.fill, self.padding_mode = padding, fill, _padding_mode(padding_mode, "Pad")

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """With margins."""
        return framing.pad(image, self.padding, self.fill, self.padding_mode)

    def apply_mask(self, mask: np.ndarray, params: Any) -> np.ndarray:
        """Margins of label 0, or as the mode says."""
        return framing.pad(mask, self.padding, 0, self.padding_mode)

    def move(self, points: np.ndarray, params: Any, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Moved by the left and upper margin."""
        left, top, right, bottom = framing.margins(self.padding)
        return points + [left, top], (size[0] + top + bottom, size[1] + left + right)


def _padding_mode(mode: str, name: str) -> str:
    if mode not in framing.PADDING_MODES:
        raise ArgumentError(f"{name}: padding_mode={mode!r}; expected one of {', '.join(framing.PADDING_MODES)}")
    return mode


class _Maybe(Transform):
    """A transform that happens with probability `p`; its draw is whether."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(p, type(self).__name__)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> bool:
        """Whether."""
        return bool(rng.random() < self.p)


class RandomHorizontalFlip(_Maybe):
    """``y[i, j] = x[i, W - 1 - j]`` with probability `p`: left and right exchanged.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomHorizontalFlip(p=1)(np.arange(4.0).reshape(1, 2, 2)).tolist()
    [[[1.0, 0.0], [3.0, 2.0]]]
    """

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """Flipped, or as it was."""
        return framing.hflip(image) if params else image

    apply_mask = apply

    def move(self, points: np.ndarray, params: Any, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Counted from the right."""
        return (np.stack([size[1] - points[..., 0], points[..., 1]], -1) if params else points), size


class RandomVerticalFlip(_Maybe):
    """``y[i, j] = x[H - 1 - i, j]`` with probability `p`: top and bottom exchanged.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> transforms.RandomVerticalFlip(p=1)(np.arange(4.0).reshape(1, 2, 2)).tolist()
    [[[2.0, 3.0], [0.0, 1.0]]]
    """

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """Flipped, or as it was."""
        return framing.vflip(image) if params else image

    apply_mask = apply

    def move(self, points: np.ndarray, params: Any, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Counted from below."""
        return (np.stack([points[..., 0], size[0] - points[..., 1]], -1) if params else points), size


class FiveCrop(Transform):
    """The four corners and the middle, as a tuple: for a prediction that is averaged over them.

    Parameters
    ----------
    size : int or sequence of int
        Height and width of each; one number for both.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> len(transforms.FiveCrop(2)(np.zeros((3, 4, 4))))
    5
    """

    def __init__(self, size: Size) -> None:
        self.size = framing.pair(size, type(self).__name__)

    def __call__(self, image: Any) -> tuple[Any, ...]:
        return tuple(like(image, part) for part in self._parts(to_array(image)))

    def _parts(self, image: np.ndarray) -> Sequence[np.ndarray]:
        return framing.five_crop(image, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class TenCrop(FiveCrop):
    """`FiveCrop` of the image and of its mirror image (Krizhevsky et al. 2012).

    Parameters
    ----------
    size : int or sequence of int
        Height and width of each; one number for both.
    vertical_flip : bool
        Mirror top and bottom instead of left and right.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> len(transforms.TenCrop(2)(np.zeros((3, 4, 4))))
    10
    """

    def __init__(self, size: Size, vertical_flip: bool = False) -> None:
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def _parts(self, image: np.ndarray) -> Sequence[np.ndarray]:
        return framing.ten_crop(image, self.size, self.vertical_flip)


class SanitizeBoundingBoxes(Transform):
    """Boxes that a crop has left too small are dropped, with their labels and masks.

    Called with an image, `Boxes` of n rectangles and anything else. What has n entries, a `Mask` (n, H, W) or labels (n,), loses those of
    dropped boxes.

    Parameters
    ----------
    min_size : float
        Boxes whose width or height is smaller are dropped.
    min_area : float
        Boxes whose area is smaller are dropped.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> boxes = transforms.Boxes(np.array([[0, 0, 4, 4], [3, 0, 3, 4]]))
    >>> image, boxes, labels = transforms.SanitizeBoundingBoxes()(np.zeros((3, 4, 4)), boxes, np.array([7, 8]))
    >>> boxes.data.tolist(), labels.tolist()
    ([[0, 0, 4, 4]], [7])
    """

    def __init__(self, min_size: float = 1.0, min_area: float = 1.0) -> None:
        if min_size <= 0 or min_area <= 0:
            raise ArgumentError(f"SanitizeBoundingBoxes: min_size={min_size}, min_area={min_area}; expected above 0")
        self.min_size, self.min_area = min_size, min_area

    def __call__(self, *inputs: Any) -> Any:
        boxes = [value for value in inputs if isinstance(value, Boxes)]
        if len(boxes) != 1:
            raise ArgumentError(f"SanitizeBoundingBoxes: expected one Boxes among its inputs, got {len(boxes)}")
        edges = np.asarray(to_array(boxes[0].data), np.float64).reshape(-1, 4)
        width, height = (edges[:, 2:] - edges[:, :2]).T
        keep = (np.minimum(width, height) >= self.min_size) & (width * height >= self.min_area)
        outputs = tuple(_kept(value, keep) for value in inputs)
        return outputs if len(outputs) > 1 else outputs[0]


def _kept(value: Any, keep: np.ndarray) -> Any:
    """The entries of a value that belong to kept boxes; what has no such entries as it is."""
    if isinstance(value, (Boxes, Mask)):
        data = to_array(value.data)
        entries = isinstance(value, Boxes) or (data.ndim == 3 and len(data) == len(keep))
        return type(value)(like(value.data, data[keep])) if entries else value
    if isinstance(value, (list, tuple)) and len(value) == len(keep):
        return type(value)(entry for entry, stays in zip(value, keep, strict=True) if stays)
    if isinstance(value, (np.ndarray, Tensor)) and value.shape == keep.shape:
        return like(value, to_array(value)[keep])
    return value

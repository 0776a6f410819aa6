"""What every transform of images shares: which values it takes, and how one draw of random numbers serves all of them.

An image is a Tensor or array (..., C, H, W), or a Pillow image; it comes back as what it was. A transform is called with
one or more values. Images, `Mask` and `Boxes` are transformed together, by the same draw; anything else (a label, a
name) passes through.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.recorded import Recorded
from ..randomness import generator


@dataclass
class Mask:
    """A label per pixel (..., H, W): moved with the image, never blended, never recoloured.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> image, mask = transforms.RandomHorizontalFlip(p=1)(np.zeros((3, 1, 2)), transforms.Mask(np.array([[1, 2]])))
    >>> mask.data.tolist()
    [[2, 1]]
    """

    data: Any


@dataclass
class Boxes:
    """Rectangles (n, 4) as left, top, right, bottom in pixels: moved with the image and cut at its edge.

    A turned rectangle becomes the upright one around it.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> image, boxes = transforms.CenterCrop(2)(np.zeros((3, 4, 4)), transforms.Boxes(np.array([[0, 0, 2, 4]])))
    >>> boxes.data.tolist()
    [[0, 0, 1, 2]]
    """

    data: Any


class Transform(Recorded):
    """Base of transforms: ``draw`` decides, ``apply`` does.

    A subclass gives ``apply(image, params)`` for an array (..., C, H, W), and ``draw(rng, shape)`` if it is random. One
    that moves pixels gives ``apply_mask`` and ``move`` too.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> class Negative(transforms.Transform):
    ...     def apply(self, image, params): return -image
    >>> Negative()(np.arange(4.0).reshape(1, 2, 2)).min()
    np.float64(-3.0)
    """

    def __call__(self, *inputs: Any) -> Any:
        if not inputs:
            raise ArgumentError(f"{type(self).__name__}: expected an image")
        first = next((value for value in inputs if is_image(value)), None)
        if first is None:
            raise DTypeError(f"{type(self).__name__}: expected an image (a Tensor or array (..., C, H, W), or a Pillow image), got "
                             f"{', '.join(type(value).__name__ for value in inputs)}")
        shape = to_array(first).shape
        params = self.draw(generator(), shape)
        outputs = tuple(self._one(value, shape, params) for value in inputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def _one(self, value: Any, shape: tuple[int, ...], params: Any) -> Any:
        if isinstance(value, Mask):
            return Mask(like(value.data, self.apply_mask(to_array(value.data), params)))
        if isinstance(value, Boxes):
            return Boxes(like(value.data, self._boxes(np.asarray(value.data), shape, params)))
        if not is_image(value):
            return value
        return like(value, self.apply(to_array(value), params))

    def _boxes(self, boxes: np.ndarray, shape: tuple[int, ...], params: Any) -> np.ndarray:
        """Move the four corners of each box, and take the upright box around them."""
        left, top, right, bottom = boxes.reshape(-1, 4).T
        corners = np.stack([np.stack([x, y], -1) for x in (left, right) for y in (top, bottom)])
        moved, (height, width) = self.move(corners.astype(np.float64), params, shape[-2:])
        moved = np.clip(moved, 0, [width, height])
        around = np.concatenate([moved.min(axis=0), moved.max(axis=0)], axis=-1)
        return around.astype(boxes.dtype) if boxes.dtype.kind == "f" else np.rint(around).astype(boxes.dtype)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        """What is decided once for an image of this shape; None for a transform without chance."""
        return None

    def apply(self, image: np.ndarray, params: Any) -> np.ndarray:
        """The transformed image."""
        raise ArgumentError(f"{type(self).__name__} does not define apply")

    def apply_mask(self, mask: np.ndarray, params: Any) -> np.ndarray:
        """The transformed mask: as it was, unless pixels move."""
        return mask

    def move(self, points: np.ndarray, params: Any, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Where the points (..., 2) as x, y of an image of `size` (H, W) go, and the new size."""
        return points, size

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({settings})"


class Compose(Transform):
    """Transforms one after the other.

    Parameters
    ----------
    transforms : sequence of callable
        What is applied, in this order.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> steps = transforms.Compose([transforms.Resize(4), transforms.ToDtype("float32", scale=True)])
    >>> steps(np.full((3, 8, 8), 255, np.uint8)).max()
    np.float32(1.0)
    """

    def __init__(self, transforms: Sequence[Callable]) -> None:
        if not transforms:
            raise ArgumentError("Compose: expected at least one transform")
        self.transforms = list(transforms)

    def __call__(self, *inputs: Any) -> Any:
        for transform in self.transforms:
            outputs = transform(*inputs)
            inputs = outputs if len(inputs) > 1 else (outputs,)
        return inputs if len(inputs) > 1 else inputs[0]

    def __repr__(self) -> str:
        lines = "".join(f"    {transform!r}\n" for transform in self.transforms)
        return f"{type(self).__name__}(\n{lines})"


class RandomApply(Compose):
    """All of the transforms with probability `p`, else none.

    Parameters
    ----------
    transforms : sequence of callable
        What is applied, in this order.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import seeded, transforms
    >>> flip = transforms.RandomApply([transforms.RandomHorizontalFlip(1), transforms.RandomVerticalFlip(1)], p=1)
    >>> flip(np.arange(4.0).reshape(1, 2, 2)).tolist()
    [[[3.0, 2.0], [1.0, 0.0]]]
    """

    def __init__(self, transforms: Sequence[Callable], p: float = 0.5) -> None:
        super().__init__(transforms)
        self.p = probability(p, "RandomApply")

    def __call__(self, *inputs: Any) -> Any:
        if generator().random() < self.p:
            return super().__call__(*inputs)
        return inputs if len(inputs) > 1 else inputs[0]


class RandomChoice(Compose):
    """One of the transforms, chosen with the weights `p` (alike by default).

    Parameters
    ----------
    transforms : sequence of callable
        What is chosen from.
    p : sequence of float, optional
        Their weights; alike by default.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> either = transforms.RandomChoice([transforms.RandomHorizontalFlip(1), transforms.RandomVerticalFlip(1)], p=[1, 0])
    >>> either(np.arange(4.0).reshape(1, 2, 2)).tolist()
    [[[1.0, 0.0], [3.0, 2.0]]]
    """

    def __init__(self, transforms: Sequence[Callable], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and (len(p) != len(transforms) or min(p) < 0 or sum(p) <= 0):
            raise ArgumentError(f"RandomChoice: p={p!r}; expected {len(transforms)} weights of at least 0")
        self.p = None if p is None else [weight / sum(p) for weight in p]

    def __call__(self, *inputs: Any) -> Any:
        return self.transforms[generator().choice(len(self.transforms), p=self.p)](*inputs)


class RandomOrder(Compose):
    """All of the transforms, in an order drawn anew.

    Parameters
    ----------
    transforms : sequence of callable
        What is applied.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import transforms
    >>> mixed = transforms.RandomOrder([transforms.Resize(4), transforms.RandomInvert()])
    >>> mixed(np.arange(4.0).reshape(1, 2, 2)).shape
    (1, 4, 4)
    """

    def __call__(self, *inputs: Any) -> Any:
        return Compose([self.transforms[place] for place in generator().permutation(len(self.transforms))])(*inputs)


class PerImage(Transform):
    """A draw of its own for every image of a batch (N, C, H, W), where a transform alone gives one draw to all.

    Parameters
    ----------
    transform : callable
        What is applied to each image.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import seeded, transforms
    >>> flip = transforms.PerImage(transforms.RandomHorizontalFlip())
    >>> with seeded(0): flip(np.tile([[[[1, 2]]]], (4, 1, 1, 1)))[:, 0, 0, 0].tolist()
    [1, 2, 2, 2]
    """

    def __init__(self, transform: Callable) -> None:
        self.transform = transform

    def __call__(self, batch: Any) -> Any:
        images = to_array(batch)
        if images.ndim != 4 or not len(images):
            raise ShapeError(f"PerImage: expected a batch (N, C, H, W), got shape {images.shape}")
        return like(batch, np.stack([to_array(self.transform(image)) for image in images]))

    def __repr__(self) -> str:
        return f"PerImage({self.transform!r})"


def probability(p: float, name: str) -> float:
    """`p` if it is one."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"{name}: p={p}; expected a probability between 0 and 1")
    return p


def is_pillow(value: Any) -> bool:
    """Is it an image of Pillow (which need not be installed)?"""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(value).__mro__)


def is_image(value: Any) -> bool:
    """Is it an array, a tensor or a Pillow image, with at least two axes?"""
    return is_pillow(value) or (isinstance(value, (np.ndarray, Tensor)) and value.ndim >= 2)


def to_array(value: Any) -> np.ndarray:
    """The pixels (..., C, H, W) of an image in any form."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, Tensor):
        return value.numpy()
    if not is_pillow(value):
        return np.asarray(value)
    pixels = np.asarray(value if value.mode in ("L", "LA", "RGB", "RGBA", "I", "F") else value.convert("RGB"))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def like(value: Any, pixels: np.ndarray) -> Any:
    """`pixels` in the form of `value`."""
    if isinstance(value, Tensor):
        return as_tensor(np.ascontiguousarray(pixels))
    return to_pillow(pixels) if is_pillow(value) else pixels


def to_pillow(pixels: np.ndarray) -> Any:
    """A Pillow image of (C, H, W) with 1, 2, 3 or 4 channels; floats between 0 and 1 become bytes."""
    from PIL import Image

    if pixels.ndim != 3 or pixels.shape[0] not in (1, 2, 3, 4):
        raise ShapeError(f"to_pillow: expected (C, H, W) with 1 to 4 channels, got shape {pixels.shape}")
    if pixels.dtype.kind == "f":
        pixels = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)))

"""Pictures of simple shapes, with what is in them known exactly: classes, masks, boxes."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError
from ..dataset import Dataset

Grid = np.ndarray


def _triangle(x: Grid, y: Grid) -> Grid:
    """Pointing upwards, in the square from -1 to 1."""
    return (y <= 1) & (np.abs(x) <= (y + 1) / 2)


# Which places of the square from -1 to 1 belong to a shape; y grows downwards.
SHAPES: dict[str, Callable[[Grid, Grid], Grid]] = {
    "circle": lambda x, y: x**2 + y**2 <= 1,
    "square": lambda x, y: np.maximum(np.abs(x), np.abs(y)) <= 0.85,
    "triangle": _triangle,
    "ring": lambda x, y: (x**2 + y**2 <= 1) & (x**2 + y**2 >= 0.3),
    "cross": lambda x, y: np.minimum(np.abs(x), np.abs(y)) <= 0.3,
}


class Shapes(Dataset):
    """Coloured shapes on a noisy ground. Picture i depends on the seed and i alone, and is drawn when it is taken.

    Parameters
    ----------
    n : int
        How many pictures.
    task : {"classification", "segmentation", "detection"}
        What an item is beside the image (3, size, size) of floats between 0 and 1: the class number of the one shape; a mask
        (size, size) with 0 for the ground and class + 1; or a dict of ``boxes`` (k, 4) as left, top, right, bottom,
        ``labels`` (k,) with class + 1, and ``masks`` (k, size, size), as torchvision's detectors take it.
    size : int
        Of a picture's edges.
    kinds : sequence of str
        The classes, out of circle, square, triangle, ring, cross.
    most : int
        In segmentation and detection: 1 to `most` shapes in a picture. Later ones cover earlier ones.
    noise : float
        Of the ground and the shapes.
    seed : int
    transform : callable, optional
        Applied to the image (to image, mask and boxes together in the other tasks: see `transforms.Mask`).

    Examples
    --------
    >>> import workbench as wb
    >>> image, label = wb.data.Shapes(10)[2]
    >>> image.shape, wb.data.Shapes(10).classes[label]
    ((3, 32, 32), 'triangle')
    >>> image, target = wb.data.Shapes(10, "detection", most=3)[0]
    >>> target["boxes"].shape, target["labels"].tolist()
    ((3, 4), [2, 2, 1])
    """

    def __init__(self, n: int = 500, task: str = "classification", *, size: int = 32,
                 kinds: Sequence[str] = ("circle", "square", "triangle"), most: int = 3, noise: float = 0.05, seed: int = 0,
                 transform: Callable | None = None) -> None:
        if task not in ("classification", "segmentation", "detection"):
            raise ArgumentError(f"Shapes: task={task!r}; expected 'classification', 'segmentation' or 'detection'")
        if n < 1 or size < 12 or most < 1 or noise < 0:
            raise ArgumentError(f"Shapes: n={n}, size={size}, most={most}, noise={noise}; expected at least 1, 12, 1 and 0")
        unknown = [kind for kind in kinds if kind not in SHAPES]
        if unknown or not kinds:
            raise ArgumentError(f"Shapes: kinds={list(kinds)}; expected some of {', '.join(SHAPES)}")
        self.n, self.task, self.size, self.classes = n, task, size, tuple(kinds)
        self.most, self.noise, self.seed, self.transform = most, noise, seed, transform

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not -self.n <= index < self.n:
            raise IndexError(f"index {index} of {self.n} pictures")
        rng = np.random.default_rng([self.seed, index % self.n])
        # Classes come in turn, so that they are equally frequent.
        labels = [index % self.n % len(self.classes)]
        if self.task != "classification":
            labels = rng.integers(0, len(self.classes), rng.integers(1, self.most + 1)).tolist()
        image, masks = self._draw(labels, rng)
        seen = [place for place, mask in enumerate(masks) if mask.any()]
        return self._item(image, masks[seen], np.array(labels)[seen])

    def _draw(self, labels: Sequence[int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The picture, and which pixels show each shape."""
        ground = rng.uniform(0, 0.35, (3, 1, 1))
        image = np.broadcast_to(ground, (3, self.size, self.size)).copy()
        masks = np.zeros((len(labels), self.size, self.size), bool)
        rows, columns = np.mgrid[:self.size, :self.size] + 0.5
        for place, label in enumerate(labels):
            radius = rng.uniform(0.15, 0.3 if len(labels) > 1 else 0.4) * self.size
            x, y = rng.uniform(radius, self.size - radius, 2)
            across, down = (columns - x) / radius, (rows - y) / radius
            inside = SHAPES[self.classes[label]](across, down) & (np.maximum(np.abs(across), np.abs(down)) <= 1)
            masks[:place] &= ~inside
            masks[place] = inside
            image[:, inside] = rng.uniform(0.5, 1, (3, 1))
        return (image + rng.normal(0, self.noise, image.shape)).clip(0, 1).astype(np.float32), masks

    def _item(self, image: np.ndarray, masks: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
        from ..transforms import Boxes, Mask

        if self.task == "classification":
            shown = image if self.transform is None else self.transform(image)
            return _tensor(shown), int(labels[0])
        whole = np.zeros((self.size, self.size), np.int64)
        for label, mask in zip(labels, masks, strict=True):
            whole[mask] = label + 1
        if self.task == "segmentation":
            shown, moved = (image, Mask(whole)) if self.transform is None else self.transform(image, Mask(whole))
            return _tensor(shown), _tensor(moved.data)
        parts = Mask(masks.astype(np.int64)), Boxes(_boxes(masks))
        shown, moved, boxes = (image, *parts) if self.transform is None else self.transform(image, *parts)
        return _tensor(shown), {"boxes": _tensor(boxes.data), "labels": as_tensor(labels + 1), "masks": _tensor(moved.data)}

    def __repr__(self) -> str:
        return f"Shapes: {self.n} pictures for {self.task} ({self.size} x {self.size}, {', '.join(self.classes)})"


def _boxes(masks: np.ndarray) -> np.ndarray:
    """The box around each mask."""
    found = []
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        found.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    return np.array(found, np.float32)


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else as_tensor(np.ascontiguousarray(value))

"""What downloaded sets of images share: pixels as bytes in memory, a float image and a class number per item."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import Tensor, as_tensor
from ..dataset import Dataset


class ImageSet(Dataset):
    """Images (N, C, H, W) of bytes with class numbers.

    An item is a pair: the image as floats between 0 and 1, or what `transform` makes of its bytes, and the class number,
    or what `target_transform` makes of it. Without transforms many can be taken at once.

    Attributes
    ----------
    data : ndarray of uint8, shape (N, C, H, W)
    targets : ndarray of int64, shape (N,)
    classes : tuple of str
    """

    def __init__(self, data: np.ndarray, targets: np.ndarray, classes: Sequence[str], transform: Callable | None = None,
                 target_transform: Callable | None = None) -> None:
        self.data, self.targets, self.classes = data, targets.astype(np.int64), tuple(classes)
        self.transform, self.target_transform = transform, target_transform

    @property
    def takes_many(self) -> bool:
        """Whether many can be taken at once."""
        return self.transform is None and self.target_transform is None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        chosen = index.numpy() if isinstance(index, Tensor) else index
        image, target = self.data[chosen], self.targets[chosen]
        shown = as_tensor(image.astype(np.float32) / np.float32(255)) if self.transform is None else self.transform(image)
        if self.target_transform is None:
            return shown, as_tensor(target)
        return shown, self.target_transform(int(target) if np.ndim(target) == 0 else target)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {len(self)} images {self.data.shape[1:]}, {len(self.classes)} classes"

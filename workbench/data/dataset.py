"""Datasets: things with a length whose items can be taken by number, one or many at once."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Tensor, as_tensor
from ..core.errors import ArgumentError, ShapeError


class Dataset:
    """Base of datasets: a subclass gives ``__len__`` and ``__getitem__`` of an integer."""

    def __len__(self) -> int:
        raise ArgumentError(f"{type(self).__name__} does not define __len__")

    def __getitem__(self, index: Any) -> Any:
        raise ArgumentError(f"{type(self).__name__} does not define __getitem__")


class TensorDataset(Dataset):
    """Tensors whose first axes run together; item i is the tuple of their rows i, and so for slices and lists.

    Examples
    --------
    >>> import workbench as wb
    >>> data = wb.data.TensorDataset(wb.arange(6.0).reshape(3, 2), wb.tensor([0, 1, 0]))
    >>> x, y = data[[0, 2]]
    >>> x.tolist(), y.tolist()
    ([[0.0, 1.0], [4.0, 5.0]], [0, 0])
    """

    def __init__(self, *tensors: Any, name: str = "", classes: Sequence[str] = ()) -> None:
        if not tensors:
            raise ArgumentError("TensorDataset: expected at least one tensor")
        self.tensors = tuple(as_tensor(t) for t in tensors)
        lengths = {t.shape[0] if t.ndim else None for t in self.tensors}
        if len(lengths) != 1 or None in lengths:
            raise ShapeError(f"TensorDataset: first axes must be equally long, got shapes {[tuple(t.shape) for t in self.tensors]}")
        self.name, self.classes = name, tuple(classes)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __repr__(self) -> str:
        parts = ", ".join(f"{tuple(t.shape)} {t.dtype}" for t in self.tensors)
        kinds = f", {len(self.classes)} classes" if self.classes else ""
        return f"{self.name or type(self).__name__}: {len(self)} samples{kinds} ({parts})"


class Subset(Dataset):
    """Some items of a dataset, in the order of `indices`.

    Examples
    --------
    >>> import workbench as wb
    >>> data = wb.data.Subset(wb.data.TensorDataset(wb.arange(3)), [2, 0])
    >>> data[0][0].item()
    2
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, np.asarray(indices, np.int64)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        chosen = self.indices[index if not isinstance(index, Tensor) else index.numpy()]
        return self.dataset[int(chosen) if chosen.ndim == 0 else chosen]


def random_split(dataset: Dataset, lengths: Sequence[int | float], *, seed: int = 0) -> list[Subset]:
    """Divide a dataset at random into parts of the given sizes (or shares that add up to 1).

    Examples
    --------
    >>> import workbench as wb
    >>> [len(part) for part in wb.data.random_split(wb.data.TensorDataset(wb.arange(10)), [0.8, 0.2])]
    [8, 2]
    """
    count = len(dataset)
    sizes = [int(part * count) for part in lengths] if all(isinstance(n, float) for n in lengths) else list(lengths)
    if all(isinstance(n, float) for n in lengths):
        if not np.isclose(sum(lengths), 1):
            raise ArgumentError(f"random_split: shares {list(lengths)} add up to {sum(lengths):g}, not 1")
        for extra in range(count - sum(sizes)):
            sizes[extra % len(sizes)] += 1
    if sum(sizes) != count:
        raise ArgumentError(f"random_split: lengths {sizes} add up to {sum(sizes)}, but the dataset has {count} items")
    order = np.random.default_rng(seed).permutation(count)
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(sizes)[:-1])]

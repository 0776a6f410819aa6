"""DataLoader: a dataset in batches, shuffled by a seed."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core import Tensor, as_tensor
from ..core.errors import ArgumentError
from .dataset import Dataset, Subset, TensorDataset


class DataLoader:
    """Batches of a dataset.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int
    shuffle : bool
        A new order each time it is iterated.
    seed : int, optional
        Makes the orders repeatable: epoch e of two loaders with one seed is the same.
    drop_last : bool
        Leave out a last batch that is not full.
    collate_fn : callable, optional
        Makes a batch from a list of items; by default numbers and tensors are stacked, tuples and dicts by part.

    Examples
    --------
    >>> import workbench as wb
    >>> loader = wb.data.DataLoader(wb.data.TensorDataset(wb.arange(5)), batch_size=2)
    >>> [x.tolist() for x, in loader]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, dataset: Dataset, batch_size: int = 1, shuffle: bool = False, *, seed: int | None = None,
                 drop_last: bool = False, collate_fn: Callable[[list[Any]], Any] | None = None) -> None:
        if batch_size < 1:
            raise ArgumentError(f"DataLoader: batch_size={batch_size}; expected at least 1")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.collate_fn = collate_fn
        self._seeds = np.random.SeedSequence(seed)
        self.epoch = 0

    def __len__(self) -> int:
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + bool(rest and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        order = self.order(self.epoch)
        self.epoch += 1
        for number in range(len(self)):
            yield self._batch(order[number * self.batch_size:(number + 1) * self.batch_size])

    def order(self, epoch: int) -> np.ndarray:
        """The order of items in an epoch."""
        if not self.shuffle:
            return np.arange(len(self.dataset))
        return np.random.default_rng([epoch, *self._seeds.generate_state(4)]).permutation(len(self.dataset))

    def _batch(self, indices: np.ndarray) -> Any:
        if self.collate_fn is None and _slices(self.dataset):
            return self.dataset[indices]
        return (self.collate_fn or default_collate)([self.dataset[int(index)] for index in indices])


def _slices(dataset: Dataset) -> bool:
    """Can the dataset give many items at once?"""
    return isinstance(dataset, TensorDataset) or (isinstance(dataset, Subset) and _slices(dataset.dataset)) or getattr(dataset, "takes_many", False)


def default_collate(items: Sequence[Any]) -> Any:
    """A list of items as one batch.

    Examples
    --------
    >>> from workbench.data import default_collate
    >>> default_collate([(1.0, 2), (3.0, 4)])
    (tensor([1., 3.]), tensor([2, 4]))
    """
    first = items[0]
    if isinstance(first, (tuple, list)):
        return tuple(default_collate(part) for part in zip(*items, strict=True))
    if isinstance(first, dict):
        return {name: default_collate([item[name] for item in items]) for name in first}
    if isinstance(first, Tensor):
        return ops.stack(list(items))
    if isinstance(first, str):
        return list(items)
    return as_tensor(np.stack([np.asarray(item) for item in items])) if isinstance(first, np.ndarray) else as_tensor(list(items))

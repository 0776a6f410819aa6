"""Datasets: things with a length whose items can be taken by number, or streams of items; and how they are put together."""
from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import Tensor, as_tensor
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.recorded import Recorded
from .samplers import check_generator

if TYPE_CHECKING:
    from .caching import CachedDataset


class Dataset(Recorded):
    """Base of datasets: a subclass gives ``__len__`` and ``__getitem__`` of an integer.

    Attributes
    ----------
    takes_many : bool
        Whether ``__getitem__`` of an array of integers gives a whole batch; a loader then takes batches at once. A subclass
        that writes ``__getitem__`` anew says so again.

    Examples
    --------
    >>> import workbench as wb
    >>> class Squares(wb.data.Dataset):
    ...     def __len__(self): return 4
    ...     def __getitem__(self, index): return index ** 2
    >>> [batch.tolist() for batch in wb.data.DataLoader(Squares(), batch_size=2)]
    [[0, 1], [4, 9]]
    """

    takes_many: Any = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__getitem__" in vars(cls) and "takes_many" not in vars(cls):
            cls.takes_many = False

    def __getstate__(self) -> dict[str, Any]:
        """What a worker gets: not the arguments a second time, which may be all of the data."""
        return {**vars(self), "_recipe": None}

    def __getitem__(self, index: Any) -> Any:
        raise ArgumentError(f"{type(self).__name__} does not define __getitem__")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])

    def map(self, function: Callable[[Any], Any]) -> MappedDataset:
        """The dataset of ``function(item)``, computed when an item is taken."""
        return MappedDataset(self, function)

    def cache(self, path: str | Path | None = None, *, key: str | None = None) -> CachedDataset:
        """The same items, each computed once: kept in memory, or in the folder `path` (see `CachedDataset`)."""
        from .caching import CachedDataset

        return CachedDataset(self, path, key=key)


class TensorDataset(Dataset):
    """Tensors whose first axes run together; item i is the tuple of their rows i, and so for slices and lists.

    Parameters
    ----------
    tensors
        As many rows in each.
    name : str
        What the data is called in reports.
    classes : sequence of str
        The names of the classes, by number.

    Examples
    --------
    >>> import workbench as wb
    >>> data = wb.data.TensorDataset(wb.arange(6.0).reshape(3, 2), wb.tensor([0, 1, 0]))
    >>> x, y = data[[0, 2]]
    >>> x.tolist(), y.tolist()
    ([[0.0, 1.0], [4.0, 5.0]], [0, 0])
    """

    takes_many = True

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

    Parameters
    ----------
    dataset : Dataset
        Where items come from.
    indices : sequence of int
        Which ones, and in which order.

    Examples
    --------
    >>> import workbench as wb
    >>> data = wb.data.Subset(wb.data.TensorDataset(wb.arange(3)), [2, 0])
    >>> data[0][0].item()
    2
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, np.asarray(indices, np.int64)

    @property
    def takes_many(self) -> bool:
        """As the whole."""
        return getattr(self.dataset, "takes_many", False)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        chosen = self.indices[index if not isinstance(index, Tensor) else index.numpy()]
        return self.dataset[int(chosen) if chosen.ndim == 0 else chosen]


class MappedDataset(Dataset):
    """``function(item)`` for the items of a dataset.

    Parameters
    ----------
    dataset : Dataset
        Where items come from.
    function : callable
        What is done with each when it is taken.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.TensorDataset(wb.arange(3)).map(lambda item: item[0].item() * 10)[2]
    20
    """

    def __init__(self, dataset: Dataset, function: Callable[[Any], Any]) -> None:
        self.dataset, self.function = dataset, function

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.function(self.dataset[index])


class ConcatDataset(Dataset):
    """Datasets one after the other; ``a + b`` makes one.

    Parameters
    ----------
    datasets : Iterable[Dataset]
        In the order in which their items come.

    Examples
    --------
    >>> import workbench as wb
    >>> both = wb.data.ConcatDataset(["ab", "cde"])
    >>> len(both), both[3], both[-1]
    (5, 'd', 'e')
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset: expected at least one dataset")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise DTypeError("ConcatDataset: a stream has no items by number; put streams together with ChainDataset")
        self.cumulative_sizes = np.cumsum([len(dataset) for dataset in self.datasets]).tolist()

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"index {index} of a ConcatDataset with {len(self)} items")
        part = bisect.bisect_right(self.cumulative_sizes, place)
        return self.datasets[part][place - (self.cumulative_sizes[part - 1] if part else 0)]


class StackDataset(Dataset):
    """Datasets side by side: item i is the tuple of their items i, or, with names, the dict.

    Parameters
    ----------
    args : Dataset
        Datasets of the same length.
    kwargs : Dataset
        The same with names.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.StackDataset("abc", [1, 2, 3])[1], wb.data.StackDataset(letter="abc", number=[1, 2, 3])[1]
    (('b', 2), {'letter': 'b', 'number': 2})
    """

    def __init__(self, *args: Dataset, **kwargs: Dataset) -> None:
        if bool(args) == bool(kwargs):
            raise ArgumentError("StackDataset: expected datasets either by position or by name, at least one")
        self.datasets: Any = kwargs or args
        lengths = [len(dataset) for dataset in (args or kwargs.values())]
        if len(set(lengths)) != 1:
            raise ShapeError(f"StackDataset: datasets must be equally long, got {lengths}")
        self._length = lengths[0]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)


class IterableDataset(Recorded):
    """Base of streams: a subclass gives ``__iter__``.

    With workers each has a copy of the stream. As it is, every worker reads all items and keeps those of its batches, so the
    batches are the same whatever the number of workers. A stream that asks `get_worker_info` in ``__iter__`` divides
    itself, as in PyTorch: then every worker makes batches of all it gives.

    Examples
    --------
    >>> import workbench as wb
    >>> class Count(wb.data.IterableDataset):
    ...     def __iter__(self): return iter(range(5))
    >>> [batch.tolist() for batch in wb.data.DataLoader(Count(), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __iter__(self) -> Iterator[Any]:
        raise ArgumentError(f"{type(self).__name__} does not define __iter__")

    def __add__(self, other: IterableDataset) -> ChainDataset:
        return ChainDataset([self, other])


class ChainDataset(IterableDataset):
    """Streams one after the other.

    Examples
    --------
    >>> import workbench as wb
    >>> class Letters(wb.data.IterableDataset):
    ...     def __init__(self, word): self.word = word
    ...     def __iter__(self): return iter(self.word)
    >>> "".join(wb.data.ChainDataset([Letters("ab"), Letters("cd")]))
    'abcd'
    """

    def __init__(self, datasets: Iterable[IterableDataset]) -> None:
        self.datasets = list(datasets)
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise DTypeError(f"ChainDataset: expected IterableDatasets, got {type(dataset).__name__}; use ConcatDataset")

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


def random_split(dataset: Dataset, lengths: Sequence[int | float], generator: np.random.Generator | None = None, *,
                 seed: int = 0) -> list[Subset]:
    """Divide a dataset at random into parts of the given sizes (or shares that add up to 1).

    Parameters
    ----------
    dataset : Dataset
    lengths : sequence of int or float
        Sizes, or shares: each is rounded down, and what is left goes to the parts in turn.
    generator : numpy.random.Generator, optional
        Drawn from in place of `seed`.
    seed : int
        The same seed gives the same parts, today and after a restart.

    Examples
    --------
    >>> import workbench as wb
    >>> [len(part) for part in wb.data.random_split(wb.data.TensorDataset(wb.arange(10)), [0.8, 0.2])]
    [8, 2]
    """
    count = len(dataset)
    shares = bool(lengths) and all(isinstance(n, float) for n in lengths)
    if any(n < 0 for n in lengths):
        raise ArgumentError(f"random_split: lengths={list(lengths)}; expected none below 0")
    if shares and not np.isclose(sum(lengths), 1):
        raise ArgumentError(f"random_split: shares {list(lengths)} add up to {sum(lengths):g}, not 1")
    sizes = [int(part * count) for part in lengths] if shares else list(lengths)
    for extra in range(count - sum(sizes) if shares else 0):
        sizes[extra % len(sizes)] += 1
    if sum(sizes) != count:
        raise ArgumentError(f"random_split: lengths {sizes} add up to {sum(sizes)}, but the dataset has {count} items")
    if generator is not None:
        check_generator("random_split", generator)
    order = (generator or np.random.default_rng(seed)).permutation(count)
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(sizes)[:-1])]

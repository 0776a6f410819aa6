"""Fetching: the indices of a batch become the batch. The same code runs in the loop's process, in threads and in processes."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from .collate import default_collate, default_convert
from .dataset import IterableDataset, Subset, TensorDataset
from .seeding import BatchSeeds

Collate = Callable[[Any], Any]


# Kinds of random numbers that are not those of a batch of a dataset: of a worker as a whole, and of a stream.
_WORKER, _STREAM = -1, -2


@dataclass(frozen=True)
class WorkerInfo:
    """What `get_worker_info` tells a dataset.

    Attributes
    ----------
    id, num_workers : int
    seed : int
        Of the loader.
    dataset : Dataset
        This worker's copy.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Thread(threading.local):
    fetcher: Fetcher | None = None


_thread = _Thread()


def get_worker_info() -> WorkerInfo | None:
    """Which worker of a loader this is; None in the loop's own process.

    Examples
    --------
    >>> import workbench as wb
    >>> class Count(wb.data.IterableDataset):
    ...     def __iter__(self):
    ...         info = wb.data.get_worker_info()
    ...         return iter(range(info.id, 6, info.num_workers))
    >>> [x.tolist() for x in wb.data.DataLoader(Count(), batch_size=3, num_workers=2, workers="thread")]
    [[0, 2, 4], [1, 3, 5]]
    """
    return None if _thread.fetcher is None else _thread.fetcher.told()


@dataclass
class Job:
    """What a worker needs to know to make batches."""

    dataset: Any
    collate_fn: Collate | None
    batched: bool
    batch_size: int
    drop_last: bool
    num_workers: int = 0
    processes: bool = True
    worker_init_fn: Callable[[int], None] | None = None


class EndOfStream(Exception):  # noqa: N818 - an end, not an error
    """A stream has no further batch."""


class Fetcher:
    """Makes batches for one worker, or, as `worker` None, for the loop itself."""

    def __init__(self, job: Job, worker: int | None = None) -> None:
        self.job, self.worker = job, worker
        self.batched = job.batched
        self.collate = job.collate_fn or (default_collate if self.batched else default_convert)
        self.takes_many = self.batched and job.collate_fn is None and bool(getattr(job.dataset, "takes_many", False))
        self._fixed = self.takes_many and type(_source(job.dataset)) is TensorDataset
        self._seeds = BatchSeeds(worker is None or job.processes, restore=worker is None)
        self._info: WorkerInfo | None = None
        self._stream: Iterator[Any] | None = None
        self._read = 0
        self._divides_itself = False

    def begin(self, seed: int, epoch: int) -> None:
        """An epoch starts."""
        self._seeds.begin(seed, epoch)
        with self._seeds.active():
            if self.worker is not None:
                self._enter(seed)
            if isinstance(self.job.dataset, IterableDataset):
                self._read = 0
                self._stream = iter(self.job.dataset)

    def _enter(self, seed: int) -> None:
        first, self._info = self._info is None, WorkerInfo(self.worker, self.job.num_workers, seed, self.job.dataset)
        _thread.fetcher = self
        self._seeds.batch(self.worker, _WORKER)
        if first and self.job.worker_init_fn is not None:
            self.job.worker_init_fn(self.worker)

    def told(self) -> WorkerInfo:
        """The answer to `get_worker_info`: a stream that asks divides itself, and its workers need different random numbers."""
        if isinstance(self.job.dataset, IterableDataset) and not self._divides_itself:
            self._divides_itself = True
            self._seed_stream()
        return self._info

    def fetch(self, number: int, indices: Any) -> Any:
        """Batch `number` of the epoch; of a stream, whose `indices` are None, the next one of this worker."""
        if self._fixed:
            return self.job.dataset[np.asarray(indices)]
        with self._seeds.active():
            return self._from_items(number, indices) if self._stream is None else self._from_stream()

    def _from_items(self, number: int, indices: Any) -> Any:
        dataset = self.job.dataset
        self._seeds.batch(number)
        if self.takes_many:
            return dataset[np.asarray(indices)]
        if self.batched and hasattr(dataset, "__getitems__"):
            return self.collate(dataset.__getitems__(indices))
        items, index = [], None
        try:
            for index in indices if self.batched else [indices]:
                items.append(dataset[index])
        except Exception as error:
            error.add_note(f"DataLoader: while item {index!r} was taken from the dataset, for batch {number}")
            raise
        return self.collate(items if self.batched else items[0])

    def _from_stream(self) -> Any:
        size = self.job.batch_size
        begin, items = self._read, self._take(size)
        # Copies of a stream that does not divide itself all read everything; each keeps the batches that are its own.
        while items and self._is_for_another(begin // size):
            begin, items = self._read, self._take(size)
        if not items or (self.job.drop_last and len(items) < size):
            raise EndOfStream
        return self.collate(items if self.batched else items[0])

    def _is_for_another(self, number: int) -> bool:
        return self.worker is not None and not self._divides_itself and number % self.job.num_workers != self.worker

    def _take(self, count: int) -> list[Any]:
        self._seed_stream()
        items = list(islice(self._stream, count))
        self._read += len(items)
        return items

    def _seed_stream(self) -> None:
        self._seeds.batch(self._read, _STREAM - (self.worker if self._divides_itself else 0))


def _source(dataset: Any) -> Any:
    """The dataset inside subsets."""
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return dataset

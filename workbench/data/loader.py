"""DataLoader: a dataset in batches, prepared ahead by workers, in an order that can be had again."""
from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count, islice, repeat
from multiprocessing.context import BaseContext
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, CheckpointError, DTypeError
from ..core.recorded import Recorded
from .collate import can_pin, pin
from .dataset import Dataset, IterableDataset
from .fetch import Collate, EndOfStream, Fetcher, Job
from .samplers import BatchSampler, RandomSampler, SequentialSampler, choose_seed, draw_seed
from .workers import MOST_AHEAD, ProcessPool, ThreadPool, schedule


@dataclass
class _Place:
    """Where the loop stands in an epoch: batches handed to it, and, out of order, further ones beyond those."""

    epoch: int = 0
    batches: int = 0
    beyond: set[int] = field(default_factory=set)
    sampler: dict[str, Any] | None = None

    def hand(self, number: int) -> None:
        """Batch `number` goes to the loop."""
        self.beyond.add(number)
        while self.batches in self.beyond:
            self.beyond.remove(self.batches)
            self.batches += 1


class DataLoader(Recorded):
    """Batches of a dataset.

    The arguments are PyTorch's, and so are their defaults. Batches, random augmentation included, depend on the dataset, the
    seed and the number of the epoch, not on how many workers make them: before every batch the generators of workbench, NumPy and
    Python are seeded for it (worker threads, which share the latter two, leave these alone).

    Parameters
    ----------
    dataset : Dataset, IterableDataset, or anything with ``__len__`` and ``__getitem__``
        Where the items come from.
    batch_size : int, optional
        None: the items are batches already.
    shuffle : bool
        A new order in every epoch.
    sampler : iterable of indices, optional
        The order, in place of `shuffle`.
    batch_sampler : iterable of lists of indices, optional
        The batches, in place of `batch_size`, `shuffle`, `sampler` and `drop_last`.
    num_workers : int
        How many workers prepare batches ahead; 0: the loop prepares each when it is asked for.
    collate_fn : callable, optional
        Makes a batch from a list of items; by default `default_collate`.
    pin_memory : bool
        Put batches into page-locked memory, from which copies to a CUDA device run side by side with work.
    drop_last : bool
        Leave out a last batch that is not full.
    timeout : float
        Seconds after which a batch that has not come is an error; 0: wait on.
    worker_init_fn : callable, optional
        Called in every worker with its number.
    multiprocessing_context : str or context, optional
        ``"fork"``, ``"spawn"`` or ``"forkserver"``; by default Python's.
    generator : numpy.random.Generator, optional
        The seed is drawn from it.
    prefetch_factor : int, optional
        Batches that each worker is ahead, 2 by default, at most 64.
    persistent_workers : bool
        Keep workers for the next epoch.
    in_order : bool
        False: hand out batches as they are ready.
    seed : int, optional
        Without it (and `generator`) `manual_seed` decides, when a seed is first needed.
    workers : {"process", "thread"}
        Processes run Python code side by side, and batches come through shared memory. Threads start at once and copy nothing, and
        suit items that wait for files or spend their time in NumPy.

    Raises
    ------
    WorkerError
        In the loop, if a worker dies or gives no batch in time.

    Examples
    --------
    >>> import workbench as wb
    >>> loader = wb.data.DataLoader(wb.data.TensorDataset(wb.arange(5)), batch_size=2)
    >>> [x.tolist() for x, in loader]
    [[0, 1], [2, 3], [4]]
    >>> wb.data.DataLoader(wb.data.iris(), batch_size=50, shuffle=True, num_workers=2)
    DataLoader: 3 batches of 50, shuffled, made by 2 processes, from iris: 150 samples, 3 classes ((150, 4) float32, (150,) int64)

    In the middle of an epoch the state says how to go on with exactly the batches that remain:

    >>> batches = iter(loader)
    >>> next(batches)[0].tolist(), loader.state_dict()["batches"]
    ([0, 1], 1)
    >>> again = wb.data.DataLoader(wb.data.TensorDataset(wb.arange(5)), batch_size=2)
    >>> again.load_state_dict(loader.state_dict())
    >>> [x.tolist() for x, in again]
    [[2, 3], [4]]
    """

    def __init__(self, dataset: Dataset | IterableDataset, batch_size: int | None = 1, shuffle: bool | None = None,
                 sampler: Iterable[Any] | None = None, batch_sampler: Iterable[list[Any]] | None = None, num_workers: int = 0,
                 collate_fn: Collate | None = None, pin_memory: bool = False, drop_last: bool = False, timeout: float = 0,
                 worker_init_fn: Callable[[int], None] | None = None, multiprocessing_context: str | BaseContext | None = None,
                 generator: np.random.Generator | None = None, *, prefetch_factor: int | None = None, persistent_workers: bool = False,
                 in_order: bool = True, seed: int | None = None, workers: str = "process") -> None:
        self.dataset, self.num_workers, self.collate_fn, self.pin_memory = dataset, num_workers, collate_fn, pin_memory
        self.timeout, self.worker_init_fn, self.in_order, self.workers = timeout, worker_init_fn, in_order, workers
        self.prefetch_factor, self.persistent_workers = prefetch_factor or 2, persistent_workers
        self.shuffle = bool(shuffle)
        self._streams = isinstance(dataset, IterableDataset)
        if not self._streams and not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")) and sampler is None and batch_sampler is None:
            raise ArgumentError(f"DataLoader: dataset is {type(dataset).__name__}; expected a Dataset, or anything with __len__ and __getitem__ "
                                "(of what can only be gone through, derive from IterableDataset)")
        self._check_order(batch_size, sampler, batch_sampler, drop_last)
        self._check_workers(prefetch_factor, multiprocessing_context)
        self.context = multiprocessing.get_context(multiprocessing_context) \
            if isinstance(multiprocessing_context, str | None) else multiprocessing_context
        self._seed = choose_seed("DataLoader", generator, seed)
        self._own_order = sampler is None and batch_sampler is None
        if sampler is None and not self._streams:
            sampler = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
        if batch_sampler is None and batch_size is not None and not self._streams:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        elif batch_sampler is not None:
            batch_size, drop_last, sampler = getattr(batch_sampler, "batch_size", None), False, getattr(batch_sampler, "sampler", None)
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = batch_size, drop_last, sampler, batch_sampler
        self._at, self._resuming = _Place(), True
        self._pool: ProcessPool | ThreadPool | None = None

    def _check_order(self, batch_size: int | None, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
        if batch_size is not None and batch_size < 1:
            raise ArgumentError(f"DataLoader: batch_size={batch_size}; expected at least 1, or None for items that are batches")
        if self._streams and (self.shuffle or sampler is not None or batch_sampler is not None):
            raise ArgumentError("DataLoader: a stream (IterableDataset) comes in its own order; leave out shuffle, sampler, batch_sampler")
        if sampler is not None and self.shuffle:
            raise ArgumentError("DataLoader: sampler and shuffle are both given; the order comes from one of them")
        if batch_sampler is not None and (batch_size != 1 or self.shuffle or sampler is not None or drop_last):
            raise ArgumentError("DataLoader: batch_sampler says what a batch is; leave out batch_size, shuffle, sampler and drop_last")
        if batch_size is None and (self.shuffle or drop_last):
            raise ArgumentError("DataLoader: batch_size=None takes items as batches; leave out shuffle and drop_last (pass a sampler)")

    def _check_workers(self, prefetch_factor: int | None, context: Any) -> None:
        if self.num_workers < 0 or self.timeout < 0:
            raise ArgumentError(f"DataLoader: num_workers={self.num_workers}, timeout={self.timeout}; expected 0 or more")
        if self.workers not in ("process", "thread"):
            raise ArgumentError(f"DataLoader: workers={self.workers!r}; expected 'process' or 'thread'")
        if prefetch_factor is not None and not 1 <= prefetch_factor <= MOST_AHEAD:
            raise ArgumentError(f"DataLoader: prefetch_factor={prefetch_factor}; expected 1 to {MOST_AHEAD}")
        given = {"prefetch_factor": prefetch_factor, "persistent_workers": self.persistent_workers, "timeout": self.timeout,
                 "multiprocessing_context": context}
        useless = [name for name, value in given.items() if value] if not self.num_workers else []
        if useless:
            raise ArgumentError(f"DataLoader: {useless[0]} has no effect without workers; set num_workers to 1 or more")
        if isinstance(context, str) and context not in multiprocessing.get_all_start_methods():
            raise ArgumentError(f"DataLoader: multiprocessing_context={context!r}; expected one of "
                                f"{', '.join(multiprocessing.get_all_start_methods())}")

    def __len__(self) -> int:
        if not self._streams:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        if not hasattr(self.dataset, "__len__"):
            raise DTypeError(f"{type(self.dataset).__name__} is a stream without a length, so its number of batches is not known")
        full, rest = divmod(len(self.dataset), self.batch_size or 1)
        return full + bool(rest and not self.drop_last)

    def __repr__(self) -> str:
        known = hasattr(self.dataset, "__len__")
        batches = f"{len(self)} batches" if known else "batches"
        size = "" if self.batch_size is None else f" of {self.batch_size}"
        by = {"process": "processes", "thread": "threads"}[self.workers] if self.num_workers != 1 else self.workers
        return f"DataLoader: {batches}{size}{', shuffled' if self.shuffle else ''}" \
            + (f", made by {self.num_workers} {by}" if self.num_workers else "") + f", from {_short(self.dataset)}"

    # ------------------------------------------------------------------ state
    @property
    def seed(self) -> int:
        """What order and augmentation depend on, beside the epoch."""
        if self._seed is None:
            self._seed = draw_seed()
        return self._seed

    @property
    def epoch(self) -> int:
        """The epoch that the next loop over this loader runs."""
        return self._at.epoch if self._resuming else self._at.epoch + 1

    def set_epoch(self, epoch: int) -> None:
        """Let the next loop run this epoch from its start."""
        if epoch < 0:
            raise ArgumentError(f"DataLoader.set_epoch: epoch={epoch}; expected 0 or more")
        self._at, self._resuming = _Place(epoch), True

    def state_dict(self) -> dict[str, Any]:
        """Where the loop stands: seed, epoch, and how many batches of it were handed to the loop (not: prepared ahead)."""
        state = {"seed": self.seed, "epoch": self._at.epoch, "batches": self._at.batches, "beyond": sorted(self._at.beyond)}
        return state if self._at.sampler is None else {**state, "sampler": self._at.sampler}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next loop go on where another one stood, with the batches that remained.

        The dataset and arguments that decide about batches must be the same; the number of workers may differ (but for streams that
        divide themselves). A sampler of your own must repeat its order, or have ``state_dict`` and ``load_state_dict``.
        """
        missing = {"seed", "epoch", "batches", "beyond"} - set(state)
        if missing:
            raise CheckpointError(f"DataLoader.load_state_dict: the state lacks {', '.join(sorted(missing))}; is it that of a loader?")
        order = self.sampler if self.batch_sampler is None else self.batch_sampler
        if "sampler" in state and not hasattr(order, "load_state_dict"):
            raise CheckpointError(f"DataLoader.load_state_dict: the state holds that of a sampler, but {type(order).__name__} has no "
                                  "load_state_dict; make the loader with the same arguments")
        self._seed = int(state["seed"])
        if "sampler" in state:
            order.load_state_dict(state["sampler"])
        self._at = _Place(int(state["epoch"]), int(state["batches"]), set(state["beyond"]), state.get("sampler"))
        self._resuming = True

    # ------------------------------------------------------------------ iteration
    def __iter__(self) -> Iterator[Any]:
        if not self._resuming:  # the loop before was broken off
            self._at = _Place(self._at.epoch + 1)
        self._resuming = False
        tasks = self._tasks(self._at)
        batches = self._with_workers(self._at, tasks) if self.num_workers else self._alone(self._at, tasks)
        return self._hand_over(self._at, batches)

    def _tasks(self, at: _Place) -> Iterator[tuple[int, Any]]:
        """(number, indices) of the batches that remain of an epoch."""
        if self._streams:
            return zip(count(), repeat(None))
        order = self.sampler if self.batch_sampler is None else self.batch_sampler
        if self._own_order:
            self.sampler.load_state_dict({"seed": self.seed, "epoch": at.epoch})
        elif at.sampler is None and hasattr(order, "state_dict"):
            at.sampler = order.state_dict() or None
        if hasattr(order, "set_epoch"):
            order.set_epoch(at.epoch)
        done = set(at.beyond)
        return (task for task in islice(enumerate(order), at.batches, None) if task[0] not in done)

    def _hand_over(self, at: _Place, batches: Generator[tuple[int, Any]]) -> Iterator[Any]:
        with closing(batches):
            if self._streams:  # what was handed over before has to be read again
                for _ in islice(batches, at.batches):
                    pass
            pinning = self.pin_memory and can_pin()
            for number, batch in batches:
                at.hand(at.batches if self._streams else number)
                yield pin(batch) if pinning else batch
                del batch  # its memory can be filled again while the next one is waited for
        if self._at is at:
            self._at, self._resuming = _Place(at.epoch + 1), True

    def _job(self) -> Job:
        batched = self.batch_sampler is not None or self.batch_size is not None
        return Job(self.dataset, self.collate_fn, batched, self.batch_size or 1, self.drop_last, self.num_workers,
                   self.workers == "process", self.worker_init_fn)

    def _alone(self, at: _Place, tasks: Iterator[tuple[int, Any]]) -> Generator[tuple[int, Any]]:
        fetcher = Fetcher(self._job())
        fetcher.begin(self.seed, at.epoch)
        for number, indices in tasks:
            try:
                batch = fetcher.fetch(number, indices)
            except EndOfStream:
                return
            yield number, batch
            del batch

    def _with_workers(self, at: _Place, tasks: Iterator[tuple[int, Any]]) -> Generator[tuple[int, Any]]:
        # Taken out while in use: a second loop at the same time gets workers of its own.
        pool, self._pool, keep = self._pool or self._start(), None, self.persistent_workers
        try:
            pool.begin(self.seed, at.epoch)
            yield from schedule(pool, tasks, stream=self._streams, ahead=self.prefetch_factor, in_order=self.in_order,
                                timeout=self.timeout or None)
        except Exception:  # after an error workers are in no known state
            keep = False
            raise
        finally:
            if keep and self._pool is None:
                self._pool = pool
            else:
                pool.close()

    def _start(self) -> ProcessPool | ThreadPool:
        if self.workers == "process" and multiprocessing.current_process().daemon:
            raise ArgumentError("DataLoader: this is a worker process itself, which may not start others; use num_workers=0 or workers='thread'")
        return ProcessPool(self._job(), self.context, self.prefetch_factor) if self.workers == "process" else ThreadPool(self._job())


def _short(dataset: Any) -> str:
    """A dataset in words: its own if it has a repr, else its class."""
    return repr(dataset) if type(dataset).__repr__ is not object.__repr__ and isinstance(dataset, Dataset) else type(dataset).__name__

"""Samplers: in which order the items of a dataset come, and which of them make a batch.

An order depends on a seed and the number of the epoch, and on nothing else: so it can be had again, which is what resuming
in the middle of an epoch needs. A `DataLoader` sets the epoch; iterated by hand, a sampler goes on to the next epoch by itself.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np

from ..core import Tensor
from ..core.errors import ArgumentError, CheckpointError
from ..core.recorded import Recorded
from ..ops import random


class Sampler(Recorded):
    """Base of samplers: a subclass gives ``order(epoch)``, or ``__iter__`` and ``__len__``.

    Parameters
    ----------
    generator : numpy.random.Generator, optional
        The seed is drawn from it.
    seed : int, optional
        Without either, `manual_seed` decides, when a seed is first needed.
    """

    epoch = 0
    _seed: int | None = None

    def __init__(self, generator: np.random.Generator | None = None, *, seed: int | None = None) -> None:
        self._seed = choose_seed(type(self).__name__, generator, seed)

    @property
    def seed(self) -> int:
        """What the orders depend on, beside the epoch."""
        if self._seed is None:
            self._seed = draw_seed()
        return self._seed

    def order(self, epoch: int) -> np.ndarray:
        """The indices of an epoch, in order."""
        raise ArgumentError(f"{type(self).__name__} does not define order(epoch)")

    def __iter__(self) -> Iterator[Any]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return iter(self.order(epoch).tolist())

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be that of `epoch`."""
        self.epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """Seed and epoch: enough to have any order again."""
        return {"seed": self.seed, "epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._seed, self.epoch = int(state["seed"]), int(state["epoch"])

    def rng(self, epoch: int) -> np.random.Generator:
        """The random numbers of an epoch."""
        return np.random.default_rng([epoch, *np.random.SeedSequence(self.seed).generate_state(4)])


def draw_seed() -> int:
    """A seed that `manual_seed` decides; what is drawn after it stays as it would have been."""
    (child,) = random.generator().bit_generator.seed_seq.spawn(1)
    return int(child.generate_state(1, np.uint64)[0]) >> 1


def check_generator(who: str, generator: Any) -> None:
    """Raise if it cannot draw."""
    if not hasattr(generator, "integers"):
        raise ArgumentError(f"{who}: generator is {type(generator).__name__}; expected wb.Generator() or numpy.random.default_rng(), or pass seed=")


def choose_seed(who: str, generator: np.random.Generator | None, seed: int | None) -> int | None:
    """The seed that two arguments ask for; None when neither is given."""
    if generator is not None:
        if seed is not None:
            raise ArgumentError(f"{who}: generator and seed are both given; one of them is enough")
        check_generator(who, generator)
        return int(generator.integers(2**63))
    if seed is not None and seed < 0:
        raise ArgumentError(f"{who}: seed={seed}; expected 0 or more")
    return seed


class SequentialSampler(Sampler):
    """``0, 1, 2, ...``: all indices in their order.

    Examples
    --------
    >>> import workbench as wb
    >>> list(wb.data.SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        super().__init__(seed=0)
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def order(self, epoch: int) -> np.ndarray:
        """As they are."""
        return np.arange(len(self))


class RandomSampler(Sampler):
    """All indices in random order; with `replacement` each is drawn from all.

    Parameters
    ----------
    data_source : sized
        What the indices are for; only its length counts.
    replacement : bool
        Whether an index may come again.
    num_samples : int, optional
        How many to draw, as many as there are by default. Without replacement more than that is several orders one
        after the other.

    Examples
    --------
    >>> import workbench as wb
    >>> sorted(wb.data.RandomSampler("abc", seed=0)), len(wb.data.RandomSampler("abc", num_samples=5))
    ([0, 1, 2], 5)
    """

    def __init__(self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
                 generator: np.random.Generator | None = None, *, seed: int | None = None) -> None:
        super().__init__(generator, seed=seed)
        if num_samples is not None and num_samples < 1:
            raise ArgumentError(f"RandomSampler: num_samples={num_samples}; expected at least 1")
        self.data_source, self.replacement, self.num_samples = data_source, replacement, num_samples

    def __len__(self) -> int:
        return len(self.data_source) if self.num_samples is None else self.num_samples

    def order(self, epoch: int) -> np.ndarray:
        """Drawn anew for every epoch."""
        rng, count, wanted = self.rng(epoch), len(self.data_source), len(self)
        if self.replacement:
            return rng.integers(count, size=wanted)
        if wanted and not count:
            raise ArgumentError(f"RandomSampler: num_samples={wanted} of an empty dataset")
        return np.concatenate([rng.permutation(count) for _ in range(-(-wanted // max(count, 1)) or 1)])[:wanted]


class SubsetRandomSampler(Sampler):
    """The given indices in random order.

    Parameters
    ----------
    indices : sequence of int
        What is drawn, each once.

    Examples
    --------
    >>> import workbench as wb
    >>> sorted(wb.data.SubsetRandomSampler([7, 3, 5], seed=0))
    [3, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: np.random.Generator | None = None, *, seed: int | None = None) -> None:
        super().__init__(generator, seed=seed)
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def order(self, epoch: int) -> np.ndarray:
        """Drawn anew for every epoch."""
        return np.asarray(self.indices, np.int64)[self.rng(epoch).permutation(len(self))]


class WeightedRandomSampler(Sampler):
    """Index i with the probability ``weights[i] / sum(weights)``.

    Parameters
    ----------
    weights : sequence of float
        Not negative; they need not add up to one.
    num_samples : int
        How many are drawn.
    replacement : bool
        Whether an index may come again.

    Examples
    --------
    >>> import workbench as wb
    >>> list(wb.data.WeightedRandomSampler([0, 1, 0], num_samples=3, seed=0))
    [1, 1, 1]
    """

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True,
                 generator: np.random.Generator | None = None, *, seed: int | None = None) -> None:
        super().__init__(generator, seed=seed)
        self.weights = np.asarray(weights.numpy() if isinstance(weights, Tensor) else weights, np.float64)
        if self.weights.ndim != 1 or not np.isfinite(self.weights).all() or (self.weights < 0).any() or not self.weights.sum() > 0:
            raise ArgumentError("WeightedRandomSampler: weights must be one axis of finite numbers, none below 0, not all 0")
        if num_samples < 1:
            raise ArgumentError(f"WeightedRandomSampler: num_samples={num_samples}; expected at least 1")
        if not replacement and np.count_nonzero(self.weights) < num_samples:
            raise ArgumentError(f"WeightedRandomSampler: {num_samples} different samples asked for, but only "
                                f"{np.count_nonzero(self.weights)} weights are above 0; use replacement=True")
        self.num_samples, self.replacement = num_samples, replacement

    def __len__(self) -> int:
        return self.num_samples

    def order(self, epoch: int) -> np.ndarray:
        """Drawn anew for every epoch."""
        shares = self.weights / self.weights.sum()
        return self.rng(epoch).choice(len(shares), self.num_samples, replace=self.replacement, p=shares)


class ClassBalancedSampler(Sampler):
    """Every class equally often (up to one), however rare it is; an item comes again when all of its class have come.

    Parameters
    ----------
    labels : sequence of int or str
        The class of every item.
    num_samples : int, optional
        As many as there are labels by default.

    Examples
    --------
    >>> import workbench as wb
    >>> labels = [0, 0, 0, 0, 0, 1]
    >>> sorted(labels[i] for i in wb.data.ClassBalancedSampler(labels, seed=0))
    [0, 0, 0, 1, 1, 1]
    """

    def __init__(self, labels: Sequence[Any], num_samples: int | None = None, generator: np.random.Generator | None = None, *,
                 seed: int | None = None) -> None:
        super().__init__(generator, seed=seed)
        labels = np.asarray(labels.numpy() if isinstance(labels, Tensor) else labels)
        if labels.ndim != 1 or not len(labels):
            raise ArgumentError(f"ClassBalancedSampler: expected one label per item, got labels of shape {labels.shape}")
        self.num_samples = len(labels) if num_samples is None else num_samples
        kinds, numbers = np.unique(labels, return_inverse=True)
        self._members = [np.flatnonzero(numbers == kind) for kind in range(len(kinds))]

    def __len__(self) -> int:
        return self.num_samples

    def order(self, epoch: int) -> np.ndarray:
        """Drawn anew for every epoch."""
        rng = self.rng(epoch)
        kinds = rng.permutation(np.resize(rng.permutation(len(self._members)), self.num_samples))
        order = np.empty(self.num_samples, np.int64)
        for kind, members in enumerate(self._members):
            places = np.flatnonzero(kinds == kind)
            rounds = -(-len(places) // len(members))
            order[places] = np.concatenate([rng.permutation(members) for _ in range(rounds)] or [members])[:len(places)]
        return order


class DistributedSampler(Sampler):
    """The part of one rank: every `num_replicas`-th index of an order that all ranks share.

    Parameters
    ----------
    dataset : sized
        What the indices are for; only its length counts.
    num_replicas, rank : int
        How many ranks there are, and which one this is.
    shuffle : bool
        Mix; otherwise the order is fixed.
    seed : int
        The same on all ranks.
    drop_last : bool
        Leave out what does not divide evenly; otherwise the first indices come again, so that ranks take equally many
        steps.

    Examples
    --------
    >>> import workbench as wb
    >>> [list(wb.data.DistributedSampler("abcde", 2, rank, shuffle=False)) for rank in range(2)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(self, dataset: Sized, num_replicas: int, rank: int, shuffle: bool = True, seed: int = 0,
                 drop_last: bool = False) -> None:
        super().__init__(seed=seed)
        if not 0 <= rank < num_replicas:
            raise ArgumentError(f"DistributedSampler: rank={rank}; expected 0 to {num_replicas - 1} (num_replicas={num_replicas})")
        self.dataset, self.num_replicas, self.rank, self.shuffle, self.drop_last = dataset, num_replicas, rank, shuffle, drop_last

    def __len__(self) -> int:
        return len(self.dataset) // self.num_replicas if self.drop_last else -(-len(self.dataset) // self.num_replicas)

    def order(self, epoch: int) -> np.ndarray:
        """This rank's part of the epoch's order."""
        count = len(self.dataset)
        shared = self.rng(epoch).permutation(count) if self.shuffle else np.arange(count)
        return np.resize(shared, len(self) * self.num_replicas)[self.rank::self.num_replicas]


class BatchSampler(Sampler):
    """The indices of a sampler in lists of `batch_size`.

    Parameters
    ----------
    sampler : Iterable[Any]
        Gives the indices.

    Examples
    --------
    >>> import workbench as wb
    >>> list(wb.data.BatchSampler(range(5), 2, False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if batch_size < 1:
            raise ArgumentError(f"BatchSampler: batch_size={batch_size}; expected at least 1")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)
        return full + bool(rest and not self.drop_last)

    def __iter__(self) -> Iterator[list[Any]]:
        return self._batches(iter(self.sampler))  # the sampler is asked now, in the epoch that it was set to

    def _batches(self, indices: Iterator[Any]) -> Iterator[list[Any]]:
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def set_epoch(self, epoch: int) -> None:
        """Pass it on."""
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """That of the sampler inside; empty where it has none."""
        return self.sampler.state_dict() if hasattr(self.sampler, "state_dict") else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Pass it on."""
        if state and not hasattr(self.sampler, "load_state_dict"):
            raise CheckpointError(f"the state holds that of a sampler, but {type(self.sampler).__name__} has no load_state_dict; use the "
                                  "sampler it was saved from (same arguments)")
        if state:
            self.sampler.load_state_dict(state)


class BucketBatchSampler(Sampler):
    """Batches of items of similar length, so that little is padded.

    The order is drawn, cut into pools of `pool` batches, each pool is sorted by length and cut into batches, and the batches are
    drawn again. Without `shuffle` all items are sorted by length.

    Parameters
    ----------
    lengths : sequence of int
        The length of every item.
    batch_size : int
        Indices in a batch.
    drop_last : bool
        Leave out a batch that is not full.
    shuffle : bool
        Mix; otherwise the order is fixed.
    pool : int
        Batches per pool: more is less padding, fewer is closer to a plain random order.

    Examples
    --------
    >>> import workbench as wb
    >>> sampler = wb.data.BucketBatchSampler([9, 1, 8, 2], batch_size=2, seed=0)
    >>> sorted(sorted(batch) for batch in sampler)
    [[0, 2], [1, 3]]
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, drop_last: bool = False, *, shuffle: bool = True, pool: int = 50,
                 generator: np.random.Generator | None = None, seed: int | None = None) -> None:
        super().__init__(generator, seed=seed)
        if batch_size < 1 or pool < 1:
            raise ArgumentError(f"BucketBatchSampler: batch_size={batch_size}, pool={pool}; expected at least 1")
        self.lengths = np.asarray(lengths)
        self.batch_size, self.drop_last, self.shuffle, self.pool = batch_size, drop_last, shuffle, pool

    def __len__(self) -> int:
        full, rest = divmod(len(self.lengths), self.batch_size)
        return full + bool(rest and not self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        count, rng = len(self.lengths), self.rng(epoch)
        order = rng.permutation(count) if self.shuffle else np.arange(count)
        size = self.batch_size * self.pool if self.shuffle else max(count, 1)
        pools = [order[start:start + size] for start in range(0, count, size)]
        batches = [batch for pool in pools for batch in self._batches(pool[np.argsort(self.lengths[pool], kind="stable")])]
        return iter([batches[number] for number in (rng.permutation(len(batches)) if self.shuffle else range(len(batches)))])

    def _batches(self, order: np.ndarray) -> list[list[int]]:
        batches = [order[start:start + self.batch_size].tolist() for start in range(0, len(order), self.batch_size)]
        return [batch for batch in batches if len(batch) == self.batch_size or not self.drop_last]

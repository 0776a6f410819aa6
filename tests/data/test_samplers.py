"""Samplers: what they yield, and that it can be had again."""
from __future__ import annotations

import inspect
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from workbench import data, errors
from workbench.data import samplers

LABELS = [0] * 10 + [1] * 3 + [2]
# name: (a sampler of this seed, does every epoch come in another order?)
ROWS = {
    "SequentialSampler": (lambda seed: data.SequentialSampler(range(9)), False),
    "RandomSampler": (lambda seed: data.RandomSampler(range(9), seed=seed), True),
    "SubsetRandomSampler": (lambda seed: data.SubsetRandomSampler([5, 3, 8, 1, 7], seed=seed), True),
    "WeightedRandomSampler": (lambda seed: data.WeightedRandomSampler(range(9), 12, seed=seed), True),
    "ClassBalancedSampler": (lambda seed: data.ClassBalancedSampler(LABELS, seed=seed), True),
    "DistributedSampler": (lambda seed: data.DistributedSampler(range(20), 2, 1, seed=seed), True),
    "BatchSampler": (lambda seed: data.BatchSampler(data.RandomSampler(range(9), seed=seed), 2, False), True),
    "BucketBatchSampler": (lambda seed: data.BucketBatchSampler([3, 1, 4, 1, 5, 9, 2, 6], 2, seed=seed, pool=2), True),
}


def test_every_sampler_has_a_row() -> None:
    public = {name for name, kind in vars(samplers).items() if inspect.isclass(kind) and issubclass(kind, data.Sampler)}
    assert public - {"Sampler"} == set(ROWS)
    assert public <= set(data.__all__)


@pytest.mark.parametrize("name", ROWS)
def test_orders_repeat_by_seed_and_epoch(name: str) -> None:
    make, random = ROWS[name]
    first, second = make(3), make(3)
    epochs = [list(first) for _ in range(3)]
    assert all(len(epoch) == len(first) for epoch in epochs)
    assert (epochs[0] != epochs[1]) is random
    assert [list(second) for _ in range(3)] == epochs
    second.set_epoch(1)
    assert list(second) == epochs[1]
    assert (list(make(4)) != epochs[0]) is random


@pytest.mark.parametrize("name", ROWS)
def test_the_state_brings_orders_back(name: str) -> None:
    make, _ = ROWS[name]
    first, second = make(3), make(5)
    list(first)
    second.load_state_dict(first.state_dict())
    assert list(second) == list(first)


def test_without_a_seed_it_is_manual_seed_that_decides() -> None:
    def orders() -> list:
        wb.manual_seed(5)
        return [list(data.RandomSampler(range(50))) for _ in range(2)]

    assert orders() == orders()
    assert orders()[0] != orders()[1]


def test_replacement_and_counts() -> None:
    assert sorted(data.RandomSampler(range(4), seed=0)) == [0, 1, 2, 3]
    assert Counter(data.RandomSampler(range(4), num_samples=8, seed=0)) == dict.fromkeys(range(4), 2)
    drawn = Counter(data.RandomSampler(range(4), replacement=True, num_samples=4000, seed=0))
    assert all(abs(drawn[i] - 1000) < 150 for i in range(4))
    assert list(data.RandomSampler([], seed=0)) == []


def test_weights_are_frequencies() -> None:
    drawn = Counter(data.WeightedRandomSampler(wb.tensor([1.0, 0.0, 3.0]), 4000, seed=0))
    assert drawn[1] == 0
    assert abs(drawn[2] - 3000) < 150
    assert sorted(data.WeightedRandomSampler([1, 0, 5], 2, replacement=False, seed=0)) == [0, 2]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 60))
def test_classes_are_balanced_and_members_shared_fairly(labels: list[int], wanted: int) -> None:
    order = list(data.ClassBalancedSampler(labels, wanted, seed=1))
    kinds = Counter(labels[i] for i in order)
    counts = [kinds[kind] for kind in set(labels)]
    assert len(order) == wanted
    assert max(counts) - min(counts) <= 1
    uses = Counter(order)
    for kind in set(labels):
        each = [uses[i] for i, label in enumerate(labels) if label == kind]
        assert max(each) - min(each) <= 1


@given(st.lists(st.integers(0, 100), max_size=60), st.integers(1, 7), st.integers(1, 5), st.booleans())
def test_buckets_hold_everything_once(lengths: list[int], size: int, pool: int, shuffle: bool) -> None:
    sampler = data.BucketBatchSampler(lengths, size, shuffle=shuffle, pool=pool, seed=0)
    batches = list(sampler)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert len(batches) == len(sampler)
    full = data.BucketBatchSampler(lengths, size, True, shuffle=shuffle, pool=pool, seed=0)
    assert [len(batch) for batch in full] == [size] * len(full)


def test_buckets_waste_little() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 2000)
    padded = lambda batches: sum(len(b) * lengths[b].max() for b in batches) / lengths.sum()
    assert padded(data.BucketBatchSampler(lengths, 16, seed=0)) < 1.05
    assert padded(data.BatchSampler(data.RandomSampler(range(2000), seed=0), 16, False)) > 1.7


@given(st.integers(0, 30), st.integers(1, 5), st.booleans(), st.booleans())
def test_ranks_share_everything(count: int, ranks: int, shuffle: bool, drop: bool) -> None:
    parts = [list(data.DistributedSampler(range(count), ranks, rank, shuffle, 7, drop)) for rank in range(ranks)]
    assert len({len(part) for part in parts}) == 1
    together = Counter(i for part in parts for i in part)
    assert all(n == 1 for n in together.values()) if drop else set(together) == set(range(count))


@pytest.mark.parametrize("wrong", [
    lambda: data.RandomSampler("ab", num_samples=0), lambda: data.RandomSampler("ab", seed=-1),
    lambda: data.RandomSampler("ab", generator=7), lambda: data.DataLoader("ab", generator=7), lambda: data.random_split("ab", [1, 1], generator=7),
    lambda: data.RandomSampler("ab", generator=np.random.default_rng(0), seed=1), lambda: list(data.RandomSampler("", num_samples=2)),
    lambda: data.WeightedRandomSampler([-1, 2], 1), lambda: data.WeightedRandomSampler([0, 0], 1),
    lambda: data.WeightedRandomSampler([1, 0], 2, replacement=False), lambda: data.WeightedRandomSampler([1], 0),
    lambda: data.WeightedRandomSampler([[1.0]], 1), lambda: data.WeightedRandomSampler([np.nan, 1], 1),
    lambda: data.ClassBalancedSampler([]), lambda: data.DistributedSampler("ab", 2, 2), lambda: data.BatchSampler("ab", 0, False),
    lambda: data.BucketBatchSampler([1], 0), lambda: data.BucketBatchSampler([1], 1, pool=0), lambda: iter(data.Sampler()),
])
def test_wrong_use_is_an_error(wrong) -> None:
    with pytest.raises(errors.ArgumentError):
        wrong()

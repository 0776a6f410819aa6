"""Samplers and loaders against torch.utils.data: the same items in the same batches, up to the generator."""
from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest
import torch
import torch.utils.data as theirs

from workbench import data as ours

COUNTS = (0, 1, 7, 12)


@pytest.mark.parametrize(("count", "ranks", "shuffle", "drop"), list(itertools.product((1, 7, 12), (1, 2, 5), (True, False), (True, False))))
def test_ranks_get_torchs_parts(monkeypatch, count: int, ranks: int, shuffle: bool, drop: bool) -> None:
    for rank, epoch in itertools.product(range(ranks), range(2)):
        mine = ours.DistributedSampler(range(count), ranks, rank, shuffle, 3, drop)
        monkeypatch.setattr(torch, "randperm", lambda n, mine=mine, epoch=epoch, **_: torch.tensor(mine.rng(epoch).permutation(n)))
        yours = theirs.DistributedSampler(range(count), ranks, rank, shuffle, 3, drop)
        mine.set_epoch(epoch)
        yours.set_epoch(epoch)
        assert (list(mine), len(mine)) == (list(yours), len(yours))


@pytest.mark.parametrize(("count", "wanted"), [(5, None), (5, 3), (5, 12), (5, 10)])
def test_random_orders_repeat_items_as_torchs_do(monkeypatch, count: int, wanted: int | None) -> None:
    mine = ours.RandomSampler(range(count), num_samples=wanted, seed=1)
    rng = mine.rng(0)
    monkeypatch.setattr(torch, "randperm", lambda n, **_: torch.tensor(rng.permutation(n)))
    assert list(mine) == list(theirs.RandomSampler(range(count), num_samples=wanted))


@pytest.mark.parametrize(("count", "size", "drop"), list(itertools.product(COUNTS, (1, 3, 12), (True, False))))
def test_batches_are_torchs(count: int, size: int, drop: bool) -> None:
    items = [(i, {"x": np.full(2, i), "s": str(i)}) for i in range(count)]
    for how in (dict(batch_size=size, drop_last=drop), dict(batch_sampler=[[0, 0], [count - 1]] if count else []),
                dict(batch_size=size, sampler=list(range(count))[::-2])):
        mine, yours = ours.DataLoader(items, **how), theirs.DataLoader(items, **how)
        assert len(mine) == len(yours)
        for (a, b), (c, d) in zip(mine, yours, strict=True):
            assert (a.tolist(), b["x"].tolist(), b["s"]) == (c.tolist(), d["x"].tolist(), d["s"])
            assert a.dtype == b["x"].dtype == np.int64


@pytest.mark.parametrize("lengths", [[0.5, 0.5], [0.33, 0.33, 0.34], [0.9, 0.1], [4, 9]])
def test_parts_of_a_split_are_as_long_as_torchs(lengths: list) -> None:
    assert [len(part) for part in ours.random_split(range(13), lengths)] == [len(part) for part in theirs.random_split(range(13), lengths)]


# What is PyTorch's and not here, and why.
LEFT_OUT = {"pin_memory_device": "deprecated by PyTorch"}


@pytest.mark.parametrize("name", sorted({"DataLoader", "Subset", "ConcatDataset", "ChainDataset", "StackDataset", "SequentialSampler",
                                         "RandomSampler", "SubsetRandomSampler", "WeightedRandomSampler", "BatchSampler", "DistributedSampler"}))
def test_arguments_and_defaults_are_torchs(name: str) -> None:
    mine, yours = (inspect.signature(getattr(module, name)).parameters for module in (ours, theirs))
    wanted = [each for each in yours if each not in LEFT_OUT]
    assert list(mine)[:len(wanted)] == wanted
    differing = {each for each in wanted if mine[each].default != yours[each].default}
    assert differing <= {"num_replicas", "rank"}, "here ranks are given as numbers, always"

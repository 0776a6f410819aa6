"""Datasets put together, split, mapped and cached."""
from __future__ import annotations

import json
import logging

import numpy as np
import pytest

import workbench as wb
from workbench import data, errors


class Squares(data.Dataset):
    """Counts how often its items are made."""

    def __init__(self, count: int = 5) -> None:
        self.count, self.calls = count, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict:
        self.calls += 1
        return {"x": np.full((2, index), index ** 2), "pair": (index, [None, "a", 0.5, np.float32(index)]), "t": wb.tensor([index])}


class Stream(data.IterableDataset):
    def __init__(self, values) -> None:
        self.values = values

    def __iter__(self):
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


def test_put_one_after_the_other_items_keep_their_order() -> None:
    both = Squares(2).map(lambda item: item["pair"][0]) + ["a", "b", "c"]
    assert [both[i] for i in range(len(both))] == [0, 1, "a", "b", "c"]
    assert both[-5] == 0
    assert both.cumulative_sizes == [2, 5]
    for index in (5, -6):
        with pytest.raises(IndexError, match="with 5 items"):
            both[index]


def test_streams_chain() -> None:
    chain = Stream("ab") + Stream("c")
    assert list(chain) == ["a", "b", "c"]
    assert len(chain) == 3


def test_side_by_side_items_are_tuples_or_dicts() -> None:
    assert data.StackDataset([1, 2], "ab")[1] == (2, "b")
    assert data.StackDataset(n=[1, 2], s="ab")[0] == {"n": 1, "s": "a"}


def test_a_subset_takes_many_only_if_the_whole_does() -> None:
    assert data.Subset(data.Subset(data.iris(), [1, 2]), [0]).takes_many
    assert not data.Subset(Squares(), [1]).takes_many


def test_a_class_that_writes_getitem_anew_is_taken_item_by_item() -> None:
    class Noisy(data.TensorDataset):
        def __getitem__(self, index):
            assert isinstance(index, int)
            return super().__getitem__(index)

    assert [len(x) for (x,) in data.DataLoader(Noisy(wb.arange(5)), 2)] == [2, 2, 1]


@pytest.mark.parametrize(("lengths", "sizes"), [([3, 8], [3, 8]), ([0.5, 0.5], [6, 5]), ([0.7, 0.2, 0.1], [8, 2, 1]), ([1.0], [11])])
def test_split_sizes_round_down_and_share_the_rest(lengths, sizes) -> None:
    parts = data.random_split(range(11), lengths, seed=3)
    assert [len(part) for part in parts] == sizes
    assert sorted(i for part in parts for i in part.indices) == list(range(11))


def test_a_split_repeats_by_seed_or_generator() -> None:
    split = lambda **how: [part.indices.tolist() for part in data.random_split(range(9), [4, 5], **how)]
    assert split() == split(seed=0) != split(seed=1)
    assert split(generator=np.random.default_rng(7)) == split(seed=7)


def same(a, b) -> bool:
    if isinstance(a, wb.Tensor):
        return isinstance(b, wb.Tensor) and same(a.numpy(), b.numpy())
    if isinstance(a, (np.ndarray, np.generic)):
        return type(a) is type(b) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[name], b[name]) for name in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_cached_items_are_made_once_and_equal(tmp_path) -> None:
    for path in (None, tmp_path / "items"):
        source = Squares()
        cached = source.cache(path)
        for _ in range(3):
            assert all(same(cached[i], Squares()[i % 5]) for i in (0, 3, -1))
        assert source.calls == 3
        cached.clear()
        assert same(cached[0], Squares()[0])
        assert source.calls == 4


def test_files_serve_a_later_run_and_leave_no_parts(tmp_path) -> None:
    Squares().cache(tmp_path)[2]
    later = Squares()
    assert same(later.cache(tmp_path)[2], Squares()[2])
    assert later.calls == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["000000002.npz", "source.json"]


@pytest.mark.parametrize("damage", [lambda raw: raw[:40], lambda raw: b"", lambda raw: raw[:60] + b"?" + raw[61:], lambda raw: b"text"])
def test_a_damaged_file_is_made_again(tmp_path, caplog, damage) -> None:
    source = Squares()
    cached = source.cache(tmp_path)
    cached[3]
    file = tmp_path / "000000003.npz"
    file.write_bytes(damage(file.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert same(cached[3], Squares()[3])
    assert "made again" in caplog.text
    assert source.calls == 2
    assert same(cached[3], Squares()[3])
    assert source.calls == 2


def test_a_folder_of_another_source_is_refused(tmp_path) -> None:
    Squares().cache(tmp_path, key="v1")
    with pytest.raises(errors.ConfigError, match="delete the folder"):
        Squares().cache(tmp_path, key="v2")
    with pytest.raises(errors.ConfigError, match="'length': 5"):
        Squares(6).cache(tmp_path, key="v1")
    assert json.loads((tmp_path / "source.json").read_text())["key"] == "v1"


def test_the_default_key_tells_functions_apart() -> None:
    def double(item):
        return item

    def half(item):
        return item

    assert Squares().map(double).cache().key != Squares().map(half).cache().key


def test_an_item_that_fails_while_it_is_written_leaves_nothing(tmp_path) -> None:
    cached = Squares().map(lambda item: {"x": np.ones(3), "bad": {1, 2}}).cache(tmp_path)
    with pytest.raises(errors.DTypeError, match="holds a set"):
        cached[0]
    assert [file.name for file in tmp_path.iterdir()] == ["source.json"]


@pytest.mark.parametrize(("wrong", "kind"), [
    (lambda: data.ConcatDataset([]), errors.ArgumentError), (lambda: data.ConcatDataset([Stream("a")]), errors.DTypeError),
    (lambda: data.ChainDataset([Squares()]), errors.DTypeError), (lambda: data.StackDataset(), errors.ArgumentError),
    (lambda: data.StackDataset([1], a=[1]), errors.ArgumentError), (lambda: data.StackDataset([1], [1, 2]), errors.ShapeError),
    (lambda: data.random_split(range(3), [4, -1]), errors.ArgumentError), (lambda: data.Dataset()[0], errors.ArgumentError),
    (lambda: iter(data.IterableDataset()), errors.ArgumentError),
])
def test_wrong_use_is_an_error(wrong, kind) -> None:
    with pytest.raises(kind):
        wrong()

"""Datasets, splits, batches, and the sets that come along."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import data, errors

BUNDLED = {"digits": (1797, (1, 8, 8), 10), "iris": (150, (4,), 3), "wine": (178, (13,), 3),
           "breast_cancer": (569, (30,), 2), "diabetes": (442, (10,), 0)}


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_set_has_its_size_and_dtypes(name: str) -> None:
    count, shape, classes = BUNDLED[name]
    found = getattr(data, name)()
    x, y = found[:]
    assert (len(found), x.shape[1:], len(found.classes)) == (count, shape, classes)
    assert x.dtype == wb.float32
    assert y.dtype == (wb.int64 if classes else wb.float32)
    assert str(count) in repr(found)


def test_standardized_columns_have_mean_0_and_variance_1() -> None:
    x, _ = data.wine()[:]
    np.testing.assert_allclose(x.numpy().mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(x.numpy().std(axis=0), 1, atol=1e-5)


def test_batches_cover_everything_once_and_orders_repeat_by_seed() -> None:
    source = data.TensorDataset(wb.arange(10))
    first, second = (data.DataLoader(source, 3, shuffle=True, seed=4) for _ in range(2))
    epochs = [[x.tolist() for (x,) in loader] for loader in (first, second, first)]
    assert sorted(n for batch in epochs[0] for n in batch) == list(range(10))
    assert epochs[0] == epochs[1]
    assert epochs[0] != epochs[2], "a new epoch has a new order"
    assert len(first) == 4
    assert [len(x) for (x,) in data.DataLoader(source, 3, drop_last=True)] == [3, 3, 3]


def test_items_that_cannot_be_sliced_are_collated() -> None:
    class Words(data.Dataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> dict:
            return {"word": "abc"[index], "number": float(index), "pair": (np.full(2, index), index)}

    batch = next(iter(data.DataLoader(Words(), 3)))
    assert batch["word"] == ["a", "b", "c"]
    assert batch["number"].tolist() == [0.0, 1.0, 2.0]
    assert batch["pair"][0].shape == (3, 2)


def test_parts_of_a_split_are_disjoint() -> None:
    parts = data.random_split(data.TensorDataset(wb.arange(11)), [0.7, 0.2, 0.1], seed=1)
    seen = [part[i][0].item() for part in parts for i in range(len(part))]
    assert sorted(seen) == list(range(11))


def test_windows_are_moved_on_by_one() -> None:
    corpus = data.CharCorpus("hello world")
    x, y = corpus.windows(4)[[0, 3]]
    assert [corpus.decode(row) for row in x.tolist()] == ["hell", "lo w"]
    assert [corpus.decode(row) for row in y.tolist()] == ["ello", "o wo"]
    assert corpus.tokens(corpus.encode("o w")) == ["o", "␣", "w"]


def test_the_text_of_the_standard_library_is_english() -> None:
    corpus = data.stdlib_text()
    assert " the " in corpus.text
    assert corpus.decode(corpus.encode(corpus.text[:100])) == corpus.text[:100]


@pytest.mark.parametrize("wrong", [
    lambda: data.DataLoader(data.TensorDataset(wb.arange(3)), 0), lambda: data.TensorDataset(),
    lambda: data.TensorDataset(wb.arange(3), wb.arange(4)), lambda: data.random_split(data.TensorDataset(wb.arange(3)), [1, 1]),
    lambda: data.random_split(data.TensorDataset(wb.arange(3)), [0.5, 0.2]), lambda: data.CharCorpus("ab").encode("z"),
    lambda: data.CharCorpus("ab").windows(2),
])
def test_wrong_use_is_an_error(wrong) -> None:
    with pytest.raises((errors.ArgumentError, errors.ShapeError)):
        wrong()

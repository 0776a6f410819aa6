"""Curriculum: easy items first, the same order for a seed; and transforms under a loader."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import data, errors

SCORES = np.random.default_rng(0).random(100)


def test_the_easiest_are_in_use() -> None:
    sampler = data.Curriculum(SCORES, data.root_pace(0.3, epochs=5), seed=1)
    for epoch in range(7):
        order = sampler.order(epoch)
        count = sampler.count(epoch)
        assert set(order) == set(np.argsort(SCORES)[:count])
        assert count == min(100, int(np.ceil(100 * np.sqrt(0.09 + 0.91 * epoch / 5) - 1e-9)))
    assert list(data.Curriculum([1, 0] * 50, data.linear_pace(1), shuffle=False)) == [*range(1, 100, 2), *range(0, 100, 2)]
    assert list(data.Curriculum(SCORES, data.linear_pace(0.3), shuffle=False)) == np.argsort(SCORES)[:30].tolist()


def test_a_loader_gives_more_every_epoch_and_repeats_by_seed() -> None:
    items = data.TensorDataset(wb.tensor(SCORES))
    epochs = []
    for _ in range(2):
        loader = data.DataLoader(items, 10, sampler=data.Curriculum(SCORES, data.linear_pace(0.2, epochs=4), seed=3))
        epochs.append([[round(value, 6) for (x,) in loader for value in x.tolist()] for _ in range(5)])
    assert epochs[0] == epochs[1]
    assert [len(epoch) for epoch in epochs[0]] == [20, 40, 60, 80, 100]
    assert max(epochs[0][0]) < np.sort(SCORES)[21]


@pytest.mark.parametrize("wrong", [lambda: data.Curriculum([]), lambda: data.Curriculum([1.0, np.nan]), lambda: data.linear_pace(0), lambda: data.root_pace(0.5, 0),
                                   lambda: list(data.Curriculum([1.0], lambda epoch: 2.0))])
def test_wrong_use_is_an_error(wrong) -> None:
    with pytest.raises(errors.ArgumentError):
        wrong()


class Blank(data.Dataset):
    """Grey images with their numbers."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return np.linspace(0, 1, 3 * 8 * 8, dtype=np.float32).reshape(3, 8, 8), index


def test_the_same_items_look_the_same_whoever_prepares_them() -> None:
    augment = data.transforms.Compose([data.transforms.RandomResizedCrop(6), data.transforms.ColorJitter(0.5), data.transforms.RandomErasing(1, value="random")])
    source = Blank().map(lambda item: (augment(item[0]), item[1]))
    found = []
    for workers in (0, 2):
        loader = data.DataLoader(source, 3, shuffle=True, seed=5, num_workers=workers, **({"workers": "thread"} if workers else {}))
        found.append([[(x.numpy().copy(), y.tolist()) for x, y in loader] for _ in range(2)])
    for one, two in zip(*found, strict=True):
        for (x, y), (u, v) in zip(one, two, strict=True):
            assert y == v
            np.testing.assert_array_equal(x, u)
    assert not np.array_equal(found[0][0][0][0], found[0][1][0][0]), "every epoch draws anew"

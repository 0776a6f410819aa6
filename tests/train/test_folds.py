"""Cross-validation holds every item out once, and tells what the folds say together."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import data, errors, nn, train
from workbench.nn import functional as F


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("stratified", [False, True])
def test_every_item_is_held_out_once(seed: int | None, stratified: bool) -> None:
    flowers = data.iris()
    targets = flowers[:][1].numpy()
    seen = []
    for training, held_out in train.split_folds(flowers, 5, targets=targets if stratified else None, seed=seed):
        assert not set(training.indices) & set(held_out.indices)
        assert len(training) + len(held_out) == 150
        seen += list(held_out.indices)
        if stratified:
            assert np.bincount(targets[held_out.indices]).tolist() == [10, 10, 10]
    assert sorted(seen) == list(range(150))


def test_scores_of_the_folds_are_gathered() -> None:
    def learn(training: data.Dataset, held_out: data.Dataset) -> train.Run:
        wb.manual_seed(0)
        return wb.fit(nn.Linear(4, 3), training, loss=F.cross_entropy, lr=0.1, epochs=5, validation=held_out)

    found = train.cross_validate(learn, data.iris(), 3)
    each = np.array([run.history.last("val_accuracy") for run in found])
    assert found.mean("val_accuracy") == pytest.approx(each.mean())
    assert found.std("val_accuracy") == pytest.approx(np.std(each, ddof=1))
    assert "3 folds, val_loss=" in repr(found)


@pytest.mark.parametrize("folds", [1, 151])
def test_folds_must_be_at_least_two_and_not_empty(folds: int) -> None:
    with pytest.raises(errors.ArgumentError, match="folds"):
        list(train.split_folds(data.iris(), folds))


@pytest.mark.parametrize("stratified", [True, False])
@pytest.mark.parametrize("seed", [None, 1])
def test_no_group_is_in_both_parts(stratified: bool, seed: int | None) -> None:
    groups, targets = np.repeat(np.arange(30), 5), np.arange(150) // 50
    held = []
    for training, held_out in train.split_folds(data.iris(), 4, groups=groups, targets=targets if stratified else None, seed=seed):
        assert not set(groups[training.indices]) & set(groups[held_out.indices])
        held.extend(held_out.indices)
    assert sorted(held) == list(range(150))
    with pytest.raises(errors.ArgumentError, match="2 to 30, the number of groups"):
        list(train.split_folds(data.iris(), 31, groups=groups))

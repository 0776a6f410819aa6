"""Cross-validation: train as many times as there are folds, each time held to account by another part of the data."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..data import Dataset, Subset
from .run import Run


class CrossValidation(Sequence[Run]):
    """The runs of a cross-validation, and what their scores say together.

    Attributes
    ----------
    scores : dict of str to array
        The last value of everything that was evaluated (``val_...``), one for each fold.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        names = [name for name in self.runs[0].history.names if name.startswith("val_")]
        self.scores = {name: np.array([run.history.last(name) for run in self.runs]) for name in names}

    def __getitem__(self, index: Any) -> Any:
        return self.runs[index]

    def __len__(self) -> int:
        return len(self.runs)

    def mean(self, name: str) -> float:
        """The mean of a score over the folds."""
        return float(self.scores[name].mean())

    def std(self, name: str) -> float:
        """Its standard deviation from fold to fold (correction 1)."""
        return float(self.scores[name].std(ddof=1))

    def __repr__(self) -> str:
        found = ", ".join(f"{name}={self.mean(name):.4g}±{self.std(name):.2g}" for name in self.scores)
        return f"CrossValidation({len(self)} folds, {found or 'nothing was evaluated'})"


def split_folds(dataset: Dataset, folds: int = 5, *, targets: Sequence[Any] | None = None, groups: Sequence[Any] | None = None,
                seed: int | None = 0) -> Iterator[tuple[Subset, Subset]]:
    """Pairs of a training and a held-out part; every item is held out exactly once.

    Parameters
    ----------
    dataset : Dataset
    folds : int
    targets : sequence, optional
        The class of every item: each fold then has every class in the same share.
    groups : sequence, optional
        What every item belongs to, such as a patient: no group is in both parts. With `targets`, shares are as equal as that allows.
    seed : int or None
        For shuffling; None: folds are stretches of the data as they come.

    Examples
    --------
    >>> import workbench as wb
    >>> [(len(a), len(b)) for a, b in wb.train.split_folds(wb.data.iris(), 4)]
    [(112, 38), (112, 38), (113, 37), (113, 37)]
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    most, what = (len(dataset), "items") if groups is None else (len(np.unique(groups)), "groups")
    if not 2 <= folds <= most:
        raise ArgumentError(f"folds={folds}; expected 2 to {most}, the number of {what}")
    plain, stratified = (KFold, StratifiedKFold) if groups is None else (GroupKFold, StratifiedGroupKFold)
    divider = (plain if targets is None else stratified)(folds, shuffle=seed is not None, random_state=seed)
    for training, held_out in divider.split(np.zeros(len(dataset)), targets, groups):
        yield Subset(dataset, training), Subset(dataset, held_out)


def cross_validate(train: Callable[[Dataset, Dataset], Run], dataset: Dataset, folds: int = 5, *, targets: Sequence[Any] | None = None,
                   groups: Sequence[Any] | None = None, seed: int | None = 0) -> CrossValidation:
    """Train once for every fold.

    Parameters
    ----------
    train : callable
        ``train(training, held_out)`` makes a model, trains it, and returns its run.
    dataset, folds, targets, groups, seed
        As in `split_folds`.

    Examples
    --------
    >>> import workbench as wb
    >>> def train(training, held_out):
    ...     return wb.fit(wb.nn.Linear(4, 3), training, loss=wb.nn.functional.cross_entropy, lr=0.1, epochs=20, validation=held_out)
    >>> found = wb.train.cross_validate(train, wb.data.iris(), 3)
    >>> len(found), found.mean("val_accuracy") > 0.8
    (3, True)
    """
    return CrossValidation([train(training, held_out) for training, held_out in split_folds(dataset, folds, targets=targets, groups=groups, seed=seed)])

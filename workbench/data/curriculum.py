"""Curriculum learning: easy items first, harder ones as training goes on."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import Tensor
from ..core.errors import ArgumentError
from .samplers import Sampler


def linear_pace(start: float = 0.1, epochs: int = 10) -> Callable[[int], float]:
    """The share of items in use grows evenly from `start` to 1 within `epochs` epochs.

    Examples
    --------
    >>> from workbench.data import linear_pace
    >>> pace = linear_pace(0.2, epochs=4)
    >>> [round(pace(epoch), 2) for epoch in range(6)]
    [0.2, 0.4, 0.6, 0.8, 1.0, 1.0]
    """
    return root_pace(start, epochs, power=1)


def root_pace(start: float = 0.1, epochs: int = 10, power: float = 2) -> Callable[[int], float]:
    """The share grows as a root, fast at first: ``(start^p + (1 - start^p) epoch / epochs)^(1/p)`` (Platanios et al. 2019).

    Examples
    --------
    >>> from workbench.data import root_pace
    >>> pace = root_pace(0.5, epochs=3)
    >>> [round(pace(epoch), 3) for epoch in range(4)]
    [0.5, 0.707, 0.866, 1.0]
    """
    if not 0 < start <= 1 or epochs < 1 or power <= 0:
        raise ArgumentError(f"pace: start={start}, epochs={epochs}, power={power}; expected a share above 0, at least 1, above 0")
    return lambda epoch: min(start**power + (1 - start**power) * epoch / epochs, 1.0) ** (1 / power)


class Curriculum(Sampler):
    """The easiest items in random order, more of them every epoch (Bengio et al. 2009).

    Parameters
    ----------
    scores : sequence of float
        How hard each item is: its length, its loss under another model. The smallest come first.
    pace : callable
        The share of items in use at an epoch, between 0 and 1, such as `linear_pace` or `root_pace`.
    shuffle : bool
        Mix the items in use; otherwise they come from easy to hard.
    seed : int, optional

    Examples
    --------
    >>> import workbench as wb
    >>> sampler = wb.data.Curriculum([5, 1, 4, 2], wb.data.linear_pace(0.5, epochs=2), seed=0)
    >>> [sorted(sampler.order(epoch).tolist()) for epoch in range(3)]
    [[1, 3], [1, 2, 3], [0, 1, 2, 3]]
    """

    def __init__(self, scores: Sequence[float] | np.ndarray | Tensor, pace: Callable[[int], float] | None = None, *, shuffle: bool = True,
                 generator: np.random.Generator | None = None, seed: int | None = None) -> None:
        super().__init__(generator, seed=seed)
        hardness = np.asarray(scores.numpy() if isinstance(scores, Tensor) else scores, np.float64)
        if hardness.ndim != 1 or not len(hardness) or np.isnan(hardness).any():
            raise ArgumentError(f"Curriculum: scores of shape {hardness.shape}; expected one number for each item, and no NaN")
        self.ranked = np.argsort(hardness, kind="stable")
        self.pace, self.shuffle = pace or linear_pace(), shuffle

    def count(self, epoch: int) -> int:
        """How many items are in use at an epoch."""
        share = float(self.pace(epoch))
        if not 0 <= share <= 1:
            raise ArgumentError(f"Curriculum: pace({epoch}) gives {share}; expected a share between 0 and 1")
        return max(math.ceil(share * len(self.ranked) - 1e-9), 1)

    def __len__(self) -> int:
        return self.count(self.epoch)

    def order(self, epoch: int) -> Any:
        """The items in use at an epoch."""
        chosen = self.ranked[:self.count(epoch)]
        return self.rng(epoch).permutation(chosen) if self.shuffle else chosen

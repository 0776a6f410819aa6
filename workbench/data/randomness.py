"""Where random transforms take their numbers from.

A loader seeds one generator per item, from its own seed, the epoch and the item's number, so that the same item looks
the same whichever worker prepares it. Outside a loader the numbers come from the generator that `manual_seed` starts.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from ..ops import random

_current: ContextVar[np.random.Generator | None] = ContextVar("workbench_item_generator", default=None)


def generator() -> np.random.Generator:
    """The generator of the item that is being prepared, else the one of workbench."""
    return _current.get() or random.generator()


@contextmanager
def seeded(*seed: int | Sequence[int]) -> Iterator[np.random.Generator]:
    """Within this block random transforms draw from a generator of these numbers, whatever else is drawn meanwhile.

    Examples
    --------
    >>> from workbench.data import seeded, transforms
    >>> import numpy as np
    >>> image = np.arange(3).reshape(1, 1, 3)
    >>> with seeded(1, 2): transforms.RandomHorizontalFlip()(image).tolist()
    [[[2, 1, 0]]]
    """
    token = _current.set(np.random.default_rng(seed))
    try:
        yield _current.get()
    finally:
        _current.reset(token)

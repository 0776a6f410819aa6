"""Where random transforms take their numbers from: the generator of workbench, which a loader seeds anew for every batch."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from ..ops.random import drawing_from, generator

__all__ = ["generator", "seeded"]


@contextmanager
def seeded(*seed: int | Sequence[int]) -> Iterator[None]:
    """Within this block everything random of workbench draws from a generator of these numbers.

    Examples
    --------
    >>> from workbench.data import seeded, transforms
    >>> import numpy as np
    >>> image = np.arange(3).reshape(1, 1, 3)
    >>> with seeded(1, 2): transforms.RandomHorizontalFlip()(image).tolist()
    [[[2, 1, 0]]]
    """
    with drawing_from(np.random.default_rng(seed)):
        yield

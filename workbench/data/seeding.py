"""Random numbers of an item: they depend on the loader's seed, the epoch and the item's place, and not on who prepares it."""
from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np

from ..ops.random import drawing_from


class ItemSeeds:
    """Seeds the generators of workbench, and with `everywhere` those of NumPy and Python, before an item is prepared.

    Threads share the generators of NumPy and Python, so there they are left alone. With `restore` these get their state
    back after a batch: in the loop's own process they belong to the user.
    """

    def __init__(self, everywhere: bool, restore: bool) -> None:
        self.everywhere, self.restore = everywhere, restore
        self._generator = np.random.Generator(np.random.PCG64(0))
        self._key = b""

    def begin(self, seed: int, epoch: int) -> None:
        """Let the numbers be those of an epoch."""
        self._key = blake2b(f"{seed} {epoch}".encode(), digest_size=32).digest()

    def item(self, batch: int, place: int) -> None:
        """Let the numbers be those of the item at `place` of a batch. Places below 0 are used for what is no item."""
        # Setting a state takes 1 us, a new generator from a SeedSequence 8: this runs for every item.
        digest = blake2b(struct.pack("<qq", batch, place), key=self._key, digest_size=44).digest()
        state, increment = int.from_bytes(digest[:16], "little"), int.from_bytes(digest[16:32], "little") | 1
        self._generator.bit_generator.state = {"bit_generator": "PCG64", "state": {"state": state, "inc": increment},
                                               "has_uint32": 0, "uinteger": 0}
        if self.everywhere:
            random.seed(int.from_bytes(digest[32:40], "little"))
            np.random.seed(int.from_bytes(digest[40:44], "little"))

    @contextmanager
    def active(self) -> Iterator[None]:
        """Within this block workbench draws from the item's numbers."""
        before = (random.getstate(), np.random.get_state(legacy=False)) if self.everywhere and self.restore else None
        try:
            with drawing_from(self._generator):
                yield
        finally:
            if before is not None:
                random.setstate(before[0])
                np.random.set_state(before[1])

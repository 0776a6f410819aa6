"""Random numbers of a batch: they depend on the loader's seed, the epoch and the batch's number, and not on who makes it."""
from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np

from ..ops.random import drawing_from


class BatchSeeds:
    """Seeds the generators of workbench, and with `everywhere` those of NumPy and Python, for a batch.

    One worker makes a batch, item by item, so that its items draw one after the other wherever it is made. Threads share the generators
    of NumPy and Python, so there they are left alone. With `restore` these go on after a batch as if nothing had been drawn (but for
    a second normal number that ``np.random.normal`` may hold back): in the loop's own process they belong to the user.
    """

    def __init__(self, everywhere: bool, restore: bool) -> None:
        self.everywhere, self.restore = everywhere, restore
        self._generator = np.random.Generator(np.random.PCG64(0))
        self._legacy = np.random.MT19937(0)
        self._key = b""

    def begin(self, seed: int, epoch: int) -> None:
        """Let the numbers be those of an epoch."""
        self._key = blake2b(f"{seed} {epoch}".encode(), digest_size=32).digest()

    def batch(self, number: int, kind: int = 0) -> None:
        """Let the numbers be those of a batch. Other kinds are for what is no batch of a dataset."""
        # A state is set in 1 us; a new generator from a SeedSequence takes 8.
        digest = blake2b(struct.pack("<qq", number, kind), key=self._key, digest_size=44).digest()
        state, increment = int.from_bytes(digest[:16], "little"), int.from_bytes(digest[16:32], "little") | 1
        self._generator.bit_generator.state = {"bit_generator": "PCG64", "state": {"state": state, "inc": increment},
                                               "has_uint32": 0, "uinteger": 0}
        if self.everywhere:
            random.seed(int.from_bytes(digest[32:40], "little"))
            np.random.seed(int.from_bytes(digest[40:44], "little"))

    @contextmanager
    def active(self) -> Iterator[None]:
        """Within this block workbench draws from the batch's numbers."""
        with drawing_from(self._generator):
            if not (self.everywhere and self.restore):
                yield
                return
            # NumPy's state is 2,500 bytes, and copying it out and in takes 50 us: exchanging the generator takes one.
            before, legacy = random.getstate(), np.random.get_bit_generator()
            np.random.set_bit_generator(self._legacy)
            try:
                yield
            finally:
                random.setstate(before)
                np.random.set_bit_generator(legacy)

"""The loader against PyTorch's: batches a second from memory and from Python-heavy items, and the time to the first batch.

Both run in turns in one process, so a change of the machine's speed meets both; medians are printed, and the ratio round by
round. PyTorch has no threads: they are compared with its processes.

    python benchmarks/loader.py
"""
from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
import torch.utils.data as theirs

from workbench import data as ours


class Heavy:
    """Items that take about half a millisecond of Python, and an image of 0.6 MB."""

    def __len__(self) -> int:
        return 512

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        total = 0
        for number in range(10_000):
            total += number * index
        return np.full((3, 224, 224), index % 7, np.float32), total % 10


class Waiting(Heavy):
    """Items that wait two milliseconds for a file or a network."""

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        time.sleep(0.002)
        return np.full(100, index, np.float32), index


def loop(loader: Iterable) -> float:
    """Batches a second of one epoch."""
    begun, batches = time.perf_counter(), 0
    for _ in loader:
        batches += 1
    return batches / (time.perf_counter() - begun)


def first(make: Callable[[], Iterable]) -> float:
    """Milliseconds from nothing to the first batch."""
    begun = time.perf_counter()
    batches = iter(make())
    next(batches)
    taken = time.perf_counter() - begun
    del batches
    return 1e3 * taken


def rows() -> dict[str, tuple[Callable[[], float], Callable[[], float]]]:
    """Name of a row, and how ours and PyTorch's are measured for it."""
    x, y = np.random.default_rng(0).random((20_000, 1, 28, 28), np.float32), np.arange(20_000)
    mine, yours = ours.TensorDataset(x, y), theirs.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    pair = lambda name, a, b, **how: {name: (lambda: loop(ours.DataLoader(a, 64, **how)), lambda: loop(theirs.DataLoader(b, 64, **how)))}
    small = dict(batch_size=32, num_workers=2)
    heavy, waiting = Heavy(), Waiting()
    return {
        **pair("tensors in memory, in order", mine, yours), **pair("tensors in memory, shuffled", mine, yours, shuffle=True),
        "Python items, no workers": (lambda: loop(ours.DataLoader(heavy, 32)), lambda: loop(theirs.DataLoader(heavy, 32))),
        "Python items, 2 processes": (lambda: loop(ours.DataLoader(heavy, **small)), lambda: loop(theirs.DataLoader(heavy, **small))),
        "Python items, 2 threads": (lambda: loop(ours.DataLoader(heavy, **small, workers="thread")),
                                    lambda: loop(theirs.DataLoader(heavy, **small))),
        "waiting items, 8 threads": (lambda: loop(ours.DataLoader(waiting, 32, num_workers=8, workers="thread")),
                                     lambda: loop(theirs.DataLoader(waiting, 32, num_workers=8))),
        "first batch (ms), 2 processes": (lambda: first(lambda: ours.DataLoader(heavy, **small)),
                                          lambda: first(lambda: theirs.DataLoader(heavy, **small))),
        "first batch (ms), 2 threads": (lambda: first(lambda: ours.DataLoader(heavy, **small, workers="thread")),
                                        lambda: first(lambda: theirs.DataLoader(heavy, **small))),
    }


def main() -> None:
    """Print a line per row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{'batches a second':32}{'workbench':>11}{'torch':>11}{'ratio':>8}   (medians of {rounds} rounds, alternately)")
    for name, (mine, yours) in rows().items():
        pairs = np.array([(mine(), yours()) for _ in range(rounds)])
        print(f"{name:32}{np.median(pairs[:, 0]):11.1f}{np.median(pairs[:, 1]):11.1f}{np.median(pairs[:, 0] / pairs[:, 1]):8.2f}", flush=True)


if __name__ == "__main__":
    main()

"""Compiled loops against NumPy and PyTorch: a chain of six ops, single functions, reductions; compile time and call cost.

All take turns in one process on one thread and the best round counts: read the ratios. Ours and NumPy's functions write
into arrays that exist; chains of NumPy and everything of PyTorch allocate, which is part of what fusion saves. Run it
with `python benchmarks/kernels.py [elements]`; nothing is read from or left in the cache on disk.
"""
from __future__ import annotations

import argparse
import ctypes
import os
import tempfile
import time
import timeit
from collections.abc import Callable

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import numpy as np
import torch

from workbench.backend import cpu
from workbench.backend.cpu import Literal, Loop, Operand, Reduction, Step

ROUNDS, REPEATS = 5, 7
GELU = "{0} * 0.5 * (1 + erf({0} * 0.7071067811865476))"
CHAIN = (("{0} * {1}", 0, Literal(2.0)), ("{0} + {1}", 1, Literal(1.0)), ("{0} * {1}", 2, 0), ("{0} - {1}", 3, Literal(0.5)),
         ("max({0}, 0)", 4), ("{0} * {1}", 5, 0))
CHAIN_TANH = (*CHAIN[:3], ("tanh({0})", 0), ("{0} * {1}", 4, Literal(0.5)), ("{0} - {1}", 3, 5))
Row = tuple[str, tuple, str, Callable | None, Callable]


def rows(x: np.ndarray, t: torch.Tensor) -> list[Row]:
    """Name, steps, reduction, and the same in NumPy (if it has it) and in PyTorch."""
    out = np.empty_like(x)
    single = lambda name, numpy, theirs: (name, ((f"{name}({{0}})", 0),), "", numpy and (lambda: numpy(x, out)), lambda: theirs(t))
    return [
        ("chain of 6", CHAIN, "", lambda: np.maximum((x * 2.0 + 1.0) * x - 0.5, 0) * x, lambda: torch.relu((t * 2.0 + 1.0) * t - 0.5) * t),
        ("chain of 6, tanh", CHAIN_TANH, "", lambda: (x * 2.0 + 1.0) * x - np.tanh(x) * 0.5, lambda: (t * 2.0 + 1.0) * t - torch.tanh(t) * 0.5),
        single("exp", np.exp, torch.exp), single("tanh", np.tanh, torch.tanh), single("log", np.log, torch.log), single("sin", np.sin, torch.sin),
        single("erf", None, torch.erf),
        ("gelu", ((GELU, 0),), "", None, lambda: torch.nn.functional.gelu(t)),
        ("sigmoid", (("1 / (1 + exp(-{0}))", 0),), "", lambda: 1 / (1 + np.exp(-x)), lambda: torch.sigmoid(t)),
        ("sum", (), "sum", lambda: x.sum(), lambda: t.sum()),
        ("max", (), "max", lambda: x.max(), lambda: t.amax()),
        ("sum of exp", (("exp({0})", 0),), "sum", lambda: np.exp(x).sum(), lambda: torch.exp(t).sum()),
    ]


def plan(size: int, dtype: str, steps: tuple, reduction: str) -> Loop:
    """The loop of a row: its last value stored, or reduced."""
    last = len(steps)
    written = tuple(Step(expression, tuple(operands), dtype) for expression, *operands in steps)
    reductions = (Reduction(last, reduction, (0,), dtype),) if reduction else ()
    return Loop((size,), (Operand(dtype, (1,)),), written, () if reduction else (last,), reductions)


def best(runs: list[Callable | None]) -> list[float]:
    """Microseconds of the best repeat, taken in turns."""
    found = [float("nan")] * len(runs)
    for _ in range(ROUNDS):
        for number, run in enumerate(runs):
            if run is not None:
                found[number] = np.nanmin([found[number], *(1e6 * seconds for seconds in timeit.repeat(run, number=1, repeat=REPEATS))])
    return found


def compare(size: int, dtype: str) -> None:
    """One table."""
    x = np.random.default_rng(0).uniform(0.01, 3, size).astype(dtype)
    print(f"\n{size} × {dtype}          ours     numpy     torch   numpy/ours torch/ours   compile ms")
    for name, steps, reduction, numpy, theirs in rows(x, torch.from_numpy(x)):
        start = time.perf_counter()
        kernel = cpu.compile(plan(size, dtype, steps, reduction))
        compiled = time.perf_counter() - start
        out = np.empty(() if reduction else size, dtype)
        ours, other, third = best([lambda kernel=kernel, out=out: kernel.call_arrays(x, out), numpy, theirs])
        print(f"{name:18} {ours:9.1f} {other:9.1f} {third:9.1f} {other / ours:10.2f} {third / ours:10.2f} {compiled * 1e3:12.1f}")


def overhead() -> None:
    """What a call costs on three arrays of eight numbers."""
    one = Operand("float32", (1,))
    kernel = cpu.compile(Loop((8,), (one, one), (Step("{0} * {1}", (0, 1), "float32"),), (2,)))
    x, y, o = (np.ones(8, np.float32) for _ in range(3))
    addresses = [a.ctypes.data for a in (x, y, o)]
    table = (ctypes.c_void_p * 3)(*addresses)
    print("\nmicroseconds per call on three arrays")
    calls = {"call_pointers(table)": lambda: kernel.call_pointers(table), "call_pointers([...])": lambda: kernel.call_pointers(addresses),
             "call_arrays": lambda: kernel.call_arrays(x, y, o), "checked": lambda: kernel([x, y], [o]), "np.multiply": lambda: np.multiply(x, y, o)}
    for name, run in calls.items():
        print(f"{name:22} {min(timeit.repeat(run, number=20_000, repeat=7)) / 20_000 * 1e6:6.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("elements", nargs="?", type=int, default=1_000_000)
    size = parser.parse_args().elements
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WB_CACHE_DIR"] = folder
        start = time.perf_counter()
        cpu.compile(plan(7, "float32", (), "sum"))
        print(f"llvmlite imported and the first loop compiled in {(time.perf_counter() - start) * 1e3:.0f} ms")
        compare(size, "float32")
        compare(size, "float64")
        overhead()


if __name__ == "__main__":
    main()

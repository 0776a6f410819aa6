"""Attention forward and backward against PyTorch's: time and peak memory over the length of the sequence, on one thread.

All run in turns in one process and the best round counts. Memory is what a call adds to a process of its own at the highest:
output, gradients and all in between. The third row holds the whole matrix of weights, as attention written
with softmax and two products does. Run it with `python benchmarks/attention.py`.
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ.pop("OPENBLAS_CORETYPE", None)  # it may tell NumPy's BLAS to be an older processor; nothing tells torch's

import numpy as np

import workbench as wb

HEADS, WIDTH = 4, 64
ROUNDS = {512: 20, 2048: 6, 8192: 2}
KINDS = {"all": {}, "causal": {"is_causal": True}, "window 512": {"is_causal": True, "window": 512}}  # PyTorch needs a mask for the last

Run = Callable[[], object]


def runs(length: int, kind: str) -> dict[str, Run]:
    """Forward and backward of one sample."""
    import torch

    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(1, HEADS, length, WIDTH)).astype(np.float32) for _ in range(4)]
    ours, theirs = ([make(a) for a in arrays] for make in (wb.tensor, torch.tensor))
    for tensor in (*ours[:3], *theirs[:3]):
        tensor.requires_grad_()

    def both(function: Callable, tensors: list) -> Run:
        def run() -> None:
            for tensor in tensors[:3]:
                tensor.grad = None
            function(*tensors[:3]).backward(tensors[3])

        return run

    seen = np.tri(length, dtype=bool) & ~np.tri(length, k=-KINDS[kind].get("window", length), dtype=bool)
    hidden = 0.0 if kind == "all" else wb.tensor(np.where(seen, np.float32(0), np.float32(-np.inf)))
    options = {"attn_mask": torch.tensor(seen)} if kind.startswith("window") else KINDS[kind]
    whole = lambda q, k, v: wb.softmax(q @ k.transpose(-1, -2) * WIDTH**-0.5 + hidden, axis=-1) @ v
    return {"ours": both(lambda *x: wb.scaled_dot_product_attention(*x, **KINDS[kind]), ours),
            "torch": both(lambda *x: torch.nn.functional.scaled_dot_product_attention(*x, **options), theirs),
            "ours, whole matrix": both(whole, ours)}


def peak(name: str, length: int, kind: str) -> float:
    """Bytes that one call adds, in a process of its own, which gives back what is freed."""
    found = subprocess.run([sys.executable, __file__, name, str(length), kind], capture_output=True, text=True, check=True,
                           env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"})
    return float(found.stdout)


def held(name: str, length: int, kind: str) -> int:
    """What `peak` asks the other process for (Linux)."""
    runs(16, kind)[name]()
    run = runs(length, kind)[name]
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is what is held now
    before = _most()
    run()
    return (_most() - before) * 1024


def _most() -> int:
    """The most memory that this process has held, in kB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def measure(rows: dict[str, Run], rounds: int) -> dict[str, float]:
    """Best seconds of a call of each row."""
    best = dict.fromkeys(rows, float("inf"))
    for _ in range(rounds):
        for name, run in rows.items():
            begin = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - begin)
    return best


def main() -> None:
    """All lengths and kinds."""
    import torch

    torch.set_num_threads(1)
    print(f"{HEADS} heads of {WIDTH}, float32, forward and backward\n{'':40}{'ms':>10}{'× torch':>10}{'peak MB':>10}")
    for kind in KINDS:
        for length, rounds in ROUNDS.items():
            best = measure(runs(length, kind), rounds)
            for name, seconds in best.items():
                label = f"T={length}, {kind}: {name}"
                print(f"{label:40}{seconds * 1e3:10.1f}{seconds / best['torch']:10.2f}{peak(name, length, kind) / 1e6:10.1f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(held(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
    else:
        main()

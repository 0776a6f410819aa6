"""One step of an optimizer against torch's, on one thread, alternately: many small tensors, an MLP, one large tensor.

    python benchmarks/optimizers.py [--only NAME]

Times are of ``optimizer.step()`` alone, gradients being there: the best of many rounds, in microseconds. `ours, NumPy` is
the rule parameter by parameter (``foreach=False``). torch has a fused kernel for SGD, Adam, AdamW and Adagrad, and neither Lion nor LAMB.
"""
from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import numpy as np

import workbench as wb
from workbench import optim

Run = Callable[[], object]
MODELS: dict[str, tuple[list[tuple[int, ...]], int]] = {
    "200 tensors of 1,000": ([(1000,)] * 200, 10),
    "MLP 64-128-128-10": ([(128, 64), (128,), (128, 128), (128,), (10, 128), (10,)], 100),
    "one tensor of 10,000,000": ([(10_000_000,)], 1),
}
"""Shapes of parameters, and calls per round."""
ALGORITHMS: dict[str, tuple[str, dict]] = {
    "SGD": ("SGD", dict(lr=1e-3)), "SGD, momentum": ("SGD", dict(lr=1e-3, momentum=0.9)), "AdamW": ("AdamW", dict(lr=1e-3)),
    "AdamW, amsgrad": ("AdamW", dict(lr=1e-3, amsgrad=True)), "RMSprop": ("RMSprop", dict(lr=1e-3)), "NAdam": ("NAdam", dict(lr=1e-3)),
    "Lion": ("Lion", dict(lr=1e-3)), "LAMB": ("LAMB", dict(lr=1e-3)),
}
FUSED = ("SGD", "Adam", "AdamW", "Adagrad")
ROUNDS = 25


def ours(name: str, options: dict, arrays: list[np.ndarray]) -> Run:
    """A step of ours."""
    parameters = [wb.nn.Parameter(wb.tensor(a)) for a in arrays]
    for p in parameters:
        p.grad = wb.tensor(p.detach().numpy() * 0.1)
    return getattr(optim, name)(parameters, **options).step


def theirs(name: str, options: dict, arrays: list[np.ndarray]) -> Run:
    """A step of torch's."""
    import torch

    parameters = [torch.tensor(a, requires_grad=True) for a in arrays]
    for p in parameters:
        p.grad = p.detach() * 0.1
    return getattr(torch.optim, name)(parameters, **options).step


def measure(rows: dict[str, Run], calls: int) -> dict[str, float]:
    """Seconds per call, the best of all rounds; rows take turns."""
    best = dict.fromkeys(rows, float("inf"))
    for run in rows.values():
        for _ in range(3):  # the first makes the state, the second the kernel
            run()
    for _ in range(ROUNDS):
        for name, run in rows.items():
            begin = time.perf_counter()
            for _ in range(calls):
                run()
            best[name] = min(best[name], (time.perf_counter() - begin) / calls)
    return best


def rows_of(name: str, options: dict, arrays: list[np.ndarray]) -> dict[str, Run]:
    """Whom to compare."""
    rows = {"ours": ours(name, options, arrays), "ours, NumPy": ours(name, {**options, "foreach": False}, arrays)}
    if name not in ("Lion", "LAMB"):
        rows["torch foreach"] = theirs(name, {**options, "foreach": True}, arrays)
    if name in FUSED:
        rows["torch fused"] = theirs(name, {**options, "fused": True}, arrays)
    return rows


def main() -> None:
    """A table per model."""
    import torch

    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=ALGORITHMS)
    chosen = parser.parse_args().only
    columns = ("ours", "ours, NumPy", "torch foreach", "torch fused")
    for title, (shapes, calls) in MODELS.items():
        print(f"\n{title}\n{'':16}" + "".join(f"{column:>15}" for column in columns) + f"{'best torch / ours':>20}")
        for label, (name, options) in ALGORITHMS.items():
            if chosen in (None, label):
                rng = np.random.default_rng(0)
                best = measure(rows_of(name, options, [rng.normal(size=s).astype(np.float32) for s in shapes]), calls)
                cells = "".join(f"{best[column] * 1e6:15.1f}" if column in best else f"{'–':>15}" for column in columns)
                torch_best = min((best[c] for c in columns[2:] if c in best), default=float("nan"))
                print(f"{label:16}{cells}{torch_best / best['ours']:20.2f}")


if __name__ == "__main__":
    main()

"""What one operation costs, and a small forward and backward pass: ours, NumPy's and PyTorch's in turns in one process.

The libraries alternate in rounds and the best round counts, so that a busy machine disturbs all alike: read the ratios.
Run it with `python benchmarks/overhead.py`; with `--check` it fails when a taped add costs more than four adds of NumPy
or more than PyTorch's.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

import workbench as wb

try:
    import torch

    torch.set_num_threads(1)
except ImportError:
    torch = None  # PyTorch's columns stay empty

Run = Callable[[], object]
ROUNDS, CALLS = 40, 2000
COLUMNS = ("numpy", "ours", "ours taped", "torch", "torch taped")


def operations() -> dict[str, dict[str, Run]]:
    """For every op, one call per column, on four float32 numbers (matmul: 4 × 4)."""
    a, square = np.full(4, 0.5, np.float32), np.full((4, 4), 0.5, np.float32)
    rows = {
        "add": (a, lambda x: x + x), "mul": (a, lambda x: x * x), "mul by 2.0": (a, lambda x: x * 2.0),
        "exp": (a, None), "sum": (a, lambda x: x.sum()), "reshape": (a, lambda x: x.reshape(2, 2)), "matmul": (square, lambda x: x @ x),
    }
    table = {}
    for name, (array, call) in rows.items():
        calls = dict.fromkeys(("numpy", "ours", "torch"), call) if call else {"numpy": np.exp, "ours": wb.exp, "torch": torch and torch.exp}
        plain, taped = wb.tensor(array), wb.tensor(array, requires_grad=True)
        table[name] = {"numpy": _bound(calls["numpy"], array), "ours": _bound(calls["ours"], plain), "ours taped": _bound(calls["ours"], taped)}
        if torch:
            tensor, tracked = torch.tensor(array), torch.tensor(array, requires_grad=True)
            table[name] |= {"torch": _bound(calls["torch"], tensor), "torch taped": _bound(calls["torch"], tracked)}
    return table


def chain(length: int = 10) -> dict[str, Run]:
    """A chain of 31 ops, ten times tanh(x * w + b) and a sum, forward and backward (NumPy: forward alone)."""
    array = np.full(4, 0.3, np.float32)

    def forward(x, w, b, tanh):
        for _ in range(length):
            x = tanh(x * w + b)
        return x.sum()

    def both(x, w, b, tanh):
        x.grad = None
        forward(x, w, b, tanh).backward()

    w, b = wb.tensor(array), wb.tensor(array)
    x = wb.tensor(array, requires_grad=True)
    columns = {"numpy": lambda: forward(array, array, array, np.tanh), "ours": lambda: forward(w, w, b, wb.tanh), "ours taped": lambda: both(x, w, b, wb.tanh)}
    if torch:
        tw, tx = torch.tensor(array), torch.tensor(array, requires_grad=True)
        columns |= {"torch": lambda: forward(tw, tw, tw, torch.tanh), "torch taped": lambda: both(tx, tw, tw, torch.tanh)}
    return columns


def _bound(function: Callable, x: object) -> Run:
    return lambda: function(x)


def measure(columns: dict[str, Run], calls: int) -> dict[str, float]:
    """Microseconds per call of each column: rounds in turns, the best of each, the cost of an empty call taken off."""
    columns = {"": lambda: None, **columns}
    best = dict.fromkeys(columns, float("inf"))
    for _ in range(ROUNDS):
        for name, run in columns.items():
            start = time.perf_counter()
            for _ in range(calls):
                run()
            best[name] = min(best[name], (time.perf_counter() - start) / calls * 1e6)
    return {name: value - best[""] for name, value in best.items() if name}


def report() -> dict[str, dict[str, float]]:
    """Measure everything and print a line for each."""
    print(f"microseconds (best of {ROUNDS} rounds in turns)\n{'':20}" + "".join(f"{name:>13}" for name in COLUMNS) + "   taped/numpy  taped/torch")
    results = {}
    for name, columns in {**operations(), "31 ops, fwd + bwd": chain()}.items():
        cost = results[name] = measure(columns, CALLS if len(name) < 12 else CALLS // 50)
        ratios = f"{cost['ours taped'] / cost['numpy']:12.1f}×"
        ratios += f"{cost['ours taped'] / cost['torch taped']:12.2f}×" if "torch taped" in cost else ""
        print(f"{name:20}" + "".join(f"{cost[key]:13.2f}" if key in cost else " " * 13 for key in COLUMNS) + ratios)
    return results


def main() -> int:
    """Print the table; with --check, say whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail when a taped add is too dear")
    wanted = parser.parse_args()
    add = report()["add"]
    met = add["ours taped"] <= 4 * add["numpy"] and add["ours taped"] <= add.get("torch taped", float("inf"))
    print("taped add: at most 4 of NumPy's and at most PyTorch's:", "yes" if met else "NO")
    return int(wanted.check and not met)


if __name__ == "__main__":
    sys.exit(main())

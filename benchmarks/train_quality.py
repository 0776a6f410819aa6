"""Five classic runs with PyTorch and with workbench, side by side: does ours reach the same loss, and how long does it take?

Every run is written once, over the names that both libraries share; each library starts from its own initial weights and
sees the same batches. Seeds and libraries take turns in one process on one thread. The verdict is Welch's test on the
held-out losses: within noise means a difference that chance alone makes more often than once in twenty.

Run it with `python benchmarks/train_quality.py` (``--runs mlp lstm --seeds 3`` for less).
"""
from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ.pop("OPENBLAS_CORETYPE", None)  # it may tell NumPy's BLAS to be an older processor; nothing tells torch's

import numpy as np
from scipy import stats
from sklearn.model_selection import train_test_split

import workbench as wb

Batch = tuple[np.ndarray, np.ndarray]


def libraries() -> dict[str, Any]:
    """The names that a run uses, of both."""
    import torch

    torch.set_num_threads(1)
    common = lambda lib, clip: SimpleNamespace(nn=lib.nn, F=lib.nn.functional, optim=lib.optim, tensor=lib.tensor, no_grad=lib.no_grad,
                                               manual_seed=lib.manual_seed, clip_grad_norm_=clip, arange=lib.arange)
    return {"workbench": common(wb, wb.optim.clip_grad_norm_), "torch": common(torch, torch.nn.utils.clip_grad_norm_)}


def split(data: wb.data.Dataset, seed: int) -> tuple[Batch, Batch]:
    """Four fifths to train on, one fifth to judge by."""
    x, y = (part.numpy() for part in data[np.arange(len(data))])
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, random_state=seed)
    return (x, y), (x_test, y_test)


def batches(data: Batch, size: int, epochs: int, seed: int) -> Iterator[Batch]:
    """Shuffled batches, the same for both libraries."""
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(len(data[0]))
        for start in range(0, len(order) - size + 1, size):
            chosen = order[start:start + size]
            yield data[0][chosen], data[1][chosen]


def train(lib: Any, model: Any, loss: Callable, optimizer: Any, parts: Iterator[Batch], *, scheduler: Any = None, max_norm: float | None = None) -> None:
    """The plain loop."""
    for x, y in parts:
        value = loss(model(lib.tensor(x)), lib.tensor(y))
        optimizer.zero_grad()
        value.backward()
        if max_norm is not None:
            lib.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def judged(lib: Any, model: Any, loss: Callable, data: Batch) -> float:
    """The loss on held-out data."""
    model.eval()
    with lib.no_grad():
        return loss(model(lib.tensor(data[0])), lib.tensor(data[1])).item()


def mlp(lib: Any, seed: int) -> float:
    """Digits, 64-128-128-10, Adam."""
    data, test = split(wb.data.digits(), seed)
    nn = lib.nn
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    train(lib, model, lib.F.cross_entropy, lib.optim.Adam(model.parameters(), lr=1e-3), batches(data, 32, 10, seed))
    return judged(lib, model, lib.F.cross_entropy, test)


def cnn(lib: Any, seed: int) -> float:
    """Digits, two convolutions with batch normalization, SGD with momentum."""
    data, test = split(wb.data.digits(), seed)
    nn = lib.nn
    model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    train(lib, model, lib.F.cross_entropy, optimizer, batches(data, 32, 5, seed))
    return judged(lib, model, lib.F.cross_entropy, test)


def tabular(lib: Any, seed: int) -> float:
    """Diabetes, dropout and layer normalization, AdamW with a one-cycle rate."""
    (x, y), (x_test, y_test) = split(wb.data.diabetes(), seed)
    scale = lambda target: ((target - y.mean()) / y.std()).astype(np.float32)
    nn = lib.nn
    model = nn.Sequential(nn.Linear(10, 64), nn.LayerNorm(64), nn.GELU(), nn.Dropout(0.2), nn.Linear(64, 32), nn.SiLU(), nn.Linear(32, 1))
    optimizer = lib.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = lib.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=22 * 15)
    train(lib, model, lib.F.mse_loss, optimizer, batches((x, scale(y)), 16, 15, seed), scheduler=scheduler)
    return judged(lib, model, lib.F.mse_loss, (x_test, scale(y_test)))


def _text(length: int, seed: int, steps: int, size: int) -> tuple[list[Batch], Batch, int]:
    """Random stretches of Python's documentation to train on, later ones to judge by."""
    corpus = wb.data.stdlib_text()
    numbers = np.array(corpus.encode(corpus.text[:200_000]), np.int64)
    rng = np.random.default_rng(seed)
    cut = lambda starts: (numbers[starts[:, None] + np.arange(length)], numbers[starts[:, None] + np.arange(1, length + 1)])
    return [cut(rng.integers(0, 160_000, size)) for _ in range(steps)], cut(np.arange(161_000, 199_000, 600)), len(corpus.vocabulary)


def transformer(lib: Any, seed: int) -> float:
    """Next characters, two causal encoder layers of width 64, AdamW."""
    parts, test, vocabulary = _text(64, seed, 200, 16)
    nn = lib.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(vocabulary, 64), nn.Embedding(64, 64)
            layer = nn.TransformerEncoderLayer(64, 4, 256, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
            self.body = nn.TransformerEncoder(layer, 2, nn.LayerNorm(64), enable_nested_tensor=False)
            self.head = nn.Linear(64, vocabulary)

        def forward(self, x: Any) -> Any:
            mask = lib.tensor(np.triu(np.ones((64, 64), bool), 1))
            return self.head(self.body(self.token(x) + self.place(lib.arange(64)), mask=mask, is_causal=True))

    model = Model()
    loss = lambda scores, y: lib.F.cross_entropy(scores.flatten(0, 1), y.flatten())
    train(lib, model, loss, lib.optim.AdamW(model.parameters(), lr=2e-3), iter(parts), max_norm=1.0)
    return judged(lib, model, loss, test)


def lstm(lib: Any, seed: int) -> float:
    """Next characters, an LSTM of width 128, RMSprop with clipped gradients."""
    parts, test, vocabulary = _text(48, seed, 200, 16)
    nn = lib.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.lstm, self.head = nn.Embedding(vocabulary, 32), nn.LSTM(32, 128, batch_first=True), nn.Linear(128, vocabulary)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(self.token(x))[0])

    model = Model()
    loss = lambda scores, y: lib.F.cross_entropy(scores.flatten(0, 1), y.flatten())
    train(lib, model, loss, lib.optim.RMSprop(model.parameters(), lr=3e-3), iter(parts), max_norm=1.0)
    return judged(lib, model, loss, test)


RUNS = {run.__name__: run for run in (mlp, cnn, tabular, transformer, lstm)}


def compare(run: Callable[[Any, int], float], seeds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Held-out losses and seconds of both libraries, which take turns at going first."""
    losses: dict[str, list[float]] = {"workbench": [], "torch": []}
    seconds: dict[str, list[float]] = {"workbench": [], "torch": []}
    both = libraries()
    for seed in range(seeds):
        for name in (both if seed % 2 else reversed(both)):
            both[name].manual_seed(seed)
            begin = time.perf_counter()
            losses[name].append(run(both[name], seed))
            seconds[name].append(time.perf_counter() - begin)
    return losses, seconds


def main() -> None:
    """One line per run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{'':12}{'loss: ours':>18}{'torch':>18}{'p':>7}{'':17}{'s: ours':>9}{'torch':>9}{'ratio':>7}")
    for name in arguments.runs:
        losses, seconds = compare(RUNS[name], arguments.seeds)
        ours, theirs = losses["workbench"], losses["torch"]
        p = stats.ttest_ind(ours, theirs, equal_var=False).pvalue
        verdict = "within noise" if p > 0.05 else "BETTER" if np.mean(ours) < np.mean(theirs) else "WORSE"
        time_ours, time_theirs = (float(np.median(seconds[lib])) for lib in ("workbench", "torch"))
        print(f"{name:12}{np.mean(ours):10.4f} ± {np.std(ours):.3f}{np.mean(theirs):10.4f} ± {np.std(theirs):.3f}{p:7.2f}  {verdict:15}"
              f"{time_ours:9.2f}{time_theirs:9.2f}{time_ours / time_theirs:7.2f}", flush=True)


if __name__ == "__main__":
    main()

"""What looking costs: a training step of the tour's CNN with the recorder, with nobody looking, and without it.

The three are timed alternately in one run, so a change of the machine's speed meets all of them.

    python benchmarks/probes.py
"""
from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import workbench as wb
from workbench import nn, optim
from workbench.inspect import Recorder
from workbench.nn import functional as F

STEPS, ROUNDS = 200, 9


def training(look: str) -> Callable[[], None]:
    """One training step; `look` is "recorder", "nobody looks" or "plain loop"."""
    wb.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
                          nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 10))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x, y = wb.data.digits()[:64]
    run = wb.watch(model, optimizer)
    if look != "plain loop":
        recorder = Recorder(run)
        if look == "nobody looks":
            recorder.want(())
    run.start()

    def step() -> None:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.step(loss=loss)

    return step


def main() -> None:
    """Print the median time of a step for each way, and the ratio to the plain loop round by round."""
    ways = {name: training(name) for name in ("plain loop", "nobody looks", "recorder")}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, step in ways.items():
            begun = time.perf_counter()
            for _ in range(STEPS):
                step()
            times[name].append((time.perf_counter() - begun) / STEPS)
    plain = np.array(times["plain loop"])
    print(f"{'':14}{'ms a step':>10}{'ratio':>8}   (medians of {ROUNDS} rounds of {STEPS} steps, alternately)")
    for name, each in times.items():
        print(f"{name:14}{1e3 * np.median(each):10.3f}{np.median(np.array(each) / plain):8.3f}")


if __name__ == "__main__":
    main()

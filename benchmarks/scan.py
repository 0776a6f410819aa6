"""The selective scan, a Mamba block and an S4D layer from 2,048 to 32,768 tokens: time, peak memory, and that numbers stay finite.

Forward and gradient together, in float32. Time and memory per token should not grow with the length; memory is what
NumPy allocates beyond the inputs, by tracemalloc, in a run of its own. Run it with `python benchmarks/scan.py`.
"""
from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

import workbench as wb
from workbench import nn
from workbench.nn import functional as F

LENGTHS = (2048, 4096, 8192, 16384, 32768)


def scan(length: int, channels: int, state: int) -> tuple[Callable[[], wb.Tensor], list[wb.Tensor]]:
    """A call of the scan, and its inputs."""
    rng = np.random.default_rng(0)
    made = lambda array: wb.tensor(array.astype(np.float32), requires_grad=True)
    signal = lambda *shape: made(rng.normal(size=shape))
    inputs = [signal(1, channels, length), made(rng.uniform(-4, 0, (1, channels, length))), made(-rng.uniform(0.5, 16, (channels, state))),
              signal(1, state, length), signal(1, state, length), signal(channels), signal(1, channels, length)]
    return lambda: F.selective_scan(*inputs, delta_softplus=True), inputs


def block(length: int, channels: int, state: int) -> tuple[Callable[[], wb.Tensor], list[wb.Tensor]]:
    """A call of a Mamba block of half as many features, and its input and weights."""
    layer, x = nn.Mamba(channels // 2, state), wb.randn(1, length, channels // 2, requires_grad=True)
    return lambda: layer(x), [x, *layer.parameters()]


def diagonal(length: int, channels: int, state: int) -> tuple[Callable[[], wb.Tensor], list[wb.Tensor]]:
    """A call of an S4D layer, and its input and weights."""
    layer, x = nn.S4D(channels, state), wb.randn(1, length, channels, requires_grad=True)
    return lambda: layer(x), [x, *layer.parameters()]


def once(call: Callable[[], wb.Tensor], leaves: list[wb.Tensor]) -> bool:
    """Forward and gradient; is everything finite?"""
    for leaf in leaves:
        leaf.grad = None
    out = call()
    (out * out).mean().backward()
    return bool(np.isfinite(out.detach().numpy()).all() and all(np.isfinite(leaf.grad.numpy()).all() for leaf in leaves))


def measure(make: Callable, length: int, channels: int, state: int) -> tuple[float, float, bool]:
    """Seconds of the best of three, peak bytes, and whether all numbers are finite."""
    call, leaves = make(length, channels, state)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        finite = once(call, leaves)
        times.append(time.perf_counter() - start)
    tracemalloc.start()
    once(call, leaves)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(times), peak, finite


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--state", type=int, default=16)
    options = parser.parse_args()
    for make in (scan, block, diagonal):
        print(f"\n{make.__name__}: {options.channels} channels, state {options.state}, forward and gradient in float32")
        print(" tokens   seconds   µs/token   peak MB   bytes/token   finite")
        for length in LENGTHS:
            seconds, peak, finite = measure(make, length, options.channels, options.state)
            print(f"{length:7} {seconds:9.3f} {seconds / length * 1e6:10.2f} {peak / 2**20:9.1f} {peak / length:13.0f}   {'yes' if finite else 'NO'}")


if __name__ == "__main__":
    main()

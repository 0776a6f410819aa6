"""jit against PyTorch eager, torch.compile and JAX: a chain of small ops, a chain on a million numbers, a training step.

All run in turns in one process on one thread, the best round counts, and ratios are printed; the first call (tracing and
compiling) stands beside them. Run it with `python benchmarks/jit.py` (``--no-compile`` leaves torch.compile out, which
takes most of the time).
"""
from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
                  XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np

import workbench as wb
from workbench import nn, optim
from workbench.nn import functional as F

Run = Callable[[], object]
ROUNDS = 30


def chain(xp_tanh: Callable, x, w, b):
    """Ten times tanh(x * w + b), and a sum: 31 ops."""
    for _ in range(10):
        x = xp_tanh(x * w + b)
    return x.sum()


def long_chain(xp_tanh: Callable, x):
    """Six element-wise ops."""
    return (x * 2.0 + 1.0) * x - xp_tanh(x) * 0.5


def small_ops(compiled: bool) -> dict[str, Run]:
    """Gradient of the chain on four numbers."""
    import jax
    import jax.numpy as jnp
    import torch

    a = np.full(4, 0.3, np.float32)
    x, w, t, tw, j = wb.tensor(a), wb.tensor(a), torch.tensor(a, requires_grad=True), torch.tensor(a), jnp.asarray(a)
    ours = lambda x, w: chain(wb.tanh, x, w, w)
    jitted = wb.jit(wb.grad(ours))
    theirs = lambda x: chain(torch.tanh, x, tw, tw)

    def backward(f):
        t.grad = None
        f(t).backward()

    jax_grad = jax.jit(jax.grad(lambda x, w: chain(jnp.tanh, x, w, w)))
    rows = {"ours eager": lambda: wb.grad(ours)(x, w), "ours jit": lambda: jitted(x, w), "torch eager": lambda: backward(theirs),
            "jax jit": lambda: jax_grad(j, j).block_until_ready()}
    if compiled:
        fast = torch.compile(theirs)
        rows["torch.compile"] = lambda: backward(fast)
    return rows


def million(compiled: bool) -> dict[str, Run]:
    """Six element-wise ops on 1e6 float32 numbers."""
    import jax
    import jax.numpy as jnp
    import torch

    a = np.linspace(-2, 2, 1_000_000, dtype=np.float32)
    x, t, j = wb.tensor(a), torch.tensor(a), jnp.asarray(a)
    ours = lambda x: long_chain(wb.tanh, x)
    jitted, jax_jitted = wb.jit(ours), jax.jit(lambda x: long_chain(jnp.tanh, x))
    rows = {"ours eager": lambda: ours(x), "ours jit": lambda: jitted(x), "torch eager": lambda: long_chain(torch.tanh, t),
            "jax jit": lambda: jax_jitted(j).block_until_ready()}
    if compiled:
        fast = torch.compile(lambda x: long_chain(torch.tanh, x))
        rows["torch.compile"] = lambda: fast(t)
    return rows


def training_step(compiled: bool) -> dict[str, Run]:
    """An MLP 64-128-128-10 on 32 rows, cross-entropy, Adam: forward, backward and update."""
    import torch

    rng = np.random.default_rng(0)
    data, target = rng.normal(size=(32, 64)).astype(np.float32), rng.integers(0, 10, 32)
    rows = {"ours eager": _our_step(data, target, lambda f: f), "ours jit": _our_step(data, target, wb.jit), "torch eager": _torch_step(data, target, {}, None),
            "torch fused Adam": _torch_step(data, target, {"fused": True}, None), "jax jit": _jax_step(data, target)}
    if compiled:
        rows["torch.compile"] = _torch_step(data, target, {"fused": True}, torch.compile)
    return rows


def _our_step(data: np.ndarray, target: np.ndarray, wrap: Callable) -> Run:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x, y = wb.tensor(data), wb.tensor(target)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = wrap(step)
    return lambda: run(x, y)


def _torch_step(data: np.ndarray, target: np.ndarray, options: dict, compiler: Callable | None) -> Run:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **options)
    forward = model if compiler is None else compiler(model)
    x, y = torch.tensor(data), torch.tensor(target)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(forward(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _jax_step(data: np.ndarray, target: np.ndarray) -> Run:
    import jax
    import jax.numpy as jnp

    sizes = (64, 128, 128, 10)
    keys = jax.random.split(jax.random.PRNGKey(0), 3)
    params = [(jax.random.normal(k, (i, o)) / np.sqrt(i), jnp.zeros(o)) for k, i, o in zip(keys, sizes, sizes[1:], strict=False)]
    x, y = jnp.asarray(data), jnp.asarray(target)

    def loss(params):
        h = x
        for number, (w, b) in enumerate(params):
            h = h @ w + b
            h = jax.nn.relu(h) if number < 2 else h
        return -jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], 1).mean()

    @jax.jit
    def step(params, m, v, t):
        value, g = jax.value_and_grad(loss)(params)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        new = jax.tree.map(lambda p, m, v: p - 1e-3 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), params, m, v)
        return new, m, v, t + 1, value

    state = [params, jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), jnp.ones(())]

    def run():
        *state[:], value = step(*state)
        jax.block_until_ready(state)
        return value

    return run


def measure(rows: dict[str, Run], calls: int) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of the first two calls together (some compile at the second), and of the best later call."""
    first, best = {}, dict.fromkeys(rows, float("inf"))
    for name, run in rows.items():
        begin = time.perf_counter()
        run()
        run()
        first[name] = time.perf_counter() - begin
    for _ in range(ROUNDS):
        for name, run in rows.items():
            begin = time.perf_counter()
            for _ in range(calls):
                run()
            best[name] = min(best[name], (time.perf_counter() - begin) / calls)
    return first, best


def report(title: str, rows: dict[str, Run], calls: int) -> None:
    """One table: microseconds, ratio to ours under jit, first call."""
    first, best = measure(rows, calls)
    print(f"\n{title}\n{'':20}{'µs':>10}{'× ours jit':>12}{'first calls, ms':>18}")
    for name in rows:
        print(f"{name:20}{best[name] * 1e6:10.1f}{best[name] / best['ours jit']:12.2f}{first[name] * 1e3:18.1f}")


def main() -> None:
    """All three."""
    import torch

    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-compile", action="store_true")
    compiled = not parser.parse_args().no_compile
    report("31 ops on 4 numbers, gradient", small_ops(compiled), 50)
    report("6 element-wise ops on 1e6 numbers", million(compiled), 2)
    report("MLP 64-128-128-10, batch 32, one step with Adam", training_step(compiled), 10)


if __name__ == "__main__":
    main()

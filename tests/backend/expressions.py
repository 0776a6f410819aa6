"""What every generator of kernels is tested on: the C expressions of the op table, inputs with special values, and how close is equal."""
from __future__ import annotations

import numpy as np

from workbench.core.op import REGISTRY

ROWS = {name: op for name, op in REGISTRY.items() if op.c and not op.parameters}
DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool")
ULPS = {"lgamma": 16, "erfc": 128, "pow": 3, "sigmoid": 4, "silu": 5, "softplus": 4, "log10": 4, "tan": 4}
"""Units in the last place by which both together may differ, others 3. It is SciPy's erfc that is off by so much."""
NEAR_ZERO = {"lgamma": 1e-15, "gelu": 1e-6}
"""Absolute differences that count as none: at its roots a function of SciPy keeps no relative accuracy; 1 + erf cancels."""
UNUSED = {"lgamma": lambda x: (abs(x) < 1e-300) | (x == -np.inf),
          "softsign": lambda x: (x == np.iinfo(x.dtype).min) | (x == np.iinfo(x.dtype).max) if x.dtype.kind in "iu" else x != x}
"""Inputs for which the op is wrong: SciPy overflows (and differs from C and PyTorch at -inf), an integer wraps around."""


def samples(dtype: str, seed: int) -> np.ndarray:
    """Ordinary and special numbers, 531 of them: many vectors and a remainder."""
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.integers(0, 2, 531).astype(bool)
    if kind in "iu":
        info = np.iinfo(dtype)
        edges = np.array([0, 1, 2, 3, info.max, info.min, info.max - 1, *([-1, -2, -7] if kind == "i" else [])], dtype)
        return np.concatenate([rng.choice(edges, 120), rng.integers(0 if kind == "u" else -50, 50, 411).astype(dtype)])
    info = np.finfo(dtype)
    with np.errstate(over="ignore"):  # float16 has no 1e10
        return _floats(rng, info, dtype)


def _floats(rng: np.random.Generator, info: np.finfo, dtype: str) -> np.ndarray:
    edges = np.array([0.0, -0.0, 1, -1, 0.5, -0.5, 2, 3, np.inf, -np.inf, np.nan, info.tiny, -info.tiny, info.smallest_subnormal,
                      -info.smallest_subnormal * 3, info.max, -info.max, 1e-4, 88.9, -88.9, 104.5, -103.5, 709.9, -745.2, 1e6, 1e10, -1e15], dtype)
    wide = rng.standard_normal(100) * 10.0 ** rng.integers(-6, 6, 100)
    return rng.permutation(np.concatenate([rng.choice(edges, 131), rng.standard_normal(150), rng.uniform(-1, 1, 150), wide]).astype(dtype))


def arguments(name: str, dtype: str, arity: int) -> list[np.ndarray]:
    """Inputs of an op; every special value of one meets those of the other somewhere."""
    inputs = [samples(dtype, seed) for seed in range(arity)]
    if "shift" in name and np.dtype(dtype).kind != "f":
        inputs[1] = (np.nan_to_num(inputs[1]).astype("int64") % 80 - 8 * (np.dtype(dtype).kind == "i")).astype(dtype)
    return inputs


def assert_close(out: np.ndarray, expected: np.ndarray, ulps: float, inputs: list[np.ndarray]) -> None:
    """Equal NaN, infinities and signs of zero; numbers within `ulps`."""
    info = np.finfo(expected.dtype)
    exact = np.isnan(expected) | np.isinf(expected)
    with np.errstate(all="ignore"):
        error = np.abs(out.astype("float64") - expected) / np.maximum(np.abs(expected) * info.eps, info.tiny)
        bad = np.where(exact, ~((out == expected) | (np.isnan(out) & np.isnan(expected))), ~(error <= ulps))
        bad |= (expected == 0) & (np.signbit(out) != np.signbit(expected))
    where = np.flatnonzero(bad)[:8]
    assert not where.size, [(*(x[i] for x in inputs), out[i], expected[i]) for i in where]

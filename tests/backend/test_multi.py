"""Kernels over tables of arrays: NumPy's numbers to the last bit, on rows of any length, and sums in float64."""
from __future__ import annotations

import numpy as np
import pytest

from workbench.backend import cpu
from workbench.backend.cpu import Literal, Multi, Step

pytestmark = pytest.mark.skipif(not cpu.available(), reason="kernels need llvmlite")
LENGTHS = [1, 3, 16, 17, 1000, 31, 64]


def call(plan: Multi, columns: list[list[np.ndarray]], numbers: list[float], own: np.ndarray | None = None) -> np.ndarray:
    table = np.array([list(map(id, column)) for column in columns])
    lengths, held = np.array([a.size for a in columns[0]]), np.array([*numbers, 0.0])
    sums = np.full((len(lengths), max(len(plan.sums), 1)), np.nan)
    cpu.compile_multi(plan).call(table.ctypes.data, lengths.ctypes.data, len(lengths), held.ctypes.data, sums.ctypes.data if plan.sums else None,
                                 None if own is None else own.ctypes.data)
    return sums


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_numbers_stores_and_sums(dtype) -> None:
    rng = np.random.default_rng(0)
    x, y = ([rng.normal(size=n).astype(dtype) for n in LENGTHS] for _ in range(2))
    steps = (Step("{0} * {1}", (0, 2), dtype), Step("{0} + {1}", (4, 1), dtype), Step("sqrt(fabs({0}))", (5,), dtype),
             Step("{0} / {1}", (5, 6), dtype), Step("{0} - {1}", (7, Literal(0.1)), dtype), Step("{0} * {1}", (8, 3), dtype), Step("{0} * {0}", (1,), dtype))
    plan = Multi(dtype, 2, 2, steps, ((9, 0),), (10, 8))
    numbers = [0.3, 1.7]
    wanted = []
    for a, b in zip(x, y, strict=True):
        mixed = a * numbers[0] + b
        part = mixed / np.sqrt(np.abs(mixed)) - 0.1
        wanted.append((part * numbers[1], (b * b).astype("float64").sum(), part.astype("float64").sum()))
    before = [b.copy() for b in y]
    sums = call(plan, [x, y], numbers)
    for row, (found, (array, *totals)) in enumerate(zip(x, wanted, strict=True)):
        np.testing.assert_array_equal(found, array)
        np.testing.assert_array_equal(y[row], before[row])
        np.testing.assert_allclose(sums[row], totals, rtol=1e-12, atol=1e-12)


def test_a_shape_of_any_kind_is_walked_through_in_memory_order() -> None:
    x = [np.arange(6.0).reshape(2, 3), np.array(4.0)]
    call(Multi("float64", 1, 0, (Step("{0} * {1}", (0, Literal(2.0)), "float64"),), ((1, 0),)), [x], [])
    assert x[0].tolist() == [[0, 2, 4], [6, 8, 10]]
    assert x[1].item() == 8


def test_rows_have_numbers_of_their_own() -> None:
    x = [np.ones(n) for n in LENGTHS]
    own = np.arange(2.0 * len(LENGTHS)).reshape(-1, 2)
    steps = (Step("{0} * {1}", (0, 2), "float64"), Step("{0} + {1}", (4, 1), "float64"), Step("{0} - {1}", (5, 3), "float64"))
    call(Multi("float64", 1, 1, steps, ((6, 0),), row_numbers=2), [x], [10.0], own)
    for row, (array, (first, second)) in enumerate(zip(x, own, strict=True)):
        np.testing.assert_array_equal(array, np.full(LENGTHS[row], first + 10 - second))

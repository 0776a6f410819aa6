"""A kernel along a sequence computes what a loop of NumPy computes, for every size, and from several threads."""
from __future__ import annotations

import numpy as np
import pytest

from workbench.backend import cpu, formulas
from workbench.backend.cpu import steps, threads
from workbench.backend.formulas import Formulas

pytestmark = pytest.mark.skipif(not cpu.available(), reason="kernels need llvmlite: pip install neural-workbench[fast]")
FORMULAS = Formulas("a b x new total live", {"new": "where(live > 0, tanh(a) * x + b, 0)", "total": "total + new"}, row_numbers=1)
SIZES = [(1, 1, 1, 1), (3, 2, 5, 1), (4, 7, 3, 9), (2, 8, 16, 16), (3, 15, 21, 37), (2, 33, 40, 50)]


def _along(length: int, rows: int, width: int, inner: int, dtype: str, backwards: bool) -> list[np.ndarray]:
    """What the formulas have written; every state is a factor of the next step's product."""
    rng = np.random.default_rng(0)
    made = lambda *shape: rng.normal(size=shape).astype(dtype)
    states, total, x, live = made(length + 1, rows, max(inner, width)), made(rows, width), made(length, rows, 2 * width), made(length, rows, 1)
    weight, bias = made(2 * width, inner).T / 4, made(2 * width)
    order = slice(None, None, -1) if backwards else slice(None)
    before, after = (states[1:], states[:-1]) if backwards else (states[:-1], states[1:])
    FORMULAS.along(before[order][..., :inner], weight, bias, [x[order][..., width:], after[order][..., :width], total, live[order]])
    return [states, total]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_kernel_computes_what_numpy_computes(sizes: tuple[int, ...], backwards: bool, dtype: str, monkeypatch: pytest.MonkeyPatch):
    plain = _along(*sizes, dtype, backwards)
    monkeypatch.setattr(formulas, "LARGE", 0)
    alone = _along(*sizes, dtype, backwards)
    monkeypatch.setattr(steps, "SHARED", 0)
    monkeypatch.setattr(threads, "threads", lambda: 3)
    shared = _along(*sizes, dtype, backwards)
    for wanted, found, again in zip(plain, alone, shared, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-5 if dtype == "float32" else 1e-13)
        np.testing.assert_array_equal(found, again)


def test_an_error_of_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threads, "threads", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        threads.together(lambda begin, end: 1 // (begin == 0), 16, 8)


@pytest.mark.parametrize(("rows", "grain", "count"), [(1, 8, 4), (16, 8, 2), (17, 8, 2), (100, 8, 3), (24, 8, 5)])
def test_threads_take_every_row_once_in_whole_grains(rows: int, grain: int, count: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threads, "threads", lambda: count)
    parts: list[tuple[int, int]] = []
    threads.together(lambda begin, end: parts.append((begin, end)), rows, grain)
    parts.sort()
    assert (parts[0][0], parts[-1][1]) == (0, rows)
    assert len(parts) <= count
    assert all(end == begin and end % grain == 0 for (_, end), (begin, _) in zip(parts, parts[1:], strict=False))

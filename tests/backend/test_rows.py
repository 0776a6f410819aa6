"""Kernels over rows compute what NumPy computes: softmax, cross-entropy, layer normalization, their gradients, and rows with infinities."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import workbench as wb
from workbench.backend import cpu, rows
from workbench.backend.cpu import rows as kernels
from workbench.backend.cpu import threads
from workbench.backend.rows import RowFormulas
from workbench.nn import functional as F

pytestmark = pytest.mark.skipif(not cpu.available(), reason="kernels need llvmlite: pip install neural-workbench[fast]")
FUNCTIONS: dict[str, Callable[..., wb.Tensor]] = {
    "softmax": lambda x, w, b: F.softmax(x, -1),
    "log_softmax": lambda x, w, b: F.log_softmax(x, -1),
    "cross_entropy": lambda x, w, b: F.cross_entropy(x.reshape(-1, x.shape[-1]), wb.arange(x.size // x.shape[-1]) % x.shape[-1], reduction="none"),
    "layer_norm": lambda x, w, b: F.layer_norm(x, (x.shape[-1],), w, b),
    "layer_norm without weights": lambda x, w, b: F.layer_norm(x, (x.shape[-1],)),
    "layer_norm of two axes": lambda x, w, b: F.layer_norm(x, x.shape[1:]),
    "layer_norm of columns": lambda x, w, b: F.layer_norm(x.transpose(0, 1), (x.shape[-1],), w, b),
}
SHAPES = [(1, 1, 1), (2, 3, 5), (3, 2, 16), (2, 2, 37), (1, 4, 64)]


def _found(function: Callable[..., wb.Tensor], shape: tuple[int, ...], dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = [wb.tensor(rng.normal(size=part).astype(dtype) * 3, requires_grad=True) for part in (shape, shape[-1:], shape[-1:])]
    out = function(*inputs)
    (out * wb.arange(out.size).reshape(out.shape).cos()).sum().backward()
    return [out.detach().numpy(), *(x.grad.numpy() for x in inputs if x.grad is not None)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_are_numpys(name: str, shape: tuple[int, ...], dtype: str, monkeypatch: pytest.MonkeyPatch):
    wanted = _found(FUNCTIONS[name], shape, dtype)
    monkeypatch.setattr(rows, "LARGE", 0)
    alone = _found(FUNCTIONS[name], shape, dtype)
    monkeypatch.setattr(kernels, "SHARED", 0)
    monkeypatch.setattr(threads, "threads", lambda: 3)
    shared = _found(FUNCTIONS[name], shape, dtype)
    for plain, found, again in zip(wanted, alone, shared, strict=True):
        np.testing.assert_allclose(found, plain, rtol=2e-5 if dtype == "float32" else 1e-12, atol=2e-5 if dtype == "float32" else 1e-12)
        np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "cross_entropy"])
def test_infinities_and_nan_are_numpys(name: str, monkeypatch: pytest.MonkeyPatch):
    x = np.zeros((1, 6, 20), "float32")
    x[0, 0, 3], x[0, 1, 19], x[0, 2], x[0, 3, 17], x[0, 4, 0], x[0, 5] = np.inf, -np.inf, -np.inf, np.nan, 1e38, 1e4
    with np.errstate(all="ignore"):
        wanted = FUNCTIONS[name](wb.tensor(x), None, None).numpy()
        monkeypatch.setattr(rows, "LARGE", 0)
        found = FUNCTIONS[name](wb.tensor(x), None, None).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_sweep_reads_numbers_of_rows_and_what_was_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows, "LARGE", 0)
    formulas = RowFormulas("x o", {"total": "sum: x * w", "top": "max: x"}, {"most": "top * k", "both": "top + total"}, {"o": "x + both * most"},
                           numbers="most", shared="w", constants="k")
    x, w, most = np.random.default_rng(0).normal(size=(5, 19)), np.arange(19.0), np.empty(5)
    out = np.empty_like(x)
    formulas.on(x)(x, out, most, w, np.array([2.0]))
    np.testing.assert_allclose(most, 2 * x.max(1))
    np.testing.assert_allclose(out, x + ((x.max(1) + x @ w) * most)[:, None])

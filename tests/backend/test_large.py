"""Large arrays are computed by kernels: the same numbers as small ones, whatever the layout, and NumPy's without llvmlite."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.backend import cpu, large
from workbench.backend.arrays import copied
from workbench.core.op import REGISTRY

COMPOSED = [op.name for op in REGISTRY.values() if op.c and op.arity == 1 and getattr(op.table[np.ndarray], "__qualname__", "").startswith("large")]
RULES = [op.name for op in REGISTRY.values() if op.arity == 1 and op.vjp and getattr(op.vjp[0], "__qualname__", "").startswith("large")]
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 80.0, -80.0, 1e30, -1e30])


@pytest.fixture
def _kernels():
    if not cpu.available():
        pytest.skip("kernels need llvmlite: pip install neural-workbench[fast]")


def test_what_scipy_and_compositions_give_is_among_them():
    assert {"erf", "erfc", "sigmoid", "silu", "softplus", "mish", "gelu"} <= set(COMPOSED)


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", COMPOSED)
def test_large_arrays_have_the_numbers_of_small_ones(name: str, dtype: str):
    function = getattr(wb, name)
    numbers = np.concatenate([np.random.default_rng(0).normal(0, 3, large.LARGE), np.linspace(0.01, 9, 100), SPECIAL]).astype(dtype)
    with np.errstate(all="ignore"):
        whole = function(wb.tensor(numbers))
        parts = wb.concat([function(wb.tensor(part)) for part in np.array_split(numbers, 8)])
    assert whole.dtype == parts.dtype == np.dtype(dtype)
    limits = np.finfo(dtype)
    near_roots = 4 * limits.eps if name in ("lgamma", "gelu") else limits.tiny
    np.testing.assert_allclose(whole.numpy(), parts.numpy(), rtol=50 * limits.eps, atol=near_roots)
    np.testing.assert_array_equal(np.signbit(whole.numpy()[-11:-9]), np.signbit(parts.numpy()[-11:-9]))


def test_rules_that_take_several_passes_are_among_them():
    assert {"gelu", "tanh", "sigmoid", "relu", "erf", "sin"} <= set(RULES)


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_rules_of_large_arrays_give_the_gradients_of_small_ones(name: str, dtype: str):
    rng, op = np.random.default_rng(1), REGISTRY[name]
    x, g = (rng.uniform(1.1, 3, 9000) if name == "acosh" else rng.uniform(0.05, 0.95, 9000)).astype(dtype), rng.normal(size=9000).astype(dtype)
    saved = [{"x": x, "o": op.table[np.ndarray](x)}[kind] for kind in op.saves]
    parts = [op.vjp[0](*(np.ascontiguousarray(part) for part in columns)) for columns in zip(*(np.array_split(a, 9) for a in (g, *saved)), strict=True)]
    np.testing.assert_allclose(op.vjp[0](g, *saved), np.concatenate(parts), rtol=50 * np.finfo(dtype).eps)


@pytest.mark.usefixtures("_kernels")
def test_gradients_of_gelu_use_them_too():
    x = wb.tensor(np.linspace(-6, 6, large.LARGE), requires_grad=True)
    y = x.detach()[:100].requires_grad_()
    (wb.gelu(x).sum()).backward()
    (wb.gelu(y).sum()).backward()
    np.testing.assert_allclose(x.grad.numpy()[:100], y.grad.numpy(), rtol=1e-13)


def test_small_arrays_stay_with_numpy(monkeypatch):
    monkeypatch.setattr(large, "_kernel", lambda *key: pytest.fail(f"a kernel was asked for: {key}"))
    wb.erf(wb.tensor(np.linspace(-1, 1, 128 * 128).reshape(128, 128)[:2]))


def test_half_precision_is_computed_in_float32():
    x = wb.tensor(np.linspace(-1, 1, 128 * 128).astype("float16"), requires_grad=True)
    y = wb.erf(x)
    y.sum().backward()
    single = x.detach().float().requires_grad_()
    wanted = wb.erf(single)
    wanted.sum().backward()
    np.testing.assert_array_equal(y.detach().numpy(), wanted.detach().numpy().astype("float16"))
    np.testing.assert_array_equal(x.grad.numpy(), single.grad.numpy().astype("float16"))


def test_without_llvmlite_numpy_computes(monkeypatch):
    large._kernel.cache_clear()
    monkeypatch.setattr(cpu, "available", lambda: False)
    try:
        assert wb.erf(wb.ones(large.LARGE)).numpy()[0] == pytest.approx(0.8427007929)
    finally:
        large._kernel.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "bool", "complex64", "float16"])
def test_where_is_numpys(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    made = lambda *shape: (rng.normal(size=shape) * 100).astype(dtype)
    mask, x, y = rng.random((5, 7, 11)) < 0.5, made(5, 7, 11), made(5, 7, 11)
    if x.dtype.kind == "f":
        x[0, 0] = np.nan
    monkeypatch.setattr(large, "LARGE", 0)
    cases = [(mask, x, y), (mask, x, y[:, :1]), (mask[:, :, :1], x[0], y), (mask[0], x[0, 0], y[0]), (mask[:1, :1], x, y), (mask, x[0, 0, 0], y),
             (mask.T, x.T, y.T), (mask, x[::-1], y[..., ::-1]), (mask, x, x.dtype.type(1)), tuple(a.transpose(1, 0, 2) for a in (mask, x, y))]
    for arguments in cases:
        found, wanted = large.select(*arguments), np.where(*arguments)
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype


@pytest.mark.parametrize("shape", [(64, 64), (100, 203), (65, 1000), (3, 500), (70, 0)], ids=str)
def test_a_transposed_matrix_is_copied_into_rows(shape):
    x = np.arange(float(shape[0] * shape[1])).reshape(shape).T
    found = copied(x)
    np.testing.assert_array_equal(found, x)
    assert found.flags.c_contiguous or not found.size
    assert not np.shares_memory(found, x)
    assert copied(x[::2, ::3]).tolist() == x[::2, ::3].tolist()

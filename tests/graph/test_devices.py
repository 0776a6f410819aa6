"""Programs and ops on a stand-in for CuPy: kernels of the right form, no array of NumPy among those of the device, the host's numbers."""
from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.backend.host import stand_in
from workbench.backend import arrays, cuda
from workbench.backend.cuda import kernels
from workbench.ops.recurrence import FORWARD


class Device:
    """The stand-in: `put` makes arrays of it, `made` are its kernels."""

    def __init__(self, module: Any, kind: type, made: list) -> None:
        self.module, self.kind, self.made = module, kind, made

    def put(self, x: Any) -> wb.Tensor:
        return wb.Tensor(np.array(x).view(self.kind))

    def got(self, x: wb.Tensor) -> np.ndarray:
        assert type(x.data) is self.kind
        return x.data.view(np.ndarray)


@pytest.fixture
def real() -> Device:
    """CuPy itself."""
    if not wb.cuda.is_available():
        pytest.skip("needs CuPy and a CUDA device")
    import cupy

    device = Device(cupy, cupy.ndarray, [])
    device.put, device.got = lambda x: wb.tensor(x).cuda(), lambda x: x.data.get()  # type: ignore[method-assign]
    return device


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Device]:
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    module, kind, made = stand_in(tmp_path)
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setattr(arrays, "_modules", {**arrays._modules, kind: module})
    for cache in (kernels.kernel, kernels._of_one_dtype):
        cache.cache_clear()
    yield Device(module, kind, made)
    for cache in (kernels.kernel, kernels._of_one_dtype):
        cache.cache_clear()


X = np.linspace(-3, 3, 12, dtype="float32").reshape(3, 4)
COMPOSED = ["relu", "relu6", "silu", "softsign", "softplus", "mish", "frac", "rsqrt", "gelu"]


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composition_is_one_launch(name: str, device: Device) -> None:
    function = getattr(wb, name)
    with np.errstate(all="ignore"):
        expected = function(wb.tensor(X)).numpy()
    found = device.got(function(device.put(X)))
    assert [kernel.calls for kernel in device.made] == [1]
    assert device.made[0].written.name.startswith(f"wb_{name}_")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_one_function_of_cupy_stays_one(device: Device) -> None:
    for function in (wb.exp, wb.sign, lambda x: wb.maximum(x, x), lambda x: x**2):
        device.got(function(device.put(X)))
    assert not device.made


@pytest.mark.parametrize("name", ["tanh", "gelu", "rsqrt", "sigmoid"])
def test_a_gradient_is_one_launch(name: str, device: Device) -> None:
    function = getattr(wb, name)
    x, y = device.put(np.abs(X)).requires_grad_(), wb.tensor(np.abs(X), requires_grad=True)
    out = function(x)
    before = sum(kernel.calls for kernel in device.made)
    out.backward(device.put(np.ones_like(X)))
    assert sum(kernel.calls for kernel in device.made) - before == 1
    function(y).backward(wb.ones(3, 4))
    np.testing.assert_allclose(device.got(x.grad), y.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_lists_and_tensors_of_the_host_choose_from_a_tensor_of_the_device(device: Device) -> None:
    x = device.put(X)
    np.testing.assert_array_equal(device.got(x[:, [0, 2]]), X[:, [0, 2]])
    np.testing.assert_array_equal(device.got(x[wb.tensor([2, 0])]), X[[2, 0]])
    np.testing.assert_array_equal(device.got(wb.diag_embed(x)), np.stack([np.diag(row) for row in X]))


def test_numbers_that_the_dtype_holds_go_into_the_kernel_others_to_cupy(device: Device) -> None:
    calls: list[Any] = []
    double = cuda.composed(lambda *args: calls.append(args), "{0} + {1}", "double")
    assert double(device.put(X).data, 2).dtype == np.float32
    assert double(device.put(X.astype("int8")).data, -128).dtype == np.int8
    assert not calls
    double(device.put(X.astype("int8")).data, 300)
    double(device.put(X.astype("int8")).data, 0.5)
    double(device.put(X).data, device.put(X.astype("float64")).data)
    double(device.put(X.astype("complex64")).data, 1)
    assert len(calls) == 4


def test_formulas_are_one_launch_in_place(device: Device) -> None:
    formulas = FORWARD["LSTM", False]
    given = [np.random.default_rng(n).normal(size=6) for n in range(len(formulas.arrays))]
    there = [x.copy().view(device.kind) for x in given]
    formulas.on(given[0])(*given)
    formulas.on(there[0])(*there)
    assert [kernel.calls for kernel in device.made] == [1]
    for found, wanted in zip(there, given, strict=True):
        np.testing.assert_allclose(found.view(np.ndarray), wanted, rtol=1e-12)


CONSTANT = wb.tensor(np.arange(4, dtype="float32"))
FUNCTIONS: dict[str, tuple[Callable, int]] = {
    "chain": (lambda x: wb.tanh(x) * 2 + wb.where(x > 0, x, 0.5), 1),
    "two results": (lambda x: (wb.exp(x), wb.exp(x) + 1), 1),
    "broadcasting": (lambda x: wb.sigmoid(x[:1] * 2) * x - x[:, 1:2], 2),
    "a constant": (lambda x: x * wb.arange(4.0) + wb.cos(wb.arange(4.0)), 1),
    "reduction": (lambda x: wb.relu(x * 3 - 1).sum(0) * 2 + 1, 2),
    "integers and truth": (lambda x: (x > 0) & (x < 2) | (x * x == 0), 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_jitted_function_has_the_hosts_results(name: str, device: Device) -> None:
    function, launches = FUNCTIONS[name]
    jitted = wb.jit(function)
    expected = wb.tree.map(lambda t: t.numpy(), function(wb.tensor(X)))
    found = jitted(device.put(X))
    assert sum(kernel.calls for kernel in device.made) == launches
    wb.tree.map(lambda a, b: np.testing.assert_allclose(device.got(a), b, rtol=1e-5, atol=1e-6), found, expected)
    wb.tree.map(lambda a, b: np.testing.assert_allclose(a.numpy(), b, rtol=1e-5, atol=1e-6), jitted(wb.tensor(X)), expected)
    assert jitted.traces == 1  # one graph serves both


def test_a_jitted_step_writes_where_weights_lie(device: Device) -> None:
    weight = device.put(X.copy())
    memory = weight.data

    @wb.jit
    def step(g: wb.Tensor) -> None:
        weight.copy_(weight * 0.9 - wb.tanh(g) * 0.1)

    step(device.put(np.ones((3, 4), "float32")))
    np.testing.assert_allclose(device.got(weight), X * 0.9 - np.tanh(1) * 0.1, rtol=1e-5)
    assert weight.data is memory
    assert sum(kernel.calls for kernel in device.made) == 1


def test_gradients_through_jit(device: Device) -> None:
    jitted = wb.jit(lambda x: (wb.tanh(x * 2) * x).sum())
    x, y = device.put(X).requires_grad_(), wb.tensor(X, requires_grad=True)
    jitted(x).backward()
    jitted(y).backward()
    np.testing.assert_allclose(device.got(x.grad), y.grad.numpy(), rtol=1e-5, atol=1e-6)


# With a device -------------------------------------------------------------------------------------------------------------
@pytest.mark.gpu
@pytest.mark.parametrize("name", COMPOSED)
def test_compositions_on_a_device(name: str, real: Device) -> None:
    function = getattr(wb, name)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(real.got(function(real.put(X))), function(wb.tensor(X)).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jitted_functions_on_a_device(name: str, real: Device) -> None:
    function = FUNCTIONS[name][0]
    expected = wb.tree.map(lambda t: t.numpy(), function(wb.tensor(X)))
    wb.tree.map(lambda a, b: np.testing.assert_allclose(real.got(a), b, rtol=1e-5, atol=1e-6), wb.jit(function)(real.put(X)), expected)


@pytest.mark.gpu
def test_a_training_step_on_a_device(real: Device) -> None:
    def train(device: str) -> list[float]:
        wb.manual_seed(0)
        model = wb.nn.Sequential(wb.nn.Linear(4, 8), wb.nn.Tanh(), wb.nn.Linear(8, 1)).to(device)
        optimizer = wb.optim.Adam(model.parameters(), lr=0.1)
        x = wb.tensor(X).to(device)

        @wb.jit
        def step() -> wb.Tensor:
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return [step().item() for _ in range(5)]

    np.testing.assert_allclose(train("cuda"), train("cpu"), rtol=1e-4)


@pytest.mark.gpu
def test_formulas_on_a_device(real: Device) -> None:
    formulas = FORWARD["GRU", False]
    given = [np.random.default_rng(n).normal(size=6) for n in range(len(formulas.arrays))]
    there = [real.put(x).data for x in given]
    formulas.on(given[0])(*given)
    formulas.on(there[0])(*there)
    for found, wanted in zip(there, given, strict=True):
        np.testing.assert_allclose(found.get(), wanted, rtol=1e-12)

"""Programs and ops on a device: kernels of the right form, no array of NumPy among those of the device, the host's numbers."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import workbench as wb
from workbench.backend import cuda
from workbench.backend.cuda import kernels
from workbench.ops.recurrence import FORWARD


class Launches:
    """A kernel, and how often it was called."""

    def __init__(self, kernel: Callable, name: str) -> None:
        self.kernel, self.name, self.calls = kernel, name, 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return self.kernel(*args)


@pytest.fixture
def made(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Launches]]:
    """The kernels that a test makes."""
    found: list[Launches] = []
    make = cupy.ElementwiseKernel

    def counted(inputs: str, outputs: str, body: str, name: str, **options: Any) -> Launches:
        found.append(Launches(make(inputs, outputs, body, name, **options), name))
        return found[-1]

    monkeypatch.setattr(cupy, "ElementwiseKernel", counted)
    for cache in (kernels.kernel, kernels._of_one_dtype):
        cache.cache_clear()
    yield found
    for cache in (kernels.kernel, kernels._of_one_dtype):
        cache.cache_clear()


def put(x: Any) -> wb.Tensor:
    """On the device."""
    return wb.tensor(np.array(x)).cuda()


def got(x: wb.Tensor) -> np.ndarray:
    """From the device."""
    assert x.device == "cuda:0"
    return x.data.get()


X = np.linspace(-3, 3, 12, dtype="float32").reshape(3, 4)
COMPOSED = ["relu", "relu6", "silu", "softsign", "softplus", "mish", "frac", "rsqrt", "gelu"]


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composition_is_one_launch(name: str, made: list[Launches]) -> None:
    function = getattr(wb, name)
    with np.errstate(all="ignore"):
        expected = function(wb.tensor(X)).numpy()
    found = got(function(put(X)))
    assert [kernel.calls for kernel in made] == [1]
    assert made[0].name.startswith(f"wb_{name}_")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_one_function_of_cupy_stays_one(made: list[Launches]) -> None:
    for function in (wb.exp, wb.sign, lambda x: wb.maximum(x, x), lambda x: x**2):
        got(function(put(X)))
    assert not made


@pytest.mark.parametrize("name", ["tanh", "gelu", "rsqrt", "sigmoid"])
def test_a_gradient_is_one_launch(name: str, made: list[Launches]) -> None:
    function = getattr(wb, name)
    x, y = put(np.abs(X)).requires_grad_(), wb.tensor(np.abs(X), requires_grad=True)
    out = function(x)
    before = sum(kernel.calls for kernel in made)
    out.backward(put(np.ones_like(X)))
    assert sum(kernel.calls for kernel in made) - before == 1
    function(y).backward(wb.ones(3, 4))
    np.testing.assert_allclose(got(x.grad), y.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_lists_and_tensors_of_the_host_choose_from_a_tensor_of_the_device(made: list[Launches]) -> None:
    x = put(X)
    np.testing.assert_array_equal(got(x[:, [0, 2]]), X[:, [0, 2]])
    np.testing.assert_array_equal(got(x[wb.tensor([2, 0])]), X[[2, 0]])
    np.testing.assert_array_equal(got(wb.diag_embed(x)), np.stack([np.diag(row) for row in X]))


def test_numbers_that_the_dtype_holds_go_into_the_kernel_others_to_cupy(made: list[Launches]) -> None:
    calls: list[Any] = []
    double = cuda.composed(lambda *args: calls.append(args), "{0} + {1}", "double")
    assert double(put(X).data, 2).dtype == np.float32
    assert double(put(X.astype("int8")).data, -128).dtype == np.int8
    assert not calls
    double(put(X.astype("int8")).data, 300)
    double(put(X.astype("int8")).data, 0.5)
    double(put(X).data, put(X.astype("float64")).data)
    double(put(X.astype("complex64")).data, 1)
    assert len(calls) == 4


def test_formulas_are_one_launch_in_place(made: list[Launches]) -> None:
    formulas = FORWARD["LSTM", False]
    given = [np.random.default_rng(n).normal(size=6) for n in range(len(formulas.arrays))]
    there = [put(x).data for x in given]
    formulas.on(given[0])(*given)
    formulas.on(there[0])(*there)
    assert [kernel.calls for kernel in made] == [1]
    for found, wanted in zip(there, given, strict=True):
        np.testing.assert_allclose(found.get(), wanted, rtol=1e-12)


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
def test_a_jitted_function_has_the_hosts_results(name: str, made: list[Launches]) -> None:
    function, launches = FUNCTIONS[name]
    jitted = wb.jit(function)
    expected = wb.tree.map(lambda t: t.numpy(), function(wb.tensor(X)))
    found = jitted(put(X))
    assert sum(kernel.calls for kernel in made) == launches
    wb.tree.map(lambda a, b: np.testing.assert_allclose(got(a), b, rtol=1e-5, atol=1e-6), found, expected)
    wb.tree.map(lambda a, b: np.testing.assert_allclose(a.numpy(), b, rtol=1e-5, atol=1e-6), jitted(wb.tensor(X)), expected)
    assert jitted.traces == 1  # one graph serves both


def test_a_jitted_step_writes_where_weights_lie(made: list[Launches]) -> None:
    weight = put(X.copy())
    memory = weight.data

    @wb.jit
    def step(g: wb.Tensor) -> None:
        weight.copy_(weight * 0.9 - wb.tanh(g) * 0.1)

    step(put(np.ones((3, 4), "float32")))
    np.testing.assert_allclose(got(weight), X * 0.9 - np.tanh(1) * 0.1, rtol=1e-5)
    assert weight.data is memory
    assert sum(kernel.calls for kernel in made) == 1


def test_gradients_through_jit(made: list[Launches]) -> None:
    jitted = wb.jit(lambda x: (wb.tanh(x * 2) * x).sum())
    x, y = put(X).requires_grad_(), wb.tensor(X, requires_grad=True)
    jitted(x).backward()
    jitted(y).backward()
    np.testing.assert_allclose(got(x.grad), y.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_a_training_step_on_a_device() -> None:
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

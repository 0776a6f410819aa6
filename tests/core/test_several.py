"""An op with two outputs has everything an op with one has: two orders, forward mode, vmap, nesting, unused outputs."""
import numpy as np
import pytest

import workbench as wb
from workbench.core import batching, declare
from workbench.core.op import REGISTRY

X = np.linspace(-1, 2, 5)


@pytest.fixture(scope="module")
def sincos():
    @declare.op(outputs=2, batch=batching.elementwise)
    class sine_and_cosine:
        def forward(xp, x):
            return xp.sin(x), xp.cos(x)

        def vjp(g, o):
            sine, cosine = o
            found = [p for p in (None if g[0] is None else g[0] * cosine, None if g[1] is None else -g[1] * sine) if p is not None]
            return found[0] if len(found) == 1 else found[0] + found[1]

    yield sine_and_cosine
    del REGISTRY["sine_and_cosine"]


def test_two_orders_against_differences(sincos):
    assert wb.testing.gradgradcheck(lambda x: list(sincos(x)), [wb.tensor(X)])


def test_an_output_that_nobody_uses_costs_no_gradient(sincos):
    x = wb.tensor(X, requires_grad=True)
    sincos(x)[1].sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), -np.sin(X))


def test_outputs_used_together_and_twice(sincos):
    x = wb.tensor(X, requires_grad=True)
    sine, cosine = sincos(x)
    (sine * cosine + sine * 2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.cos(2 * X) + 2 * np.cos(X))


def test_nested_transformations(sincos):
    def f(x):
        sine, cosine = sincos(x)
        return (sine * cosine).sum()

    x = wb.tensor(X)
    np.testing.assert_allclose(wb.vmap(wb.grad(f))(wb.stack([x, x + 1])).numpy(), [np.cos(2 * X), np.cos(2 * X + 2)])
    np.testing.assert_allclose(wb.hessian(f)(x).numpy(), np.diag(-2 * np.sin(2 * X)), atol=1e-12)
    np.testing.assert_allclose(wb.jvp(wb.grad(f), (x,), (wb.ones_like(x),))[1].numpy(), -2 * np.sin(2 * X))


def test_arrays_in_arrays_out(sincos):
    sine, cosine = sincos(X)
    assert type(sine) is type(cosine) is np.ndarray

"""Transformations compose: the compositions of the engine's proof, and random walks over grad, jvp and vmap.

The proof's three with jit and its capture by reference are not here: jit is not part of this engine yet. In their
place stand jacrev, a closure over a parameter, perturbation confusion, and vmap inside vmap.
"""
import itertools

import numpy as np
import pytest

import workbench as wb
from tests.core.functions import SMALL, as64, difference, gradient

RNG = np.random.default_rng(0)
X, V, B = RNG.normal(size=3), RNG.normal(size=3), RNG.normal(size=(5, 3))
G1 = np.cos(X) * X * X + 2 * X * np.sin(X)
G2 = -np.sin(X) * X * X + 4 * X * np.cos(X) + 2 * np.sin(X)
G3 = -np.cos(X) * X * X - 6 * X * np.sin(X) + 6 * np.cos(X)
W34 = RNG.normal(size=(3, 4))
x, v = as64(X), as64(V)


def f(x):
    return (wb.sin(x) * x * x).sum()


def g(x):
    return wb.grad(f)(x)


def leaf_gradient(function, *, twice=False):
    leaf = wb.tensor(X, requires_grad=True)
    function(leaf).backward(create_graph=twice)
    first = leaf.grad
    if not twice:
        return first
    leaf.grad = None
    first.sum().backward()
    return leaf.grad


PROOF = {
    "backward": (lambda: leaf_gradient(f), G1),
    "grad": (lambda: g(x), G1),
    "grad of grad": (lambda: wb.grad(lambda x: g(x).sum())(x), G2),
    "third order": (lambda: wb.grad(lambda x: wb.grad(lambda x: g(x).sum())(x).sum())(x), G3),
    "backward through backward": (lambda: leaf_gradient(f, twice=True), G2),
    "backward through backward of a saved output": (
        lambda: leaf_gradient(lambda x: wb.tanh(x).sum(), twice=True), -2 * np.tanh(X) * (1 - np.tanh(X) ** 2)),
    "jvp": (lambda: wb.jvp(f, [x], [v])[1], (G1 * V).sum()),
    "jvp of grad": (lambda: wb.jvp(g, [x], [v])[1], G2 * V),
    "grad of jvp": (lambda: wb.grad(lambda x: wb.jvp(f, [x], [v])[1])(x), G2 * V),
    "jvp of jvp": (lambda: wb.jvp(lambda x: wb.jvp(f, [x], [v])[1], [x], [v])[1], (G2 * V**2).sum()),
    "gradient of each sample": (
        lambda: wb.vmap(wb.grad(lambda w, x: wb.sin(w * x).sum()), (None, 0))(x, as64(B)), np.cos(X * B) * B),
    "gradient of each sample through matmul": (
        lambda: wb.vmap(wb.grad(lambda w, x: wb.tanh(x.reshape(1, 3) @ w).sum()), (None, 0))(as64(W34), as64(B)),
        np.stack([np.outer(b, 1 - np.tanh(b @ W34) ** 2) for b in B])),
    "hessian by vmap of jvp of grad": (lambda: wb.vmap(lambda t: wb.jvp(g, [x], [t])[1])(as64(np.eye(3))), np.diag(G2)),
    "jacrev": (lambda: wb.jacrev(wb.sin)(x), np.diag(np.cos(X))),
    "vmap of vmap": (lambda: wb.vmap(lambda a: wb.vmap(lambda b: (a * b).sum())(as64(B)))(as64(B)), B @ B.T),
    "perturbation confusion": (lambda: wb.grad(lambda x: x * wb.grad(lambda y: x * y)(as64(1.0)))(as64(3.0)), 6.0),
}


@pytest.mark.parametrize(("compute", "wanted"), PROOF.values(), ids=PROOF)
def test_the_proof(compute, wanted):
    np.testing.assert_allclose(compute().numpy(), wanted, rtol=1e-9)


def test_a_function_closes_over_a_parameter_and_backward_reaches_it():
    parameter = wb.tensor(1.5, requires_grad=True)
    derivative = wb.grad(lambda x: x * x * parameter)(wb.tensor(2.0))
    assert derivative.item() == 6.0
    derivative.backward()
    assert parameter.grad.item() == 4.0


def test_perturbation_confusion_in_forward_mode():
    inner = lambda x: wb.jvp(lambda y: x * y, [as64(1.0)], [as64(1.0)])[1]
    assert wb.jvp(lambda x: x * inner(x), [as64(3.0)], [as64(1.0)])[1].item() == 6.0


# Each step turns a scalar function of a vector into another one; beside ours stands the same by differences of what came before.
def _grad(function, numeric, rng):
    u = rng.normal(size=3)
    return (lambda x: (wb.grad(function)(x) * as64(u)).sum()), (lambda x: gradient(numeric, x) @ u)


def _jvp(function, numeric, rng):
    u = rng.normal(size=3)
    return (lambda x: wb.jvp(function, [x], [as64(u)])[1]), (lambda x: difference(numeric, x, u))


def _vmap(function, numeric, rng):
    shifts = rng.normal(size=(2, 3)) * 0.3
    return ((lambda x: wb.vmap(lambda s: function(x + s))(as64(shifts)).sum()),
            (lambda x: sum(numeric(x + s) for s in shifts)))


STEPS = {"grad": _grad, "jvp": _jvp, "vmap": _vmap}
WALKS = [walk for depth in (1, 2, 3) for walk in itertools.product(STEPS, repeat=depth)]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("walk", WALKS, ids="-".join)
def test_walks(name, walk):
    """All 39 walks to depth 3; the last derivative is compared with a difference of our own one level below."""
    rng = np.random.default_rng(len(walk))
    point = np.array([0.4, -0.7, 1.1]) + 0.1 * rng.normal(size=3)
    function = SMALL[name]
    for step in walk[:-1]:
        function, _ = STEPS[step](function, None, rng)
    below = lambda a: function(as64(a)).item()
    ours, numeric = STEPS[walk[-1]](function, below, rng)
    np.testing.assert_allclose(ours(as64(point)).item(), numeric(point), rtol=2e-5, atol=2e-6)

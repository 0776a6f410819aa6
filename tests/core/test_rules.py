"""Functions with rules of their own: the rule is used, not the function's derivative; it nests, batches and reaches any order."""
import numpy as np
import pytest

import workbench as wb
from workbench import errors

X = np.linspace(0.2, 1.4, 4)


@wb.custom_vjp
def shifted_sine(x, y):
    return wb.sin(x) * y


shifted_sine.defvjp(lambda x, y: (wb.sin(x) * y, (wb.cos(x), wb.sin(x), y)), lambda saved, g: (10 * g * saved[0] * saved[2], g * saved[1]))


@wb.custom_jvp
def tenfold(x):
    return wb.sin(x)


tenfold.defjvp(lambda primals, tangents: (tenfold(primals[0]), 10 * wb.cos(primals[0]) * tangents[0]))


def summed(x):
    return shifted_sine(x, wb.tensor(2.0)).sum()


def test_the_rule_is_used_not_the_derivative():
    x = wb.tensor(X, requires_grad=True)
    summed(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), 20 * np.cos(X))
    np.testing.assert_allclose(wb.grad(summed)(wb.tensor(X)).numpy(), 20 * np.cos(X))


def test_both_arguments():
    a, b = wb.grad(lambda x, y: shifted_sine(x, y).sum(), argnums=(0, 1))(wb.tensor(X), wb.tensor(X + 1))
    np.testing.assert_allclose(a.numpy(), 10 * np.cos(X) * (X + 1))
    np.testing.assert_allclose(b.numpy(), np.sin(X))


def test_second_order_differentiates_the_rule():
    wanted = np.diag(-20 * np.sin(X))
    np.testing.assert_allclose(wb.hessian(summed)(wb.tensor(X)).numpy(), wanted, atol=1e-12)
    np.testing.assert_allclose(wb.jacfwd(wb.grad(summed))(wb.tensor(X)).numpy(), wanted, atol=1e-12)
    x = wb.tensor(X, requires_grad=True)
    (g,) = wb.autograd.grad(summed(x), x, create_graph=True)
    np.testing.assert_allclose(wb.autograd.grad(g.sum(), x)[0].numpy(), wanted.sum(0))


def test_third_order_of_a_forward_rule():
    third = wb.grad(wb.grad(wb.grad(lambda x: tenfold(x).sum())))(wb.tensor(0.3))
    np.testing.assert_allclose(third.item(), 10 * -np.cos(0.3), rtol=1e-6)


def test_forward_mode_of_a_reverse_rule_and_reverse_mode_of_a_forward_rule():
    x, t = wb.tensor(X), wb.tensor(np.ones(4))
    np.testing.assert_allclose(wb.jvp(summed, (x,), (t,))[1].item(), (20 * np.cos(X)).sum())
    np.testing.assert_allclose(wb.jvp(tenfold, (x,), (t,))[1].numpy(), 10 * np.cos(X))
    np.testing.assert_allclose(wb.grad(lambda x: tenfold(x).sum())(x).numpy(), 10 * np.cos(X))


@pytest.mark.parametrize("in_axes", [(0, 0), (0, None), (None, 0)])
def test_vmap_maps_function_and_rule(in_axes):
    x, y = wb.tensor(np.stack([X, X + 1, X - 1])), wb.tensor(np.stack([X + 2, X, X * 3]))
    args = [a if axis == 0 else a[0] for a, axis in zip((x, y), in_axes, strict=True)]
    gradient = wb.grad(lambda x, y: shifted_sine(x, y).sum(), argnums=(0, 1))
    found = wb.vmap(gradient, in_axes)(*args)
    for row in range(3):
        wanted = gradient(*(a[row] if axis == 0 else a for a, axis in zip(args, in_axes, strict=True)))
        for f, w in zip(found, wanted, strict=True):
            np.testing.assert_allclose(f[row].numpy(), w.numpy())
    total = wb.grad(lambda x, y: wb.vmap(shifted_sine, in_axes)(x, y).sum(), argnums=(0, 1))(*args)
    rows = [f.numpy().sum(0) if axis is None else f.numpy() for f, axis in zip(found, in_axes, strict=True)]
    for t, r in zip(total, rows, strict=True):
        np.testing.assert_allclose(t.numpy(), r)


def test_vmap_of_a_forward_rule():
    x = wb.tensor(np.stack([X, X + 1]))
    np.testing.assert_allclose(wb.vmap(wb.grad(lambda x: tenfold(x).sum()))(x).numpy(), 10 * np.cos(x.numpy()))
    np.testing.assert_allclose(wb.vmap(lambda x: wb.jvp(tenfold, (x,), (wb.ones_like(x),))[1])(x).numpy(), 10 * np.cos(x.numpy()))


def test_static_arguments_and_trees():
    power = wb.custom_vjp(lambda n, parts: {"out": parts["x"] ** n}, lambda n, parts: ({"out": parts["x"] ** n}, parts["x"]),
                          lambda n, x, g: ({"x": g["out"] * 100 * n, "unused": None if x is None else wb.zeros_like(x)},), nondiff_argnums=(0,))
    x = wb.tensor(X)
    found = wb.grad(lambda parts: power(3, parts)["out"].sum())({"x": x, "unused": x})
    np.testing.assert_allclose(found["x"].numpy(), 300)
    np.testing.assert_allclose(found["unused"].numpy(), 0)


def test_defjvps():
    @wb.custom_jvp
    def f(x, y):
        return x * y

    f.defjvps(lambda t, o, x, y: 2 * t * y, None)
    a, b = wb.grad(f, argnums=(0, 1))(wb.tensor(3.0), wb.tensor(5.0))
    assert (a.item(), b.item()) == (10.0, 0.0)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda x: wb.grad(wb.custom_vjp(wb.sin))(x), errors.GraphError, "defvjp"),
    (lambda x: wb.grad(wb.custom_jvp(wb.sin))(x), errors.GraphError, "defjvp"),
    (lambda x: wb.grad(wb.custom_vjp(wb.sin, lambda x: x, lambda r, g: (g,)))(x), errors.ArgumentError, "output, residuals"),
    (lambda x: wb.grad(wb.custom_vjp(wb.sin, lambda x: (x, x), lambda r, g: g))(x), errors.ArgumentError, "one cotangent per argument"),
    (lambda x: wb.grad(lambda x: wb.custom_vjp(wb.sin, lambda x: (x, x), lambda r, g: (wb.ones(3),))(wb.stack([x, x])).sum())(x), errors.ShapeError, "input 0"),
])
def test_wrong_rules_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call(wb.tensor(0.5))


def test_a_closure_over_a_tracked_tensor_is_refused():
    w = wb.tensor(2.0, requires_grad=True)
    f = wb.custom_vjp(lambda x: x * w, lambda x: (x * w, None), lambda r, g: (g,))
    with pytest.raises(errors.GraphError, match="pass it as an argument"):
        f(wb.tensor(1.0, requires_grad=True))

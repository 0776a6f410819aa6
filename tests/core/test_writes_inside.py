"""Writes, views, detach and no_grad inside a function that is transformed mean what they mean outside of it."""
import numpy as np
import pytest

import workbench as wb
from tests.core.functions import as64

X = as64([1.0, 2.0, 3.0])
UNIT = as64(np.eye(3))


def through_views(x):
    y = x * 1.0
    z = y[1:]
    y[0].mul_(2.0)
    z.add_(10.0)
    y.view(-1)[2] = 0.5
    y.mul_(z.sum())
    return (y * z[0]).sum()


def into_rows(x):
    table = wb.stack([x, x * x])
    turned = table.t()
    turned[1] = x[:2]
    table[1].copy_(x + table[0])
    return (turned[2] * table[0, 2]).sum() + table.reshape(-1)[3] ** 2


def copied_by_reshape(x):
    table = wb.stack([x, x * x])
    table.t().reshape(-1).zero_()
    return table.sum()


def without_gradient(x):
    with wb.no_grad():
        scale = x * 2
    return (scale * x).sum()


def detached(x):
    return (x.detach() * x).sum()


def written_without_gradient(x):
    y = x * x
    with wb.no_grad():
        y[1:].mul_(5.0)
    return (y * x).sum()


def written_through_detach(x):
    y = x * 3
    y.detach()[0] = 7.0
    return (y * x).sum()


def over_nan(x):
    y = x * 0
    y = y / y
    y.fill_(3.0)
    return (y * x).sum()


def again_recorded(x):
    with wb.no_grad():
        y = x * 2
        with wb.enable_grad():
            z = x * 3
    return (y * x + z).sum()


def switched(x):
    wb.set_grad_enabled(False)
    y = x * 2
    wb.set_grad_enabled(True)
    with wb.set_grad_enabled(False):
        w = x * 5
    return (y * x + w * x + x * 3).sum()


FUNCTIONS = [through_views, into_rows, copied_by_reshape, without_gradient, detached, written_without_gradient, written_through_detach,
             over_nan, again_recorded, switched]
REVERSE = {
    "vmap of grad": lambda f: wb.vmap(wb.grad(f))(X[None])[0],
    "grad of vmap": lambda f: wb.grad(lambda x: wb.vmap(f)(x[None]).sum())(X),
    "grad inside grad": lambda f: wb.grad(lambda x: wb.vjp(f, x)[0])(X),
    "jit of grad": lambda f: wb.jit(wb.grad(f))(X),
    "grad of jit": lambda f: wb.grad(wb.jit(f))(X),
    "jit of vmap of grad": lambda f: wb.jit(wb.vmap(wb.grad(f)))(X[None])[0],
    "checkpoint": lambda f: wb.grad(wb.checkpoint(f))(X),
}
FORWARD = {
    "jacfwd": lambda f: wb.jacfwd(f)(X),
    "jacfwd of vmap": lambda f: wb.jacfwd(lambda x: wb.vmap(f)(x[None]).sum())(X),
    "jacfwd of jit": lambda f: wb.jacfwd(wb.jit(f))(X),
}
TANGENTS = {without_gradient: [4.0, 8.0, 12.0], written_without_gradient: [3.0, 60.0, 135.0], again_recorded: [7.0, 11.0, 15.0],
            switched: [17.0, 31.0, 45.0]}
"""Where forward mode goes on and reverse mode does not: values of `torch.func.jacfwd`."""


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("road", REVERSE)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_derivative_is_that_of_eager_mode(function, road):
    np.testing.assert_allclose(REVERSE[road](function).numpy(), wb.grad(function)(X).numpy(), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
@pytest.mark.parametrize("road", FORWARD)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_tangents_go_through_no_grad(function, road):
    wanted = TANGENTS.get(function) or wb.grad(function)(X).numpy()
    np.testing.assert_allclose(FORWARD[road](function).numpy(), wanted, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_value_is_that_of_eager_mode(function):
    wanted = function(X).item()
    assert wb.vmap(function)(X[None])[0].item() == pytest.approx(wanted)
    assert wb.jvp(function, (X,), (X,))[0].item() == pytest.approx(wanted)
    assert wb.jit(function)(X).item() == pytest.approx(wanted)


def test_the_eager_derivatives_are_those_that_one_writes_down():
    assert wb.grad(without_gradient)(X).tolist() == [2.0, 4.0, 6.0]
    assert wb.grad(written_without_gradient)(X).tolist() == [3.0, 5 * 4 + 2 * 2 * 2, 5 * 9 + 2 * 3 * 3]
    assert wb.grad(over_nan)(X).tolist() == [3.0, 3.0, 3.0]


def test_no_grad_outside_leaves_a_transformation_its_derivative():
    with wb.no_grad():
        assert wb.grad(lambda x: (x * x).sum())(X).tolist() == [2.0, 4.0, 6.0]
        assert wb.vmap(wb.grad(lambda x: x * x))(X).tolist() == [2.0, 4.0, 6.0]
        assert wb.jvp(lambda x: x * x, (X,), (UNIT[0],))[1].tolist() == [2.0, 0.0, 0.0]


def test_a_hook_inside_jit_sees_the_gradient_of_a_backward_outside():
    def f(x):
        y = x * 2
        z = y * 1
        y.register_hook(lambda g: g * 10)
        y.register_hook(lambda g: g + 1).remove()
        return (z * y).sum()

    x = wb.tensor([1.0, 2.0], requires_grad=True)
    f(x).backward()
    wanted, x.grad = x.grad, None
    wb.jit(f)(x).backward()
    assert x.grad.tolist() == wanted.tolist()


def test_a_tensor_made_inside_jit_may_want_a_gradient():
    @wb.jit
    def f(x):
        y = wb.tensor([1.0, 2.0], requires_grad=True)
        ((y * x) ** 2).sum().backward()
        return y.grad

    assert f(wb.ones(2)).tolist() == [2.0, 4.0]
    assert f(wb.ones(2) * 2).tolist() == [8.0, 16.0]

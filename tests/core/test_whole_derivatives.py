"""jacfwd, jacrev, hessian, hvp, value_and_grad, vjp: against torch.func, with trees, several arguments and aux."""
import numpy as np
import pytest

import workbench as wb
from tests.core.functions import as64
from workbench import errors

A, C = np.random.default_rng(1).normal(size=(2, 3)), np.random.default_rng(2).normal(size=(3,))


def curved(x, c, wb=wb):
    return wb.sin(x) @ (c * c) + (x * x).sum(1)


@pytest.mark.oracle
@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
@pytest.mark.parametrize("name", ["jacrev", "jacfwd"])
def test_jacobians_are_those_of_torch(name, argnums):
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    wanted = getattr(torch.func, name)(lambda x, c: curved(x, c, torch), argnums)(torch.tensor(A), torch.tensor(C))
    found = getattr(wb, name)(curved, argnums)(as64(A), as64(C))
    pairs = [(found, wanted)] if isinstance(argnums, int) else list(zip(found, wanted, strict=True))
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9)


@pytest.mark.oracle
def test_hessian_is_that_of_torch():
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    wanted = torch.func.hessian(lambda x: curved(x, torch.tensor(C), torch).prod())(torch.tensor(A))
    found = wb.hessian(lambda x: curved(x, as64(C)).prod())(as64(A))
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-8)


def test_hessian_over_two_arguments_is_symmetric():
    (xx, xc), (cx, cc) = wb.hessian(lambda x, c: curved(x, c).prod(), (0, 1))(as64(A), as64(C))
    assert (xx.shape, cc.shape) == ((2, 3, 2, 3), (3, 3))
    np.testing.assert_allclose(xc.numpy(), np.moveaxis(cx.numpy(), 0, -1), rtol=1e-9)


def test_hvp_is_the_hessian_times_a_vector():
    function = lambda x: curved(x, as64(C)).prod()
    v = np.random.default_rng(3).normal(size=A.shape)
    wanted = np.einsum("ijkl,kl->ij", wb.hessian(function)(as64(A)).numpy(), v)
    np.testing.assert_allclose(wb.hvp(function, (as64(A),), (as64(v),)).numpy(), wanted, rtol=1e-9)


def test_jacobians_of_trees():
    found = wb.jacrev(lambda p: {"sum": p["a"].sum() + p["b"], "double": p["a"] * 2})({"a": as64(C), "b": as64(1.0)})
    assert found["sum"]["a"].tolist() == [1.0, 1.0, 1.0]
    assert found["sum"]["b"].item() == 1.0
    np.testing.assert_array_equal(found["double"]["a"].numpy(), 2 * np.eye(3))
    assert found["double"]["b"].tolist() == [0.0, 0.0, 0.0]
    forward = wb.jacfwd(lambda p: {"sum": p["a"].sum() + p["b"], "double": p["a"] * 2})({"a": as64(C), "b": as64(1.0)})
    np.testing.assert_array_equal(forward["double"]["a"].numpy(), 2 * np.eye(3))


def test_value_and_grad_with_aux_keywords_and_trees():
    def loss(parameters, x, *, scale):
        out = parameters["w"] * x * scale
        return out.sum(), out

    (value, aux), gradient = wb.value_and_grad(loss, has_aux=True)({"w": as64(C)}, as64(C), scale=2.0)
    np.testing.assert_allclose(value.item(), (2 * C * C).sum())
    np.testing.assert_allclose(aux.numpy(), 2 * C * C)
    np.testing.assert_allclose(gradient["w"].numpy(), 2 * C)
    assert not aux.requires_grad
    assert not value.requires_grad


def test_vjp_of_an_input_that_is_not_used_is_zero():
    _, pullback = wb.vjp(lambda a, b: a * 2, as64(C), as64(A))
    assert pullback(as64(np.ones(3)))[1].tolist() == np.zeros((2, 3)).tolist()


def test_a_pullback_can_be_used_many_times():
    _, pullback = wb.vjp(lambda a: a * a, as64(C))
    first, second = pullback(as64(np.ones(3)))[0], pullback(as64(np.ones(3)))[0]
    assert first.tolist() == second.tolist()


def test_gradients_do_not_share_memory_with_each_other_or_with_the_cotangent():
    seed = as64(np.ones(3))
    _, pullback = wb.vjp(lambda a, b: a + b, as64(C), as64(C))
    first, second = pullback(seed)
    first.data[0] = 7.0
    assert second[0].item() == 1.0
    assert seed[0].item() == 1.0


@pytest.mark.parametrize(("call", "error", "says"), [
    (lambda: wb.grad(lambda x: x * 2)(wb.ones(3)), errors.ShapeError, "one"),
    (lambda: wb.grad(lambda x: x.sum())(wb.arange(3)), errors.DTypeError, "int64"),
    (lambda: wb.grad(lambda x: x.sum(), 2)(wb.ones(3)), errors.ArgumentError, "argnums"),
    (lambda: wb.vjp(lambda x: x, wb.ones(3))[1](wb.ones(2)), errors.ShapeError, "cotangent"),
    (lambda: wb.jvp(lambda x: x, wb.ones(3), wb.ones(3)), errors.ArgumentError, "tuples"),
    (lambda: wb.jvp(lambda x: x, (wb.ones(3),), (wb.ones(2),)), errors.ShapeError, "tangent"),
    (lambda: wb.jvp(lambda x: x, (wb.ones(3),), (wb.ones(3), wb.ones(3))), errors.ArgumentError, "structure"),
])
def test_misuse_is_an_error_that_says_what_was_given(call, error, says):
    with pytest.raises(error, match=says):
        call()

"""vmap's arguments, its refusals, and values that escape a transformation."""
import numpy as np
import pytest

import workbench as wb
from tests.core.functions import as64
from workbench import errors

A = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_in_axes_and_out_axes(axis):
    found = wb.vmap(lambda x: x * 2, in_axes=axis, out_axes=axis)(as64(A))
    np.testing.assert_array_equal(found.numpy(), A * 2)
    found = wb.vmap(lambda x: x.sum(0), in_axes=axis)(as64(A))
    np.testing.assert_array_equal(found.numpy(), np.moveaxis(A, axis, 0).sum(1))
    found = wb.vmap(lambda x: x * 2, in_axes=axis, out_axes=-1)(as64(A))
    np.testing.assert_array_equal(found.numpy(), np.moveaxis(A, axis, -1) * 2)


def test_trees_go_in_and_out():
    found = wb.vmap(lambda p, x: {"y": p["w"] * x, "both": (x, p["b"])}, in_axes=({"w": 0, "b": None}, 0))(
        {"w": as64(A[:, 0]), "b": as64(1.0)}, as64(A[:, 1]))
    np.testing.assert_array_equal(found["y"].numpy(), A[:, 0] * A[:, 1])
    np.testing.assert_array_equal(found["both"][0].numpy(), A[:, 1])
    assert found["both"][1].tolist() == [1.0, 1.0]


def test_an_output_that_is_the_same_for_all_is_repeated_or_left_alone():
    assert wb.vmap(lambda x: as64(3.0))(as64(A)).tolist() == [3.0, 3.0]
    shared = wb.vmap(lambda x: (x, as64(3.0)), out_axes=(0, None))(as64(A))[1]
    assert shared.item() == 3.0


def test_keywords_are_passed_on():
    assert wb.vmap(lambda x, *, scale: x.sum() * scale)(as64(A), scale=2.0).shape == (2,)


def test_gradients_flow_through_vmap_by_backward():
    w = wb.tensor(A[0, 0], requires_grad=True)
    wb.vmap(lambda x: (w * x).sum())(as64(A[0])).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), A[0].sum(0))


def test_shape_inside_does_not_show_the_batch():
    seen = []
    wb.vmap(lambda x: seen.append((x.shape, x.ndim, len(x))) or x)(as64(A))
    assert seen == [((3, 4), 2, 3)]


@pytest.mark.parametrize(("call", "error", "says"), [
    (lambda: wb.vmap(lambda a, b: a)(wb.ones(2), wb.ones(3)), errors.ShapeError, "different lengths"),
    (lambda: wb.vmap(lambda a: a, in_axes=1)(wb.ones(2)), errors.ShapeError, "axis 1"),
    (lambda: wb.vmap(lambda a: a, in_axes=None)(wb.ones(2)), errors.ArgumentError, "no argument is mapped"),
    (lambda: wb.vmap(lambda a, b: a, in_axes=(0,))(wb.ones(2), wb.ones(2)), errors.ArgumentError, "in_axes"),
    (lambda: wb.vmap(lambda a: a, out_axes=None)(wb.ones(2)), errors.GraphError, "out_axes"),
    (lambda: wb.vmap(lambda a: a)(wb.tensor(1.0)), errors.ShapeError, "use None"),
    (lambda: wb.vmap(lambda a: a, randomness="maybe"), errors.ArgumentError, "randomness"),
    (lambda: wb.vmap(lambda a: wb.nonzero(a))(wb.ones(2, 2)), errors.GraphError, "where"),
    (lambda: wb.vmap(lambda a: a[a > 0])(wb.ones(2, 2)), errors.GraphError, "mask"),
    (lambda: wb.vmap(lambda a: a if a.sum() > 0 else -a)(wb.ones(2, 2)), errors.GraphError, "where"),
    (lambda: wb.vmap(lambda a: a.item())(wb.ones(2)), errors.GraphError, "vmap"),
    (lambda: wb.vmap(lambda a: float(a))(wb.ones(2)), errors.GraphError, "vmap"),
    (lambda: wb.vmap(lambda a: a.numpy())(wb.ones(2)), errors.GraphError, "vmap"),
    (lambda: wb.vmap(lambda a: a.tolist())(wb.ones(2)), errors.GraphError, "vmap"),
    (lambda: wb.vmap(lambda a: np.asarray(a))(wb.ones(2)), errors.GraphError, "vmap"),
    (lambda: wb.vmap(lambda a: wb.tensor(a))(wb.ones(2)), errors.GraphError, "numbers"),
    (lambda: wb.vmap(lambda a: a.detach().item())(wb.ones(2)), errors.GraphError, "vmap"),
    (lambda: wb.vmap(lambda a: a.backward())(wb.ones(2)), errors.GraphError, "grad"),
])
def test_misuse_is_an_error(call, error, says):
    with pytest.raises(error, match=says):
        call()


ESCAPES = {
    "vmap": lambda keep: wb.vmap(lambda x: keep(x) or x * 2)(wb.ones(3)),
    "jvp": lambda keep: wb.jvp(lambda x: keep(x) or x * 2, [wb.ones(3)], [wb.ones(3)]),
    "grad inside vmap": lambda keep: wb.vmap(wb.grad(lambda x: keep(x) or x * 2))(wb.ones(3)),
}


@pytest.mark.parametrize("run", ESCAPES.values(), ids=ESCAPES)
def test_a_value_kept_from_inside_a_transformation_raises_when_used(run):
    kept = []
    run(kept.append)
    with pytest.raises(errors.GraphError, match="finished"):
        kept[0] + 1


def test_grad_of_data_dependent_branches_works():
    """Reverse mode at the top level has numbers, so Python may look at them."""
    function = lambda x: x * 2 if x > 0 else x * 3
    assert wb.grad(function)(wb.tensor(1.0)).item() == 2.0
    assert wb.grad(wb.grad(lambda x: x * x * x if x > 0 else x))(wb.tensor(1.0)).item() == 6.0
    assert wb.jvp(function, [wb.tensor(-1.0)], [wb.tensor(1.0)])[1].item() == 3.0


def test_detach_inside_transformations_cuts_their_derivative():
    assert wb.grad(lambda x: x * x.detach())(wb.tensor(3.0)).item() == 3.0
    assert wb.jvp(lambda x: x * x.detach(), [wb.tensor(3.0)], [wb.tensor(1.0)])[1].item() == 3.0
    assert wb.grad(wb.grad(lambda x: x * x * x.detach()))(wb.tensor(3.0)).item() == 6.0
    assert wb.vmap(wb.grad(lambda x: x * x.detach()))(wb.tensor([3.0, 4.0])).tolist() == [3.0, 4.0]


def test_no_grad_inside_grad_is_a_constant():
    def function(x):
        with wb.no_grad():
            factor = x * 2
        return x * factor

    assert wb.grad(function)(wb.tensor(3.0)).item() == 6.0


def test_vmap_keeps_dtypes_and_integers():
    assert wb.vmap(lambda x: x.argmax())(wb.tensor([[1, 3], [4, 2]])).tolist() == [1, 0]
    assert wb.vmap(lambda x, i: x[i])(wb.arange(4).reshape(2, 2), wb.tensor([1, 0])).dtype == wb.int64


@pytest.mark.parametrize("wrap", [lambda f: f, wb.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("outer", ["same", "different"])
@pytest.mark.parametrize("inner", ["same", "different"])
def test_every_vmap_decides_for_its_own_axis(outer, inner, wrap):
    drawn = wrap(wb.vmap(wb.vmap(lambda x: wb.rand(2) + x, randomness=inner), randomness=outer))(wb.zeros(2, 3))
    assert bool((drawn[0] == drawn[1]).all()) is (outer == "same")
    assert bool((drawn[:, 0] == drawn[:, 1]).all()) is (inner == "same")
    with pytest.raises(wb.errors.GraphError, match="random"):
        wrap(wb.vmap(wb.vmap(lambda x: wb.rand(2) + x, randomness=inner)))(wb.zeros(2, 3))

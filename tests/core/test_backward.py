"""What backward promises: accumulation, one sweep per graph, hooks, retained gradients, and clear refusals."""
import numpy as np
import pytest

import workbench as wb
from workbench import errors


def leaf(*values):
    return wb.tensor(list(values), requires_grad=True)


def test_gradients_accumulate_until_cleared():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]
    x.grad = None
    x.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_leaf_used_twice_gets_the_sum():
    x = leaf(2.0)
    (x * x + x * 3).sum().backward()
    assert x.grad.tolist() == [7.0]


def test_accumulating_does_not_change_a_gradient_that_somebody_kept():
    x = leaf(1.0)
    x.sum().backward()
    kept = x.grad
    x.sum().backward()
    assert (kept.tolist(), x.grad.tolist()) == ([1.0], [2.0])


def test_two_leaves_do_not_share_their_gradients():
    x, y = leaf(1.0, 1.0), leaf(1.0, 1.0)
    (x + y).sum().backward()
    x.grad.data[0] = 9.0
    assert y.grad.tolist() == [1.0, 1.0]


def test_the_given_gradient_is_not_kept():
    x = leaf(1.0, 1.0)
    g = wb.tensor([1.0, 2.0])
    (x + 0).backward(g)
    x.grad.data[0] = 9.0
    assert g.tolist() == [1.0, 2.0]


def test_a_second_backward_says_what_to_do():
    x = leaf(1.0)
    y = wb.exp(x).sum()
    y.backward()
    with pytest.raises(errors.GraphError, match="retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_backward():
    x = leaf(0.0)
    y = wb.exp(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [2.0]


def test_backward_through_a_part_that_another_sweep_freed():
    x = leaf(1.0)
    middle = wb.exp(x)
    middle.sum().backward()
    with pytest.raises(errors.GraphError, match="exp had saved"):
        (middle * 2).sum().backward()


@pytest.mark.parametrize("call", [lambda x: (x * 2).backward(), lambda x: wb.autograd.grad(x * 2, x)])
def test_several_elements_need_a_direction(call):
    with pytest.raises(errors.ShapeError, match=r"\(2,\).*\.sum\(\)"):
        call(leaf(1.0, 2.0))


def test_a_direction_must_fit():
    with pytest.raises(errors.ShapeError, match=r"\(3,\).*\(2,\)"):
        (leaf(1.0, 2.0) * 2).backward(wb.ones(3))


def test_backward_without_anything_to_differentiate():
    with pytest.raises(errors.GraphError, match="does not require a gradient"):
        wb.ones(1).sum().backward()


def test_create_graph_makes_gradients_differentiable():
    x = leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    first = x.grad
    assert first.requires_grad
    x.grad = None
    first.sum().backward()
    assert x.grad.tolist() == [12.0]


def test_without_create_graph_gradients_are_plain():
    x = leaf(2.0)
    (x**3).sum().backward()
    assert not x.grad.requires_grad


def test_autograd_grad_leaves_grad_alone_and_takes_computed_tensors():
    x = leaf(2.0)
    y = x * x
    z = (y * 3).sum()
    by_y, by_x = wb.autograd.grad(z, [y, x])
    assert (by_y.tolist(), by_x.tolist(), x.grad) == ([3.0], [12.0], None)


def test_autograd_grad_of_an_unused_input():
    x, y = leaf(1.0), leaf(1.0)
    with pytest.raises(errors.GraphError, match="allow_unused"):
        wb.autograd.grad(x.sum(), y)
    assert wb.autograd.grad(x.sum(), y, allow_unused=True) == (None,)


def test_hooks_see_and_replace_gradients_and_can_be_removed():
    x = leaf(1.0, 2.0)
    seen = []
    middle = x * 2
    handle = middle.register_hook(lambda g: seen.append(g.tolist()))
    middle.register_hook(lambda g: g * 10)
    middle.sum().backward()
    assert seen == [[1.0, 1.0]]
    assert x.grad.tolist() == [20.0, 20.0]
    handle.remove()
    handle.remove()
    x.grad = None
    x.register_hook(lambda g: g + 1)
    (x * 2).sum().backward()
    assert seen == [[1.0, 1.0]]
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_hook_runs_once_with_the_whole_gradient():
    x = leaf(1.0)
    middle = x * 2
    seen = []
    middle.register_hook(lambda g: seen.append(g.tolist()))
    (middle + middle * 3).sum().backward()
    assert seen == [[4.0]]


def test_hooks_take_part_in_create_graph():
    x = leaf(3.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    y.sum().backward(create_graph=True)
    first, x.grad = x.grad, None
    first.sum().backward()
    assert x.grad.tolist() == [12.0]  # d/dx of 2x * x


def test_retain_grad_keeps_the_gradient_of_a_computed_tensor():
    x = leaf(1.0, 2.0)
    y = x * 3
    y.retain_grad()
    y.retain_grad()
    assert y.grad is None
    (y * y).sum().backward()
    assert y.grad.tolist() == [6.0, 12.0]


def test_a_hook_on_a_tensor_without_gradient_is_refused():
    with pytest.raises(errors.GraphError, match="register_hook"):
        wb.ones(1).register_hook(print)
    with pytest.raises(errors.GraphError, match="retain_grad"):
        wb.ones(1).retain_grad()


def test_detach_cuts_and_shares_memory():
    x = leaf(1.0, 2.0)
    cut = x.detach()
    assert not cut.requires_grad
    assert cut.data is x.data
    (x * x.detach()).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_no_grad_and_enable_grad_nest_and_decorate():
    x = leaf(1.0)
    with wb.no_grad():
        assert not (x * 2).requires_grad
        assert not wb.is_grad_enabled()
        with wb.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad

    @wb.no_grad()
    def untracked():
        return x * 2

    assert not untracked().requires_grad
    with pytest.raises(ZeroDivisionError), wb.no_grad():
        raise ZeroDivisionError
    assert wb.is_grad_enabled()


def test_only_leaves_change_requires_grad():
    y = leaf(1.0) * 2
    with pytest.raises(errors.GraphError, match="detach"):
        y.requires_grad_(False)
    with pytest.raises(errors.DTypeError, match="int64"):
        wb.arange(3).requires_grad_()
    x = leaf(1.0).requires_grad_(False)
    assert not x.requires_grad


def test_grad_takes_only_what_fits():
    x = leaf(1.0, 2.0)
    with pytest.raises(errors.ShapeError, match="does not fit"):
        x.grad = wb.ones(3)
    with pytest.raises(errors.DTypeError, match="list"):
        x.grad = [1.0, 2.0]
    with pytest.raises(errors.GraphError, match="leaf"):
        (x * 2).grad = wb.ones(2)


def test_backward_of_a_leaf_itself():
    x = wb.tensor(2.0, requires_grad=True)
    x.backward()
    assert x.grad.item() == 1.0


def test_a_leaf_dropped_before_backward_is_no_problem():
    x = leaf(1.0)
    y = leaf(2.0)
    z = (x * y).sum()
    del x
    z.backward()
    assert y.grad.tolist() == [1.0]


def test_broadcast_inputs_get_gradients_of_their_own_shape():
    x, y = wb.ones(2, 1, requires_grad=True), wb.ones(3, requires_grad=True)
    (x * y).sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([[3.0], [3.0]], [2.0, 2.0, 2.0])


def test_an_empty_tensor_differentiates():
    x = wb.zeros(0, 3, requires_grad=True)
    wb.exp(x).sum().backward()
    assert x.grad.shape == (0, 3)


def test_numbers_of_a_gradient_are_an_array_even_for_scalars():
    x = wb.tensor(2.0, requires_grad=True)
    (x * x).backward()
    np.testing.assert_equal(x.grad.numpy(), np.float32(4))


def test_the_gradient_of_a_computed_tensor_leaves_what_made_that_tensor():
    x = wb.tensor([1.0, 2.0], requires_grad=True)
    y = x ** 3
    assert wb.autograd.grad((y * y).sum(), y)[0].tolist() == [2.0, 16.0]
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]

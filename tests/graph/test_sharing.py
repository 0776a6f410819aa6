"""Who shares memory with whom, and what changes between calls: a jitted function does what Python would."""
import copy
import gc
import linecache
import math
import pickle

import numpy as np
import pytest

import workbench as wb
from workbench import nn, optim
from workbench.core.errors import TraceError

SCENARIOS = {}


def scenario(function):
    """A function of the decorator to use (jit, or none); it yields what has to be equal."""
    SCENARIOS[function.__name__] = function
    return function


def ones(*shape):
    return wb.ones(*shape, dtype="float64")


@scenario
def an_argument_is_written(wrap):
    f = wrap(lambda x: (x.add_(1), x * 2)[1])
    x = ones(2)
    for _ in range(3):
        yield f(x)
        yield x


@scenario
def an_argument_on_the_tape_is_written(wrap):
    f = wrap(lambda x: (x.mul_(3), x * x)[1].sum())
    leaf = ones(2).requires_grad_()
    x = leaf * 2
    (f(x) + x.sum()).backward()
    yield leaf.grad


@scenario
def an_argument_inside_vmap_is_written(wrap):
    f = wrap(lambda x: x.mul_(3).sum())
    yield wb.vmap(lambda x: f(y := x * 2) + y)(ones(2, 3))


@scenario
def a_captured_tensor_joins_the_tape(wrap):
    total = wb.zeros(2, dtype="float64")
    f = wrap(lambda x: total.add_(x * x))
    x = ones(2).requires_grad_()
    f(x)
    total.sum().backward()
    yield x.grad


@scenario
def a_captured_tensor_is_written_through_views(wrap):
    table = wb.zeros(3, 3, dtype="float64")

    def f(x):
        table[1][0] = x
        table.t()[2].add_(x)
        table.detach()[0].mul_(2)
        return table.sum()

    f = wrap(f)
    for number in (1.0, 2.0):
        yield f(ones() * number)
        yield table


@scenario
def captured_tensors_share_memory(wrap):
    memory = np.zeros(4)
    whole, part = wb.as_tensor(memory), wb.as_tensor(memory[1:3])
    f = wrap(lambda x: (whole.add_(x), part * 2)[1])
    for _ in range(2):
        yield f(ones())


@scenario
def an_argument_is_what_the_function_captured(wrap):
    held = ones(2)
    f = wrap(lambda x: (held.add_(1), x * 2)[1])
    for _ in range(2):
        yield f(held)


@scenario
def arguments_share_memory(wrap):
    f = wrap(lambda x, y: (x.mul_(2), x.sum() + y)[1])
    x = ones(2)
    yield f(x, x)
    yield f(x, x[0])


@scenario
def results_are_written_afterwards(wrap):
    f = wrap(lambda x: (x + 1, x + 1, x * 1, x.reshape(2, 1), wb.ones_like(x)))
    x = ones(2)
    for _ in range(2):
        results = f(x)
        for number, result in enumerate(results):
            result.add_(number + 1)
        yield from results
        yield x


@scenario
def results_inside_a_transformation_are_written_afterwards(wrap):
    f = wrap(lambda x: (x + 1, x + 1, x * 1))

    def g(x):
        first, second, third = f(x)
        first.add_(5)
        third.mul_(3)
        return (first * second * third * x).sum()

    yield wb.grad(lambda x: wb.vmap(g)(x[None]).sum())(ones(2))
    yield wb.jvp(g, (ones(2),), (ones(2),))[1]


@scenario
def gradients_are_written_afterwards(wrap):
    weight = ones(2).requires_grad_()
    f = wrap(lambda x: ((weight * x).sum().backward(), weight.grad * 1)[1])
    x = ones(2) * 3
    result = f(x)
    weight.grad.mul_(5)
    yield from (x, result, weight.grad)


@scenario
def gradients_share_nothing(wrap):
    first, second, seed = ones(2).requires_grad_(), ones(2).requires_grad_(), ones(2)
    wrap(lambda x: first + second + x)(ones(2)).backward(seed)
    first.grad.mul_(10)
    yield from (first.grad, second.grad, seed)

    def inside(x):
        (first + second + x).sum().backward()
        first.grad.mul_(10)
        from_grad, other = wb.grad(lambda a, b: ((a + b) * x).sum(), (0, 1))(x, x)
        from_grad.mul_(10)
        return from_grad, other, x

    yield from wrap(inside)(ones(2))
    yield from (first.grad, second.grad)


@scenario
def shared_cotangents_are_clipped_once(wrap):
    wb.manual_seed(0)
    layer = nn.LSTM(2, 3).double()
    optimizer = optim.SGD(layer.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        loss = (layer(x)[0] ** 2).sum()
        loss.backward()
        nn.utils.clip_grad_norm_(layer.parameters(), 0.01)
        optimizer.step()
        return loss

    step = wrap(step)
    for _ in range(3):
        yield step(ones(2, 1, 2))


@scenario
def a_weight_is_frozen_and_thawed(wrap):
    layer = nn.Linear(2, 1).double()
    inside, outside = wrap(lambda x: layer(x).sum().backward()), wrap(lambda x: (layer.weight * x).sum())
    for wanted in (True, False, True, True):
        layer.weight.requires_grad_(wanted)
        layer.zero_grad()
        inside(ones(3, 2))
        if wanted:
            outside(ones(1, 2)).backward()
            yield layer.weight.grad
        yield layer.bias.grad


@scenario
def a_hook_comes_and_goes(wrap):
    weight = ones(2).requires_grad_()
    f = wrap(lambda x: (weight * x).sum().backward())
    f(ones(2))
    handle = weight.register_hook(lambda g: g * 10)
    f(ones(2))
    handle.remove()
    f(ones(2))
    yield weight.grad


@scenario
def a_module_has_backward_hooks(wrap):
    layer = nn.Linear(2, 2).double()
    layer.load_state_dict({"weight": ones(2, 2), "bias": ones(2)})
    f, x = wrap(lambda x: layer(x * 1).sum()), ones(1, 2).requires_grad_()
    f(x).backward()
    layer.register_full_backward_hook(lambda module, inputs, outputs: (inputs[0] * 10,))
    f(x).backward()
    yield x.grad


@scenario
def an_optimizer_changes(wrap):
    first, second = ones(2).requires_grad_(), ones(2).requires_grad_()
    optimizer = optim.Adam([first], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        ((first * second * x) ** 2).sum().backward()
        optimizer.step()

    step = wrap(step)
    for _ in range(2):
        step(ones(2))
    saved = copy.deepcopy(optimizer.state_dict())
    step(ones(2))
    optimizer.load_state_dict(saved)
    step(ones(2))
    optimizer.add_param_group({"params": [second], "lr": 0.3})
    for _ in range(2):
        step(ones(2))
    yield from (first, second)


@scenario
def weights_are_clamped_before_use(wrap):
    weight, x = wb.tensor([3.0, -4.0], dtype="float64").requires_grad_(), ones(2).requires_grad_()

    def f(x):
        with wb.no_grad():
            weight.clamp_(-1, 1)
        return (weight * x * x).sum()

    wrap(f)(x).backward()
    yield from (weight, weight.grad, x.grad)


@scenario
def a_backward_inside_and_one_outside(wrap):
    weight, x = ones(2).requires_grad_(), (ones(2) * 2).requires_grad_()

    def f(x):
        (weight**3 * x.detach()).sum().backward()
        return (weight.grad * x).sum()

    wrap(f)(x).backward()
    yield from (weight.grad, x.grad)


@scenario
def an_attribute_changes(wrap):
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor, self.bias = 2.0, nn.Parameter(ones(2))

        def forward(self, x):
            return x * self.factor if self.bias is None else x * self.factor + self.bias

    scale = Scale()
    f = wrap(scale)
    yield f(ones(2))
    scale.factor = 3.0
    yield f(ones(2))
    scale.bias = None
    yield f(ones(2))


@scenario
def a_buffer_is_replaced_in_forward(wrap):
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("total", wb.zeros(2, dtype="float64"))

        def forward(self, x):
            self.total = self.total + x
            return self.total * 2

    module = Sum()
    f = wrap(lambda x: module(x))
    for _ in range(3):
        yield f(ones(2))
        yield module.total


@scenario
def a_view_of_what_is_written_is_returned(wrap):
    table = wb.zeros(2, 2, dtype="float64")
    f = wrap(lambda x: (x.add_(1), table.mul_(2), x[1:], x.detach(), table.t()[0])[2:])
    x = ones(2)
    for _ in range(2):
        for view in f(x):
            view.add_(0.1)
        yield from (x, table)


@scenario
def a_view_taken_without_gradient_is_constant(wrap):
    def f(x):
        y = x * 1
        with wb.no_grad():
            view = y.reshape(-1)
            y.mul_(0.1)
        return (y * y).sum() + (view * x).sum()

    yield wb.grad(wrap(f))(ones(2))


@scenario
def numbers_are_written_in_full(wrap):
    yield wrap(lambda x: (x * 1).fill_(0.1))(ones(2))
    yield wb.vmap(lambda x: (x * 1).fill_(0.1))(ones(2, 2))


@scenario
def signs_of_zeros_count(wrap):
    f = wrap(lambda x, number: (wb.atan2(x, x * number), wb.atan2(x * 0.0, x * -1), wb.atan2(x * -0.0, x * -1), wb.atan2(x * 0 * -1 + 0, x * -1)))
    for number in (0.0, -0.0):
        yield from f(ones(2), number)


@scenario
def samples_are_drawn_anew(wrap):
    wb.manual_seed(3)
    f = wrap(lambda p: (wb.multinomial(p, 2), wb.multinomial(wb.ones(4), 3, replacement=True)))
    for _ in range(3):
        yield from f(wb.tensor([0.1, 0.2, 0.3]))


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_without_jit(name):
    found, wanted = ([x.numpy().copy() for x in SCENARIOS[name](wrap)] for wrap in (wb.jit, lambda f: f))
    assert len(found) == len(wanted)
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_allclose(f, w, rtol=1e-12)


def test_a_scheduler_and_nan_do_not_make_new_programs():
    weight = wb.ones(2).requires_grad_()
    optimizer = optim.SGD([weight], lr=1.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    step = wb.jit(lambda number: ((weight * number).sum().backward(), optimizer.step())[1])
    for _ in range(4):
        step(math.nan)
        scheduler.step()
    assert step.traces == 1


def test_seeding_inside_is_an_error_not_a_seed_of_one_call():
    with pytest.raises(TraceError, match="outside"):
        wb.jit(lambda x: (wb.manual_seed(0), x)[1])(wb.ones(2))


def test_a_leaf_is_not_written_while_recording():
    weight = wb.ones(2).requires_grad_()
    for wrap in (wb.jit, lambda f: f):
        with pytest.raises(wb.errors.GraphError, match="leaf"):
            wrap(lambda x: weight.add_(x))(wb.ones(2))


def test_results_are_on_the_tape_only_where_they_are_without_jit():
    f = wb.jit(lambda x, y: (x * 2, y * 2, x.detach(), wb.argmax(x)))
    assert [out.requires_grad for out in f(wb.ones(2).requires_grad_(), wb.ones(2))] == [True, False, False, False]


def test_a_weight_off_the_path_gets_no_gradient():
    used, unused = wb.ones(2).requires_grad_(), wb.ones(2).requires_grad_()
    wb.jit(lambda x: (used * x).sum() + (unused.detach() * x).sum())(wb.ones(2)).backward()
    assert used.grad.tolist() == [1.0, 1.0]
    assert unused.grad is None


@pytest.mark.parametrize("around", [lambda f: wb.vmap(f)(wb.ones(2, 2, 3)), lambda f: wb.jvp(f, (wb.ones(2, 3),), (wb.ones(2, 3),))[1]])
def test_the_gradient_of_a_fused_op_can_be_transformed(around):
    gradient = wb.grad(lambda x: nn.functional.cross_entropy(x, wb.tensor([0, 1])))
    np.testing.assert_allclose(around(wb.jit(gradient)).numpy(), around(gradient).numpy(), atol=1e-6)


def test_what_is_returned_is_the_argument_itself():
    held, x = wb.zeros(2), wb.ones(2)
    assert wb.jit(lambda x: x.add_(1))(x) is x
    assert x.tolist() == [2.0, 2.0]
    assert wb.jit(lambda x: (x * 2, held))(x)[1] is held


@wb.jit
def doubled(x):
    return x * 2


@pytest.mark.parametrize("again", [copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))], ids=["deepcopy", "pickle"])
def test_a_jitted_function_is_copied(again):
    assert again(doubled) is doubled
    assert again(wb.jit(math.prod, static_argnums=1)).static_argnums == (1,)


def test_programs_that_are_gone_leave_no_source_behind():
    before = len(linecache.cache)
    for _ in range(3):
        wb.jit(lambda x: x + 1)(wb.ones(2))
    gc.collect()
    assert len(linecache.cache) <= before


def test_a_generator_is_refused():
    def three(x):
        yield x

    with pytest.raises(wb.errors.ArgumentError, match="list"):
        wb.jit(three)

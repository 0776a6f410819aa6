"""What a jitted function may do, and what it does then: captures by reference, writes, random numbers, settings, errors."""
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import workbench as wb
from workbench import nn, optim
from workbench.core.errors import GraphError, TraceError
from workbench.core.op import REGISTRY
from workbench.nn import functional as F

X = np.linspace(-1, 1, 6, dtype=np.float32)


def model_and_data(dropout=0.1):
    wb.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Dropout(dropout), nn.Linear(8, 3))
    return model, wb.randn(16, 6), wb.randint(3, size=(16,))


# Captures --------------------------------------------------------------------------------------------------------------------
def test_a_tensor_from_outside_is_read_anew_at_every_call():
    w = wb.tensor([1.0, 2.0])
    f = wb.jit(lambda x: x * w.square())
    assert f(wb.ones(2)).tolist() == [1.0, 4.0]
    w.copy_(wb.tensor([3.0, 3.0]))
    assert f(wb.ones(2)).tolist() == [9.0, 9.0]
    assert f.traces == 1


def test_a_function_of_captured_tensors_alone():
    w = wb.tensor([1.0, 2.0])
    f = wb.jit(lambda: (w * 2).sum())
    assert f().item() == 6.0
    w.mul_(10)
    assert f().item() == 60.0


def test_a_captured_tensor_of_another_shape_is_an_error_not_a_wrong_number():
    w = wb.tensor([1.0, 2.0])
    f = wb.jit(lambda x: (x * w).sum())
    f(wb.ones(2))
    w.data = np.ones(3, np.float32)
    assert f(wb.ones(3)).item() == 3.0


def test_gradients_reach_captured_weights():
    w = wb.tensor([1.0, 2.0], requires_grad=True)
    f = wb.jit(lambda x: (x * w * w).sum())
    for _ in range(2):
        w.grad = None
        f(wb.tensor([1.0, 3.0])).backward()
        assert w.grad.tolist() == [2.0, 12.0]


def test_detach_of_a_captured_tensor_is_by_reference_too():
    w = wb.tensor([1.0], requires_grad=True)
    f = wb.jit(lambda: w.detach() * 2)
    f()
    with wb.no_grad():
        w.fill_(5.0)
    assert f().tolist() == [10.0]


# Writes ----------------------------------------------------------------------------------------------------------------------
def test_writes_to_outer_tensors_happen_at_every_call():
    count, seen = wb.zeros(()), wb.zeros(3)

    @wb.jit
    def f(x):
        count.add_(1)
        seen[1] = x
        return x + count

    assert [f(wb.tensor(float(n))).item() for n in range(3)] == [1.0, 3.0, 5.0]
    assert count.item() == 3.0
    assert seen.tolist() == [0.0, 2.0, 0.0]


def test_a_tensor_made_inside_starts_fresh_at_every_call():
    @wb.jit
    def f(x):
        total = wb.zeros(2)
        total[0] = x
        total += 1
        return total

    assert f(wb.tensor(3.0)).tolist() == [4.0, 1.0]
    assert f(wb.tensor(3.0)).tolist() == [4.0, 1.0]


def test_a_whole_training_step_gives_the_same_weights():
    results = []
    for wrap in (lambda f: f, wb.jit):
        model, x, y = model_and_data()
        optimizer = optim.AdamW(model.parameters(), lr=1e-2)
        schedule = optim.lr_scheduler.StepLR(optimizer, 3, 0.5)

        def step(x, y, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optim.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            return loss

        step = wrap(step)
        wb.manual_seed(1)
        losses = []
        for _ in range(8):
            losses.append(step(x, y).item())
            schedule.step()
        results.append((losses, [v.numpy() for v in model.state_dict().values()], [p.grad.numpy() for p in model.parameters()],
                        [s["step"] for s in optimizer.state.values()]))
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=1e-5)
    for part in (1, 2):
        for found, wanted in zip(results[1][part], results[0][part], strict=True):
            np.testing.assert_allclose(found, wanted, atol=2e-6)
    assert results[0][3] == results[1][3] == [8] * len(results[0][3])


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
                                  lambda p: optim.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1)], ids=["sgd", "nesterov", "amsgrad"])
def test_optimizers(make):
    found = []
    for wrap in (lambda f: f, wb.jit):
        w = nn.Parameter(wb.tensor([1.0, -2.0, 3.0]))
        optimizer = make([w])

        def step(t, w=w, optimizer=optimizer):
            optimizer.zero_grad()
            ((w - t) ** 2).sum().backward()
            optimizer.step()

        step = wrap(step)
        for n in range(5):
            step(wb.tensor([0.0, float(n), 1.0]))
        found.append(w.numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_gradients_accumulate_over_calls_as_they_do_eagerly():
    w = nn.Parameter(wb.tensor([1.0, 2.0]))

    @wb.jit
    def f(x):
        (w * x).sum().backward()

    for wanted in ([1.0, 2.0], [2.0, 4.0], [3.0, 6.0]):
        f(wb.tensor([1.0, 2.0]))
        assert w.grad.tolist() == wanted


def test_the_gradient_of_an_argument_is_accumulated_in_it():
    f = wb.jit(lambda x: (x * x).sum().backward())
    for number in (1.0, 4.0):
        x = wb.tensor([number], requires_grad=True)
        f(x)
        f(x)
        assert x.grad.tolist() == [4 * number]


# Random numbers ----------------------------------------------------------------------------------------------------------------
def test_random_numbers_are_fresh_at_every_call_and_those_of_eager_mode():
    def f(x):
        return F.dropout(x, 0.5) + wb.rand(4)

    wb.manual_seed(3)
    wanted = [f(wb.ones(4)).tolist() for _ in range(3)]
    program = wb.jit(f)
    wb.manual_seed(3)
    found = [program(wb.ones(4)).tolist() for _ in range(3)]
    assert found == wanted
    assert found[0] != found[1]


def test_an_unused_draw_still_moves_the_generator():
    def f(x):
        wb.rand(3)
        return x + wb.rand(1)

    wb.manual_seed(0)
    wanted = f(wb.zeros(1)).item()
    wb.manual_seed(0)
    assert wb.jit(f)(wb.zeros(1)).item() == wanted


# Signatures --------------------------------------------------------------------------------------------------------------------
def test_shapes_dtypes_and_static_values_make_programs_of_their_own():
    f = wb.jit(lambda x, n, flag=True: x * n if flag else x)
    f(wb.ones(2), 2)
    f(wb.ones(2), 2)
    assert f.traces == 1
    assert f(wb.ones(3), 2).shape == (3,)
    assert f(wb.ones(2), 3).tolist() == [3.0, 3.0]
    assert f(wb.ones(2), 3, flag=False).tolist() == [1.0, 1.0]
    assert f.traces == 4
    assert "argument 1: 2 became 3" in f.reasons[2]


def test_too_many_programs_are_one_warning_that_says_why():
    f = wb.jit(lambda x: x + 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(12):
            f(wb.ones(n + 1))
    assert len(caught) == 1
    assert "traced 9 times" in str(caught[0].message)
    assert "argument 0: float32[8] became float32[9]" in str(caught[0].message)


def test_train_and_eval_are_different_programs():
    model, x, _ = model_and_data(0.5)
    f = wb.jit(model)
    wb.manual_seed(0)
    a = f(x)
    model.eval()
    np.testing.assert_allclose(f(x).numpy(), model(x).numpy(), atol=1e-6)
    assert not np.allclose(a.numpy(), f(x).numpy())


def test_trees_and_static_arguments():
    @wb.jit
    def f(batch, *, scale):
        return {"sum": batch["x"] + batch["y"][0] * scale, "same": None, "text": "a"}

    out = f({"x": wb.ones(2), "y": [wb.ones(2), 3]}, scale=2.0)
    assert out["sum"].tolist() == [3.0, 3.0]
    assert (out["same"], out["text"]) == (None, "a")
    g = wb.jit(lambda x, axes: x.sum(axes), static_argnums=1)
    assert g(wb.ones(2, 3), (0, 1)).item() == 6.0


def test_numpy_arrays_are_arguments_too():
    f = wb.jit(lambda x: wb.as_tensor(x) * 2)
    assert f(np.ones(2, np.float32)).tolist() == [2.0, 2.0]
    assert f(np.full(2, 5, np.float32)).tolist() == [10.0, 10.0]


# Nesting -------------------------------------------------------------------------------------------------------------------------
def chain(x):
    return (wb.tanh(x) * x).sum()


@pytest.mark.parametrize("transform", [
    wb.grad, lambda f: wb.grad(lambda x: wb.grad(f)(x).sum()), wb.hessian, lambda f: wb.vmap(f, in_axes=0), lambda f: wb.vmap(wb.grad(f)),
    lambda f: lambda x: wb.jvp(f, (x,), (x,))[1], lambda f: lambda x: wb.jvp(wb.grad(f), (x,), (x,))[1], wb.jacfwd, wb.value_and_grad,
], ids=["grad", "grad-grad", "hessian", "vmap", "vmap-grad", "jvp", "hvp", "jacfwd", "value_and_grad"])
def test_both_ways_with_other_transformations(transform):
    x = wb.tensor(np.linspace(0.1, 1, 4))
    wanted = wb.tree.flatten(transform(chain)(x))[0]
    for found in (wb.jit(transform(chain))(x), transform(wb.jit(chain))(x), wb.jit(transform(wb.jit(chain)))(x)):
        for f, w in zip(wb.tree.flatten(found)[0], wanted, strict=True):
            np.testing.assert_allclose(f.numpy(), w.numpy(), rtol=1e-9)


def test_vmap_of_a_jitted_function_that_closes_over_a_mapped_value():
    inner = lambda y: wb.vmap(lambda x: wb.jit(lambda z: z * x)(y))(wb.tensor([1.0, 2.0]))
    assert inner(wb.tensor(3.0)).tolist() == [3.0, 6.0]
    assert inner(wb.tensor(5.0)).tolist() == [5.0, 10.0]


def test_second_derivatives_on_the_tape_through_a_jitted_call():
    x = wb.tensor([0.5, 1.5], requires_grad=True)
    (g,) = wb.autograd.grad(wb.jit(lambda x: (x ** 3).sum())(x), x, create_graph=True)
    np.testing.assert_allclose(wb.autograd.grad(g.sum(), x)[0].numpy(), [3.0, 9.0], rtol=1e-6)


def test_custom_rules_are_kept():
    f = wb.custom_vjp(lambda x: x * x, lambda x: (x * x, x), lambda x, g: (g * 100,))
    assert wb.jit(wb.grad(f))(wb.tensor(3.0)).item() == 100.0
    assert wb.grad(wb.jit(f))(wb.tensor(3.0)).item() == 100.0


def test_a_module_method_and_a_decorated_method():
    class Scaled:
        def __init__(self):
            self.w = wb.tensor(2.0)

        @wb.jit
        def apply(self, x):
            return x * self.w

    a, b = Scaled(), Scaled()
    b.w = wb.tensor(7.0)
    assert (a.apply(wb.tensor(1.0)).item(), b.apply(wb.tensor(1.0)).item()) == (2.0, 7.0)


# Errors --------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("function", [
    lambda x: x if x.sum() > 0 else -x, lambda x: x * float(x.sum()), lambda x: x.numpy(), lambda x: x.sum().item(), lambda x: [0, 1][x.sum().to("int64")],
], ids=["if", "float", "numpy", "item", "index"])
def test_python_cannot_look_at_numbers(function):
    with pytest.raises(TraceError, match=r"test_jit.py, line \d+.*where"):
        wb.jit(function)(wb.ones(3))


def test_the_numbers_of_a_captured_tensor_are_not_frozen_silently():
    w = wb.tensor(2.0)
    with pytest.raises(TraceError, match="would stay in the program"):
        wb.jit(lambda x: x * w.item())(wb.ones(2))


def test_fallback_runs_eagerly():
    f = wb.jit(lambda x: x if x.sum() > 0 else -x, fallback="eager")
    assert f(wb.tensor([-1.0, 0.0])).tolist() == [1.0, 0.0]


def test_an_exception_while_tracing_poisons_nothing():
    w = nn.Parameter(wb.ones(2))
    w.grad = wb.ones(2)

    @wb.jit
    def f(x, fail):
        w.grad = None
        (w * x).sum().backward()
        w.detach().mul_(0)
        if fail:
            raise KeyError("mine")
        return x

    with pytest.raises(KeyError, match="mine"):
        f(wb.ones(2), True)
    assert w.grad.tolist() == [1.0, 1.0]
    assert w.tolist() == [1.0, 1.0]
    assert REGISTRY["add"].call.__globals__["Tensor"] is wb.Tensor
    assert (wb.ones(2) + 1).tolist() == [2.0, 2.0]
    f(wb.ones(2), False)


def test_a_value_that_escapes_is_an_error():
    kept = []
    wb.jit(lambda x: kept.append(x * 2) or x)(wb.ones(2))
    with pytest.raises(GraphError, match="finished jit"):
        kept[0] + 1


def test_backward_into_an_outer_tape_is_an_error():
    y = wb.tensor([1.0], requires_grad=True) * 2
    with pytest.raises(TraceError, match="computed outside"):
        wb.jit(lambda x: (x * y).sum().backward())(wb.ones(1))


def test_off_by_environment():
    code = "import workbench as wb; f = wb.jit(lambda x: x if x.sum() > 0 else -x); print(f(wb.tensor([-1.0])).tolist(), f.traces)"
    out = subprocess.run([sys.executable, "-c", code], env={**os.environ, "WB_JIT": "0"}, capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["[1.0]", "0"]


# Threads and text ------------------------------------------------------------------------------------------------------------------
def test_other_threads_compute_while_one_traces():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def slow(x):
        inside.set()
        done.wait(10)
        return x * 2

    def other():
        inside.wait(10)
        x = wb.tensor([1.0, 2.0], requires_grad=True)
        (x * x).sum().backward()
        seen.append(x.grad.tolist())
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    assert wb.jit(slow)(wb.ones(1)).tolist() == [2.0]
    thread.join()
    assert seen == [[2.0, 4.0]]


def test_the_graph_reads_well():
    text = str(wb.make_graph(lambda x, w: wb.tanh(x @ w) * 1 - 0, wb.ones(2, 3), wb.ones(3, 4)))
    assert text.splitlines() == ["graph <lambda>(x0: float32[2,3], x1: float32[3,4]):", "    v2: float32[2,4] = matmul(x0, x1)",
                                 "    v3: float32[2,4] = tanh(v2)", "    return v3"]


@pytest.mark.parametrize("around", [lambda f: wb.grad(wb.jit(f)), lambda f: wb.jit(wb.grad(f)), lambda f: wb.grad(wb.jit(wb.jit(f))),
                                    lambda f: wb.hessian(wb.jit(f))])
def test_gradients_stop_where_they_stop_in_eager_mode(around):
    function = lambda x: wb.where(x > 0, wb.stop_gradient(x * x), x * x * x).sum()
    x = wb.tensor([1.0, -2.0], dtype=wb.float64)
    eager = wb.hessian(function)(x) if "hessian" in around.__code__.co_names else wb.grad(function)(x)
    np.testing.assert_allclose(around(function)(x).numpy(), eager.numpy())

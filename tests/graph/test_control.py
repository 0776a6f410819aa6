"""Control flow: eager, jitted, differentiated, mapped and nested give the same numbers."""
import numpy as np
import pytest

import workbench as wb
from workbench import errors

X = np.array([0.5, -0.3, 0.8])
W = wb.tensor([1.5, 0.5, -0.7], dtype="float64")


def branching(x):
    return wb.cond(x.sum() > 0.9, lambda x: wb.sin(x) * W, lambda x: x * x * W, x).sum()


def recurrent(x):
    carry, ys = wb.scan(lambda c, row: (wb.tanh(c * W + row), c * row), x, wb.stack([x, x * 2, x * 3, x + 1]))
    return (carry * ys.sum(0)).sum()


def backwards(x):
    return wb.scan(lambda c, row: ((c[0] * row, c[1] + 1), None), (x.sum(), wb.tensor(0)), x, reverse=True)[0][0]


def counted(x):
    return wb.fori_loop(0, 4, lambda i, v: wb.sin(v) * W + i, x).sum()


def choosing(x):
    return wb.switch((x.sum() * 2.3).to("int64"), [lambda x: x, lambda x: x * x, lambda x: wb.exp(x) * W], x).sum()


def doubling(x):
    return wb.while_loop(lambda s: (s * s).sum() < 50, lambda s: s * 2 + x * x, x).sum()


REVERSIBLE = [branching, recurrent, backwards, counted, choosing]
ALL = [*REVERSIBLE, doubling]


def check(found, wanted):
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-9, atol=1e-12)


def python_loop(x):
    for i in range(4):
        x = wb.sin(x) * W + i
    return x.sum()


def test_a_counted_loop_is_the_loop_in_python():
    x = wb.tensor(X)
    check(counted(x), python_loop(x))
    check(wb.grad(counted)(x), wb.grad(python_loop)(x))


@pytest.mark.parametrize("function", ALL)
def test_jit(function):
    for scale in (1.0, 2.0, 0.1):
        check(wb.jit(function)(wb.tensor(X * scale)), function(wb.tensor(X * scale)))


@pytest.mark.parametrize("function", REVERSIBLE)
def test_gradients(function):
    x = wb.tensor(X)
    assert wb.testing.gradgradcheck(function, [x])
    wanted = wb.grad(function)(x)
    check(wb.jit(wb.grad(function))(x), wanted)
    check(wb.grad(wb.jit(function))(x), wanted)
    tracked = wb.tensor(X, requires_grad=True)
    wb.jit(function)(tracked).backward()
    check(tracked.grad, wanted)


@pytest.mark.parametrize("function", REVERSIBLE)
def test_second_order(function):
    x = wb.tensor(X)
    wanted = wb.hessian(function)(x)
    check(wb.jit(wb.hessian(function))(x), wanted)
    check(wb.jit(wb.jacrev(wb.grad(function)))(x), wanted)
    check(wb.hessian(wb.jit(function))(x), wanted)


@pytest.mark.parametrize("function", ALL)
def test_forward_mode(function):
    push = lambda x: wb.jvp(function, (x,), (x + 1,))[1]
    check(wb.jit(push)(wb.tensor(X)), push(wb.tensor(X)))


@pytest.mark.parametrize("function", ALL)
def test_vmap(function):
    xs = wb.tensor(np.stack([X, X * 2, -X, X * 0.1]))
    wanted = wb.stack([function(x) for x in xs])
    check(wb.vmap(function)(xs), wanted)
    check(wb.jit(wb.vmap(function))(xs), wanted)
    check(wb.vmap(wb.jit(function))(xs), wanted)


@pytest.mark.parametrize("function", REVERSIBLE)
def test_per_example_gradients(function):
    xs = wb.tensor(np.stack([X, X * 2, -X]))
    wanted = wb.stack([wb.grad(function)(x) for x in xs])
    check(wb.vmap(wb.grad(function))(xs), wanted)
    check(wb.jit(wb.vmap(wb.grad(function)))(xs), wanted)


def test_eager_while_has_reverse_mode_and_the_jitted_one_says_why_not():
    x = wb.tensor(X)
    assert wb.testing.gradcheck(doubling, [x])
    with pytest.raises(errors.GraphError, match="fori_loop"):
        wb.jit(wb.grad(doubling))(x)


def test_gradients_of_captured_weights_in_a_jitted_scan():
    w = wb.nn.Parameter(wb.tensor([0.3, 0.4]))
    f = wb.jit(lambda xs: wb.scan(lambda c, x: (wb.tanh(c * w + x), None), wb.zeros(2), xs)[0].sum())
    xs = wb.tensor([[1.0, 2.0], [0.5, 0.1], [0.2, 0.3]])
    f(xs).backward()
    jitted, w.grad = w.grad, None
    wb.scan(lambda c, x: (wb.tanh(c * w + x), None), wb.zeros(2), xs)[0].sum().backward()
    np.testing.assert_allclose(jitted.numpy(), w.grad.numpy(), rtol=1e-6)


def test_nested_loops():
    def f(x):
        return wb.scan(lambda c, row: (wb.fori_loop(0, 3, lambda i, v: v * 0.9 + row, c), None), x, wb.stack([x, x + 1]))[0].sum()

    x = wb.tensor(X)
    check(wb.jit(f)(x), f(x))
    check(wb.jit(wb.grad(f))(x), wb.grad(f)(x))
    check(wb.jit(wb.vmap(wb.grad(f)))(wb.stack([x, x]))[1], wb.grad(f)(x))


def test_random_numbers_in_a_loop_are_those_of_eager_mode():
    f = lambda x: wb.scan(lambda c, row: (c + wb.rand(3), None), x, length=4)[0]
    wb.manual_seed(1)
    wanted = f(wb.zeros(3))
    wb.manual_seed(1)
    np.testing.assert_allclose(wb.jit(f)(wb.zeros(3)).numpy(), wanted.numpy())


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda x: wb.cond(x > 0, wb.sin, wb.cos, x), errors.ShapeError, "one element"),
    (lambda x: wb.switch(x.sum(), [wb.sin], x), errors.DTypeError, "one integer"),
    (lambda x: wb.switch(0, [], x), errors.ArgumentError, "no branches"),
    (lambda x: wb.scan(lambda c, r: c, x, x), errors.ArgumentError, r"\(carry, y\)"),
    (lambda x: wb.scan(lambda c, r: (c, r), x, (x, x[:2])), errors.ShapeError, "same first axis"),
    (lambda x: wb.scan(lambda c, r: ((c, c), r), x, x), errors.ArgumentError, "another structure"),
    (lambda x: wb.jit(lambda x: wb.scan(lambda c, r: (c.sum(), r), x, x))(x), errors.ShapeError, "carry"),
    (lambda x: wb.jit(lambda x: wb.cond(x.sum() > 0, lambda x: x, lambda x: x.sum(), x))(x), errors.ShapeError, "branch 1"),
    (lambda x: wb.jit(lambda x: wb.while_loop(lambda v: v.sum() < 1, lambda v: v.float(), x))(x), errors.DTypeError, "float64"),
    (lambda x: wb.jit(lambda x: wb.cond(x.sum() > 0, lambda x: W.add_(x), lambda x: x, x))(x), errors.TraceError, "return it instead"),
])
def test_wrong_use(call, error, words):
    with pytest.raises(error, match=words):
        call(wb.tensor(X))

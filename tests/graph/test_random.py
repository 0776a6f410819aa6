"""Random numbers in a program: drawn anew by every call, those of eager mode from the same seed, and the same in forward and backward."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn
from workbench.nn import functional as F

WEIGHT = nn.Parameter(wb.randn(3, 4, dtype="float64"))
CELL = nn.GRUCell(4, 4, dtype="float64")
X, XS = wb.randn(2, 4, dtype="float64"), wb.randn(5, 2, 4, dtype="float64")
MANY = wb.randn(3, 5, 2, 4, dtype="float64")


def dropped_weight(x):
    return F.linear(x, F.dropout(WEIGHT, 0.5))


def dropped_steps(xs):
    """A value and a gradient that depend on masks in different ways."""
    step = lambda h, x: (lambda new: (new, new))(CELL(F.dropout(x, 0.5), h))
    return (wb.scan(step, wb.zeros(2, 4, dtype="float64"), xs)[1] ** 2).sum()


def two_draws(xs, reverse=False):
    return wb.scan(lambda c, x: (c * wb.rand(4) + wb.randn(2, 4) * x, c), wb.zeros(2, 4, dtype="float64"), xs, reverse=reverse)[1]


def nested(xs):
    return wb.scan(lambda c, x: (wb.fori_loop(0, 3, lambda _, v: v * wb.rand(4), c) + x, c), XS[0], xs)[1].sum()


def branch(x):
    return (wb.cond((x * x).sum() > 0, lambda x: F.dropout(x, 0.5) ** 2, wb.sin, x) ** 2).sum()


def loop_in_a_branch(xs):
    summed = lambda xs: wb.scan(lambda c, x: (c + F.dropout(x, 0.5), None), xs[0], xs)[0]
    return (wb.cond((xs * xs).sum() > 0, summed, lambda xs: xs[0], xs) ** 2).sum()


CALLS = {
    "a parameter": (dropped_weight, X), "jit in jit": (lambda x: wb.jit(lambda x: F.dropout(x, 0.5))(x) * 2, X),
    "grad of jit": (wb.grad(wb.jit(lambda x: (F.dropout(x, 0.5) ** 2).sum())), X), "loop": (dropped_steps, XS), "grad of a loop": (wb.grad(dropped_steps), XS),
    "two draws a round": (two_draws, XS), "backwards": (lambda xs: two_draws(xs, reverse=True), XS), "nested loops": (nested, XS),
    "grad of nested loops": (wb.grad(nested), XS), "branch": (branch, X), "grad of a branch": (wb.grad(branch), X),
    "loop in a branch": (loop_in_a_branch, XS), "grad of a loop in a branch": (wb.grad(loop_in_a_branch), XS),
    "while": (lambda x: wb.while_loop(lambda v: v.sum() < 30, lambda v: v + wb.rand(4), abs(X)), X),
    "vmap": (wb.vmap(lambda x: F.dropout(x, 0.5), randomness="different"), MANY),
    "vmap, the same for all": (wb.vmap(lambda x: F.dropout(x, 0.5), randomness="same"), MANY),
    "vmap of a loop": (wb.vmap(dropped_steps, randomness="different"), MANY),
    "vmap of grad of a loop": (wb.vmap(wb.grad(dropped_steps), randomness="different"), MANY),
    "grad of vmap of a loop": (wb.grad(lambda xs: wb.vmap(dropped_steps, randomness="different")(xs).sum()), MANY),
    "checkpoint": (wb.grad(lambda x: wb.checkpoint(lambda x: (F.dropout(x, 0.5) ** 2).sum())(x)), X),
}


@pytest.mark.parametrize(("function", "x"), CALLS.values(), ids=CALLS)
def test_calls_of_a_program_draw_what_calls_of_the_function_draw(function, x):
    wb.manual_seed(3)
    wanted = [function(x).detach().numpy() for _ in range(2)]
    program = wb.jit(function)
    wb.manual_seed(3)
    found = [program(x).detach().numpy() for _ in range(2)]
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize(("function", "x", "parameter"), [(dropped_weight, X, WEIGHT), (dropped_steps, XS, CELL.weight_ih)], ids=["parameter", "loop"])
def test_backward_through_a_recorded_call_meets_the_numbers_of_its_forward(function, x, parameter):
    gradients = []
    for run in (function, wb.jit(function)):
        wb.manual_seed(5)
        for _ in range(2):
            parameter.grad = None
            (run(x) ** 2).sum().backward()
        gradients.append(parameter.grad.numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-9, atol=1e-12)


def test_vmap_inside_jit_asks_how_to_draw():
    with pytest.raises(errors.GraphError, match="randomness="):
        wb.jit(wb.vmap(lambda x: F.dropout(x, 0.5)))(X)

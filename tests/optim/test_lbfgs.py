"""L-BFGS goes PyTorch's way, call of the closure by call, also after a reload and with the line search."""
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import workbench as wb
from workbench import errors, optim

torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
pytestmark = pytest.mark.oracle


def rosenbrock(x, y, library) -> Any:
    return ((1 - x[:-1]) ** 2).sum() + 5 * ((x[1:] - x[:-1] ** 2) ** 2).sum() + (y - 0.5).pow(4).sum()


def logistic(x, y, library) -> Any:
    data = np.random.default_rng(1).normal(size=(30, 6))
    make = (lambda a: wb.tensor(a)) if library is wb else torch.tensor
    target = make((data[:, 0] > data[:, 1]) * 1.0)
    logits = make(data) @ x + y.sum()
    return (library.log(1 + library.exp(-logits * (2 * target - 1)))).mean() + 0.01 * (x * x).sum()


PROBLEMS = {"rosenbrock": rosenbrock, "logistic": logistic}
OPTIONS = [
    dict(lr=0.1), dict(lr=0.1, history_size=3, max_iter=5), dict(line_search_fn="strong_wolfe"), dict(line_search_fn="strong_wolfe", lr=10.0),
    dict(line_search_fn="strong_wolfe", max_iter=4, history_size=2), dict(lr=0.2, max_eval=3), dict(line_search_fn="strong_wolfe", max_eval=3, max_iter=8),
]


def walk(library: Any, problem: Callable, options: dict, steps: int, reload_at: int | None = None, sign: int = 1) -> tuple[list, int, list]:
    """Where it goes, how often the closure was called, and what step returned."""
    package = optim if library is wb else torch.optim
    x, y = np.linspace(-1, 1, 6), np.full((2, 1), 0.2)
    params = [wb.tensor(a, requires_grad=True) if library is wb else torch.tensor(a, requires_grad=True) for a in (x, y)]
    optimizer, calls, seen, losses = package.LBFGS(params, **options), [0], [], []

    def closure():
        calls[0] += 1
        optimizer.zero_grad()
        loss = problem(*params, library) * sign
        loss.backward()
        return loss

    for step in range(steps):
        if step == reload_at:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = package.LBFGS(params, **options)
            optimizer.load_state_dict(state)
        losses.append(float(optimizer.step(closure)))
        seen.append(np.concatenate([p.detach().numpy().ravel() for p in params]))
    return seen, calls[0], losses


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_it_goes_pytorchs_way(problem, options) -> None:
    theirs = walk(torch, PROBLEMS[problem], options, 10)
    for reload_at in (None, 2):
        ours = walk(wb, PROBLEMS[problem], options, 10, reload_at)
        assert ours[1] == theirs[1]
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_fifty_steps_of_one_iteration(search) -> None:
    options = dict(lr=0.3, max_iter=1 if search is None else 2, max_eval=20, line_search_fn=search, tolerance_change=0)
    ours, theirs = (walk(library, rosenbrock, options, 50) for library in (wb, torch))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6, atol=1e-9)


def test_upwards_is_downwards_of_the_negative() -> None:
    up = walk(wb, logistic, dict(maximize=True, line_search_fn="strong_wolfe"), 3, sign=-1)
    np.testing.assert_array_equal(up[0], walk(wb, logistic, dict(line_search_fn="strong_wolfe"), 3)[0])


def test_wrong_uses_are_errors() -> None:
    p = wb.ones(2, requires_grad=True)
    with pytest.raises(errors.ArgumentError, match="closure"):
        optim.LBFGS([p]).step()
    with pytest.raises(errors.ArgumentError, match="strong_wolfe"):
        optim.LBFGS([p], line_search_fn="armijo")
    with pytest.raises(errors.ArgumentError, match="one group"):
        optim.LBFGS([{"params": [p]}, {"params": [wb.ones(1, requires_grad=True)]}])
    optimizer = optim.LBFGS([p])
    with pytest.raises(errors.TraceError, match="closure"):
        wb.jit(lambda: optimizer.step(lambda: p.sum()))()

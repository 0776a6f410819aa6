"""An optimizer of one's own in five lines has all that others have."""
from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

import workbench as wb
from workbench import errors, optim
from workbench.backend import cpu


@optim.optimizer(lr=0.1, momentum=0.9)
def Heavy(parameter, grad, state, group):
    """Momentum, in five lines."""
    state["speed"] = group["momentum"] * state.get("speed", 0) + grad
    parameter -= group["lr"] * state["speed"]


SHAPES = [(3, 2), (4,), ()]


def walk(make, steps: int = 20, reload_at: int | None = None, wrap=lambda f: f) -> list[np.ndarray]:
    parameters = [wb.nn.Parameter(wb.tensor(np.random.default_rng(i).normal(size=s))) for i, s in enumerate(SHAPES)]
    optimizer = make(parameters)

    def step():
        optimizer.zero_grad()
        sum((wb.tanh(p) - 0.3).pow(2).sum() for p in parameters).backward()
        optimizer.step()

    step = wrap(step)
    for number in range(steps):
        if number == reload_at:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = make(parameters)
            optimizer.load_state_dict(state)
        step()
    return [p.detach().numpy() for p in parameters]


def test_it_is_sgd_with_momentum() -> None:
    wanted = walk(lambda p: optim.SGD(p, lr=0.1, momentum=0.9))
    for found in (walk(Heavy), walk(Heavy, reload_at=7), walk(lambda p: Heavy(p, 0.1, momentum=0.9, foreach=False)), walk(Heavy, wrap=wb.jit)):
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.skipif(not cpu.available(), reason="the kernels need llvmlite")
def test_it_runs_as_one_kernel() -> None:
    p, q = wb.nn.Parameter(wb.ones(3)), wb.nn.Parameter(wb.ones(2))
    optimizer = Heavy([p, q])
    for _ in range(2):
        p.grad, q.grad = wb.ones(3), wb.ones(2)
        optimizer.step()
    assert [len(rows.params) for rows in optimizer._steps[0].rows] == [2]


def test_it_is_a_class_like_others() -> None:
    assert issubclass(Heavy, optim.Optimizer)
    assert Heavy.__name__ == "Heavy"
    assert Heavy.__doc__ == "Momentum, in five lines."
    assert Heavy.__module__ == __name__
    assert list(inspect.signature(Heavy).parameters)[:3] == ["params", "lr", "momentum"]
    assert "maximize" in inspect.signature(Heavy).parameters
    a, b = wb.nn.Parameter(wb.ones(1)), wb.nn.Parameter(wb.ones(1))
    a.grad = b.grad = wb.ones(1)
    optimizer = Heavy([{"params": [a]}, {"params": [b], "lr": 0.5}], maximize=True)
    optimizer.step()
    assert (a.item(), b.item()) == (pytest.approx(1.1), 1.5)
    assert "momentum: 0.9" in repr(optimizer)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 10)
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.95)
    scheduler.step()


def test_a_rule_in_numpy_that_cannot_be_traced_runs_as_it_is() -> None:
    @optim.optimizer(lr=0.5)
    def Median(parameter, grad, state, group):
        parameter -= group["lr"] * np.median(np.asarray(grad))

    p = wb.nn.Parameter(wb.ones(3))
    optimizer = Median([p])
    for _ in range(3):
        p.grad = wb.tensor([0.0, 1.0, 5.0])
        optimizer.step()
    assert p.tolist() == [-0.5] * 3


def test_wrong_rules_and_settings_are_errors() -> None:
    with pytest.raises(errors.ArgumentError, match="parameter, grad, state, group"):
        optim.from_function(lambda p, g: None, {})
    with pytest.raises(errors.ArgumentError, match="params"):
        optim.from_function(lambda p, g, s, group: None, {"params": 1})
    with pytest.raises(errors.ArgumentError, match="lr"):
        Heavy([wb.nn.Parameter(wb.ones(1))], lr=-1)
    with pytest.raises(TypeError):
        Heavy([wb.nn.Parameter(wb.ones(1))], speed=1)


def test_it_can_be_registered_and_configured() -> None:
    """Its settings have types, so a configuration is checked before anything is made."""
    wb.registry.register(Heavy)
    assert [(p.name, p.type, p.default) for p in wb.registry.optimizers()["Heavy"].parameters][:2] == [("lr", float, 0.1), ("momentum", float, 0.9)]
    p = wb.nn.Parameter(wb.ones(1))
    config = wb.config.to_config(Heavy([p], lr=0.5))
    assert config == {"type": "Heavy", "lr": 0.5}
    assert wb.config.build(config, params=[p]).param_groups[0]["lr"] == 0.5
    with pytest.raises(errors.ConfigError, match="lr"):
        wb.config.build({"type": "Heavy", "lr": "fast"}, params=[p])

"""GradScaler goes through the same scales, weights and states as PyTorch's on the same series of gradients."""
from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import torch

import workbench as wb
from workbench import errors, train

INF, NAN = math.inf, math.nan
CASES = {"growth": dict(init_scale=4.0, growth_interval=2), "odd factors": dict(init_scale=3.0, growth_factor=1.7, backoff_factor=0.3, growth_interval=3),
         "at the top": dict(init_scale=2.0**126, growth_interval=1), "defaults": {}}


def both(**settings: Any) -> tuple[Any, Any]:
    ours, theirs = wb.nn.Parameter(wb.ones(2)), torch.nn.Parameter(torch.ones(2))
    return ((ours, wb.optim.SGD([ours], lr=0.1, momentum=0.9), train.GradScaler(**settings)),
            (theirs, torch.optim.SGD([theirs], lr=0.1, momentum=0.9), torch.amp.GradScaler("cpu", **settings)))


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
@pytest.mark.parametrize("unscale", [False, True])
def test_a_series_of_overflows(settings: dict[str, Any], unscale: bool) -> None:
    chance = random.Random(1)
    (p, optimizer, scaler), (q, reference, expected) = both(**settings)
    for step in range(60):
        kind = chance.choice([1.0, 1.0, 1.0, 0.25, INF, -INF, NAN])
        (scaler.scale((p * 0.01).sum()) * 1).backward()
        (expected.scale((q * 0.01).sum()) * 1).backward()
        with torch.no_grad():
            p.grad.mul_(kind)
            q.grad.mul_(kind)
        if unscale:
            scaler.unscale_(optimizer)
            expected.unscale_(reference)
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)
        if step % 17 == 5:
            scaler.step(optimizer)
            expected.step(reference)
            scaler.update(8.0)
            expected.update(8.0)
        else:
            scaler.step(optimizer)
            expected.step(reference)
            scaler.update()
            expected.update()
        assert scaler.get_scale() == expected.get_scale()
        assert scaler.state_dict() == expected.state_dict()
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-6)
        optimizer.zero_grad()
        reference.zero_grad()


def test_a_state_of_pytorch_is_taken_and_ours_is_taken_there() -> None:
    (_, _, scaler), (_, _, expected) = both(init_scale=5.0, growth_interval=7)
    expected.scale(torch.ones(1))
    expected.update(3.0)
    scaler.load_state_dict(expected.state_dict())
    assert scaler.state_dict() == expected.state_dict()
    expected.load_state_dict(scaler.state_dict())
    assert (expected.get_scale(), expected.get_growth_interval()) == (3.0, 7)


def test_two_optimizers_share_a_scale_and_each_is_skipped_by_itself() -> None:
    a, b = wb.nn.Parameter(wb.ones(1)), wb.nn.Parameter(wb.ones(1))
    first, second = wb.optim.SGD([a], lr=1.0), wb.optim.SGD([b], lr=1.0)
    scaler = train.GradScaler(init_scale=2.0)
    a.grad, b.grad = wb.tensor([INF]), wb.tensor([1.0])
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    assert (a.item(), b.item(), scaler.get_scale()) == (1.0, 0.5, 1.0)


def test_a_scaler_that_is_not_enabled_does_nothing() -> None:
    p = wb.nn.Parameter(wb.ones(1))
    optimizer = wb.optim.SGD([p], lr=1.0)
    scaler = train.GradScaler(enabled=False)
    loss = scaler.scale(p.sum())
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    scaler.load_state_dict({})
    assert (p.item(), scaler.get_scale(), scaler.state_dict(), scaler.is_enabled()) == (0.0, 1.0, {}, False)


def test_lists_are_scaled_and_settings_can_be_changed() -> None:
    scaler = train.GradScaler(init_scale=2.0)
    assert [t.item() for t in scaler.scale([wb.tensor(1.0), wb.tensor(2.0)])] == [2.0, 4.0]
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.25)
    scaler.set_growth_interval(1)
    assert (scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (3.0, 0.25, 1)


def test_mistakes_are_named() -> None:
    p = wb.nn.Parameter(wb.ones(1))
    optimizer, scaler = wb.optim.SGD([p], lr=1.0), train.GradScaler()
    with pytest.raises(errors.GraphError, match="no parameter"):
        scaler.step(optimizer)
    with pytest.raises(errors.GraphError, match="step"):
        scaler.update()
    p.grad = wb.ones(1)
    scaler.unscale_(optimizer)
    with pytest.raises(errors.GraphError, match="already been unscaled"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    for again in (scaler.step, scaler.unscale_):
        with pytest.raises(errors.GraphError, match="since the last update"):
            again(optimizer)
    half = wb.nn.Parameter(wb.ones(1, dtype=wb.float16))
    half.grad = wb.ones(1, dtype=wb.float16)
    with pytest.raises(errors.ArgumentError, match="float16"):
        scaler.unscale_(wb.optim.SGD([half], lr=1.0))
    with pytest.raises(errors.ArgumentError, match="tensors"):
        scaler.scale(3)
    with pytest.raises(errors.CheckpointError, match="empty"):
        scaler.load_state_dict({})
    for wrong in (dict(init_scale=0.0), dict(growth_factor=1.0), dict(backoff_factor=1.0), dict(growth_interval=0)):
        with pytest.raises(errors.ArgumentError, match=next(iter(wrong))):
            train.GradScaler(**wrong)

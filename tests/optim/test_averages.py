"""Averages of weights: PyTorch's averaged models and their rate, and the moving average that takes the model's place."""
from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn, optim
from workbench.optim import swa_utils

torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
pytestmark = pytest.mark.oracle

DATA = np.random.default_rng(0).normal(size=(6, 8, 3))


def models() -> tuple[nn.Module, Any]:
    """The same network here and there, with a batch norm."""
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)).double()
    ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).to(wb.float64)
    ours.load_state_dict({name: wb.tensor(value.numpy()) for name, value in theirs.state_dict().items()})
    return ours, theirs


def train(library: Any, model: Any, averaged: Any, steps: int = 6, reload_at: int | None = None) -> Any:
    optimizer = (optim if library is wb else torch.optim).SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        if step == reload_at:
            state, averaged = copy.deepcopy(averaged.state_dict()), copy.deepcopy(averaged)
            averaged.update_parameters(model)  # spoilt, and then put right by the state
            averaged.load_state_dict(state)
        optimizer.zero_grad()
        (model(library.tensor(DATA[step])) ** 2).mean().backward()
        optimizer.step()
        averaged.update_parameters(model)
    return averaged


def compare(ours: Any, theirs: Any, rtol: float = 1e-9) -> None:
    mine, other = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(other)
    for name, value in other.items():
        np.testing.assert_allclose(mine[name].numpy(), value.numpy(), rtol=rtol, atol=1e-12 if rtol < 1e-8 else 1e-8)


AVERAGES = {
    "swa": lambda w: {}, "ema": lambda w: dict(multi_avg_fn=w.get_ema_multi_avg_fn(0.8)), "ema by one": lambda w: dict(avg_fn=w.get_ema_avg_fn(0.7)),
    "swa multi": lambda w: dict(multi_avg_fn=w.get_swa_multi_avg_fn()), "swa by one": lambda w: dict(avg_fn=w.get_swa_avg_fn()),
    "buffers": lambda w: dict(avg_fn=w.get_ema_avg_fn(0.8), use_buffers=True),
}


@pytest.mark.parametrize("kind", AVERAGES)
@pytest.mark.parametrize("reload_at", [None, 3])
def test_an_averaged_model_is_pytorchs(kind, reload_at) -> None:
    ours, theirs = models()
    a = train(wb, ours, swa_utils.AveragedModel(ours, **AVERAGES[kind](swa_utils)), reload_at=reload_at)
    b = train(torch, theirs, torch.optim.swa_utils.AveragedModel(theirs, **AVERAGES[kind](torch.optim.swa_utils)))
    compare(a, b, 1e-6 if kind == "swa multi" else 1e-9)  # which counts in float32 there


def test_batch_norms_are_computed_anew_as_in_pytorch() -> None:
    ours, theirs = models()
    swa_utils.update_bn([(wb.tensor(x), None) for x in DATA], ours)
    torch.optim.swa_utils.update_bn([(torch.tensor(x), None) for x in DATA], theirs)
    compare(ours, theirs)
    assert ours[1].momentum == 0.1
    assert ours.training
    ours.eval()
    with pytest.raises(errors.ShapeError):
        swa_utils.update_bn([wb.ones(2, 5)], ours)
    assert ours[1].momentum == 0.1
    assert not ours.training


@pytest.mark.parametrize("options", [dict(swa_lr=0.05), dict(swa_lr=[0.05, 0.5], anneal_epochs=4, anneal_strategy="linear"), dict(swa_lr=0.2, anneal_epochs=0)],
                         ids=str)
@pytest.mark.parametrize("reload", [False, True])
def test_the_rate_for_averaging_is_pytorchs(options, reload) -> None:
    found = []
    for library, package in ((wb, optim), (torch, torch.optim)):
        parameters = [library.zeros(1, requires_grad=True) for _ in range(2)]
        optimizer = package.SGD([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.3}], lr=0.1)
        scheduler, seen = package.swa_utils.SWALR(optimizer, **options), []
        for step in range(14):
            if reload and library is wb and step == 3:
                state, rates = scheduler.state_dict(), [g["lr"] for g in optimizer.param_groups]
                scheduler = package.swa_utils.SWALR(optimizer, **options)
                scheduler.load_state_dict(state)
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate
            seen.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            scheduler.step()
        found.append(seen)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_every_name_of_pytorch_is_there() -> None:
    assert set(swa_utils.__all__) == set(torch.optim.swa_utils.__all__)
    assert all(hasattr(swa_utils, name) for name in swa_utils.__all__)
    with pytest.raises(AttributeError):
        swa_utils.update_everything  # noqa: B018


def naive(decay: float, warmup: bool, weights: list[np.ndarray]) -> np.ndarray:
    average = weights[0]
    for step, p in enumerate(weights[1:], 1):
        d = min(decay, (1 + step) / (10 + step)) if warmup else decay
        average = d * average + (1 - d) * p
    return average


@pytest.mark.parametrize("warmup", [False, True])
@pytest.mark.parametrize("wrap", [lambda f: f, wb.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("reload_at", [None, 4])
def test_a_moving_average_is_the_formula(warmup, wrap, reload_at) -> None:
    model, _ = models()
    optimizer, ema = optim.SGD(model.parameters(), lr=0.1), optim.EMA(model, 0.5, warmup=warmup)
    seen = [model[0].weight.detach().numpy().copy()]

    def step(x, ema):
        optimizer.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()
        ema.update()

    run = wrap(lambda x: step(x, ema))
    for number, x in enumerate(DATA):
        if number == reload_at:
            state, ema = copy.deepcopy(ema.state_dict()), optim.EMA(model, 0.5, warmup=warmup)
            ema.load_state_dict(state)
            run = wrap(lambda x, ema=ema: step(x, ema))
        run(wb.tensor(x))
        seen.append(model[0].weight.detach().numpy().copy())
    assert ema.updates == 6
    own = {name: x.numpy().copy() for name, x in model.state_dict().items()}
    with ema.apply():
        np.testing.assert_allclose(model[0].weight.detach().numpy(), naive(0.5, warmup, seen), rtol=1e-12)
        np.testing.assert_array_equal(model[1].running_mean.numpy(), own["1.running_mean"])
    for name, x in model.state_dict().items():
        np.testing.assert_array_equal(x.numpy(), own[name])


def test_the_models_own_weights_come_back_after_an_error_too() -> None:
    model, _ = models()
    ema = optim.EMA(model, 0.5)
    nn.init.ones_(model[0].weight)
    with pytest.raises(ZeroDivisionError), ema.apply():
        1 / 0  # noqa: B018
    assert model[0].weight.sum().item() == 12
    ema.apply()
    for wrong in (ema.apply, ema.update):
        with pytest.raises(errors.GraphError, match="restore"):
            wrong()
    ema.restore()
    with pytest.raises(errors.GraphError, match="apply"):
        ema.restore()
    with pytest.raises(errors.CheckpointError):
        ema.load_state_dict(optim.EMA(nn.Linear(2, 2)).state_dict())
    with pytest.raises(errors.ArgumentError):
        optim.EMA(model, 1.5)
    with pytest.raises(errors.ArgumentError):
        swa_utils.AveragedModel(model, avg_fn=swa_utils.get_swa_avg_fn(), multi_avg_fn=swa_utils.get_swa_multi_avg_fn())


def test_an_average_of_a_model_that_was_changed_is_an_error() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    ema = optim.EMA(model)
    model.append(nn.Linear(2, 2))
    with pytest.raises(errors.GraphError, match="other parameters or buffers"):
        ema.update()

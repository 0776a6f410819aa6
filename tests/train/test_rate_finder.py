"""The rate finder finds a rate that trains, and leaves everything bit by bit as it was, also after an error."""
from __future__ import annotations

import random

import matplotlib.figure
import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn, optim
from workbench.nn import functional as F

IRIS = wb.data.iris()  # what loads with it may draw from Python's generator


def setting(make=lambda p: optim.Adam(p, lr=0.01)) -> tuple:
    wb.train.seed_everything(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3))
    model[1].eval()
    model[1].train()
    loader = wb.data.DataLoader(IRIS, batch_size=30, shuffle=True)
    return model, loader, make(model.parameters())


def train(model, loader, optimizer, epochs: int) -> None:
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


def everything(model, optimizer) -> list:
    state = optimizer.state_dict()
    arrays = [x.numpy().copy() for x in model.state_dict().values()]
    arrays += [v.numpy() if isinstance(v, wb.Tensor) else np.array(v) for held in state["state"].values() for v in held.values()]
    arrays += [np.array(float("nan")) if p.grad is None else p.grad.numpy().copy() for p in model.parameters()]
    return [*arrays, np.array([g["lr"] for g in state["param_groups"]]), wb.rand(3).numpy(), np.random.rand(3), np.array(random.random())]


def same(first: list, second: list) -> None:
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def breaking(after: int):
    calls = [0]

    def loss(prediction, target):
        calls[0] += 1
        if calls[0] > after:
            raise ZeroDivisionError("on purpose")
        return F.cross_entropy(prediction, target)

    return loss


@pytest.mark.parametrize("make", [
    lambda p: optim.Adam(p, lr=0.01), lambda p: optim.SGD(p, lr=0.1, momentum=0.9), lambda p: optim.SAM(optim.SGD(p, lr=0.1)),
    lambda p: optim.Lookahead(optim.AdamW(p, lr=0.01), k=3),
], ids=["Adam", "SGD", "SAM", "Lookahead"])
@pytest.mark.parametrize("ends", ["all steps", "error"])
def test_training_goes_on_as_if_nothing_had_happened(make, ends) -> None:
    found = []
    for search in (False, True):
        model, loader, optimizer = setting(make)
        if not isinstance(optimizer, optim.SAM):
            train(model, loader, optimizer, 1)
        if search and ends == "error":
            with pytest.raises(ZeroDivisionError):
                wb.train.lr_find(model, loader, breaking(7), optimizer, steps=20)
        elif search:
            wb.train.lr_find(model, loader, F.cross_entropy, optimizer, steps=20)
        if not isinstance(optimizer, optim.SAM):
            train(model, loader, optimizer, 2)
        found.append([*everything(model, optimizer), *(x.numpy() for x, _ in loader)])
    same(*found)


def test_gradients_and_modes_come_back() -> None:
    model, loader, optimizer = setting()
    F.cross_entropy(model(wb.ones(5, 4)), wb.zeros(5, dtype="int64")).backward()
    grads = [p.grad for p in model.parameters()]
    model[2].eval()
    wb.train.lr_find(model, loader, F.cross_entropy, optimizer, steps=5)
    assert all(p.grad is g for p, g in zip(model.parameters(), grads, strict=True))
    assert [m.training for m in model.modules()] == [True, True, True, False, True]


def test_the_suggested_rate_trains() -> None:
    model, loader, optimizer = setting(lambda p: optim.SGD(p, lr=1.0))
    found = wb.train.lr_find(model, loader, F.cross_entropy, optimizer, steps=60)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) <= 60
    assert 1e-4 < found.suggestion < 5
    optimizer.param_groups[0]["lr"] = found.suggestion
    before = sum(F.cross_entropy(model(x), y).item() for x, y in loader)
    train(model, loader, optimizer, 10)
    assert sum(F.cross_entropy(model(x), y).item() for x, y in loader) < 0.7 * before


def test_the_running_mean_is_corrected_for_its_beginning() -> None:
    model, loader, optimizer = setting()
    found = wb.train.lr_find(model, loader, F.cross_entropy, optimizer, steps=10, smoothing=0.5, diverge=1e9)
    weights = 0.5 ** np.arange(10)[::-1]
    assert found.smoothed[-1] == pytest.approx((weights * found.losses).sum() / weights.sum())
    np.testing.assert_allclose(found.rates, np.geomspace(1e-7, 10, 10))


def test_groups_keep_the_ratio_of_their_rates() -> None:
    model, loader, _ = setting()
    optimizer = optim.SGD([{"params": [model[0].weight]}, {"params": [model[3].weight], "lr": 0.001}], lr=0.1)
    seen: list = []
    handle = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(o.param_groups[1]["lr"] / o.param_groups[0]["lr"]))
    wb.train.lr_find(model, loader, F.cross_entropy, optimizer, steps=4)
    handle.remove()
    assert seen == pytest.approx([0.01] * 4)


def test_the_suggestion_is_where_a_line_through_the_losses_is_steepest() -> None:
    rates = np.geomspace(1e-4, 1, 50)
    losses = 3 - np.tanh((np.arange(50) - 30) / 5) + 0.01 * np.random.default_rng(0).normal(size=50)
    found = wb.train.RateSearch(rates, losses, losses, "end")
    assert abs(np.abs(rates - found.suggestion).argmin() - 30) <= 2
    assert wb.train.RateSearch(rates, np.arange(50.0), losses, "end").suggestion is None
    assert wb.train.RateSearch(rates[:2], losses[:2], losses[:2], "end").suggestion is None


def test_it_stops_where_the_loss_diverges_or_is_not_finite() -> None:
    p = nn.Linear(1, 1)
    batches = [(wb.ones(4, 1), wb.ones(4, 1))]
    found = wb.train.lr_find(p, batches, lambda a, b: ((a - b) ** 2).sum(), optim.SGD(p.parameters()), end_lr=1e3, smoothing=0.5)
    assert found.stopped == "diverged"
    assert "diverged" in repr(found)
    none = wb.train.lr_find(p, batches, lambda a, b: (a - b).sum() * np.nan, optim.SGD(p.parameters()))
    assert (none.stopped, none.suggestion, none.lowest) == ("not finite", None, None)
    assert "not finite" in repr(none)
    assert "not finite" in none._repr_html_()


def test_it_shows_itself() -> None:
    model, loader, optimizer = setting()
    found = wb.train.lr_find(model, loader, F.cross_entropy, optimizer, steps=20)
    figure = found.plot()
    assert isinstance(figure, matplotlib.figure.Figure)
    (ax,) = figure.axes
    assert ax.get_xscale() == "log"
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), found.losses)
    assert found.plot(ax) is figure
    assert "data:image/png;base64" in found._repr_html_()
    assert f"{found.suggestion:.3g}" in repr(found)


@pytest.mark.parametrize("options", [dict(start_lr=1.0, end_lr=0.1), dict(steps=1), dict(smoothing=1.0), dict(diverge=1.0)])
def test_wrong_settings_are_errors(options) -> None:
    model, loader, optimizer = setting()
    with pytest.raises(errors.ArgumentError, match="lr_find"):
        wb.train.lr_find(model, loader, F.cross_entropy, optimizer, **options)


def test_loaders_that_cannot_be_put_back_are_refused() -> None:
    model, loader, optimizer = setting()
    with pytest.raises(errors.ArgumentError, match="iterator"):
        wb.train.lr_find(model, iter(loader), F.cross_entropy, optimizer)
    with pytest.raises(errors.ArgumentError, match="no batches"):
        wb.train.lr_find(model, [], F.cross_entropy, optimizer)

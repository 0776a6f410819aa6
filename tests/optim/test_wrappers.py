"""Lookahead and SAM around any optimizer: the papers' formulas, across a reload, inside jit, with schedules and scaling."""
from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import workbench as wb
from workbench import errors, optim

SHAPES = [(3, 2), (4,), ()]
BASES = {"SGD": dict(lr=0.1, momentum=0.9), "AdamW": dict(lr=0.05), "Muon": dict(lr=0.05), "SOAP": dict(lr=0.05)}
WRAPPERS: dict[str, list[dict]] = {"Lookahead": [dict(k=3, alpha=0.6), dict(k=1)], "SAM": [dict(rho=0.1), dict(rho=0.5, adaptive=True)]}


def start(base: str) -> list[wb.Tensor]:
    shapes = SHAPES[:1] if base == "Muon" else SHAPES
    return [wb.nn.Parameter(wb.tensor(np.random.default_rng(i).normal(size=s))) for i, s in enumerate(shapes)]


def inside(base: str, parameters: list) -> optim.Optimizer:
    return getattr(optim, base)(parameters, **BASES[base])


def loss_of(parameters: list) -> wb.Tensor:
    return sum((wb.tanh(p * (i + 1)) - 0.3).pow(2).sum() for i, p in enumerate(parameters))


def walk(base: str, wrap: Callable, reload_at: int | None = None, compiled: Callable = lambda f: f, steps: int = 12) -> list[np.ndarray]:
    parameters = start(base)

    def make() -> tuple[optim.Optimizer, Callable]:
        optimizer = wrap(inside(base, parameters))

        def closure():
            optimizer.zero_grad()
            loss = loss_of(parameters)
            loss.backward()
            return loss

        return optimizer, compiled(lambda: optimizer.step(closure))

    optimizer, step = make()
    for number in range(steps):
        if number == reload_at:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer, step = make()
            optimizer.load_state_dict(state)
        step()
    return [p.detach().numpy().copy() for p in parameters]


def lookahead(base: str, k: int = 5, alpha: float = 0.5, steps: int = 12) -> list[np.ndarray]:
    parameters = start(base)
    optimizer, slow = inside(base, parameters), [p.detach().numpy().copy() for p in parameters]
    for number in range(1, steps + 1):
        optimizer.zero_grad()
        loss_of(parameters).backward()
        optimizer.step()
        if number % k == 0:
            slow = [s + alpha * (p.detach().numpy() - s) for s, p in zip(slow, parameters, strict=True)]
            for p, s in zip(parameters, slow, strict=True):
                p.data[...] = s
    return [p.detach().numpy() for p in parameters]


def sam(base: str, rho: float = 0.05, adaptive: bool = False, steps: int = 12) -> list[np.ndarray]:
    parameters = start(base)
    optimizer = inside(base, parameters)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(parameters).backward()
        origin, grads = ([x.copy() for x in xs] for xs in zip(*[(p.detach().numpy(), p.grad.numpy()) for p in parameters], strict=True))
        size = np.sqrt(sum(((np.abs(w) * g if adaptive else g) ** 2).sum() for w, g in zip(origin, grads, strict=True)))
        for p, w, g in zip(parameters, origin, grads, strict=True):
            p.data[...] = w + rho * (w * w * g if adaptive else g) / (size + 1e-12)
        optimizer.zero_grad()
        loss_of(parameters).backward()
        for p, w in zip(parameters, origin, strict=True):
            p.data[...] = w
        optimizer.step()
    return [p.detach().numpy() for p in parameters]


FORMULAS = {"Lookahead": lookahead, "SAM": sam}
CASES = [(name, options, base) for name, some in WRAPPERS.items() for options in some for base in BASES]


@pytest.mark.parametrize(("name", "options", "base"), CASES, ids=str)
def test_a_wrapper_follows_its_paper(name, options, base) -> None:
    wanted = FORMULAS[name](base, **options)
    for reload_at in (None, 5):
        for a, b in zip(walk(base, lambda o: getattr(optim, name)(o, **options), reload_at), wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(("name", "options", "base"), CASES, ids=str)
def test_inside_jit_it_is_the_same(name, options, base) -> None:
    plain, compiled = (walk(base, lambda o: getattr(optim, name)(o, **options), compiled=wrap) for wrap in (lambda f: f, wb.jit))
    for a, b in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def test_wrappers_wrap_each_other() -> None:
    def both(optimizer):
        return optim.Lookahead(optim.SAM(optimizer, 0.1), k=2)

    plain, cut, compiled = walk("SGD", both), walk("SGD", both, 5), walk("SGD", both, compiled=wb.jit)
    for a, b, c in zip(plain, cut, compiled, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-9)


def test_a_wrapper_is_an_optimizer() -> None:
    p, q = wb.nn.Parameter(wb.ones(2)), wb.nn.Parameter(wb.ones(2))
    optimizer = optim.Lookahead(optim.SGD([p], lr=0.5), k=2, alpha=1.0)
    seen: list = []
    handle = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(type(o).__name__))
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.add_param_group({"params": q, "lr": 1.0})
    p.grad, q.grad = wb.ones(2), wb.ones(2)
    optimizer.step()
    optimizer.step()
    assert (p[0].item(), q[0].item()) == (0.0, -1.0)
    assert seen == ["Lookahead", "Lookahead"]
    assert scheduler.get_last_lr() == [0.5]
    handle.remove()
    twin = pickle.loads(pickle.dumps(optimizer))
    assert twin.param_groups[0]["lr"] == 0.5
    assert "SGD" in repr(optimizer)
    assert optimizer.defaults["lr"] == 0.5


def test_sam_goes_up_for_what_is_maximized() -> None:
    p = wb.nn.Parameter(wb.tensor([1.0]))
    optimizer = optim.SAM(optim.SGD([p], lr=0.1, maximize=True), rho=0.5)
    p.grad = wb.tensor([2.0])
    optimizer.ascend()
    assert p.item() == pytest.approx(0.5)  # the worst place for a maximum is lower
    optimizer.restore()
    optimizer.restore()
    assert p.item() == 1.0


def test_sam_with_a_scaler_and_with_infinite_gradients() -> None:
    plain, scaled = (wb.nn.Parameter(wb.tensor([1.0, -2.0])) for _ in range(2))
    first, second = (optim.SAM(optim.SGD([p], lr=0.1), rho=0.1) for p in (plain, scaled))
    scaler = wb.train.GradScaler(init_scale=8.0)

    def closure():
        first.zero_grad()
        loss = (plain**4).sum()
        loss.backward()
        return loss

    for _ in range(3):
        first.step(closure)
        for go in (second.ascend, lambda: scaler.step(second)):
            second.zero_grad()
            scaler.scale((scaled**4).sum()).backward()
            go()
        second.restore()
        scaler.update()
    np.testing.assert_allclose(scaled.detach().numpy(), plain.detach().numpy(), rtol=1e-6)
    before = scaled.tolist()
    scaled.grad = wb.tensor([float("inf"), 1.0])
    second.ascend()
    assert scaled.tolist() == before
    second.restore()


def test_wrong_uses_are_errors() -> None:
    p = wb.nn.Parameter(wb.ones(2))
    base = optim.SGD([p])
    for wrong in (lambda: optim.SAM(p), lambda: optim.SAM(base, rho=-1), lambda: optim.Lookahead(base, k=0), lambda: optim.Lookahead(base, alpha=2),
                  lambda: optim.SAM(base).step()):
        with pytest.raises(errors.ArgumentError):
            wrong()
    optimizer = optim.SAM(base)
    p.grad = wb.ones(2)
    optimizer.ascend()
    with pytest.raises(errors.ArgumentError, match="restore"):
        optimizer.state_dict()


def test_an_error_on_the_way_brings_the_weights_back() -> None:
    p = wb.nn.Parameter(wb.ones(2))
    optimizer, calls = optim.SAM(optim.SGD([p], lr=0.1)), []

    def closure():
        calls.append(1)
        (p * p).sum().backward()
        return p.sum() / (2 - len(calls)) if len(calls) < 2 else calls[5]

    with pytest.raises(IndexError):
        optimizer.step(closure)
    assert p.tolist() == [1.0, 1.0]
    optimizer.state_dict()


def test_every_wrapper_has_a_row() -> None:
    kinds = {name for name in optim.__all__ if isinstance(getattr(optim, name), type) and issubclass(getattr(optim, name), optim.wrappers.Wrapper)}
    assert kinds == set(WRAPPERS) == set(FORMULAS)


def test_a_configuration_holds_the_optimizers_inside() -> None:
    p = wb.nn.Parameter(wb.ones(2))
    config = wb.config.to_config(optim.Lookahead(optim.SAM(optim.AdamW([p], lr=0.1), rho=0.2), k=3))
    assert config == {"type": "Lookahead", "k": 3, "optimizer": {"type": "SAM", "rho": 0.2, "optimizer": {"type": "AdamW", "lr": 0.1}}}
    built = wb.config.build(config, params=[p])
    assert (built.k, built.optimizer.rho, built.param_groups[0]["lr"]) == (3, 0.2, 0.1)

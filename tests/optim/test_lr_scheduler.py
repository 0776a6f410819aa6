"""Every schedule sets PyTorch's rates and momenta, also when it is resumed half-way; those PyTorch lacks follow their formula."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import workbench as wb
from workbench import errors, optim

torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
pytestmark = pytest.mark.oracle

STEPS = 40


class Halving:
    """A function with something to save."""

    def __init__(self) -> None:
        self.strength = 0.5

    def __call__(self, epoch: int) -> float:
        return self.strength**epoch


SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", dict(step_size=3, gamma=0.5)),
    ("StepLR", dict(step_size=7)),
    ("MultiStepLR", dict(milestones=[2, 5, 5, 11], gamma=0.5)),
    ("ConstantLR", dict()),
    ("ConstantLR", dict(factor=0.3, total_iters=7)),
    ("LinearLR", dict()),
    ("LinearLR", dict(start_factor=0.2, end_factor=0.8, total_iters=9)),
    ("LinearLR", dict(start_factor=1.0, end_factor=0.0, total_iters=50)),
    ("ExponentialLR", dict(gamma=0.9)),
    ("PolynomialLR", dict()),
    ("PolynomialLR", dict(total_iters=12, power=2.0)),
    ("CosineAnnealingLR", dict(T_max=20, eta_min=0.001)),
    ("CosineAnnealingLR", dict(T_max=60)),
    ("CosineAnnealingLR", dict(T_max=7)),
    ("CosineAnnealingWarmRestarts", dict(T_0=5)),
    ("CosineAnnealingWarmRestarts", dict(T_0=3, T_mult=2, eta_min=0.01)),
    ("LambdaLR", dict(lr_lambda=lambda epoch: 1 / (1 + epoch))),
    ("LambdaLR", dict(lr_lambda=[lambda epoch: 0.9**epoch, Halving()])),
    ("MultiplicativeLR", dict(lr_lambda=lambda epoch: 0.9)),
    ("MultiplicativeLR", dict(lr_lambda=[lambda epoch: 1 - 0.01 * epoch, lambda epoch: 0.95])),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.3, step_size_up=4, step_size_down=7, cycle_momentum=False)),
    ("CyclicLR", dict(base_lr=[0.01, 0.02], max_lr=[0.3, 0.1], step_size_up=5, base_momentum=0.7, max_momentum=0.95)),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.3, step_size_up=4, mode="triangular2")),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.3, step_size_up=4, mode="exp_range", gamma=0.95)),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.3, step_size_up=4, scale_fn=lambda cycle: 1 / cycle)),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.3, step_size_up=4, scale_fn=lambda step: 0.97**step, scale_mode="iterations")),
    ("OneCycleLR", dict(max_lr=0.4, total_steps=60)),
    ("OneCycleLR", dict(max_lr=[0.4, 0.2], epochs=5, steps_per_epoch=10, anneal_strategy="linear")),
    ("OneCycleLR", dict(max_lr=0.4, total_steps=50, three_phase=True, base_momentum=[0.5, 0.6], max_momentum=0.9)),
    ("OneCycleLR", dict(max_lr=0.4, total_steps=40, pct_start=0.1, div_factor=10.0, final_div_factor=100.0, cycle_momentum=False)),
]


def name_of(case: tuple) -> str:
    return "-".join([case[0], *(f"{k}={v if isinstance(v, (int, float, str)) else type(v).__name__}" for k, v in case[1].items())])


def optimizer_of(library: Any, kind: str) -> Any:
    """Two groups with rates of their own."""
    parameters = [library.zeros(1, requires_grad=True) for _ in range(2)]
    package = optim if library is wb else torch.optim
    return getattr(package, kind)([{"params": [parameters[0]]}, {"params": [parameters[1]], "lr": 0.1}], lr=0.4, **(dict(momentum=0.9) if kind == "SGD" else {}))


def walk(library: Any, make: Callable[[Any, Any], Any], kind: str = "SGD", steps: int = STEPS, reload_at: int | None = None,
         feed: Callable[[int], tuple] = lambda step: ()) -> list:
    """Rates and momenta of both groups at every step."""
    schedulers = (optim if library is wb else torch.optim).lr_scheduler
    optimizer = optimizer_of(library, kind)
    scheduler, seen = make(schedulers, optimizer), []
    for step in range(steps):
        if step == reload_at:
            states = optimizer.state_dict(), scheduler.state_dict()
            optimizer = optimizer_of(library, kind)
            scheduler = make(schedulers, optimizer)
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
        seen.append([v for g in optimizer.param_groups for v in (g["lr"], g["momentum"] if kind == "SGD" else g["betas"][0])])
        optimizer.step()
        scheduler.step(*feed(step))
    return seen


@pytest.mark.parametrize("case", SCHEDULES, ids=name_of)
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_a_schedule_is_pytorchs(case: tuple, kind: str) -> None:
    def make(schedulers, optimizer):
        return getattr(schedulers, case[0])(optimizer, **case[1])

    theirs = walk(torch, make, kind)
    for reload_at in (None, STEPS // 2):
        np.testing.assert_allclose(walk(wb, make, kind, reload_at=reload_at), theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", SCHEDULES, ids=name_of)
def test_a_state_of_pytorchs_is_continued(case: tuple) -> None:
    made = []
    for library, package in ((torch, torch.optim), (wb, optim)):
        optimizer = optimizer_of(library, "SGD")
        made.append((optimizer, getattr(package.lr_scheduler, case[0])(optimizer, **case[1])))
    (theirs, their_scheduler), (ours, our_scheduler) = made
    for _ in range(11):
        theirs.step()
        their_scheduler.step()
    ours.load_state_dict(theirs.state_dict())
    our_scheduler.load_state_dict(their_scheduler.state_dict())
    for _ in range(15):
        for optimizer, scheduler in made:
            optimizer.step()
            scheduler.step()
        for a, b in zip(theirs.param_groups, ours.param_groups, strict=True):
            np.testing.assert_allclose((b["lr"], b["momentum"]), (a["lr"], a["momentum"]), rtol=1e-9, atol=1e-12)


def test_a_state_that_is_none_is_refused() -> None:
    scheduler = optim.lr_scheduler.StepLR(optimizer_of(wb, "SGD"), 3)
    for state in ({}, {**scheduler.state_dict(), "base_lrs": [0.1]}):
        with pytest.raises(errors.CheckpointError, match="not that of a scheduler of 2 groups"):
            scheduler.load_state_dict(state)


def warm(s, optimizer):
    parts = [s.LinearLR(optimizer, 0.1, total_iters=4), s.CosineAnnealingLR(optimizer, 6), s.ExponentialLR(optimizer, 0.5)]
    return s.SequentialLR(optimizer, parts, [4, 10])


def at_once(s, optimizer):
    return s.SequentialLR(optimizer, [s.ConstantLR(optimizer, 0.5, 3), s.StepLR(optimizer, 2)], [0])


def chained(s, optimizer):
    return s.ChainedScheduler([s.ConstantLR(optimizer, 0.1, 3), s.ExponentialLR(optimizer, 0.9), s.StepLR(optimizer, 4)], optimizer)


def multiplied_on(s, optimizer):
    parts = [s.StepLR(optimizer, 2, 0.5), s.MultiplicativeLR(optimizer, lambda epoch: 0.9 + 0.01 * epoch), s.ExponentialLR(optimizer, 0.9)]
    return s.SequentialLR(optimizer, parts, [5, 11])


COMBINED = {"SequentialLR": [warm, at_once, multiplied_on], "ChainedScheduler": [chained]}


@pytest.mark.parametrize("make", [make for some in COMBINED.values() for make in some])
def test_schedules_of_schedules_are_pytorchs(make) -> None:
    theirs = walk(torch, make)
    for reload_at in (None, 7):
        np.testing.assert_allclose(walk(wb, make, reload_at=reload_at), theirs, rtol=1e-9)


def test_a_chained_schedule_can_be_part_of_a_sequence() -> None:
    def make(s, optimizer):
        both = s.ChainedScheduler([s.LinearLR(optimizer, 0.5, total_iters=2), s.ExponentialLR(optimizer, 0.9)])
        return s.SequentialLR(optimizer, [s.ConstantLR(optimizer, 1.0), both], [2])

    factors = [1, 1, 0.5, 0.75 * 0.9, 0.9**2, 0.9**3]
    np.testing.assert_allclose(np.array(walk(wb, make, steps=6))[:, 0], 0.4 * np.array(factors), rtol=1e-12)


PLATEAUS = [dict(), dict(mode="max", factor=0.5, patience=2, cooldown=2), dict(threshold_mode="abs", threshold=0.3, patience=1, min_lr=0.01),
            dict(mode="max", threshold_mode="abs", threshold=0.1, patience=0), dict(patience=1, min_lr=[0.05, 0.001], eps=1e-3),
            dict(mode="max", threshold=0.2, patience=1)]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_a_plateau_lowers_the_rate_as_in_pytorch(options) -> None:
    metrics = np.random.default_rng(3).normal(size=STEPS).cumsum() * 0.1 + 1

    def run(library, reload_at=None):
        return walk(library, lambda s, optimizer: s.ReduceLROnPlateau(optimizer, **options), reload_at=reload_at, feed=lambda step: (float(metrics[step]),))

    for reload_at in (None, STEPS // 2):
        np.testing.assert_allclose(run(wb, reload_at), run(torch), rtol=1e-12)


def noam(step: int) -> float:
    return 64**-0.5 * min((step + 1) ** -0.5, (step + 1) * 5**-1.5)


def after_warmup(decay: Callable[[float], float], start: float = 0.0, end: float = 0.0) -> Callable[[int], float]:
    return lambda step: start + (1 - start) * step / 5 if step < 5 else end + (1 - end) * decay(min(1.0, (step - 5) / 20))


FORMULAS = [
    ("NoamLR", dict(model_size=64, warmup_steps=5), noam),
    ("WarmupLR", dict(warmup_steps=5, total_steps=25), after_warmup(lambda s: 0.5 + 0.5 * math.cos(math.pi * s))),
    ("WarmupLR", dict(warmup_steps=5, total_steps=25, decay="linear", start_factor=0.1, end_factor=0.2), after_warmup(lambda s: 1 - s, 0.1, 0.2)),
    ("WarmupLR", dict(warmup_steps=5, total_steps=25, decay="polynomial", power=3.0), after_warmup(lambda s: (1 - s) ** 3)),
    ("WarmupLR", dict(warmup_steps=5, decay="constant"), after_warmup(lambda s: 1.0)),
    ("WarmupLR", dict(warmup_steps=5, decay="inverse_sqrt"), lambda step: min(step / 5, math.sqrt(5 / max(step, 1)))),
    ("warmup_cosine", dict(warmup_steps=5, total_steps=25, end_factor=0.1), after_warmup(lambda s: 0.5 + 0.5 * math.cos(math.pi * s), end=0.1)),
]


@pytest.mark.parametrize("case", FORMULAS, ids=name_of)
def test_a_warm_up_follows_its_formula(case) -> None:
    name, options, formula = case
    wanted = [[rate * formula(step) for rate in (0.4, 0.1)] for step in range(STEPS)]
    for reload_at in (None, 11):
        seen = walk(wb, lambda s, optimizer: getattr(s, name)(optimizer, **options), reload_at=reload_at)
        np.testing.assert_allclose(np.array(seen)[:, ::2], wanted, rtol=1e-12, atol=1e-15)


def test_every_schedule_has_a_row() -> None:
    here = {name for name in optim.lr_scheduler.__all__ if name != "LRScheduler"}
    assert here == {case[0] for case in SCHEDULES} | {case[0] for case in FORMULAS} | set(COMBINED) | {"ReduceLROnPlateau"}
    theirs = {name for name, value in vars(torch.optim.lr_scheduler).items() if isinstance(value, type) and issubclass(value, torch.optim.lr_scheduler.LRScheduler)}
    assert {name for name in theirs if not name.startswith("_")} <= set(optim.lr_scheduler.__all__)


def test_a_scheduler_written_for_pytorch_works() -> None:
    def make(schedulers, optimizer):
        class Mine(schedulers.LRScheduler):
            def get_lr(self):
                return [group["lr"] * (0.9 if self.last_epoch else 1) for group in self.optimizer.param_groups]

        return Mine(optimizer)

    np.testing.assert_allclose(walk(wb, make), walk(torch, make), rtol=1e-12)


def test_it_resumes_from_the_number_of_steps() -> None:
    def run(library):
        def make(schedulers, optimizer):
            for group in optimizer.param_groups:
                group["initial_lr"], group["lr"] = group["lr"], group["lr"] * 0.9**6
            return schedulers.ExponentialLR(optimizer, 0.9, last_epoch=5)

        return walk(library, make)

    np.testing.assert_allclose(run(wb), run(torch), rtol=1e-9)


def test_warm_restarts_go_to_a_fraction_of_an_epoch() -> None:
    def run(library):
        return walk(library, lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2), feed=lambda step: (step / 3,))

    np.testing.assert_allclose(run(wb), run(torch), rtol=1e-9)


@pytest.mark.parametrize("make", [
    lambda s, o: s.CyclicLR(o, 0.1, [0.2]), lambda s, o: s.OneCycleLR(o, 0.1), lambda s, o: s.OneCycleLR(o, 0.1, 10, anneal_strategy="sin"),
    lambda s, o: s.MultiplicativeLR(o, 0.9), lambda s, o: s.ExponentialLR(o, 0.9, last_epoch=3), lambda s, o: s.WarmupLR(o, 5, 5),
    lambda s, o: s.WarmupLR(o, 5, decay="steep"), lambda s, o: s.NoamLR(o, 0), lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    lambda s, o: s.SequentialLR(o, [], []), lambda s, o: s.ChainedScheduler([s.ExponentialLR(optimizer_of(wb, "SGD"), 0.9)], o),
    lambda s, o: s.StepLR(None, 3), lambda s, o: s.OneCycleLR(optim.Rprop([wb.zeros(1, requires_grad=True)]), 0.1, 5),
], ids=range(13))
def test_wrong_settings_are_errors(make) -> None:
    with pytest.raises(errors.ArgumentError):
        make(optim.lr_scheduler, optimizer_of(wb, "SGD"))


@pytest.mark.parametrize(("name", "options"), [("StepLR", dict(step_size=2)), ("CosineAnnealingLR", dict(T_max=9)), ("LinearLR", {})])
def test_a_group_that_comes_later_changes_with_the_others(name, options) -> None:
    seen = []
    for library, package in ((wb, optim), (torch, torch.optim)):
        optimizer = optimizer_of(library, "SGD")
        scheduler = getattr(package.lr_scheduler, name)(optimizer, **options)
        optimizer.step()
        scheduler.step()
        optimizer.add_param_group({"params": [library.zeros(1, requires_grad=True)], "lr": 0.7})
        for _ in range(4):
            optimizer.step()
            scheduler.step()
            seen.append([group["lr"] for group in optimizer.param_groups])
    np.testing.assert_allclose(seen[:4], seen[4:], rtol=1e-12)


def test_a_group_that_comes_later_has_no_function_of_its_own() -> None:
    optimizer = optimizer_of(wb, "SGD")
    scheduler = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0)
    optimizer.add_param_group({"params": [wb.zeros(1, requires_grad=True)]})
    with pytest.raises(errors.ArgumentError, match="no lr_lambda; make a new scheduler"):
        scheduler.step()


def test_there_is_a_way_back_from_a_rate_of_zero() -> None:
    optimizer = optimizer_of(wb, "SGD")
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    rates = []
    for by_hand in (0.0, None, 0.1, None):
        if by_hand is not None:
            optimizer.param_groups[0]["lr"] = by_hand
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, [0, 0, 0.05, 0.025])


def test_a_cycle_that_is_over_is_an_error() -> None:
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer_of(wb, "SGD"), 0.1, 3)
    for _ in range(3):
        scheduler.step()
    with pytest.raises(errors.ArgumentError, match="total_steps"):
        scheduler.step()


def both(s, optimizer):
    return s.ChainedScheduler([s.ConstantLR(optimizer, 0.1, 3), s.ExponentialLR(optimizer, 0.9)])


@pytest.mark.parametrize("make", [warm, both])
def test_a_configuration_holds_the_schedules_inside(make) -> None:
    first, second = optimizer_of(wb, "SGD"), optimizer_of(wb, "SGD")
    scheduler = make(optim.lr_scheduler, first)
    given = {"optimizer": second}
    again = wb.config.build(wb.config.to_config(scheduler), **given)
    for _ in range(12):
        scheduler.step()
        again.step()
        assert again.get_last_lr() == scheduler.get_last_lr()

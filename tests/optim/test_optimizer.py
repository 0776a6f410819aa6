"""Groups, validation, hands on the rate, and the write log."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from tests.optim.test_formulas import optimizer_named
from workbench import errors, optim


def parameter(*values: float) -> wb.Tensor:
    return wb.nn.Parameter(wb.tensor(list(values)))


def test_groups_have_settings_of_their_own() -> None:
    a, b = parameter(1.0), parameter(1.0)
    a.grad, b.grad = wb.ones(1), wb.ones(1)
    optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1).step()
    assert (a.item(), b.item()) == (pytest.approx(0.9), pytest.approx(0.5))


@pytest.mark.parametrize("make", [
    lambda p: optim.SGD([p], lr=-1), lambda p: optim.Adam([p], betas=(1.0, 0.9)), lambda p: optim.SGD([p], nesterov=True),
    lambda p: optim.SGD([]), lambda p: optim.SGD([p, p]), lambda p: optim.SGD([p * 2]),
    lambda p: optim.lr_scheduler.StepLR(optim.SGD([p]), 0), lambda p: optim.lr_scheduler.CosineAnnealingLR(p, 3),
])
def test_wrong_settings_are_errors(make) -> None:
    with pytest.raises(errors.ArgumentError):
        make(parameter(1.0))


def test_a_state_of_other_parameters_is_refused_and_changes_nothing() -> None:
    optimizer = optim.Adam([parameter(1.0), parameter(2.0)])
    other = optim.Adam([parameter(1.0)])
    with pytest.raises(errors.CheckpointError, match="groups"):
        optimizer.load_state_dict(other.state_dict())
    assert optimizer.state == {}


@pytest.mark.parametrize(("change", "words"), [
    (lambda state: state.pop("state"), "has no state"), (lambda state: state.pop("param_groups"), "has no param_groups"),
    (lambda state: state["state"].update({7: {}}), "remembers parameter 7"), (lambda state: state["param_groups"][0].pop("betas"), "nothing of betas"),
    (lambda state: state["state"][0].update(exp_avg=wb.zeros(5)), r"exp_avg has shape \(5,\), its parameter \(1,\)")])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, words) -> None:
    p = parameter(1.0)
    p.grad = wb.ones(1)
    optimizer = optim.Adam([p])
    optimizer.step()
    state = optimizer.state_dict()
    change(state)
    other = optim.Adam([p], lr=0.5)
    with pytest.raises(errors.CheckpointError, match=words):
        other.load_state_dict(state)
    assert (other.state, other.param_groups[0]["lr"]) == ({}, 0.5)


def test_parameters_without_a_gradient_stay() -> None:
    a, b = parameter(1.0), parameter(1.0)
    a.grad = wb.ones(1)
    optim.AdamW([a, b], lr=0.1).step()
    assert a.item() != 1.0
    assert b.item() == 1.0


def test_a_step_between_forward_and_backward_is_an_error_not_a_wrong_gradient() -> None:
    p = parameter(1.0, 2.0)
    loss = (p * p).sum()
    p.grad = wb.ones(2)
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(errors.GraphError, match="overwritten"):
        loss.backward()


def test_a_rate_changed_by_hand_stays_changed_by_the_same_ratio() -> None:
    optimizer = optim.SGD([parameter(1.0)], lr=1.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    scheduler.step()
    optimizer.param_groups[0]["lr"] *= 3
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.75)


def test_a_schedule_resumes_from_its_state() -> None:
    def make() -> tuple:
        optimizer = optim.SGD([parameter(1.0)], lr=1.0)
        return optimizer, optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)

    optimizer, scheduler = make()
    for _ in range(4):
        scheduler.step()
    again, resumed = make()
    again.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    scheduler.step()
    resumed.step()
    assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


def test_zero_grad_forgets_or_zeroes() -> None:
    p = parameter(1.0)
    optimizer = optim.SGD([p])
    p.grad = wb.ones(1)
    optimizer.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(p.grad.numpy(), [0.0])
    optimizer.zero_grad()
    assert p.grad is None


def test_values_are_clipped_in_place() -> None:
    p = parameter(1.0, 1.0)
    p.grad = wb.tensor([5.0, -0.1])
    optim.clip_grad_value_([p], 0.5)
    assert p.grad.tolist() == [0.5, pytest.approx(-0.1)]


@pytest.mark.oracle
def test_an_optimizer_written_for_pytorch_works() -> None:
    """It overrides step, and finds its state, groups and in-place methods where PyTorch has them."""
    found = []
    for library, package in ((wb, optim), _torch()):
        class Own(package.Optimizer):
            def __init__(self, params, lr=0.1, momentum=0.9, maximize=False, **options):
                super().__init__(params, dict(lr=lr, momentum=momentum))

            def step(self, closure=None):
                with self.library.no_grad():
                    for group in self.param_groups:
                        for p in group["params"]:
                            state = self.state[p]
                            if not state:
                                state["buffer"] = self.library.zeros_like(p)
                            state["buffer"].mul_(group["momentum"]).add_(p.grad)
                            p.add_(state["buffer"], alpha=-group["lr"])

        Own.library = library
        p = library.ones(3, requires_grad=True)
        optimizer, seen = Own([p]), []
        optimizer.register_step_post_hook(lambda o, args, kwargs, seen=seen: seen.append(1))
        scheduler = package.lr_scheduler.StepLR(optimizer, 2)
        for _ in range(5):
            optimizer.zero_grad()
            (p * p * p).sum().backward()
            optimizer.step()
            scheduler.step()
        assert len(seen) == 5
        found.append(p.detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-6)


def _torch() -> tuple:
    torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
    return torch, torch.optim


@pytest.mark.parametrize("name", sorted(name for name in optim.__all__ if optimizer_named(name) and name not in ("Optimizer", "KFAC", "LBFGS")))
def test_upwards_is_downwards_of_the_negative(name) -> None:
    found = []
    for sign in (1.0, -1.0):
        p = wb.nn.Parameter(wb.tensor(np.linspace(-1, 1, 6).reshape(2, 3)))
        optimizer = getattr(optim, name)([p], lr=0.05, maximize=sign < 0)
        for _ in range(4):
            optimizer.zero_grad()
            ((wb.tanh(p * 2) - 0.1) ** 2).sum().mul(sign).backward()
            optimizer.step()
        found.append(p.detach().numpy())
    np.testing.assert_array_equal(*found)


def test_a_rate_in_a_tensor_is_a_number() -> None:
    p = parameter(1.0)
    p.grad = wb.ones(1)
    optimizer = optim.SGD([{"params": [p], "lr": wb.tensor(0.5)}])
    optimizer.step()
    assert p.item() == 0.5
    assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize(("make", "words"), [
    (lambda: optim.Adam([wb.nn.Parameter(wb.ones(1))], lr="1e-3"), "lr='1e-3'; expected 0 or more"),
    (lambda: optim.Adam([wb.nn.Parameter(wb.ones(1))], betas=(0.9,)), "expected two numbers"),
    (lambda: optim.SGD({wb.nn.Parameter(wb.ones(1))}), "a set have no order"),
    (lambda: optim.SGD([{"lr": 0.1}]), "a group is a dict with params"),
    (lambda: optim.Muon([wb.nn.Parameter(wb.ones(2, 2, dtype=wb.complex64))]), "is complex"),
    (lambda: optim.SGD(wb.nn.Sequential(wb.nn.Linear(1, 1)), lr=0.1), r"got a Sequential, expected its parameters; pass model.parameters\(\)")])
def test_slips_of_the_pen_are_named(make, words):
    with pytest.raises(wb.errors.ArgumentError, match=words):
        make()


@pytest.mark.parametrize("foreach", [None, False])
def test_a_centred_rmsprop_survives_a_steady_gradient(foreach):
    """Its variance is nothing but rounding, which may be below zero; PyTorch's weights become NaN here."""
    p = wb.nn.Parameter(wb.zeros(50))
    optimizer = optim.RMSprop([p], lr=1e-6, alpha=0.9, centered=True, foreach=foreach)
    p.grad = wb.tensor(np.random.default_rng(0).normal(size=50).astype(np.float32))
    for _ in range(200):
        optimizer.step()
    assert np.isfinite(p.detach().numpy()).all()

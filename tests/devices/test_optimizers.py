"""Every optimizer, clipping and averages change parameters on a device as they do on the host."""
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.devices.support import same_on_both
from tests.optim.test_formulas import optimizer_named
from tests.optim.test_multi_tensor import TOGETHER, WITH_NORMS
from workbench import nn, optim

pytestmark = pytest.mark.sweep
NAMES = sorted(name for name in optim.__all__ if optimizer_named(name) and name != "Optimizer")
CASES = [*((name, {}) for name in NAMES), *TOGETHER, *WITH_NORMS]
X = np.random.default_rng(0).normal(size=(6, 4))


def network(device: str, square: bool = False) -> nn.Module:
    """Biases, a matrix of more rows than columns, one of more columns."""
    if square:
        return nn.Linear(4, 4, dtype="float64").to(device)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 5), nn.PReLU(), nn.Linear(5, 1)).double().to(device)


def loss_of(model: nn.Module, device: str) -> wb.Tensor:
    return ((model(wb.tensor(X, device=device)) - 0.3) ** 2).mean()


def trained(make: Callable[[nn.Module], Any], device: str, square: bool = False, steps: int = 6, reload_at: int = 3) -> list[wb.Tensor]:
    """Parameters after some steps; half-way the optimizer is made anew from its state."""
    model = network(device, square)
    optimizer = make(model)
    for step in range(steps):
        if step == reload_at:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = make(model)
            optimizer.load_state_dict(state)

        def closure(optimizer: Any = optimizer) -> wb.Tensor:
            optimizer.zero_grad()
            loss = loss_of(model, device)
            loss.backward()
            return loss

        optimizer.step(closure)
    return list(model.parameters())


def made(name: str, options: dict[str, Any]) -> Callable[[nn.Module], Any]:
    """How an optimizer is made of a model."""
    if name == "KFAC":
        return lambda model: optim.KFAC(model, **options)
    if name == "Muon":  # for matrices only
        return lambda model: optim.Muon([p for p in model.parameters() if p.ndim == 2], **options)
    return lambda model: getattr(optim, name)(model.parameters(), **options)


@pytest.mark.parametrize("case", [case for case in CASES if case[0] != "SparseAdam"], ids=lambda case: f"{case[0]}-{case[1]}")
def test_an_optimizer_walks_the_hosts_path(case: tuple[str, dict]) -> None:
    # Eigenvectors of a matrix without full rank are arbitrary, and differ between libraries.
    same_on_both(lambda device: trained(made(*case), device, case[0] == "SOAP"), 1e-8)


WRAPPED = {
    "Lookahead": lambda model: optim.Lookahead(optim.SGD(model.parameters(), lr=0.1), k=2),
    "SAM": lambda model: optim.SAM(optim.SGD(model.parameters(), lr=0.1)),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrapper_does(name: str) -> None:
    same_on_both(lambda device: trained(WRAPPED[name], device), 1e-8)


@pytest.mark.parametrize("name", ["SparseAdam", "SGD", "Adagrad"])
def test_gradients_of_some_rows(name: str) -> None:
    def walk(device: str) -> list[wb.Tensor]:
        table = nn.Embedding(7, 3, sparse=True).double().to(device)
        optimizer = getattr(optim, name)(table.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (table(wb.tensor([1, 5, 1], device=device)) ** 2).sum().backward()
            assert table.weight.grad.is_sparse
            optimizer.step()
        return [table.weight, table.weight.grad.to_dense()]

    same_on_both(walk)


CLIPPED: dict[str, Callable[[nn.Module], Any]] = {
    "norm": lambda model: optim.clip_grad_norm_(model.parameters(), 0.01), "largest": lambda model: optim.clip_grad_norm_(model.parameters(), 0.01, float("inf")),
    "norm 3": lambda model: optim.clip_grad_norm_(model.parameters(), 0.01, 3.0, error_if_nonfinite=True),
    "value": lambda model: optim.clip_grad_value_(model.parameters(), 0.01), "layer": lambda model: optim.clip_grad_norm_per_layer_(model, 0.01),
    "adaptive": lambda model: optim.adaptive_clip_grad_(model.parameters(), 0.001), "noise": lambda model: optim.add_gradient_noise_(model.parameters(), 1),
    "total": lambda model: optim.get_total_norm([p.grad for p in model.parameters()]),
}


@pytest.mark.parametrize("name", CLIPPED)
def test_clipping_is_the_hosts(name: str) -> None:
    def clipped(device: str) -> list[Any]:
        model = network(device)
        loss_of(model, device).backward()
        found = CLIPPED[name](model)
        return [*([] if found is None else wb.tree.flatten(found)[0]), *(p.grad for p in model.parameters())]

    same_on_both(clipped)


def test_averages_follow_on_the_device() -> None:
    def averaged(device: str) -> list[wb.Tensor]:
        model = network(device)
        average, swa = optim.EMA(model, 0.5), optim.swa_utils.AveragedModel(model)
        for _ in range(3):
            with wb.no_grad():
                for p in model.parameters():
                    p.mul_(0.9)
            average.update()
            swa.update_parameters(model)
        with average.apply():
            return [p.detach().clone() for p in (*model.parameters(), *swa.parameters())]

    same_on_both(averaged)


def test_a_jitted_step_is_the_hosts() -> None:
    def stepped(device: str) -> list[wb.Tensor]:
        model = network(device)
        optimizer = optim.AdamW(model.parameters(), lr=0.05)

        @wb.jit
        def step() -> wb.Tensor:
            optimizer.zero_grad()
            loss = loss_of(model, device)
            loss.backward()
            optimizer.step()
            return loss

        return [*(step() for _ in range(4)), *model.parameters()]

    same_on_both(stepped, 1e-8)

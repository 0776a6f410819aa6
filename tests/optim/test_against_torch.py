"""Every optimizer and schedule walks PyTorch's path: 50 steps in float64, also across a save and load half-way."""
from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest

import workbench as wb
from workbench import optim

torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
from tests.optim.test_formulas import PAPERS, optimizer_named  # noqa: E402

pytestmark = pytest.mark.oracle

STEPS = 50
OPTIMIZERS = [
    ("SGD", dict(lr=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("SGD", dict(lr=0.1, momentum=0.8, dampening=0.3)),
    ("SGD", dict(lr=0.01, maximize=True)),
    ("Adam", dict(lr=0.05)),
    ("Adam", dict(lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
    ("Adam", dict(lr=0.05, amsgrad=True)),
    ("Adam", dict(lr=0.01, maximize=True)),
    ("AdamW", dict(lr=0.05)),
    ("AdamW", dict(lr=0.05, weight_decay=0.2, amsgrad=True)),
    ("Adagrad", dict(lr=0.1)),
    ("Adagrad", dict(lr=0.1, lr_decay=0.01, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-5)),
    ("Adadelta", dict(lr=1.0)),
    ("Adadelta", dict(lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.1)),
    ("RMSprop", dict(lr=0.01)),
    ("RMSprop", dict(lr=0.01, alpha=0.9, momentum=0.8, centered=True, weight_decay=0.1)),
    ("Adamax", dict(lr=0.01)),
    ("Adamax", dict(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, maximize=True)),
    ("NAdam", dict(lr=0.02)),
    ("NAdam", dict(lr=0.02, weight_decay=0.1, momentum_decay=0.01)),
    ("NAdam", dict(lr=0.02, weight_decay=0.1, decoupled_weight_decay=True)),
    ("RAdam", dict(lr=0.02)),
    ("RAdam", dict(lr=0.02, betas=(0.8, 0.9), weight_decay=0.1)),
    ("RAdam", dict(lr=0.02, weight_decay=0.1, decoupled_weight_decay=True)),
    ("ASGD", dict(lr=0.05)),
    ("ASGD", dict(lr=0.05, lambd=0.01, alpha=0.5, t0=10, weight_decay=0.1)),
    ("Rprop", dict(lr=0.01)),
    ("Rprop", dict(lr=0.05, etas=(0.3, 1.5), step_sizes=(1e-4, 0.2))),
    ("Adafactor", dict(lr=0.02)),
    ("Adafactor", dict(lr=0.02, beta2_decay=-0.5, eps=(1e-10, 1e-2), d=1.5, weight_decay=0.1)),
]
ELSEWHERE = {"LBFGS": "test_lbfgs", "KFAC": "test_kfac", "SparseAdam": "test_sparse"}
"""Optimizers that need a closure, a model or sparse gradients have files of their own."""
LOOSE = {"NAdam": 1e-6, "ASGD": 1e-6, "Adafactor": 1e-6}
"""PyTorch keeps running products and step sizes of these in float32."""


def name_of(case: tuple) -> str:
    return "-".join([case[0], *(f"{k}={getattr(v, '__name__', v)}" for k, v in case[1].items())])


def start() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in ((3, 2), (4,), ())]


def losses(parameters: list, tanh: Callable) -> object:
    return sum((tanh(p * (i + 1)) - 0.3).pow(2).sum() for i, p in enumerate(parameters))


def walk(library: object, make: Callable, steps: int, reload_at: int | None = None) -> list[np.ndarray]:
    ours = library is wb
    parameters = [wb.tensor(a, requires_grad=True) if ours else torch.tensor(a, requires_grad=True) for a in start()]
    optimizer = make(parameters)
    for step in range(steps):
        if step == reload_at:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = make(parameters)
            optimizer.load_state_dict(state)
        optimizer.zero_grad()
        losses(parameters, library.tanh).backward()
        optimizer.step()
    return [p.detach().numpy() for p in parameters]


@pytest.mark.parametrize("case", OPTIMIZERS, ids=name_of)
def test_a_trajectory_is_pytorchs(case: tuple) -> None:
    name, options = case
    theirs = walk(torch, lambda p: getattr(torch.optim, name)(p, **options), STEPS)
    for reload_at in (None, STEPS // 2):
        ours = walk(wb, lambda p: getattr(optim, name)(p, **options), STEPS, reload_at)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=LOOSE.get(name, 1e-10), atol=1e-9 if name in LOOSE else 1e-12)


@pytest.mark.parametrize("case", OPTIMIZERS, ids=name_of)
def test_a_state_of_pytorchs_is_continued(case: tuple) -> None:
    name, options = case
    theirs = [torch.tensor(a, requires_grad=True) for a in start()]
    optimizer = getattr(torch.optim, name)(theirs, **options)

    def steps(library: object, optimizer: object, parameters: list) -> None:
        for _ in range(5):
            optimizer.zero_grad()
            losses(parameters, library.tanh).backward()
            optimizer.step()

    steps(torch, optimizer, theirs)
    ours = [wb.tensor(p.detach().numpy().copy(), requires_grad=True) for p in theirs]
    resumed = getattr(optim, name)(ours, lr=9.0)
    resumed.load_state_dict(optimizer.state_dict())
    steps(torch, optimizer, theirs)
    steps(wb, resumed, ours)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=LOOSE.get(name, 1e-10), atol=1e-8 if name in LOOSE else 1e-12)


@pytest.mark.parametrize("case", [case for case in OPTIMIZERS if getattr(optim, case[0]).takes_complex], ids=name_of)
def test_complex_parameters_are_pairs_as_in_pytorch(case: tuple) -> None:
    found = []
    for library in (wb, torch):
        rng = np.random.default_rng(0)
        p = library.tensor(rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2)), requires_grad=True)
        make = getattr((optim if library is wb else torch.optim), case[0])
        optimizer = make([p], **case[1])
        for step in range(8):
            if step == 4:
                state, optimizer = copy.deepcopy(optimizer.state_dict()), make([p], **case[1])
                optimizer.load_state_dict(state)
            p.grad = library.tensor(rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2)))
            optimizer.step()
        found.append(p.detach().numpy())
    np.testing.assert_allclose(*found, rtol=LOOSE.get(case[0], 1e-10), atol=1e-8 if case[0] in LOOSE else 1e-12)


def test_every_optimizer_has_a_row() -> None:
    kinds = {name for name in optim.__all__ if optimizer_named(name)}
    assert kinds - {"Optimizer"} == {case[0] for case in OPTIMIZERS} | {case[0] for case in PAPERS} | set(ELSEWHERE)

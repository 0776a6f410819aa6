"""Optimizers that PyTorch does not have, against their paper's formula in plain NumPy; and every optimizer under jit."""
from __future__ import annotations

import copy

import numpy as np
import pytest

import workbench as wb
from workbench import errors, optim


def norm(x: np.ndarray) -> float:
    return float(np.sqrt((x * x).sum()))


def lion(p, g, s, lr=1e-4, betas=(0.9, 0.99), weight_decay=0):
    m = s.setdefault("m", np.zeros_like(p))
    new = p * (1 - lr * weight_decay) - lr * np.sign(betas[0] * m + (1 - betas[0]) * g)
    s["m"] = betas[1] * m + (1 - betas[1]) * g
    return new


def moments(g, s, betas):
    s["t"] = s.get("t", 0) + 1
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g * g
    return s["m"] / (1 - betas[0] ** s["t"]), s["v"] / (1 - betas[1] ** s["t"])


def lamb(p, g, s, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0):
    m, v = moments(g, s, betas)
    step = m / (np.sqrt(v) + eps) + weight_decay * p
    return p - lr * (norm(p) / norm(step)) * step


def lars(p, g, s, lr=0.1, momentum=0.9, weight_decay=0, trust_coefficient=1e-3):
    rate = trust_coefficient * norm(p) / (norm(g) + weight_decay * norm(p))
    s["b"] = momentum * s.get("b", 0) + lr * rate * (g + weight_decay * p)
    return p - s["b"]


def adabelief(p, g, s, lr=1e-3, betas=(0.9, 0.999), eps=1e-16, weight_decay=0):
    s["t"] = s.get("t", 0) + 1
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["s"] = betas[1] * s.get("s", 0) + (1 - betas[1]) * (g - s["m"]) ** 2 + eps
    p = p * (1 - lr * weight_decay)
    return p - lr * (s["m"] / (1 - betas[0] ** s["t"])) / (np.sqrt(s["s"] / (1 - betas[1] ** s["t"])) + eps)


def muon(p, g, s, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True, ns_steps=5, adjust_lr_fn=None):
    s["b"] = momentum * s.get("b", 0) + (1 - momentum) * g
    x = (1 - momentum) * g + momentum * s["b"] if nesterov else s["b"]
    turned = x.shape[0] > x.shape[1]
    x = x.T if turned else x
    x = x / max(norm(x), 1e-7)
    for _ in range(ns_steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    x = x.T if turned else x
    size = 0.2 * max(p.shape) ** 0.5 if adjust_lr_fn else max(1, p.shape[0] / p.shape[1]) ** 0.5
    return p * (1 - lr * weight_decay) - lr * size * x


def matrix_power(x, exponent):
    values, vectors = np.linalg.eigh(x)
    return vectors @ np.diag(values**exponent) @ vectors.T


def shampoo(p, g, s, lr=0.1, momentum=0, weight_decay=0, epsilon=1e-4, update_freq=1, max_preconditioner_dim=1024):
    s["t"] = s.get("t", 0) + 1
    g = turned = g + weight_decay * p
    for axis, n in enumerate(p.shape):
        flat = np.moveaxis(g, axis, 0).reshape(n, -1)
        long = n > max_preconditioner_dim
        s[axis] = s.get(axis, epsilon * np.eye(n)) + (np.diag((flat**2).sum(1)) if long else flat @ flat.T)
        if (s["t"] - 1) % update_freq == 0:
            s["root", axis] = matrix_power(s[axis], -1 / (2 * p.ndim))
        turned = np.moveaxis(np.tensordot(s["root", axis], turned, (1, axis)), 0, axis)
    s["b"] = momentum * s.get("b", 0) + turned
    return p - lr * s["b"]


def soap(p, g, s, lr=3e-3, betas=(0.95, 0.95), shampoo_beta=None, eps=1e-8, weight_decay=0.01, precondition_frequency=10, max_precond_dim=10000,
         precondition_1d=False, correct_bias=True):
    """Algorithm 3 of the paper on matrices; anything else is Adam, one step late."""
    keep = betas[1] if shampoo_beta is None else shampoo_beta
    sides = [(g @ g.T, "l"), (g.T @ g, "r")] if p.ndim == 2 else [(np.outer(g, g), "l")] if precondition_1d else []
    if "t" not in s:
        s.update(t=0, m=0, v=0)
        for moment, side in sides:
            s[side] = (1 - keep) * moment
            s["q" + side] = np.linalg.eigh(s[side])[1][:, ::-1] if len(moment) <= max_precond_dim else np.eye(len(moment))
        return p
    s["t"] += 1
    left, right = s.get("ql", np.eye(len(p))), s.get("qr", np.eye(p.shape[-1]))

    def turn(x):
        return left.T @ x @ right if p.ndim == 2 else left.T @ x

    s["m"] = betas[0] * s["m"] + (1 - betas[0]) * g
    s["v"] = betas[1] * s["v"] + (1 - betas[1]) * turn(g) ** 2
    n = turn(s["m"]) / (np.sqrt(s["v"]) + eps)
    n = left @ n @ right.T if p.ndim == 2 else left @ n
    rate = lr * np.sqrt(1 - betas[1] ** s["t"]) / (1 - betas[0] ** s["t"]) if correct_bias else lr
    for moment, side in sides:
        s[side] = keep * s[side] + (1 - keep) * moment
        if s["t"] % precondition_frequency == 0 and len(moment) <= max_precond_dim:
            s["q" + side] = np.linalg.qr(s[side] @ s["q" + side])[0]
    return (p - rate * n) * (1 - lr * weight_decay)


PAPERS = [
    ("Lion", lion, {}), ("Lion", lion, dict(lr=0.01, betas=(0.8, 0.9), weight_decay=0.1)), ("LAMB", lamb, dict(lr=0.02)),
    ("LAMB", lamb, dict(lr=0.02, weight_decay=0.1)), ("LARS", lars, dict(lr=1.0)), ("LARS", lars, dict(lr=1.0, weight_decay=0.1, momentum=0.5)),
    ("AdaBelief", adabelief, dict(lr=0.01)), ("AdaBelief", adabelief, dict(lr=0.01, eps=1e-8, weight_decay=0.1)),
    ("Muon", muon, dict(lr=0.02)), ("Muon", muon, dict(lr=0.02, nesterov=False, weight_decay=0.0)),
    ("Muon", muon, dict(lr=0.02, adjust_lr_fn="match_rms_adamw")),
    ("Shampoo", shampoo, dict()), ("Shampoo", shampoo, dict(lr=0.05, momentum=0.8, weight_decay=0.1, epsilon=1e-2, update_freq=7)),
    ("Shampoo", shampoo, dict(max_preconditioner_dim=3)),
    ("SOAP", soap, dict(lr=0.02)), ("SOAP", soap, dict(lr=0.02, precondition_frequency=3, shampoo_beta=0.8, weight_decay=0.0, precondition_1d=True)),
    ("SOAP", soap, dict(lr=0.02, max_precond_dim=2, correct_bias=False)),
]


UNTRACED = {"Optimizer": "has no rule", "LBFGS": "decides by numbers: test_lbfgs", "KFAC": "watches a model: test_kfac"}
"""Classes that no jitted function holds."""


def optimizer_named(name: str) -> bool:
    """Is it the name of an optimizer that is made of parameters?"""
    kind = getattr(optim, name)
    return isinstance(kind, type) and issubclass(kind, optim.Optimizer) and not issubclass(kind, optim.wrappers.Wrapper)


def gradient(p: np.ndarray, step: int) -> np.ndarray:
    return np.tanh(p * 2 + 0.1 * step) - 0.3


@pytest.mark.parametrize("case", PAPERS, ids=lambda case: f"{case[0]}-{case[2]}")
@pytest.mark.parametrize("reload", [False, True], ids=["straight", "reloaded"])
def test_a_trajectory_is_the_papers(case, reload) -> None:
    name, formula, options = case
    shapes = [(3, 2), (2, 5)] if name == "Muon" else [(3, 2), (4,), (4, 3)]
    wanted = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(shapes)]
    parameters = [wb.tensor(a, requires_grad=True) for a in wanted]
    states: list[dict] = [{} for _ in wanted]
    optimizer = getattr(optim, name)(parameters, **options)
    for step in range(50):
        if reload and step == 25:
            saved = copy.deepcopy(optimizer.state_dict())
            optimizer = getattr(optim, name)(parameters, **options)
            optimizer.load_state_dict(saved)
        for p in parameters:
            p.grad = wb.tensor(gradient(p.detach().numpy(), step))
        optimizer.step()
        wanted = [formula(p, gradient(p, step), s, **options) for p, s in zip(wanted, states, strict=True)]
    for p, w in zip(parameters, wanted, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), w, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(name for name in optim.__all__ if optimizer_named(name) and name not in UNTRACED))
def test_under_jit_it_is_the_same(name) -> None:
    found = []
    for wrap in (lambda f: f, wb.jit):
        p = wb.nn.Parameter(wb.tensor(np.random.default_rng(0).normal(size=(3, 2))))
        optimizer = getattr(optim, name)([p], lr=0.02)

        def step(t, p=p, optimizer=optimizer):
            optimizer.zero_grad()
            (wb.tanh(p * 2) - t).pow(2).sum().backward()
            optimizer.step()

        step = wrap(step)
        for number in range(8):
            step(wb.tensor(0.1 * number, dtype=wb.float64))
        found.append(p.detach().numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-7)


@pytest.mark.parametrize("make", [
    lambda p: optim.Rprop([p], etas=(1.2, 0.5)), lambda p: optim.Muon([p]), lambda p: optim.Lion([p], betas=(0.9, 1.0)), lambda p: optim.Adagrad([p], lr=-1),
    lambda p: optim.lr_scheduler.ConstantLR(optim.SGD([p]), factor=2), lambda p: optim.lr_scheduler.LinearLR(optim.SGD([p]), start_factor=0),
    lambda p: optim.lr_scheduler.LambdaLR(optim.SGD([p]), []), lambda p: optim.lr_scheduler.CyclicLR(optim.SGD([p]), 0, 1, mode="up"),
    lambda p: optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([p]), factor=1), lambda p: optim.lr_scheduler.SequentialLR(optim.SGD([p]), [], []),
    lambda p: optim.lr_scheduler.ChainedScheduler([]), lambda p: optim.lr_scheduler.CosineAnnealingWarmRestarts(optim.SGD([p]), 0),
])
def test_wrong_settings_are_errors(make) -> None:
    with pytest.raises(errors.ArgumentError):
        make(wb.nn.Parameter(wb.ones(3)))

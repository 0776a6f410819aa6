"""The trainer ends where a loop written by hand in PyTorch ends; autocast gives PyTorch's dtypes and numbers."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import workbench as wb
from workbench import nn, optim, train
from workbench.nn import functional as F

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(43, 5)), RNG.integers(0, 3, 43)
SIZE = 8  # five batches of 8 and one of 3


def both() -> tuple[nn.Module, torch.nn.Module]:
    theirs = torch.nn.Sequential(torch.nn.Linear(5, 9), torch.nn.Tanh(), torch.nn.Linear(9, 3)).double()
    ours = nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 3)).double()
    ours.load_state_dict({name: wb.tensor(value.numpy()) for name, value in theirs.state_dict().items()})
    return ours, theirs


def by_hand(model: torch.nn.Module, optimizer: Any, scheduler: Any, accumulate: int, clip: float | None, schedule: str) -> list[float]:
    losses = []
    for _ in range(4):
        places = [slice(start, start + SIZE) for start in range(0, len(X), SIZE)]
        for first in range(0, len(places), accumulate):
            group = places[first:first + accumulate]
            total = sum(len(X[place]) for place in group)
            optimizer.zero_grad()
            sums = [torch.nn.functional.cross_entropy(model(torch.tensor(X[place])), torch.tensor(Y[place]), reduction="sum") for place in group]
            loss = sum(sums) / total
            loss.backward()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            if schedule == "step":
                scheduler.step()
            losses.append(loss.item())
        if schedule == "epoch":
            scheduler.step()
    return losses


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize(("accumulate", "micro_batch", "clip", "schedule"), [(1, None, None, "epoch"), (1, 3, 0.3, "step"), (4, None, 0.3, "epoch"),
                                                                             (2, 5, None, "step"), (100, None, 0.1, "step")])
def test_it_ends_where_a_loop_by_hand_ends(accumulate: int, micro_batch: int | None, clip: float | None, schedule: str, compile: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = both()
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.02)
    expected = by_hand(theirs, reference, torch.optim.lr_scheduler.ExponentialLR(reference, 0.9), accumulate, clip, schedule)
    optimizer = optim.AdamW(ours.parameters(), lr=0.02)
    trainer = train.Trainer(ours, F.cross_entropy, optimizer, scheduler=optim.lr_scheduler.ExponentialLR(optimizer, 0.9), schedule=schedule,
                            accumulate=accumulate, micro_batch=micro_batch, max_grad_norm=clip, compile=compile)
    run = trainer.fit([(wb.tensor(X[start:start + SIZE]), wb.tensor(Y[start:start + SIZE])) for start in range(0, len(X), SIZE)], epochs=4)
    np.testing.assert_allclose(run.history.column("loss")[1], expected, rtol=1e-6)
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(own.numpy(), other.detach().numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["linear", "matmul", "conv2d", "bmm", "mlp"])
def test_products_under_autocast_are_pytorchs(name: str) -> None:
    rng = np.random.default_rng(1)
    make = lambda *shape: rng.normal(size=shape).astype(np.float32)
    cases: dict[str, tuple[list[np.ndarray], Any, Any]] = {
        "linear": ([make(4, 8), make(6, 8), make(6)], F.linear, torch.nn.functional.linear),
        "matmul": ([make(4, 8), make(8, 5)], wb.matmul, torch.matmul),
        "conv2d": ([make(2, 3, 8, 8), make(4, 3, 3, 3), make(4)], F.conv2d, torch.nn.functional.conv2d),
        "bmm": ([make(3, 4, 8), make(3, 8, 5)], wb.matmul, torch.bmm),
        "mlp": ([make(4, 8), make(6, 8), make(6), make(3, 6)], lambda x, w, b, v: F.linear(F.relu(F.linear(x, w, b)), v),
                lambda x, w, b, v: torch.nn.functional.linear(torch.relu(torch.nn.functional.linear(x, w, b)), v))}
    arrays, ours, theirs = cases[name]
    a, b = [wb.tensor(each, requires_grad=True) for each in arrays], [torch.tensor(each, requires_grad=True) for each in arrays]
    with wb.autocast("cpu"):
        y = ours(*a)
    with torch.autocast("cpu"):
        z = theirs(*b)
    assert str(y.dtype) == str(z.dtype).removeprefix("torch.") == "bfloat16"
    weight = rng.normal(size=y.shape).astype(np.float32)
    (y.float() * wb.tensor(weight)).sum().backward()
    (z.float() * torch.tensor(weight)).sum().backward()
    scale = float(z.detach().float().abs().max())
    np.testing.assert_allclose(y.float().numpy() / scale, z.detach().float().numpy() / scale, atol=2**-7)
    for own, other in zip(a, b, strict=True):
        assert own.grad.dtype == wb.float32
        assert other.grad.dtype == torch.float32
        scale = float(other.grad.abs().max())
        np.testing.assert_allclose(own.grad.numpy() / scale, other.grad.numpy() / scale, atol=2**-6)

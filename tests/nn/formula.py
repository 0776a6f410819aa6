"""Rows for classes that PyTorch lacks: the paper's formula, written naively in torch, is the judge.

A file of `tests/nn/formulas` holds the rows of one family as `ROWS`. A row's reference is called with the layer's
parameters and buffers by name, as torch tensors in float64, and with the inputs; torch differentiates it.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.nn.cases import Case
from workbench import nn

torch = pytest.importorskip("torch", reason="PyTorch differentiates the formulas: pip install neural-workbench[oracle]")
from tests.nn.oracle import ours  # noqa: E402 - it needs torch


@dataclass(frozen=True)
class Formula(Case):
    """One way to make and call a class, and what comes out by its formula."""

    reference: Callable[..., Any] = lambda weights, *inputs: inputs


def formula(name: str, reference: Callable[..., Any], *args: Any, on: Any = ((4, 3),), call: dict[str, Any] | None = None,
            random: bool = False, label: str = "", tolerance: float = 1e-10, **settings: Any) -> Formula:
    """A row; `on` lists the inputs, `reference(weights, *inputs, **call)` gives the outputs."""
    return Formula(name, args, settings, tuple(on), call or {}, random, label, tolerance, reference)


class Written:
    """A formula with weights, in the place of a module of torch."""

    def __init__(self, row: Formula, module: nn.Module) -> None:
        self._reference = row.reference
        self._parameters = {name: torch.tensor(p.detach().numpy(), requires_grad=p.requires_grad) for name, p in module.named_parameters()}
        self._buffers = {name: torch.tensor(buffer.detach().numpy()) for name, buffer in module.named_buffers()}

    def __call__(self, *inputs: Any, **call: Any) -> Any:
        return self._reference({**self._parameters, **self._buffers}, *inputs, **call)

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        return iter(self._parameters.items())

    def named_buffers(self) -> Iterator[tuple[str, Any]]:
        return iter(self._buffers.items())


def made(row: Case) -> nn.Module:
    """The row's class of workbench in float64, its weights moved away from their special initial values."""
    wb.manual_seed(0)
    module = ours(row).double()
    rng = np.random.default_rng(0)
    with wb.no_grad():
        for parameter in module.parameters():
            parameter.copy_(parameter + 0.2 * wb.tensor(rng.normal(size=parameter.shape)))
    return module

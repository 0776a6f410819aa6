"""Every layer and loss computes on a device what it does on the host: outputs, gradients, buffers."""
from __future__ import annotations

import copy

import numpy as np
import pytest

import workbench as wb
from workbench import nn

pytest.importorskip("torch", reason="the rows are written for a comparison with PyTorch: install the extra oracle")

from tests.nn import oracle
from tests.nn.cases import LAYERS, LOSSES, Case
from tests.nn.formula import made
from tests.nn.formulas import ROWS

pytestmark = [pytest.mark.sweep, pytest.mark.oracle]
PLACED = [case for case in (*LAYERS, *LOSSES, *ROWS) if case.name != "ALiBi"]
"""Rows with a tensor that says where; a bias that is made of two lengths has none."""


@pytest.mark.parametrize("case", PLACED, ids=str)
def test_a_layer_computes_what_it_does_on_the_host(case: Case) -> None:
    module = made(case).train(not case.random)
    there = copy.deepcopy(module).to("cuda")
    oracle.assert_same(oracle.results(case, there, "ours", "cuda"), oracle.results(case, module, "ours"), max(case.tolerance, 1e-9))
    assert {t.device for t in there.state_dict().values()} <= {"cuda:0"}


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("options", [{}, dict(num_layers=2, bidirectional=True, batch_first=True)], ids=str)
def test_sequences_are_the_hosts(kind: str, options: dict) -> None:
    wb.manual_seed(0)
    module = getattr(nn, kind)(3, 4, **options, dtype="float64")
    found = []
    for layer, device in ((module, "cpu"), (copy.deepcopy(module).to("cuda"), "cuda")):
        x = wb.tensor(np.random.default_rng(0).normal(size=(5, 2, 3)), device=device, requires_grad=True)
        out, _ = layer(x)
        (out * out).sum().backward()
        found.append([out.detach().numpy(), x.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)

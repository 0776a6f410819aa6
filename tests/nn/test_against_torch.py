"""Every row of the table equals PyTorch: signature, state, outputs, gradients, buffers, in training and evaluation."""
from __future__ import annotations

import inspect

import pytest

from workbench import nn

torch = pytest.importorskip("torch", reason="PyTorch is the judge of layers and losses: install the extra oracle")

from tests.nn import oracle  # noqa: E402 - it needs torch
from tests.nn.cases import COMBINED, LAYERS, LOSSES, Case  # noqa: E402

pytestmark = pytest.mark.oracle

CLASSES = sorted({case.name for case in LAYERS + LOSSES})
ROWS = LAYERS + COMBINED + LOSSES


@pytest.mark.parametrize("name", CLASSES)
def test_signature_is_that_of_torch(name):
    given = inspect.signature(getattr(torch.nn, name)).parameters
    if {p.kind for p in given.values()} == {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        return  # PyTorch's takes and ignores anything
    wanted = [(p.name, getattr(p.default, "__name__", p.default)) for p in given.values()
              if p.name not in ("min_value", "max_value")]  # Hardtanh's names of before 2018
    found = [(p.name, getattr(p.default, "__name__", p.default))
             for p in inspect.signature(getattr(nn, name)).parameters.values()]
    assert found == wanted


@pytest.mark.parametrize("case", ROWS, ids=str)
def test_state_dict_has_the_keys_shapes_and_order_of_torch(case: Case):
    mine = [(name, tuple(value.shape)) for name, value in oracle.ours(case).state_dict().items()]
    assert mine == [(name, tuple(value.shape)) for name, value in oracle.theirs(case).state_dict().items()]


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("case", ROWS, ids=str)
def test_numbers_are_those_of_torch(case: Case, training: bool):
    training = training and not case.random  # what is drawn is tested by its statistics
    module, reference = oracle.pair(case)
    oracle.assert_same(oracle.results(case, module.train(training), "ours"),
                       oracle.results(case, reference.train(training), "theirs"), case.tolerance)

"""Every row of the formulas: outputs and gradients in float64, in training and evaluation."""
from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="PyTorch differentiates the formulas: install the extra oracle")

from tests.nn import oracle
from tests.nn.formula import Formula, Written, made
from tests.nn.formulas import ROWS

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_numbers_are_those_of_the_formula(row: Formula, training: bool):
    module = made(row).train(training and not row.random)
    oracle.assert_same(oracle.results(row, module, "ours"), oracle.results(row, Written(row, module), "theirs"), row.tolerance)

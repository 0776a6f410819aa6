"""Every layer and every loss runs under autocast: numbers close to those of float32, gradients in float32."""
from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

import workbench as wb

pytest.importorskip("torch", reason="the rows are written for a comparison with PyTorch: install the extra oracle")

from tests.nn import oracle
from tests.nn.cases import LAYERS, LOSSES, Case

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
CASES = [case for case in [*LAYERS, *LOSSES] if "weight" not in case.settings]  # those rows want float64


def arguments(case: Case) -> list[Any]:
    made = []
    for array, wants_gradient in oracle.numbers(case):
        tensor = wb.tensor(array)
        if tensor.dtype == wb.float64:
            tensor = tensor.float().requires_grad_(wants_gradient)
        made.append(tensor)
    return oracle.spread_out(case, made)


def keywords(case: Case) -> dict[str, Any]:
    return {name: wb.tensor(value) if isinstance(value, np.ndarray) else value for name, value in case.call.items()}


def first(output: Any) -> wb.Tensor:
    while isinstance(output, (tuple, list)):
        output = output[0]
    return output


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_runs_and_is_close(case: Case) -> None:
    wb.manual_seed(zlib.crc32(str(case).encode()))
    module = oracle.ours(case).float().eval()
    exact = first(module(*arguments(case), **keywords(case)))
    with wb.autocast(dtype=(wb.bfloat16, wb.float16)[zlib.crc32(case.name.encode()) % 2]):
        found = first(module(*arguments(case), **keywords(case)))
    assert found.shape == exact.shape
    if exact.dtype != wb.float32:
        return
    scale = float(np.nanmax(np.abs(exact.numpy()), initial=0)) + 0.1
    np.testing.assert_allclose(found.float().numpy() / scale, exact.numpy() / scale, atol=0.1)
    if found.requires_grad:
        found.float().sum().backward()
        assert {parameter.grad.dtype for parameter in module.parameters() if parameter.grad is not None} <= {np.dtype("float32")}

"""The op table on a device: values and gradients are those of the host, and devices do not mix silently."""
from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.ops.support import call, pulled, rng_of
from workbench import errors
from workbench.testing.optable import ROWS
from workbench.testing.rows import Case, Row, as_numpy, floating, leaves, ours, walk

pytestmark = pytest.mark.sweep
CALLS = [pytest.param(row, case, id=f"{row}{case}") for row, case in walk(ROWS) if not row.elsewhere]


def on_device(args: list[Any]) -> list[Any]:
    """The same arguments with their tensors on the device."""
    return wb.tree.map(lambda leaf: leaf.cuda() if isinstance(leaf, wb.Tensor) else leaf, args)


def placed(case: Case, args: list[Any]) -> Case:
    """The call, told where to make a tensor if it is given none."""
    if any(isinstance(leaf, wb.Tensor) for leaf in leaves(args)):
        return case
    return dataclasses.replace(case, options={**case.options, "device": "cuda"})


@pytest.mark.parametrize(("row", "case"), CALLS)
def test_values_and_gradients_are_numpys(row: Row, case: Case) -> None:
    args = ours(case.arguments(rng_of(row, case)))
    here, there = call(row, args, case), call(row, on_device(args), placed(case, args))
    for a, b in zip(here, there, strict=True):
        assert b.device.startswith("cuda")
        np.testing.assert_allclose(as_numpy(b), as_numpy(a), rtol=1e-7, atol=1e-9)
    if not row.gradient or not floating(here):
        return
    rng = np.random.default_rng(0)
    cotangents = [rng.normal(size=o.shape) for o in floating(here)]
    for a, b in zip(pulled(row, case, args, cotangents), pulled(row, case, on_device(args), cotangents), strict=True):
        np.testing.assert_allclose(as_numpy(b), as_numpy(a), rtol=1e-7, atol=1e-9)


def test_tensors_of_two_devices_are_an_error_that_names_both() -> None:
    with pytest.raises(errors.DeviceError, match=r"cpu.*cuda:0"):
        wb.ones(2) + wb.ones(2).cuda()


def test_a_gradient_lives_where_its_tensor_does() -> None:
    x = wb.ones(3, device="cuda", requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.device == "cuda:0"

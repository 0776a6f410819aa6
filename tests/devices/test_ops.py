"""The op table on a device: values and gradients are those of the host, and devices do not mix silently."""
from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.ops.support import active, call, pulled, rng_of
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


def differentiated_twice(row: Row, case: Case, args: list[Any]) -> list[Any]:
    """Gradients of the gradients, in the direction of ones."""
    places = active(args, case)

    def once(*parts: Any) -> list[Any]:
        outputs, pullback = wb.vjp(lambda *inner: floating(row.function(*replaced(args, places, inner), **case.options)), *parts)
        return floating(pullback([wb.ones_like(o) for o in outputs]))

    gradients, pullback = wb.vjp(once, *(args[place] for place in places))
    return leaves(pullback([wb.ones_like(g) for g in gradients]))


def replaced(full: list[Any], places: list[int], parts: Any) -> list[Any]:
    """The arguments with others at some places."""
    found = list(full)
    for place, part in zip(places, parts, strict=True):
        found[place] = part
    return found


TWICE = {str(row): (row, case) for row, case in walk(ROWS) if row.gradient and row.order > 1 and not row.elsewhere}


@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives_are_the_hosts(name: str) -> None:
    row, case = TWICE[name]
    args = ours(case.arguments(rng_of(row, case)))
    if not active(args, case):
        return
    for a, b in zip(differentiated_twice(row, case, args), differentiated_twice(row, case, on_device(args)), strict=True):
        np.testing.assert_allclose(as_numpy(b), as_numpy(a), rtol=1e-6, atol=1e-8)


BATCHED = {str(row): (row, case) for row, case in walk(ROWS) if row.gradient and row.batched and not row.elsewhere}


@pytest.mark.parametrize("name", BATCHED)
def test_vmap_is_the_hosts(name: str) -> None:
    row, case = BATCHED[name]
    args = ours(case.arguments(rng_of(row, case)))
    places = [place for place in active(args, case) if isinstance(args[place], wb.Tensor)]
    if not places:
        return

    def batched(args: list[Any]) -> list[Any]:
        stacked = [wb.stack([args[place], args[place]]) for place in places]
        return leaves(wb.vmap(lambda *rows: row.function(*replaced(args, places, rows), **case.options))(*stacked))

    for a, b in zip(batched(args), batched(on_device(args)), strict=True):
        assert b.device.startswith("cuda")
        np.testing.assert_allclose(as_numpy(b), as_numpy(a), rtol=1e-7, atol=1e-9)


def test_tensors_of_two_devices_are_an_error_that_names_both() -> None:
    with pytest.raises(errors.DeviceError, match=r"cpu.*cuda:0"):
        wb.ones(2) + wb.ones(2).cuda()


def test_a_gradient_lives_where_its_tensor_does() -> None:
    x = wb.ones(3, device="cuda", requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.device == "cuda:0"

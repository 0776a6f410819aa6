"""Every row of the op table with everything switched on at once: observers change no number and raise no false alarm."""
from __future__ import annotations

import contextlib

import numpy as np
import pytest

import workbench as wb
from workbench.testing.optable import ROWS
from workbench.testing.rows import as_numpy, floating, leaves, ours

pytestmark = pytest.mark.sweep

WATCHED = [row for row in ROWS if row.gradient and row.cases]


def results(row, case, watched):
    wb.manual_seed(0)
    args = ours(case.arguments(np.random.default_rng(0)), case.tracked)
    with contextlib.ExitStack() as stack:
        if watched:
            stack.enter_context(wb.inspect.profile())
            stack.enter_context(wb.autograd.detect_anomaly())
            stack.enter_context(wb.autograd.saved_tensors_hooks(lambda t: t.numpy().copy(), wb.as_tensor))
            stack.enter_context(wb.Tape())
        outputs = [out for out in floating(row.function(*args, **case.options)) if out.requires_grad]
        inputs = [x for x in floating(args) if x.requires_grad]
        wb.autograd.backward([(out * out).sum() for out in outputs])
    return [as_numpy(out.detach()) for out in outputs], [x.grad.numpy() for x in inputs if x.grad is not None]


@pytest.mark.parametrize("row", WATCHED, ids=str)
def test_watching_changes_nothing(row):
    compared = 0
    for case in row.cases:
        for before, after in zip(leaves(results(row, case, False)), leaves(results(row, case, True)), strict=True):
            np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)  # copies lie differently in memory
            compared += 1
    assert compared


def second(row, case, packed):
    args = ours(case.arguments(np.random.default_rng(0)), case.tracked)
    hooks = wb.autograd.saved_tensors_hooks(lambda t: t.numpy().copy(), wb.as_tensor) if packed else contextlib.nullcontext()
    with hooks:
        outputs = [out for out in floating(row.function(*args, **case.options)) if out.requires_grad]
        inputs = [x for x in floating(args) if x.requires_grad]
        if not outputs:
            return []
        total = sum((out * out).sum() for out in outputs)
        grads = [g for g in wb.autograd.grad(total, inputs, create_graph=True, allow_unused=True) if g is not None and g.requires_grad]
        again = wb.autograd.grad(sum((g * g).sum() for g in grads), inputs, allow_unused=True) if grads else []
    return [g.numpy() for g in again if g is not None]


@pytest.mark.parametrize("row", [row for row in WATCHED if row.order > 1], ids=str)
def test_second_derivatives_go_through_packed_values(row):
    for case in row.cases[:2]:
        for before, after in zip(second(row, case, False), second(row, case, True), strict=True):
            np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)  # copies lie differently in memory

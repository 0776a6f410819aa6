"""Values, dtypes and gradients of every row are PyTorch's, in float64 and in float32."""
import numpy as np
import pytest

from tests.ops.support import call, compare, pulled, pulled_by_torch, rng_of
from workbench.testing import optable
from workbench.testing.rows import floating, leaves, ours, theirs

pytest.importorskip("torch", reason="the oracle needs torch")
pytestmark = pytest.mark.oracle

COMPARED = [row for row in optable.ROWS if row.torch]
DERIVED = [row for row in COMPARED if row.gradient and row.torch_gradient]
PRECISION = {np.float64: None, np.float32: 2e-5}


@pytest.mark.parametrize("dtype", PRECISION, ids=["float64", "float32"])
@pytest.mark.parametrize("row", COMPARED, ids=str)
def test_values_and_dtypes(row, dtype):
    for case in row.cases:
        args = case.arguments(rng_of(row, case), dtype)
        wanted = leaves(row.reference(*theirs(args), **case.options))
        compare(row, case, call(row, ours(args), case), wanted, PRECISION[dtype] or row.tolerance, "results")


@pytest.mark.parametrize("dtype", PRECISION, ids=["float64", "float32"])
@pytest.mark.parametrize("row", DERIVED, ids=str)
def test_gradients(row, dtype):
    for case in row.cases:
        rng = rng_of(row, case)
        args = case.arguments(rng, dtype)
        outputs = [out for out in call(row, ours(args), case) if out.dtype.kind == "f"]
        cotangents = [rng.normal(size=out.shape).astype(out.dtype) for out in outputs]
        cotangents = [np.asarray(c) for c in cotangents]
        wanted = pulled_by_torch(row, case, theirs(args, case.tracked), cotangents)
        compare(row, case, pulled(row, case, ours(args), cotangents), wanted, (PRECISION[dtype] or row.tolerance) * 10, "gradients")


@pytest.mark.parametrize("row", DERIVED, ids=str)
def test_backward_fills_grad_with_the_same_numbers_as_vjp(row):
    for case in row.cases:
        rng = rng_of(row, case)
        args = case.arguments(rng)
        tracked = ours(args, case.tracked)
        outputs = [out for out in call(row, tracked, case) if out.dtype.kind == "f"]
        cotangents = [np.asarray(rng.normal(size=out.shape)) for out in outputs]
        total = sum((out * c).sum() for out, c in zip(outputs, ours(cotangents), strict=True))
        if total.requires_grad:
            total.backward()
        found = [x.grad if x.grad is not None else x.detach() * 0 for i in case.tracked for x in floating(tracked[i])]
        compare(row, case, found, pulled(row, case, ours(args), cotangents), 1e-9, "gradients")


def _special_arguments(row, dtype):
    values = np.array(row.special, dtype)
    if len(row.cases[0].inputs) == 1:
        return [values]
    first, second = np.meshgrid(values, values, indexing="ij")
    return [first.ravel(), second.ravel()]


SPECIAL = [row for row in COMPARED if row.special]


@pytest.mark.parametrize("row", SPECIAL, ids=str)
def test_special_values(row):
    args = _special_arguments(row, np.float64)
    with np.errstate(all="ignore"):
        found = call(row, ours(args), row.cases[0])
    compare(row, "at its special values", found, leaves(row.reference(*theirs(args))), max(row.tolerance, 1e-9), "results")


@pytest.mark.parametrize("row", [row for row in SPECIAL if row in DERIVED], ids=str)
def test_gradients_at_special_values(row):
    args = _special_arguments(row, np.float64)
    with np.errstate(all="ignore"):
        defined = ~np.isnan(call(row, ours(args), row.cases[0])[0].numpy())
        args = [a[defined] for a in args]  # where the result is NaN, any gradient is as good as another
        cotangents = [np.ones(args[0].shape)]
        found = pulled(row, row.cases[0], ours(args), cotangents)
    wanted = pulled_by_torch(row, row.cases[0], theirs(args, (0, 1)), cotangents)
    compare(row, "at its special values", found, wanted, max(row.tolerance, 1e-9), "gradients")

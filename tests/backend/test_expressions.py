"""Every C expression of the op table, compiled, equals what the op computes with NumPy, also for special values."""
from __future__ import annotations

import numpy as np
import pytest

from tests.backend.expressions import DTYPES, NEAR_ZERO, ROWS, ULPS, UNUSED, arguments, assert_close
from workbench.backend import cpu

pytestmark = pytest.mark.skipif(not cpu.available(), reason="llvmlite is not installed")

def run(expression: str, inputs: list[np.ndarray], dtype: str) -> np.ndarray:
    """The expression as a loop of one step."""
    loop = cpu.Loop(inputs[0].shape, tuple(cpu.Operand(x.dtype.name, (1,)) for x in inputs),
                    (cpu.Step(expression, tuple(range(len(inputs))), dtype),), (len(inputs),))
    out = np.empty(inputs[0].shape, dtype)
    cpu.compile(loop)(inputs, [out])
    return out


def cases() -> list:
    return [pytest.param(op, dtype, id=f"{name}-{dtype}") for name, op in ROWS.items() for dtype in DTYPES]


@pytest.mark.parametrize(("op", "dtype"), cases())
def test_a_compiled_expression_equals_the_op(op, dtype):
    inputs = arguments(op.name, dtype, op.arity)
    try:
        with np.errstate(all="ignore"):
            expected = np.asarray(op.call(*inputs))
    except Exception:
        return  # the op refuses this dtype, so nobody asks to compile it
    computed = expected.dtype.name if expected.dtype.kind != "b" else dtype
    if not cpu.supports(op.c, computed):
        assert (computed not in ("float32", "float64")) or op.c in ("~{0}",)
        return
    out = run(op.c, inputs, expected.dtype.name)
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(out, expected)
        return
    wrong = UNUSED.get(op.name, lambda x: np.zeros(x.shape, bool))(inputs[0])
    with np.errstate(invalid="ignore"):
        expected = np.where(wrong | (np.abs(out - expected) < NEAR_ZERO.get(op.name, 0)), out, expected)
    assert_close(out, expected, ULPS.get(op.name, 3), inputs)

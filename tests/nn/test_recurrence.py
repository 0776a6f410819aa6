"""The fused recurrence equals its steps, forward and backward, and every transformation finds the steps."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.backend import cpu, formulas
from workbench.ops.recurrence import STEPS, recurrence, recurrence_reference

CASES = [(mode, reverse, masked) for mode in STEPS for reverse in (False, True) for masked in (False, True)]


def _arguments(mode: str, masked: bool, dtype: str = "float64") -> tuple[list[wb.Tensor], wb.Tensor | None]:
    """Six steps of three sequences (of lengths 6, 3 and 1 where masked), four hidden numbers."""
    rng = np.random.default_rng(0)
    gates, parts = STEPS[mode][0], 2 if mode == "LSTM" else 1
    shapes = [(6, 3, 4 * gates), (parts, 3, 4), (4 * gates, 4), (4 * gates,)]
    mask = wb.tensor((np.arange(6)[:, None] < [6, 3, 1])[..., None]) if masked else None
    return [wb.tensor(rng.normal(size=shape).astype(dtype), requires_grad=True) for shape in shapes], mask


def _loss(function, mode: str, reverse: bool, mask: wb.Tensor | None):
    def loss(*inputs: wb.Tensor) -> wb.Tensor:
        states = function(*inputs, mask, mode=mode, reverse=reverse)
        return (states * wb.arange(states.size).reshape(states.shape).cos()).sum()

    return loss


@pytest.fixture(params=["numpy", "kernel"])
def _interpreter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """The formulas of a step on NumPy, as for small arrays, and as a kernel, as for large ones."""
    if request.param == "kernel" and not cpu.available():
        pytest.skip("kernels need llvmlite: pip install neural-workbench[fast]")
    monkeypatch.setattr(formulas, "LARGE", 0 if request.param == "kernel" else 1 << 60)


@pytest.mark.usefixtures("_interpreter")
@pytest.mark.parametrize(("mode", "reverse", "masked"), CASES)
def test_values_and_gradients_are_those_of_the_steps(mode: str, reverse: bool, masked: bool):
    inputs, mask = _arguments(mode, masked)
    for make in (wb.grad, wb.value_and_grad):
        every = tuple(range(4))
        found, wanted = (make(_loss(f, mode, reverse, mask), argnums=every)(*inputs) for f in (recurrence, recurrence_reference))
        for mine, theirs in zip(wb.tree.flatten(found)[0], wb.tree.flatten(wanted)[0], strict=True):
            np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mode", STEPS)
def test_transformations_and_second_order_agree_with_the_steps(mode: str):
    inputs, mask = _arguments(mode, masked=True)
    x = inputs[0].detach()
    fast, plain = (lambda x, f=f: _loss(f, mode, False, mask)(x, *inputs[1:]) for f in (recurrence, recurrence_reference))
    for transform in (lambda f: wb.jvp(f, (x,), (wb.ones_like(x),)), lambda f: wb.grad(lambda x: (wb.grad(f)(x) ** 2).sum())(x),
                      lambda f: wb.vmap(f)(wb.stack([x, 2 * x])), lambda f: wb.jit(wb.grad(f))(x)):
        for mine, theirs in zip(wb.tree.flatten(transform(fast))[0], wb.tree.flatten(transform(plain))[0], strict=True):
            np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("mode", STEPS)
def test_the_dtype_stays_and_half_precision_is_computed_in_float32(mode: str, dtype: str):
    inputs, _ = _arguments(mode, masked=False, dtype="float32")
    low = [x.detach().to(dtype).requires_grad_() for x in inputs]
    out = recurrence(*low, mode=mode, reverse=False)
    out.sum().backward()
    assert {out.dtype.name, *(x.grad.dtype.name for x in low)} == {dtype}
    wanted = recurrence(*(x.detach().to("float32") for x in low), mode=mode, reverse=False)
    np.testing.assert_array_equal(out.to("float32").numpy(), wanted.to(dtype).to("float32").numpy())

"""Half precision is converted as NumPy converts it, whatever the layout, and what is computed with it is rounded once."""
from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import workbench as wb
from workbench.backend import half
from workbench.backend.half import HalfArray, narrowed, widened

DTYPES = {"float16": np.dtype("float16"), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
LAYOUTS = {"rows": lambda x: x, "columns": lambda x: x.T, "every second": lambda x: x[:, ::2], "backwards": lambda x: x[::-1], "one number": lambda x: x[:1, :1]}


@pytest.fixture(params=[0, 1 << 60], ids=["kernel", "numpy"], autouse=True)
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(half, "LARGE", request.param)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_number_is_widened(dtype: str):
    numbers = np.arange(65536, dtype=np.uint16).view(DTYPES[dtype])
    np.testing.assert_array_equal(widened(numbers), numbers.astype(np.float32))


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_are_rounded_to_even_also_the_smallest_and_the_largest(dtype: str):
    rng = np.random.default_rng(0)
    every = np.arange(65536, dtype=np.uint16).view(DTYPES[dtype]).astype(np.float32)
    with np.errstate(all="ignore"):
        middle = (every + np.roll(every, 1)) / 2
        x = np.concatenate([every, middle, middle + np.spacing(middle), rng.integers(0, 1 << 32, 50_001, dtype=np.uint32).view(np.float32)])
        np.testing.assert_array_equal(narrowed(x, DTYPES[dtype]).astype(np.float32), x.astype(DTYPES[dtype]).astype(np.float32))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layout_does_not_matter(dtype: str, layout: str):
    x = LAYOUTS[layout](np.random.default_rng(0).normal(size=(37, 22)).astype(np.float32))
    low = narrowed(x, DTYPES[dtype])
    np.testing.assert_array_equal(low.astype(np.float32), x.astype(DTYPES[dtype]).astype(np.float32))
    np.testing.assert_array_equal(widened(LAYOUTS[layout](low)), LAYOUTS[layout](low).astype(np.float32))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_product_is_added_up_in_float32(dtype: str):
    """A thousand times 1.0 and 0.01 in float16 would stop growing before."""
    x = wb.tensor(np.tile(np.float32([1.0, 0.01]), 2048)).to(dtype).reshape(1, -1)
    wanted = (x.to("float32") @ x.to("float32").T).to(dtype)
    assert (x @ x.T).to("float32").item() == wanted.to("float32").item()


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_hold_arrays_that_compute_rightly_and_give_plain_ones(dtype: str):
    x = wb.tensor(np.ones((2, 3), "float32")).to(dtype).requires_grad_()
    y = (x.exp() * 2).sum(0)[:2]
    y.sum().backward()
    made = [x, y, x.grad, x.T, wb.zeros(2, dtype=dtype), x.detach().clone(), wb.jit(lambda x: x * 2)(x.detach()), wb.vmap(lambda x: x * x)(x.detach())]
    assert [type(tensor.data) for tensor in made] == [HalfArray] * len(made)
    assert type(x.detach().numpy()) is np.ndarray

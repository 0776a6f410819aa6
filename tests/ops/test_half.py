"""The whole op table in bfloat16 and float16: results and gradients keep the dtype, and the numbers are those of float32, rounded."""
import numpy as np
import pytest

import workbench as wb
from tests.ops.support import rng_of
from workbench import nn, optim
from workbench.core import tree
from workbench.nn import functional as F
from workbench.testing import optable
from workbench.testing.rows import leaves, ours

pytestmark = pytest.mark.sweep

ROWS = [row for row in optable.ROWS if row.cases and "f" in row.dtypes]
ULP = {"bfloat16": 2**-7, "float16": 2**-9}


def halved(args, half):
    """The floating-point inputs in half precision; and the same, rounded, in float32."""
    low = tree.map(lambda a: a.to(half) if isinstance(a, wb.Tensor) and a.dtype == wb.float32 else a, args)
    return low, tree.map(lambda a: a.float() if isinstance(a, wb.Tensor) and a.dtype == half else a, low)


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_results_and_gradients(row, name):
    half = wb.tensor(0.0, dtype=name).dtype
    for case in row.cases:
        low, single = halved(ours(case.arguments(rng_of(row, case), np.float32)), half)
        flat, structure = tree.flatten(low)
        with np.errstate(all="ignore"):
            found, wanted = leaves(row.function(*low, **case.options)), leaves(row.function(*single, **case.options))
        taken = any(isinstance(a, wb.Tensor) and a.dtype == half for a in flat)
        for f, w in zip(found, wanted, strict=True):
            assert f.dtype == (half if w.dtype == wb.float32 and taken else w.dtype), f"{row}{case}: {f.dtype}"
            size = np.abs(w.numpy().astype(np.float64)).max(initial=1.0)
            np.testing.assert_allclose(f.numpy().astype(np.float64), w.numpy().astype(np.float64), rtol=4 * ULP[name], atol=4 * ULP[name] * size)
        places = [i for i in case.tracked if isinstance(low[i], wb.Tensor) and low[i].dtype == half]
        if row.gradient and places and row.batched:
            def loss(*parts, low=low, places=places, case=case):
                full = list(low)
                for place, part in zip(places, parts, strict=True):
                    full[place] = part
                return sum((wb.sum(out) for out in leaves(row.function(*full, **case.options)) if out.dtype == half), wb.zeros((), dtype=half))

            for g in wb.grad(loss, argnums=tuple(range(len(places))))(*(low[i] for i in places)):
                assert g.dtype == half, f"{row}{case}: gradient of dtype {g.dtype}"


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_long_sums_accumulate_in_float32(name):
    x = wb.full((4096,), 0.1, dtype=name)
    one = float(x[0].item())
    for total in (x.sum(), x @ wb.ones(4096, dtype=name), wb.einsum("i,i->", x, wb.ones(4096, dtype=name)), x.mean() * 4096):
        np.testing.assert_allclose(total.item(), 4096 * one, rtol=2 * ULP[name])


def test_promotion():
    half = wb.ones(2, dtype=wb.bfloat16)
    assert (half * 2.5).dtype == (half + wb.tensor(1.0)).dtype == (half + wb.arange(2)).dtype == wb.bfloat16
    assert (half + wb.ones(2)).dtype == (half + wb.ones(2, dtype=wb.float16)).dtype == wb.float32
    assert (half + wb.ones(2, dtype=wb.float64)).dtype == wb.float64
    assert (half * 1j).dtype == (half + wb.ones(2, dtype=wb.complex64)).dtype == wb.complex64


def test_in_place_indexing_and_text():
    x = wb.zeros(3, dtype="bfloat16")
    x[1] = 0.3
    x += 1
    x.mul_(2.0)
    assert x.tolist() == [2.0, 2.59375, 2.0]
    assert repr(x) == "tensor([2.     , 2.59375, 2.     ], dtype=bfloat16)"
    assert x[1].item() == 2.59375


@pytest.mark.parametrize("wrap", [lambda f: f, wb.jit], ids=["eager", "jit"])
def test_a_network_trains_in_bfloat16(wrap):
    wb.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 3)).to(wb.bfloat16)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x = wb.randn(32, 4)
    x, y = x.to(wb.bfloat16), x[:, :3].argmax(1)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step = wrap(step)
    losses = [step(x, y).item() for _ in range(30)]
    assert losses[-1] < 0.8 * losses[0]
    assert all(p.dtype == wb.bfloat16 and p.grad.dtype == wb.bfloat16 for p in model.parameters())

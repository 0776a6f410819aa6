"""What PyTorch's own operator tests ask and no row of the table does: other spellings, dtypes of results, numbers without axes, nothing."""
import numpy as np
import pytest

import workbench as wb
from workbench import errors

torch = pytest.importorskip("torch", reason="the oracle needs torch")
pytestmark = pytest.mark.oracle

X = np.arange(12.0).reshape(3, 4)
SAME = {
    "to another": lambda m, x: x.to(m.tensor([1])), "to with a copy": lambda m, x: x.to(m.float64, copy=True) is x,
    "to without waiting": lambda m, x: x.to("cpu", non_blocking=True),
    "softmax in another dtype": lambda m, x: (m.softmax(x, -1, dtype=m.float32), m.log_softmax(x, 0, dtype=m.float32)),
    "sums in another dtype": lambda m, x: (m.tensor([200, 100]).sum(dtype=m.uint8), m.tensor([2, 3]).cumprod(0, dtype=m.int16), m.ones(2).prod(dtype=m.int32)),
    "max by position": lambda m, x: (x.max(1)[1], x.min(0, True)[0]), "logsumexp by position": lambda m, x: m.logsumexp(x, 1, True),
    "arange of integers": lambda m, x: (m.arange(0, end=3), m.arange(-0.9, 2.1, 2.0, dtype=m.uint8), m.arange(0.0, -8.000001, -4.0, dtype=m.int64)),
    "linspace of integers": lambda m, x: (m.linspace(4.3, -3, 50, dtype=m.int64), m.linspace(0, end=1, steps=3), m.logspace(0, 2, steps=3, base=2)),
    "fills": lambda m, x: (m.full_like(m.tensor([True]), 0), m.zeros_like(x, dtype=m.int64, device="cpu"), m.ones_like(x, requires_grad=True).requires_grad),
    "masked_fill keeps the dtype": lambda m, x: m.tensor([1, 2]).masked_fill(m.tensor([True, False]), 2.5),
    "conj of booleans": lambda m, x: m.tensor([True]).conj(), "heaviside of integers": lambda m, x: m.heaviside(m.tensor([-1, 0, 2]), m.tensor(5)),
    "a concat that began with nothing": lambda m, x: m.cat([m.tensor([]).to(x.dtype), x], 1), "one row": lambda m, x: (m.cov(x[:1]), m.corrcoef(x[:1])),
    "diff of order 0": lambda m, x: m.diff(x, 0, 0, x[:1]),
    "cosine of vectors that broadcast along dim": lambda m, x: m.cosine_similarity(x.reshape(1, 3, 4), x[1:].reshape(2, 1, 4), dim=-2),
    "circular padding that cuts": lambda m, x: m.nn.functional.pad(x.reshape(1, 1, 3, 4), (-1, 1, -1, 1), "circular"),
    "softmax of nothing": lambda m, x: (m.softmax(x[:, :0], -1), m.log_softmax(x[:, :0], -1)), "group norm of no samples": lambda m, x: m.group_norm(x[:0], 2),
    "unfold of no images": lambda m, x: m.nn.functional.unfold(x.reshape(1, 1, 3, 4)[:0], 2), "roll by one shift": lambda m, x: x.roll((2,)),
    "heaviside of NaN": lambda m, x: m.heaviside(m.tensor([np.nan, 0.0]), m.tensor([5.0, 5.0])), "logsumexp of nothing": lambda m, x: m.logsumexp(x[:0], 0),
    "median of half precision": lambda m, x: m.tensor([1.0, np.nan, 2.0]).to(m.bfloat16).median().isnan(),
    "signs of booleans": lambda m, x: m.sign(m.tensor([True])),
    "shapes by name": lambda m, x: (m.zeros(size=(2, 3)), m.ones(size=(2,)), m.full(size=(2,), fill_value=3.0), m.arange(end=4), x.reshape(shape=(4, 3))),
    "random shapes by name": lambda m, x: [tuple(d.shape) for d in (m.rand(size=(2, 3)), m.randn(size=(2,)), m.empty(size=(2,)), m.randint(high=9, size=(3,)))],
    "axes by name": lambda m, x: (x.permute(dims=(1, 0)), x.flip(0, 1), x.flip(-1), m.result_type(x, m.tensor(1)) == m.float64),
    "einsum by numbers": lambda m, x: (m.einsum(x, [0, 1], x, [2, 1], [0, 2]), m.einsum(x, [1, 0]), m.einsum(x, [..., 0], x, [..., 0])),
    "fill_diagonal_": lambda m, x: (x.clone().fill_diagonal_(5.0), m.zeros(7, 3).fill_diagonal_(1.0, wrap=True), m.zeros(3, 3, 3).fill_diagonal_(1.0)),
    "ranks for each matrix": lambda m, x: m.linalg.matrix_rank(x.reshape(3, 2, 2), atol=m.tensor([0.0, 9.0, 99.0])),
}


def _plain(value):
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return [value.detach().numpy().tolist(), str(value.dtype).split(".")[-1]] if hasattr(value, "detach") else value


@pytest.mark.parametrize("question", SAME.values(), ids=SAME)
def test_pytorch_answers_the_same(question):
    found, wanted = _plain(question(wb, wb.tensor(X))), _plain(question(torch, torch.tensor(X)))
    flat, expected = np.array(_numbers(found)), np.array(_numbers(wanted))
    np.testing.assert_allclose(flat, expected, rtol=2e-6)
    assert _words(found) == _words(wanted)


def _numbers(value):
    return [n for part in value for n in _numbers(part)] if isinstance(value, list) else [] if isinstance(value, str) else [complex(value)]


def _words(value):
    return [w for part in value for w in _words(part)] if isinstance(value, list) else [value] if isinstance(value, str) else []


def test_integers_of_python_are_exact():
    numbers = [0, 2**63 + 1]
    assert wb.tensor(numbers, dtype="uint64").tolist() == numbers
    with pytest.raises(errors.DTypeError, match="int64"):
        wb.tensor([2**63 + 1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_accumulated_in_float32(dtype):
    rng = np.random.default_rng(0)
    x = wb.tensor(rng.normal(size=(2, 8)) * 300).to(dtype)
    exact = x.double()
    image, kernel = wb.tensor(rng.normal(size=(1, 4, 4, 4))).to(dtype), wb.tensor(rng.normal(size=(4, 8, 3, 3))).to(dtype)
    batch = wb.tensor(rng.normal(size=(9, 3, 5))).to(dtype)
    for function, args in {lambda x: wb.layer_norm(x, 8): (x,), lambda x: wb.rms_norm(x, 8): (x,), lambda x: wb.group_norm(x, 2): (x,),
                           lambda x: wb.dist(x, x * 0, 4): (x,), lambda x: wb.linalg.norm(x): (x,), lambda x: wb.linalg.matrix_norm(x, 2): (x,),
                           wb.conv_transpose2d: (image, kernel), lambda a: wb.addbmm(a[0, :, :3] * 0, a, a.mT): (batch,)}.items():
        found, wanted = function(*args), function(*(a.double() for a in args))
        assert str(found.dtype) == dtype
        np.testing.assert_allclose(found.double().numpy(), wanted.numpy(), rtol=2e-2, atol=2e-2 * float(wanted.abs().max()))
    assert exact.shape == x.shape


@pytest.mark.parametrize("order", [-2, -1, -0.5, 0.5, 1, 2, 3, np.inf])
def test_norms_of_zeros_have_the_derivative_zero(order):
    x, t = np.zeros(3), torch.zeros(3, dtype=torch.float64, requires_grad=True)
    torch.linalg.vector_norm(t, order).backward()
    np.testing.assert_array_equal(wb.grad(lambda x: wb.linalg.vector_norm(x, order))(wb.tensor(x)).numpy(), t.grad.numpy())


def test_index_fill_counts_an_index_named_twice_once():
    x, places = wb.zeros(3, 4, dtype="float64"), wb.tensor([0, 2, 0])
    assert wb.grad(lambda v: wb.index_fill(x, 0, places, v).sum())(wb.tensor(2.0, dtype="float64")).item() == 8.0


KINKS = {
    "atan2 at the origin": (lambda m, x: m.atan2(x, x), [0.0, 1e-3, 1e30]), "std of equal numbers": (lambda m, x: m.std(x), [2.0, 2.0, 2.0]),
    "std_mean of equal numbers": (lambda m, x: m.std_mean(x)[0], [2.0, 2.0]), "the power 0": (lambda m, x: x ** 0, [0.0, np.inf, np.nan]),
    "the second derivative of i1 at 0": (lambda m, x: m.special.i1(x), [0.0, 0.04, 0.06]),
    "the second derivative of i1e at 0": (lambda m, x: m.special.i1e(x), [0.0, 0.04, 2.0]),
}


@pytest.mark.parametrize(("function", "numbers"), KINKS.values(), ids=KINKS)
def test_derivatives_at_kinks(function, numbers):
    x, t = wb.tensor(numbers, dtype="float64", requires_grad=True), torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    found, = wb.autograd.grad([function(wb, x).sum()], [x], create_graph=True)
    wanted, = torch.autograd.grad(function(torch, t).sum(), t, create_graph=True)
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-9, atol=1e-20)
    if wanted.requires_grad and max(numbers) < 3:
        np.testing.assert_allclose(wb.autograd.grad([found.sum()], [x])[0].numpy(), torch.autograd.grad(wanted.sum(), t)[0].numpy(), rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_neighbours_of_half_precision(dtype):
    numbers, towards = [1.0, -np.inf, 0.0, 2.0], [2.0, 0.0, -1.0, 2.0]
    wanted = torch.nextafter(*(torch.tensor(n, dtype=getattr(torch, dtype)) for n in (numbers, towards))).double()
    assert wb.nextafter(wb.tensor(numbers).to(dtype), wb.tensor(towards).to(dtype)).double().tolist() == wanted.tolist()

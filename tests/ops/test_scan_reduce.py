"""Reductions and scans where they are delicate: NaN, ties, infinities, half precision, dtype=, odd spellings, refusals."""
import numpy as np
import pytest

import workbench as wb
from workbench import errors
from workbench.core.op import REGISTRY

torch = pytest.importorskip("torch", reason="the oracle needs torch")
pytestmark = pytest.mark.oracle

INF, NAN = float("inf"), float("nan")
X = np.array([[1.0, NAN, 3.0, -INF], [NAN, NAN, NAN, NAN], [2.0, 2.0, INF, -1.0]])
FLOATS, INTEGERS, MATRIX, SCALAR = wb.ones(3), wb.arange(3), wb.ones(2, 3), wb.tensor(1.0)


def same(found, wanted, rtol=1e-7):
    for a, b in zip(found if isinstance(found, (tuple, list)) else [found], wanted if isinstance(wanted, (tuple, list)) else [wanted], strict=True):
        b = b.numpy(force=True)
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.numpy(), b, rtol=rtol)


@pytest.mark.parametrize("name", ["nansum", "nanmean"])
@pytest.mark.parametrize("options", [{}, {"dim": 1}, {"dim": 0, "keepdim": True}])
def test_nan_is_skipped_as_in_torch(name, options):
    same(getattr(wb, name)(wb.tensor(X), **options), getattr(torch, name)(torch.tensor(X), **options))
    x = torch.tensor(X, requires_grad=True)
    getattr(torch, name)(x, **options).sum().backward()
    # Where nothing is left, nanmean's gradient is NaN in PyTorch.
    same(wb.grad(lambda x: getattr(wb, name)(x, **options).sum())(wb.tensor(X)), x.grad.nan_to_num())


@pytest.mark.parametrize("name", ["nanmax", "nanmin"])
@pytest.mark.parametrize("options", [{"axis": 1}, {"axis": 0, "keepdims": True}])
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_nan_is_skipped_as_in_numpy(name, options):
    np.testing.assert_array_equal(getattr(wb, name)(wb.tensor(X), **options).numpy(), getattr(np, name)(X, **options))


@pytest.mark.parametrize("name", ["cummax", "cummin", "logcumsumexp"])
@pytest.mark.parametrize("dim", [0, 1])
def test_scans_of_nan_ties_and_infinities(name, dim):
    same(getattr(wb, name)(wb.tensor(X), dim=dim), getattr(torch, name)(torch.tensor(X), dim=dim))


@pytest.mark.parametrize("name", ["cummax", "cummin"])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float32"])
def test_ties_in_running_extremes_take_the_last(name, dtype):
    x = np.array([1, 0, 1, 2, 2, 0, 0]).astype(dtype)
    same(getattr(wb, name)(wb.tensor(x), 0), getattr(torch, name)(torch.tensor(x), 0))


def test_logcumsumexp_starts_with_minus_infinity():
    x = np.array([-INF, -INF, 0.0, -INF, 800.0])
    found = wb.grad(lambda x: wb.logcumsumexp(x, 0)[2:].sum())(wb.tensor(x))
    assert found.tolist() == [0.0, 0.0, 2.0, 0.0, 1.0]  # PyTorch has NaN in front


def test_the_gradient_of_logcumsumexp_is_right_where_its_cotangent_is_zero():
    x = wb.tensor(np.linspace(-1.0, 1.0, 5))
    hessian = wb.hessian(lambda x: 0.5 * wb.logcumsumexp(x, 0)[0] ** 2)(x)
    wanted = np.zeros((5, 5))
    wanted[0, 0] = 1.0
    np.testing.assert_allclose(hessian.numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_half_precision_accumulates_in_float32(dtype, axis):
    x = wb.full((3000, 2) if axis == 0 else (2, 3000), 0.1, dtype=dtype)
    exact = float(x[0, 0].item()) * (6000 if axis is None else 3000)
    last = wb.cumsum(x, axis or 0)
    edge = 6000 if axis is None else 3000
    assert x.sum(axis).dtype == x.mean(axis).dtype == x.var(axis).dtype == last.dtype == x.dtype
    np.testing.assert_allclose(np.asarray(x.sum(axis).float().numpy()), exact, rtol=1e-2)
    np.testing.assert_allclose(np.asarray(x.mean(axis).float().numpy()) * edge, exact, rtol=1e-2)
    np.testing.assert_allclose(REGISTRY["sum_to"].call(x, shape=(1, 1)).float().item(), float(x[0, 0].item()) * 6000, rtol=1e-2)
    if axis is not None:
        np.testing.assert_allclose(last.float().numpy().max(), exact, rtol=1e-2)
        assert wb.prod(x + 0.9, axis).dtype == x.dtype


def test_variance_of_large_halves_does_not_overflow():
    x = np.array([500.0, -500.0, 480.0], np.float16)
    same([wb.var(wb.tensor(x)), wb.std(wb.tensor(x))], [torch.var(torch.tensor(x)), torch.std(torch.tensor(x))], 1e-3)
    assert wb.std_mean(wb.tensor(x))[0].dtype == wb.float16


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "nansum", "nanmean"])
def test_dtype_converts_first(name):
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    same(getattr(wb, name)(wb.tensor(x), dim=1, dtype=wb.float64), getattr(torch, name)(torch.tensor(x), dim=1, dtype=torch.float64))
    assert wb.grad(lambda x: getattr(wb, name)(x, dtype=wb.float64))(wb.tensor(x)).dtype == wb.float32


def test_dtype_of_scans_and_integer_means():
    assert wb.cumsum(INTEGERS, 0, dtype=wb.float32).dtype == wb.float32
    assert INTEGERS.cumprod(dim=0, dtype=wb.float64).dtype == wb.float64
    assert INTEGERS.mean(dtype=wb.float32).item() == 1.0


@pytest.mark.parametrize("arguments", [(), (1,), (True,), (False,), (1, False), (1, True, True)])
@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
def test_older_spellings_of_variances(name, arguments):
    x = np.random.default_rng(0).normal(size=(3, 4))
    if arguments and isinstance(arguments[0], bool) and name.endswith("mean"):
        same(getattr(wb, name)(wb.tensor(x), *arguments), getattr(torch, name)(torch.tensor(x), unbiased=arguments[0]))
    else:
        same(getattr(wb, name)(wb.tensor(x), *arguments), getattr(torch, name)(torch.tensor(x), *arguments))


def test_norm_takes_the_names_of_torch():
    x = np.random.default_rng(0).normal(size=(3, 4))
    for arguments, options in (((), {}), (("fro",), {}), (("nuc",), {}), ((1, 0), {}), ((2, 1, True), {}), ((), {"p": 3, "dim": 1, "dtype": "float64"})):
        theirs = {**options, "dtype": torch.float64} if "dtype" in options else options
        same(wb.norm(wb.tensor(x), *arguments, **options), torch.norm(torch.tensor(x), *arguments, **theirs), 1e-6)


@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradient_at_uneven_places(edge_order):
    values, places = np.random.default_rng(0).normal(size=(5, 4)), [np.array([0.0, 1.0, 1.5, 4.0, 4.5]), np.array([1.0, 2.0, 4.0, 8.0])]
    found = wb.gradient(wb.tensor(values), spacing=[wb.tensor(p) for p in places], edge_order=edge_order)
    same(found, torch.gradient(torch.tensor(values), spacing=[torch.tensor(p) for p in places], edge_order=edge_order))


def test_scans_work_by_doubling_too():
    """Array modules without ``accumulate`` take this road."""
    from types import SimpleNamespace

    from workbench.ops.scan import _running

    x = np.random.default_rng(0).normal(size=(3, 13))
    for ufunc in (np.maximum, np.logaddexp):
        np.testing.assert_allclose(_running(SimpleNamespace(__name__="other"), ufunc, x, 1), ufunc.accumulate(x, axis=1))


REFUSED = {
    "cumsum without an axis": (lambda: wb.cumsum(MATRIX), errors.ArgumentError, "cumsum.*dim="),
    "cummax along a wrong axis": (lambda: wb.cummax(MATRIX, 2), errors.AxisError, "cummax.*axis 2"),
    "cummin along a wrong axis": (lambda: wb.cummin(SCALAR, 1), errors.AxisError, "cummin"),
    "logcumsumexp of integers": (lambda: wb.logcumsumexp(INTEGERS, 0), errors.DTypeError, "logcumsumexp.*int64"),
    "logcumsumexp along a wrong axis": (lambda: wb.logcumsumexp(MATRIX, -3), errors.AxisError, "logcumsumexp"),
    "diff of a number": (lambda: wb.diff(SCALAR), errors.ShapeError, "diff"),
    "diff of a negative order": (lambda: wb.diff(FLOATS, n=-1), errors.ArgumentError, "order n.*-1"),
    "diff with other shapes in front": (lambda: wb.diff(MATRIX, prepend=FLOATS), errors.ShapeError, ""),
    "trapezoid with too few places": (lambda: wb.trapezoid(MATRIX, wb.ones(2)), errors.ShapeError, r"trapezoid.*\(2,\).*\(2, 3\)"),
    "gradient with a wrong edge order": (lambda: wb.gradient(FLOATS, edge_order=3), errors.ArgumentError, "edge_order.*3"),
    "gradient with too many spacings": (lambda: wb.gradient(FLOATS, spacing=[1.0, 2.0]), errors.ArgumentError, "2 spacings for 1 axes"),
    "gradient of one value": (lambda: wb.gradient(wb.ones(1)), errors.ShapeError, "too few"),
    "gradient at too few places": (lambda: wb.gradient(FLOATS, spacing=[wb.ones(2)]), errors.ShapeError, "places"),
    "gradient naming an axis twice": (lambda: wb.gradient(MATRIX, dim=(0, 0)), errors.AxisError, "twice"),
    "nanmean of integers": (lambda: wb.nanmean(INTEGERS), errors.DTypeError, "nanmean.*int64"),
    "nansum of complex numbers": (lambda: wb.nansum(FLOATS * 1j), errors.DTypeError, "nansum"),
    "var of integers": (lambda: wb.var(INTEGERS), errors.DTypeError, "var.*int64"),
    "std_mean along a wrong axis": (lambda: wb.std_mean(FLOATS, 1), errors.AxisError, ""),
    "aminmax of nothing": (lambda: wb.aminmax(wb.zeros(0)), errors.ShapeError, "amin"),
    "norm of integers": (lambda: wb.norm(INTEGERS), errors.DTypeError, "norm.*int64"),
    "norm of an unknown order": (lambda: wb.norm(MATRIX, "max"), errors.ArgumentError, "norm.*'max'"),
    "clip without bounds": (lambda: wb.clip(MATRIX), errors.ArgumentError, "clip.*min, max"),
    "any along a wrong axis": (lambda: wb.any(MATRIX, dim=5), errors.AxisError, "any.*axis 5"),
    "argmax of several axes": (lambda: wb.argmax(MATRIX, axis=(0, 1)), errors.DTypeError, "argmax"),
    "an in-place root of integers": (lambda: wb.arange(3).sqrt_(), errors.DTypeError, "sqrt_.*float32.*int64"),
    "sum naming an axis twice": (lambda: wb.sum(MATRIX, (0, 0)), errors.WorkbenchError, "sum"),
}


@pytest.mark.parametrize(("call", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_wrong_input(call, error, says):
    with pytest.raises(error, match=f"(?s){says}"):
        call()

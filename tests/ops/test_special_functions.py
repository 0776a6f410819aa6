"""What rows of the table cannot show: refusals, questions that answer with a Python value, calls with tensors of degrees."""
import numpy as np
import pytest

import workbench as wb
from workbench import errors

torch = pytest.importorskip("torch", reason="the oracle needs torch")
pytestmark = pytest.mark.oracle

X = np.linspace(-2.0, 2.0, 12).reshape(3, 4)
NAN = float("nan")
INTEGERS, FLOATS, PAIR = wb.arange(3), wb.ones(3), wb.ones(2, 2)
POLYNOMIALS = [name for name in wb.special.__all__ if "polynomial" in name]
REFUSED = {
    "polygamma of a negative order": (lambda: wb.polygamma(-1, FLOATS), errors.ArgumentError, "order n.*-1"),
    "polygamma with swapped arguments": (lambda: wb.polygamma(FLOATS, 1), errors.ArgumentError, "tensor comes second"),
    "mvlgamma of dimension 0": (lambda: wb.mvlgamma(FLOATS, 0), errors.ArgumentError, "dimension p.*0"),
    "addcdiv of integers": (lambda: wb.addcdiv(FLOATS, INTEGERS, INTEGERS), errors.DTypeError, "addcdiv.*int64"),
    "add with a fraction of integers": (lambda: wb.add(INTEGERS, INTEGERS, alpha=0.5), errors.DTypeError, "alpha"),
    "div with an unknown rounding": (lambda: wb.div(FLOATS, 2, rounding_mode="up"), errors.ArgumentError, "rounding_mode.*'up'"),
    "frexp of integers": (lambda: wb.frexp(INTEGERS), errors.DTypeError, "frexp.*int64"),
    "renorm of a vector": (lambda: wb.renorm(FLOATS, 2, 0, 1.0), errors.ShapeError, "two axes"),
    "renorm with p 0": (lambda: wb.renorm(PAIR, 0, 0, 1.0), errors.ArgumentError, "p must be above 0"),
    "renorm with a negative maxnorm": (lambda: wb.renorm(PAIR, 2, 0, -1.0), errors.ArgumentError, "maxnorm"),
    "isclose of two dtypes": (lambda: wb.isclose(INTEGERS, FLOATS), errors.DTypeError, "int64 and float32"),
    "isclose with a negative tolerance": (lambda: wb.isclose(FLOATS, FLOATS, rtol=-1.0), errors.ArgumentError, "at least 0"),
    "is_nonzero of several": (lambda: wb.is_nonzero(FLOATS), errors.ShapeError, r"one element.*\(3,\)"),
    "complex of integers": (lambda: wb.complex(INTEGERS, INTEGERS), errors.DTypeError, "float32"),
    "complex of two dtypes": (lambda: wb.complex(FLOATS, FLOATS.double()), errors.DTypeError, "float32 and float64"),
    "polar of integers": (lambda: wb.polar(INTEGERS, INTEGERS), errors.DTypeError, "polar"),
    "view_as_real of real numbers": (lambda: wb.view_as_real(FLOATS), errors.DTypeError, "complex"),
    "view_as_complex of triples": (lambda: wb.view_as_complex(FLOATS), errors.ShapeError, "length 2"),
    "positive of booleans": (lambda: wb.positive(wb.tensor([True])), errors.DTypeError, "positive"),
    "a polynomial of a fractional degree": (lambda: wb.special.legendre_polynomial_p(FLOATS, 1.5), errors.DTypeError, "degree n"),
    "the derivative of gammainc in its order": (lambda: wb.grad(lambda a: wb.special.gammainc(a, FLOATS).sum())(FLOATS), errors.GraphError, "gammainc"),
    "the derivative of zeta in its exponent": (lambda: wb.grad(lambda a: wb.zeta(a, FLOATS).sum())(FLOATS * 3), errors.GraphError, "zeta"),
}


@pytest.mark.parametrize(("call", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_wrong_input(call, error, says):
    with pytest.raises(error, match=f"(?s){says}"):
        call()


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_degrees_may_be_a_tensor(name):
    degrees = np.arange(12).reshape(3, 4) % 6 - 1
    found = getattr(wb.special, name)(wb.tensor(X), wb.tensor(degrees))
    wanted = getattr(torch.special, name)(torch.tensor(X), torch.tensor(degrees))
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", [None, "floor", "trunc"])
@pytest.mark.parametrize("kind", ["int64", "float32"])
def test_div_rounds_as_torch(mode, kind):
    a, b = np.array([7, -7, 7, -7, 6]).astype(kind), np.array([2, 2, -2, -2, 3]).astype(kind)
    found, wanted = wb.div(wb.tensor(a), wb.tensor(b), rounding_mode=mode), torch.div(torch.tensor(a), torch.tensor(b), rounding_mode=mode)
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    assert found.dtype == wanted.numpy().dtype


def test_add_and_sub_take_alpha():
    x, y = wb.tensor(X), wb.tensor(X[::-1].copy())
    np.testing.assert_allclose(wb.add(x, y, alpha=3).numpy(), X + 3 * X[::-1])
    np.testing.assert_allclose(x.sub(y, alpha=0.5).numpy(), X - 0.5 * X[::-1])
    x.add_(y, alpha=-1)
    np.testing.assert_allclose(x.numpy(), X - X[::-1])


def test_questions_answer_with_a_bool():
    x = wb.tensor([1.0, float("nan")])
    assert wb.equal(wb.ones(2), wb.ones(2))
    assert not wb.equal(x, x)
    assert wb.allclose(x, x, equal_nan=True)
    assert not wb.allclose(x, x)
    assert wb.allclose(wb.tensor([float("inf")]), wb.tensor([float("inf")]))
    assert wb.is_floating_point(x)
    assert wb.is_complex(x * 1j)
    assert wb.is_signed(INTEGERS)
    assert not wb.is_signed(INTEGERS.to("uint8"))
    assert wb.is_nonzero(wb.tensor([2]))


@pytest.mark.parametrize("values", [[0.1, 1.0, -3.0], [float("nan")], [float("inf"), -float("inf")]])
@pytest.mark.parametrize("options", [{}, {"rtol": 0.1}, {"atol": 1.0}, {"equal_nan": True}])
def test_isclose(values, options):
    a, b = np.array(values), np.array(values)[::-1].copy() * 1.05
    np.testing.assert_array_equal(wb.isclose(wb.tensor(a), wb.tensor(b), **options).numpy(), torch.isclose(torch.tensor(a), torch.tensor(b), **options).numpy())


def test_logit_with_eps_clamps():
    p = np.array([0.0, 0.2, 0.999, 1.0])
    np.testing.assert_allclose(wb.logit(wb.tensor(p), eps=0.01).numpy(), torch.logit(torch.tensor(p), eps=0.01).numpy())
    assert wb.grad(lambda x: wb.logit(x, 0.01).sum())(wb.tensor(p)).tolist()[0] == 0.0


def test_a_method_for_every_in_place_name_of_torch_in_these_families():
    x = wb.tensor(X)
    for name in ("sin", "exp2", "expm1", "square", "sigmoid", "nan_to_num", "trunc", "frac", "sgn", "atan", "log1p"):
        y = wb.tensor(np.abs(X) / 3)
        wanted = getattr(y, name)()
        assert getattr(y, f"{name}_")() is y
        np.testing.assert_array_equal(y.numpy(), wanted.numpy())
    assert x.polygamma(1).shape == x.shape


def test_a_bound_of_nan_makes_the_result_nan():
    x, low = np.array([1.0, 2.0, NAN]), np.array([NAN, 3.0, 0.0])
    for name in ("clamp_min", "clamp_max"):
        np.testing.assert_array_equal(getattr(wb, name)(wb.tensor(x), wb.tensor(low)).numpy(), getattr(torch, name)(torch.tensor(x), torch.tensor(low)).numpy())

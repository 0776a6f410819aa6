"""Element-wise functions against array-api-strict: values, dtypes and shapes, for all dtypes and special values."""
from __future__ import annotations

import array_api_strict as strict
import numpy as np
import pytest

import workbench.array_api as xp
from tests.array_api.support import KINDS, SHAPES, SPECIAL, compare, numbers, special

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:.*casting complex.*")]

ONE = {
    "numeric": "abs conj isfinite isinf isnan negative positive real round sign square", "real": "ceil floor trunc",
    "floating": "acos acosh asin asinh atan atanh cos cosh exp expm1 log log1p log2 log10 reciprocal sin sinh sqrt tan tanh",
    "bits": "bitwise_invert", "complex": "imag", "bool": "logical_not", "real floating": "signbit",
}
TWO = {
    "numeric": "add multiply subtract", "floating": "divide", "any": "equal not_equal",
    "real floating": "atan2 copysign hypot logaddexp nextafter", "bits": "bitwise_and bitwise_or bitwise_xor",
    "real": "greater greater_equal less less_equal maximum minimum", "bool": "logical_and logical_or logical_xor",
}
EVERY_ONE = [(name, dtype) for kind, names in ONE.items() for name in names.split() for dtype in KINDS[kind]]
EVERY_TWO = [(name, dtype) for kind, names in TWO.items() for name in names.split() for dtype in KINDS[kind]]


@pytest.mark.parametrize(("name", "dtype"), EVERY_ONE)
def test_function_of_one_array(name, dtype):
    for shape in SHAPES:
        compare(name, numbers(dtype, shape))


@pytest.mark.parametrize(("name", "dtype"), [(name, dtype) for name, dtype in EVERY_ONE if dtype in KINDS["real floating"]])
def test_special_values_of_one_array(name, dtype):
    x = np.asarray(SPECIAL, dtype)
    compare(name, x)
    if name not in ("isfinite", "isinf", "isnan", "signbit"):
        ours = getattr(xp, name)(xp.asarray(x)).numpy()
        np.testing.assert_array_equal(np.signbit(ours[~np.isnan(ours)]), np.signbit(np.asarray(getattr(strict, name)(strict.asarray(x))._array)[~np.isnan(ours)]))


@pytest.mark.parametrize("name", [name for name, dtype in EVERY_ONE if dtype == "complex128"])
def test_special_complex_values(name):
    compare(name, np.array([complex(a, b) for a in SPECIAL for b in SPECIAL]))


@pytest.mark.parametrize(("name", "dtype"), EVERY_TWO)
def test_function_of_two_arrays(name, dtype):
    for one, other in [((), ()), ((0,), (1,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((), (3,))]:
        compare(name, numbers(dtype, one), numbers(dtype, other, seed=1))


@pytest.mark.parametrize(("name", "dtype"), [(n, d) for n, d in EVERY_TWO if d in KINDS["real floating"]] + [("pow", "float64"), ("remainder", "float64")])
def test_special_values_of_two_arrays(name, dtype):
    compare(name, *special(dtype))


def test_floor_divide_by_and_of_infinities():
    x, y = special("float64")
    found = xp.floor_divide(xp.asarray(x), xp.asarray(y)).numpy()
    unbounded = (np.isinf(x) & np.isfinite(y)) | (np.isfinite(x) & np.isinf(y))
    np.testing.assert_array_equal(found[unbounded], (x / y)[unbounded])
    np.testing.assert_array_equal(np.signbit(found[unbounded]), np.signbit((x / y)[unbounded]))
    np.testing.assert_array_equal(found[~unbounded], np.floor_divide(x, y)[~unbounded])


@pytest.mark.parametrize("dtype", KINDS["real"])
@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
def test_division_with_remainder(name, dtype):
    compare(name, numbers(dtype, (2, 3)), np.maximum(numbers(dtype, (3,), seed=1), np.asarray(1, dtype)))


@pytest.mark.parametrize("dtype", KINDS["numeric"])
def test_power(dtype):
    compare("pow", numbers(dtype, (2, 3)), numbers("u" if dtype == "u" else dtype, (3,), low=0))


@pytest.mark.parametrize("dtype", KINDS["integral"])
@pytest.mark.parametrize("name", ["bitwise_left_shift", "bitwise_right_shift"])
def test_shifts(name, dtype):
    compare(name, numbers(dtype, (2, 3)), np.asarray([0, 1, 3], dtype))


@pytest.mark.parametrize(("first", "second"), [(a, b) for kind in ("integral", "floating") for a in KINDS[kind] for b in KINDS[kind]
                                               if "uint64" not in (a, b) or a == b or (a + b).count("uint") == 2])
def test_promotion(first, second):
    for one, other in [((3,), (3,)), ((), (3,)), ((3,), ()), ((), ())]:
        compare("add", numbers(first, one), numbers(second, other))
        compare("equal", numbers(first, one), numbers(second, other))
        compare("where", np.asarray(True), numbers(first, one), numbers(second, other))
    compare("result_type", f"dtype:{first}", f"dtype:{second}")
    compare("concat", [numbers(first, (2,)), numbers(second, (2,))])
    compare("stack", [numbers(first, (2,)), numbers(second, (2,))])
    assert xp.can_cast(getattr(xp, first), getattr(xp, second)) == strict.can_cast(getattr(strict, first), getattr(strict, second))


SCALARS = [(name, dtype, scalar) for name, kinds, scalar in [
    ("add", "numeric", 2), ("subtract", "floating", 2.5), ("multiply", "floating", 2.5), ("divide", "floating", 2), ("pow", "numeric", 2),
    ("add", "floating", 1j), ("maximum", "real", 1), ("less", "real", 1), ("equal", "numeric", 1), ("atan2", "real floating", 1.0),
    ("hypot", "real floating", 2), ("copysign", "real floating", -1.0), ("logaddexp", "real floating", 0.5), ("floor_divide", "real", 2),
    ("remainder", "real", 2), ("bitwise_and", "integral", 3), ("bitwise_left_shift", "integral", 2), ("logical_or", "bool", True),
    ("nextafter", "real floating", 1.0), ("bitwise_xor", "bool", True)] for dtype in KINDS[kinds]]


@pytest.mark.parametrize(("name", "dtype", "scalar"), SCALARS)
def test_python_numbers(name, dtype, scalar):
    for shape in [(), (3,)]:
        compare(name, numbers(dtype, shape), scalar)
        if name not in ("pow", "floor_divide", "remainder", "bitwise_left_shift"):
            compare(name, scalar, numbers(dtype, shape))


@pytest.mark.parametrize("dtype", KINDS["real"])
def test_clip(dtype):
    x = numbers(dtype, (2, 3))
    for bounds in [(1, 3), (None, 2), (1, None), (np.asarray(1, dtype), np.asarray([2, 3, 4], dtype)), (None, None), (-1000, 1000)]:
        compare("clip", x, *bounds)
    compare("clip", x, min=1, max=2)

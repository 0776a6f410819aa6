"""The array object of the standard: attributes, operators, conversions, reading and writing at indices."""
from __future__ import annotations

import inspect
import operator

import array_api_strict as strict
import numpy as np
import pytest

import workbench as wb
import workbench.array_api as xp
from tests.array_api.support import KINDS, agree, numbers
from workbench import errors

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::RuntimeWarning")]

BINARY = {
    "numeric": "add sub mul", "floating": "truediv", "real": "lt le gt ge", "any": "eq ne", "bits": "and_ or_ xor", "integral": "lshift rshift",
}
ROWS = [(name, dtype) for kinds, names in BINARY.items() for name in names.split() for dtype in KINDS[kinds]]
SCALAR = {"bool": True, "complex64": 2.5, "complex128": 2.5}


@pytest.mark.parametrize(("name", "dtype"), ROWS)
def test_operator(name, dtype):
    function, in_place = getattr(operator, name), getattr(operator, f"i{name.rstrip('_')}", None)
    scalar = SCALAR.get(dtype, 2 if dtype in KINDS["integral"] else 2.0)
    for shape in [(), (2, 3)]:
        x, y = numbers(dtype, shape), np.abs(numbers(dtype, shape, 1)) if dtype != "bool" else numbers(dtype, shape, 1)
        results = []
        for ns in (xp, strict):
            one, other = ns.asarray(x), ns.asarray(y)
            found = [function(one, other), function(one, scalar), function(scalar, one)] if "shift" not in name else [function(one, other), function(one, 1)]
            if in_place is not None:
                found += [in_place(ns.asarray(x, copy=True), value) for value in ((other, 1) if "shift" in name else (other, scalar))]
            results.append(found)
        agree(results[0], results[1])


@pytest.mark.parametrize(("first", "second"), [(a, b) for kind in ("integral", "floating") for a in KINDS[kind] for b in KINDS[kind]
                                               if "uint64" not in (a, b) or a == b or (a + b).count("uint") == 2])
def test_an_array_without_axes_counts_in_promotion(first, second):
    for one, other in [((), (3,)), ((3,), ()), ((), ()), ((2, 3), (3,))]:
        x, y = numbers(first, one), numbers(second, other, 1)
        for function in (operator.add, operator.mul, operator.eq):
            agree(function(xp.asarray(x), xp.asarray(y)), function(strict.asarray(x), strict.asarray(y)))


def test_a_tensor_without_axes_made_elsewhere_counts_as_in_pytorch():
    assert (wb.ones(3) * wb.tensor(2.0, dtype=wb.float64)).dtype == wb.float32
    assert (xp.ones(3) * xp.asarray(2.0, dtype=xp.float64)).dtype == xp.float64
    assert (xp.ones(3) * xp.sum(xp.ones(2, dtype=xp.float64))).dtype == xp.float64
    mixed = xp.asarray(2.0) * xp.ones(3)
    assert type(mixed.data) is np.ndarray


@pytest.mark.parametrize("dtype", KINDS["real"])
def test_division_with_remainder_and_powers(dtype):
    x, y = numbers(dtype, (2, 3)), np.maximum(numbers(dtype, (2, 3), 1), np.asarray(1, dtype))
    for function in (operator.floordiv, operator.mod, operator.pow):
        agree(function(xp.asarray(x), xp.asarray(y)), function(strict.asarray(x), strict.asarray(y)))
        agree(function(xp.asarray(x), 2), function(strict.asarray(x), 2))


@pytest.mark.parametrize("dtype", KINDS["any"])
def test_operators_of_one_array_and_attributes(dtype):
    x = numbers(dtype, (2, 3))
    ours, theirs = xp.asarray(x), strict.asarray(x)
    if dtype != "bool":
        agree([-ours, +ours, abs(ours)], [-theirs, +theirs, abs(theirs)])
    if dtype in KINDS["bits"]:
        agree(~ours, ~theirs)
    agree([ours.T, ours.mT], [theirs.T, theirs.mT])
    assert (ours.shape, ours.ndim, ours.size, ours.device) == (theirs.shape, theirs.ndim, theirs.size, "cpu")
    assert ours.dtype == getattr(xp, dtype)
    agree(ours.to_device(ours.device), theirs)
    agree(xp.ones((3, 2)) @ xp.ones((2, 4)), strict.ones((3, 2), dtype=strict.float32) @ strict.ones((2, 4), dtype=strict.float32))


@pytest.mark.parametrize("convert", [bool, int, float, complex, operator.index])
@pytest.mark.parametrize("value", [True, 3, 0, 2.5, -0.0, 1j])
def test_conversion_to_python(convert, value):
    try:
        wanted = convert(strict.asarray(value))
    except TypeError:
        wanted = None
    if wanted is None and value is not True:  # a boolean as an index is left open by the standard; as in PyTorch it is 0 or 1
        with pytest.raises((TypeError, ValueError)):
            convert(xp.asarray(value))
    else:
        found = convert(xp.asarray(value))
        assert found == convert(value)
        assert type(found) is type(convert(value))


INDICES = [
    0, -1, slice(None), slice(1, None), slice(None, None, -1), slice(3, 0, -2), ..., None, (0, 1), (..., 0), (0, ...), (slice(None), 1), (None, ..., None),
    (slice(None), slice(0, 2)), (0, slice(None), None), (1, 2, 3), (..., None, 2), (slice(0, 0),), (slice(None), slice(None), slice(None, None, 2)),
]
X = numbers("float64", (3, 4, 5))


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_reading_and_writing_by_position(index):
    np.testing.assert_array_equal(xp.asarray(X)[index].numpy(), X[index])
    for value in (7.0, X[index] * 2):
        x, wanted = xp.asarray(X, copy=True), X.copy()
        x[index], wanted[index] = xp.asarray(value) if isinstance(value, np.ndarray) else value, value
        np.testing.assert_array_equal(x.numpy(), wanted)


def test_reading_and_writing_at_arrays():
    for ours, theirs in [(xp.asarray(X), strict.asarray(X))]:
        agree(ours[xp.asarray(X) > 0], theirs[strict.asarray(X) > 0.0])
        agree(ours[xp.asarray([True, False, True])], theirs[strict.asarray([True, False, True])])
        agree(ours[xp.asarray([2, 0]), xp.asarray([1, 3]), xp.asarray([0, -1])], theirs[strict.asarray([2, 0]), strict.asarray([1, 3]), strict.asarray([0, -1])])
        agree(ours[xp.asarray([[0], [1]]), 1, xp.asarray([2, 3])], theirs[strict.asarray([[0], [1]]), 1, strict.asarray([2, 3])])
    x, y = xp.asarray(X, copy=True), strict.asarray(X, copy=True)
    x[x > 0], y[y > 0.0] = 0.0, 0.0
    agree(x, y)
    scalar = xp.asarray(1.0)
    agree(scalar[xp.asarray(True)], strict.asarray(1.0, dtype=strict.float32)[strict.asarray(True)])
    scalar[()] = 3.0
    assert float(scalar) == 3.0


@pytest.mark.parametrize("index", [3, (0, 4), (0, 0, 0, 0)])
def test_an_index_out_of_range(index):
    with pytest.raises(errors.AxisError):
        xp.asarray(X)[index]


METHODS = sorted(name for name in vars(strict._array_object.Array) if name.startswith("__") and inspect.isfunction(getattr(strict._array_object.Array, name))
                 and name not in ("__new__", "__init__", "__repr__", "__str__", "__array__",
                                  "__buffer__", "__release_buffer__", "__hash__", "__iter__", "__array_wrap__"))


@pytest.mark.parametrize("name", METHODS)
def test_signature_of_a_method(name):
    found, wanted = (inspect.signature(getattr(ns.ones(1), name)).parameters.values() for ns in (xp, strict))
    assert [(p.name if p.kind is p.KEYWORD_ONLY else "", p.kind) for p in found] == [(p.name if p.kind is p.KEYWORD_ONLY else "", p.kind) for p in wanted]

"""Arrays that Hypothesis draws through the namespace itself: functions, operators and indices against array-api-strict."""
from __future__ import annotations

import operator

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.array_api import make_strategies_namespace

import workbench.array_api as xp
from tests.array_api.support import agree
from workbench.core.errors import DTypeError

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")]
draws = make_strategies_namespace(xp, api_version="2024.12")
PAIRS = ["add", "subtract", "multiply", "equal", "not_equal", "less", "greater_equal", "maximum", "minimum"]
OPERATORS = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "equal": operator.eq, "not_equal": operator.ne, "less": operator.lt,
             "greater_equal": operator.ge}


def theirs(x):
    return strict.asarray(np.array(x.numpy()))


@settings(max_examples=150)
@given(st.data(), st.sampled_from(PAIRS))
def test_two_arrays_of_any_shapes_and_dtypes(data, name):
    shapes = data.draw(draws.mutually_broadcastable_shapes(2, max_dims=3, max_side=3)).input_shapes
    x, y = (data.draw(draws.arrays(data.draw(draws.numeric_dtypes()), shape)) for shape in shapes)
    try:
        wanted = getattr(strict, name)(theirs(x), theirs(y))
    except TypeError:
        assume(False)
    agree(getattr(xp, name)(x, y), wanted)
    if name in OPERATORS:
        agree(OPERATORS[name](x, y), wanted)


@settings(max_examples=150)
@given(st.data())
def test_reading_and_writing_at_any_index(data):
    shape = data.draw(draws.array_shapes(min_dims=0, max_dims=3, max_side=4))
    x = data.draw(draws.arrays(xp.float64, shape))
    key = data.draw(draws.indices(shape, allow_newaxis=True))
    wanted = np.array(x.numpy())
    np.testing.assert_array_equal(x[key].numpy(), wanted[key])
    key = data.draw(draws.indices(shape))
    x[key] = 5.0
    wanted[key] = 5.0
    np.testing.assert_array_equal(x.numpy(), wanted)


@settings(max_examples=100)
@given(st.data())
def test_reading_and_writing_at_any_mask(data):
    shape = data.draw(draws.array_shapes(min_dims=0, max_dims=3, max_side=4))
    x, mask = data.draw(draws.arrays(xp.int64, shape)), data.draw(draws.arrays(xp.bool, shape))
    wanted, places = np.array(x.numpy()), np.array(mask.numpy())
    np.testing.assert_array_equal(x[mask].numpy(), wanted[places])
    x[mask] = 7
    wanted[places] = 7
    np.testing.assert_array_equal(x.numpy(), wanted)


@settings(max_examples=100)
@given(st.data(), st.sampled_from(["sum", "prod", "max", "min", "any", "all", "count_nonzero", "sort", "argsort", "unique_all", "nonzero", "argmax", "flip"]))
def test_one_array_of_any_shape_and_dtype(data, name):
    dtype = data.draw(draws.scalar_dtypes())
    x = data.draw(draws.arrays(dtype, draws.array_shapes(max_dims=3, max_side=3)))
    try:
        wanted = getattr(strict, name)(theirs(x))
    except (TypeError, ValueError):
        with pytest.raises((DTypeError, ValueError)):
            getattr(xp, name)(x)
    else:
        agree(getattr(xp, name)(x), wanted)

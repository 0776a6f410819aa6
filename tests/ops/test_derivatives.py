"""Every differentiable row, with no oracle but mathematics: two orders against differences, forward against reverse, vmap against a loop."""
import warnings

import numpy as np
import pytest

import workbench as wb
from tests.ops.support import active, rng_of
from workbench.core import tree
from workbench.testing import gradcheck, optable
from workbench.testing.rows import floating, leaves, ours

pytestmark = pytest.mark.sweep

CHECKED = [row for row in optable.ROWS if row.cases and row.gradient]
BATCHED = [row for row in optable.ROWS if row.cases and row.batched]


def _as_function(row, case, args):
    """The row as a function of its floating-point inputs, and these."""
    flat, structure = tree.flatten([args[i] for i in active(args, case)])
    places = active(args, case)

    def function(*parts):
        full = list(args)
        for place, part in zip(places, structure.unflatten(parts), strict=True):
            full[place] = part
        return floating(row.function(*full, **case.options))

    return function, flat


@pytest.mark.parametrize("row", CHECKED, ids=str)
def test_first_and_second_order(row):
    for case in row.cases:
        function, inputs = _as_function(row, case, ours(case.arguments(rng_of(row, case))))
        if any(x.size for x in inputs):
            try:
                gradcheck(function, inputs, order=row.order, directions=1)
            except AssertionError as error:
                raise AssertionError(f"{row}{case}: {error}") from error


def _direction(x, rng):
    return wb.as_tensor(np.asarray(rng.normal(size=x.shape), x.dtype))


@pytest.mark.parametrize("row", CHECKED, ids=str)
def test_forward_mode_is_the_transpose_of_reverse_mode_in_float32(row):
    for case in row.cases:
        rng = rng_of(row, case)
        function, inputs = _as_function(row, case, ours(case.arguments(rng, np.float32)))
        v = [_direction(x, rng) for x in inputs]
        outputs, pullback = wb.vjp(function, *inputs)
        u = [_direction(o, rng) for o in outputs]
        _, pushed = wb.jvp(function, inputs, v)
        assert [p.dtype for p in pushed] == [o.dtype for o in outputs], f"{row}{case}: tangents change the dtype"
        back = pullback(u)
        assert [b.dtype for b in back] == [x.dtype for x in inputs], f"{row}{case}: cotangents change the dtype"
        dot = lambda a, b: sum(float((p.double() * q.double()).sum()) for p, q in zip(a, b, strict=True))
        scale = sum(float((p.double() * q.double()).abs().sum()) for p, q in zip(pushed, u, strict=True))
        np.testing.assert_allclose(dot(pushed, u), dot(back, v), rtol=1e-3, atol=1e-4 * (1 + scale), err_msg=f"{row}{case}")


def _stacked(draws, position):
    """Argument `position` of several draws as one value with a batch axis, or None when it is not an array."""
    parts = [args[position] for args in draws]
    if isinstance(parts[0], np.ndarray):
        return wb.tensor(np.stack(parts))
    if isinstance(parts[0], list) and isinstance(parts[0][0], np.ndarray):
        return [wb.tensor(np.stack(column)) for column in zip(*parts, strict=True)]
    return None


def _patterns(mapped):
    """All inputs together, and each alone."""
    everything = tuple(mapped)
    return dict.fromkeys([everything, *((i,) for i in mapped)])


@pytest.mark.parametrize("row", BATCHED, ids=str)
def test_vmap_equals_a_loop(row):
    for case in row.cases:
        rng = rng_of(row, case)
        draws = [case.arguments(rng) for _ in range(3)]
        together = [_stacked(draws, i) for i in range(len(draws[0]))]
        for pattern in _patterns([i for i, value in enumerate(together) if value is not None]):
            _compare_with_loop(row, case, draws, together, pattern)


def _compare_with_loop(row, case, draws, together, pattern):
    first = ours(draws[0])
    function = lambda *parts: row.function(*_filled(first, pattern, parts), **case.options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = leaves(wb.vmap(function)(*(together[i] for i in pattern)))
    rows = [leaves(row.function(*_filled(first, pattern, [ours(args)[i] for i in pattern]), **case.options)) for args in draws]
    for position, value in enumerate(found):
        wanted = np.stack([outputs[position].numpy() for outputs in rows])
        assert value.dtype == wanted.dtype, f"{row}{case} mapped over {pattern}: dtype {value.dtype}, a loop gives {wanted.dtype}"
        np.testing.assert_allclose(value.numpy(), wanted, rtol=1e-9, atol=1e-12, err_msg=f"{row}{case} mapped over {pattern}")


def _filled(args, places, parts):
    full = list(args)
    for place, part in zip(places, parts, strict=True):
        full[place] = part
    return full

"""Anomaly mode names the op, the line, the phase, the first bad number and the `where` that hides it."""
from __future__ import annotations

import math
import threading

import numpy as np
import pytest

import workbench as wb
from workbench.core.errors import AnomalyError

detect = wb.autograd.detect_anomaly
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def leaf(values, dtype=wb.float64):
    return wb.tensor(values, dtype=dtype, requires_grad=True)


def caught(run):
    with pytest.raises(AnomalyError) as error, detect():
        run()
    return error.value


def overflow():
    return wb.exp(leaf([[0.0, 1000.0]])) + 1


def not_a_number():
    return wb.sqrt(leaf([1.0, -1.0, -2.0])).sum()


def minus_infinity():
    return wb.log(leaf([1.0, 0.0])).sum()


def division():
    x = leaf([0.0, 1.0])
    return (x / x).sum()


@pytest.mark.parametrize(("run", "op", "kind", "index", "words"), [
    (overflow, "exp", "Inf", (0, 1), "from 0 to 1000"),
    (not_a_number, "sqrt", "NaN", (1,), r"2 of 3 elements.*ranges from -2 to 1"),
    (minus_infinity, "log", "-Inf", (1,), "numbers above 0"),
    (division, "div", "NaN", (0,), "divisor is 0"),
])
def test_forward(run, op, kind, index, words):
    error = caught(run)
    assert (error.op, error.phase, error.kind, error.index) == (op, "forward", kind, index)
    code = {"exp": "wb.exp(", "sqrt": "wb.sqrt(", "log": "wb.log(", "div": "x / x"}[op]
    assert error.place[0] == __file__
    assert code in str(error)
    with pytest.raises(AnomalyError, match=words):
        raise error


def test_the_first_cause_is_named_and_not_what_follows():
    def run():
        large = wb.exp(leaf([1000.0]))
        return (large - large) * 2

    error = caught(run)
    assert (error.op, error.kind) == ("exp", "Inf")


def test_a_bad_result_at_the_end_of_the_block_is_found():
    with pytest.raises(AnomalyError, match="exp produced Inf"), detect():
        kept = wb.exp(wb.tensor(1000.0))
    assert math.isinf(kept.item())


def test_untracked_operations_are_watched_too():
    with pytest.raises(AnomalyError, match="log produced -Inf"), wb.no_grad(), detect():
        wb.log(wb.zeros(2)) + 1


def test_bad_data_are_told_from_bad_operations():
    error = caught(lambda: wb.tensor([1.0, np.nan]) * 2 + 1)
    assert "input 0 of mul already has NaN first at index (1,)" in str(error)
    assert "Check the data" in str(error)


@pytest.mark.parametrize("dtype", [wb.float16, wb.float32, wb.complex64])
def test_every_floating_dtype(dtype):
    assert caught(lambda: wb.exp(wb.tensor([1000.0], dtype=dtype)) + 1).op == "exp"


def test_bfloat16():
    assert caught(lambda: wb.exp(wb.tensor([1000.0], dtype=wb.bfloat16)) + 1).kind == "Inf"


# ---------------------------------------------------------------- what is no anomaly
def masked():
    scores = leaf([[1.0, 2.0], [3.0, 4.0]]).masked_fill(wb.tensor([[False, True], [False, False]]), float("-inf"))
    return wb.softmax(scores, -1).sum()


def with_infinite_mask():
    mask = wb.tensor([[0.0, -math.inf], [0.0, 0.0]], dtype=wb.float64)
    return wb.softmax(leaf([[1.0, 2.0], [3.0, 4.0]]) + mask, -1).sum()


def cleaned_data():
    x = wb.tensor([1.0, np.nan])
    return wb.where(wb.isnan(x), wb.zeros(2), x).sum() + leaf(1.0)


def left_out():
    x = wb.tensor([0.0, 1.0])
    return wb.where(x > 0, wb.log(x), x).sum() + leaf(1.0)


@pytest.mark.parametrize("run", [masked, with_infinite_mask, cleaned_data, left_out])
def test_no_false_alarm(run):
    with detect():
        run().backward()


def test_infinities_can_be_allowed():
    with detect(check_inf=False):
        wb.exp(leaf([1000.0])) + 1
    large = wb.exp(leaf([1000.0]))
    with pytest.raises(AnomalyError, match="NaN"), detect(check_inf=False):
        (large - large) + 1


# ---------------------------------------------------------------- backward
def test_a_gradient_that_is_infinite():
    x = leaf([4.0, 0.0])

    def run():
        root = wb.sqrt(x)
        root.sum().backward()

    error = caught(run)
    assert (error.op, error.phase, error.kind, error.index) == ("sqrt", "backward", "Inf", (1,))
    assert "root = wb.sqrt(x)" in str(error)
    assert "ranged from 0 to 2" in str(error)


def hides_a_root(x):
    return wb.where(x > 0, wb.sqrt(x), x).sum()


def hides_a_logarithm(x):
    inner = wb.log(x)
    return wb.where(x > 0, inner, x).sum()


def hides_further_up(x):
    inner = wb.sqrt(x)
    scaled = inner * 2 + 1
    return wb.where(x > 0, scaled, x).sum()


def hides_by_masked_fill(x):
    return wb.sqrt(x).masked_fill(x <= 0, 0.0).sum()


@pytest.mark.parametrize("function", [hides_a_root, hides_a_logarithm, hides_further_up, hides_by_masked_fill])
def test_the_where_that_hides_a_nan_is_named(function):
    error = caught(lambda: function(leaf([1.0, 0.0])).backward())
    assert (error.phase, error.kind, error.index) == ("backward", "NaN", (1,))
    assert "because where (test_anomaly.py, line" in str(error)
    assert "did not take this value" in str(error)


def test_the_remedy_works():
    x = leaf([1.0, 0.0])
    with detect():
        safe = wb.where(x > 0, x, wb.ones(2, dtype=wb.float64))
        wb.where(x > 0, wb.sqrt(safe), x).sum().backward()
    assert x.grad.tolist() == [0.5, 1.0]


def test_inside_grad():
    error = caught(lambda: wb.grad(hides_a_logarithm)(wb.tensor([1.0, 0.0])))
    assert (error.op, error.phase) == ("log", "backward")


def test_inside_jit_the_op_is_named():
    f = wb.jit(lambda x: wb.log(x) * 2)
    f(wb.ones(2))
    error = caught(lambda: f(wb.zeros(2)))
    assert (error.op, error.kind) == ("log", "-Inf")
    assert "wb.log(x) * 2" in str(error)


def test_a_graph_recorded_before_has_no_lines_but_is_checked():
    y = wb.sqrt(leaf([0.0])).sum()
    with pytest.raises(AnomalyError, match="recorded outside detect_anomaly"), detect():
        y.backward()


# ---------------------------------------------------------------- the mode itself
def test_as_decorator_and_nested():
    @detect()
    def run():
        with detect():
            return overflow()

    for _ in range(2):
        with pytest.raises(AnomalyError):
            run()
    assert not wb.autograd.is_anomaly_enabled()
    assert overflow().shape == (1, 2)


def test_set_detect_anomaly_like_torch():
    wb.autograd.set_detect_anomaly(True)
    try:
        assert wb.autograd.is_anomaly_enabled()
        with wb.autograd.set_detect_anomaly(False):
            assert not wb.autograd.is_anomaly_enabled()
            overflow()
        assert wb.autograd.is_anomaly_enabled()
        with pytest.raises(AnomalyError):
            overflow()
    finally:
        wb.autograd.set_detect_anomaly(False)
    assert not wb.autograd.is_anomaly_enabled()
    overflow()


def test_another_thread_is_not_watched():
    results = []
    with detect():
        thread = threading.Thread(target=lambda: results.append(overflow()))
        thread.start()
        thread.join()
    assert len(results) == 1


def test_the_error_of_the_user_is_not_replaced():
    alive = []
    with pytest.raises(KeyError), detect():
        {}[alive.append(wb.exp(wb.tensor(1000.0)))]


def test_an_anomaly_error_is_an_arithmetic_error():
    assert issubclass(AnomalyError, ArithmeticError)

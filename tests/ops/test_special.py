"""Conventions where mathematics leaves a choice, each written down once."""
import numpy as np
import pytest

import workbench as wb

F64 = wb.float64


def gradient(function, x):
    return wb.grad(lambda v: function(v).sum())(wb.tensor(x, dtype=F64)).tolist()


def test_abs_has_gradient_zero_at_zero():
    assert gradient(wb.abs, [0.0, -2.0]) == [0.0, -1.0]


def test_ties_in_amax_share_the_gradient():
    assert gradient(lambda x: wb.amax(x), [1.0, 3.0, 3.0]) == [0.0, 0.5, 0.5]


def test_ties_in_max_with_dim_go_to_the_first():
    assert gradient(lambda x: wb.max(x, dim=0)[0], [1.0, 3.0, 3.0]) == [0.0, 1.0, 0.0]


def test_ties_in_maximum_are_shared():
    assert wb.grad(lambda x, y: wb.maximum(x, y), (0, 1))(wb.tensor(1.0), wb.tensor(1.0)) == (0.5, 0.5)
    assert wb.ops.elementwise.share(wb.tensor([1.0, 2.0, 0.0]), wb.tensor([1.0, 1.0, 1.0])).tolist() == [0.5, 1.0, 0.0]


@pytest.mark.parametrize(("power", "wanted"), [(0, 0.0), (1, 1.0), (2, 0.0), (0.0, 0.0), (0.5, np.inf)])
def test_powers_at_zero(power, wanted):
    with np.errstate(divide="ignore"):
        assert gradient(lambda x: x**power, 0.0) == wanted


def test_zero_to_a_variable_power_has_gradient_zero():
    assert wb.grad(lambda y: wb.tensor(0.0) ** y)(wb.tensor(2.0)).item() == 0.0


def test_product_with_zeros_has_the_right_gradient():
    assert gradient(wb.prod, [2.0, 0.0, 3.0]) == [0.0, 6.0, 0.0]
    assert gradient(wb.prod, [0.0, 0.0, 3.0]) == [0.0, 0.0, 0.0]


def test_norm_has_gradient_zero_at_zero():
    assert gradient(wb.norm, [0.0, 0.0]) == [0.0, 0.0]


def test_softmax_of_large_scores_does_not_overflow():
    assert wb.softmax(wb.tensor([1000.0, 1000.0])).tolist() == [0.5, 0.5]
    assert wb.logsumexp(wb.tensor([-np.inf, -np.inf])).item() == -np.inf


def test_where_keeps_nan_of_the_branch_not_taken_out_of_the_gradient_only_with_a_safe_argument():
    """The famous trap: 0 times an infinite derivative is NaN. The remedy is a safe argument inside."""
    with np.errstate(all="ignore"):
        trap = gradient(lambda x: wb.where(x > 0, wb.sqrt(x), 0.0), [0.0, 4.0])
    safe = gradient(lambda x: wb.where(x > 0, wb.sqrt(wb.where(x > 0, x, 1.0)), 0.0), [0.0, 4.0])
    assert np.isnan(trap[0])
    assert safe == [0.0, 0.25]


def test_sorting_is_stable_and_argmax_takes_the_first():
    assert wb.argsort(wb.tensor([1, 0, 1, 0])).tolist() == [1, 3, 0, 2]
    assert wb.argsort(wb.tensor([1, 0, 1, 0]), descending=True).tolist() == [0, 2, 1, 3]
    assert wb.argmax(wb.tensor([1, 3, 3])).item() == 1

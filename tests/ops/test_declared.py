"""Declared ops that no public function shows by itself: cast, pad_constant, sum_to, transfer; and ops of one's own."""
import numpy as np
import pytest

import workbench as wb
from workbench import errors
from workbench.core.op import REGISTRY
from workbench.testing import gradgradcheck

pad_constant, cast, transfer = (REGISTRY[name].call for name in ("pad_constant", "cast", "transfer"))
X = np.random.default_rng(0).normal(size=(2, 3))


@pytest.mark.parametrize("widths", [((1, 0), (0, 2)), ((0, 0), (-1, 1)), ((-1, -1), (0, 0))])
def test_pad_constant(widths):
    found = pad_constant(wb.tensor(X), widths=widths, value=7.0)
    kept = X[max(-widths[0][0], 0):2 - max(-widths[0][1], 0), max(-widths[1][0], 0):3 - max(-widths[1][1], 0)]
    wanted = np.pad(kept, [(max(a, 0), max(b, 0)) for a, b in widths], constant_values=7.0)
    np.testing.assert_array_equal(found.numpy(), wanted)
    if wanted.size:
        assert gradgradcheck(lambda x: pad_constant(x * x, widths=widths, value=7.0), [wb.tensor(X)])
    batch = wb.tensor(np.stack([X, X + 1]))
    np.testing.assert_array_equal(wb.vmap(lambda x: pad_constant(x, widths=widths, value=7.0))(batch)[0].numpy(), wanted)


@pytest.mark.parametrize("target", [wb.float32, wb.float64, wb.float16, wb.int32, wb.bool_, wb.complex64])
def test_cast(target):
    assert cast(wb.tensor(X), dtype=target).dtype == target
    np.testing.assert_array_equal(cast(wb.tensor(X), dtype=target).numpy(), X.astype(target))


def test_cast_sends_gradients_back_in_the_dtype_they_came_from():
    x = wb.tensor(X.astype(np.float32), requires_grad=True)
    (x.double() * 2).sum().backward()
    assert x.grad.dtype == wb.float32
    assert x.grad.tolist() == [[2.0] * 3] * 2


def test_cast_to_integers_carries_no_gradient():
    x = wb.tensor(X, requires_grad=True)
    assert not x.long().requires_grad
    assert wb.grad(lambda x: (x.long().double() + x).sum())(wb.tensor(X)).tolist() == [[1.0] * 3] * 2


def test_sum_to_undoes_broadcasting():
    x = wb.tensor(np.arange(24.0).reshape(2, 3, 4))
    sum_to = REGISTRY["sum_to"].call
    np.testing.assert_array_equal(sum_to(x, shape=(3, 1)).numpy(), x.numpy().sum((0, 2))[:, None])
    assert gradgradcheck(lambda x: sum_to(x * x, shape=(1, 4)), [x])
    np.testing.assert_array_equal(wb.vmap(lambda x: sum_to(x, shape=(4,)))(x).numpy(), x.numpy().sum(1))


def test_transfer_to_the_device_where_it_is_changes_nothing():
    x = wb.tensor(X)
    assert x.to("cpu") is x
    assert gradgradcheck(lambda x: transfer(x * x, device="cpu"), [x])


def test_an_op_of_ones_own_has_everything():
    @wb.op(batch="elementwise")
    class cubed:
        def forward(xp, x):
            return x * x * x

        def vjp(g, x):
            return g * 3 * x * x

    x = wb.tensor(X)
    assert gradgradcheck(cubed, [x])
    np.testing.assert_allclose(wb.vmap(cubed)(x).numpy(), X**3)
    assert wb.hessian(cubed)(wb.tensor(2.0)).item() == 12.0


def test_an_op_of_ones_own_may_not_take_a_name_of_ours():
    with pytest.raises(errors.ArgumentError, match="built-in"):
        @wb.op
        class sin:
            def forward(xp, x):
                return x


def test_gradcheck_tells_a_wrong_rule():
    @wb.op
    class wrong_rule:
        def forward(xp, x):
            return x * x

        def vjp(g, x):
            return g * 3 * x

    with pytest.raises(wb.testing.GradcheckError, match=r"worst entry is \[\d, \d\] of input 0.*vjp rule"):
        wb.testing.gradcheck(wrong_rule, [wb.tensor(X)])


def test_gradcheck_tells_a_forward_rule_that_contradicts_the_reverse_rule():
    @wb.op
    class wrong_forward:
        def forward(xp, x):
            return x * x

        def vjp(g, x):
            return g * 2 * x

        def jvp(t, o, x):
            return t * 3 * x

    with pytest.raises(wb.testing.GradcheckError, match="forward mode"):
        wb.testing.gradcheck(wrong_forward, [wb.tensor(X)])


def test_gradcheck_tells_a_wrong_second_derivative():
    @wb.op
    class cut_second:
        def forward(xp, x):
            return x * x * x

        def vjp(g, x):
            return g * 3 * wb.stop_gradient(x * x) if isinstance(x, wb.Tensor) else g * 3 * x * x

    assert wb.testing.gradcheck(cut_second, [wb.tensor(X)])
    with pytest.raises(wb.testing.GradcheckError):
        wb.testing.gradgradcheck(cut_second, [wb.tensor(X)])

"""Activations that PyTorch lacks, where their rows do not look: limits, initial values, wrong use."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn
from workbench.nn import functional as F


def test_snake_and_its_gradients_have_a_limit_where_alpha_is_zero():
    x, alpha = wb.tensor([-2.0, 0.0, 3.0], requires_grad=True), wb.tensor(0.0, requires_grad=True)
    out = F.snake(x, alpha)
    out.sum().backward()
    assert out.tolist() == [-2.0, 0.0, 3.0]
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
    assert alpha.grad.item() == pytest.approx(4.0 + 9.0)  # sin(a x)^2 / a is a x^2 to first order


def test_learned_activations_begin_as_the_plain_ones():
    x = wb.randn(4, 3)
    for layer, plain in ((nn.Swish(), F.silu), (nn.PELU(3), F.elu), (nn.ACON(3), F.silu)):
        np.testing.assert_allclose(layer(x).detach().numpy(), plain(x).numpy(), rtol=1e-5, atol=1e-6)


def test_a_learned_activation_learns():
    layer, x = nn.Snake(init=1.0, dtype="float64"), wb.linspace(-3, 3, 200, dtype="float64")
    wanted = F.snake(x, wb.tensor(1.4, dtype="float64"))
    for _ in range(300):
        layer.alpha.grad = None
        ((layer(x) - wanted) ** 2).mean().backward()
        layer.alpha.data = layer.alpha.data - 0.1 * layer.alpha.grad.data
    assert layer.alpha.item() == pytest.approx(1.4, abs=1e-3)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: nn.SwiGLU()(wb.ones(2, 3)), errors.ShapeError, "swiglu: axis -1"), (lambda: nn.GeGLU(0)(wb.ones(3)), errors.ShapeError, "halved"),
    (lambda: nn.ReGLU()(wb.tensor(1.0)), errors.ShapeError, "reglu"), (lambda: nn.Maxout(3)(wb.ones(2, 4)), errors.ShapeError, "num_pieces=3"),
    (lambda: nn.Maxout(0)(wb.ones(2, 4)), errors.ArgumentError, "at least 1"), (lambda: nn.Swish(0), errors.ArgumentError, "num_parameters=0"),
    (lambda: nn.Snake(3)(wb.ones(2, 4)), errors.ShapeError, "snake: alpha"), (lambda: nn.PELU(3)(wb.ones(3)), errors.ShapeError, "pelu: alpha"),
])
def test_wrong_use(call, error, words):
    with pytest.raises(error, match=words):
        call()

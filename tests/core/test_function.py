"""`autograd.Function` against torch's: arguments that are no tensors, several outputs, both styles, higher derivatives, transformations."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import workbench as wb
from workbench import errors


def made(lib: Any) -> tuple[type, type, type]:
    """The same three functions in either library."""
    class Scaled(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, k, y):
            ctx.save_for_backward(x, None, y)
            ctx.k = k
            return x**3 * k * y

        @staticmethod
        def backward(ctx, g):
            x, nothing, y = ctx.saved_tensors
            assert nothing is None
            return g * 3 * x**2 * ctx.k * y, None, g * x**3 * ctx.k if ctx.needs_input_grad[2] else None

    class Two(lib.autograd.Function):
        @staticmethod
        def forward(x):
            return x.exp(), x.sin()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0], output[0])

        @staticmethod
        def backward(ctx, a, b):
            x, e = ctx.saved_tensors
            return a * e + b * x.cos()

    class Sorted(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            order = x.argsort()
            ctx.mark_non_differentiable(order)
            ctx.save_for_backward(order)
            return x[order], order

        @staticmethod
        def backward(ctx, g, _):
            order, = ctx.saved_tensors
            return g[order.argsort()]

    return Scaled, Two, Sorted


def results(lib: Any) -> list[Any]:
    Scaled, Two, Sorted = made(lib)
    x = lib.tensor([1.0, 2.0], dtype=lib.float64, requires_grad=True)
    y = lib.tensor([3.0, 4.0], dtype=lib.float64, requires_grad=True)
    grad, found = lib.autograd.grad, []
    found += grad(Scaled.apply(x, 2, y).sum(), [x, y])
    found += grad(Scaled.apply(x, 2, y.detach()).sum(), [x])
    first, = grad(Scaled.apply(x, 2, y).sum(), [x], create_graph=True)
    found += grad(first.sum(), [x, y])
    a, b = Two.apply(x)
    first, = grad((a * b).sum(), [x], create_graph=True)
    found += [first.detach(), *grad(first.sum(), [x])]
    a, _ = Two.apply(x)
    found += grad(a.sum(), [x])
    values, order = Sorted.apply(-x)
    found += [values.detach(), order, *grad(values[0], [x])]
    with lib.no_grad():
        off = Scaled.apply(x, 2, y)
    return [*(f.tolist() for f in found), values.requires_grad, order.requires_grad, off.requires_grad, Scaled.apply(x.detach(), 2, y.detach()).requires_grad]


@pytest.mark.oracle
def test_it_is_torchs() -> None:
    import torch

    for ours, theirs in zip(results(wb), results(torch), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_it_composes_with_transformations() -> None:
    Scaled, Two, _ = made(wb)
    x = wb.tensor([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(wb.vmap(wb.grad(lambda v: Two.apply(v)[1].sum()))(x).numpy(), np.cos(x.numpy()), rtol=1e-6)
    np.testing.assert_allclose(wb.jit(wb.grad(lambda v: Scaled.apply(v, 2, wb.ones(1)).sum()))(x).numpy(), 6 * x.numpy() ** 2, rtol=1e-6)
    np.testing.assert_allclose(wb.jvp(lambda v: Two.apply(v)[0], [x], [wb.ones(2, 2)])[1].numpy(), np.exp(x.numpy()), rtol=1e-6)


def test_mistakes_are_named() -> None:
    class Short(wb.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    class Numbers(wb.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x

    x = wb.ones(1, requires_grad=True)
    with pytest.raises(errors.ArgumentError, match="Short: backward returned 1 gradients for 2"):
        Short.apply(x, x).backward()
    with pytest.raises(errors.ArgumentError, match="attribute of ctx"):
        Numbers.apply(x)
    with pytest.raises(NotImplementedError, match="forward"):
        wb.autograd.Function.apply(x)

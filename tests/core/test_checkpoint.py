"""A checkpointed function gives the same values and gradients in every nesting, and holds less in between."""
import gc
import weakref

import numpy as np
import pytest

import workbench as wb
from workbench import checkpoint_policies as policies
from workbench import errors, nn
from workbench.nn import functional as F

X = np.linspace(-1, 1, 5)


def block(x):
    for _ in range(3):
        x = wb.tanh(x * 1.5) + x
    return x


def loss(f):
    return lambda x: (f(f(x)) ** 2).sum()


@pytest.mark.parametrize("transform", [
    wb.grad, wb.hessian, lambda f: wb.vmap(wb.grad(f)), lambda f: lambda x: wb.jvp(wb.grad(f), (x,), (x,))[1], lambda f: wb.grad(lambda x: wb.grad(f)(x).sum()),
    wb.jacrev, wb.jacfwd, lambda f: lambda x: wb.jvp(f, (x,), (x,))[1],
], ids=["grad", "hessian", "vmap-grad", "hvp", "grad-grad", "jacrev", "jacfwd", "jvp"])
def test_equal_to_the_function_in_every_nesting(transform):
    x = wb.tensor(np.stack([X, X * 2]) if "vmap" in str(transform) else X)
    wanted = transform(loss(block))(x)
    for found in (transform(loss(wb.checkpoint(block)))(x), transform(loss(wb.checkpoint(wb.checkpoint(block))))(x),
                  wb.jit(transform(loss(wb.checkpoint(block))))(x), transform(wb.jit(loss(wb.checkpoint(block))))(x)):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-9)


def test_backward_through_captured_weights():
    w = wb.tensor(X, requires_grad=True)
    h = w * 2
    (wb.checkpoint(lambda x: wb.sin(x * h) * w)(wb.tensor(X)) ** 2).sum().backward()
    found, w.grad = w.grad, None
    h = w * 2
    ((wb.sin(wb.tensor(X) * h) * w) ** 2).sum().backward()
    np.testing.assert_allclose(found.numpy(), w.grad.numpy(), rtol=1e-12)


def test_create_graph():
    x = wb.tensor(X, requires_grad=True)
    (g,) = wb.autograd.grad(loss(wb.checkpoint(block))(x), x, create_graph=True)
    np.testing.assert_allclose(wb.autograd.grad(g.sum(), x)[0].numpy(), wb.hessian(loss(block))(wb.tensor(X)).numpy().sum(0), rtol=1e-9)


def test_dropout_is_drawn_the_same_again():
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.ReLU(), nn.Dropout(0.5))
    x = wb.ones(3, 4)
    grads = []
    for f in (model, wb.checkpoint(model), wb.jit(wb.checkpoint(model))):
        wb.manual_seed(0)
        model.zero_grad()
        f(x).sum().backward()
        grads.append((model[0].weight.grad.numpy(), wb.rand(1).item()))
    for g, after in grads[1:]:
        np.testing.assert_allclose(g, grads[0][0], rtol=1e-5)
        assert after == grads[0][1]


def test_values_on_the_way_are_freed_and_come_again():
    seen = []

    def f(x):
        h = wb.exp(x)
        seen.append(weakref.ref(h.data))
        return wb.sin(h)

    x = wb.tensor(X, requires_grad=True)
    out = wb.checkpoint(f)(x)
    gc.collect()
    assert seen[0]() is None
    out.sum().backward()
    assert len(seen) == 2
    np.testing.assert_allclose(x.grad.numpy(), np.cos(np.exp(X)) * np.exp(X))


@pytest.mark.parametrize(("policy", "computed"), [
    (policies.nothing_saveable, 2), (policies.everything_saveable, 1), (policies.dots_saveable, 1), (policies.save_only_these_names("product"), 1),
    (policies.save_only_these_names("other"), 2), (policies.save_any_names_but_these("product"), 2), (policies.save_within_budget(10**6), 1),
    (policies.save_within_budget(0), 2),
])
def test_policies_decide_what_is_computed_again(policy, computed, monkeypatch):
    calls = []
    matmul = wb.matmul.op.table[np.ndarray]
    counted = lambda x, y: (x.ndim == 1 and calls.append(1)) or matmul(x, y)  # the backward's products are of matrices
    monkeypatch.setitem(wb.matmul.op.table, np.ndarray, counted)
    w = wb.tensor(np.eye(5), requires_grad=True)
    f = wb.checkpoint(lambda x: wb.sin(wb.checkpoint_name(x @ w, "product")), policy=policy)
    f(wb.tensor(X, requires_grad=True)).sum().backward()
    assert w.grad is not None
    assert len(calls) == computed


def test_a_budget_and_several_outputs():
    f = wb.checkpoint(lambda x: {"a": wb.sin(x), "b": [wb.exp(x) * 2, x]}, budget=10_000)
    x = wb.tensor(X, requires_grad=True)
    out = f(x)
    (out["a"] * out["b"][0] + out["b"][1]).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(X) * (np.sin(X) + np.cos(X)) + 1)


def test_peak_memory_is_smaller():
    import tracemalloc

    def deep(wrap):
        def f(x):
            for _ in range(8):
                x = wrap(lambda h: wb.tanh(wb.tanh(wb.tanh(wb.tanh(h)))))(x)
            return x.sum()

        return f

    peaks = []
    for wrap in (lambda f: f, wb.checkpoint):
        x = wb.tensor(np.ones(50_000), requires_grad=True)
        tracemalloc.start()
        deep(wrap)(x).backward()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 0.6 * peaks[0]


def test_an_argument_that_was_overwritten_is_an_error():
    x = wb.tensor(X, requires_grad=True) * 1
    out = wb.checkpoint(block)(x)
    with wb.no_grad():
        x.mul_(2)
    with pytest.raises(errors.GraphError, match="overwritten in place"):
        out.sum().backward()


def test_a_second_backward_says_what_to_do():
    x = wb.tensor(X, requires_grad=True)
    out = wb.checkpoint(block)(x).sum()
    out.backward()
    with pytest.raises(errors.GraphError, match="retain_graph"):
        out.backward()


def test_no_recording_no_checkpoint():
    with wb.no_grad():
        assert not wb.checkpoint(block)(wb.tensor(X, requires_grad=True)).requires_grad
    with pytest.raises(errors.ArgumentError, match="not both"):
        wb.checkpoint(block, policy=policies.nothing_saveable, budget=3)


def test_a_transformer_layer():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    x = wb.rand(2, 5, 8)
    found = []
    for f in (layer, wb.checkpoint(layer)):
        wb.manual_seed(0)
        layer.zero_grad()
        F.mse_loss(f(x), x).backward()
        found.append([p.grad.numpy() for p in layer.parameters()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)

"""Experts: routing that the balancing loss evens out, capacity, transformations, and wrong use."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn, optim
from workbench.nn import functional as F


def mixture(count=4, features=6, **options):
    return nn.MixtureOfExperts([nn.Linear(features, features) for _ in range(count)], features, **options)


def loads(layer, x):
    """The share of the choices that each expert gets."""
    chosen = layer.eval().router(x).experts.numpy()
    layer.train()
    return np.bincount(chosen.ravel(), minlength=len(layer.experts)) / chosen.size


def unbalanced(**options):
    """A mixture whose router sends nearly everything to the first expert, and tokens whose last number is 1, as a bias."""
    wb.manual_seed(0)
    layer, x = mixture(**options), wb.concat([wb.randn(256, 5), wb.ones(256, 1)], axis=-1)
    with wb.no_grad():
        layer.router.gate.weight[0, -1] = 3.0
    return layer, x


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("balanced", [True, False])
def test_the_balancing_loss_evens_out_the_experts_in_training(k, balanced):
    layer, x = unbalanced(k=k, balance_weight=1.0 if balanced else 0.0)
    target = x @ wb.randn(6, 6)
    optimizer = optim.Adam(layer.parameters(), lr=0.02)
    assert loads(layer, x).min() < 0.1
    for _ in range(180):
        optimizer.zero_grad()
        with nn.auxiliary_losses() as extra:
            loss = F.mse_loss(layer(x), target) + sum(extra)
        loss.backward()
        optimizer.step()
    after = loads(layer, x).min()
    assert after > 0.17 if balanced else after < 0.13


def test_the_balancing_loss_is_one_when_even_and_the_number_of_experts_when_one_gets_all():
    even = F.load_balancing_loss(wb.full((8, 4), 0.25), wb.arange(8).reshape(8, 1) % 4)
    one = F.load_balancing_loss(F.one_hot(wb.zeros(8, dtype="int64"), 4).float(), wb.zeros(8, 1, dtype="int64"))
    assert (even.item(), one.item()) == (1.0, 4.0)


def test_auxiliary_losses_are_added_in_training_and_only_if_asked_for():
    layer, x = mixture(balance_weight=0.5, z_weight=0.25), wb.randn(9, 6)
    with nn.auxiliary_losses() as losses:
        layer(x)
    routing = layer.router(x)
    wanted = 0.5 * F.load_balancing_loss(routing.probabilities, routing.experts) + 0.25 * F.router_z_loss(routing.logits)
    assert [loss.item() for loss in losses] == [pytest.approx(wanted.item())]
    with nn.auxiliary_losses() as losses:
        layer.eval()(x)
    assert losses == []


def test_what_is_over_capacity_is_dropped_and_gets_no_gradient():
    layer, x = unbalanced(k=1, capacity_factor=0.5)
    x = x.detach().requires_grad_()
    out = layer(x)
    out.sum().backward()
    dropped = (out.detach().numpy() == 0).all(-1)
    chosen = layer.router(x).experts.numpy()[:, 0]
    limit = 32  # ceil(0.5 * 256 / 4)
    for expert in range(4):
        assert np.array_equal(dropped[chosen == expert], np.arange((chosen == expert).sum()) >= limit)
    assert (x.grad.numpy()[dropped] == 0).all()
    assert not (x.grad.numpy()[~dropped] == 0).all(-1).any()


def test_noise_moves_choices_in_training_only():
    layer, x = mixture(noisy=True, k=1), wb.randn(200, 6)
    first, second = (layer.router(x).experts.numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    layer.eval()
    assert np.array_equal(*(layer.router(x).experts.numpy() for _ in range(2)))


def test_an_expert_computes_only_the_tokens_it_gets():
    seen = []

    class Watched(nn.Linear):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    layer = nn.MixtureOfExperts([Watched(6, 6) for _ in range(8)], 6, k=2)
    layer(wb.randn(50, 6))
    assert sum(seen) == 100


@pytest.mark.parametrize("factor", [None, 0.5, 1.25])
@pytest.mark.parametrize("wrap", ["jit", "vmap", "gradient in jit", "weights as an argument"])
def test_inside_transformations(wrap, factor):
    layer, x = mixture(capacity_factor=factor, shared_expert=nn.Linear(6, 6)).double(), wb.randn(3, 10, 6, dtype="float64")
    loss = lambda x: (layer(x) ** 2).sum()
    if wrap == "jit":
        found, wanted = wb.jit(layer)(x), layer(x)
    elif wrap == "vmap":
        found, wanted = wb.vmap(layer)(x), wb.stack([layer(part) for part in x.unbind()])
    elif wrap == "gradient in jit":
        found, wanted = wb.jit(wb.grad(loss))(x), wb.grad(loss)(x)
    else:
        found = wb.grad(lambda layer: (layer(x) ** 2).sum())(layer).router.gate.weight
        loss(x).backward()
        wanted = layer.router.gate.weight.grad
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: nn.TopKRouter(4, 2, 3), errors.ArgumentError, "k=3"), (lambda: nn.TopKRouter(4, 2, 0), errors.ArgumentError, "k=0"),
    (lambda: nn.TopKRouter(4, 2)(wb.ones(2, 3, 4)), errors.ShapeError, r"\(tokens, 4\)"), (lambda: mixture(0), errors.ArgumentError, "num_experts=0"),
    (lambda: mixture(capacity_factor=0.0), errors.ArgumentError, "capacity_factor=0"), (lambda: mixture()(wb.ones(2, 5)), errors.ShapeError, "6"),
    (lambda: mixture(balance_weight=-1.0), errors.ArgumentError, "balance_weight=-1"),
    (lambda: F.load_balancing_loss(wb.ones(3, 2), wb.ones(4, 1)), errors.ShapeError, r"\(tokens, k\)"),
    (lambda: F.load_balancing_loss(wb.ones(3, 2), wb.ones(3, 1)), errors.DTypeError, "integers"),
])
def test_wrong_use(call, error, words):
    with pytest.raises(error, match=words):
        call()

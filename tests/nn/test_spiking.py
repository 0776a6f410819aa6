"""Spikes are exactly 0 and 1 with the gradient of their surrogate (the op `surrogate_spike`), and neurons train through them."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn, optim
from workbench.nn import surrogate

X = np.linspace(-1.5, 1.5, 31)
SMOOTH = {  # what the surrogates are the derivatives of
    surrogate.fast_sigmoid(3.0): lambda x: x / (1 + 3 * abs(x)), surrogate.atan(1.5): lambda x: np.arctan(np.pi / 2 * 1.5 * x) / np.pi,
    surrogate.sigmoid(4.0): lambda x: 1 / (1 + np.exp(-4 * x)), surrogate.straight_through_estimator(): lambda x: x,
}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("spike", SMOOTH, ids=lambda s: s.kind)
def test_a_spike_is_zero_or_one(spike, dtype):
    found = spike(wb.tensor(X, dtype=dtype))
    assert found.dtype.name == dtype
    assert found.tolist() == (X > 0).astype(float).tolist()


@pytest.mark.parametrize(("spike", "smooth"), SMOOTH.items(), ids=lambda s: getattr(s, "kind", ""))
def test_its_gradient_is_that_of_the_smooth_function(spike, smooth):
    h = 1e-6
    wanted = (smooth(X + h) - smooth(X - h)) / (2 * h)
    np.testing.assert_allclose(wb.grad(lambda x: spike(x).sum())(wb.tensor(X)).numpy(), wanted, atol=1e-5)
    np.testing.assert_allclose(wb.jvp(spike, (wb.tensor(X),), (wb.tensor(2 * np.ones_like(X)),))[1].numpy(), 2 * wanted, atol=1e-5)


@pytest.mark.parametrize("spike", SMOOTH, ids=lambda s: s.kind)
def test_inside_transformations(spike):
    x = wb.tensor(X.reshape(1, -1))
    gradient = wb.grad(lambda x: (spike(x) * x).sum())
    np.testing.assert_allclose(wb.jit(gradient)(x).numpy(), gradient(x).numpy(), rtol=1e-12)
    np.testing.assert_allclose(wb.vmap(gradient)(x).numpy(), gradient(x).numpy(), rtol=1e-12)
    np.testing.assert_allclose(wb.vmap(spike)(x).numpy(), (X > 0)[None])


def test_a_constant_current_gives_a_regular_train_of_spikes():
    """With beta 1 and subtraction nothing is lost: as many spikes as the current that came in."""
    spikes, [(mem,)] = nn.Recurrent(nn.IF(), separate_output=True)(wb.full((100, 1, 3), 0.25) * wb.tensor([1.0, 2.0, 3.0]))
    assert abs(spikes.sum(0)[0].numpy() - [25, 50, 75]).max() <= 1
    np.testing.assert_allclose(spikes[:-1].sum(0)[0].numpy() + mem[0].numpy(), [25, 50, 75], rtol=1e-5)


def test_a_spiking_network_learns_through_its_spikes():
    wb.manual_seed(0)
    x = wb.tensor(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32))
    y = wb.tensor([0, 1, 1, 0])
    film = wb.stack([x] * 10)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = nn.Linear(2, 24), nn.Linear(24, 2)
            self.hidden = nn.Recurrent(nn.Leaky(0.8, learn_beta=True), separate_output=True)

        def forward(self, film):
            spikes, _ = self.hidden(self.inner(film))
            return self.outer(spikes.mean(0))

    net = Net()
    optimizer = optim.Adam(net.parameters(), lr=0.02)
    for _ in range(120):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(film), y)
        loss.backward()
        optimizer.step()
    assert net(film).argmax(-1).tolist() == y.tolist()
    assert net.hidden.cells[0].beta.item() != pytest.approx(0.8)


def test_a_steepness_of_ones_own_comes_back_from_a_configuration():
    twin = wb.config.build(wb.config.to_config(nn.Leaky(0.9, spike_grad=surrogate.atan(3.0))))
    assert (twin.spike_grad.kind, twin.spike_grad.steepness) == ("atan", 3.0)


def test_numbers_are_parameters_only_when_they_are_learned():
    assert set(dict(nn.Synaptic(0.5, 0.6).named_parameters())) == set()
    assert set(dict(nn.Synaptic(0.5, 0.6, learn_alpha=True, learn_threshold=True).named_parameters())) == {"alpha", "threshold"}
    assert set(nn.Synaptic(0.5, 0.6).state_dict()) == {"alpha", "beta", "threshold"}


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: nn.Leaky(0.9, reset_mechanism="half"), errors.ArgumentError, "'half'"), (lambda: nn.IF(spike_grad="relu"), errors.ArgumentError, "'relu'"),
    (lambda: nn.Leaky(0.9)(wb.ones(2, 3), wb.ones(3)), errors.ShapeError, r"mem of shape \(3,\)"),
    (lambda: nn.Synaptic(0.9, 0.9)(wb.ones(2), wb.ones(3)), errors.ShapeError, "syn of shape"),
    (lambda: surrogate.atan(0.0), errors.ArgumentError, "steepness=0"), (lambda: nn.Surrogate("tanh", 1.0), errors.ArgumentError, "'tanh'"),
])
def test_wrong_use(call, error, words):
    with pytest.raises(error, match=words):
        call()

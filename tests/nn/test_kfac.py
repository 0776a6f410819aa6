"""K-FAC factors: against the Fisher matrix where they are exact, and against their definition elsewhere."""
import numpy as np
import pytest

import workbench as wb
from workbench import errors

F = wb.nn.functional
rng = np.random.default_rng(4)


def numbers(*shape):
    return wb.tensor(rng.normal(size=shape))


def flat_gradient(layer, loss):
    gradient = wb.grad(loss)(layer)
    columns = [gradient.weight.numpy().reshape(len(gradient.weight), -1)]
    if layer.bias is not None:
        columns.append(gradient.bias.numpy()[:, None])
    return np.concatenate(columns, 1)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("make", "shape"), [
    (lambda bias: wb.nn.Linear(3, 2, bias=bias, dtype=wb.float64), (1, 3)),
    (lambda bias: wb.nn.Conv1d(2, 3, 3, bias=bias, dtype=wb.float64), (1, 2, 3)),
    (lambda bias: wb.nn.Conv2d(2, 3, (2, 3), dilation=2, bias=bias, dtype=wb.float64), (1, 2, 3, 5)),
    (lambda bias: wb.nn.Conv2d(1, 2, 3, stride=3, padding=1, padding_mode="circular", bias=bias, dtype=wb.float64), (1, 1, 3, 3)),
], ids=["linear", "conv1d", "conv2d dilated", "conv2d circular"])
def test_one_example_at_one_place_gives_the_fisher_matrix(make, shape, bias):
    layer, x = make(bias), numbers(*shape)
    target = wb.zeros_like(layer(x).detach())
    (factors,) = wb.nn.kfac_factors(layer, F.mse_loss, x, target).values()
    gradient = flat_gradient(layer, lambda layer: F.mse_loss(layer(x), target)).reshape(-1)
    np.testing.assert_allclose(np.kron(factors.G.numpy(), factors.A.numpy()), np.outer(gradient, gradient), rtol=1e-9)


def test_factors_of_a_deep_model_are_the_moments_of_its_examples():
    model = wb.nn.Sequential(wb.nn.Linear(3, 4), wb.nn.Tanh(), wb.nn.Linear(4, 2)).to(wb.float64)
    x, y = numbers(5, 3), wb.tensor(rng.integers(0, 2, 5))
    factors = wb.nn.kfac_factors(model, F.cross_entropy, x, y)
    hidden = np.tanh(model[0](x).detach().numpy())
    for name, inputs in (("0", x.numpy()), ("2", hidden)):
        a = np.concatenate([inputs, np.ones((5, 1))], 1)
        np.testing.assert_allclose(factors[name].A.numpy(), a.T @ a / 5, rtol=1e-9)
    by_output = wb.vmap(wb.grad(F.cross_entropy))
    g = by_output(model(x).detach(), y).numpy()
    np.testing.assert_allclose(factors["2"].G.numpy(), g.T @ g / 5, rtol=1e-9)
    by_hidden = wb.vmap(wb.grad(lambda s, y: F.cross_entropy(model[2](wb.tanh(s)), y)))
    first = by_hidden(model[0](x).detach(), y).numpy()
    np.testing.assert_allclose(factors["0"].G.numpy(), first.T @ first / 5, rtol=1e-9)


def test_convolution_takes_the_mean_of_patches_and_the_sum_of_gradients():
    layer = wb.nn.Conv2d(2, 3, 3, padding=1, stride=2, dtype=wb.float64)
    x = numbers(4, 2, 5, 6)
    (factors,) = wb.nn.kfac_factors(layer, lambda o, _: (o ** 2).sum() / 4, x, None).values()
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
    patches = np.array([[padded[n, :, i:i + 3, j:j + 3].reshape(-1) for i in (0, 2, 4) for j in (0, 2, 4)] for n in range(4)])
    a = np.concatenate([patches.reshape(36, 18), np.ones((36, 1))], 1)
    np.testing.assert_allclose(factors.A.numpy(), a.T @ a / 36, rtol=1e-9)
    g = 2 * np.moveaxis(layer(x).detach().numpy(), 1, -1).reshape(36, 3)
    np.testing.assert_allclose(factors.G.numpy(), g.T @ g / 4, rtol=1e-9)


def test_groups_have_factors_of_their_own():
    layer = wb.nn.Conv1d(4, 6, 3, groups=2, dtype=wb.float64)
    x = numbers(1, 4, 3)
    (factors,) = wb.nn.kfac_factors(layer, lambda o, _: (o ** 2).sum(), x, None).values()
    assert (factors.A.shape, factors.G.shape) == ((2, 7, 7), (2, 3, 3))
    gradient = flat_gradient(layer, lambda layer: (layer(x) ** 2).sum())
    for group in range(2):
        own = gradient[3 * group:3 * group + 3].reshape(-1)
        np.testing.assert_allclose(np.kron(factors.G[group].numpy(), factors.A[group].numpy()), np.outer(own, own), rtol=1e-9)


def test_tokens_and_repeated_calls_are_places_of_an_example():
    layer = wb.nn.Linear(3, 2, bias=False, dtype=wb.float64)
    x = numbers(4, 5, 3)
    tokens = wb.nn.kfac_factors(layer, lambda o, _: (o ** 2).sum() / 4, x, None)[""]

    class Repeated(wb.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return wb.stack([self.layer(x[:, place]) for place in range(5)])

    repeated = wb.nn.kfac_factors(Repeated(), lambda o, _: (o ** 2).sum() / 4, x, None)["layer"]
    for a, b in zip(tokens, repeated, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9)


def test_the_model_is_left_as_it_was():
    model = wb.nn.Sequential(wb.nn.Linear(3, 4), wb.nn.Linear(4, 2))
    model[0].requires_grad_(False)
    with wb.no_grad():
        factors = wb.nn.kfac_factors(model, F.mse_loss, wb.ones(5, 3), wb.zeros(5, 2))
    assert list(factors) == ["1"]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model[1]._hooks is None
    with pytest.raises(errors.ShapeError, match="gradient"):
        wb.nn.kfac_factors(model, lambda o, _: o, wb.ones(5, 3), None)
    assert model[1]._hooks is None
    with pytest.raises(errors.ArgumentError, match="no Linear"):
        wb.nn.kfac_factors(wb.nn.ReLU(), F.mse_loss, wb.ones(5, 3), wb.zeros(5, 3))

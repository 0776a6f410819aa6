"""Layers that draw numbers: their statistics, their seeds, and that evaluation draws none."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import nn


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_zeroes_a_share_and_keeps_the_mean(p):
    wb.manual_seed(0)
    out = nn.Dropout(p)(wb.ones(200, 200)).numpy()
    assert set(np.unique(out).round(4)) == {0.0, np.float32(1 / (1 - p)).round(4)}
    assert (out == 0).mean() == pytest.approx(p, abs=0.01)
    assert out.mean() == pytest.approx(1, abs=0.02 / (1 - p) ** 0.5)


def test_dropout_sends_gradients_through_what_it_kept():
    x = wb.ones(50, requires_grad=True)
    out = nn.Dropout(0.5)(x)
    out.sum().backward()
    assert np.array_equal(x.grad.numpy(), out.detach().numpy())


@pytest.mark.parametrize(("layer", "shape"), [(nn.Dropout1d(0.5), (40, 50, 6)), (nn.Dropout2d(0.5), (40, 50, 2, 3)),
                                              (nn.Dropout2d(0.5), (900, 2, 3))])
def test_channel_dropout_drops_whole_channels(layer, shape):
    wb.manual_seed(0)
    out = layer(wb.ones(*shape)).numpy()
    spatial = tuple(range(len(shape) - (1 if isinstance(layer, nn.Dropout1d) else 2), len(shape)))
    dropped = (out == 0).all(axis=spatial)
    assert np.array_equal(dropped, (out == 0).any(axis=spatial))
    assert dropped.mean() == pytest.approx(0.5, abs=0.05)


def test_alpha_dropout_keeps_mean_and_variance():
    wb.manual_seed(0)
    out = nn.AlphaDropout(0.3)(wb.randn(300, 300)).numpy()
    assert out.mean() == pytest.approx(0, abs=0.02)
    assert out.std() == pytest.approx(1, abs=0.02)


def test_rrelu_draws_slopes_within_its_limits():
    slopes = nn.RReLU(0.2, 0.4)(-wb.ones(1000)).numpy()
    assert -0.4 <= slopes.min() < -0.38
    assert -0.22 < slopes.max() <= -0.2


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.Dropout2d(0.5), nn.AlphaDropout(0.5), nn.RReLU(),
                                   nn.TransformerEncoderLayer(4, 2, 8, dropout=0.5, batch_first=True)],
                         ids=lambda x: type(x).__name__)
def test_a_seed_repeats_training_and_evaluation_draws_nothing(layer):
    x = wb.randn(2, 6, 4)
    first, second = (wb.manual_seed(1) or layer.train()(x).detach().numpy() for _ in range(2))
    assert np.array_equal(first, second)
    state = wb.get_rng_state()
    layer.eval()(x)
    assert wb.get_rng_state() == state


def test_attention_drops_weights_in_training_only():
    layer, x = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True), wb.randn(2, 5, 8)
    for need_weights in (True, False):
        first, second = (layer(x, x, x, need_weights=need_weights)[0].detach().numpy() for _ in range(2))
        assert not np.array_equal(first, second)
    layer.eval()
    np.testing.assert_allclose(*(layer(x, x, x, need_weights=n)[0].detach().numpy() for n in (True, False)), rtol=1e-5,
                               atol=1e-6)


@pytest.mark.parametrize("layer", [nn.ReLU(True), nn.LeakyReLU(0.3, True), nn.Hardtanh(-1, 1, True),
                                   nn.Dropout(0.5, True)], ids=str)
def test_inplace_is_accepted_and_overwrites_nothing(layer):
    x = wb.tensor([-2.0, 0.5, 2.0])
    layer(x)
    assert x.tolist() == [-2.0, 0.5, 2.0]

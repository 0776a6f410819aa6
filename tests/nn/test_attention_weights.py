"""The weights of attention, as the attention view shows them: per head, equal to those the layer used."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import nn


@pytest.mark.parametrize("batch_first", [True, False])
def test_weights_are_those_of_the_call(batch_first):
    layer = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    query, key = (wb.randn(3, n, 8) if batch_first else wb.randn(n, 3, 8) for n in (4, 5))
    mask = wb.tensor(np.triu(np.ones((4, 5), dtype=bool), 2))
    _, wanted = layer(query, key, key, attn_mask=mask, average_attn_weights=False)
    found = layer.attention_weights(query, key, attn_mask=mask)
    assert found.shape == (3, 2, 4, 5)
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy())
    np.testing.assert_allclose(found.detach().numpy().sum(-1), 1, rtol=1e-6)


def test_causal_without_a_mask_makes_one():
    layer, x = nn.MultiheadAttention(8, 2, batch_first=True), wb.randn(2, 4, 8)
    weights = layer.attention_weights(x, is_causal=True).detach().numpy()
    assert np.array_equal(weights == 0, np.broadcast_to(np.triu(np.ones((4, 4), dtype=bool), 1), weights.shape))
    mask = wb.tensor(np.triu(np.ones((4, 4), dtype=bool), 1))
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), 2)
    np.testing.assert_allclose(encoder(x, is_causal=True).detach().numpy(), encoder(x, mask=mask).detach().numpy(),
                               rtol=1e-6)


@pytest.mark.parametrize("extra", [{}, {"add_zero_attn": True}, {"add_bias_kv": True}], ids=str)
@pytest.mark.parametrize("need_weights", [True, False])
def test_causal_hides_later_keys_but_never_those_that_were_added(extra, need_weights):
    layer, x = nn.MultiheadAttention(8, 2, batch_first=True, **extra), wb.randn(2, 4, 8)
    mask = wb.tensor(np.triu(np.ones((4, 4), dtype=bool), 1))
    wanted, found = layer(x, x, x, attn_mask=mask), layer(x, x, x, need_weights=need_weights, is_causal=True)
    np.testing.assert_allclose(found[0].detach().numpy(), wanted[0].detach().numpy(), atol=1e-6)
    if need_weights:
        np.testing.assert_allclose(found[1].detach().numpy(), wanted[1].detach().numpy(), atol=1e-6)


def test_an_encoder_trains():
    wb.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    encoder(wb.randn(2, 4, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())

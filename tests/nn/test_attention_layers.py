"""Attention layers at work: step by step with a cache, inside transformations, seen by the attention view, at any length."""
from __future__ import annotations

import copy
import tracemalloc

import numpy as np
import pytest

import workbench as wb
from workbench import errors, inspect, nn
from workbench.inspect.attention import AttentionProbe

LAYERS = {
    "plain": lambda: nn.GroupedQueryAttention(8, 4, causal=True),
    "grouped-bias": lambda: nn.GroupedQueryAttention(8, 4, 2, causal=True, bias=True),
    "rotary": lambda: nn.GroupedQueryAttention(8, 2, 1, causal=True, rotary=nn.RotaryEmbedding(4)),
    "alibi": lambda: nn.GroupedQueryAttention(8, 4, 2, causal=True, relative_bias=nn.ALiBi(4)),
    "t5": lambda: nn.GroupedQueryAttention(8, 4, causal=True, scale=1.0, relative_bias=nn.RelativePositionBias(4, 8, 20, False)),
    "window": lambda: nn.GroupedQueryAttention(8, 2, causal=True, window=3, rotary=nn.RotaryEmbedding(4), relative_bias=nn.ALiBi(2)),
    "block": lambda: nn.LlamaBlock(8, 2, 1, 16),
    "block-window": lambda: nn.LlamaBlock(8, 2, 1, 16, window=4),
}
MORE = {
    "multi-head": lambda: nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), "linear": lambda: nn.LinearAttention(8, 2),
    "linear-causal": lambda: nn.LinearAttention(8, 2, True), "sinusoidal": lambda: nn.SinusoidalPositionalEncoding(8),
    "learned": lambda: nn.LearnedPositionalEncoding(30, 8), "gated": lambda: nn.GatedMLP(8, 6), "rotation": lambda: nn.RotaryEmbedding(8),
}
LENGTH = 20
CUTS = {"one-by-one": [1] * LENGTH, "prompt-first": [9] + [1] * 11, "chunks": [3, 7, 1, 5, 4]}


def made(name: str) -> nn.Module:
    wb.manual_seed(0)
    return {**LAYERS, **MORE}[name]().double()


def text(samples: int = 2) -> wb.Tensor:
    return wb.tensor(np.random.default_rng(1).normal(size=(samples, LENGTH, 8)))


def steps(layer, x, cuts, cache, **call):
    ends = np.cumsum(cuts)
    return wb.concat([layer(x[:, end - cut:end], cache=cache, **call) for cut, end in zip(cuts, ends, strict=True)], 1)


# Decoding --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("name", LAYERS)
def test_decoding_with_a_cache_equals_the_whole_pass(name, cuts):
    layer, x = made(name), text()
    with wb.no_grad():
        np.testing.assert_allclose(steps(layer, x, cuts, nn.KVCache()).numpy(), layer(x).numpy(), atol=1e-12)


@pytest.mark.parametrize("name", ["window", "block-window"])
def test_a_windowed_cache_keeps_no_more_than_it_must(name):
    layer, x = made(name), text()
    window = layer.window if name == "window" else layer.self_attn.window
    cache = nn.KVCache(window)
    with wb.no_grad():
        np.testing.assert_allclose(steps(layer, x, [1] * LENGTH, cache).numpy(), layer(x).numpy(), atol=1e-12)
    assert (len(cache), cache.seen) == (window, LENGTH)


@pytest.mark.parametrize("name", ["grouped-bias", "rotary", "window"])
def test_gradients_pass_through_a_cache(name):
    layer, x = made(name), text()

    def gradient(run):
        layer.zero_grad()
        (run() ** 2).sum().backward()
        return [p.grad.numpy() for p in layer.parameters()]

    for mine, wanted in zip(gradient(lambda: steps(layer, x, CUTS["chunks"], nn.KVCache())), gradient(lambda: layer(x)), strict=True):
        np.testing.assert_allclose(mine, wanted, atol=1e-10)


def test_room_is_made_in_advance():
    cache, rooms = nn.KVCache(), set()
    for step in range(100):
        keys, values = cache.append(wb.full((1, 2, 1, 4), float(step)), wb.full((1, 2, 1, 3), float(step)))
        rooms.add(keys.data.base.ctypes.data)
    assert keys[0, 1, :, 2].tolist() == values[0, 0, :, 1].tolist() == list(range(100))
    assert len(rooms) == 4  # 16, 34, 70, 142


def test_beams_go_on_from_what_their_parents_saw():
    layer, x = made("rotary"), text(3)
    order = wb.tensor([2, 2, 0])
    cache = nn.KVCache()
    with wb.no_grad():
        layer(x[:, :6], cache=cache)
        cache.reorder(order)
        found = layer(x[:, 6:7], cache=cache)
        wanted = layer(wb.concat([x[order, :6], x[:, 6:7]], 1))[:, -1:]
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), atol=1e-12)


def test_refused_guesses_are_forgotten():
    layer, x, cache = made("rotary"), text(), nn.KVCache()
    with wb.no_grad():
        layer(x[:, :6], cache=cache)
        layer(x[:, 10:14], cache=cache)
        cache.crop(6)
        np.testing.assert_allclose(layer(x[:, 6:9], cache=cache).numpy(), layer(x[:, :9]).numpy()[:, 6:], atol=1e-12)
    with pytest.raises(errors.ArgumentError, match="length=10; expected 0 to 9"):
        cache.crop(10)


def test_another_sequence_is_read_once():
    layer, x, memory, cache = nn.GroupedQueryAttention(8, 4, 2, kv_dim=6).double(), text(), wb.randn(2, 7, 6, dtype="float64"), nn.KVCache()
    wanted = layer(x, memory).detach().numpy()
    with wb.no_grad():
        found = [layer(x[:, i:i + 1], memory if i == 0 else memory * 0, cache=cache).numpy() for i in range(LENGTH)]
    np.testing.assert_allclose(np.concatenate(found, 1), wanted, atol=1e-12)


def test_a_linear_layer_decodes_with_a_state_of_fixed_size():
    layer, x, state, found = made("linear-causal"), text(), None, []
    for part in (x[:, :9], *(x[:, i:i + 1] for i in range(9, LENGTH))):
        y, state = layer.step(part, state)
        found.append(y.detach().numpy())
    np.testing.assert_allclose(np.concatenate(found, 1), layer(x).detach().numpy(), atol=1e-12)
    with pytest.raises(errors.ArgumentError, match="not causal"):
        made("linear").step(x)


def test_a_copied_cache_goes_its_own_way():
    layer, x, cache = made("plain"), text(), nn.KVCache()
    with wb.no_grad():
        layer(x[:, :5], cache=cache)
        other = copy.deepcopy(cache)
        layer(x[:, 9:10], cache=other)
        np.testing.assert_allclose(layer(x[:, 5:6], cache=cache).numpy(), layer(x[:, :6]).numpy()[:, 5:], atol=1e-12)


# Transformations -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", {**LAYERS, **MORE})
def test_grad_jit_vmap_checkpoint_and_jvp_agree_with_backward(name):
    layer, x = made(name), text()
    loss = lambda layer, x: (layer(x) ** 2).sum()
    leaf = x.detach().requires_grad_()
    loss(layer, leaf).backward()
    wanted = [*(p.grad.numpy() for p in layer.parameters()), leaf.grad.numpy()]
    for run in (wb.grad(loss, (0, 1)), wb.jit(wb.grad(loss, (0, 1))), wb.grad(wb.checkpoint(loss), (0, 1)), wb.jit(wb.grad(wb.checkpoint(loss), (0, 1)))):
        for _ in range(2):
            weights, inputs = run(layer, x)
            for mine, other in zip([*weights.parameters(), inputs], wanted, strict=True):
                np.testing.assert_allclose(mine.detach().numpy(), other, atol=1e-10)
    each = wb.vmap(wb.grad(lambda x: loss(layer, x)))(x)  # one sample at a time, without an axis of samples
    np.testing.assert_allclose(each.numpy(), wanted[-1], atol=1e-10)
    tangent = wb.tensor(np.random.default_rng(2).normal(size=x.shape))
    slope = wb.jvp(lambda x: loss(layer, x), (x,), (tangent,))[1]
    np.testing.assert_allclose(slope.item(), (wanted[-1] * tangent.numpy()).sum(), rtol=1e-9)


@pytest.mark.parametrize("name", ["rotary", "t5", "window"])
def test_a_jitted_loop_of_steps_equals_the_whole_pass(name):
    layer, x = made(name), text()
    run = wb.jit(lambda x: steps(layer, x, [2, 1, 1], nn.KVCache()))
    np.testing.assert_allclose(run(x[:, :4]).detach().numpy(), layer(x[:, :4]).detach().numpy(), atol=1e-12)


# Weights ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*LAYERS, "multi-head", "linear", "linear-causal"])
def test_the_attention_view_sees_the_weights_that_were_used(name):
    layer, x = made(name).eval(), text()
    maps = inspect.attention(layer, x)
    assert len(maps.layers) == 1
    module = layer.get_submodule(maps.layers[0].name)
    (weights,) = maps.maps
    assert weights.shape == (module.num_heads, LENGTH, LENGTH)
    np.testing.assert_allclose(weights.sum(-1) / 255, 1, atol=LENGTH / 255)
    if isinstance(module, nn.GroupedQueryAttention) and module is layer:
        found = layer.attention_weights(x)
        values = layer.v_proj(x).reshape(2, LENGTH, layer.num_kv_heads, -1).transpose(1, 2)
        values = wb.repeat_interleave(values, layer.num_heads // layer.num_kv_heads, 1)
        mixed = layer.o_proj((found @ values).transpose(1, 2).flatten(2))
        np.testing.assert_allclose(mixed.detach().numpy(), layer(x).detach().numpy(), atol=1e-12)


def test_the_view_sees_a_step_of_decoding_without_disturbing_the_cache():
    layer, x, cache = made("rotary"), text(), nn.KVCache()
    whole = layer.attention_weights(x)
    with wb.no_grad():
        layer(x[:, :6], cache=cache)
        probe = AttentionProbe(nn.Sequential(layer))
        probe.attach()
        layer(x=x[:, 6:8], cache=cache)
        probe.detach()
    assert len(cache) == 8
    (seen,) = probe.record().maps
    np.testing.assert_allclose(seen / 255, whole.detach().numpy()[0, :, 6:8, :8], atol=1 / 255)


def test_every_attention_layer_tells_its_weights():
    named = [getattr(nn, name) for name in nn.__all__ if name.endswith("Attention")]
    assert len(named) >= 3
    assert all(hasattr(layer, "attention_weights") for layer in named)


# Length ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("make", [lambda: nn.GroupedQueryAttention(8, 2, 1, causal=True, rotary=nn.RotaryEmbedding(4), relative_bias=nn.ALiBi(2)),
                                  lambda: nn.GroupedQueryAttention(8, 2, window=100, relative_bias=nn.RelativePositionBias(2)),
                                  lambda: nn.LinearAttention(8, 2, True)], ids=["causal", "window", "linear"])
def test_no_layer_holds_a_matrix_of_weights(make):
    layer, length = make(), 2048
    x = wb.randn(1, length, 8)
    layer(x[:, :8]).sum().backward()
    tracemalloc.start()
    try:
        layer(x).sum().backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < length * length * 4 / 2


def test_rotated_scores_depend_on_the_distance_alone():
    rotary = nn.RotaryEmbedding(8)
    q, k = wb.randn(1, 8, dtype="float64"), wb.randn(1, 8, dtype="float64")
    near, far = ((rotary(q, i) * rotary(k, j)).sum().item() for i, j in ((7, 3), (100_007, 100_003)))
    assert near == pytest.approx(far, abs=1e-9)


WRONG = [
    (lambda: nn.GroupedQueryAttention(8, 3), errors.ArgumentError, "num_heads=3"),
    (lambda: nn.GroupedQueryAttention(8, 4, 3), errors.ArgumentError, "num_kv_heads=3"),
    (lambda: nn.GroupedQueryAttention(8, 4, relative_bias=nn.ALiBi(2)), errors.ArgumentError, "num_heads=2; expected 4"),
    (lambda: nn.GroupedQueryAttention(8, 4)(wb.ones(2, 3, 6)), errors.ShapeError, r"x of shape \(2, 3, 6\); expected \(N, length, 8\)"),
    (lambda: nn.GroupedQueryAttention(8, 4)(wb.ones(2, 3, 8), wb.ones(2, 3, 6)), errors.ShapeError, r"kv of shape \(2, 3, 6\)"),
    (lambda: nn.LinearAttention(8, 3), errors.ArgumentError, "divisible by num_heads=3"),
    (lambda: nn.LinearAttention(8, 2)(wb.ones(3, 4)), errors.ShapeError, r"\(3, 4\); expected"),
    (lambda: nn.LinearAttention(8, 2)(wb.ones(3, 8), wb.ones(2) > 0), errors.ShapeError, "key_padding_mask of shape"),
    (lambda: nn.RotaryEmbedding(5), errors.ArgumentError, "dim=5; expected an even number"),
    (lambda: nn.RotaryEmbedding(4, scaling="dynamic"), errors.ArgumentError, "scaling='dynamic'"),
    (lambda: nn.RotaryEmbedding(4, trained_length=0), errors.ArgumentError, "trained_length=0"),
    (lambda: nn.RotaryEmbedding(4, factor=0.5), errors.ArgumentError, "factor=0.5"),
    (lambda: nn.RotaryEmbedding(8)(wb.ones(2, 4)), errors.ShapeError, "at least dim=8"),
    (lambda: nn.RotaryEmbedding(4)(wb.ones(2, 4), wb.arange(3)), errors.ShapeError, r"positions of shape \(3,\)"),
    (lambda: nn.RelativePositionBias(2, 3), errors.ArgumentError, "num_buckets=3"), (lambda: nn.ALiBi(0), errors.ArgumentError, "num_heads=0"),
    (lambda: nn.SinusoidalPositionalEncoding(3), errors.ArgumentError, "d_model=3"),
    (lambda: nn.SinusoidalPositionalEncoding(4)(wb.ones(2, 6)), errors.ShapeError, r"expected \(..., L, 4\)"),
    (lambda: nn.LearnedPositionalEncoding(4, 2)(wb.ones(3, 2), 2), errors.ShapeError, "positions 2 to 4 were asked for, but max_len=4"),
    (lambda: nn.PatchEmbedding(0), errors.ArgumentError, "patch_size=0"),
    (lambda: nn.PatchEmbedding(4)(wb.ones(1, 3, 8, 6)), errors.ShapeError, r"divisible by \(4, 4\)"),
    (lambda: nn.KVCache(0), errors.ArgumentError, "window=0"),
    (lambda: [nn.GroupedQueryAttention(8, 2)(wb.ones(n, 1, 8), cache=c) for c in [nn.KVCache()] for n in (1, 2)], errors.ShapeError, "cache of its own"),
]


@pytest.mark.parametrize(("use", "error", "message"), WRONG, ids=[message[:40] for _, _, message in WRONG])
def test_what_does_not_fit_is_one_clear_error(use, error, message):
    with pytest.raises(error, match=message):
        use()

"""Attention and positions by the formulas of the papers, one query, one key at a time where that is what they say."""
from __future__ import annotations

import math

import numpy as np
import torch

from tests.nn.cases import Inner
from tests.nn.formula import formula


# Positions -------------------------------------------------------------------------------------------------------------
def sinusoidal(base=10000.0):
    def encoded(weights, x, offset=0):
        length, d = x.shape[-2:]
        table = [[(math.cos if i % 2 else math.sin)((offset + p) / base ** (2 * (i // 2) / d)) for i in range(d)] for p in range(length)]
        return x + torch.tensor(table, dtype=x.dtype)

    return encoded


def learned(weights, x, offset=0):
    return x + weights["weight"][offset:offset + x.shape[-2]]


def rotary(dim, base=10000.0, interleaved=False, factor=1.0, scaling="linear"):
    """A complex number per pair, multiplied by exp(i angle)."""
    if scaling == "ntk":
        base, factor = base * factor ** (dim / (dim - 2)), 1.0

    def turned(weights, x, positions=0):
        places = positions if isinstance(positions, torch.Tensor) else positions + torch.arange(x.shape[-2])
        angles = places[..., None] / factor * base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
        if angles.ndim == 3:
            angles = angles.reshape(len(angles), *(1,) * (x.ndim - 3), *angles.shape[1:])
        real, imaginary = (x[..., 0:dim:2], x[..., 1:dim:2]) if interleaved else (x[..., :dim // 2], x[..., dim // 2:dim])
        z = torch.complex(real, imaginary) * torch.polar(torch.ones_like(angles), angles)
        pairs = torch.stack([z.real, z.imag], -1).flatten(-2) if interleaved else torch.cat([z.real, z.imag], -1)
        return torch.cat([pairs, x[..., dim:]], -1)

    return turned


def slopes(heads):
    """The authors' recipe: a geometric series for powers of two, every other number of the next series for the rest."""
    if math.log2(heads).is_integer():
        ratio = 2 ** (-(2 ** -(math.log2(heads) - 3)))
        return [ratio ** (i + 1) for i in range(heads)]
    closest = 2 ** math.floor(math.log2(heads))
    return slopes(closest) + slopes(2 * closest)[0::2][:heads - closest]


def alibi(heads):
    def bias(weights, queries, keys, offset=0):
        return torch.tensor([[[-m * abs(i + offset - j) for j in range(keys)] for i in range(queries)] for m in slopes(heads)], dtype=torch.float64)

    return bias


def t5(count=32, furthest=128, bidirectional=True, name="weight"):
    def bucket(distance):
        buckets, first = count, 0
        if bidirectional:
            buckets, first = count // 2, count // 2 if distance > 0 else 0
        distance = abs(distance) if bidirectional else max(-distance, 0)
        exact = buckets // 2
        if distance < exact:
            return first + distance
        return first + min(exact + int(math.log(distance / exact) / math.log(furthest / exact) * (buckets - exact)), buckets - 1)

    def bias(weights, queries, keys, offset=0):
        places = torch.tensor([[bucket(j - i - offset) for j in range(keys)] for i in range(queries)])
        return weights[name][places].permute(2, 0, 1)

    return bias


# Attention -------------------------------------------------------------------------------------------------------------
def linear(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)


def grouped(heads, shared=None, causal=False, window=None, scale=None, turn=None, bias=None, prefix=""):
    """Every head of queries with the head of keys that it shares, every score by itself."""
    def attended(weights, x, kv=None, attn_mask=None, positions=None):
        if x.ndim == 2:
            return attended(weights, x[None], None if kv is None else kv[None], attn_mask)[0]
        source = x if kv is None else kv
        count = shared or heads
        q, k, v = (linear(weights, f"{prefix}{name}_proj", y).unflatten(-1, (n, -1)).transpose(1, 2)
                   for name, y, n in (("q", x, heads), ("k", source, count), ("v", source, count)))
        if turn is not None:
            q, k = (turn(weights, y, 0 if positions is None else positions) for y in (q, k))
        k, v = (y.repeat_interleave(heads // count, 1) for y in (k, v))
        scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
        length, keys = scores.shape[-2:]
        if bias is not None:
            scores = scores + bias(weights, length, keys)
        seen = torch.tensor([[(not causal or j <= i) and (window is None or abs(i - j) < window) for j in range(keys)] for i in range(length)])
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            seen = seen & attn_mask
        elif attn_mask is not None:
            scores = scores + attn_mask
        mixed = torch.softmax(scores.masked_fill(~seen, -math.inf), -1) @ v
        return linear(weights, f"{prefix}o_proj", mixed.transpose(1, 2).flatten(2))

    return attended


def linear_attention(heads, causal=False):
    def attended(weights, x, key_padding_mask=None):
        if x.ndim == 2:
            return attended(weights, x[None], None if key_padding_mask is None else key_padding_mask[None])[0]
        q, k, v = (linear(weights, f"{name}_proj", x).unflatten(-1, (heads, -1)).transpose(1, 2) for name in "qkv")
        q, k = (torch.nn.functional.elu(y) + 1 for y in (q, k))
        similar = q @ k.mT
        similar = similar.tril() if causal else similar
        if key_padding_mask is not None:
            similar = similar * ~key_padding_mask[:, None, None]
        mixed = similar @ v / (similar.sum(-1, keepdim=True) + 1e-6)
        return linear(weights, "o_proj", mixed.transpose(1, 2).flatten(2))

    return attended


# Around it -------------------------------------------------------------------------------------------------------------
def patches(size):
    def embedded(weights, x):
        (height, width), w = size, weights["proj.weight"]
        found = [torch.einsum("nchw,dchw->nd", x[:, :, i:i + height, j:j + width], w) + weights.get("proj.bias", 0)
                 for i in range(0, x.shape[2], height) for j in range(0, x.shape[3], width)]
        return torch.stack(found, 1)

    return embedded


def gated(weights, x, prefix=""):
    gate = linear(weights, f"{prefix}gate_proj", x)
    return linear(weights, f"{prefix}down_proj", gate * torch.sigmoid(gate) * linear(weights, f"{prefix}up_proj", x))


def llama(attention, eps=1e-6):
    def block(weights, x, **call):
        norm = lambda name, y: y / torch.sqrt((y * y).mean(-1, keepdim=True) + eps) * weights[f"{name}.weight"]
        x = x + attention(weights, norm("input_layernorm", x), **call)
        return x + gated(weights, norm("post_attention_layernorm", x), "mlp.")

    return block


X, KV = (2, 5, 8), (2, 7, 6)
SEEN = np.array([[True, True, False, True, True], [False, True, True, True, False]])[:, None, None] | np.eye(5, dtype=bool)
ADDED = np.linspace(-1, 1, 2 * 4 * 25).reshape(2, 4, 5, 5)
PLACES = np.array([[3, 4, 5, 9, 11], [0, 1, 2, 3, 4]])
HEADS = (8, 4)

ROWS = [
    formula("SinusoidalPositionalEncoding", sinusoidal(), 6, on=[(2, 5, 6)]),
    formula("SinusoidalPositionalEncoding", sinusoidal(100.0), 4, 100.0, on=[(5, 4)], call={"offset": 7}),
    formula("LearnedPositionalEncoding", learned, 9, 4, on=[(2, 5, 4)]), formula("LearnedPositionalEncoding", learned, 9, 4, on=[(5, 4)], call={"offset": 3}),
    *[formula("RotaryEmbedding", rotary(*args), *args, on=[(2, 3, 5, 8)]) for args in (
        (8,), (4,), (6, 100.0, True), (8, 10000.0, False, 4.0), (8, 10000.0, True, 4.0, "ntk"), (8, 1e4, False, 8.0, "ntk"))],
    formula("RotaryEmbedding", rotary(8), 8, on=[(5, 8)], call={"positions": 5000}),
    formula("RotaryEmbedding", rotary(8), 8, on=[(2, 3, 5, 8)], call={"positions": PLACES}),
    formula("RotaryEmbedding", rotary(8, 1e4, True), 8, 1e4, True, on=[(2, 5, 8)], call={"positions": PLACES[0]}),
    *[formula("ALiBi", alibi(n), n, on=[], call={"queries": 4, "keys": 6}, tolerance=1e-6) for n in (1, 8, 6, 16, 20)],  # made in float32
    formula("ALiBi", alibi(4), 4, on=[], call={"queries": 2, "keys": 6, "offset": 4}),
    formula("RelativePositionBias", t5(), 3, on=[], call={"queries": 40, "keys": 50}),
    formula("RelativePositionBias", t5(8, 20), 2, 8, 20, on=[], call={"queries": 3, "keys": 50, "offset": 30}),
    formula("RelativePositionBias", t5(8, 20, False), 2, 8, 20, False, on=[], call={"queries": 30, "keys": 30}),
    formula("GroupedQueryAttention", grouped(4), *HEADS, on=[X]),
    formula("GroupedQueryAttention", grouped(4, 2, True), *HEADS, 2, causal=True, on=[X]),
    formula("GroupedQueryAttention", grouped(4, 1, False, 2), *HEADS, 1, window=2, bias=True, on=[X]),
    formula("GroupedQueryAttention", grouped(4, 2, True, 3, 0.3), *HEADS, 2, causal=True, window=3, head_dim=3, scale=0.3, on=[X]),
    formula("GroupedQueryAttention", grouped(4, 2), *HEADS, 2, kv_dim=6, on=[X, KV]), formula("GroupedQueryAttention", grouped(4, 2), *HEADS, 2, on=[X[1:]]),
    formula("GroupedQueryAttention", grouped(4, 2), *HEADS, 2, dropout=0.3, on=[X], random=True),
    formula("GroupedQueryAttention", grouped(4, 2), *HEADS, 2, on=[X], call={"attn_mask": SEEN}),
    formula("GroupedQueryAttention", grouped(4, 2, True), *HEADS, 2, causal=True, on=[X], call={"attn_mask": ADDED}),
    formula("GroupedQueryAttention", grouped(2, 1, True, turn=rotary(4)), 8, 2, 1, causal=True, rotary=Inner("RotaryEmbedding", (4,)), on=[X]),
    formula("GroupedQueryAttention", grouped(2, turn=rotary(2, 10.0, True)), 8, 2, rotary=Inner("RotaryEmbedding", (2, 10.0, True)), on=[X],
            call={"positions": PLACES}),
    formula("GroupedQueryAttention", grouped(4, 2, True, bias=alibi(4)), *HEADS, 2, causal=True, relative_bias=Inner("ALiBi", (4,)), on=[X]),
    formula("GroupedQueryAttention", grouped(4, 2, scale=1.0, bias=t5(8, 20, name="relative_bias.weight")), *HEADS, 2, scale=1.0,
            relative_bias=Inner("RelativePositionBias", (4, 8, 20)), on=[X]),
    formula("LinearAttention", linear_attention(2), 8, 2, on=[X]), formula("LinearAttention", linear_attention(2, True), 8, 2, True, on=[X]),
    formula("LinearAttention", linear_attention(4, True), 8, 4, True, False, on=[(1, 150, 8)]), formula("LinearAttention", linear_attention(2), 8, 2, on=[X[1:]]),
    *[formula("LinearAttention", linear_attention(2, causal), 8, 2, causal, on=[X], call={"key_padding_mask": ~SEEN[:, 0, 0]}) for causal in (False, True)],
    formula("PatchEmbedding", patches((2, 2)), 2, 3, 5, on=[(2, 3, 4, 6)]), formula("PatchEmbedding", patches((3, 2)), (3, 2), 1, 4, False, on=[(1, 1, 6, 4)]),
    formula("GatedMLP", gated, 4, 6, on=[(2, 3, 4)]), formula("GatedMLP", gated, 4, 6, True, on=[(3, 4)]),
    formula("LlamaBlock", llama(grouped(2, 1, True, turn=rotary(4), prefix="self_attn.")), 8, 2, 1, 12, on=[X]),
    formula("LlamaBlock", llama(grouped(2, 2, True, 3, turn=rotary(4, 50.0), prefix="self_attn."), 1e-3), 8, 2, hidden_dim=12, head_dim=4, window=3,
            rotary=Inner("RotaryEmbedding", (4, 50.0)), eps=1e-3, bias=True, on=[X], call={"positions": PLACES}),
]

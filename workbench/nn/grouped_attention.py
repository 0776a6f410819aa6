"""Attention as language models have it: shared keys, rotated pairs, biases by distance, windows, and a cache."""
from __future__ import annotations

import math
from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from ..ops.attention import attention_weights as weights_of
from ..ops.attention import grouped
from . import functional as F
from .cache import KVCache
from .linear import Linear
from .module import Module
from .positions import ALiBi, RelativePositionBias, RotaryEmbedding


class GroupedQueryAttention(Module):
    """Attention in which several heads of queries share one head of keys and values (Ainslie et al. 2023).

    ``o_proj(softmax(q k' * scale + bias) v)`` per head, with ``q = q_proj(x)`` and k, v of `x` or of another sequence. With
    as many heads of keys as of queries it is multi-head attention, with one it is multi-query attention (Shazeer 2019).
    Memory grows with the length and not with its square.

    Parameters
    ----------
    embed_dim : int
        Features of queries and of the output.
    num_heads : int
        Heads of queries.
    num_kv_heads : int, optional
        Heads of keys and values; divides `num_heads`, which it is by default.
    head_dim : int, optional
        Features of a head; ``embed_dim / num_heads`` by default.
    kv_dim : int, optional
        Features of another sequence that is looked at; `embed_dim` by default.
    bias : bool
        Whether the projections have one.
    causal : bool
        A place sees itself and those before it.
    window : int, optional
        A place sees places fewer than `window` away only (Beltagy et al. 2020; Jiang et al. 2023).
    dropout : float
        Probability with which attention weights are dropped in training.
    scale : float, optional
        Factor of the scores; ``1 / sqrt(head_dim)`` by default.
    rotary : RotaryEmbedding, optional
        Turns queries and keys by their positions.
    relative_bias : ALiBi or RelativePositionBias, optional
        Added to the scores by distance.

    Shapes
    ------
    ``x`` (N, L, embed_dim) or (L, embed_dim), ``kv`` (N, S, kv_dim) or (S, kv_dim); output like ``x``.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.GroupedQueryAttention(16, 4, 2, causal=True, rotary=wb.nn.RotaryEmbedding(4))
    >>> layer(wb.ones(2, 5, 16)).shape
    (2, 5, 16)
    """

    def __init__(self, embed_dim: int, num_heads: int, num_kv_heads: int | None = None, *, head_dim: int | None = None,
                 kv_dim: int | None = None, bias: bool = False, causal: bool = False, window: int | None = None,
                 dropout: float = 0.0, scale: float | None = None, rotary: RotaryEmbedding | None = None,
                 relative_bias: ALiBi | RelativePositionBias | None = None, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        shared = num_heads if num_kv_heads is None else num_kv_heads
        if num_heads < 1 or shared < 1 or num_heads % shared or (head_dim is None and embed_dim % num_heads):
            raise ArgumentError(f"GroupedQueryAttention: embed_dim={embed_dim}, num_heads={num_heads}, num_kv_heads={shared}; expected "
                                "heads that divide embed_dim (or a head_dim), and heads of keys that divide those of queries")
        if relative_bias is not None and relative_bias.num_heads != num_heads:
            raise ArgumentError(f"GroupedQueryAttention: relative_bias has num_heads={relative_bias.num_heads}; expected {num_heads}")
        self.embed_dim, self.num_heads, self.num_kv_heads = embed_dim, num_heads, shared
        self.head_dim = embed_dim // num_heads if head_dim is None else head_dim
        self.kv_dim = embed_dim if kv_dim is None else kv_dim
        self.causal, self.window, self.dropout = causal, window, dropout
        self.scale = 1 / math.sqrt(self.head_dim) if scale is None else scale
        kind: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.q_proj = Linear(embed_dim, num_heads * self.head_dim, **kind)
        self.k_proj = Linear(self.kv_dim, shared * self.head_dim, **kind)
        self.v_proj = Linear(self.kv_dim, shared * self.head_dim, **kind)
        self.o_proj = Linear(num_heads * self.head_dim, embed_dim, **kind)
        self.rotary, self.relative_bias = rotary, relative_bias

    def forward(self, x: Tensor, kv: Tensor | None = None, *, attn_mask: Tensor | None = None, cache: KVCache | None = None,
                positions: Tensor | None = None) -> Tensor:
        """The output for `x`, which looks at itself and at what `cache` holds, or at `kv`.

        Parameters
        ----------
        x : Tensor
        kv : Tensor, optional
            Another sequence to look at. With a cache it is read once, and what the cache holds is used from then on.
        attn_mask : Tensor, broadcastable to (N, num_heads, L, S), optional
            Booleans: True takes part. Numbers: added to the scores. `causal` and `window` hold as well.
        cache : KVCache, optional
            Keys and values of what went before; those of `x` are added to it.
        positions : Tensor of integers, shape (L,) or (N, L), optional
            Where tokens stand, for `rotary`; they count on from the cache by default.
        """
        q, k, v, offset = self._prepare(x, kv, cache, positions, keep=True)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask, self.dropout if self.training else 0.0, self.causal, self.scale,
                                           enable_gqa=True, window=self.window, offset=offset, relative_bias=self._bias(q, k, offset))
        y = self.o_proj(y.transpose(1, 2).flatten(2))
        return y[0] if x.ndim == 2 else y

    def attention_weights(self, x: Tensor, kv: Tensor | None = None, *, attn_mask: Tensor | None = None,
                          cache: KVCache | None = None, positions: Tensor | None = None) -> Tensor:
        """The weights of every head, (N, num_heads, L, S), for the arguments of a call; a cache already holds that of `x`."""
        q, k, v, offset = self._prepare(x, kv, cache, positions, keep=False)
        q, k, _, mask, bias = grouped(q, k, v, attn_mask, self._bias(q, k, offset))
        weights = weights_of(q, k, mask, bias, scale=self.scale, causal=self.causal, window=self.window, offset=offset)
        return weights.flatten(1, 2)

    def _prepare(self, x: Tensor, kv: Tensor | None, cache: KVCache | None, positions: Tensor | None,
                 keep: bool) -> tuple[Tensor, Tensor, Tensor, int]:
        """Heads of queries, keys and values (N, heads, length, head_dim), and the place of the first query among the keys."""
        if x.ndim == 2:
            x, kv = x.unsqueeze(0), None if kv is None else kv.unsqueeze(0)
        for name, given, width in (("x", x, self.embed_dim), ("kv", kv, self.kv_dim)):
            if given is not None and (given.ndim != 3 or given.shape[-1] != width):
                raise ShapeError(f"GroupedQueryAttention: {name} of shape {tuple(given.shape)}; expected (N, length, {width})")
        first = 0 if cache is None or kv is not None else cache.seen if keep else cache.seen - x.shape[1]
        q = self._turned(self._heads(self.q_proj(x), self.num_heads), first if positions is None else positions)
        if cache is not None and len(cache) and (kv is not None or not keep):
            k, v = cache.keys, cache.values
        else:
            source = x if kv is None else kv
            k = self._turned(self._heads(self.k_proj(source), self.num_kv_heads), first if positions is None or kv is not None else positions)
            v = self._heads(self.v_proj(source), self.num_kv_heads)
            if cache is not None and keep:
                k, v = cache.append(k, v)
        return q, k, v, 0 if kv is not None or cache is None else k.shape[-2] - q.shape[-2]

    def _heads(self, x: Tensor, count: int) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], count, self.head_dim).transpose(1, 2)

    def _turned(self, x: Tensor, positions: Tensor | int) -> Tensor:
        return x if self.rotary is None else self.rotary(x, positions)

    def _bias(self, q: Tensor, k: Tensor, offset: int) -> Tensor | None:
        return None if self.relative_bias is None else self.relative_bias.diagonals(q.shape[-2], k.shape[-2], offset, q)

    def extra_repr(self) -> str:
        """Settings."""
        more = "".join(f", {name}={value}" for name, value in (("causal", self.causal), ("window", self.window), ("dropout", self.dropout)) if value)
        return f"{self.embed_dim}, {self.num_heads}, {self.num_kv_heads}, head_dim={self.head_dim}{more}"

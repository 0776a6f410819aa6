"""Multi-head attention."""
from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from ..ops.attention import attention_weights as weights_of
from . import functional as F
from . import init
from .checks import whole
from .linear import Linear
from .module import Module
from .parameter import Parameter


class MultiheadAttention(Module):
    """Several attentions side by side, each on its own projection of queries, keys and values (Vaswani et al. 2017).

    ``head_i = softmax(Q W_i^Q (K W_i^K)' / sqrt(d)) V W_i^V``, joined and projected once more.

    Parameters
    ----------
    embed_dim : int
        Length of queries and of the output.
    num_heads : int
        Divides `embed_dim`.
    dropout : float
        Probability with which attention weights are dropped in training.
    bias : bool
        Whether the projections have one.
    add_bias_kv : bool
        Add one learned key and value that every query sees.
    add_zero_attn : bool
        Add one key and value of zeros.
    kdim, vdim : int, optional
        Lengths of keys and values; `embed_dim` by default.
    batch_first : bool
        Inputs are (N, L, E) instead of (L, N, E).

    Shapes
    ------
    query (L, N, E), key (S, N, kdim), value (S, N, vdim), or without N; output like the query.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.ones(2, 5, 8)
    >>> y, weights = wb.nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
    >>> y.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
                 add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
                 vdim: int | None = None, batch_first: bool = False, device: str | None = None,
                 dtype: Any = None) -> None:
        super().__init__()
        whole("MultiheadAttention", 1, embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            raise ArgumentError(f"MultiheadAttention: embed_dim={embed_dim} must be divisible by num_heads={num_heads}")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.head_dim = embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.add_zero_attn = add_zero_attn
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = Parameter(ops.empty(3 * embed_dim, embed_dim, **kind))
            init.xavier_uniform_(self.in_proj_weight)
        else:
            for name, width in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
                weight = Parameter(ops.empty(embed_dim, width, **kind))
                setattr(self, f"{name}_proj_weight", weight)
                init.xavier_uniform_(weight)
        self.in_proj_bias = Parameter(ops.zeros(3 * embed_dim, **kind)) if bias else None
        self.bias_k = self.bias_v = None
        if add_bias_kv:
            self.bias_k = init.xavier_normal_(Parameter(ops.empty(1, 1, embed_dim, **kind)))
            self.bias_v = init.xavier_normal_(Parameter(ops.empty(1, 1, embed_dim, **kind)))
        self.out_proj = Linear(embed_dim, embed_dim, bias, **kind)
        if bias:
            init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
                need_weights: bool = True, attn_mask: Tensor | None = None, average_attn_weights: bool = True,
                is_causal: bool = False) -> tuple[Tensor, Tensor | None]:
        """The attended values, and the weights (N, L, S) if wanted (per head without averaging).

        In a boolean mask True hides a place; numbers are added to the scores. With `is_causal` and no `attn_mask`,
        query i sees keys up to i. With both, `attn_mask` is taken to be that mask, which need not be read where weights are
        not asked for. A query that sees no key gets zeros (NaN in PyTorch when weights are asked for).
        """
        if is_causal and key_padding_mask is None and not need_weights and not self._more_keys:
            attn_mask = None
        q, k, v, bias, causal, single = self._prepare(query, key, value, key_padding_mask, attn_mask, is_causal)
        drop = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            weights = weights_of(q, k, bias, scale=self._scale, causal=causal)
            mixed = ops.matmul(ops.dropout(weights, drop), v)
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, bias, drop, causal, self._scale)
        y = self.out_proj(mixed.transpose(1, 2).flatten(2))
        if weights is not None:
            weights = weights.mean(axis=1) if average_attn_weights else weights
            weights = weights[0] if single else weights
        if single:
            return y[0], weights
        return (y if self.batch_first else y.transpose(0, 1)), weights

    def attention_weights(self, query: Tensor, key: Tensor | None = None, value: Tensor | None = None,
                          key_padding_mask: Tensor | None = None, need_weights: bool = True,
                          attn_mask: Tensor | None = None, average_attn_weights: bool = True,
                          is_causal: bool = False) -> Tensor:
        """The weights of every head, (N, heads, L, S), for the arguments of a call."""
        key = query if key is None else key
        q, k, _, bias, causal, _ = self._prepare(query, key, key if value is None else value, key_padding_mask, attn_mask,
                                                 is_causal)
        return weights_of(q, k, bias, scale=self._scale, causal=causal)

    @property
    def _scale(self) -> float:
        return 1 / math.sqrt(self.embed_dim // self.num_heads)

    @property
    def _more_keys(self) -> bool:
        """Are there keys that every query sees, behind those that are given?"""
        return self.bias_k is not None or self.add_zero_attn

    def _prepare(self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None,
                 attn_mask: Tensor | None, is_causal: bool) -> tuple[Tensor, Tensor, Tensor, Tensor | None, bool, bool]:
        """Projected heads (N, heads, length, d), the mask of scores, whether a query sees no later key, and was there no batch axis."""
        single = query.ndim == 2
        if single:
            query, key, value = (x.unsqueeze(0) for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        elif not self.batch_first:
            query, key, value = _batch_first(query, key, value)
        for name, x, width in (("query", query, self.embed_dim), ("key", key, self.kdim), ("value", value, self.vdim)):
            if x.ndim != 3 or x.shape[-1] != width:
                raise ShapeError(f"MultiheadAttention: {name} of shape {tuple(x.shape)}; expected 3 axes with the last "
                                 f"of length {width}")
        q, k, v = self._project(query, key, value)
        if self.bias_k is not None:
            k, v = (ops.concat([x, extra.expand(x.shape[0], -1, -1)], 1)
                    for x, extra in ((k, self.bias_k), (v, self.bias_v)))
        if self.add_zero_attn:
            k, v = (F.pad(x, (0, 0, 0, 1)) for x in (k, v))
        causal = is_causal and attn_mask is None
        if causal and self._more_keys:
            attn_mask, causal = ops.triu(ops.ones(query.shape[1], key.shape[1]), 1) > 0, False
        bias = _mask(attn_mask, key_padding_mask, self.num_heads, (query.shape[0], query.shape[1], key.shape[1]), q)
        if bias is not None and k.shape[1] > key.shape[1]:
            bias = F.pad(bias, (0, k.shape[1] - key.shape[1]), value=bias.dtype.kind == "b")
        return *(self._heads(x) for x in (q, k, v)), bias, causal, single

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if hasattr(self, "in_proj_weight"):
            if query is key and key is value:
                return ops.chunk(F.linear(query, self.in_proj_weight, self.in_proj_bias), 3, -1)
            weights = ops.chunk(self.in_proj_weight, 3)
        else:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        biases = (None,) * 3 if self.in_proj_bias is None else ops.chunk(self.in_proj_bias, 3)
        return tuple(F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.num_heads, -1).transpose(1, 2)

    def extra_repr(self) -> str:
        """Settings."""
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}, batch_first={self.batch_first}"


def _batch_first(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Swap the first two axes, keeping what was one tensor one tensor."""
    q = query.transpose(0, 1)
    k = q if key is query else key.transpose(0, 1)
    v = k if value is key else q if value is query else value.transpose(0, 1)
    return q, k, v


def _mask(attn_mask: Tensor | None, padding: Tensor | None, heads: int, sizes: tuple[int, int, int],
          like: Tensor) -> Tensor | None:
    """Both masks as one for the scores: booleans, now True where a key is seen, or numbers to be added."""
    samples, queries, keys = sizes
    if attn_mask is not None:
        if tuple(attn_mask.shape) not in ((queries, keys), (samples * heads, queries, keys)):
            raise ShapeError(f"MultiheadAttention: attn_mask of shape {tuple(attn_mask.shape)}; expected "
                             f"{(queries, keys)} or {(samples * heads, queries, keys)} (heads times batch)")
        if attn_mask.ndim == 3:
            attn_mask = attn_mask.reshape(samples, heads, queries, keys)
    if padding is not None:
        if tuple(padding.shape) != (samples, keys):
            raise ShapeError(f"MultiheadAttention: key_padding_mask of shape {tuple(padding.shape)}; expected "
                             f"{(samples, keys)} (batch, keys)")
        padding = padding.reshape(samples, 1, 1, keys)
    masks = [mask for mask in (attn_mask, padding) if mask is not None]
    if not masks:
        return None
    if all(mask.dtype.kind == "b" for mask in masks):
        return ~(masks[0] if len(masks) == 1 else masks[0] | masks[1])
    masks = [ops.where(mask, -math.inf, 0.0).to(like.dtype) if mask.dtype.kind == "b" else mask for mask in masks]
    return masks[0] if len(masks) == 1 else masks[0] + masks[1]

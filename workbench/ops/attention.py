"""Attention: the composite that defines it, and a fused op that never holds the matrix of weights of long sequences."""
from __future__ import annotations

import math
from typing import Any

from ..backend import dtypes
from ..core import batching
from ..core.declare import fused, op
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.op import _cast
from ..core.tensor import Tensor
from . import attention_blocks as blocks
from . import elementwise as ew
from .attention_blocks import Rule
from .contract import matmul
from .create import triangle
from .fused import softmax
from .index import take, where
from .movement import _reshape, expand_dims, transpose
from .random import randint
from .reduce import amax, stop_gradient
from .resample import constant


@op(promotes=False, batch=batching.elementwise)
class attention_keep:
    """Which weights dropout leaves, of the last axes `shape`, for one seed or an array of seeds."""

    def forward(xp, x, *, shape, p):
        *lead, queries, keys = shape
        drawn = [blocks.Dropped(int(seed), (queries, keys), p).whole(0, tuple(lead)) for seed in x.ravel()]
        return xp.stack([xp.asarray(kept) for kept in drawn]).reshape(*x.shape, *shape)


def attention_weights(q: Tensor, k: Tensor, bias: Tensor | None = None, diagonals: Tensor | None = None, *, scale: float,
                      causal: bool = False, window: int | None = None, offset: int = 0) -> Tensor:
    """The weights of attention themselves, (..., L, S); a query that sees no key has zeros.

    Parameters
    ----------
    q : Tensor, shape (..., L, E)
    k : Tensor, shape (..., S, E)
    bias : Tensor, broadcastable to (..., L, S), optional
        Booleans: True takes part. Numbers: added to the scores.
    diagonals : Tensor, shape (..., L + S - 1), optional
        Added to the scores: number d where key - query is d - L + 1.
    scale : float
        Factor of the products.
    causal, window, offset
        See `blocks.Rule`.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.ops.attention import attention_weights
    >>> attention_weights(wb.ones(2, 4), wb.ones(2, 4), scale=0.5, causal=True).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    queries, keys = q.shape[-2], k.shape[-2]
    scores = matmul(q, transpose(k, -2, -1)) * scale
    if diagonals is not None:
        places = constant([[key - query + queries - 1 for key in range(keys)] for query in range(queries)], stop_gradient(q))
        scores = scores + take(diagonals, places, axis=-1)
    if bias is not None:
        scores = where(bias, scores, -math.inf) if bias.dtype.kind == "b" else scores + bias
    if causal or window is not None:
        scores = where(_seen(q, queries, keys, causal, window, offset), scores, -math.inf)
    if bias is None and window is None and offset >= 0:
        return softmax(scores, axis=-1)
    some = ew.gt(stop_gradient(amax(scores, axis=-1, keepdims=True)), -math.inf)
    return where(some, softmax(where(some, scores, 0.0), axis=-1), 0.0)


def _seen(q: Tensor, queries: int, keys: int, causal: bool, window: int | None, offset: int) -> Tensor:
    """Which keys each query may see, as far as their places decide."""
    def up_to(diagonal: int) -> Tensor:
        return triangle(queries, diagonal, like=stop_gradient(q), m=keys, dtype=dtypes.bool_)

    if window is None:
        return up_to(offset)
    return up_to(offset if causal else offset + window - 1) & ~up_to(offset - window)


def attention_reference(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, diagonals: Tensor | None, seed: Tensor | None, *,
                        scale: float, causal: bool, window: int | None, offset: int, dropout: float) -> Tensor:
    """softmax(q k' * scale + what is added) v, with weights dropped as the seed says."""
    weights = attention_weights(q, k, bias, diagonals, scale=scale, causal=causal, window=window, offset=offset)
    if seed is not None:
        weights = where(attention_keep(seed, shape=tuple(weights.shape), p=dropout), weights, 0.0) / (1 - dropout)
    return matmul(weights, v)


@fused(reference=attention_reference, arity=6, optional=3, inexact=False, promotes=False)
class attention_core:
    """softmax(q k' * scale + what is added) v over the last two axes, in blocks."""

    def forward(xp, q, k, v, bias=None, diagonals=None, seed=None, *, scale, causal, window, offset, dropout):
        return blocks.forward(xp, q, k, v, bias, diagonals, seed, Rule(scale, causal, window, offset, dropout))

    def backward(xp, g, needs, residual, q, k, v, bias, diagonals, seed, *, scale, causal, window, offset, dropout):
        return blocks.backward(xp, g, needs, residual, q, k, v, bias, diagonals, seed, Rule(scale, causal, window, offset, dropout))


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
                                 is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False, *,
                                 window: int | None = None, offset: int = 0, relative_bias: Tensor | None = None) -> Tensor:
    """Attention (Vaswani et al. 2017): a mean of values weighted by how well their keys match each query.

    ``softmax(query key' * scale + attn_mask) value``. Memory grows with L + S and not with their product: long sequences
    are computed block by block, and blocks that nothing may see are skipped (Dao et al. 2022).

    Parameters
    ----------
    query : Tensor, shape (..., L, E)
    key : Tensor, shape (..., S, E)
    value : Tensor, shape (..., S, V)
    attn_mask : Tensor, broadcastable to (..., L, S), optional
        Booleans: True takes part. Numbers: added to the scores.
    dropout_p : float
        Probability with which weights are dropped.
    is_causal : bool
        Query i sees keys up to i only. PyTorch refuses it together with `attn_mask`; here both hold.
    scale : float, optional
        Factor of the scores; ``1 / sqrt(E)`` by default.
    enable_gqa : bool
        Axis -3 of query is a multiple of that of key and value; neighbouring heads of queries share one (Ainslie et al. 2023).
    window : int, optional
        Query i sees keys fewer than `window` places away only (Beltagy et al. 2020). Not in PyTorch, like what follows.
    offset : int
        The place of the first query among the keys, for `is_causal` and `window`: how many keys a cache held before.
    relative_bias : Tensor, shape (..., L + S - 1), optional
        Added to the scores: number d where key - query is d - L + 1 (numbers of rows and columns, without `offset`).

    Returns
    -------
    Tensor, shape (..., L, V)
        Zeros for a query that sees no key.

    Examples
    --------
    >>> import workbench as wb
    >>> q = wb.ones(1, 3, 4)
    >>> wb.scaled_dot_product_attention(q, q, q, is_causal=True).shape
    (1, 3, 4)
    """
    _check(query, key, value, attn_mask, dropout_p, window, relative_bias)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    wanted = dtypes.result_type([query, key, value], inexact=True)
    q, k, v = (_cast(x, wanted) for x in (query, key, value))
    bias, diagonals = (x if x is None or x.dtype.kind == "b" else _cast(x, wanted) for x in (attn_mask, relative_bias))
    if bias is not None and len(bias.shape) < 2:
        bias = expand_dims(bias, 0) if len(bias.shape) else _reshape(bias, shape=(1, 1))
    if enable_gqa:
        q, k, v, bias, diagonals = grouped(q, k, v, bias, diagonals)
    dropped = 0 < dropout_p < 1
    seed = randint(0, 2**63 - 1, (), device=query.device) if dropped else None
    o = attention_core(q, k, v, bias, diagonals, seed, scale=factor, causal=is_causal, window=window, offset=offset,
                       dropout=dropout_p if dropped else 0.0)
    if enable_gqa:
        o = _reshape(o, shape=(*o.shape[:-4], o.shape[-4] * o.shape[-3], *o.shape[-2:]))
    return o * 0 if dropout_p == 1 else o


def _check(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, window: int | None,
           diagonals: Tensor | None) -> None:
    what = "scaled_dot_product_attention"
    if min(len(x.shape) for x in (query, key, value)) < 2 or query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(f"{what}: query {tuple(query.shape)}, key {tuple(key.shape)} and value {tuple(value.shape)} do not fit: "
                         "query and key share the last axis, key and value the last but one")
    if mask is not None and mask.dtype.kind not in "bfV":
        raise DTypeError(f"{what}: attn_mask of dtype {mask.dtype}; expected booleans (True takes part) or numbers that are added to the scores")
    sizes = (query.shape[-2], key.shape[-2])
    for name, shape in (("attn_mask", mask), ("relative_bias", diagonals)):
        shape = None if shape is None else tuple(shape.shape)
        if shape and name == "attn_mask" and any(n not in (1, size) for n, size in zip(shape[-2:], sizes[-len(shape[-2:]):], strict=True)):
            raise ShapeError(f"{what}: attn_mask of shape {shape}; expected something that broadcasts to (..., {sizes[0]}, {sizes[1]})")
        if shape and name == "relative_bias" and shape[-1] != sum(sizes) - 1:
            raise ShapeError(f"{what}: relative_bias of shape {shape}; expected (..., {sum(sizes) - 1}) for {sizes[0]} queries and {sizes[1]} keys")
    if not 0 <= dropout <= 1:
        raise ArgumentError(f"{what}: dropout_p={dropout}; expected a probability between 0 and 1")
    if window is not None and window < 1:
        raise ArgumentError(f"{what}: window={window}; expected a positive number of places, or None")


def grouped(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, diagonals: Tensor | None) -> tuple[Any, ...]:
    """Heads of queries as (heads of keys, queries that share one), so that keys and values broadcast."""
    if min(len(q.shape), len(k.shape), len(v.shape)) < 3 or k.shape[-3] != v.shape[-3] or q.shape[-3] % k.shape[-3]:
        raise ShapeError(f"scaled_dot_product_attention: enable_gqa with query {tuple(q.shape)}, key {tuple(k.shape)} and value "
                         f"{tuple(v.shape)}; the heads (axis -3) of query must be a multiple of those of key and value")
    heads, groups = k.shape[-3], q.shape[-3] // k.shape[-3]

    def split(x: Tensor | None, last: int) -> Tensor | None:
        if x is None or len(x.shape) <= last:
            return x
        *lead, own = x.shape[:len(x.shape) - last]
        return _reshape(x, shape=(*lead, *((1, 1) if own == 1 else (heads, groups)), *x.shape[len(x.shape) - last:]))

    return split(q, 2), expand_dims(k, -3), expand_dims(v, -3), split(bias, 2), split(diagonals, 1)


__all__ = ["scaled_dot_product_attention"]

"""Attention whose cost grows with the length and not with its square, because its weights are products of features."""
from __future__ import annotations

from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from . import functional as F
from .linear import Linear
from .module import Module

CHUNK = 64
"""Positions of a causal sequence that are computed as a matrix; between chunks a sum is carried."""


class LinearAttention(Module):
    """Attention with the weights ``f(q)' f(k)``, ``f(x) = elu(x) + 1``, divided by their sum (Katharopoulos et al. 2020).

    The sum over keys is taken before queries come in: ``y_i = f(q_i)' S / (f(q_i)' z)`` with ``S = sum_j f(k_j) v_j'`` and
    ``z = sum_j f(k_j)``; causal, j goes up to i, so that S and z are the state of a recurrent network (see `step`).

    Parameters
    ----------
    embed_dim : int
        Features of input and output.
    num_heads : int
        Divides `embed_dim`.
    causal : bool
        A place sees itself and those before it.
    bias : bool
        Whether the projections have one.
    eps : float
        Added to the sum of the weights.

    Shapes
    ------
    (N, L, embed_dim) or (L, embed_dim) to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.LinearAttention(8, 2, causal=True)(wb.ones(2, 5, 8)).shape
    (2, 5, 8)
    """

    def __init__(self, embed_dim: int, num_heads: int, causal: bool = False, bias: bool = True, eps: float = 1e-6,
                 device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ArgumentError(f"LinearAttention: embed_dim={embed_dim} must be divisible by num_heads={num_heads}")
        self.embed_dim, self.num_heads, self.causal, self.eps = embed_dim, num_heads, causal, eps
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, Linear(embed_dim, embed_dim, bias, device, dtype))

    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None) -> Tensor:
        """The output for `x`; True in `key_padding_mask` (N, L) or (L,) hides a place."""
        q, k, v = self._features(x, key_padding_mask)
        return self._out(_causal(q, k, v) if self.causal else q @ (k.mT @ v), x)

    def step(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The output for the next places (N, L, embed_dim), and the state (N, heads, d, d + 1) to go on from; causal layers only."""
        if not self.causal:
            raise ArgumentError("LinearAttention.step: the layer is not causal, so an output depends on places to come; "
                                "make it with causal=True")
        q, k, v = self._features(x, None)
        mixed = _causal(q, k, v)
        return self._out(mixed if state is None else mixed + q @ state, x), (k.mT @ v if state is None else state + k.mT @ v)

    def attention_weights(self, x: Tensor, key_padding_mask: Tensor | None = None) -> Tensor:
        """The weights of every head, (N, num_heads, L, L), which the layer itself never makes."""
        q, k, _ = self._features(x, key_padding_mask)
        weights = q @ k.mT
        weights = ops.tril(weights) if self.causal else weights
        return weights / (weights.sum(axis=-1, keepdims=True) + self.eps)

    def _features(self, x: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """f(q), f(k), and values with a 1 behind, whose mixture is the sum of the weights; (N, heads, L, ...)."""
        if x.ndim not in (2, 3) or x.shape[-1] != self.embed_dim:
            raise ShapeError(f"LinearAttention: an input of shape {tuple(x.shape)}; expected (N, L, {self.embed_dim}) or "
                             f"(L, {self.embed_dim})")
        if hidden is not None and tuple(hidden.shape) != tuple(x.shape[:-1]):
            raise ShapeError(f"LinearAttention: key_padding_mask of shape {tuple(hidden.shape)}; expected {tuple(x.shape[:-1])}")
        batched = x if x.ndim == 3 else x.unsqueeze(0)
        q, k, v = (self._heads(layer(batched)) for layer in (self.q_proj, self.k_proj, self.v_proj))
        q, k = F.elu(q) + 1, F.elu(k) + 1
        if hidden is not None:
            k = ops.where(hidden.reshape(k.shape[0], 1, k.shape[2], 1), 0.0, k)
        return q, k, F.pad(v, (0, 1), value=1.0)

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.num_heads, -1).transpose(1, 2)

    def _out(self, mixed: Tensor, x: Tensor) -> Tensor:
        y = mixed[..., :-1] / (mixed[..., -1:] + self.eps)
        y = self.o_proj(y.transpose(1, 2).flatten(2))
        return y[0] if x.ndim == 2 else y

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.embed_dim}, {self.num_heads}, causal={self.causal}"


def _causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """``sum_{j <= i} q_i' k_j v_j`` in chunks: a triangle inside each, and the sum of all chunks before."""
    length = q.shape[-2]
    chunk = min(CHUNK, length)
    count = -(-length // chunk)
    q, k, v = (F.pad(x, (0, 0, 0, count * chunk - length)).reshape(*x.shape[:-2], count, chunk, x.shape[-1]) for x in (q, k, v))
    inside = ops.tril(q @ k.mT) @ v
    added = k.mT @ v
    before = ops.cumsum(added, axis=-3) - added
    return (inside + q @ before).flatten(-3, -2)[..., :length, :]

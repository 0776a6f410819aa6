"""The block that Llama, Mistral and their kin are stacks of, with the keys of their checkpoints."""
from __future__ import annotations

from typing import Any

from ..core import Tensor
from . import functional as F
from .cache import KVCache
from .grouped_attention import GroupedQueryAttention
from .linear import Linear
from .module import Module
from .normalization import RMSNorm
from .positions import RotaryEmbedding


class GatedMLP(Module):
    """``down_proj(silu(gate_proj(x)) * up_proj(x))``, the network of SwiGLU (Shazeer 2020).

    Parameters
    ----------
    embed_dim : int
        Features of input and output.
    hidden_dim : int
        Features inside.
    bias : bool
        Whether to add a learned bias.

    Shapes
    ------
    (..., embed_dim) to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.GatedMLP(4, 8)(wb.ones(2, 4)).shape
    (2, 4)
    """

    def __init__(self, embed_dim: int, hidden_dim: int, bias: bool = False, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        self.gate_proj = Linear(embed_dim, hidden_dim, bias, device, dtype)
        self.up_proj = Linear(embed_dim, hidden_dim, bias, device, dtype)
        self.down_proj = Linear(hidden_dim, embed_dim, bias, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(..., embed_dim) to the same shape."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class LlamaBlock(Module):
    """Causal attention with rotated pairs, and a gated network, each with a residual and a norm in front (Touvron et al. 2023).

    ``x = x + self_attn(input_layernorm(x)); x = x + mlp(post_attention_layernorm(x))``.

    Parameters
    ----------
    embed_dim : int
        Features of input and output.
    num_heads : int
        Heads of queries.
    num_kv_heads : int, optional
        Heads of keys and values; `num_heads` by default.
    hidden_dim : int, optional
        Features inside the network; 8/3 of `embed_dim`, rounded up to a multiple of 256, by default.
    head_dim : int, optional
        Features of a head; ``embed_dim / num_heads`` by default.
    window : int, optional
        A place sees places fewer than `window` behind it only, as in Mistral (Jiang et al. 2023).
    rotary : RotaryEmbedding, optional
        ``RotaryEmbedding(head_dim)`` by default.
    eps : float
        Of the norms.
    dropout : float
        Probability with which attention weights are dropped in training.
    bias : bool
        Whether the projections have one.

    Shapes
    ------
    (N, L, embed_dim) or (L, embed_dim) to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.LlamaBlock(8, 2, 1, 16)(wb.ones(2, 5, 8)).shape
    (2, 5, 8)
    """

    def __init__(self, embed_dim: int, num_heads: int, num_kv_heads: int | None = None, hidden_dim: int | None = None, *,
                 head_dim: int | None = None, window: int | None = None, rotary: RotaryEmbedding | None = None, eps: float = 1e-6,
                 dropout: float = 0.0, bias: bool = False, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        rotary = RotaryEmbedding(embed_dim // num_heads if head_dim is None else head_dim) if rotary is None else rotary
        inner = -(-8 * embed_dim // 768) * 256 if hidden_dim is None else hidden_dim
        self.self_attn = GroupedQueryAttention(embed_dim, num_heads, num_kv_heads, head_dim=head_dim, bias=bias, causal=True,
                                               window=window, dropout=dropout, rotary=rotary, **kind)
        self.mlp = GatedMLP(embed_dim, inner, bias, **kind)
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(embed_dim, eps, **kind), RMSNorm(embed_dim, eps, **kind)

    def forward(self, x: Tensor, *, attn_mask: Tensor | None = None, cache: KVCache | None = None,
                positions: Tensor | None = None) -> Tensor:
        """The output for `x`; mask, cache and positions are those of `GroupedQueryAttention`."""
        x = x + self.self_attn(self.input_layernorm(x), attn_mask=attn_mask, cache=cache, positions=positions)
        return x + self.mlp(self.post_attention_layernorm(x))

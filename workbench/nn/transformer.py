"""Transformer encoder layers and stacks."""
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError
from . import functional as F
from .attention import MultiheadAttention
from .containers import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

_ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


class TransformerEncoderLayer(Module):
    """Self-attention and a two-layer network, each with a residual connection and layer normalization.

    ``x = norm1(x + attention(x)); x = norm2(x + linear2(activation(linear1(x))))``, or with ``norm_first`` the norms in
    front of each part (Vaswani et al. 2017; Xiong et al. 2020).

    Parameters
    ----------
    d_model, nhead : int
    dim_feedforward : int
        Width of the inner layer.
    dropout : float
    activation : {"relu", "gelu"} or callable
    layer_norm_eps : float
    batch_first, norm_first, bias : bool

    Shapes
    ------
    (L, N, d_model), or (N, L, d_model) with ``batch_first``, to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)(wb.ones(2, 5, 8)).shape
    (2, 5, 8)
    """

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
                 activation: str | Callable[[Tensor], Tensor] = F.relu, layer_norm_eps: float = 1e-5,
                 batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: str | None = None,
                 dtype: Any = None) -> None:
        super().__init__()
        if isinstance(activation, str) and activation not in _ACTIVATIONS:
            raise ArgumentError(f"TransformerEncoderLayer: activation={activation!r}; expected 'relu', 'gelu' or a "
                                f"function")
        kind: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **kind)
        self.linear1, self.dropout = Linear(d_model, dim_feedforward, **kind), Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **kind)
        self.norm_first = norm_first
        self.norm1, self.norm2 = LayerNorm(d_model, layer_norm_eps, **kind), LayerNorm(d_model, layer_norm_eps, **kind)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.activation = _ACTIVATIONS[activation] if isinstance(activation, str) else activation

    def forward(self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool = False) -> Tensor:
        """Encode `src`; `src_mask` says which places may not be looked at."""
        x = src
        if self.norm_first:
            x = x + self._attend(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            return x + self._transform(self.norm2(x))
        x = self.norm1(x + self._attend(x, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._transform(x))

    def _attend(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool) -> Tensor:
        return self.dropout1(self.self_attn(x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False,
                                            is_causal=is_causal)[0])

    def _transform(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoder(Module):
    """`num_layers` copies of a layer, one after another.

    `enable_nested_tensor` and `mask_check` choose a fast path of PyTorch's; they are accepted so that code carries over.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> wb.nn.TransformerEncoder(layer, 2)(wb.ones(2, 5, 8)).shape
    (2, 5, 8)
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None,
                 enable_nested_tensor: bool = True, mask_check: bool = True) -> None:
        super().__init__()
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm

    def forward(self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool | None = None) -> Tensor:
        """Encode `src` layer by layer; with `is_causal` and no `mask`, a place sees only those before it and itself."""
        x = src
        for layer in self.layers:
            x = layer(x, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return x if self.norm is None else self.norm(x)

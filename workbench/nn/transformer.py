"""The transformer: encoder and decoder layers, stacks of them, and both together."""
from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from . import functional as F
from . import init
from .attention import MultiheadAttention
from .checks import whole
from .containers import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

_ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


class _Block(Module):
    """What the two kinds of layer share: attentions, then a two-layer network, each part with a residual and a norm."""

    attentions: tuple[str, ...]

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
                 activation: str | Callable[[Tensor], Tensor] = F.relu, layer_norm_eps: float = 1e-5,
                 batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: str | None = None,
                 dtype: Any = None) -> None:
        super().__init__()
        if isinstance(activation, str) and activation not in _ACTIVATIONS:
            raise ArgumentError(f"{type(self).__name__}: activation={activation!r}; expected 'relu', 'gelu' or a function")
        kind: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        parts = range(1, len(self.attentions) + 2)
        for name in self.attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **kind))
        self.linear1, self.dropout = Linear(d_model, dim_feedforward, **kind), Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **kind)
        self.norm_first = norm_first
        for number in parts:
            setattr(self, f"norm{number}", LayerNorm(d_model, layer_norm_eps, **kind))
        for number in parts:
            setattr(self, f"dropout{number}", Dropout(dropout))
        self.activation = _ACTIVATIONS[activation] if isinstance(activation, str) else activation

    def _add(self, number: int, x: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
        """The residual connection around part `number`, with its norm in front or behind."""
        norm, drop = getattr(self, f"norm{number}"), getattr(self, f"dropout{number}")
        return x + drop(part(norm(x))) if self.norm_first else norm(x + drop(part(x)))

    def _transform(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


def _look(attention: MultiheadAttention, x: Tensor, memory: Tensor, mask: Tensor | None, padding: Tensor | None,
          is_causal: bool) -> Tensor:
    return attention(x, memory, memory, padding, need_weights=False, attn_mask=mask, is_causal=is_causal)[0]


class TransformerEncoderLayer(_Block):
    """Self-attention and a two-layer network, each with a residual connection and layer normalization.

    ``x = norm1(x + attention(x)); x = norm2(x + linear2(activation(linear1(x))))``, or with ``norm_first`` the norms in
    front of each part (Vaswani et al. 2017; Xiong et al. 2020).

    Parameters
    ----------
    d_model : int
        Features of input and output.
    nhead : int
        How many attentions side by side; divides `d_model`.
    dim_feedforward : int
        Width of the inner layer.
    dropout : float
        Probability with which numbers are dropped in training.
    activation : {"relu", "gelu"} or callable
        Between the two layers of the network.
    layer_norm_eps : float
        The eps of the layer normalizations.
    batch_first : bool
        Inputs are (N, L, d_model) instead of (L, N, d_model).
    norm_first : bool
        Normalize in front of each part instead of behind it.
    bias : bool
        Whether to add a learned bias.

    Shapes
    ------
    (L, N, d_model), or (N, L, d_model) with ``batch_first``, to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)(wb.ones(2, 5, 8)).shape
    (2, 5, 8)
    """

    attentions = ("self_attn",)

    def forward(self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool = False) -> Tensor:
        """Encode `src`; `src_mask` says which places may not be looked at."""
        x = self._add(1, src, lambda x: _look(self.self_attn, x, x, src_mask, src_key_padding_mask, is_causal))
        return self._add(2, x, self._transform)


class TransformerDecoderLayer(_Block):
    """Self-attention, attention to an encoder's output, and a two-layer network, each with a residual and a norm.

    ``x = norm1(x + attention(x)); x = norm2(x + attention(x, memory)); x = norm3(x + linear2(activation(linear1(x))))``,
    or with ``norm_first`` the norms in front of each part (Vaswani et al. 2017; Xiong et al. 2020).

    Parameters
    ----------
    d_model : int
        Features of input and output.
    nhead : int
        How many attentions side by side; divides `d_model`.
    dim_feedforward : int
        Width of the inner layer.
    dropout : float
        Probability with which numbers are dropped in training.
    activation : {"relu", "gelu"} or callable
        Between the two layers of the network.
    layer_norm_eps : float
        The eps of the layer normalizations.
    batch_first : bool
        Inputs are (N, L, d_model) instead of (L, N, d_model).
    norm_first : bool
        Normalize in front of each part instead of behind it.
    bias : bool
        Whether to add a learned bias.

    Shapes
    ------
    ``tgt`` (T, N, d_model) and ``memory`` (S, N, d_model), or (N, ..., d_model) with ``batch_first``; output like ``tgt``.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> layer(wb.ones(2, 3, 8), wb.ones(2, 5, 8), tgt_is_causal=True).shape
    (2, 3, 8)
    """

    attentions = ("self_attn", "multihead_attn")

    def forward(self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
                tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
                tgt_is_causal: bool = False, memory_is_causal: bool = False) -> Tensor:
        """Decode `tgt`, looking at `memory`; masks say which places may not be looked at."""
        x = self._add(1, tgt, lambda x: _look(self.self_attn, x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal))
        x = self._add(2, x, lambda x: _look(self.multihead_attn, x, memory, memory_mask, memory_key_padding_mask,
                                            memory_is_causal))
        return self._add(3, x, self._transform)


class TransformerEncoder(Module):
    """``x = layer_i(x)`` for every i, then ``norm(x)``: copies of an encoder layer, one after another (Vaswani et al.
    2017).

    `enable_nested_tensor` and `mask_check` choose a fast path of PyTorch's; they are accepted so that code carries over.

    Parameters
    ----------
    encoder_layer : Module
        What is copied; each copy has weights of its own.
    num_layers : int
        How many copies.
    norm : Module, optional
        Applied at the end.
    enable_nested_tensor, mask_check : bool
        Accepted so that code carries over.

    Shapes
    ------
    (L, N, d_model), or with N first as the layer has it, to the same shape.

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
        whole("TransformerEncoder", num_layers=num_layers)
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm

    def forward(self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool | None = None) -> Tensor:
        """Encode `src` layer by layer; with `is_causal` and no `mask`, a place sees only those before it and itself."""
        x = src
        for layer in self.layers:
            x = layer(x, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """``x = layer_i(x, memory)`` for every i, then ``norm(x)``: copies of a decoder layer that all look at the same memory
    (Vaswani et al. 2017).

    Parameters
    ----------
    decoder_layer : Module
        What is copied; each copy has weights of its own.
    num_layers : int
        How many copies.
    norm : Module, optional
        Applied at the end.

    Shapes
    ------
    ``tgt`` (T, N, d_model) and ``memory`` (S, N, d_model), or with N first as the layer has it; output like ``tgt``.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> wb.nn.TransformerDecoder(layer, 2)(wb.ones(2, 3, 8), wb.ones(2, 5, 8)).shape
    (2, 3, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        whole("TransformerDecoder", num_layers=num_layers)
        self.layers = ModuleList([copy.deepcopy(decoder_layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm

    def forward(self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
                tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
                tgt_is_causal: bool | None = None, memory_is_causal: bool = False) -> Tensor:
        """Decode `tgt` layer by layer; with `tgt_is_causal` and no mask, a place sees only those before it and itself."""
        x = tgt
        for layer in self.layers:
            x = layer(x, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                      memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=bool(tgt_is_causal),
                      memory_is_causal=memory_is_causal)
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder and a decoder that looks at its output (Vaswani et al. 2017), each closed by a layer normalization.

    ``decoder(tgt, encoder(src))``.

    Parameters
    ----------
    d_model : int
        Features of input and output.
    nhead : int
        How many attentions side by side; divides `d_model`.
    num_encoder_layers : int
        Layers of the encoder.
    num_decoder_layers : int
        Layers of the decoder.
    dim_feedforward : int
        Width of the inner layers.
    dropout : float
        Probability with which numbers are dropped in training.
    activation : {"relu", "gelu"} or callable
        Between the two layers of the network.
    custom_encoder, custom_decoder : Module, optional
        Taken instead of those described here.
    layer_norm_eps : float
        The eps of the layer normalizations.
    batch_first : bool
        Inputs are (N, L, d_model) instead of (L, N, d_model).
    norm_first : bool
        Normalize in front of each part instead of behind it.
    bias : bool
        Whether to add a learned bias.

    Shapes
    ------
    ``src`` (S, N, d_model) and ``tgt`` (T, N, d_model), or (N, ..., d_model) with ``batch_first``; output like ``tgt``.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> model(wb.ones(2, 5, 8), wb.ones(2, 3, 8), tgt_is_causal=True).shape
    (2, 3, 8)
    """

    def __init__(self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
                 dim_feedforward: int = 2048, dropout: float = 0.1, activation: str | Callable[[Tensor], Tensor] = F.relu,
                 custom_encoder: Module | None = None, custom_decoder: Module | None = None, layer_norm_eps: float = 1e-5,
                 batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: str | None = None,
                 dtype: Any = None) -> None:
        super().__init__()
        settings = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias,
                    device, dtype)
        norm = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.encoder = custom_encoder or TransformerEncoder(TransformerEncoderLayer(*settings), num_encoder_layers, norm)
        self.decoder = custom_decoder or TransformerDecoder(TransformerDecoderLayer(*settings), num_decoder_layers,
                                                            copy.deepcopy(norm))
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None,
                memory_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
                src_is_causal: bool | None = None, tgt_is_causal: bool | None = None,
                memory_is_causal: bool = False) -> Tensor:
        """Decode `tgt` in the light of `src`; masks say which places may not be looked at."""
        batch = 0 if self.batch_first else 1
        alike = src.ndim == tgt.ndim and (src.ndim == 2 or src.shape[batch] == tgt.shape[batch])
        if not alike or {src.shape[-1], tgt.shape[-1]} != {self.d_model}:
            raise ShapeError(f"Transformer: src {tuple(src.shape)} and tgt {tuple(tgt.shape)}; expected the same number of "
                             f"samples (axis {batch}) and a last axis of d_model={self.d_model}")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
                            tgt_key_padding_mask=tgt_key_padding_mask, memory_key_padding_mask=memory_key_padding_mask,
                            tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: str | None = None, dtype: Any = None) -> Tensor:
        """A mask (sz, sz) to add to scores: minus infinity where a place would see a later one, else 0.

        Examples
        --------
        >>> import workbench as wb
        >>> wb.nn.Transformer.generate_square_subsequent_mask(2).tolist()
        [[0.0, -inf], [0.0, 0.0]]
        """
        return ops.triu(ops.full((sz, sz), -math.inf, device=device, dtype=dtype), 1)

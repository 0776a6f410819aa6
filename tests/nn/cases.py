"""The table of layers and losses: one row is a class, how it is made, and what it is called with.

PyTorch is the judge of every row. A public layer or loss class without a row fails `test_every_class_has_a_row`.
A tuple stands for an input of standard normal numbers of that shape, `Whole` for integers, `Spread` for numbers of
another kind; a plain array is passed as it is.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Whole:
    """Integers from 0 up to, not including, `high`."""

    high: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Spread:
    """Numbers made by a function of a generator and the shape; no gradient is asked for `constant` ones."""

    shape: tuple[int, ...]
    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    constant: bool = False


@dataclass(frozen=True)
class Inner:
    """A module given to another one, made anew for each."""

    name: str
    args: tuple = ()

    def __str__(self) -> str:
        return f"{self.name}{self.args}"


@dataclass(frozen=True)
class Case:
    """One way to make and call a class."""

    name: str
    args: tuple = ()
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: tuple = ((4, 3),)
    call: dict[str, Any] = field(default_factory=dict)
    random: bool = False  # its forward draws numbers in training: compared in evaluation only
    label: str = ""
    tolerance: float = 1e-10

    def __str__(self) -> str:
        made = [str(a) for a in self.args] + [f"{k}={np.shape(v) if isinstance(v, np.ndarray) else v}"
                                              for k, v in self.settings.items()]
        return f"{self.name}({', '.join(made)}){self.label}"


def case(name: str, *args: Any, on: Any = ((4, 3),), call: dict[str, Any] | None = None, random: bool = False,
         label: str = "", tolerance: float = 1e-10, **settings: Any) -> Case:
    """A row; `on` lists the inputs."""
    return Case(name, args, settings, tuple(on), call or {}, random, label, tolerance)


# Activations --------------------------------------------------------------------------------------------------------------
_PLAIN = ("ReLU", "ReLU6", "LeakyReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish", "Softplus", "Softsign",
          "Sigmoid", "LogSigmoid", "Tanh", "Tanhshrink", "Hardtanh", "Hardsigmoid", "Hardswish", "Softshrink",
          "Hardshrink")
_ROUNDED = {"Hardsigmoid": 1e-7}  # PyTorch keeps 1/6, and 1/alpha of CELU, in float32
_WIDE = Spread((5, 7), lambda rng, shape: rng.normal(size=shape) * 8)  # reaches every branch of the piecewise ones
_EDGES = Spread((9,), lambda rng, shape: np.array([-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0]))

ACTIVATIONS = [
    *[case(name, on=[_WIDE], tolerance=_ROUNDED.get(name, 1e-10)) for name in _PLAIN],
    *[case(name, on=[_EDGES], tolerance=_ROUNDED.get(name, 1e-10), label="-edges") for name in _PLAIN],
    case("LeakyReLU", 0.3), case("ELU", 0.7), case("CELU", 0.7, tolerance=1e-7), case("GELU", approximate="tanh"),
    case("Softplus", 2.0, 3.0, on=[_WIDE]), case("Hardtanh", -2.0, 0.5, on=[_WIDE]), case("Softshrink", 1.0),
    case("Hardshrink", 1.0), case("Threshold", 0.1, 20.0),
    case("RReLU", random=True, on=[_WIDE]), case("RReLU", 0.2, 0.4, random=True),
    *[case(name, dim, on=[(2, 4, 6)]) for name in ("Softmax", "LogSoftmax", "Softmin") for dim in (0, 1, -1)],
    case("Softmax2d", on=[(2, 3, 4, 5)]), case("Softmax2d", on=[(3, 4, 5)]),
    case("GLU", on=[(3, 8)]), case("GLU", 1, on=[(2, 6, 3)]),
    case("PReLU"), case("PReLU", 3), case("PReLU", 3, 0.1, on=[(2, 3, 4, 5)]),
]

# Linear, reshaping, embedding ----------------------------------------------------------------------------------------------
LINEAR = [
    case("Linear", 3, 5), case("Linear", 3, 5, False), case("Linear", 3, 5, on=[(3,)]),
    case("Linear", 3, 1, on=[(2, 4, 3)]),
    case("Bilinear", 3, 4, 5, on=[(2, 3), (2, 4)]), case("Bilinear", 3, 4, 5, False, on=[(2, 6, 3), (2, 6, 4)]),
    case("Identity"), case("Identity", 54, unused=True),
    case("Flatten", on=[(2, 3, 4)]), case("Flatten", 0, 1, on=[(2, 3, 4)]), case("Flatten", 1, 2, on=[(2, 3, 4, 5)]),
    case("Unflatten", 1, (2, 3), on=[(4, 6)]), case("Unflatten", -1, (3, -1), on=[(4, 6)]),
    case("Embedding", 7, 4, on=[Whole(7, (3, 5))]), case("Embedding", 7, 4, on=[Whole(7, ())], label="-scalar"),
    case("Embedding", 7, 4, 2, on=[Whole(7, (3, 5))]), case("Embedding", 7, 4, -1, on=[Whole(7, (30,))]),
    case("Embedding", 7, 4, scale_grad_by_freq=True, on=[Whole(7, (3, 5))]),
    case("Embedding", 7, 4, max_norm=0.5, on=[Whole(7, (4,))]),
    case("Embedding", 7, 4, max_norm=1.5, norm_type=1.0, on=[Whole(7, (4,))]),
    *[case("EmbeddingBag", 7, 4, mode=mode, on=[Whole(7, (3, 5))], **more) for mode in ("sum", "mean", "max")
      for more in ({}, {"padding_idx": 2}, {"max_norm": 1.0, "norm_type": 1.5})],
    *[case("EmbeddingBag", 7, 4, mode=mode, on=[Whole(7, (9,)), np.array([0, 2, 2, 6])], **more) for mode in ("sum", "mean", "max")
      for more in ({}, {"include_last_offset": True, "padding_idx": -1})],
    case("EmbeddingBag", 7, 4, mode="sum", on=[Whole(7, (3, 5))], call={"per_sample_weights": np.linspace(-1, 1, 15).reshape(3, 5)}),
    *[case("AdaptiveLogSoftmaxWithLoss", 8, 20, [4, 10], on=[(6, 8), labels], **more) for more in ({}, {"div_value": 2.0, "head_bias": True})
      for labels in (np.array([0, 3, 4, 9, 10, 19]), np.array([1, 1, 2, 0, 3, 2]), np.array([11, 12, 19, 10, 15, 11]))],
    case("AdaptiveLogSoftmaxWithLoss", 8, 20, [1], on=[(8,), np.array(7)]),
]

# Convolution, pooling ------------------------------------------------------------------------------------------------------
CONVOLUTION = [
    case("Conv1d", 2, 4, 3, on=[(2, 2, 8)]), case("Conv1d", 2, 4, 3, on=[(2, 8)], label="-single"),
    case("Conv1d", 2, 4, 3, 2, 1, 2, on=[(2, 2, 9)]), case("Conv1d", 4, 8, 3, groups=2, bias=False, on=[(2, 4, 8)]),
    case("Conv1d", 2, 4, 4, padding="same", on=[(2, 2, 8)]), case("Conv1d", 2, 4, 3, padding="valid", on=[(2, 2, 8)]),
    case("Conv2d", 2, 4, 3, on=[(2, 2, 6, 7)]), case("Conv2d", 2, 4, (3, 1), on=[(2, 6, 7)], label="-single"),
    case("Conv2d", 2, 4, 3, 2, 1, on=[(2, 2, 7, 6)]),
    case("Conv2d", 2, 4, 3, (2, 1), (0, 2), (1, 2), on=[(2, 2, 7, 8)]),
    case("Conv2d", 4, 4, 3, groups=4, on=[(2, 4, 5, 5)]),
    case("Conv2d", 4, 6, 3, groups=2, bias=False, on=[(2, 4, 5, 5)]),
    case("Conv2d", 2, 4, 1, on=[(2, 2, 5, 5)]), case("Conv2d", 2, 4, (2, 4), padding="same", on=[(2, 2, 5, 6)]),
    case("Conv2d", 2, 4, 3, padding="same", dilation=2, on=[(2, 2, 7, 6)]),
    case("Conv2d", 2, 4, 3, padding="valid", on=[(2, 2, 5, 6)]),
    *[case("Conv2d", 2, 4, 3, padding=(1, 2), padding_mode=mode, on=[(2, 2, 5, 6)])
      for mode in ("reflect", "replicate", "circular")],
    *[case("Conv2d", 2, 4, (2, 3), padding="same", padding_mode=mode, on=[(2, 2, 5, 6)])
      for mode in ("reflect", "replicate", "circular")],
    *[case("Conv1d", 2, 4, 3, padding=2, padding_mode=mode, on=[(2, 2, 5)])
      for mode in ("reflect", "replicate", "circular")],
]

POOLING = [
    case("MaxPool1d", 2, on=[(2, 3, 8)]), case("MaxPool1d", 3, 2, 1, 2, on=[(2, 3, 9)]),
    case("MaxPool1d", 3, 2, ceil_mode=True, on=[(3, 8)]),
    case("MaxPool2d", 2, on=[(2, 3, 6, 7)]), case("MaxPool2d", 3, 2, 1, on=[(2, 3, 7, 8)]),
    case("MaxPool2d", (3, 2), on=[(3, 6, 6)]),
    case("MaxPool2d", 2, 1, 1, 2, on=[(2, 3, 6, 7)]), case("MaxPool2d", 3, 2, ceil_mode=True, on=[(2, 3, 6, 8)]),
    case("MaxPool2d", 2, on=[Spread((1, 1, 4, 4), lambda rng, shape: np.ones(shape))], label="-ties"),
    case("AvgPool1d", 2, on=[(2, 3, 8)]), case("AvgPool1d", 3, 2, 1, on=[(2, 3, 9)]),
    case("AvgPool1d", 3, 2, 1, True, False, on=[(2, 3, 8)]), case("AvgPool1d", 2, on=[(3, 8)]),
    case("AvgPool2d", 2, on=[(2, 3, 6, 7)]), case("AvgPool2d", 3, 2, 1, on=[(2, 3, 7, 8)]),
    case("AvgPool2d", 3, 2, 1, ceil_mode=True, on=[(2, 3, 6, 8)]),
    case("AvgPool2d", 3, 2, 1, count_include_pad=False, on=[(2, 3, 7, 8)]),
    case("AvgPool2d", 3, 2, 1, True, False, on=[(2, 3, 6, 8)]),
    case("AvgPool2d", (2, 3), divisor_override=5, on=[(3, 6, 6)]),
    case("AdaptiveAvgPool1d", 3, on=[(2, 3, 8)]), case("AdaptiveAvgPool1d", 5, on=[(3, 7)]),
    case("AdaptiveAvgPool2d", 1, on=[(2, 3, 6, 7)]), case("AdaptiveAvgPool2d", (3, 5), on=[(2, 3, 7, 8)]),
    case("AdaptiveAvgPool2d", (None, 2), on=[(3, 5, 7)]),
]

# Normalization, dropout ----------------------------------------------------------------------------------------------------
NORMALIZATION = [
    case("BatchNorm1d", 3, on=[(5, 3)]), case("BatchNorm1d", 3, on=[(2, 3, 4)]),
    case("BatchNorm1d", 3, momentum=None, on=[(5, 3)]),
    case("BatchNorm1d", 3, 1e-3, 0.3, False, on=[(5, 3)]),
    case("BatchNorm1d", 3, track_running_stats=False, on=[(5, 3)]),
    case("BatchNorm2d", 3, on=[(2, 3, 4, 5)]), case("BatchNorm2d", 3, affine=False, momentum=None, on=[(2, 3, 4, 5)]),
    case("BatchNorm2d", 3, bias=False, on=[(2, 3, 4, 5)]),
    case("LayerNorm", 3), case("LayerNorm", (4, 3), 1e-3, on=[(2, 4, 3)]),
    case("LayerNorm", 3, elementwise_affine=False),
    case("LayerNorm", 3, bias=False, on=[(2, 5, 3)]),
    case("GroupNorm", 2, 4, on=[(3, 4, 5)]), case("GroupNorm", 4, 4, on=[(3, 4, 2, 3)]),
    case("GroupNorm", 1, 4, affine=False, on=[(3, 4)]),
    case("GroupNorm", 2, 4, bias=False, on=[(3, 4, 5)]),
    case("RMSNorm", 3), case("RMSNorm", (4, 3), 1e-3, on=[(2, 4, 3)]), case("RMSNorm", 3, elementwise_affine=False),
]

DROPOUT = [
    case("Dropout", 0.4, random=True), case("Dropout", 0.0, True), case("Dropout", 1.0),
    case("AlphaDropout", 0.4, random=True),
    case("AlphaDropout", 1.0), case("Dropout1d", 0.4, random=True, on=[(2, 3, 4)]), case("Dropout1d", 0.0, on=[(3, 4)]),
    case("Dropout2d", 0.4, random=True, on=[(2, 3, 4, 5)]), case("Dropout2d", 1.0, on=[(2, 3, 4, 5)]),
]

# Attention -----------------------------------------------------------------------------------------------------------------
_HIDDEN = np.triu(np.ones((4, 4), dtype=bool), 1)
_SCORES = np.linspace(-1, 1, 20).reshape(4, 5)
_PADDED = np.array([[False, False, False, True], [False, False, True, True], [False, False, False, False]])
_UNSEEN = np.array([[False] * 5, [False, False, False, True, True], [False, True, False, True, False]])
_NOTHING = np.array([[False, False, False, True], [True] * 4, [False] * 4])  # the second sample has no key to look at
_FLOATING = np.triu(np.full((5, 5), -np.inf), 1)
_DECODING = {"tgt_mask": _HIDDEN, "tgt_key_padding_mask": _PADDED, "memory_mask": _SCORES > 0.7, "memory_key_padding_mask": _UNSEEN}
_LAYER_OPTIONS = ({}, {"activation": "gelu"}, {"activation": "silu"}, {"norm_first": True}, {"bias": False},
                  {"layer_norm_eps": 1e-2, "batch_first": True})
_SELF = ["same", (4, 3, 8)]  # "same": one tensor is query, key and value
_CROSS = [(4, 3, 8), (5, 3, 8), (5, 3, 8)]

ATTENTION = [
    case("MultiheadAttention", 8, 2, on=_SELF), case("MultiheadAttention", 8, 2, on=_CROSS),
    case("MultiheadAttention", 8, 4, bias=False, on=_CROSS),
    case("MultiheadAttention", 8, 2, on=["same", (4, 8)], label="-single"),
    case("MultiheadAttention", 8, 2, 0.3, on=_SELF, random=True),
    case("MultiheadAttention", 8, 2, batch_first=True, on=[(3, 4, 8), (3, 5, 8), (3, 5, 8)]),
    case("MultiheadAttention", 8, 2, kdim=6, vdim=7, on=[(4, 3, 8), (5, 3, 6), (5, 3, 7)]),
    case("MultiheadAttention", 8, 2, 0.5, True, add_bias_kv=True, on=_CROSS, random=True),
    case("MultiheadAttention", 8, 2, add_bias_kv=True, add_zero_attn=True, on=_CROSS, call={"attn_mask": _SCORES}),
    case("MultiheadAttention", 8, 2, add_zero_attn=True, on=_CROSS),
    case("MultiheadAttention", 8, 2, add_bias_kv=True, add_zero_attn=True, on=_SELF, call={"attn_mask": _HIDDEN, "key_padding_mask": _PADDED}),
    case("MultiheadAttention", 8, 2, add_zero_attn=True, on=_CROSS, call={"key_padding_mask": _UNSEEN, "need_weights": False}),
    case("MultiheadAttention", 8, 2, on=_CROSS, call={"attn_mask": _SCORES}, label="-scores"),
    case("MultiheadAttention", 8, 2, on=_SELF, call={"attn_mask": _HIDDEN, "key_padding_mask": _PADDED},
         label="-both-masks"),
    case("MultiheadAttention", 8, 2, on=_SELF,
         call={"attn_mask": np.stack([_HIDDEN] * 6), "average_attn_weights": False}, label="-per-head"),
    case("MultiheadAttention", 8, 2, on=_SELF, call={"need_weights": False, "key_padding_mask": _PADDED},
         label="-no-weights"),
    case("MultiheadAttention", 8, 2, on=_SELF, call={"need_weights": False, "attn_mask": _HIDDEN, "is_causal": True},
         label="-causal"),
    case("MultiheadAttention", 8, 2, on=_CROSS, call={"need_weights": False, "attn_mask": _SCORES, "average_attn_weights": False},
         label="-scores-no-weights"),
    case("MultiheadAttention", 8, 2, on=["same", (4, 8)], call={"key_padding_mask": _PADDED[0]}, label="-single-padding"),
    case("MultiheadAttention", 8, 2, batch_first=True, on=["same", (3, 4, 8)], label="-same",
         call={"attn_mask": np.stack([_SCORES[:, :4]] * 6), "key_padding_mask": np.where(_PADDED, -2.0, 0.5), "need_weights": False}),
    case("MultiheadAttention", 8, 2, kdim=6, bias=False, add_bias_kv=True, batch_first=True, on=[(3, 4, 8), (3, 5, 6), (3, 5, 8)], random=True),
    case("MultiheadAttention", 8, 2, on=_SELF, call={"need_weights": False, "key_padding_mask": _NOTHING}, label="-nothing-to-see"),
    *[case("TransformerEncoderLayer", 8, 2, 16, 0.0, on=[(4, 3, 8)], **options) for options in _LAYER_OPTIONS],
    *[case("TransformerDecoderLayer", 8, 2, 16, 0.0, on=[(4, 3, 8), (5, 3, 8)], **options) for options in _LAYER_OPTIONS[:-1]],
    case("TransformerDecoderLayer", 8, 2, 16, 0.0, batch_first=True, on=[(3, 4, 8), (3, 5, 8)]),
    *[case("TransformerDecoderLayer", 8, 2, 16, 0.0, norm_first=first, on=[(4, 3, 8), (5, 3, 8)], call=_DECODING, label="-masks")
      for first in (False, True)],
    case("TransformerDecoderLayer", 8, 2, 16, 0.0, on=[(4, 8), (5, 8)], label="-single"),
    case("TransformerDecoderLayer", 8, 2, 16, 0.2, on=[(4, 3, 8), (5, 3, 8)], random=True),
    case("TransformerDecoder", "decoder layer", 2, on=[(4, 3, 8), (5, 3, 8)], call={"tgt_mask": _HIDDEN, "tgt_is_causal": True}),
    case("TransformerDecoder", "decoder layer", 3, "norm", on=[(4, 3, 8), (5, 3, 8)], call=_DECODING),
    *[case("Transformer", 8, 2, 1, 2, 16, 0.0, on=[(5, 3, 8), (4, 3, 8)], **options) for options in _LAYER_OPTIONS[:-1]],
    case("Transformer", 8, 2, 1, 1, 16, 0.0, batch_first=True, on=[(3, 5, 8), (3, 4, 8)],
         call={"src_mask": _FLOATING, "src_is_causal": True, "src_key_padding_mask": np.where(_UNSEEN, -np.inf, 0.0), "tgt_mask": _HIDDEN,
               "tgt_is_causal": True, "tgt_key_padding_mask": _PADDED, "memory_mask": _SCORES}, label="-masks"),
    case("TransformerEncoderLayer", 8, 2, 16, 0.0, on=[(4, 3, 8)],
         call={"src_mask": _HIDDEN, "src_key_padding_mask": _PADDED}, label="-masks"),
    case("TransformerEncoderLayer", 8, 2, 16, 0.2, on=[(4, 3, 8)], random=True),
    case("TransformerEncoder", "layer", 2, on=[(4, 3, 8)]),
    case("TransformerEncoder", "layer", 3, norm="norm", on=[(4, 3, 8)], call={"mask": _HIDDEN}),
]

# The rest of PyTorch's layers ----------------------------------------------------------------------------------------------
_X = {1: (2, 4, 9), 2: (2, 4, 6, 7), 3: (2, 4, 4, 5, 6)}
_SINGLE = {n: shape[1:] for n, shape in _X.items()}
MORE = [
    case("Conv3d", 4, 6, 3, on=[_X[3]]), case("Conv3d", 4, 6, (1, 2, 3), (1, 2, 1), (0, 1, 2), (1, 2, 1), 2, False, on=[_X[3]]),
    case("Conv3d", 4, 6, 3, padding="same", padding_mode="replicate", on=[_SINGLE[3]]),
    *[case(f"ConvTranspose{n}d", 4, 6, 3, on=[_X[n]]) for n in (1, 2, 3)],
    *[case(f"ConvTranspose{n}d", 4, 6, 3, 2, 1, 1, 2, False, 2, on=[_X[n]]) for n in (1, 2, 3)],
    case("ConvTranspose2d", 4, 6, 3, 2, on=[_X[2]], call={"output_size": [14, 16]}), case("ConvTranspose1d", 4, 2, 4, 3, on=[_SINGLE[1]]),
    *[case(f"MaxPool{n}d", 2, return_indices=True, on=[_X[n]]) for n in (1, 2)], case("MaxPool3d", 3, 2, 1, ceil_mode=True, on=[_X[3]]),
    case("MaxPool3d", 2, return_indices=True, on=[_X[3]]),
    case("AvgPool3d", 2, on=[_X[3]]), case("AvgPool3d", (2, 3, 2), 2, 1, True, False, 5, on=[_SINGLE[3]]), case("AdaptiveAvgPool3d", (2, None, 3), on=[_X[3]]),
    *[case(f"AdaptiveMaxPool{n}d", 2, on=[_X[n]]) for n in (1, 2, 3)], case("AdaptiveMaxPool2d", (2, 3), return_indices=True, on=[_X[2]]),
    *[case(f"LPPool{n}d", 2, 2, on=[Spread(_X[n], lambda rng, shape: rng.uniform(0.2, 2, shape))]) for n in (1, 2, 3)],
    *[case(f"{kind}Pad{n}d", 2, on=[_X[n]]) for kind in ("Zero", "Reflection", "Replication", "Circular") for n in (1, 2, 3)],
    *[case(f"ConstantPad{n}d", 1, 0.5, on=[_X[n]]) for n in (1, 2, 3)], case("ReflectionPad2d", (1, 0, 2, 1), on=[_SINGLE[2]]),
    case("Upsample", scale_factor=2, on=[_X[2]]), case("Upsample", (5, 9), mode="bicubic", align_corners=True, on=[_X[2]]),
    case("Upsample", scale_factor=1.5, mode="trilinear", on=[_X[3]]), case("UpsamplingNearest2d", 9, on=[_X[2]]),
    case("UpsamplingBilinear2d", scale_factor=2, on=[_X[2]]), case("PixelShuffle", 2, on=[_X[2]]), case("PixelUnshuffle", 2, on=[(2, 3, 4, 6)]),
    case("ChannelShuffle", 2, on=[_X[2]]), case("Unfold", 2, on=[_X[2]]), case("Unfold", (2, 3), 2, 1, (1, 2), on=[_X[2]]),
    case("Fold", (4, 5), 2, on=[(2, 12, 12)]), case("Fold", (5, 6), (2, 3), 1, 1, 2, on=[(2, 6, 9)]),
    case("CosineSimilarity", on=[(4, 3), (4, 3)]), case("CosineSimilarity", 0, 0.1, on=[(4, 3), (4, 3)]), case("PairwiseDistance", on=[(4, 3), (4, 3)]),
    case("PairwiseDistance", 1.0, 1e-3, True, on=[(4, 3), (4, 3)]), case("LocalResponseNorm", 3, on=[_X[2]]),
    case("LocalResponseNorm", 2, 0.1, 0.5, 2.0, on=[_X[1]]),
    # A batch of nothing, which PyTorch takes too
    *[case(f"AdaptiveMaxPool{n}d", 2, return_indices=True, on=[(0, *_X[n][1:])]) for n in (1, 2, 3)],
    *[case(f"MaxPool{n}d", 2, return_indices=True, on=[(0, *_X[n][1:])]) for n in (1, 2, 3)],
    case("Fold", (4, 5), 2, on=[(0, 12, 12)]), case("Unfold", 2, on=[(0, 3, 4, 5)]), case("GroupNorm", 2, 4, on=[(0, 4, 3)]), case("GLU", 1, on=[(2, 0, 3)]),
    case("BatchNorm1d", 3, on=[(0, 3)]), *[case(name, dim, on=[(2, 0, 3)]) for name in ("Softmax", "LogSoftmax", "Softmin") for dim in (0, 1)],
    case("EmbeddingBag", 7, 4, mode="max", on=[Whole(7, (0,)), np.array([0, 0])]),
    *[case("CosineSimilarity", dim, on=[(4, 3, 2), (1, 2)]) for dim in (0, 1, -1)], case("CosineSimilarity", 0, on=[(4, 3), (3,)]),
    case("InstanceNorm1d", 3, momentum=None, track_running_stats=True, on=[(2, 3, 4)]),
    *[case("Upsample", scale_factor=(1.3, 1.1, 0.6), mode="trilinear", align_corners=corners, on=[(1, 2, 2, 5, 6)]) for corners in (False, True)],
    case("Upsample", scale_factor=(1.1, 1.9), mode="bilinear", on=[(1, 2, 4, 3)]),
    *[case(f"MaxUnpool{n}d", 2, on=[(1, 2, *[2] * n), np.stack([np.random.default_rng(c).permutation(4**n)[:2**n].reshape([2] * n) for c in (0, 1)])[None]])
      for n in (1, 2, 3)], case("MaxUnpool2d", 3, 2, 1, on=[(2, 2, 3), np.arange(12).reshape(2, 2, 3) % 9], call={"output_size": (3, 5)}),
    *[case(f"FractionalMaxPool{n}d", 2, on=[(2, 3, *[6] * n)], _random_samples=np.random.default_rng(0).random((2, 3, n)), **size) for n in (2, 3)
      for size in ({"output_size": 3}, {"output_ratio": 0.7, "return_indices": True})],
    case("BatchNorm3d", 4, on=[_X[3]]), case("BatchNorm3d", 4, affine=False, track_running_stats=False, on=[_X[3]]),
    *[case(f"InstanceNorm{n}d", 4, on=[_X[n]]) for n in (1, 2, 3)],
    *[case(f"InstanceNorm{n}d", 4, affine=True, track_running_stats=True, on=[_X[n]]) for n in (1, 2, 3)], case("InstanceNorm2d", 4, on=[_SINGLE[2]]),
    case("Dropout3d", 0.4, random=True, on=[_X[3]]), case("FeatureAlphaDropout", 0.4, random=True, on=[_X[2]]),
]
# Combinations of options, for the comparison with PyTorch only -------------------------------------------------------------
_ANY = {n: Spread(_X[n], lambda rng, shape: rng.uniform(0.2, 2, shape)) for n in (1, 2, 3)}
COMBINED = [
    *[case(f"Conv{n}d", 4, 6, 2, padding="same", dilation=dilation, padding_mode=mode, on=[_X[n]]) for n in (1, 2) for dilation in (1, 2)
      for mode in ("zeros", "reflect", "replicate", "circular")],
    *[case(f"Conv{n}d", 4, 4, 3, 2, 1, 2, groups, groups == 1, mode, on=[_X[n]]) for n in (1, 2) for groups in (1, 2, 4) for mode in ("zeros", "circular")],
    *[case("Conv3d", 4, 4, 2, 1, 1, 1, 2, True, mode, on=[_X[3]]) for mode in ("reflect", "circular")],
    *[case(f"ConvTranspose{n}d", 4, 4, 3, stride, 1, extra, groups, groups > 1, dilation, on=[_X[n]]) for n in (1, 2, 3)
      for stride, extra, groups, dilation in ((1, 0, 4, 1), (2, 1, 1, 1), (3, 2, 2, 1), (2, 0, 2, 2), (1, 1, 1, 2), (1, 2, 2, 3))],
    *[case(f"MaxPool{n}d", 3, stride, 1, dilation, ceil_mode=ceil, on=[_X[n]]) for n in (1, 2, 3) for stride, dilation in ((None, 1), (2, 1), (2, 2))
      for ceil in (False, True) if n < 3 or dilation == 1],
    *[case(f"AvgPool{n}d", 3, stride, 1, ceil, counted, on=[_X[n]]) for n in (1, 2, 3) for stride in (None, 2) for ceil in (False, True)
      for counted in (False, True)],
    *[case(f"LPPool{n}d", p, 2, stride, ceil, on=[_ANY[n]]) for n in (1, 2, 3) for p in (1, 3) for stride, ceil in ((None, True), (1, False), (3, True))],
    *[case(f"AdaptiveMaxPool{n}d", 3, return_indices=True, on=[_SINGLE[n]]) for n in (1, 2, 3)],
    *[case("Upsample", size, factor, mode, corners, on=[_X[n]]) for n, mode, corners in (
        (1, "nearest", None), (1, "linear", True), (1, "linear", False), (2, "bilinear", False), (2, "bilinear", True), (2, "bicubic", False),
        (2, "nearest-exact", None), (3, "trilinear", True), (3, "nearest", None)) for size, factor in ((5, None), (None, 1.7))],
    *[case(f"{kind}Pad{n}d", tuple(range(2 * n)), on=[_SINGLE[n]]) for kind in ("Zero", "Replication") for n in (1, 2, 3)],
    *[case(f"{kind}Pad{n}d", (2, 1) * n, on=[_SINGLE[n]]) for kind in ("Reflection", "Circular") for n in (1, 2, 3)],
    *[case(f"BatchNorm{n}d", 4, affine=affine, track_running_stats=tracked, momentum=momentum, on=[_X[n]]) for n in (1, 2, 3) for affine in (False, True)
      for tracked in (False, True) for momentum in (0.3, None)],
    *[case(f"InstanceNorm{n}d", 4, 1e-3, 0.3, affine, tracked, on=[shape]) for n in (1, 2, 3) for affine in (False, True) for tracked in (False, True)
      for shape in (_X[n], _SINGLE[n])],
    *[case("GroupNorm", groups, 4, 1e-2, affine, on=[_X[2]]) for groups in (1, 2, 4) for affine in (False, True)],
    *[case("LayerNorm", shape, 1e-2, affine, bias, on=[(3, 4, 5)]) for shape in (5, (4, 5), (3, 4, 5))
      for affine, bias in ((False, True), (True, False), (True, True))],
    *[case("Fold", (6, 5), (2, 3), dilation, padding, stride, on=[(2, 12, places)]) for dilation, padding, stride, places in (
        (1, 0, 1, 15), (1, 0, (2, 1), 9), (2, 1, 1, 18), (1, (1, 0), 2, 8))],
]
LAYERS = ACTIVATIONS + LINEAR + CONVOLUTION + POOLING + NORMALIZATION + DROPOUT + ATTENTION + MORE

# Losses --------------------------------------------------------------------------------------------------------------------
_CLASSES = [(6, 4), Whole(4, (6,))]
_IMAGES = [(2, 4, 3, 2), Whole(4, (2, 3, 2))]
_WEIGHT = np.array([0.5, 1.0, 2.0, 0.1])
_PROBABILITY = Spread((6, 4), lambda rng, shape: rng.uniform(0.05, 0.95, shape))
_SIGNS = Spread((6,), lambda rng, shape: np.where(rng.random(shape) < 0.5, 1.0, -1.0), constant=True)
_SIGN_MATRIX = Spread((6, 4), lambda rng, shape: np.where(rng.random(shape) < 0.5, 1.0, -1.0), constant=True)
_COUNTS = Spread((6, 4), lambda rng, shape: rng.integers(0, 5, shape).astype(float), constant=True)
_CERTAIN = Spread((6,), lambda rng, shape: np.array([0.0, 0.0, 1.0, 1.0, 1e-13, 1e-8]))
_CERTAIN_TARGET = Spread((6,), lambda rng, shape: np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0]), constant=True)
_POSITIVE = Spread((6, 4), lambda rng, shape: rng.uniform(0.5, 3, shape))
_TWO = [(6, 4), (6, 4)]
_ROWS = Spread((6, 4), lambda rng, shape: np.log(rng.dirichlet(np.ones(shape[-1]), shape[0])))
_TARGET_ROWS = Spread((6, 4), lambda rng, shape: rng.dirichlet(np.ones(shape[-1]), shape[0]))
_TARGET_MIXES = Spread((2, 4, 3), lambda rng, shape: rng.dirichlet(np.ones(shape[1]), (shape[0], shape[2])).swapaxes(1, 2))


def _each(name: str, on: list, *options: dict[str, Any]) -> list[Case]:
    """Every reduction of the plain loss, and every set of options."""
    return [case(name, on=on, **{"reduction": reduction, **option}) for option in (options or ({},))
            for reduction in ("mean", "sum", "none")]


def _given(numbers: list) -> Spread:
    """These integers."""
    return Spread(np.shape(numbers), lambda rng, shape: np.array(numbers), constant=True)


_TRIPLE = [(6, 4), (6, 4), (6, 4)]
LOSSES = [
    *_each("MultiMarginLoss", _CLASSES, {}, {"p": 2, "margin": 0.5, "weight": _WEIGHT}),
    *_each("MultiLabelMarginLoss", [(2, 4), _given([[3, 0, -1, 1], [2, -1, 0, 0]])]),
    *_each("MultiLabelSoftMarginLoss", [(6, 4), Spread((6, 4), _PROBABILITY.draw, constant=True)], {}, {"weight": _WEIGHT}),
    *_each("TripletMarginLoss", _TRIPLE, {}, {"margin": 0.5, "p": 1.0, "swap": True}),
    *_each("TripletMarginWithDistanceLoss", _TRIPLE, {}, {"margin": 0.5, "swap": True}),
    *_each("GaussianNLLLoss", [(6, 4), (6, 4), _POSITIVE], {}, {"full": True, "eps": 1e-3}),
    *_each("MSELoss", _TWO), *_each("L1Loss", _TWO), *_each("HuberLoss", _TWO, {}, {"delta": 0.3}),
    *_each("SmoothL1Loss", _TWO, {}, {"beta": 0.3}, {"beta": 0.0}),
    *[row for on in (_CLASSES, _IMAGES, [(6, 4), _TARGET_ROWS], [(2, 4, 3), _TARGET_MIXES]) for row in _each("CrossEntropyLoss", on, *(
        {**weight, **ignored, **smoothing} for weight in ({}, {"weight": _WEIGHT})
        for ignored in (({}, {"ignore_index": 1}) if isinstance(on[1], Whole) else ({},))  # chances have no index to ignore
        for smoothing in ({}, {"label_smoothing": 0.2})))],
    case("CrossEntropyLoss", on=[(4,), Whole(4, ())]),
    *[case(name, None, None, 1, on=[(3, 4), np.ones(3, int)], label="-none-counts") for name in ("CrossEntropyLoss", "NLLLoss")],
    *[case("LinearCrossEntropyLoss", 3, 4, out_features=inner, on=[(6, 3), Whole(4, (6, *inner))], **{"reduction": reduction, **more})
      for inner in ((), (2, 3)) for reduction in ("mean", "sum", "none")
      for more in ({}, {"bias": True, "label_smoothing": 0.2, "ignore_index": 1}, {"weight": _WEIGHT})],
    case("LinearCrossEntropyLoss", 3, 4, on=[(3,), Whole(4, ())]), case("LinearCrossEntropyLoss", 3, 4, on=[(6, 3), _TARGET_ROWS]),
    case("CrossEntropyLoss", _WEIGHT, None, 2, None, "sum", on=_CLASSES, label="-positional"),
    *_each("NLLLoss", [_ROWS, Whole(4, (6,))], {}, {"weight": _WEIGHT, "ignore_index": 1}), *_each("NLLLoss", _IMAGES),
    *_each("BCELoss", [_PROBABILITY, _PROBABILITY], {}, {"weight": _WEIGHT}),
    case("BCELoss", reduction="none", on=[_CERTAIN, _CERTAIN_TARGET], tolerance=1e-7, label="-certain"),
    *_each("BCEWithLogitsLoss", [_WIDE, Spread((5, 7), _PROBABILITY.draw)], {}, {"pos_weight": np.linspace(0.5, 3, 7)}),
    *_each("KLDivLoss", [_ROWS, _TARGET_ROWS]), *_each("KLDivLoss", [_ROWS, _ROWS], {"log_target": True}),
    case("KLDivLoss", reduction="batchmean", on=[_ROWS, _TARGET_ROWS]),
    *_each("HingeEmbeddingLoss", [(6, 4), _SIGN_MATRIX], {}, {"margin": 0.4}),
    *_each("SoftMarginLoss", [(6, 4), _SIGN_MATRIX]),
    *_each("CosineEmbeddingLoss", [*_TWO, _SIGNS], {}, {"margin": 0.2}),
    *_each("MarginRankingLoss", [(6,), (6,), _SIGNS], {}, {"margin": 0.5}),
    *_each("PoissonNLLLoss", [(6, 4), _COUNTS], {}, {"full": True}),
    *_each("PoissonNLLLoss", [_POSITIVE, _COUNTS], {"log_input": False}),
    *[case(name, on=_TWO, **{old: False}) for name in ("MSELoss", "L1Loss") for old in ("size_average", "reduce")],
]

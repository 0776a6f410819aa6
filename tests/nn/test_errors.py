"""Wrong use of a layer or loss ends in one error that names the layer, what was given and what was expected."""
from __future__ import annotations

import warnings

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors
from workbench.nn import functional as F

X = wb.ones(2, 3)
IMAGE = wb.ones(2, 3, 5, 5)

CALLS = [
    (lambda: nn.Linear(4, 2)(X), errors.ShapeError, r"Linear: .*4 \(in_features\).*\(2, 3\)"),
    (lambda: nn.Linear(4, 2)(wb.tensor(1.0)), errors.ShapeError, r"Linear: .*4 \(in_features\).*\(\)"),
    (lambda: nn.Bilinear(3, 4, 2)(X, X), errors.ShapeError, r"Bilinear: .*3.*4.*\(2, 3\) and \(2, 3\)"),
    (lambda: nn.Conv2d(4, 2, 3)(IMAGE), errors.ShapeError, r"Conv2d: .*C = 4 \(in_channels\).*\(2, 3, 5, 5\)"),
    (lambda: nn.Conv1d(3, 2, 3)(X), errors.ShapeError, r"Conv1d: .*C = 3 \(in_channels\).*\(2, 3\)"),
    (lambda: nn.Conv2d(3, 2, 9)(IMAGE), errors.ShapeError, "9"),
    (lambda: nn.BatchNorm2d(4)(IMAGE), errors.ShapeError,
     r"BatchNorm2d: .*4 channels \(num_features\).*\(2, 3, 5, 5\)"),
    (lambda: nn.BatchNorm1d(3)(IMAGE), errors.ShapeError, r"BatchNorm1d: expected 2 or 3 axes"),
    (lambda: nn.BatchNorm1d(3)(wb.ones(1, 3)), errors.ShapeError, r"one value per channel"),
    (lambda: nn.LayerNorm(4)(X), errors.ShapeError, r"LayerNorm: .*\(4,\) \(normalized_shape\).*\(2, 3\)"),
    (lambda: nn.RMSNorm(4)(X), errors.ShapeError, r"RMSNorm: .*\(4,\) \(normalized_shape\).*\(2, 3\)"),
    (lambda: nn.GroupNorm(2, 4)(X), errors.ShapeError, r"GroupNorm: expected 4 channels \(num_channels\).*\(2, 3\)"),
    (lambda: nn.PReLU(4)(X), errors.ShapeError, r"PReLU: expected 4 channels \(num_parameters\).*\(2, 3\)"),
    (lambda: nn.GLU()(X), errors.ShapeError, r"glu: .*\(2, 3\) cannot be halved"),
    (lambda: nn.Softmax2d()(X), errors.ShapeError, r"Softmax2d: .*\(2, 3\)"),
    (lambda: nn.Dropout2d()(X), errors.ShapeError, r"dropout2d: expected 3 or 4 axes, got \(2, 3\)"),
    (lambda: nn.MaxPool2d(2)(X), errors.ShapeError, r"MaxPool2d: .*\(2, 3\)"),
    (lambda: nn.AdaptiveAvgPool1d(2)(IMAGE), errors.ShapeError, r"AdaptiveAvgPool1d: .*\(2, 3, 5, 5\)"),
    (lambda: nn.Embedding(4, 2)(wb.tensor([4])), errors.AxisError, "embedding: .*4 rows"),
    (lambda: nn.Embedding(4, 2)(wb.tensor([1.0])), errors.DTypeError, "embedding: .*float32; expected integers"),
    (lambda: nn.MultiheadAttention(8, 2)(wb.ones(4, 3, 6), wb.ones(4, 3, 8), wb.ones(4, 3, 8)), errors.ShapeError,
     r"MultiheadAttention: query of shape .*length 8"),
    (lambda: nn.MultiheadAttention(8, 2)(*[wb.ones(4, 3, 8)] * 3, attn_mask=wb.ones(3, 3)), errors.ShapeError,
     r"attn_mask of shape \(3, 3\); expected \(4, 4\) or \(6, 4, 4\)"),
    (lambda: nn.MultiheadAttention(8, 2)(*[wb.ones(4, 3, 8)] * 3, key_padding_mask=wb.ones(4, 3)), errors.ShapeError,
     r"key_padding_mask of shape \(4, 3\); expected \(3, 4\)"),
    (lambda: nn.MSELoss()(X, wb.ones(2, 1)), errors.ShapeError, r"mse_loss: .*\(2, 3\).*\(2, 1\).*broadcast"),
    (lambda: nn.BCELoss()(X * 2, X), errors.ArgumentError, "outside 0..1; apply sigmoid"),
    (lambda: nn.CrossEntropyLoss()(X, wb.tensor([0, 3])), errors.AxisError, "target 3 is not one of the 3 classes"),
    (lambda: nn.CrossEntropyLoss()(X, wb.tensor([0])), errors.ShapeError, r"class indices of shape \(2,\), got \(1,\)"),
    (lambda: nn.CrossEntropyLoss()(X, wb.tensor([0.0, 1.0])), errors.DTypeError, "float32; expected class indices"),
    (lambda: nn.NLLLoss()(X, wb.tensor([0, 3])), errors.AxisError, "target 3 is not one of the 3 classes"),
    (lambda: nn.NLLLoss()(X, wb.tensor([0])), errors.ShapeError, r"nll_loss: .*\(2,\), got \(1,\)"),
    (lambda: nn.Transformer(4, 2, 1, 1, 4)(wb.ones(3, 2, 4), wb.ones(3, 1, 4)), errors.ShapeError, r"Transformer: .*\(axis 1\)"),
    (lambda: F.pad(X, (1, 1, 1)), errors.ArgumentError, "pad: "),
    (lambda: F.pad(X, (3, 0), mode="reflect"), errors.ShapeError, "reflecting 3"),
    (lambda: F.pad(X, (1, 0), mode="mirror"), errors.ArgumentError, "'mirror'; expected"),
    (lambda: F.gelu(X, "erf"), errors.ArgumentError, "'erf'; expected"),
    (lambda: nn.GLU(5)(X), errors.AxisError, "glu: axis 5"),
    (lambda: nn.SwiGLU(5)(X), errors.AxisError, "swiglu: axis 5"),
    (lambda: nn.Maxout(2, 5)(X), errors.AxisError, "maxout: axis 5"),
    (lambda: nn.Flatten()(wb.tensor(1.0)), errors.AxisError, "flatten: axis 1"),
    (lambda: nn.Unflatten(-3, (3, 1))(X), errors.AxisError, "unflatten: axis -3"),
    (lambda: nn.CosineSimilarity(2)(X, X), errors.AxisError, "cosine_similarity: axis 2"),
    (lambda: nn.GroupNorm(3, 3)(wb.ones(1, 3)), errors.ShapeError, r"group_norm: .*\(1, 3\) has one value per group"),
    (lambda: nn.KLDivLoss(reduction="batchmean")(wb.tensor(0.0), wb.tensor(1.0)), errors.ShapeError, "kl_div: reduction='batchmean' needs an axis"),
    (lambda: nn.CrossEntropyLoss(ignore_index=0)(X, X / 3), errors.ArgumentError, "ignore_index=0 with probabilities"),
    (lambda: nn.LinearCrossEntropyLoss(3, 2, ignore_index=0)(X, wb.ones(2, 2)), errors.ArgumentError, "ignore_index=0 with probabilities"),
    (lambda: F.linear_cross_entropy(X, wb.ones(4, 2), wb.tensor([0, 1])), errors.ShapeError, r"\(2, 3\) and linear_weight of shape \(4, 2\)"),
    (lambda: F.linear_cross_entropy(X, X, wb.tensor([0, 1]), linear_bias=wb.ones(3)), errors.ShapeError, r"linear_bias of shape \(3,\); expected \(2,\)"),
    (lambda: F.linear_cross_entropy(X, X, wb.tensor([0, 1]), options=nn.LinearCrossEntropyOptions(None, "ratio")), errors.ArgumentError, "'ratio'"),
]

CONSTRUCTORS = [
    (lambda: nn.Linear(-1, 2), "Linear: in_features=-1"),
    (lambda: nn.Bilinear(0, 2, 3), "Bilinear: in1_features=0"),
    (lambda: nn.Linear(2, 1.5), "Linear: out_features=1.5; expected a whole number"),
    (lambda: nn.Embedding("4", 2), "Embedding: num_embeddings='4'"),
    (lambda: nn.Conv1d(2.0, 4, 3), "Conv1d: in_channels=2.0"),
    (lambda: nn.Conv2d(2, 4, 3, groups=0), "Conv2d: groups=0"),
    (lambda: nn.Conv2d(2, 4, (3, 3, 3)), r"Conv2d: kernel_size: expected one number or 2, got \(3, 3, 3\)"),
    (lambda: nn.Conv2d(2, 4, 3, dilation=0), "Conv2d: dilation: 0 is too small"),
    (lambda: nn.ConvTranspose1d(2, 4, 3, output_padding=0.5), "ConvTranspose1d: output_padding: expected integers, got 0.5"),
    (lambda: nn.GroupNorm(0, 4), "GroupNorm: num_groups=0"),
    (lambda: nn.GRU(0, 4), "GRU: input_size=0"),
    (lambda: nn.LSTM(2, 4, 1.5), "LSTM: num_layers=1.5"),
    (lambda: nn.GRUCell(2, 0), "GRUCell: hidden_size=0"),
    (lambda: nn.RNN(2, 4, dropout=None), "RNN: dropout=None"),
    (lambda: nn.MultiheadAttention(None, 2), "MultiheadAttention: embed_dim=None"),
    (lambda: nn.TransformerEncoder(nn.ReLU(), 1.5), "TransformerEncoder: num_layers=1.5"),
    (lambda: nn.Dropout("x"), "Dropout: p='x'; expected a probability"),
    (lambda: nn.RReLU(0.5, 0.2), "rrelu: lower=0.5, upper=0.2"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: in_channels=3 and out_channels=4 must be divisible by groups=2"),
    (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "Conv2d: padding_mode='mirror'"),
    (lambda: nn.Conv2d(3, 4, 3, padding="half"), "Conv2d: padding='half'"),
    (lambda: nn.Conv2d(3, 4, 3, 2, padding="same"), "stride of 1"),
    (lambda: nn.Dropout(1.5), "Dropout: p=1.5"),
    (lambda: nn.GroupNorm(3, 4), "num_channels=4 must be divisible by num_groups=3"),
    (lambda: nn.MultiheadAttention(8, 3), "embed_dim=8 must be divisible by num_heads=3"),
    (lambda: nn.TransformerEncoderLayer(8, 2, activation="swish"), "'swish'; expected"),
    (lambda: nn.Transformer(8, 2, 1, 1, activation="swish"), "TransformerEncoderLayer: activation='swish'"),
    (lambda: nn.Embedding(4, 2, padding_idx=4), "padding_idx=4"),
    (lambda: nn.MSELoss(reduction="average"), "MSELoss: reduction='average'"),
]


@pytest.mark.parametrize(("use", "error", "message"), CALLS, ids=[message[:40] for _, _, message in CALLS])
def test_wrong_input_is_one_clear_error(use, error, message):
    with pytest.raises(error, match=message):
        use()


@pytest.mark.parametrize(("use", "message"), CONSTRUCTORS, ids=[message[:40] for _, message in CONSTRUCTORS])
def test_wrong_settings_are_refused_at_once(use, message):
    with pytest.raises(errors.ArgumentError, match=message):
        use()


def test_a_refused_batch_leaves_running_statistics_alone():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(errors.ShapeError):
        layer(wb.ones(1, 3))
    assert layer.num_batches_tracked.item() == 0
    assert np.array_equal(layer.running_mean.numpy(), np.zeros(3))


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_an_axis_that_was_not_given_is_warned_about(name: str) -> None:
    function = getattr(wb.nn.functional, name)
    with pytest.warns(UserWarning, match=r"so it is 0, as in PyTorch.*\(2, 3, 4\); say which"):
        function(wb.ones(2, 3, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function(wb.ones(3))
        function(wb.ones(2, 3, 4), -1)

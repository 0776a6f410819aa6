"""What a layer was made with can be read from it, under PyTorch's names."""
from __future__ import annotations

import pytest

from tests.nn import oracle
from tests.nn.cases import LAYERS, Case
from workbench import nn

torch = pytest.importorskip("torch", reason="PyTorch says what the names are")
pytestmark = pytest.mark.oracle
LEFT_OUT = {"activation_relu_or_gelu": "for its fast path", "name": "of Upsample, its class", "norm": "a second name of p", "init": "a number the parameter has",
            "transposed": "what the class says", "output_padding": "of convolutions that have none", "value": "of ZeroPad, zero"}
IN_THE_NAME = {("ReLU6", "min_val"), ("ReLU6", "max_val"),
               *(("TransformerEncoder", name) for name in ("enable_nested_tensor", "use_nested_tensor", "mask_check")),
               *((f"Upsampling{kind}2d", name) for kind in ("Nearest", "Bilinear") for name in ("mode", "align_corners", "recompute_scale_factor"))}
SPREAD_OUT = {"padding", "kernel_size", "output_size", "output_ratio", "stride"}
"""Settings that PyTorch writes out for every axis; ours stay as they were given."""


@pytest.mark.parametrize("case", list({case.name: case for case in LAYERS}.values()), ids=lambda case: case.name)
def test_settings_are_attributes(case: Case):
    theirs, ours = oracle.theirs(case), oracle.ours(case)
    for name, value in vars(theirs).items():
        if name.startswith("_") or name in LEFT_OUT or (case.name, name) in IN_THE_NAME:
            continue
        mine = getattr(ours, name)
        if isinstance(value, (bool, int, float, str, tuple)) and name not in SPREAD_OUT:
            assert mine == value, name


def test_a_pool_without_a_stride_moves_by_its_window():
    assert (nn.MaxPool2d(3).stride, nn.AvgPool1d(2, 1).stride) == (3, 1)


@pytest.mark.parametrize(("make", "text"), [
    (lambda n: n.BatchNorm1d(3, affine=False), "affine=False, bias=False"), (lambda n: n.LayerNorm(3, bias=False), "bias=False"),
    (lambda n: n.GroupNorm(1, 3), "bias=True"), (lambda n: n.Bilinear(1, 2, 3, False), "bias=False"), (lambda n: n.Embedding(4, 2, 1, 2.0), "max_norm=2.0"),
    (lambda n: n.EmbeddingBag(4, 2, mode="sum"), "mode='sum'")], ids=lambda value: value if isinstance(value, str) else "")
def test_a_repr_says_what_torch_says(make, text):
    assert text in repr(make(nn))
    assert repr(make(nn)) == repr(make(torch.nn))

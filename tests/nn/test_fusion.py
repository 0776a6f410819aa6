"""Folding batch normalization into the layer before it: PyTorch's numbers, and those of the two layers."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors

torch = pytest.importorskip("torch", reason="PyTorch is the judge: pip install neural-workbench[oracle]")
pytestmark = pytest.mark.oracle
ROWS = [("Conv1d", (2, 4, 3), {}, (3, 2, 9)), ("Conv2d", (2, 4, 3), {"bias": False}, (3, 2, 6, 7)), ("Conv3d", (2, 4, 2), {}, (3, 2, 4, 4, 4)),
        ("Conv2d", (4, 4, 3), {"groups": 2}, (3, 4, 6, 7)), ("ConvTranspose2d", (2, 4, 3), {"stride": 2}, (3, 2, 4, 5)), ("Linear", (3, 4), {}, (5, 3)),
        ("Linear", (3, 4, False), {}, (5, 3))]


@pytest.mark.parametrize("normal", [{}, {"affine": False}, {"eps": 0.1}], ids=str)
@pytest.mark.parametrize(("name", "args", "options", "shape"), ROWS, ids=[f"{row[0]}{row[2]}" for row in ROWS])
def test_the_fused_layer_computes_what_both_did(name, args, options, shape, normal):
    torch.manual_seed(0)
    axes = 1 if name == "Linear" else int(name[-2])
    theirs = torch.nn.Sequential(getattr(torch.nn, name)(*args, **options), getattr(torch.nn, f"BatchNorm{axes}d")(4, **normal)).double()
    theirs(torch.randn(*shape, dtype=torch.float64))
    ours = nn.Sequential(getattr(nn, name)(*args, **options), getattr(nn, f"BatchNorm{axes}d")(4, **normal)).double()
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    ours.eval()
    theirs.eval()
    x = np.random.default_rng(0).normal(size=shape)
    linear = name == "Linear"
    fused = (nn.utils.fuse_linear_bn_eval if linear else nn.utils.fuse_conv_bn_eval)(*ours)
    assert type(fused) is type(ours[0])
    np.testing.assert_allclose(fused(wb.tensor(x)).detach().numpy(), ours(wb.tensor(x)).detach().numpy(), atol=1e-12)
    if linear and not normal.get("affine", True):
        return  # PyTorch cannot fuse this one
    wanted = (torch.nn.utils.fuse_linear_bn_eval(*theirs) if linear else torch.nn.utils.fuse_conv_bn_eval(*theirs, transpose="Transpose" in name))
    for key, value in wanted.state_dict().items():
        np.testing.assert_allclose(fused.state_dict()[key].numpy(), value.numpy(), atol=1e-12, err_msg=key)


def test_groups_of_a_transposed_convolution_are_kept_apart():
    conv, bn = nn.ConvTranspose1d(4, 6, 3, groups=2).double().eval(), nn.BatchNorm1d(6).double()
    bn(wb.randn(8, 6, 5, dtype="float64"))
    x = wb.randn(2, 4, 5, dtype="float64")
    np.testing.assert_allclose(nn.utils.fuse_conv_bn_eval(conv, bn.eval())(x).detach().numpy(), bn(conv(x)).detach().numpy(), atol=1e-12)


@pytest.mark.parametrize(("use", "message"), [
    (lambda: nn.utils.fuse_conv_bn_eval(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4).eval()), "training mode.*call .eval.. first"),
    (lambda: nn.utils.fuse_linear_bn_eval(nn.Linear(2, 4).eval(), nn.BatchNorm1d(3).eval()), "4 outputs of Linear and num_features=3"),
    (lambda: nn.utils.fuse_conv_bn_eval(nn.Conv2d(2, 4, 3).eval(), nn.BatchNorm2d(4, track_running_stats=False).eval()), "no running statistics"),
], ids=["training", "channels", "untracked"])
def test_what_cannot_be_fused_is_said(use, message):
    with pytest.raises(errors.ArgumentError, match=message):
        use()

"""Batch normalization of a trained model folded into the layer before it: the same numbers with one layer less."""
from __future__ import annotations

import copy

from .. import ops
from ..core import Tensor, no_grad
from ..core.errors import ArgumentError
from .conv import _Conv, _ConvTranspose
from .linear import Linear
from .normalization import _BatchNorm
from .parameter import Parameter


def fuse_conv_bn_eval(conv: _Conv, bn: _BatchNorm, transpose: bool = False) -> _Conv:
    """A convolution that computes ``bn(conv(x))``, both in evaluation mode.

    Parameters
    ----------
    conv : Conv1d, Conv2d, Conv3d or a transposed one
    bn : BatchNorm1d, BatchNorm2d or BatchNorm3d
        With running statistics.
    transpose : bool
        Whether the convolution is a transposed one; those are also recognised.

    Returns
    -------
    Module
        A new layer of the class of `conv`, with a bias.

    Examples
    --------
    >>> import workbench as wb
    >>> conv, bn, x = wb.nn.Conv2d(3, 4, 3).eval(), wb.nn.BatchNorm2d(4).eval(), wb.randn(2, 3, 8, 8)
    >>> bool((wb.nn.utils.fuse_conv_bn_eval(conv, bn)(x) - bn(conv(x))).abs().max() < 1e-5)
    True
    """
    _check("fuse_conv_bn_eval", conv, bn, conv.out_channels)
    fused = copy.deepcopy(conv)
    with no_grad():
        scale, shift = _affine(bn, conv.bias)
        if transpose or isinstance(conv, _ConvTranspose):  # (C, O / groups, ...): the outputs of a group lie beside its inputs
            weight = conv.weight.reshape(conv.groups, -1, *conv.weight.shape[1:])
            weight = weight * scale.reshape(conv.groups, 1, -1, *(1,) * conv.axes)
        else:
            weight = conv.weight * scale.reshape(-1, *(1,) * (conv.axes + 1))
        fused.weight = Parameter(weight.reshape(conv.weight.shape), conv.weight.requires_grad)
        fused.bias = Parameter(shift, conv.weight.requires_grad)
    return fused


def fuse_linear_bn_eval(linear: Linear, bn: _BatchNorm) -> Linear:
    """A linear layer that computes ``bn(linear(x))``, both in evaluation mode.

    Examples
    --------
    >>> import workbench as wb
    >>> linear, bn, x = wb.nn.Linear(3, 4).eval(), wb.nn.BatchNorm1d(4).eval(), wb.randn(2, 3)
    >>> bool((wb.nn.utils.fuse_linear_bn_eval(linear, bn)(x) - bn(linear(x))).abs().max() < 1e-5)
    True
    """
    _check("fuse_linear_bn_eval", linear, bn, linear.out_features)
    fused = copy.deepcopy(linear)
    with no_grad():
        scale, shift = _affine(bn, linear.bias)
        fused.weight = Parameter(linear.weight * scale.unsqueeze(1), linear.weight.requires_grad)
        fused.bias = Parameter(ops.broadcast_to(shift, (linear.out_features,)).clone(), linear.weight.requires_grad)
    return fused


def _check(what: str, layer: _Conv | Linear, bn: _BatchNorm, outputs: int) -> None:
    if layer.training or bn.training:
        raise ArgumentError(f"{what}: a layer is in training mode, where statistics change; call .eval() first")
    if bn.running_mean is None:
        raise ArgumentError(f"{what}: {type(bn).__name__} has no running statistics (track_running_stats=False), so there is nothing fixed to fold in")
    if bn.num_features != outputs and not (isinstance(layer, Linear) and bn.num_features == 1):
        raise ArgumentError(f"{what}: {outputs} outputs of {type(layer).__name__} and num_features={bn.num_features}; expected the same")


def _affine(bn: _BatchNorm, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """What `bn` does to a layer without bias: a factor and an addition per channel."""
    scale = ops.rsqrt(bn.running_var + bn.eps)
    scale = scale if bn.weight is None else scale * bn.weight
    shift = (0.0 if bias is None else bias) - bn.running_mean
    return scale, shift * scale if bn.bias is None else shift * scale + bn.bias

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
    fused.weight, fused.bias = fuse_conv_bn_weights(conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
                                                    transpose or isinstance(conv, _ConvTranspose))
    return fused


def fuse_conv_bn_weights(conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor | None, bn_b: Tensor | None,
                         transpose: bool = False) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with those of a batch normalization (mean, variance, eps, weight, bias) folded in.

    Examples
    --------
    >>> import workbench as wb
    >>> one = wb.ones(3)
    >>> weight, bias = wb.nn.utils.fuse_conv_bn_weights(wb.ones(3, 2, 1), None, one, one, 3.0, one, one)
    >>> weight.shape, bias.tolist()
    ((3, 2, 1), [0.5, 0.5, 0.5])
    """
    with no_grad():
        scale, shift = _affine(conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
        spatial = (1,) * (conv_w.ndim - 2)
        if transpose:  # (C, O / groups, ...): the outputs of a group lie beside its inputs
            groups = scale.shape[0] // conv_w.shape[1]
            weight = conv_w.reshape(groups, -1, *conv_w.shape[1:]) * scale.reshape(groups, 1, -1, *spatial)
        else:
            weight = conv_w * scale.reshape(-1, 1, *spatial)
        return Parameter(weight.reshape(conv_w.shape), conv_w.requires_grad), Parameter(shift, conv_w.requires_grad)


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
    fused.weight, fused.bias = fuse_linear_bn_weights(linear.weight, linear.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
    return fused


def fuse_linear_bn_weights(linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor | None = None,
                           bn_b: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer with those of a batch normalization (mean, variance, eps, weight, bias) folded in.

    Examples
    --------
    >>> import workbench as wb
    >>> one = wb.ones(3)
    >>> weight, bias = wb.nn.utils.fuse_linear_bn_weights(wb.ones(3, 2), None, one, one, 3.0, one, one)
    >>> weight.shape, bias.tolist()
    ((3, 2), [0.5, 0.5, 0.5])
    """
    with no_grad():
        scale, shift = _affine(linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
        bias = ops.broadcast_to(shift, (linear_w.shape[0],)).clone()
        return Parameter(linear_w * scale.unsqueeze(1), linear_w.requires_grad), Parameter(bias, linear_w.requires_grad)


def _check(what: str, layer: _Conv | Linear, bn: _BatchNorm, outputs: int) -> None:
    if layer.training or bn.training:
        raise ArgumentError(f"{what}: a layer is in training mode, where statistics change; call .eval() first")
    if bn.running_mean is None:
        raise ArgumentError(f"{what}: {type(bn).__name__} has no running statistics (track_running_stats=False), so there is nothing fixed to fold in")
    if bn.num_features != outputs and not (isinstance(layer, Linear) and bn.num_features == 1):
        raise ArgumentError(f"{what}: {outputs} outputs of {type(layer).__name__} and num_features={bn.num_features}; expected the same")


def _affine(bias: Tensor | None, mean: Tensor, variance: Tensor, eps: float, weight: Tensor | None, addend: Tensor | None) -> tuple[Tensor, Tensor]:
    """What a batch normalization does to a layer without bias: a factor and an addition per channel."""
    scale = ops.rsqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    shift = (0.0 if bias is None else bias) - mean
    return scale, shift * scale if addend is None else shift * scale + addend

"""Normalization layers: numbers are brought to mean 0 and variance 1, then scaled and shifted by what is learned."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..core import Tensor, as_tensor, mutate
from ..core.collectives import axis_size, pmean, shared
from ..core.errors import ArgumentError, ShapeError
from ..core.state import STATE
from ..core.vectorize import RUNNING
from . import functional as F
from .checks import whole
from .module import Module
from .parameter import Parameter


class _BatchNorm(Module):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, statistics per channel.

    Parameters
    ----------
    num_features : int
        Channels of the input.
    eps : float
        Added to the variance.
    momentum : float, optional
        How far running statistics move towards those of a batch; None: they are the plain mean over all batches so far.
    affine : bool
        Whether to scale, and with `bias` shift, every channel by what is learned.
    track_running_stats : bool
        Keep running statistics for evaluation; else those of the input are used there too.
    bias : bool
        Whether to shift.
    """

    ranks: tuple[int, ...]

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, device: str | None = None, dtype: Any = None,
                 bias: bool = True) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum, self.affine = num_features, eps, momentum, affine
        self.track_running_stats = track_running_stats
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.weight = Parameter(ops.ones(num_features, **kind)) if affine else None
        self.bias = Parameter(ops.zeros(num_features, **kind)) if affine and bias else None
        self.register_buffer("running_mean", ops.zeros(num_features, **kind) if track_running_stats else None)
        self.register_buffer("running_var", ops.ones(num_features, **kind) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", as_tensor(0) if track_running_stats else None)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize with the statistics of the batch (training) or the running ones (evaluation)."""
        self._check(x)
        batch = self.training or not self.track_running_stats
        y = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, batch, self._momentum(), self.eps)
        if self.training and self.track_running_stats:
            mutate.write_statistic(self.num_batches_tracked, self.num_batches_tracked + 1, "batch_norm")
        return y

    def _check(self, x: Tensor) -> None:
        if x.ndim not in self.ranks or x.shape[1] != self.num_features:
            raise ShapeError(f"{type(self).__name__}: expected {' or '.join(map(str, self.ranks))} axes with "
                             f"{self.num_features} channels (num_features) on axis 1, got {tuple(x.shape)}")

    def _momentum(self) -> Any:
        """How far running statistics move; without a momentum they are the plain mean over all batches so far."""
        if self.momentum is not None:
            return self.momentum
        if not (self.training and self.track_running_stats):
            return 0.0
        if STATE.trace is not None:  # a program counts with the tensor
            return 1 / (self.num_batches_tracked.to(self.running_mean.dtype) + 1)
        return 1 / (self.num_batches_tracked.item() + 1)

    def extra_repr(self) -> str:
        """Settings."""
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, bias={self.bias is not None}, "
                f"track_running_stats={self.track_running_stats}")


class BatchNorm1d(_BatchNorm):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, mean and variance of each channel over the batch (Ioffe and
    Szegedy 2015).

    In evaluation they are running means of those seen in training.

    Shapes
    ------
    Input (N, C) or (N, C, L); output of the same shape; ``weight``, ``bias``, ``running_mean``, ``running_var`` (C,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.BatchNorm1d(3)(wb.randn(8, 3)).shape
    (8, 3)
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, mean and variance of each channel over batch and pixels (Ioffe
    and Szegedy 2015).

    In evaluation they are running means of those seen in training.

    Shapes
    ------
    Input (N, C, H, W); output of the same shape; ``weight``, ``bias``, ``running_mean``, ``running_var`` (C,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.BatchNorm2d(3)(wb.randn(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, mean and variance of each channel over batch and places (Ioffe
    and Szegedy 2015).

    In evaluation they are running means of those seen in training.

    Shapes
    ------
    Input (N, C, D, H, W); output of the same shape; ``weight``, ``bias``, ``running_mean``, ``running_var`` (C,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.BatchNorm3d(3)(wb.randn(2, 3, 4, 4, 4)).shape
    (2, 3, 4, 4, 4)
    """

    ranks = (5,)


class SyncBatchNorm(_BatchNorm):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias`` with the statistics of the batches of all members of a `vmap`
    or `pmap` (Zhang et al. 2018).

    Where no such axis is around the call, and in evaluation, it is plain batch normalization.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats
        As in `BatchNorm2d`.
    process_group : hashable, optional
        The ``axis_name`` of the vmap or pmap; by default all named axes around the call.

    Shapes
    ------
    Input (N, C, ...) of each member, as many places in each; output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.SyncBatchNorm.convert_sync_batchnorm(wb.nn.Sequential(wb.nn.Conv2d(3, 4, 3), wb.nn.BatchNorm2d(4)))
    >>> parts = wb.randn(2, 5, 3, 8, 8)
    >>> wb.pmap(model, "devices")(parts).shape
    (2, 5, 4, 6, 6)
    """

    ranks = (2, 3, 4, 5)

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True, track_running_stats: bool = True,
                 process_group: Any = None, device: str | None = None, dtype: Any = None, *, bias: bool = True) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)
        self.process_group = process_group

    def forward(self, x: Tensor) -> Tensor:
        """Normalize with the statistics of all members (training) or the running ones (evaluation)."""
        names = tuple(frame.name for frame in RUNNING.frames if frame.name is not None and self.process_group in (None, frame.name))
        if not names or not (self.training or not self.track_running_stats):
            return super().forward(x)
        self._check(x)
        axes = (0, *range(2, x.ndim))
        average = pmean(ops.mean(x, axis=axes), names)
        centred = x - self._along(average, x)
        variance = pmean(ops.mean(ops.square(centred), axis=axes), names)
        if self.training and self.track_running_stats:
            count = math.prod(x.shape[axis] for axis in axes) * axis_size(names)
            momentum = self._momentum()
            for held, seen in ((self.running_mean, average), (self.running_var, variance * (count / max(count - 1, 1)))):
                mutate.write_statistic(held, held * (1 - momentum) + shared(seen, names) * momentum, "SyncBatchNorm")
            mutate.write_statistic(self.num_batches_tracked, self.num_batches_tracked + 1, "batch_norm")
        y = centred * self._along(ops.rsqrt(variance + self.eps), x)
        y = y if self.weight is None else y * self._along(self.weight, x)
        return y if self.bias is None else y + self._along(self.bias, x)

    @staticmethod
    def _along(values: Tensor, x: Tensor) -> Tensor:
        return values.reshape(-1, *(1,) * (x.ndim - 2))

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """`module` with every batch normalization in it replaced by one that shares its state."""
        if isinstance(module, (BatchNorm1d, BatchNorm2d, BatchNorm3d)):
            made = cls(module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats, process_group,
                       bias=module.bias is not None)
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked", "training"):
                setattr(made, name, getattr(module, name))
            return made
        for name, child in list(module.named_children()):
            setattr(module, name, cls.convert_sync_batchnorm(child, process_group))
        return module


class _InstanceNorm(_BatchNorm):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, statistics per example and channel (Ulyanov et al. 2016)."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = False, track_running_stats: bool = False,
                 device: str | None = None, dtype: Any = None, bias: bool = True) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize with the statistics of each example, or in evaluation with running ones if they are tracked."""
        if x.ndim not in self.ranks or x.shape[-self.ranks[0]] != self.num_features:
            raise ShapeError(f"{type(self).__name__}: expected {' or '.join(map(str, self.ranks))} axes with {self.num_features} channels (num_features), "
                             f"got {tuple(x.shape)}")
        batch = ops.unsqueeze(x, 0) if x.ndim == self.ranks[0] else x
        own = self.training or not self.track_running_stats
        y = F.instance_norm(batch, self.running_mean, self.running_var, self.weight, self.bias, own, self.momentum or 0.0, self.eps)
        return y[0] if x.ndim == self.ranks[0] else y


class InstanceNorm1d(_InstanceNorm):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, mean and variance of each channel of each example (Ulyanov et
    al. 2016).

    Shapes
    ------
    Input (N, C, L) or (C, L); output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.InstanceNorm1d(3)(wb.randn(2, 3, 4)).shape
    (2, 3, 4)
    """

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, mean and variance of each channel of each example (Ulyanov et
    al. 2016).

    Shapes
    ------
    Input (N, C, H, W) or (C, H, W); output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.InstanceNorm2d(3)(wb.randn(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, mean and variance of each channel of each example (Ulyanov et
    al. 2016).

    Shapes
    ------
    Input (N, C, D, H, W) or (C, D, H, W); output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.InstanceNorm3d(3)(wb.randn(2, 3, 4, 4, 4)).shape
    (2, 3, 4, 4, 4)
    """

    ranks = (4, 5)


class LayerNorm(Module):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, statistics over the last axes (Ba et al. 2016).

    Parameters
    ----------
    normalized_shape : int or sequence of int
        Lengths of the last axes, over which statistics are taken.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Whether to scale, and with `bias` shift, by what is learned.
    bias : bool
        Whether to shift.

    Shapes
    ------
    Input (..., *normalized_shape); output of the same shape; ``weight`` and ``bias`` (*normalized_shape,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.LayerNorm(4)(wb.randn(2, 4)).shape
    (2, 4)
    """

    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True,
                 bias: bool = True, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.weight = Parameter(ops.ones(self.normalized_shape, **kind)) if elementwise_affine else None
        self.bias = Parameter(ops.zeros(self.normalized_shape, **kind)) if elementwise_affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., *normalized_shape) to the same shape."""
        _check_last("LayerNorm", x, self.normalized_shape)
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"


class GroupNorm(Module):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, mean and variance of each group of channels of each example
    (Wu and He 2018).

    Parameters
    ----------
    num_groups : int
        How many groups; divides the channels.
    num_channels : int
        Channels of the input.
    eps : float
        Added to the variance.
    affine : bool
        Whether to scale, and with `bias` shift, every channel by what is learned.
    bias : bool
        Whether to shift.

    Shapes
    ------
    Input (N, C, ...); output of the same shape; ``weight`` and ``bias`` (C,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.GroupNorm(2, 4)(wb.randn(2, 4, 3)).shape
    (2, 4, 3)
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
                 device: str | None = None, dtype: Any = None, bias: bool = True) -> None:
        super().__init__()
        whole("GroupNorm", 1, num_groups=num_groups)
        whole("GroupNorm", num_channels=num_channels)
        if num_channels % num_groups:
            raise ArgumentError(f"GroupNorm: num_channels={num_channels} must be divisible by num_groups={num_groups}")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.weight = Parameter(ops.ones(num_channels, device=device, dtype=dtype)) if affine else None
        self.bias = Parameter(ops.zeros(num_channels, device=device, dtype=dtype)) if affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same shape."""
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(f"GroupNorm: expected {self.num_channels} channels (num_channels) on axis 1, got "
                             f"{tuple(x.shape)}")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"


class RMSNorm(Module):
    """``y = x / sqrt(mean(x^2) + eps) * weight`` over the last axes (Zhang and Sennrich 2019).

    Parameters
    ----------
    normalized_shape : int or sequence of int
        Lengths of the last axes, over which the mean is taken.
    eps : float, optional
        Added to the mean square; the machine epsilon of the dtype if None.
    elementwise_affine : bool
        Whether to scale by what is learned.

    Shapes
    ------
    Input (..., *normalized_shape); output of the same shape; ``weight`` (*normalized_shape,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.RMSNorm(4)(wb.randn(2, 4)).shape
    (2, 4)
    """

    def __init__(self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True,
                 device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        scale = ops.ones(self.normalized_shape, device=device, dtype=dtype)
        self.weight = Parameter(scale) if elementwise_affine else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., *normalized_shape) to the same shape."""
        _check_last("RMSNorm", x, self.normalized_shape)
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class ScaleNorm(Module):
    """``y = g x / |x|`` with one learned length g and the Euclidean norm over the last axis (Nguyen and Salazar 2019).

    Parameters
    ----------
    scale : float
        What g starts from; the paper takes the square root of the length of the axis.
    eps : float
        Norms count as at least this.

    Shapes
    ------
    Any shape to the same shape; ``g`` has no axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.ScaleNorm(10.0)(wb.tensor([3.0, 4.0])).tolist()
    [6.0, 8.0]
    """

    def __init__(self, scale: float, eps: float = 1e-5, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        self.eps = eps
        self.scale = Parameter(ops.full((), float(scale), device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to the same shape."""
        return self.scale * F.normalize(x, dim=-1, eps=self.eps)

    def extra_repr(self) -> str:
        """Settings."""
        return f"eps={self.eps}"


def _check_last(what: str, x: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(x.shape[-len(shape):]) != shape:
        raise ShapeError(f"{what}: expected last axes of {shape} (normalized_shape), got an input of shape "
                         f"{tuple(x.shape)}")

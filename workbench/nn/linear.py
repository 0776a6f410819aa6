"""Layers that multiply by a matrix, and those that only reshape."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ShapeError
from . import functional as F
from . import init
from .checks import whole
from .module import Module
from .parameter import Parameter


class Linear(Module):
    """``y = x W' + b`` (Rosenblatt 1958).

    Parameters
    ----------
    in_features, out_features : int
        Lengths of the last axis of input and output.
    bias : bool
        Whether to add b.

    Shapes
    ------
    Input (..., in_features), output (..., out_features); ``weight`` (out_features, in_features), ``bias`` (out_features,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Linear(4, 3)(wb.ones(2, 4)).shape
    (2, 3)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: str | None = None,
                 dtype: Any = None) -> None:
        super().__init__()
        whole("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(ops.empty(out_features, in_features, device=device, dtype=dtype))
        self.bias = Parameter(ops.empty(out_features, device=device, dtype=dtype)) if bias else None
        init.fan_in_uniform_(self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        if x.shape[-1:] != (self.in_features,):
            raise ShapeError(f"Linear: expected a last axis of {self.in_features} (in_features), got an input of shape "
                             f"{tuple(x.shape)}; flatten it first, or change in_features")
        return F.linear(x, self.weight, self.bias)

    def kronecker_rows(self, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """What K-FAC makes its factors of: inputs and gradients at the outputs, (1, places, features)."""
        return x.reshape(1, -1, x.shape[-1]), g.reshape(1, -1, g.shape[-1])

    def extra_repr(self) -> str:
        """Settings."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """``y_k = a' W_k b + bias_k`` (Tenenbaum and Freeman 2000).

    Parameters
    ----------
    in1_features, in2_features : int
        Lengths of the last axes of the inputs.
    out_features : int
        Length of the last axis of the output.
    bias : bool
        Whether to add a learned bias.

    Shapes
    ------
    Inputs (..., in1_features) and (..., in2_features); output (..., out_features); ``weight`` (out_features,
    in1_features, in2_features), ``bias`` (out_features,).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Bilinear(2, 3, 4)(wb.ones(5, 2), wb.ones(5, 3)).shape
    (5, 4)
    """

    def __init__(self, in1_features: int, in2_features: int, out_features: int, bias: bool = True,
                 device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        whole("Bilinear", 1, in1_features=in1_features)
        whole("Bilinear", in2_features=in2_features, out_features=out_features)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(ops.empty(out_features, in1_features, in2_features, device=device, dtype=dtype))
        self.bias = Parameter(ops.empty(out_features, device=device, dtype=dtype)) if bias else None
        bound = 1 / math.sqrt(in1_features)
        init.uniform_(self.weight, -bound, bound)
        if bias:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(..., in1_features) and (..., in2_features) to (..., out_features)."""
        if a.shape[-1:] != (self.in1_features,) or b.shape[-1:] != (self.in2_features,) or a.shape[:-1] != b.shape[:-1]:
            raise ShapeError(f"Bilinear: expected inputs (..., {self.in1_features}) and (..., {self.in2_features}) "
                             f"alike in front, got {tuple(a.shape)} and {tuple(b.shape)}")
        y = ops.einsum("...i,kij,...j->...k", a, self.weight, b)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """Settings."""
        return f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Identity(Module):
    """``y = x``: passes its input on, whatever arguments it was made with.

    Parameters
    ----------
    args, kwargs : object
        Accepted and ignored, so that it can stand for any layer.

    Shapes
    ------
    Any shape to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Identity()(wb.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """`x`."""
        return x


class Flatten(Module):
    """``y = x.reshape(N, -1)``: axes from `start_dim` to `end_dim` merged into one.

    Parameters
    ----------
    start_dim : int
        The first axis that is merged.
    end_dim : int
        The last axis that is merged.

    Shapes
    ------
    Input (N, a, b, ...); output (N, a * b * ...), or as many axes merged as `start_dim` and `end_dim` say.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Flatten()(wb.ones(2, 3, 4)).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        """(N, a, b, ...) to (N, a * b * ...)."""
        return x.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Settings."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """``y = x.reshape(..., *unflattened_size, ...)``: one axis split into several.

    Parameters
    ----------
    dim : int
        The axis that is split.
    unflattened_size : sequence of int
        The lengths of the new axes, whose product is n.

    Shapes
    ------
    Input (..., n, ...); output (..., *unflattened_size, ...).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Unflatten(1, (3, 4))(wb.ones(2, 12)).shape
    (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        """Axis `dim` replaced by axes of the lengths `unflattened_size`."""
        return ops.unflatten(x, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Settings."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"

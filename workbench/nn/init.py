"""Initial values of parameters, written in place; names and formulas are PyTorch's."""
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..core import Tensor, no_grad
from ..core.errors import ArgumentError, ShapeError
from ..ops import random

_GAINS = {"linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0, "conv_transpose2d": 1.0,
          "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """How much to widen initial weights in front of a nonlinearity.

    Examples
    --------
    >>> from workbench import nn
    >>> round(nn.init.calculate_gain("relu"), 3)
    1.414
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ArgumentError(f"calculate_gain: {nonlinearity!r} is not known; expected "
                            f"{', '.join([*_GAINS, 'leaky_relu'])}")
    return _GAINS[nonlinearity]


def _fill(tensor: Tensor, draw: Callable[[np.random.Generator], np.ndarray]) -> Tensor:
    with no_grad():
        return tensor.copy_(draw(random.generator()).astype(tensor.dtype))


def _fans(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ShapeError(f"init: a tensor of shape {tuple(tensor.shape)} has no fan in and fan out; it needs two axes")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Uniform between `a` and `b`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.init.uniform_(wb.empty(2), 3, 3).tolist()
    [3.0, 3.0]
    """
    return _fill(tensor, lambda rng: rng.uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Normal with `mean` and `std`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.init.normal_(wb.empty(2), 3, 0).tolist()
    [3.0, 3.0]
    """
    return _fill(tensor, lambda rng: rng.normal(mean, std, tensor.shape))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.init.constant_(wb.empty(2), 3).tolist()
    [3.0, 3.0]
    """
    return _fill(tensor, lambda rng: np.full(tensor.shape, val))


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix."""
    return _fill(tensor, lambda rng: np.eye(*tensor.shape))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Uniform with variance ``2 gain^2 / (fan_in + fan_out)`` (Glorot and Bengio 2010).

    Examples
    --------
    >>> import workbench as wb
    >>> bool(wb.nn.init.xavier_uniform_(wb.empty(50, 50)).abs().max() <= 0.25)
    True
    """
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Normal with variance ``2 gain^2 / (fan_in + fan_out)`` (Glorot and Bengio 2010)."""
    return normal_(tensor, 0, gain * math.sqrt(2 / sum(_fans(tensor))))


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"init: mode={mode!r}; expected 'fan_in' or 'fan_out'")
    return _fans(tensor)[mode == "fan_out"]


def kaiming_uniform_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """Uniform with variance ``gain^2 / fan`` (He et al. 2015)."""
    bound = math.sqrt(3) * calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """Normal with variance ``gain^2 / fan`` (He et al. 2015)."""
    return normal_(tensor, 0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)))


def trunc_normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Tensor:
    """Normal, drawn again where it falls outside `a` to `b`."""
    def draw(rng: np.random.Generator) -> np.ndarray:
        out = rng.normal(mean, std, tensor.shape)
        while (outside := (out < a) | (out > b)).any():
            out[outside] = rng.normal(mean, std, int(outside.sum()))
        return out

    if not a < b or a > mean + 8 * std or b < mean - 8 * std:
        raise ArgumentError(f"trunc_normal_: the interval from a={a} to b={b} holds almost nothing of the distribution")
    return _fill(tensor, draw)


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Rows (or columns) that are orthogonal, times `gain` (Saxe et al. 2013)."""
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: a tensor of shape {tuple(tensor.shape)} needs two axes")

    def draw(rng: np.random.Generator) -> np.ndarray:
        q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))
        return gain * (q if rows >= columns else q.T).reshape(tensor.shape)

    return _fill(tensor, draw)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01) -> Tensor:
    """Normal, with a share of `sparsity` of every column set to zero (Martens 2010)."""
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: a tensor of shape {tuple(tensor.shape)}; expected two axes")
    rows, columns = tensor.shape

    def draw(rng: np.random.Generator) -> np.ndarray:
        out = rng.normal(0, std, (rows, columns))
        zeros = rng.permuted(np.tile(np.arange(rows), (columns, 1)), axis=1)[:, :math.ceil(sparsity * rows)]
        out[zeros, np.arange(columns)[:, None]] = 0
        return out

    return _fill(tensor, draw)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Filters of a convolution that pass on as many channels as they can, group by group.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.init.dirac_(wb.empty(1, 1, 3)).tolist()
    [[[0.0, 1.0, 0.0]]]
    """
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ShapeError(f"dirac_: a tensor of shape {tuple(tensor.shape)}; expected 3 to 5 axes, the first divisible "
                         f"by groups={groups}")
    out = np.zeros(tensor.shape)
    per_group = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    for group in range(groups):
        for channel in range(min(per_group, tensor.shape[1])):
            out[(group * per_group + channel, channel, *middle)] = 1
    return _fill(tensor, lambda rng: out)


def fan_in_uniform_(weight: Tensor, bias: Tensor | None) -> None:
    """What linear and convolution layers start from: both uniform within ``1 / sqrt(fan_in)``."""
    bound = 1 / math.sqrt(max(_fans(weight)[0], 1))
    uniform_(weight, -bound, bound)
    if bias is not None:
        uniform_(bias, -bound, bound)

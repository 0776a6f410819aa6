"""Initial values of parameters, written in place; names and formulas are PyTorch's, for LeCun's and delta-orthogonal JAX's.

A `generator` of NumPy may be given to those that draw; by default it is the one that `manual_seed` starts.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core import Tensor, no_grad
from ..core.errors import ArgumentError, CheckpointError, ShapeError
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


Generator = np.random.Generator | None


def _fill(tensor: Tensor, draw: Callable[[np.random.Generator], np.ndarray], generator: Generator = None) -> Tensor:
    with no_grad():
        return tensor.copy_(draw(generator or random.generator()).astype(tensor.dtype))


def _fans(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ShapeError(f"init: a tensor of shape {tuple(tensor.shape)} has no fan in and fan out; it needs two axes")
    field = math.prod(tensor.shape[2:])
    return max(tensor.shape[1] * field, 1), max(tensor.shape[0] * field, 1)  # of a tensor without numbers any will do


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator = None) -> Tensor:
    """Uniform between `a` and `b`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.init.uniform_(wb.empty(2), 3, 3).tolist()
    [3.0, 3.0]
    """
    return _fill(tensor, lambda rng: rng.uniform(a, b, tensor.shape), generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator = None) -> Tensor:
    """Normal with `mean` and `std`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.init.normal_(wb.empty(2), 3, 0).tolist()
    [3.0, 3.0]
    """
    return _fill(tensor, lambda rng: rng.normal(mean, std, tensor.shape), generator)


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
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: expected a matrix, got a tensor of shape {tuple(tensor.shape)}")
    return _fill(tensor, lambda rng: np.eye(*tensor.shape))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """Uniform with variance ``2 gain^2 / (fan_in + fan_out)`` (Glorot and Bengio 2010).

    Examples
    --------
    >>> import workbench as wb
    >>> bool(wb.nn.init.xavier_uniform_(wb.empty(50, 50)).abs().max() <= 0.25)
    True
    """
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """Normal with variance ``2 gain^2 / (fan_in + fan_out)`` (Glorot and Bengio 2010)."""
    return normal_(tensor, 0, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"init: mode={mode!r}; expected 'fan_in' or 'fan_out'")
    return _fans(tensor)[mode == "fan_out"]


def kaiming_uniform_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                     generator: Generator = None) -> Tensor:
    """Uniform with variance ``gain^2 / fan`` (He et al. 2015)."""
    bound = math.sqrt(3) * calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                    generator: Generator = None) -> Tensor:
    """Normal with variance ``gain^2 / fan`` (He et al. 2015)."""
    return normal_(tensor, 0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


def lecun_uniform_(tensor: Tensor, generator: Generator = None) -> Tensor:
    """Uniform with variance ``1 / fan_in`` (LeCun et al. 1998), which keeps SELU networks normalized.

    Examples
    --------
    >>> import workbench as wb
    >>> bool(wb.nn.init.lecun_uniform_(wb.empty(50, 3)).abs().max() <= 1.0)
    True
    """
    bound = math.sqrt(3 / _fan(tensor, "fan_in"))
    return uniform_(tensor, -bound, bound, generator)


_TRUNCATED = 0.87962566103423978  # the standard deviation of a standard normal cut off at -2 and 2


def lecun_normal_(tensor: Tensor, generator: Generator = None) -> Tensor:
    """Normal, cut off at two standard deviations, with variance ``1 / fan_in`` (LeCun et al. 1998; Klambauer et al. 2017).

    Examples
    --------
    >>> import workbench as wb
    >>> bool(wb.nn.init.lecun_normal_(wb.empty(50, 4)).abs().max() <= 1.14)
    True
    """
    std = 1 / math.sqrt(_fan(tensor, "fan_in")) / _TRUNCATED
    return trunc_normal_(tensor, 0.0, std, -2 * std, 2 * std, generator)


def trunc_normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
                  generator: Generator = None) -> Tensor:
    """Normal, drawn again where it falls outside `a` to `b`."""
    def draw(rng: np.random.Generator) -> np.ndarray:
        out = rng.normal(mean, std, tensor.shape)
        while (outside := (out < a) | (out > b)).any():
            out[outside] = rng.normal(mean, std, int(outside.sum()))
        return out

    if not a < b or a > mean + 8 * std or b < mean - 8 * std:
        raise ArgumentError(f"trunc_normal_: the interval from a={a} to b={b} holds almost nothing of the distribution")
    return _fill(tensor, draw, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator = None) -> Tensor:
    """Rows (or columns) that are orthogonal, times `gain` (Saxe et al. 2013)."""
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: a tensor of shape {tuple(tensor.shape)} needs two axes")
    draw = lambda rng: gain * _orthogonal(rng, tensor.shape[0], math.prod(tensor.shape[1:])).reshape(tensor.shape)
    return _fill(tensor, draw, generator)


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A matrix drawn evenly from those with orthonormal columns, or rows if it is wide (Mezzadri 2007)."""
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return q if rows >= columns else q.T


def delta_orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator = None) -> Tensor:
    """Filters (O, C, ...) of a convolution that turn the channels of each place, and see no other place (Xiao et al. 2018).

    Examples
    --------
    >>> import workbench as wb
    >>> w = wb.nn.init.delta_orthogonal_(wb.empty(3, 2, 5))
    >>> bool((w[:, :, 2].T @ w[:, :, 2] - wb.eye(2)).abs().max() < 1e-6), w[:, :, [0, 1, 3, 4]].abs().max().item()
    (True, 0.0)
    """
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] < tensor.shape[1]:
        raise ShapeError(f"delta_orthogonal_: a tensor of shape {tuple(tensor.shape)}; expected filters (O, C, ...) of 3 to 5 axes with O of at least C")

    def draw(rng: np.random.Generator) -> np.ndarray:
        out = np.zeros(tensor.shape)
        out[(..., *((n - 1) // 2 for n in tensor.shape[2:]))] = gain * _orthogonal(rng, *tensor.shape[:2])
        return out

    return _fill(tensor, draw, generator)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator = None) -> Tensor:
    """Normal, with a share of `sparsity` of every column set to zero (Martens 2010)."""
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: a tensor of shape {tuple(tensor.shape)}; expected two axes")
    rows, columns = tensor.shape

    def draw(rng: np.random.Generator) -> np.ndarray:
        out = rng.normal(0, std, (rows, columns))
        zeros = rng.permuted(np.tile(np.arange(rows), (columns, 1)), axis=1)[:, :math.ceil(sparsity * rows)]
        out[zeros, np.arange(columns)[:, None]] = 0
        return out

    return _fill(tensor, draw, generator)


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
    bound = 1 / math.sqrt(_fans(weight)[0])
    uniform_(weight, -bound, bound)
    if bias is not None:
        uniform_(bias, -bound, bound)


class Transferred(NamedTuple):
    """What `from_pretrained` did with each name: ours for those copied and those not found, the source's for the others."""

    copied: list[str]
    not_found: list[str]
    unused: list[str]
    other_shape: list[str]


def from_pretrained(module: Any, source: Any, mapping: Mapping[str, str | None] | Callable[[str], str | None] | None = None) -> Transferred:
    """Start `module` from the weights of another: whatever fits by name and shape is copied, the rest keeps its initial values.

    Parameters
    ----------
    module : Module
    source : Module or mapping of str to Tensor or array
        Another model, or its state.
    mapping : dict or callable, optional
        From names of the source to names of `module`. In a dict, a key that ends with a dot (or is empty) stands for all names that
        begin with it, the longest counts, and None leaves a name out. A callable gets each name.

    Returns
    -------
    Transferred
        ``copied`` and ``not_found``: names of `module`; ``unused`` and ``other_shape``: names of the source.

    Raises
    ------
    CheckpointError
        If nothing fits, or two names of the source would become one.

    Examples
    --------
    >>> from workbench import nn
    >>> backbone = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 10))
    >>> model = nn.ModuleDict({"body": nn.Sequential(nn.Linear(4, 8)), "head": nn.Linear(8, 2)})
    >>> report = nn.init.from_pretrained(model, backbone, mapping={"": "body.", "2.": "head."})
    >>> report.copied, report.not_found, report.other_shape
    (['body.0.weight', 'body.0.bias'], ['head.weight', 'head.bias'], ['2.weight', '2.bias'])
    """
    state = source if isinstance(source, Mapping) else source.state_dict()
    own = module.state_dict()
    renamed = mapping if callable(mapping) else lambda name: _renamed(name, mapping or {})
    found: dict[str, Any] = {}
    unused, other_shape = [], []
    for name, value in state.items():
        target = renamed(name)
        if target is None or target not in own:
            unused.append(name)
        elif target in found:
            raise CheckpointError(f"from_pretrained: two names of the source become {target!r}, one of them {name!r}; correct the mapping")
        elif hasattr(own[target], "materialize") or tuple(own[target].shape) == tuple(value.shape):
            found[target] = value
        else:
            other_shape.append(name)
    if not found:
        raise CheckpointError(f"from_pretrained: nothing of the source fits {type(module).__name__}. The source has {_some(state)}; the model has "
                              f"{_some(own)}; give a mapping")
    module.load_state_dict(found, strict=False)
    return Transferred(list(found), [name for name in own if name not in found], unused, other_shape)


def _renamed(name: str, mapping: Mapping[str, str | None]) -> str | None:
    fitting = [key for key in mapping if key == name or ((not key or key.endswith(".")) and name.startswith(key))]
    if not fitting:
        return name
    longest = max(fitting, key=len)
    target = mapping[longest]
    return None if target is None else target + name[len(longest):]


def _some(state: Mapping[str, Any]) -> str:
    names = list(state)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

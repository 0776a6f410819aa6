"""Activations that PyTorch lacks: gated halves, the largest of several pieces, and functions with learned numbers.

A learned number is one for all, or one per channel (axis 1), as in `prelu`.
"""
from __future__ import annotations

from collections.abc import Callable

from ... import ops
from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError
from .activation import elu, halves


def swiglu(input: Tensor, dim: int = -1) -> Tensor:
    """`silu` of the first half of `dim` times the second (Shazeer 2020).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.swiglu(wb.tensor([0.0, 2.0])).tolist()
    [0.0]
    """
    return _gated("swiglu", ops.silu, input, dim)


def geglu(input: Tensor, dim: int = -1) -> Tensor:
    """`gelu` of the first half of `dim` times the second (Shazeer 2020).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.geglu(wb.tensor([0.0, 2.0])).tolist()
    [0.0]
    """
    return _gated("geglu", ops.gelu, input, dim)


def reglu(input: Tensor, dim: int = -1) -> Tensor:
    """`relu` of the first half of `dim` times the second (Shazeer 2020).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.reglu(wb.tensor([3.0, 2.0])).tolist()
    [6.0]
    """
    return _gated("reglu", ops.relu, input, dim)


def _gated(what: str, function: Callable[[Tensor], Tensor], x: Tensor, dim: int) -> Tensor:
    first, second = halves(what, x, dim)
    return function(first) * second


def maxout(input: Tensor, num_pieces: int = 2, dim: int = -1) -> Tensor:
    """The largest of every `num_pieces` neighbours along `dim` (Goodfellow et al. 2013).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.maxout(wb.tensor([1.0, 5.0, 3.0, 2.0])).tolist()
    [5.0, 3.0]
    """
    if num_pieces < 1:
        raise ArgumentError(f"maxout: num_pieces={num_pieces}; expected at least 1")
    axis = ops.movement.axis_of(dim, input.ndim, "maxout")
    if input.shape[axis] % num_pieces:
        raise ShapeError(f"maxout: axis {dim} of an input of shape {tuple(input.shape)} cannot be divided into groups of num_pieces={num_pieces}")
    return ops.amax(input.reshape(*input.shape[:axis], input.shape[axis] // num_pieces, num_pieces, *input.shape[axis + 1:]), axis + 1)


def squared_relu(input: Tensor) -> Tensor:
    """``max(x, 0)`` squared (So et al. 2021).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.squared_relu(wb.tensor([-1.0, 3.0])).tolist()
    [0.0, 9.0]
    """
    return ops.square(ops.relu(input))


def swish(input: Tensor, beta: Tensor) -> Tensor:
    """``x sigmoid(beta x)`` (Ramachandran et al. 2017).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.swish(wb.tensor([0.0, 2.0]), wb.tensor(0.0)).tolist()
    [0.0, 1.0]
    """
    return input * ops.sigmoid(_per_channel("swish", "beta", beta, input) * input)


def snake(input: Tensor, alpha: Tensor) -> Tensor:
    """``x + sin(alpha x)^2 / alpha``, x itself where alpha is 0: periodic, yet it grows (Ziyin et al. 2020).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.snake(wb.tensor([0.0, 2.0]), wb.tensor(0.0)).tolist()
    [0.0, 2.0]
    """
    alpha = _per_channel("snake", "alpha", alpha, input)
    # sinc(t) = sin(pi t) / (pi t) has its limit built in, so nothing is divided by alpha.
    return input + alpha * ops.square(input * ops.sinc(alpha * input * 0.3183098861837907))


def pelu(input: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """``alpha / beta x`` where x is positive, else ``alpha (exp(x / beta) - 1)`` (Trottier et al. 2016).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.pelu(wb.tensor([0.0, 2.0]), wb.tensor(1.0), wb.tensor(2.0)).tolist()
    [0.0, 1.0]
    """
    return _per_channel("pelu", "alpha", alpha, input) * elu(input / _per_channel("pelu", "beta", beta, input))


def acon(input: Tensor, p1: Tensor, p2: Tensor, beta: Tensor) -> Tensor:
    """``d x sigmoid(beta d x) + p2 x`` with ``d = p1 - p2``: between linear and the larger of p1 x and p2 x (Ma et al. 2021).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.acon(wb.tensor([2.0]), wb.tensor(1.0), wb.tensor(0.0), wb.tensor(0.0)).tolist()
    [1.0]
    """
    p1, p2, beta = (_per_channel("acon", name, value, input) for name, value in (("p1", p1), ("p2", p2), ("beta", beta)))
    part = (p1 - p2) * input
    return part * ops.sigmoid(beta * part) + p2 * input


def _per_channel(what: str, name: str, value: Tensor, x: Tensor) -> Tensor:
    """`value` so that it multiplies the channels of `x`."""
    if value.size == 1:
        return value.reshape(())
    if value.ndim != 1 or x.ndim < 2 or value.shape[0] != x.shape[1]:
        raise ShapeError(f"{what}: {name} of shape {tuple(value.shape)} for an input of shape {tuple(x.shape)}; expected one number, or one for each "
                         "channel (axis 1)")
    return value.reshape(-1, *(1,) * (x.ndim - 2))

"""Dropout of numbers and of whole channels, and the kind that keeps mean and variance.

All return the input itself unless `training`; `inplace` is accepted so that code carries over, and changes nothing.
"""
from __future__ import annotations

from ... import ops
from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError
from ...ops.random import keep_mask

SELU_LOW = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Numbers set to zero with probability `p`, the others divided by ``1 - p`` (Srivastava et al. 2014).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.dropout(wb.ones(2), training=False).tolist()
    [1.0, 1.0]
    """
    return ops.dropout(input, p, training)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, L) or (C, L) dropped (Tompson et al. 2014).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.dropout1d(wb.ones(1, 2), training=False).tolist()
    [[1.0, 1.0]]
    """
    return _channels("dropout1d", input, p, training, 1)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, H, W) or (C, H, W) dropped (Tompson et al. 2014).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.dropout2d(wb.ones(1, 2, 3, 3)).shape
    (1, 2, 3, 3)
    """
    return _channels("dropout2d", input, p, training, 2)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) dropped (Tompson et al. 2014).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.dropout3d(wb.ones(1, 2, 3, 3, 3)).shape
    (1, 2, 3, 3, 3)
    """
    return _channels("dropout3d", input, p, training, 3)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Numbers set to SELU's lower limit, then all scaled to keep mean 0 and variance 1 (Klambauer et al. 2017).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.alpha_dropout(wb.ones(2)).tolist()
    [1.0, 1.0]
    """
    return _alpha("alpha_dropout", input, p, training, tuple(input.shape))


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, ...).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.feature_alpha_dropout(wb.ones(1, 2)).tolist()
    [[1.0, 1.0]]
    """
    if input.ndim < 2:
        raise ShapeError(f"feature_alpha_dropout: expected an input (N, C, ...), got {tuple(input.shape)}")
    return _alpha("feature_alpha_dropout", input, p, training, (*input.shape[:2], *(1,) * (input.ndim - 2)))


def _probability(what: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ArgumentError(f"{what}: p={p}; expected a probability between 0 and 1")


def _channels(what: str, x: Tensor, p: float, training: bool, axes: int) -> Tensor:
    _probability(what, p)
    if x.ndim not in (axes + 1, axes + 2):
        raise ShapeError(f"{what}: expected {axes + 1} or {axes + 2} axes, got {tuple(x.shape)}")
    if not training or p == 0:
        return x
    return x * 0 if p == 1 else x * keep_mask((*x.shape[:-axes], *(1,) * axes), p, x)


def _alpha(what: str, x: Tensor, p: float, training: bool, shape: tuple[int, ...]) -> Tensor:
    _probability(what, p)
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    scale = ((1 - p) * (1 + p * SELU_LOW**2)) ** -0.5
    kept = keep_mask(shape, p, x) * (1 - p)
    return scale * (x * kept + SELU_LOW * (1 - kept) - SELU_LOW * p)

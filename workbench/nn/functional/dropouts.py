"""Dropout of numbers, of whole channels, of blocks and of whole samples, and noise in its place.

All return the input itself unless `training`; `inplace` is accepted so that code carries over, and changes nothing.
"""
from __future__ import annotations

import math

from ... import ops
from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError
from ...ops.pooling import max_pool2d, max_pool3d
from ...ops.random import keep_mask
from .padding import pad

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


def variational_dropout(input: Tensor, p: float = 0.5, training: bool = True, dim: int = 0) -> Tensor:
    """`dropout` with the same mask all along `dim`, the axis of time (Gal and Ghahramani 2016).

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.nn.functional.variational_dropout(wb.ones(5, 2, 3))
    >>> bool((x == x[0]).all())
    True
    """
    _probability("variational_dropout", p)
    if not -input.ndim <= dim < input.ndim:
        raise ShapeError(f"variational_dropout: dim={dim} for an input of shape {tuple(input.shape)}")
    return _masked(input, p, training, tuple(1 if a == dim % input.ndim else n for a, n in enumerate(input.shape)))


def gaussian_dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Numbers multiplied by normal ones of mean 1 and variance ``p / (1 - p)`` (Srivastava et al. 2014).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.gaussian_dropout(wb.ones(2), training=False).tolist()
    [1.0, 1.0]
    """
    if not 0 <= p < 1:
        raise ArgumentError(f"gaussian_dropout: p={p}; expected a probability from 0 to below 1")
    return input * (1 + _normal(input) * (p / (1 - p)) ** 0.5) if training and p else input


def gaussian_noise(input: Tensor, stddev: float, training: bool = True) -> Tensor:
    """Normal numbers of standard deviation `stddev` added.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.gaussian_noise(wb.ones(2), 0.1, training=False).tolist()
    [1.0, 1.0]
    """
    if stddev < 0:
        raise ArgumentError(f"gaussian_noise: stddev={stddev}; expected at least 0")
    return input + _normal(input) * stddev if training and stddev else input


def drop_block2d(input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6, training: bool = True) -> Tensor:
    """Squares of every channel dropped, about a share `p`, the rest scaled to keep the mean (Ghiasi et al. 2018).

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W)
    p : float
    block_size : int
        Side of a square; a smaller image has squares of its size.
    eps : float
        Keeps the scale finite when nothing is left.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.drop_block2d(wb.ones(1, 2, 8, 8), 0.1, 3).shape
    (1, 2, 8, 8)
    """
    return _blocks("drop_block2d", input, p, block_size, eps, training, 2)


def drop_block3d(input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6, training: bool = True) -> Tensor:
    """Cubes of every channel of (N, C, D, H, W) dropped; arguments as in `drop_block2d`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.drop_block3d(wb.ones(1, 2, 8, 8, 8), 0.1, 3).shape
    (1, 2, 8, 8, 8)
    """
    return _blocks("drop_block3d", input, p, block_size, eps, training, 3)


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """All of `input` (``mode="batch"``), or whole samples of (N, ...) (``"row"``), dropped (Huang et al. 2016).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.stochastic_depth(wb.ones(2, 3), 1.0, "batch").tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    _probability("stochastic_depth", p)
    check_mode("stochastic_depth", mode)
    if mode == "row" and input.ndim == 0:
        raise ShapeError("stochastic_depth: a tensor without axes has no samples; use mode='batch'")
    return _masked(input, p, training, (input.shape[0] if mode == "row" else 1, *(1,) * (input.ndim - 1))[: input.ndim])


def check_mode(what: str, mode: str) -> None:
    """Refuse a mode of stochastic depth that there is not."""
    if mode not in ("batch", "row"):
        raise ArgumentError(f"{what}: mode={mode!r}; expected 'batch' or 'row'")


def _probability(what: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ArgumentError(f"{what}: p={p}; expected a probability between 0 and 1")


def _channels(what: str, x: Tensor, p: float, training: bool, axes: int) -> Tensor:
    _probability(what, p)
    if x.ndim not in (axes + 1, axes + 2):
        raise ShapeError(f"{what}: expected {axes + 1} or {axes + 2} axes, got {tuple(x.shape)}")
    return _masked(x, p, training, (*x.shape[:-axes], *(1,) * axes))


def _masked(x: Tensor, p: float, training: bool, shape: tuple[int, ...]) -> Tensor:
    """`x` times a mask of `shape`, which broadcasts."""
    if not training or p == 0:
        return x
    return x * 0 if p == 1 else x * keep_mask(shape, p, x)


def _normal(like: Tensor) -> Tensor:
    return ops.randn(*like.shape, dtype=like.dtype, device=like.device)


def _blocks(what: str, x: Tensor, p: float, block_size: int, eps: float, training: bool, axes: int) -> Tensor:
    _probability(what, p)
    if block_size < 1:
        raise ArgumentError(f"{what}: block_size={block_size}; expected at least 1")
    if x.ndim != axes + 2:
        raise ShapeError(f"{what}: expected {axes + 2} axes, got {tuple(x.shape)}")
    if not training or p == 0:
        return x
    side = min(block_size, *x.shape[2:])
    corners = tuple(n - side + 1 for n in x.shape[2:])
    # So many corners that blocks, if they did not overlap, would cover the share p.
    share = min(p * math.prod(x.shape[2:]) / (side**axes * math.prod(corners)), 1.0)
    drawn = ops.bernoulli(ops.full((*x.shape[:2], *corners), share, dtype=x.dtype, device=x.device))
    covered = (max_pool2d if axes == 2 else max_pool3d)(pad(drawn, (side - 1,) * (2 * axes)), side, 1)
    kept = 1 - covered
    return x * kept * (math.prod(x.shape) / (eps + ops.sum(kept)))


def _alpha(what: str, x: Tensor, p: float, training: bool, shape: tuple[int, ...]) -> Tensor:
    _probability(what, p)
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    scale = ((1 - p) * (1 + p * SELU_LOW**2)) ** -0.5
    kept = keep_mask(shape, p, x) * (1 - p)
    return scale * (x * kept + SELU_LOW * (1 - kept) - SELU_LOW * p)

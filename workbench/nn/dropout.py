"""Layers that drop parts of their input while training.

``inplace`` is accepted so that code carries over; the input is never overwritten, its memory may be wanted by the tape.
"""
from __future__ import annotations

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from ..ops.random import keep_mask
from .module import Module


class Dropout(Module):
    """In training each number is zero with probability `p`, the others are divided by 1 - p (Srivastava et al. 2014).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Dropout(0.5).eval()(wb.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"{type(self).__name__}: p={p}; expected a probability between 0 and 1")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return ops.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """Settings."""
        return f"p={self.p}"


class _ChannelDropout(Dropout):
    ranks: tuple[int, ...]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same shape."""
        if x.ndim not in self.ranks:
            raise ShapeError(f"{type(self).__name__}: expected {' or '.join(map(str, self.ranks))} axes, got "
                             f"{tuple(x.shape)}")
        if not self.training or self.p == 0:
            return x
        return x * 0 if self.p == 1 else x * keep_mask((*x.shape[:1 - self.ranks[0]], *(1,) * (self.ranks[0] - 1)),
                                                       self.p, x)


class Dropout1d(_ChannelDropout):
    """In training whole channels of (N, C, L) or (C, L) are dropped (Tompson et al. 2014).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Dropout1d(0.5).eval()(wb.ones(1, 2, 3)).shape
    (1, 2, 3)
    """

    ranks = (2, 3)


class Dropout2d(_ChannelDropout):
    """In training whole channels of (N, C, H, W) or (C, H, W) are dropped (Tompson et al. 2014).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Dropout2d(0.5).eval()(wb.ones(1, 2, 3, 3)).shape
    (1, 2, 3, 3)
    """

    ranks = (3, 4)


class AlphaDropout(Dropout):
    """In training numbers are set to SELU's lower limit, then all are scaled to keep mean 0 and variance 1 (Klambauer et al. 2017).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.AlphaDropout(0.5).eval()(wb.ones(2)).tolist()
    [1.0, 1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return x * 0
        low = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717
        scale = ((1 - self.p) * (1 + self.p * low**2)) ** -0.5
        kept = keep_mask(x.shape, self.p, x) * (1 - self.p)
        return scale * (x * kept + low * (1 - kept) - low * self.p)

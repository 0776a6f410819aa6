"""Layers that drop parts of their input while training."""
from __future__ import annotations

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError
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

    def __init__(self, p: float = 0.5) -> None:
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


class Dropout2d(Dropout):
    """In training whole channels of (N, C, H, W) are dropped (Tompson et al. 2014).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Dropout2d(0.5).eval()(wb.ones(1, 2, 3, 3)).shape
    (1, 2, 3, 3)
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same shape."""
        if not self.training or self.p == 0:
            return x
        return x * 0 if self.p == 1 else x * keep_mask((*x.shape[:2], *(1,) * (x.ndim - 2)), self.p, x)

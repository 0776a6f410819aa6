"""Activations with numbers that are learned, one for all or one per channel, as `PReLU` has them."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError
from . import functional as F
from .module import Module
from .parameter import Parameter


class LearnedActivation(Module):
    """Base of the layers below: a function of the input and of learned numbers, which begin at `init`."""

    function: Callable[..., Tensor]

    def __init__(self, num_parameters: int, device: str | None, dtype: Any, **init: float) -> None:
        super().__init__()
        if num_parameters < 1:
            raise ArgumentError(f"{type(self).__name__}: num_parameters={num_parameters}; expected 1, or the number of channels")
        self.num_parameters, self._learned = num_parameters, tuple(init)
        for name, value in init.items():
            setattr(self, name, Parameter(ops.full((num_parameters,), float(value), device=device, dtype=dtype)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same shape; with one parameter, any shape."""
        return type(self).function(x, *(getattr(self, name) for name in self._learned))

    def extra_repr(self) -> str:
        """Settings."""
        return f"num_parameters={self.num_parameters}"


class Swish(LearnedActivation):
    """``x sigmoid(beta x)`` with a learned beta: from half of x (0) over `SiLU` (1) to `ReLU` (Ramachandran et al. 2017).

    Parameters
    ----------
    num_parameters : int
        1, or the number of channels.
    init : float
        What beta begins with.

    Shapes
    ------
    Input (N, C, ...) with C = `num_parameters`, or any shape where that is 1; output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Swish(init=0.0)(wb.tensor([0.0, 2.0])).tolist()
    [0.0, 1.0]
    """

    function = staticmethod(F.swish)

    def __init__(self, num_parameters: int = 1, init: float = 1.0, device: str | None = None, dtype: Any = None) -> None:
        super().__init__(num_parameters, device, dtype, beta=init)


class Snake(LearnedActivation):
    """``x + sin(alpha x)^2 / alpha`` with a learned frequency, for signals that repeat (Ziyin et al. 2020).

    Parameters
    ----------
    num_parameters : int
        1, or the number of channels.
    init : float
        What alpha begins with; larger for faster repetitions.

    Shapes
    ------
    Input (N, C, ...) with C = `num_parameters`, or any shape where that is 1; output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Snake()(wb.zeros(2)).tolist()
    [0.0, 0.0]
    """

    function = staticmethod(F.snake)

    def __init__(self, num_parameters: int = 1, init: float = 1.0, device: str | None = None, dtype: Any = None) -> None:
        super().__init__(num_parameters, device, dtype, alpha=init)


class PELU(LearnedActivation):
    """``alpha / beta x`` where x is positive, else ``alpha (exp(x / beta) - 1)``: an `ELU` whose scales are learned (Trottier et al. 2016).

    Parameters
    ----------
    num_parameters : int
        1, or the number of channels.
    alpha, beta : float
        What they begin with; the formula holds for positive ones.

    Shapes
    ------
    Input (N, C, ...) with C = `num_parameters`, or any shape where that is 1; output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.PELU()(wb.tensor([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    function = staticmethod(F.pelu)

    def __init__(self, num_parameters: int = 1, alpha: float = 1.0, beta: float = 1.0, device: str | None = None, dtype: Any = None) -> None:
        super().__init__(num_parameters, device, dtype, alpha=alpha, beta=beta)


class ACON(LearnedActivation):
    """``d x sigmoid(beta d x) + p2 x`` with ``d = p1 - p2``: it learns whether to activate at all (ACON-C of Ma et al. 2021).

    Parameters
    ----------
    num_parameters : int
        1, or the number of channels.
    p1, p2, beta : float
        What they begin with; so as given, it is `SiLU`.

    Shapes
    ------
    Input (N, C, ...) with C = `num_parameters`, or any shape where that is 1; output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.ACON()(wb.zeros(2)).tolist()
    [0.0, 0.0]
    """

    function = staticmethod(F.acon)

    def __init__(self, num_parameters: int = 1, p1: float = 1.0, p2: float = 0.0, beta: float = 1.0, device: str | None = None, dtype: Any = None) -> None:
        super().__init__(num_parameters, device, dtype, p1=p1, p2=p2, beta=beta)

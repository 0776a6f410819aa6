"""Surrogate gradients: a spike is 0 or 1, but learns as if it were a smooth function of the membrane potential.

Each function returns a `Surrogate`, to be called or given to a spiking layer as ``spike_grad``.
"""
from __future__ import annotations

from collections.abc import Callable

from ..core import Tensor
from ..core.errors import ArgumentError
from ..ops.surrogates import SLOPES, surrogate_spike
from .module import Module


class Surrogate(Module):
    """1 where x is above 0, else 0, with the derivative of another function (Neftci et al. 2019).

    ``y = 1 if x > 0 else 0``; backwards it is a smooth step of the given steepness.

    Parameters
    ----------
    kind : {"fast_sigmoid", "atan", "sigmoid", "straight_through"}
        Whose derivative it is.
    steepness : float
        The larger, the nearer to a step.

    Shapes
    ------
    Any shape to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> spike = wb.nn.Surrogate("atan", 2.0)
    >>> spike(wb.tensor([-1.0, 0.5])).tolist(), wb.grad(lambda x: spike(x).sum())(wb.tensor([0.0])).tolist()
    ([0.0, 1.0], [1.0])
    """

    def __init__(self, kind: str, steepness: float) -> None:
        super().__init__()
        if kind not in SLOPES or not steepness > 0:
            raise ArgumentError(f"Surrogate: kind={kind!r}, steepness={steepness}; expected one of {', '.join(SLOPES)}, and a number above 0")
        self.kind, self.steepness = kind, steepness

    def forward(self, x: Tensor) -> Tensor:
        """Spikes."""
        return surrogate_spike(x, kind=self.kind, steepness=self.steepness)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.kind!r}, steepness={self.steepness}"


def fast_sigmoid(slope: float = 25.0) -> Surrogate:
    """The derivative of ``x / (1 + slope |x|)``: ``1 / (1 + slope |x|)^2`` (Zenke and Ganguli 2018).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.grad(wb.nn.surrogate.fast_sigmoid(1.0))(wb.tensor(1.0)).item()
    0.25
    """
    return Surrogate("fast_sigmoid", slope)


def atan(alpha: float = 2.0) -> Surrogate:
    """The derivative of ``arctan(pi / 2 alpha x) / pi``: ``alpha / 2 / (1 + (pi / 2 alpha x)^2)`` (Fang et al. 2021).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.grad(wb.nn.surrogate.atan(3.0))(wb.tensor(0.0)).item()
    1.5
    """
    return Surrogate("atan", alpha)


def sigmoid(slope: float = 25.0) -> Surrogate:
    """The derivative of ``sigmoid(slope x)`` (Zenke and Ganguli 2018).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.grad(wb.nn.surrogate.sigmoid(4.0))(wb.tensor(0.0)).item()
    1.0
    """
    return Surrogate("sigmoid", slope)


def straight_through_estimator() -> Surrogate:
    """The derivative 1 everywhere (Bengio et al. 2013).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.grad(wb.nn.surrogate.straight_through_estimator())(wb.tensor(5.0)).item()
    1.0
    """
    return Surrogate("straight_through", 1.0)


BY_NAME: dict[str, Callable[[], Surrogate]] = {"fast_sigmoid": fast_sigmoid, "atan": atan, "sigmoid": sigmoid,
                                               "straight_through": straight_through_estimator}


def chosen(given: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The surrogate of a name, or a function as it is."""
    if not isinstance(given, str):
        return given
    if given not in BY_NAME:
        raise ArgumentError(f"spike_grad={given!r}; expected one of {', '.join(BY_NAME)}, or a function of the potential above threshold")
    return BY_NAME[given]()

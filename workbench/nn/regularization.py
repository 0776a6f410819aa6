"""Losses beside the loss: what layers add of themselves while they run, and penalties on parameters.

A layer calls `add_auxiliary_loss`; nothing happens unless somebody collects with `auxiliary_losses`, so a model that is
only evaluated pays nothing and keeps no graph.
"""
from __future__ import annotations

import contextvars
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, GraphError
from ..core.state import STATE
from .module import Module

_COLLECTING: contextvars.ContextVar[tuple[list[Tensor], Any] | None] = contextvars.ContextVar("auxiliary_losses", default=None)


@contextmanager
def auxiliary_losses() -> Iterator[list[Tensor]]:
    """Collect what layers add to the loss while the block runs: `ActivityRegularization`, the balance of `MixtureOfExperts`.

    Open it inside of what is differentiated or compiled, next to the loss. Where blocks are nested, the innermost collects.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.ActivityRegularization(l1=0.5)
    >>> with wb.nn.auxiliary_losses() as losses:
    ...     y = layer(wb.tensor([-1.0, 3.0]))
    >>> float(sum(losses))
    2.0
    """
    losses: list[Tensor] = []
    token = _COLLECTING.set((losses, _where()))
    try:
        yield losses
    finally:
        _COLLECTING.reset(token)


def add_auxiliary_loss(loss: Tensor) -> None:
    """Add `loss` to those that are being collected, if any are.

    Raises
    ------
    GraphError
        If `auxiliary_losses` was opened outside of the transformation that runs: the value could not leave it.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.add_auxiliary_loss(wb.tensor(1.0))  # nobody collects
    """
    collecting = _COLLECTING.get()
    if collecting is None:
        return
    losses, opened = collecting
    if opened != _where():
        raise GraphError("auxiliary_losses was opened outside of the function that grad, vmap or jit runs, and losses made inside cannot leave it; open it "
                         "inside, and return the sum with the loss")
    losses.append(loss)


def collecting() -> bool:
    """Does anybody collect? If not, a layer need not compute what it would add."""
    return _COLLECTING.get() is not None


def _where() -> Any:
    """The transformations that are running."""
    return STATE.levels, STATE.trace


class ActivityRegularization(Module):
    """Passes its input on, and adds ``l1 sum |x| + l2 sum x^2`` to the auxiliary losses while training (Keras' layer of that name).

    Parameters
    ----------
    l1, l2 : float
        Weights of the two penalties.

    Shapes
    ------
    Any shape to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> with wb.nn.auxiliary_losses() as losses:
    ...     y = wb.nn.ActivityRegularization(l2=1.0)(wb.tensor([-1.0, 3.0]))
    >>> y.tolist(), float(sum(losses))
    ([-1.0, 3.0], 10.0)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        super().__init__()
        if l1 < 0 or l2 < 0:
            raise ArgumentError(f"ActivityRegularization: l1={l1}, l2={l2}; expected numbers of at least 0")
        self.l1, self.l2 = l1, l2

    def forward(self, x: Tensor) -> Tensor:
        """`x`."""
        if self.training and collecting():
            add_auxiliary_loss(self.l1 * ops.sum(ops.abs(x)) + self.l2 * ops.sum(ops.square(x)))
        return x

    def extra_repr(self) -> str:
        """Settings."""
        return f"l1={self.l1}, l2={self.l2}"


def l1_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """``sum |p|`` over all parameters: pulls them to exactly zero (Tibshirani 1996).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.l1_penalty([wb.tensor([1.0, -2.0]), wb.tensor(3.0)]).item()
    6.0
    """
    return _total("l1_penalty", ops.abs, parameters)


def l2_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """``sum p^2`` over all parameters: pulls them towards zero (Hoerl and Kennard 1970).

    Times half a weight decay, its gradient is that of the decay in `optim.SGD`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.l2_penalty([wb.tensor([1.0, -2.0]), wb.tensor(3.0)]).item()
    14.0
    """
    return _total("l2_penalty", ops.square, parameters)


def _total(what: str, function: Any, parameters: Iterable[Tensor]) -> Tensor:
    parts = [ops.sum(function(parameter)) for parameter in parameters]
    if not parts:
        raise ArgumentError(f"{what}: there are no parameters; pass model.parameters(), or a list of tensors")
    return ops.sum(ops.stack(parts))

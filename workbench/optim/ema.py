"""An exponential moving average of a model's weights, put in its place for a while."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..core import Tensor, no_grad
from ..core.errors import ArgumentError, CheckpointError, GraphError
from .base import Optimizer


class _Follow(Optimizer):
    """The average as parameter, the weights as gradient: so the average has kernels, jit and the write log."""

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step towards the weights."""
        state["step"] = step = state.get("step", 0) + 1
        decay = group["decay"]
        if group["warmup"]:
            early = (1 + step) / (10 + step)
            decay = decay * (decay <= early) + early * (early < decay)
        parameter += (grad - parameter) * (1 - decay)


class EMA:
    """``a = decay a + (1 - decay) p`` for all parameters of a model after each `update`; buffers are copied.

    Parameters
    ----------
    model : Module
    decay : float
    warmup : bool
        Begin with a smaller decay, ``min(decay, (1 + n) / (10 + n))`` at update n, so that the first weights are soon forgotten.

    Raises
    ------
    ArgumentError
        If `decay` is no number from 0 to 1.
    GraphError
        If `apply` is called twice.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Linear(1, 1, bias=False); _ = wb.nn.init.zeros_(model.weight)
    >>> ema = wb.optim.EMA(model, decay=0.75)
    >>> _ = wb.nn.init.ones_(model.weight); ema.update()
    >>> with ema.apply():
    ...     print(model.weight.item())
    0.25
    >>> model.weight.item()
    1.0
    """

    def __init__(self, model: Any, decay: float = 0.999, *, warmup: bool = False) -> None:
        if not 0 <= decay <= 1:
            raise ArgumentError(f"EMA: decay={decay}; expected a number between 0 and 1")
        self.model, self.decay = model, decay
        self.shadow = {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}
        self.buffers = {name: b.detach().clone() for name, b in model.named_buffers()}
        self._follow = _Follow(list(self.shadow.values()), {"decay": decay, "warmup": warmup})
        self._originals: dict[str, Tensor] | None = None

    @property
    def updates(self) -> int:
        """How many updates the average has seen."""
        return next((held["step"] for held in self._follow.state.values()), 0)

    def update(self) -> None:
        """Take the present weights into the average; call it after each step."""
        if self._originals is not None:
            raise GraphError("EMA.update: the model holds the average now; call restore() first")
        found = {name: tuple(x.shape) for name, x in self._tensors()}
        if found != {name: tuple(x.shape) for name, x in (*self.shadow.items(), *self.buffers.items())}:
            raise GraphError("EMA.update: the model has other parameters or buffers than when the average began; make a new EMA")
        with no_grad():
            for name, parameter in self.model.named_parameters():
                self.shadow[name].grad = parameter.detach()
            self._follow.step()
            self._follow.zero_grad()
            for name, buffer in self.model.named_buffers():
                self.buffers[name].copy_(buffer)

    def apply(self) -> contextlib.AbstractContextManager[None]:
        """Put the average into the model, until `restore`, or for a ``with`` block."""
        if self._originals is not None:
            raise GraphError("EMA.apply: the model holds the average already; call restore() first")
        self._originals = {name: x.detach().clone() for name, x in self._tensors()}
        held = {**self.shadow, **self.buffers}
        with no_grad():
            for name, x in self._tensors():
                x.copy_(held[name].detach())
        return self._until_restored()

    @contextlib.contextmanager
    def _until_restored(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.restore()

    def restore(self) -> None:
        """Put the model's own weights back, bit by bit."""
        if self._originals is None:
            raise GraphError("EMA.restore: the model holds its own weights; call apply() first")
        originals, self._originals = self._originals, None
        with no_grad():
            for name, x in self._tensors():
                x.copy_(originals[name])

    def _tensors(self) -> list[tuple[str, Tensor]]:
        return [*self.model.named_parameters(), *self.model.named_buffers()]

    def state_dict(self) -> dict[str, Any]:
        """The average, and how many updates it has seen."""
        return {"updates": self.updates, "shadow": {name: p.detach().clone() for name, p in self.shadow.items()},
                "buffers": {name: b.clone() for name, b in self.buffers.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned.

        Raises
        ------
        CheckpointError
            If it is of another model; nothing is changed then.
        """
        for part, own in (("shadow", self.shadow), ("buffers", self.buffers)):
            if {n: tuple(x.shape) for n, x in own.items()} != {n: tuple(x.shape) for n, x in state[part].items()}:
                raise CheckpointError(f"EMA: the {part} of the state have other names or shapes than those of the model")
        self._follow.state = {p: {"step": state["updates"]} for p in self.shadow.values()} if state["updates"] else {}
        with no_grad():
            for part, own in (("shadow", self.shadow), ("buffers", self.buffers)):
                for name, x in own.items():
                    x.copy_(state[part][name])

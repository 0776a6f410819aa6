"""GradScaler: losses times a large number, so that small gradients survive float16."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import ops
from ..core import Tensor, no_grad
from ..core.errors import ArgumentError, CheckpointError, GraphError
from ..optim import Optimizer

_READY, _UNSCALED, _STEPPED = "ready", "unscaled", "stepped"


class GradScaler:
    """Multiplies the loss by a scale, divides gradients by it, skips steps with infinite ones and adapts the scale
    (Micikevicius et al. 2018).

    Parameters
    ----------
    device : str
        Taken for PyTorch's sake; gradients are looked at where they are.
    init_scale : float
    growth_factor, backoff_factor : float
        The scale is multiplied by the one after `growth_interval` good steps in a row, by the other after a bad one.
    growth_interval : int
    enabled : bool
        False makes every method do nothing, so that one loop serves both.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.ones(1)); optimizer = wb.optim.SGD([p], lr=1.0)
    >>> scaler = wb.train.GradScaler(init_scale=8.0)
    >>> scaler.scale((p * 0.5).sum()).backward(); p.grad.tolist()
    [4.0]
    >>> scaler.step(optimizer); scaler.update(); p.tolist()
    [0.5]
    >>> p.grad = wb.tensor([float("inf")]); scaler.step(optimizer); scaler.update()
    >>> p.tolist(), scaler.get_scale()
    ([0.5], 4.0)
    """

    def __init__(self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0, backoff_factor: float = 0.5,
                 growth_interval: int = 2000, enabled: bool = True) -> None:
        if enabled and not (growth_factor > 1 and 0 < backoff_factor < 1 and init_scale > 0 and growth_interval >= 1):
            raise ArgumentError(f"GradScaler: init_scale={init_scale}, growth_factor={growth_factor}, backoff_factor={backoff_factor}, "
                                f"growth_interval={growth_interval}; expected a positive scale, growth above 1, backoff between 0 and 1, a count")
        self._enabled = enabled
        self._scale = np.float32(init_scale)
        self._growth_factor, self._backoff_factor, self._growth_interval = growth_factor, backoff_factor, growth_interval
        self._growth_tracker = 0
        self._seen: dict[int, tuple[Optimizer, str, bool]] = {}

    def scale(self, outputs: Any) -> Any:
        """`outputs` (a tensor, or a list or tuple of them) times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * float(self._scale)
        if not isinstance(outputs, Iterable):
            raise ArgumentError(f"GradScaler.scale: expected tensors, got {type(outputs).__name__}")
        scaled = map(self.scale, outputs)
        return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer by the scale, once between two updates: before clipping, for example."""
        if not self._enabled:
            return
        state = self._state(optimizer)
        if state != _READY:
            raise GraphError(f"unscale_: the gradients of this {type(optimizer).__name__} have already been "
                             f"{'unscaled' if state == _UNSCALED else 'used by step()'} since the last update()")
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if any(grad.dtype == np.float16 for grad in grads):
            raise ArgumentError("unscale_: gradients in float16 cannot be unscaled without loss; keep parameters in float32 and use autocast")
        if not grads:
            raise GraphError("unscale_: no parameter of this optimizer has a gradient")
        inverse = float(np.float32(1 / np.float64(self._scale)))
        with no_grad():
            bad = not bool(ops.stack([ops.isfinite(grad).all() for grad in grads]).all())  # one wait for the device
            for grad in grads:
                grad.mul_(inverse)
        self._seen[id(optimizer)] = optimizer, _UNSCALED, bad

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step()``, unless a gradient is infinite or not a number."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if self._state(optimizer) == _STEPPED:
            raise GraphError("GradScaler.step: step() has already been called since the last update()")
        if self._state(optimizer) == _READY:
            self.unscale_(optimizer)
        bad = self.found_inf(optimizer)
        result = None if bad else optimizer.step(*args, **kwargs)
        self._seen[id(optimizer)] = optimizer, _STEPPED, bad
        return result

    def found_inf(self, optimizer: Optimizer) -> bool:
        """Did the gradients hold an infinity or a NaN when they were unscaled since the last update?"""
        return self._seen.get(id(optimizer), (optimizer, _READY, False))[2]

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the scale to what was found since the last update, or set it to `new_scale`."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = np.float32(new_scale.item() if isinstance(new_scale, Tensor) else new_scale)
        elif not self._seen:
            raise GraphError("GradScaler.update: nothing was unscaled since the last update; call step() first")
        elif any(bad for _, _, bad in self._seen.values()):
            self._scale, self._growth_tracker = np.float32(float(self._scale) * self._backoff_factor), 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                with np.errstate(over="ignore"):
                    grown = np.float32(float(self._scale) * self._growth_factor)
                self._scale, self._growth_tracker = grown if np.isfinite(grown) else self._scale, 0
        self._seen.clear()

    def get_scale(self) -> float:
        """The scale; 1 when not enabled."""
        return float(self._scale) if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """The factor of growth."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set the factor of growth."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """The factor after a bad step."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set the factor after a bad step."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """Good steps before the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set how many good steps there are before the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Does it do anything?"""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Scale, settings and the count of good steps, under PyTorch's names; empty when not enabled."""
        if not self._enabled:
            return {}
        return {"scale": self.get_scale(), "growth_factor": self._growth_factor, "backoff_factor": self._backoff_factor,
                "growth_interval": self._growth_interval, "_growth_tracker": self._growth_tracker}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        if not self._enabled:
            return
        if not state_dict:
            raise CheckpointError("GradScaler: the state is empty; it was saved from a scaler that was not enabled")
        self._scale = np.float32(state_dict["scale"])
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval, self._growth_tracker = state_dict["growth_interval"], state_dict["_growth_tracker"]

    def _state(self, optimizer: Optimizer) -> str:
        return self._seen.get(id(optimizer), (optimizer, _READY, False))[1]

"""Backward hooks of modules: what comes back to a module's outputs, and what leaves through its inputs.

A module is no node of the tape. For one call its tensors are joined into one node before and one after, so that the
gradients of all inputs are known together, whichever of them the module used. Only modules with such hooks pay for it.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError

Gradients = tuple[Tensor | None, ...]


class BackwardWatch:
    """One call of a module that has backward hooks."""

    def __init__(self, module: Any, pre_hooks: Sequence[Any], hooks: Sequence[Any]) -> None:
        self.module, self.pre_hooks, self.hooks = module, pre_hooks, hooks
        self.grad_output: Gradients = ()
        self.inputs = 0
        self.reaches_inputs = False

    def enter(self, args: tuple) -> tuple:
        """The arguments, with the tracked tensors among them led through the node in front."""
        self.inputs = len(args)
        self.reaches_inputs = any(map(_tracked, args))
        return _led(args, self._leave)

    def exit(self, output: Any) -> Any:
        """The output, led through the node behind."""
        if isinstance(output, tuple):
            return _led(output, self._arrive)
        return _led((output,), self._arrive)[0]

    def _arrive(self, grads: Gradients) -> Gradients:
        for hook in self.pre_hooks:
            grads = _replaced(grads, hook.function(self.module, grads))
        self.grad_output = grads
        if not self.reaches_inputs:
            for hook in self.hooks:
                hook.function(self.module, (None,) * self.inputs, grads)
        return grads

    def _leave(self, grads: Gradients) -> Gradients:
        for hook in self.hooks:
            grads = _replaced(grads, hook.function(self.module, grads, self.grad_output))
        return grads


def _replaced(grads: Gradients, changed: Any) -> Gradients:
    """What a hook made of the gradients: None leaves them as they are."""
    if changed is None:
        return grads
    changed = changed if isinstance(changed, tuple) else (changed,)
    if len(changed) != len(grads):
        raise ArgumentError(f"a backward hook returned {len(changed)} gradients for {len(grads)}; return as many as it was given, or None")
    return changed


def _tracked(value: Any) -> bool:
    return isinstance(value, Tensor) and value.node is not None


def _led(values: tuple, seen: Callable[[Gradients], Gradients]) -> tuple:
    """`values` with the tracked tensors cut from one joint node; `seen` gets (and may replace) all their gradients."""
    places = [i for i, value in enumerate(values) if _tracked(value)]
    if not places:
        return values
    tensors = [values[i] for i in places]
    sizes = [math.prod(x.shape) for x in tensors]
    joint = ops.concat([x.reshape(-1) for x in tensors])

    def hook(grad: Tensor) -> Tensor | None:
        pieces = ops.split(grad, sizes)
        shaped = {i: piece.reshape(x.shape) for i, piece, x in zip(places, pieces, tensors, strict=True)}
        grads = tuple(shaped.get(i) for i in range(len(values)))
        changed = seen(grads)
        if changed is grads:
            return None
        return ops.concat([ops.zeros_like(shaped[i]).reshape(-1) if changed[i] is None else changed[i].reshape(-1) for i in places])

    joint.register_hook(hook)
    out = list(values)
    for i, piece, x in zip(places, ops.split(joint, sizes), tensors, strict=True):
        out[i] = piece.reshape(x.shape).to(x.dtype)
    return tuple(out)

"""The names of `torch.autograd.graph`, found as ``wb.autograd.graph``: hooks on several gradients, nodes and saved tensors."""
from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from .errors import ArgumentError, GraphError
from .node import HookHandle, Node, add_hook
from .saved import disable_saved_tensors_hooks, save_on_cpu, save_on_disk, saved_tensors_hooks
from .state import STATE
from .tensor import Tensor

__all__ = ["Node", "disable_saved_tensors_hooks", "register_multi_grad_hook", "save_on_cpu", "save_on_disk", "saved_tensors_hooks"]


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all") -> MultiHandle:
    """Call `fn` once per backward, when the gradients of all (or any) of these tensors are known.

    Parameters
    ----------
    tensors : sequence of Tensor
        Tensors that require a gradient.
    fn : callable
        With ``mode="all"`` it gets the list of gradients, None for tensors that this backward does not reach; with
        ``mode="any"`` the first gradient. What it returns is ignored.
    mode : {"all", "any"}

    Returns
    -------
    MultiHandle
        Its ``remove()`` takes the hook away.

    Raises
    ------
    ArgumentError
        For another mode.
    GraphError
        If a tensor does not require a gradient.

    Examples
    --------
    >>> import workbench as wb
    >>> a, b = wb.tensor(2.0, requires_grad=True), wb.tensor(5.0, requires_grad=True)
    >>> handle = wb.autograd.graph.register_multi_grad_hook((a, b), lambda grads: print([g.item() for g in grads]))
    >>> (a * b).backward()
    [5.0, 2.0]
    """
    if mode not in ("all", "any"):
        raise ArgumentError(f"register_multi_grad_hook: mode={mode!r}; expected 'all' or 'any'")
    for position, x in enumerate(tensors):
        if x.node is None:
            raise GraphError(f"register_multi_grad_hook: tensor {position} does not require a gradient, so none will come by")
    group = _Group([x.node for x in tensors], fn, mode)
    return MultiHandle([add_hook(x.node, _part(group, position)) for position, x in enumerate(tensors)])


class MultiHandle:
    """Takes the hooks of a group away."""

    def __init__(self, handles: list[HookHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        """Take the hook away from every tensor."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> MultiHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class _Group(threading.local):
    """What has arrived so far in the sweep that this thread runs."""

    def __init__(self, nodes: list[Node], fn: Callable[[Any], None], mode: str) -> None:
        self.nodes, self.fn, self.mode = nodes, fn, mode
        self.sweep: Any = None
        self.arrived: list[Tensor | None] = []
        self.missing = 0

    def arrive(self, position: int, g: Tensor) -> None:
        """One gradient is there."""
        if STATE.sweep is not self.sweep:
            self.sweep, self.arrived = STATE.sweep, [None] * len(self.nodes)
            reached = set(self.sweep.order) if self.sweep.needed is None else self.sweep.needed.intersection(self.sweep.order)
            self.missing = sum(node in reached for node in self.nodes)
            if self.mode == "any":
                self.fn(g)
        self.arrived[position] = g
        self.missing -= 1
        if not self.missing:
            grads, self.arrived = self.arrived, []
            if self.mode == "all":
                self.fn(grads)


def _part(group: _Group, position: int) -> Callable[[Tensor], None]:
    return lambda g: group.arrive(position, g)

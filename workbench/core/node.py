"""What the tape is made of: a Node for every recorded operation, a Leaf for every tensor whose gradient is wanted.

Nodes hold no data beyond what the rules of their op asked for. They are ordered by the clock, so the sweep needs a
sort and no topological search.
"""
from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .op import Op
    from .tensor import Tensor


class Node:
    """One recorded operation. ``saved is None`` says that a sweep has freed it."""

    __slots__ = ("seq", "op", "parents", "saved", "params", "shape", "hooks")
    hooked = False

    seq: int
    op: Op | None
    parents: tuple[Node | None, ...]
    saved: tuple | None
    params: dict[str, Any] | None
    shape: tuple[int, ...]
    hooks: list[Callable]


class HookedNode(Node):
    """A node with gradient hooks; a node becomes one when the first hook is registered."""

    __slots__ = ()
    hooked = True


class Leaf(Node):
    """The end of the tape: a tensor whose gradient is accumulated in ``grad``."""

    __slots__ = ("tensor", "grad", "__weakref__")

    tensor: weakref.ref[Tensor] | None
    grad: Tensor | None

    def __init__(self, shape: tuple[int, ...], tensor: Tensor | None = None) -> None:
        self.seq = 0
        self.op = None
        self.parents = ()
        self.saved = ()
        self.params = None
        self.shape = shape
        self.tensor = weakref.ref(tensor) if tensor is not None else None
        self.grad = None


class HookedLeaf(Leaf):
    """A leaf with gradient hooks."""

    __slots__ = ()
    hooked = True


class HookHandle:
    """Returned by every ``register_*hook``; `remove` takes the hook away again."""

    def __init__(self, hooks: list[Callable], hook: Callable) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


def add_hook(node: Node, hook: Callable) -> HookHandle:
    """Register `hook` on `node`, changing the node's class the first time."""
    if not node.hooked:
        node.__class__ = HookedLeaf if isinstance(node, Leaf) else HookedNode
        node.hooks = []
    node.hooks.append(hook)
    return HookHandle(node.hooks, hook)

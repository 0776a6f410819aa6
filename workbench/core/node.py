"""What the tape is made of: a Node for every recorded operation, a Leaf for every tensor whose gradient is wanted.

Nodes hold no data beyond what the rules of their op asked for. They are ordered by the clock, so the sweep needs a
sort and no topological search. A node with hooks, or with packed values, is of another class with the same slots, so
that all others pay nothing.
"""
from __future__ import annotations

import bisect
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .op import Op
    from .tensor import Tensor


class Node:
    """One recorded operation. ``saved is None`` says that a sweep has freed it."""

    __slots__ = ("seq", "op", "parents", "saved", "params", "shape", "hooks", "place")
    hooked = False

    seq: int
    op: Op | None
    parents: tuple[Node | None, ...]
    saved: tuple | None
    params: dict[str, Any] | None
    shape: tuple[int, ...]
    hooks: list[Any]
    place: tuple[str, int]
    """The user's line (file and number); set only while somebody observes."""

    def name(self) -> str:
        """The name of its op."""
        return self.op.name if self.op is not None else "leaf"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name()} of shape {tuple(self.shape)}>"

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes that this one hands gradients to."""
        return tuple((parent, 0) for parent in self.parents)

    def register_hook(self, hook: Callable[[tuple, tuple], Any]) -> HookHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` after the node ran; a tuple it returns replaces `grad_inputs`."""
        return add_hook(_operation(self), NodeHook(hook, before=False))

    def register_prehook(self, hook: Callable[[tuple], Any]) -> HookHandle:
        """Call ``hook(grad_outputs)`` before the node runs; a tuple it returns replaces them."""
        return add_hook(_operation(self), NodeHook(hook, before=True))


def _operation(node: Node) -> Node:
    """The node of the whole op, for one that stands for one of several outputs."""
    return node.parents[0] if node.op is not None and node.op.name == "output" else node


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


class Packed:
    """Stands in a node for a value that saved-tensor hooks hold: what they made of it, and how to get it back."""

    __slots__ = ("content", "unpack", "node")

    def __init__(self, content: Any, unpack: Callable[[Any, Node | None], Any], node: Node | None) -> None:
        self.content, self.unpack, self.node = content, unpack, node

    def value(self) -> Any:
        """The value again."""
        return self.unpack(self.content, self.node)


class PackedNode(Node):
    """A node some of whose saved values are packed: reading ``saved`` unpacks them."""

    __slots__ = ()

    @property  # type: ignore[override]
    def saved(self) -> tuple | None:
        """The values, unpacked anew each time."""
        kept = held(self)
        return kept and tuple(value.value() if type(value) is Packed else value for value in kept)

    @saved.setter
    def saved(self, value: tuple | None) -> None:
        _saved_slot.__set__(self, value)


class HookedPackedNode(PackedNode):
    """A node with packed values and gradient hooks."""

    __slots__ = ()
    hooked = True


_saved_slot: Any = Node.__dict__["saved"]
_HOOKED = {Node: HookedNode, Leaf: HookedLeaf, PackedNode: HookedPackedNode}
_PACKED = {Node: PackedNode, HookedNode: HookedPackedNode}
_lock = threading.Lock()


def held(node: Node) -> tuple | None:
    """What a node really holds, packed values as they are."""
    return _saved_slot.__get__(node)


def pack(node: Node, packed: tuple) -> None:
    """Put `packed` in place of what `node` saved."""
    node.__class__ = _PACKED.get(type(node), type(node))
    node.saved = packed


class NodeHook:
    """A hook of a node, as opposed to one of a tensor: it sees the gradients of all outputs and inputs."""

    order = 2

    def __init__(self, function: Callable, *, before: bool) -> None:
        self.function, self.before = function, before


class AfterAccumulation:
    """A hook of a leaf that runs when its ``grad`` is up to date."""

    order = 2

    def __init__(self, function: Callable[[Tensor], None]) -> None:
        self.function = function


class HookHandle:
    """Returned by every ``register_*hook``; `remove` takes the hook away again."""

    def __init__(self, hooks: list[Callable], hook: Callable) -> None:
        self._hooks, self._hook = hooks, hook

    @property
    def active(self) -> bool:
        """Is the hook still there?"""
        return self._hook in self._hooks

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


def add_hook(node: Node, hook: Callable | NodeHook | AfterAccumulation) -> HookHandle:
    """Register `hook` on `node`, changing the node's class the first time.

    Hooks of the tensor come first, then what retains its gradient, then those of the node, whenever they were registered.
    """
    with _lock:
        if not node.hooked:
            node.hooks = []
            node.__class__ = _HOOKED.get(type(node), HookedLeaf)
        bisect.insort(node.hooks, hook, key=lambda each: getattr(each, "order", 0))
    return HookHandle(node.hooks, hook)

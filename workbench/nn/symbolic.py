"""Values of a model that is being put together: calls of layers, operators and functions on them are written down.

A `Symbolic` is a Tensor without numbers. Whatever computes with it becomes a `Node` with the shapes that come out, worked
out by tracing: nothing is computed. `Model` makes a program of the nodes between inputs and outputs.
"""
from __future__ import annotations

import contextlib
import itertools
import math
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..backend import arrays, dtypes
from ..core import Tensor, no_grad, tree
from ..core.boxes import Box
from ..core.errors import ArgumentError, GraphError, TraceError, WorkbenchError
from ..core.lengths import BATCH, LENGTH, SAMPLES, Axis, sample
from ..core.op import REGISTRY, Op
from ..graph.trace import NotReadyError, tracing
from ..ops import zeros
from ..ops.random import get_rng_state, set_rng_state
from . import hooks
from .module import Module

_numbers = itertools.count(1)


class Ref(NamedTuple):
    """Stands for a value in the arguments of a node: output number `position` of `node`."""

    node: Node
    position: int


class Node:
    """One call that was written down.

    Attributes
    ----------
    number : int
        Nodes are older than those that use them.
    target : Module, str or None
        The module that was called, or the name of the op; None for an `Input`.
    args, kwargs
        What it was called with, `Ref` in place of symbolic values.
    specs : list of (shape, dtype)
        Of its outputs.
    name : str
        Of an `Input`.
    """

    def __init__(self, target: Module | str | None, args: tuple = (), kwargs: dict[str, Any] | None = None, name: str = "") -> None:
        self.number, self.target, self.name = next(_numbers), target, name
        self.args, self.kwargs = _replaced(args), _replaced(kwargs or {})
        self.specs: list[tuple[tuple, Any]] = []

    def refs(self) -> Iterator[Ref]:
        """The values that it uses."""
        return found((self.args, self.kwargs), Ref)

    def __repr__(self) -> str:
        what = f"Input {self.name!r}" if self.target is None else self.target if isinstance(self.target, str) else type(self.target).__name__
        return f"{what} on {', '.join(str(ref.node.specs[ref.position][0]) for ref in self.refs())}" if self.target is not None else what


def found(value: Any, kind: Any) -> Iterator[Any]:
    """Everything of one kind, or of several, in nested arguments."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, slice):
        yield from found((value.start, value.stop, value.step), kind)
    elif isinstance(value, dict):
        yield from found(tuple(value.values()), kind)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from found(part, kind)


def mapped(function: Callable[[Any], Any], value: Any, kinds: tuple[type, ...]) -> Any:
    """Nested arguments with `function` applied to everything of some kinds."""
    if isinstance(value, kinds):
        return function(value)
    if isinstance(value, slice):
        return slice(*(mapped(function, part, kinds) for part in (value.start, value.stop, value.step)))
    if isinstance(value, dict):
        return {name: mapped(function, part, kinds) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        parts = [mapped(function, part, kinds) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _replaced(value: Any) -> Any:
    return mapped(lambda symbol: Ref(symbol.source, symbol.position), value, (Symbolic,))


class Symbolic(Box):
    """A tensor of a model that is being put together; make the first ones with `Input`."""

    __slots__ = ("source", "position")
    transformation = "the making of a model"
    lasting = True

    def __init__(self, source: Node, position: int) -> None:
        self.data, self.node, self.level = None, None, math.inf
        self.source, self.position = source, position
        _count(1)
        weakref.finalize(self, _count, -1).atexit = False

    @property
    def shape(self) -> tuple:
        return self.source.specs[self.position][0]

    @property
    def dtype(self) -> Any:
        return self.source.specs[self.position][1]

    @property
    def size(self) -> Any:
        return math.prod(self.shape)

    @property
    def device(self) -> arrays.Device:
        return arrays.CPU

    def apply(self, op: Op, args: tuple, params: dict[str, Any]) -> Any:
        return record(op.name, args, params)

    def _no_numbers(self, *_: Any) -> Any:
        raise GraphError(f"{self!r} has no numbers: it belongs to a model that is being put together; call the Model on a tensor, or put what needs "
                         "numbers into a Module")

    item = numpy = tolist = __bool__ = __float__ = __int__ = __index__ = backward = _no_numbers

    def __repr__(self) -> str:
        return f"Symbolic(shape={self.shape}, dtype={self.dtype}, from {self.source})"


def Input(shape: int | tuple[int | None, ...] | None = None, dtype: Any = None, *, name: str = "", batch_size: int | None = None,
          batch_shape: tuple[int | None, ...] | None = None) -> Symbolic:
    """A place where a tensor goes into a model: what is computed from it is written down, and `Model` makes a module of it.

    Parameters
    ----------
    shape : int or tuple of int or None
        Without the batch axis; None leaves the length of an axis open.
    dtype : dtype, optional
        The default floating dtype if left out (token ids want ``wb.int64``).
    name : str, optional
        What errors and summaries call it.
    batch_size : int, optional
        By default the batch axis is open.
    batch_shape : tuple of int or None, optional
        Instead of `shape`: with the batch axis, or for a value that has none.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench import nn
    >>> a, b = nn.Input(4), nn.Input(4)
    >>> hidden = wb.tanh(nn.Linear(4, 8)(a)) + nn.Linear(4, 8)(b)
    >>> hidden.shape
    (None, 8)
    >>> model = nn.Model([a, b], nn.Linear(8, 2)(hidden))
    >>> model(wb.ones(5, 4), wb.ones(5, 4)).shape
    (5, 2)
    """
    if (shape is None) == (batch_shape is None):
        raise ArgumentError("Input: expected shape (without the batch axis) or batch_shape (with it), and not both")
    sizes = batch_shape if shape is None else (batch_size, *((shape,) if isinstance(shape, int) else shape))
    wrong = [size for size in sizes if size is not None and (not isinstance(size, int) or size < 0)]
    if wrong:
        raise ArgumentError(f"Input: a length of {wrong[0]!r}; expected integers, or None for a length that stays open")
    node = Node(None, name=name)
    known = tuple(Axis(BATCH if axis == 0 else LENGTH, ("axis", (node, 0), axis)) if size is None else size for axis, size in enumerate(sizes))
    node.specs = [(known, dtypes.as_dtype(float if dtype is None else dtype))]
    return Symbolic(node, 0)


# Writing down ---------------------------------------------------------------------------------------------------------------
def record(target: Module | str, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Add a node and return its outputs, as the call itself would return them."""
    node = Node(target, args, kwargs)
    try:
        worlds = [_shapes_in(node, args, kwargs, world) for world in range(SAMPLES)]
    except WorkbenchError as error:
        raise (type(error)(f"{node}: {error}") if isinstance(target, Module) else error) from None
    structure = worlds[0][1]
    leaves: list[Any] = []
    for parts in zip(*(leaves for leaves, _ in worlds), strict=True):
        if not isinstance(parts[0], Tensor):
            leaves.append(parts[0])
            continue
        position = len(node.specs)
        node.specs.append((_joined([part.shape for part in parts], node, position), parts[0].dtype))
        leaves.append(Symbolic(node, position))
    return structure.unflatten(leaves)


def _joined(shapes: list[tuple[int, ...]], node: Node, position: int) -> tuple:
    """The shape of an output: lengths that differ between worlds are open."""
    if len({len(shape) for shape in shapes}) > 1:
        raise GraphError(f"{node}: the number of axes of its output depends on an open axis; give that a length in Input")
    return tuple(lengths[0] if len(set(lengths)) == 1 else Axis(lengths, ("axis", (node, position), axis))
                 for axis, lengths in enumerate(zip(*shapes, strict=True)))


def _shapes_in(node: Node, args: tuple, kwargs: dict[str, Any], world: int) -> tuple[list[Any], tree.Structure]:
    """The outputs of a call in one world, as values without numbers."""
    call = node.target if isinstance(node.target, Module) else REGISTRY[node.target].call

    def outputs(make: Callable[[tuple, Any], Any]) -> tuple[list[Any], tree.Structure]:
        given = mapped(lambda x: make(sample(x.shape, world), x.dtype) if isinstance(x, Symbolic) else sample(x, world), (args, kwargs), (Symbolic, Axis))
        return tree.flatten(call(*given[0], **given[1]))

    try:
        with tracing("shapes") as trace, no_grad():
            return outputs(trace.symbol)
    except (NotReadyError, TraceError):
        if not isinstance(node.target, Module):
            raise
        with no_grad(), _unchanged(node.target):  # what looks at numbers, or has no weights yet, is really called
            return outputs(lambda shape, dtype: zeros(shape, dtype=dtype))


@contextlib.contextmanager
def _unchanged(module: Module) -> Iterator[None]:
    """Modes, buffers and random numbers are the same after the block; a lazy layer is not lazy any more."""
    modes = [(part, part.training) for part in module.modules()]
    buffers = [(buffer, buffer.data.copy()) for buffer in module.buffers() if not hasattr(buffer, "materialize")]
    random = get_rng_state()
    module.eval()
    try:
        yield
    finally:
        set_rng_state(random)
        for part, mode in modes:
            part.training = mode
        for buffer, data in buffers:
            buffer.data = data


# Calls of modules -----------------------------------------------------------------------------------------------------------
_lock = threading.RLock()  # the collector may let go of values while one is counted
_alive = 0
_handle: Any = None


def _instead(module: Module, args: tuple, kwargs: dict[str, Any]) -> Any:
    """In place of a call on symbolic values: a node."""
    if not kwargs and all(type(arg) is Tensor for arg in args):
        return NotImplemented
    return record(module, args, kwargs) if any(True for _ in found((args, kwargs), Symbolic)) else NotImplemented


def _count(change: int) -> None:
    """Modules look out for symbolic values only while there are some."""
    global _alive, _handle
    with _lock:
        before, _alive = _alive, _alive + change
        if not before:
            _handle = hooks.added("instead", hooks.Hook(_instead))
        elif not _alive:
            _handle.remove()

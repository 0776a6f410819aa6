"""Tape: what was recorded inside a block, to be looked at and differentiated.

Graphs are held by reference, so several tapes, nested or not, are no second engine: a tape observes which nodes are
made, and a tensor that it watches gets a leaf of its own for as long as the block runs.
"""
from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from . import autograd, tree
from .anomaly import detect_anomaly
from .errors import ArgumentError, GraphError
from .node import Leaf, Node
from .saved import operation_of
from .state import STATE, Watch, enable_grad, observing
from .tensor import Tensor


class Tape(Watch):
    """Records what is computed inside ``with Tape() as tape:``.

    Tensors with ``requires_grad=True`` are watched by themselves, others with `watch`. Inside a tape, operations are recorded
    even within `no_grad` blocks around it.

    Parameters
    ----------
    persistent : bool
        Gradients may be asked for several times; otherwise the first `gradient` frees what the nodes saved.
    anomaly : bool
        Look for NaN and infinities too, as `wb.autograd.detect_anomaly` does.

    Attributes
    ----------
    nodes : list of Node
        What was recorded, in order.

    Notes
    -----
    Tapes of one thread may be nested or overlap; each has its own nodes and watched tensors. A gradient taken inside another
    tape is recorded there, for derivatives of higher order. Source: ``tf.GradientTape``.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor(3.0)
    >>> with wb.Tape() as outer:
    ...     outer.watch(x)
    ...     with wb.Tape() as inner:
    ...         inner.watch(x)
    ...         y = x * x * x
    ...     dy = inner.gradient(y, x)
    >>> dy.item(), outer.gradient(dy, x).item()
    (27.0, 18.0)
    >>> inner
    Tape(2 nodes: 2 mul; watches 1 tensor)
    """

    def __init__(self, *, persistent: bool = False, anomaly: bool = False) -> None:
        self.persistent, self.anomaly = persistent, anomaly
        self.nodes: list[Node] = []
        self._watched: dict[int, tuple[Tensor, Node]] = {}
        self._lent: list[Tensor] = []
        self._session: contextlib.ExitStack | None = None

    def __enter__(self) -> Tape:
        if self._session is not None:
            raise GraphError("Tape: this tape is recording already; make another one")
        self._session = contextlib.ExitStack()
        self._session.enter_context(enable_grad())
        self._session.enter_context(observing(self, recorded_only=True))
        if self.anomaly:
            self._session.enter_context(detect_anomaly())
        return self

    def __exit__(self, *exc: Any) -> None:
        session, self._session = self._session, None
        session.__exit__(*exc)
        for x in self._lent:
            heir = next((tape for tape in _recording() if id(x) in tape._watched), None)
            if heir is not None:
                heir._lent.append(x)
            elif isinstance(x.node, Leaf):
                x.node = None
        self._lent.clear()

    # ------------------------------------------------------------------ what the user asks
    def watch(self, tensors: Any) -> None:
        """Record what is computed from these tensors until the block ends.

        Parameters
        ----------
        tensors : tree of Tensor
            Tensors, or lists, dictionaries or modules of them, of floating or complex dtype.

        Raises
        ------
        GraphError
            Outside the block.
        DTypeError
            For integers.
        """
        if self._session is None:
            raise GraphError("Tape.watch: the tape is not recording; call it inside `with Tape() as tape:`")
        leaves = tree.flatten(tensors)[0]
        for x in leaves:
            if not isinstance(x, Tensor):
                raise ArgumentError(f"Tape.watch: expected tensors, got {type(x).__name__}")
        for x in leaves:
            if x.node is None:
                x.requires_grad_()
                x.node.tensor = None  # a backward outside has nothing to accumulate here
                self._lent.append(x)
            self._watched[id(x)] = x, x.node

    def watched(self) -> list[Tensor]:
        """The tensors given to `watch`."""
        return [x for x, _ in self._watched.values()]

    def gradient(self, target: Any, sources: Any, output_gradients: Any = None, *, persistent: bool | None = None,
                 allow_unused: bool = False) -> Any:
        """The gradient of `target` (or of the sum of several) with respect to `sources`.

        Parameters
        ----------
        target : Tensor or sequence of Tensor
            Computed inside the block.
        sources : tree of Tensor
            Watched tensors, tensors that require a gradient, or tensors computed inside.
        output_gradients : Tensor or sequence, optional
            Weights of the targets; may be left out for targets with one element.
        persistent : bool, optional
            Keep the graph for another gradient. Default: that of the tape.
        allow_unused : bool
            None for sources that do not matter, instead of an error.

        Returns
        -------
        tree of Tensor
            Of the structure of `sources`.

        Raises
        ------
        GraphError
            If a source is not watched, was not used, or the graph has been freed by an earlier gradient.
        """
        keep = self.persistent if persistent is None else persistent
        leaves, structure = tree.flatten(sources)
        nodes = [self._node_of(x, position) for position, x in enumerate(leaves)]
        stand_ins = [Tensor(x.data, node) for x, node in zip(leaves, nodes, strict=True)]
        others = any(tape is not self for tape in _recording())
        taped = others or (self._session is not None and keep)
        found = autograd.grad(target, stand_ins, output_gradients, retain_graph=keep or taped, create_graph=taped, allow_unused=allow_unused)
        return structure.unflatten(found)

    def _node_of(self, x: Any, position: int) -> Node:
        if not isinstance(x, Tensor):
            raise ArgumentError(f"Tape.gradient: source {position} is a {type(x).__name__}, not a Tensor")
        node = self._watched[id(x)][1] if id(x) in self._watched else x.node
        if node is None or (id(x) not in self._watched and isinstance(node, Leaf) and node.tensor is None):
            raise GraphError(f"Tape.gradient: source {position} is not watched by this tape; call tape.watch(x) before computing with it")
        return node

    def reset(self) -> None:
        """Forget the nodes recorded so far; go on recording."""
        self.nodes.clear()

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in Counter(node.name() for node in self.nodes).most_common(6))
        watched = len(self._watched)
        return f"Tape({len(self.nodes)} nodes{': ' + counts if counts else ''}; watches {watched} tensor{'s' * (watched != 1)})"

    # ------------------------------------------------------------------ what the engine calls
    def forward(self, op: Any, args: tuple, params: dict[str, Any], output: Any, begin: int, end: int) -> None:
        """Keep the new node."""
        node = operation_of(output)
        if node is not None:
            self.nodes.append(node)


def _recording() -> Iterator[Tape]:
    """The tapes that record in this thread."""
    return (watch for watch in STATE.observers if isinstance(watch, Tape))

"""The graph of a computation: as a model runs (`GraphProbe`, `trace_graph`), or from a tensor's tape (`tape_graph`).

A running model is watched by an observer of the engine and by module hooks, so every node knows its module, value,
gradient and the user's line. A finished tape knows less: values only where a rule saved them.
"""
from __future__ import annotations

import dataclasses
import linecache
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import Tensor, autograd, enable_grad, observing
from ..core.errors import ArgumentError, place_name, user_frame
from ..core.node import Leaf, Node, add_hook
from ..core.sweep import reachable, sweep
from ..nn import Module
from .numbers import summarize
from .records import GraphEdge, GraphModel, GraphNode, Source

_SHORT = {"true_divide": "div"}


class GraphProbe:
    """Watches forward passes of a model (or the calls of any function) and builds their graph."""

    def __init__(self, model: Module | None = None) -> None:
        self._model = model
        self._nodes: dict[str, GraphNode] = {}
        self._edges: dict[tuple[str, str], GraphEdge] = {}
        self._made_by: dict[int, str] = {}
        self._alive: list[Tensor] = []
        self._open: list[str] = []
        self._given: dict[int, Tensor] = {}
        self._handles: list[Any] = []
        self._gradients: dict[str, Any] = {}
        self._names: dict[int, tuple[str, str, str]] = {}
        self.spent = 0.0

    # ------------------------------------------------------------------ watching
    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record what runs inside the block."""
        self._attach()
        try:
            with enable_grad(), observing(self._observe):
                yield
        finally:
            self.detach()

    def attach(self) -> None:
        """Record the next forward pass of the model, and only that."""
        assert self._model is not None
        self._attach()
        session: list[Any] = []

        def begin(module: Module, inputs: tuple) -> None:
            if not session and not self._nodes_of("op"):
                session.append(observing(self._observe))
                session[0].__enter__()

        def end(module: Module, inputs: tuple, output: Any) -> None:
            if session:
                session.pop().__exit__(None, None, None)
                self.output(output)
                self.detach()

        self._handles.append(self._model._watch("forward_pre", begin))
        self._handles.append(self._model._watch("forward", end))

    def detach(self) -> None:
        """Stop watching; gradients of what was seen still come in."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _attach(self) -> None:
        if self._model is None:
            return
        for path, module in self._model.named_modules():
            self._enter_names(path, module)
            if path:
                self._add_module(path, module)
                self._handles.append(module._watch("forward_pre", self._opens(f"m:{path}")))
                self._handles.append(module._watch("forward", self._closes))

    def _enter_names(self, path: str, module: Module) -> None:
        prefix = f"{path}." if path else ""
        for kind, own in (("parameter", module.named_parameters(recurse=False)), ("buffer", module.named_buffers(recurse=False))):
            for name, tensor in own:
                self._names.setdefault(id(tensor), (f"{kind[0]}:{prefix}{name}", kind, f"m:{path}" if path else ""))

    def _add_module(self, path: str, module: Module) -> None:
        parent = path.rpartition(".")[0]
        count = sum(p.size for p in module.parameters() if p.requires_grad)
        self._nodes[f"m:{path}"] = GraphNode(f"m:{path}", f"m:{parent}" if parent else "", "module", path.rpartition(".")[2],
                                             type(module).__name__, parameters=count)

    def _opens(self, identity: str) -> Callable[..., None]:
        def opens(module: Module, inputs: tuple) -> None:
            if not self._open:
                self._given.update((id(x), x) for x in inputs if isinstance(x, Tensor))
            self._open.append(identity)

        return opens

    def _closes(self, module: Module, inputs: tuple, output: Any) -> None:
        identity = self._open.pop()
        if isinstance(output, Tensor):
            self._nodes[identity] = dataclasses.replace(self._nodes[identity], shape=tuple(output.shape), dtype=str(output.dtype))

    # ------------------------------------------------------------------ building
    def _observe(self, op: Any, args: tuple, params: dict[str, Any], output: Any) -> None:
        if not isinstance(output, Tensor):
            return
        begun = time.perf_counter()
        identity = f"o:{len(self._alive)}"
        self._nodes[identity] = GraphNode(
            identity, self._open[-1] if self._open else "", "op", _SHORT.get(op.name, op.name), op.name, tuple(output.shape),
            str(output.dtype), source=_source(user_frame()), value=summarize(output.data))
        for arg in args:
            if isinstance(arg, Tensor):
                origin = self._origin(arg)
                self._edges[origin, identity] = GraphEdge(origin, identity, tuple(arg.shape))
        self._made_by[id(output)] = identity
        self._alive.append(output)
        if output.node is not None:
            add_hook(output.node, self._keeps(identity))
        self.spent += time.perf_counter() - begun

    def _keeps(self, identity: str) -> Callable[[Tensor], None]:
        def keep(grad: Tensor) -> None:
            if identity not in self._gradients:
                self._gradients[identity] = summarize(grad.data)

        return keep

    def _origin(self, tensor: Tensor) -> str:
        known = self._made_by.get(id(tensor))
        if known is not None:
            return known
        # What a module makes for itself (a mask) lies inside it; what it was given does not.
        inside = self._open[-1] if self._open and id(tensor) not in self._given else ""
        identity, kind, parent = self._names.get(id(tensor), (f"i:{len(self._made_by)}", "input", inside))
        label = identity[2:].rpartition(".")[2] if kind != "input" else "x" if tensor.size > 1 else _number(tensor)
        self._nodes[identity] = GraphNode(identity, parent, kind, label, kind, tuple(tensor.shape), str(tensor.dtype),
                                          parameters=tensor.size if kind == "parameter" else 0, value=summarize(tensor.data))
        self._made_by[id(tensor)] = identity
        self._alive.append(tensor)
        if isinstance(tensor.node, Leaf):
            add_hook(tensor.node, self._keeps(identity))
        return identity

    def output(self, value: Any) -> None:
        """Mark a tensor as an output of the computation."""
        origin = self._made_by.get(id(value))
        if origin is not None:
            identity = f"out:{origin}"
            self._nodes[identity] = GraphNode(identity, "", "output", "output", "output", tuple(value.shape), str(value.dtype))
            self._edges[origin, identity] = GraphEdge(origin, identity, tuple(value.shape))

    def _nodes_of(self, kind: str) -> list[GraphNode]:
        return [node for node in self._nodes.values() if node.kind == kind]

    def record(self, step: int = 0) -> GraphModel | None:
        """The graph seen so far, with the gradients that came by; None if nothing ran. Tensors are let go."""
        if not self._nodes_of("op"):
            return None
        nodes = tuple(dataclasses.replace(node, grad=self._gradients.get(node.id)) for node in self._nodes.values())
        self._alive.clear()
        self._given.clear()
        return GraphModel(step, nodes, tuple(self._edges.values()))


def _number(tensor: Tensor) -> str:
    return format(tensor.item(), ".4g") if tensor.dtype.kind in "fViub" else "x"


def _source(place: tuple[str, int]) -> Source:
    filename, line = place
    return Source(place_name(filename), line, linecache.getline(filename, line).strip())


def trace_graph(function: Callable[..., Any], *inputs: Any) -> GraphModel:
    """Run a model or function once and return its graph with values, and gradients if it ends in one number.

    Examples
    --------
    >>> import workbench as wb
    >>> graph = wb.inspect.trace_graph(lambda x: (x * x).sum(), wb.tensor([1.0, 2.0]))
    >>> [node.type for node in graph.nodes if node.kind == "op"]
    ['mul', 'sum']
    """
    probe = GraphProbe(function if isinstance(function, Module) else None)
    watched = [x.detach().requires_grad_() if isinstance(x, Tensor) and x.node is None and x.dtype.kind in "fVc" else x for x in inputs]
    with probe.watching():
        output = function(*watched)
    probe.output(output)
    if isinstance(output, Tensor) and output.node is not None and output.size == 1 and output.dtype.kind in "fV":
        leaves = [node for node in reachable([output.node]) if isinstance(node, Leaf)]
        held = [leaf.tensor() for leaf in leaves if leaf.tensor is not None]
        autograd.grad(output, [tensor for tensor in held if tensor is not None], allow_unused=True)
    graph = probe.record()
    if graph is None:
        raise ArgumentError("trace_graph: nothing on the tape: no parameter or floating-point input takes part in a gradient")
    return graph


def tape_graph(tensor: Tensor) -> GraphModel:
    """The graph that `tensor` was computed by, read from its tape; gradients if it is one number.

    Raises
    ------
    ArgumentError
        If the tensor is not on the tape.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor(3.0, requires_grad=True)
    >>> [node.label for node in wb.inspect.tape_graph(x * x + 1).nodes]
    ['add', 'mul', 'x', 'output']
    """
    if not isinstance(tensor, Tensor) or tensor.node is None:
        raise ArgumentError("tape_graph: the tensor is not on the tape; it needs requires_grad=True somewhere below it")
    order = reachable([tensor.node])
    if any(node.saved is None for node in order):
        raise ArgumentError("tape_graph: backward has freed this graph; look at it before backward, or pass retain_graph=True")
    names = {node: f"o:{index}" for index, node in enumerate(order)}
    values = _saved_values(order, tensor)
    gradients = _gradients(order, tensor)
    nodes = [_tape_node(node, names[node], values.get(node), gradients.get(node)) for node in order]
    edges = [GraphEdge(names[parent], names[node], tuple(parent.shape)) for node in order for parent in node.parents if parent is not None]
    shape, dtype = tuple(tensor.shape), str(tensor.dtype)
    nodes.append(GraphNode("out:0", "", "output", "output", "output", shape, dtype, value=summarize(tensor.data)))
    return GraphModel(0, tuple(nodes), (*edges, GraphEdge(names[tensor.node], "out:0", shape)))


def _tape_node(node: Node, identity: str, value: Any, grad: Any) -> GraphNode:
    leaf = isinstance(node, Leaf)
    label = "x" if leaf else node.op.name
    dtype = str(value.dtype if value is not None else grad.dtype if grad is not None else "")
    return GraphNode(identity, "", "parameter" if leaf else "op", label, "leaf" if leaf else node.op.name, tuple(node.shape), dtype,
                     parameters=int(np.prod(node.shape)) if leaf else 0, value=None if value is None else summarize(value),
                     grad=None if grad is None else summarize(grad))


def _saved_values(order: list[Node], tensor: Tensor) -> dict[Node, Any]:
    """Arrays of nodes: the root's, those of leaves, and whatever rules have saved."""
    found: dict[Node, Any] = {tensor.node: tensor.data}
    for node in order:
        if isinstance(node, Leaf) and node.tensor is not None and node.tensor() is not None:
            found[node] = node.tensor().data
        for saved in node.saved or ():
            if type(saved) is Tensor and saved.node is not None:
                found.setdefault(saved.node, saved.data)
        if node.op is not None and node.op.output_at is not None and node.saved:
            found.setdefault(node, node.saved[node.op.output_at])
    return found


def _gradients(order: list[Node], tensor: Tensor) -> dict[Node, Any]:
    if tensor.size != 1 or tensor.dtype.kind not in "fV":
        return {}
    seed = np.ones_like(tensor.data)
    return sweep([(tensor.node, seed)], raw=True, keep=True, wanted=order, order=order).of

"""The reverse sweep: from outputs back to leaves, newest node first.

First-order sweeps run the rules on raw arrays; with ``raw=False`` the same rules run on tensors or boxes and are
recorded themselves. No recursion: nodes are collected with a stack and sorted by the clock, so a chain of 200,000
operations is no deeper than one.
"""
from __future__ import annotations

import operator
import time
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from ..backend.arrays import beside, copied, several_devices
from . import mutate
from .errors import ArgumentError, GraphError
from .node import AfterAccumulation, Leaf, Node, NodeHook
from .op import REGISTRY
from .several import picks
from .state import STATE
from .tensor import Tensor

_seq = operator.attrgetter("seq")
Roots = list[tuple[Node, Any]]


def reachable(roots: Iterable[Node]) -> list[Node]:
    """Every node that the roots were computed from, roots included, newest first."""
    stack = list(dict.fromkeys(roots))
    seen = set(stack)
    order = []
    pop, push, mark = stack.pop, stack.append, seen.add
    while stack:
        node = pop()
        order.append(node)
        for parent in node.parents:
            if parent is not None and parent not in seen:
                mark(parent)
                push(parent)
    order.sort(key=_seq, reverse=True)
    return order


def needed_for(order: list[Node], wanted: Collection[Node]) -> set[Node]:
    """Those of `order` that lie on a path to a wanted node."""
    needed = set(wanted)
    for node in reversed(order):
        if any(parent in needed for parent in node.parents):
            needed.add(node)
    return needed


class Cotangents:
    """Cotangents by node while a sweep runs, and which of them may be written to."""

    __slots__ = ("of", "owned", "borrowed", "raw")

    def __init__(self, roots: Roots, raw: bool) -> None:
        self.of: dict[Node, Any] = {}
        self.owned: set[Node] = set()
        self.borrowed: set[Node] = set()
        self.raw = raw and STATE.trace is None  # a symbol is no memory that could be added to
        for node, g in roots:
            self.add(node, g, True)

    def add(self, node: Node, c: Any, borrowed: bool) -> None:
        """Add `c`; `borrowed` says that others hold the same array."""
        before = self.of.get(node)
        if before is None:
            self.of[node] = c
            if borrowed:
                self.borrowed.add(node)
        elif self.raw and node in self.owned:
            before += c
            self.of[node] = before
        else:
            with beside(c):
                self.of[node] = before + c
            self.owned.add(node)
            self.borrowed.discard(node)

    def take_private(self, node: Node) -> Any:
        """The raw cotangent of `node` in an array that nobody else holds."""
        g = self.of[node]
        if node in self.borrowed or getattr(g, "base", None) is not None:
            with beside(g):
                return copied(g)
        return g


def sweep(roots: Roots, *, raw: bool, keep: bool, wanted: Collection[Node] | None = None,
          order: list[Node] | None = None) -> Cotangents:
    """Run the rules from `roots` down; cotangents of the leaves (and of wanted nodes) remain in the result.

    Parameters
    ----------
    roots : list of (Node, cotangent)
        Where to begin.
    raw : bool
        Compute on arrays and record nothing.
    keep : bool
        Leave the graph usable for another sweep.
    wanted : collection of Node, optional
        Only paths to these are followed.
    """
    if order is None:
        order = reachable(node for node, _ in roots)
    mutate.check_fresh(order)
    needed = None if wanted is None else needed_for(order, wanted)
    cotangents = Cotangents(roots, raw)
    before, STATE.sweep = STATE.sweep, Running(order, needed)
    cast, STATE.cast = STATE.cast, None  # gradients have the dtypes that the forward pass had
    try:
        for watch in STATE.observers:
            watch.begin_sweep(roots)
        _run(cotangents, order, raw, keep, wanted, needed)
    finally:
        STATE.sweep, STATE.cast = before, cast
    return cotangents


class Running(NamedTuple):
    """A sweep while it runs: the nodes it goes through, and which of them are needed (None: all)."""

    order: list[Node]
    needed: set[Node] | None


def _run(cotangents: Cotangents, order: list[Node], raw: bool, keep: bool, wanted: Collection[Node] | None, needed: set[Node] | None) -> None:
    of, add, sum_to = cotangents.of, cotangents.add, REGISTRY["sum_to"].call
    general = not raw or needed is not None or bool(STATE.observers) or several_devices()
    for node in order:
        op = node.op
        g = of.get(node)
        if g is None or (needed is not None and node not in needed):
            continue
        if op is None:
            if node.hooked:
                of[node] = run_hooks(node, g, raw)
            continue
        rules = op.vjp
        if node.hooked:
            g = of[node] = run_hooks(node, g, raw)
            rules = None
        if wanted is None or node not in wanted:
            del of[node]
        elif needed is not None and needed.isdisjoint(node.parents):
            continue  # nobody wants what lies below: it keeps what it saved for another sweep
        if rules is None or general or g.dtype.kind == "c":
            with beside(g):
                pulled = list(_pulled(node, op, g, raw, needed))
            for parent, c in zip(node.parents, pulled, strict=False):
                if c is not None:
                    add(parent, c if c.shape == parent.shape else sum_to(c, shape=parent.shape), c is g)
        else:  # the common case, written out: a first-order sweep over simple rules
            saved, params = node.saved, node.params
            if saved is None:
                raise freed(op)
            if saved:
                saved = [t.data if type(t) is Tensor else t for t in saved]
            for parent, rule in zip(node.parents, rules):  # noqa: B905 - as many by construction
                if parent is not None and rule is not None:
                    c = rule(g, *saved, **params) if params else rule(g, *saved)
                    add(parent, c if c.shape == parent.shape else sum_to(c, shape=parent.shape), c is g)
        if not keep:
            node.saved = None
            node.parents = ()


def _pulled(node: Node, op: Any, g: Any, raw: bool, needed: set[Node] | None) -> Iterable[Any]:
    """The cotangents of the parents of one node, as its hooks leave them and observers see them."""
    observers = STATE.observers
    if not observers and not node.hooked:
        return _apply(node, op, g, raw, needed)
    begin = time.perf_counter_ns()
    cots = [c if c is None or parent is None or c.shape == parent.shape else REGISTRY["sum_to"].call(c, shape=parent.shape)
            for parent, c in zip(node.parents, _apply(node, op, g, raw, needed), strict=False)]
    end = time.perf_counter_ns()
    mode, STATE.mode = STATE.mode, STATE.mode & 1
    try:
        for watch in observers:
            watch.backward(node, g, cots, begin, end)
    finally:
        STATE.mode = mode
    return run_node_hooks(node, g, cots, raw) if node.hooked else cots


def _apply(node: Node, op: Any, g: Any, raw: bool, needed: set[Node] | None) -> Iterable[Any]:
    """The cotangents of the parents of one node; None where none is needed."""
    saved = node.saved
    if saved is None:
        raise freed(op)
    if op.reference is not None:
        return _fused(node, op, g, raw, needed)
    params = node.params or {}
    if raw:
        saved = [t.data if type(t) is Tensor else t for t in saved]
    elif op.output_at is not None:
        saved = list(saved)
        saved[op.output_at] = output_of(node, saved[op.output_at])
    conjugate = op.holomorphic and g.dtype.kind == "c"
    if conjugate:
        g = REGISTRY["conj"].call(g)
    if op.joint is not None:
        cots = op.joint(g, _needs(node, needed), *saved, **params)
    else:
        cots = [rule(g, *saved, **params)
                if parent is not None and rule is not None and (needed is None or parent in needed) else None
                for parent, rule in zip(node.parents, op.vjp, strict=False)]
    return [c if c is None else REGISTRY["conj"].call(c) for c in cots] if conjugate else cots


def _needs(node: Node, needed: set[Node] | None) -> tuple[bool, ...]:
    return tuple(parent is not None and (needed is None or parent in needed) for parent in node.parents)


def _fused(node: Node, op: Any, g: Any, raw: bool, needed: set[Node] | None) -> Iterable[Any]:
    *inputs, residual = node.saved
    needs = _needs(node, needed)
    params = node.params or {}
    if raw and STATE.trace is not None:
        return STATE.trace.backward(op, g, needs, residual, inputs, params)
    if raw:
        from ..backend.arrays import module_of, wrapped

        arrays = [t.data if type(t) is Tensor else t for t in inputs]
        first = next(a for a in (*g, *arrays) if a is not None) if op.several else g
        xp = module_of(type(first))
        joint = op.joint if xp.__name__ == "numpy" else wrapped(op.joint, type(first))
        return joint(xp, g, needs, residual, *arrays, **params)
    from .reverse import vjp

    chosen = [index for index, need in enumerate(needs) if need]

    def composite(*values: Any) -> Any:
        full = list(inputs)
        for index, value in zip(chosen, values, strict=True):
            full[index] = value
        return op.reference(*full, **params)

    out, pullback = vjp(composite, *(inputs[index] for index in chosen))
    if op.several:
        g = tuple(REGISTRY["zeros_like"].call(o) if part is None else part for part, o in zip(g, out, strict=True))
    found = dict(zip(chosen, pullback(g), strict=True))
    return [found.get(index) for index in range(len(needs))]


def output_of(node: Node, data: Any) -> Any:
    """The output of `node` as a value on the tape again: nodes keep only its array, or the graph would be a cycle."""
    if isinstance(data, tuple):
        return tuple(part if isinstance(part, Tensor) else Tensor(part, pick)
                     for part, pick in zip(data, picks(node, data), strict=True))
    return data if isinstance(data, Tensor) else Tensor(data, node)


def run_hooks(node: Node, g: Any, raw: bool) -> Any:
    """`g` after the hooks that want it before the rules run."""
    for hook in list(node.hooks):
        if isinstance(hook, NodeHook):
            if hook.before:
                g = _put_back(hook.function(_shown(g, raw)), g, raw)
        elif not isinstance(hook, AfterAccumulation):
            bare = raw and not isinstance(g, Tensor)
            replaced = hook(Tensor(g) if bare else g)
            if replaced is not None:
                g = replaced.data if bare else replaced
    return g


def run_node_hooks(node: Node, g: Any, cots: list[Any], raw: bool) -> list[Any]:
    """The cotangents of the parents after the hooks that want them."""
    for hook in list(node.hooks):
        if isinstance(hook, NodeHook) and not hook.before:
            shown = tuple(_tensor(c, raw) for c in cots)
            replaced = hook.function(shown, _shown(g, raw))
            if replaced is not None:
                replaced = replaced if isinstance(replaced, tuple) else (replaced,)
                if len(replaced) != len(cots):
                    raise ArgumentError(f"a hook of the node of {node.op.name} returned {len(replaced)} gradients; expected {len(cots)}, "
                                        "one for every input")
                cots = [_bare(c, raw) for c in replaced]
    return cots


def _tensor(c: Any, raw: bool) -> Any:
    return Tensor(c) if raw and c is not None and not isinstance(c, Tensor) else c


def _bare(c: Any, raw: bool) -> Any:
    return c.data if raw and type(c) is Tensor else c


def _shown(g: Any, raw: bool) -> tuple:
    """A cotangent as node hooks see it: one tensor for every output."""
    return tuple(_tensor(part, raw) for part in (g if isinstance(g, tuple) else (g,)))


def _put_back(replaced: Any, g: Any, raw: bool) -> Any:
    if replaced is None:
        return g
    parts = [_bare(part, raw) for part in (replaced if isinstance(replaced, tuple) else (replaced,))]
    return type(g)(parts) if isinstance(g, tuple) else parts[0]


def freed(op: Any) -> GraphError:
    """The error for a node that an earlier sweep has freed."""
    return GraphError(f"backward already ran through this graph and freed what {op.name} had saved; "
                      "pass retain_graph=True to the first backward, or compute the loss again")


def leaves_of(order: list[Node]) -> list[Leaf]:
    """The leaves among `order`."""
    return [node for node in order if isinstance(node, Leaf)]

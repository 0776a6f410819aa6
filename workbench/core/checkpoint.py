"""`checkpoint`: forget what a function computed on the way, and compute it again when backward needs it.

The function runs recorded, as ever; then everything on the tapes between its outputs and what lay before is replaced by
one node that holds the function and its arguments. That works at every level at once (the eager tape, grad inside
vmap, a trace of jit) and finds captured weights by itself, because the tape knows them.
"""
from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import tree
from .checkpoint_policies import Candidate, Policy, save_within_budget
from .errors import ArgumentError
from .node import Leaf, Node
from .op import Op, compute, run_raw
from .several import turn_into_pick
from .state import STATE, clock, closed_fast_paths, taped
from .sweep import sweep
from .tensor import Tensor
from .vectorize import RUNNING

RNG: dict[str, Callable[..., Any]] = {}
"""``get`` and ``set`` of the state of the random generator, and ``seed`` (set when `ops.random` is loaded)."""


def checkpoint(function: Callable[..., Any] | None = None, *, policy: Policy | None = None, budget: int | None = None) -> Callable[..., Any]:
    """A function that computes the same and saves only its arguments; backward computes the rest again.

    Parameters
    ----------
    function : callable
        Takes and returns trees of tensors. Weights that it captures get their gradients as ever.
    policy : callable, optional
        Which values are kept nevertheless: `nothing_saveable` (default), `dots_saveable`, `everything_saveable`,
        `save_only_these_names`, `save_any_names_but_these`, or a function of your own from candidates to indices.
    budget : int, optional
        Bytes that may be kept; the values that took the most time per byte are chosen.

    Raises
    ------
    ArgumentError
        If both `policy` and `budget` are given.

    Notes
    -----
    Random numbers are drawn again from the state of the first time, so dropout is the same; running statistics of batch
    normalization are not updated a second time. Policies apply on the eager
    tape; inside other transformations everything is computed again (Chen et al. 2016, arXiv:1604.06174).

    Examples
    --------
    >>> import workbench as wb
    >>> f = wb.checkpoint(lambda x: wb.sin(wb.exp(x)))
    >>> x = wb.tensor(0.0, requires_grad=True); f(x).backward(); round(x.grad.item(), 4)
    0.5403
    """
    if policy is not None and budget is not None:
        raise ArgumentError("checkpoint: give a policy or a budget, not both")
    if function is None:
        return functools.partial(checkpoint, policy=policy, budget=budget)
    chosen = save_within_budget(budget) if budget is not None else policy

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not STATE.mode & 1:
            return function(*args, **kwargs)
        return Segment(function, args, kwargs, chosen).run()

    return wrapped


def checkpoint_name(x: Tensor, name: str) -> Tensor:
    """`x`, marked with a name for `save_only_these_names`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.checkpoint_name(wb.ones(2), "hidden").tolist()
    [1.0, 1.0]
    """
    if STATE.replay is not None:
        STATE.replay.name_last(name)
    return x


class Segment:
    """One checkpointed call: how to run it again, and the node that stands for it."""

    def __init__(self, function: Callable[..., Any], args: tuple, kwargs: dict[str, Any], policy: Policy | None) -> None:
        self.function, self.args, self.kwargs, self.policy = function, args, kwargs, policy
        self.levels, self.frames, self.random, self.cast, self.muted = STATE.levels, RUNNING.frames, RNG["get"](), STATE.cast, STATE.muted
        self.kept: dict[int, Any] = {}
        self.draws: list[Any] = []

    def run(self) -> Any:
        """Compute, and put one node in place of what was recorded."""
        start = clock()
        trace = STATE.trace
        before = None if trace is None else trace.draw_count()
        watcher = Keeper() if self.policy is not None and trace is None and not STATE.levels else None
        with watcher or contextlib.nullcontext():
            output = self.function(*self.args, **self.kwargs)
        if watcher is not None:
            self.kept = watcher.choose(self.policy)
        if trace is not None:
            self.draws = trace.draws_since(before)
        for level, nodes in _nodes_by_level(output).items():
            self._replace(level, [node for node in nodes if node.seq > start], start)
        return output

    def _replace(self, level: int, nodes: list[Node], start: int) -> None:
        """Make `nodes` the outputs of one node whose parents lie before `start`."""
        if not nodes:
            return
        main = Node()
        main.seq, main.params, main.shape = start, {}, ()
        main.parents = tuple(_boundary(nodes, start))
        main.saved = tuple(leaf for leaf in tree.flatten((self.args, self.kwargs))[0] if type(leaf) is Tensor)
        main.op = Op("checkpoint", lambda xp: None, arity=None, several=True, holomorphic=False,
                     joint=functools.partial(self._backward, level, main.parents))
        for index, node in enumerate(nodes):
            turn_into_pick(node, main, index, len(nodes))

    def _backward(self, level: int, boundary: tuple[Node, ...], g: tuple, needs: tuple, *saved: Any) -> list[Any]:
        """Run again, recorded, and sweep down to where the segment began."""
        start = clock()
        with self._again(), taped():
            args, kwargs = self._arguments()
            output = self.function(*args, **kwargs)
        nodes = [node for node in _nodes_by_level(output).get(level, []) if node.seq > start]
        roots = [(node, c) for node, c in zip(nodes, g, strict=True) if c is not None]
        raw = not any(isinstance(c, Tensor) for _, c in roots) or (STATE.trace is not None and not STATE.mode & 1)
        order = sorted(_inside([node for node, _ in roots], start), key=lambda node: node.seq, reverse=True)
        found = sweep(roots, raw=raw, keep=not raw, wanted=boundary, order=order).of
        return [found.get(parent) if need else None for parent, need in zip(boundary, needs, strict=True)]

    def _arguments(self) -> tuple[tuple, dict[str, Any]]:
        given = self.args, self.kwargs
        return given if STATE.trace is None else tree.map(STATE.trace.barrier, given)

    @contextlib.contextmanager
    def _again(self) -> Iterator[None]:
        """The circumstances of the first run: transformations, random numbers, autocast, kept values."""
        levels, frames, random, replay, mode, again = STATE.levels, RUNNING.frames, RNG["get"](), STATE.replay, STATE.mode, STATE.again
        cast, STATE.cast, muted, STATE.muted = STATE.cast, self.cast and self.cast.fresh(), STATE.muted, self.muted
        STATE.levels, RUNNING.frames, STATE.again = self.levels, self.frames, True
        RNG["set"](self.random)
        if self.kept:
            STATE.replay, STATE.mode = Replay(self.kept), STATE.mode | 2
        if STATE.trace is not None:
            STATE.trace.draw_again(self.draws)
        try:
            with closed_fast_paths() if self.kept or self.cast else contextlib.nullcontext():
                yield
        finally:
            STATE.levels, RUNNING.frames, STATE.replay, STATE.mode, STATE.again, STATE.cast = levels, frames, replay, mode, again, cast
            STATE.muted = muted
            RNG["set"](random)


# Policies at work --------------------------------------------------------------------------------------------------------------
class Keeper:
    """During the first run: notes every recorded op, its result and its cost."""

    def __init__(self) -> None:
        self.results: list[Any] = []
        self.candidates: list[Candidate] = []

    def __enter__(self) -> None:
        self._before, self._closed = (STATE.replay, STATE.mode), closed_fast_paths()
        STATE.replay, STATE.mode = self, STATE.mode | 2
        self._closed.__enter__()

    def __exit__(self, *exc: object) -> None:
        self._closed.__exit__(None, None, None)
        STATE.replay, STATE.mode = self._before

    def __call__(self, op: Op, args: tuple, params: dict[str, Any]) -> Any:
        begin = time.perf_counter()
        raw = run_raw(op, args, params)
        seconds = time.perf_counter() - begin
        self.results.append(raw)
        self.candidates.append(Candidate(op.name, None, sum(getattr(leaf, "nbytes", 0) for leaf in tree.flatten(raw)[0]), seconds))
        return compute(op, args, params, raw)

    def name_last(self, name: str) -> None:
        """Mark the newest result."""
        if self.candidates:
            self.candidates[-1] = self.candidates[-1]._replace(name=name)

    def choose(self, policy: Policy) -> dict[int, Any]:
        """The results that the policy keeps, by their number."""
        return {index: self.results[index] for index in policy(self.candidates)}


class Replay:
    """During the second run: results that were kept are taken, the others computed."""

    def __init__(self, kept: dict[int, Any]) -> None:
        self.kept, self.position = kept, 0

    def __call__(self, op: Op, args: tuple, params: dict[str, Any]) -> Any:
        position = self.position
        self.position += 1
        return compute(op, args, params, self.kept.get(position))

    def name_last(self, name: str) -> None:
        """Names matter only the first time."""


# The tape of a segment -----------------------------------------------------------------------------------------------------------
def _nodes_by_level(output: Any) -> dict[int, list[Node]]:
    """The nodes of all outputs at every level of boxes, in order, each once."""
    found: dict[int, dict[Node, None]] = {}

    def visit(value: Any) -> None:
        if not isinstance(value, Tensor):
            return
        if value.node is not None and not isinstance(value.node, Leaf):
            found.setdefault(value.level, {})[value.node] = None
        if value.level:
            visit(value.data)
            visit(getattr(value, "tangent", None))

    for leaf in tree.flatten(output)[0]:
        visit(leaf)
    return {level: list(nodes) for level, nodes in found.items()}


def _inside(nodes: list[Node], start: int) -> list[Node]:
    """The nodes from `nodes` down that are younger than `start`."""
    stack, seen = list(nodes), dict.fromkeys(nodes)
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent.seq > start and parent not in seen:
                seen[parent] = None
                stack.append(parent)
    return list(seen)


def _boundary(nodes: list[Node], start: int) -> list[Node]:
    """Where a segment meets what lay before it."""
    return list(dict.fromkeys(parent for node in _inside(nodes, start) for parent in node.parents
                              if parent is not None and parent.seq <= start))


"""Operations with several outputs: how one node on the tape serves them all.

The op has one node, whose cotangent is a `Parts`: one entry per output, None where nobody used it. Each output that
can carry a gradient has a small node of its own that puts its cotangent into the right place. Apart from `op`, because
the ordinary road has one output and should not know of this.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .node import Node
from .op import Op, gather_saved
from .state import clock


class Parts(tuple):
    """Cotangents of the outputs of one op; adding two adds them entry by entry."""

    __slots__ = ()
    shape = ()
    dtype = np.dtype(object)

    def __add__(self, other: Any) -> Parts:
        return Parts(a if b is None else b if a is None else a + b for a, b in zip(self, other, strict=True))


def _place(g: Any, *, index: int, count: int) -> Parts:
    return Parts(g if position == index else None for position in range(count))


PICK = Op("output", lambda xp: None, arity=1, parameters={"index": 0, "count": 1}, vjp=(_place,), holomorphic=False)
"""The op of the node behind one output."""


def record(op: Op, args: tuple, parents: tuple, params: dict[str, Any], outputs: tuple, residual: Any = None) -> list[Node | None]:
    """The node of `op` and, in front of it, one for every output that can have a gradient."""
    node = Node()
    node.seq, node.op, node.parents, node.params, node.shape = clock(), op, parents, params, ()
    node.saved = (*args, residual) if op.reference is not None else gather_saved(op, args, outputs)
    return picks(node, outputs)


def picks(node: Node, outputs: tuple) -> list[Node | None]:
    """A node in front of `node` for every output; None for outputs of integers."""
    count = len(outputs)
    return [_pick(node, index, count, tuple(out.shape)) if out.dtype.kind in "fVc" else None for index, out in enumerate(outputs)]


def _pick(node: Node, index: int, count: int, shape: tuple[int, ...]) -> Node:
    pick = Node()
    pick.seq, pick.shape = clock(), shape
    turn_into_pick(pick, node, index, count)
    return pick


def turn_into_pick(node: Node, main: Node, index: int, count: int) -> None:
    """Let `node` stand for output `index` of `main`, whatever it was."""
    node.op, node.parents, node.saved, node.params = PICK, (main,), (), {"index": index, "count": count}


def each(function: Callable[..., Any], *columns: Any) -> Any:
    """`function` of one value, or of every output when the first column is a tuple of them."""
    if isinstance(columns[0], tuple):
        return tuple(function(*row) for row in zip(*columns, strict=True))
    return function(*columns)

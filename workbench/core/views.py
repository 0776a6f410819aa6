"""Tensors that share memory on the tape: what a write through one of them means for the others.

A view remembers what it is a view of (one slot, set by view ops only). When a tensor of such a family is written on the
tape, the write is put back into each tensor it is a view of, up to the oldest, and the other views are taken again, so
that every one of them has the node of what its memory now holds. Only writers pay.
"""
from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .errors import GraphError
from .node import Leaf, held
from .state import STATE
from .tensor import Tensor


def root(array: Any) -> Any:
    """The array that owns the memory of `array`."""
    base = getattr(array, "base", None)
    while base is not None and hasattr(base, "dtype"):
        array, base = base, getattr(base, "base", None)
    return array


def ancestors(x: Tensor) -> list[Tensor]:
    """`x` and what it is a view of, as far as memory is shared."""
    chain = [x]
    while (origin := getattr(chain[-1], "origin", None)) is not None and root(origin[0].data) is root(x.data):
        chain.append(origin[0])
    return chain


def check_family(x: Tensor, operation: str) -> None:
    """Raise before a recorded write if gradients could go wrong: a leaf in the family, or sharing that no view op made."""
    chain = ancestors(x)
    if isinstance(chain[-1].node, Leaf):
        raise GraphError(f"{operation}: this is a view of a leaf that requires a gradient, which cannot be written in place while recording; use "
                         "`with no_grad():` for an update, or write into x.clone()")
    if not shared(chain):
        return
    top = chain[-1]
    for member in _members(root(x.data)):
        if member.node is not None and ancestors(member)[-1] is not top:
            raise GraphError(f"{operation}: another tensor on the tape shares the memory of this one in a way that is not known (a reversed or "
                             "foreign view), and gradients would go wrong; write into x.clone()")


def rebase(x: Tensor) -> None:
    """After a recorded write into `x`: give every tensor of its family the node of what its memory holds now."""
    chain = ancestors(x)
    others = [member for member in _members(root(x.data)) if all(member is not t for t in chain)] if shared(chain) else []
    value = x
    for view, base in zip(chain, chain[1:], strict=False):
        _, op, params = view.origin
        value = op.put(Tensor(base.data, base.node), value, **params)
        base.node = value.node
        value = Tensor(base.data, value.node)
    depth = lambda member: len(ancestors(member))
    for member in sorted(others, key=depth):
        if depth(member) > 1 and ancestors(member)[-1] is chain[-1]:
            base, op, params = member.origin
            member.node = op.call(Tensor(base.data, base.node), **params).node


def shared(chain: list[Tensor]) -> bool:
    """Does anything but the tensors of `chain` hold their memory? Counted by references; when in doubt, yes."""
    arrays = {id(t.data): t.data for t in chain}
    owner = root(chain[0].data)
    for array in arrays.values():
        holders = sum(t.data is array for t in chain) + sum(_saved(t, array) for t in chain)
        below = sum(other is not owner and array is owner for other in arrays.values())
        if sys.getrefcount(array) > holders + below + _ALONE:
            return True
    alone = id(owner) in arrays
    return not alone and sys.getrefcount(owner) > len(arrays) + _OWNER


def _saved(t: Tensor, array: Any) -> int:
    """How often the node of `t` itself has saved its array: backward checks that by the write log."""
    return sum(value is array for value in (held(t.node) or ())) if t.node is not None else 0


def _members(owner: Any) -> Iterator[Tensor]:
    """Every living tensor on this memory."""
    return (t for t in gc.get_objects() if type(t) is Tensor and hasattr(t, "data") and root(t.data) is owner)


def _calibrate() -> tuple[int, int]:
    """References that `shared` itself holds: to an array of the chain, and to memory outside it."""
    x = Tensor(np.zeros(2))
    view = Tensor(np.zeros(2)[1:])
    found = []
    for chain in ([x], [view]):
        arrays = {id(t.data): t.data for t in chain}
        owner = root(chain[0].data)
        for array in arrays.values():
            found.append(sys.getrefcount(array) - 1)
        found.append(sys.getrefcount(owner) - 1)
        del array
    return max(found[0], found[2]), found[3]


_ALONE, _OWNER = _calibrate()


def recorded(x: Tensor, *values: Any) -> bool:
    """Would a write of `values` into `x` belong on the tape?"""
    if not STATE.mode & 1:
        return False
    return any(t.node is not None for t in ancestors(x)) or any(isinstance(v, Tensor) and v.node is not None for v in values)


# Inside transformations ------------------------------------------------------------------------------------------------------
def note(base: Any, op: Any, params: dict[str, Any], view: Any) -> Any:
    """`view`, from now on known to be ``op`` of `base`: values of transformations have no memory to tell by.

    Not so in a sweep: gradients have memory of their own, whatever they were computed from.
    """
    if type(view) is not Tensor and STATE.sweep is None:
        view.origin = base, op, params
        _below(base).append(weakref.ref(view))
    return view


def _below(base: Any) -> list[weakref.ref]:
    """The views that were taken of a value inside a transformation or, of a plain tensor, in the running trace."""
    if type(base) is Tensor:
        return STATE.trace.views.setdefault(id(base), [])
    found = getattr(base, "views", None)
    if found is None:
        found = base.views = []
    return found


def rebase_boxed(x: Any, store: Callable[[Any, Any], None]) -> None:
    """`rebase` where values have no memory: after `x` got another value, `store` gives theirs to what shares memory with it."""
    chain = [x]
    while (origin := getattr(chain[-1], "origin", None)) is not None and type(chain[-1]) is not Tensor and _shares(origin):
        base, op, params = origin
        store(base, op.put(base, chain[-1], **params))
        chain.append(base)
    _take_again(chain[-1], chain, store)


def _take_again(base: Any, done: list[Any], store: Callable[[Any, Any], None]) -> None:
    for view in [view for ref in _below(base) if (view := ref()) is not None]:
        if not _shares(view.origin):
            continue
        if all(view is not other for other in done):
            _, op, params = view.origin
            store(view, op.call(base, **params))
        _take_again(view, done, store)


def _shares(origin: tuple[Any, Any, dict[str, Any]]) -> bool:
    """Would the view share memory with an array that is laid out row by row? A reshape may have to copy."""
    steps = [origin]
    while type(steps[-1][0]) is not Tensor and (before := getattr(steps[-1][0], "origin", None)) is not None:
        steps.append(before)
    memory = array = np.empty(tuple(steps[-1][0].shape), np.uint8)  # nothing touches it, so it takes no memory
    for _, op, params in reversed(steps):
        array = op.table[np.ndarray](array, **params)
    return root(array) is memory

"""Operations across a named axis: sums, gathers and permutations over the examples of a vmap or the shards of a pmap.

Each is an ordinary op with a derivative. The box whose axis it names computes it (`across`, on values stacked along a
leading axis); every other box passes it on. So code for several devices runs, and is tested, under vmap on one.
"""
# mypy: allow-untyped-defs
# (Rules are formulas, as in `workbench.ops`: their types are those of the declaration.)
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import tree
from .declare import op
from .errors import ArgumentError
from .op import REGISTRY
from .tensor import Tensor, as_tensor
from .vectorize import RUNNING, Frame


def frame_of(axis_name: Any, what: str) -> Frame:
    """The running vmap or pmap whose axis has this name."""
    for frame in reversed(RUNNING.frames):
        if frame.name is not None and frame.name == axis_name:
            return frame
    names = ", ".join(repr(f.name) for f in RUNNING.frames if f.name is not None) or "none"
    raise ArgumentError(f"{what}: no axis named {axis_name!r} is bound here (bound: {names}); give vmap or pmap axis_name={axis_name!r}")


def _collective(rules: type) -> Callable[..., Any]:
    """Declare a collective: `across` says what it does with values stacked on axis 0; alone, every member has the same value."""
    function = op(batch=_passed_on)(rules)
    function.op.across = rules.across
    function.op.impure = True
    return function


def _passed_on(op: Any, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    return op.call(*values, **params)


def _spread(x: Any, size: int) -> Any:
    return REGISTRY["broadcast_to"].call(x, shape=(size, *x.shape))


@_collective
class all_sum:
    """The sum over the members of an axis."""

    def forward(xp, x, *, axis_name, size):
        return x * size

    def across(x, *, axis_name, size):
        return _spread(REGISTRY["sum"].call(x, axis=0), size)

    def vjp(g, *, axis_name, size):
        return all_sum(g, axis_name=axis_name, size=size)

    linear = (0,)


@_collective
class all_extreme:
    """The largest (or smallest) over the members of an axis."""

    def forward(xp, x, *, axis_name, size, kind):
        return x.copy()

    def across(x, *, axis_name, size, kind):
        return _spread(REGISTRY[kind].call(x, axis=0), size)

    def vjp(g, x, o, *, axis_name, size, kind):
        chosen = REGISTRY["cast"].call(REGISTRY["eq"].call(x, o), dtype=x.dtype)
        return all_sum(g, axis_name=axis_name, size=size) * chosen / all_sum(chosen, axis_name=axis_name, size=size)


@_collective
class gather_members:
    """The values of all members, stacked on a new first axis."""

    def forward(xp, x, *, axis_name, size):
        return xp.broadcast_to(x, (size, *x.shape)).copy()

    def across(x, *, axis_name, size):
        return _spread(x, size)

    def vjp(g, *, axis_name, size):
        return scatter_members(g, axis_name=axis_name, size=size)

    linear = (0,)


@_collective
class scatter_members:
    """Entry i of the sum over all members, for member i: the transpose of `gather_members`."""

    def forward(xp, x, *, axis_name, size):
        raise ArgumentError("psum_scatter: a value that is the same for all members has no part for each; use psum")

    def across(x, *, axis_name, size):
        return REGISTRY["sum"].call(x, axis=0)

    def vjp(g, *, axis_name, size):
        return gather_members(g, axis_name=axis_name, size=size)

    linear = (0,)


@_collective
class permute_members:
    """Each member's value goes to another; who gets none has zeros."""

    def forward(xp, x, *, axis_name, pairs):
        raise ArgumentError("ppermute: a value that is the same for all members cannot be permuted; let it depend on the mapped argument")

    def across(x, *, axis_name, pairs):
        source = {target: origin for origin, target in pairs}
        zero = REGISTRY["zeros_like"].call(x[0])
        return REGISTRY["stack"].call(*(x[source[i]] if i in source else zero for i in range(x.shape[0])), axis=0)

    def vjp(g, *, axis_name, pairs):
        return permute_members(g, axis_name=axis_name, pairs=tuple((target, origin) for origin, target in pairs))

    linear = (0,)


# What people call ------------------------------------------------------------------------------------------------------------
def _reduced(x: Any, axis_name: Any, what: str, reduce: Callable[..., Tensor], **params: Any) -> Any:
    """Reduce every leaf of `x` over one named axis, or over each of a tuple."""
    frames = [frame_of(name, what) for name in (axis_name if isinstance(axis_name, tuple) else (axis_name,))]

    def leaf_by_leaf(leaf: Any) -> Tensor:
        value = as_tensor(leaf)
        for frame in frames:
            value = reduce(value, axis_name=frame.name, size=frame.size, **params)
        return value

    return tree.map(leaf_by_leaf, x)


def psum(x: Any, axis_name: Any) -> Any:
    """The sum of `x` over all members of the axis `axis_name`; every member gets it.

    Parameters
    ----------
    x : tree of Tensor
    axis_name : hashable or tuple
        A tuple names several axes, over all of which is summed.

    Raises
    ------
    ArgumentError
        If no vmap or pmap around has an axis of that name.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vmap(lambda x: x / wb.psum(x, "i"), axis_name="i")(wb.tensor([1.0, 3.0]))
    tensor([0.25, 0.75])
    """
    return _reduced(x, axis_name, "psum", all_sum)


def pmean(x: Any, axis_name: Any) -> Any:
    """The mean of `x` over all members of an axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vmap(lambda x: wb.pmean(x, "i"), axis_name="i")(wb.tensor([1.0, 3.0]))
    tensor([2., 2.])
    """
    size = axis_size(axis_name)
    return tree.map(lambda total: total / size, psum(x, axis_name))


def pmax(x: Any, axis_name: Any) -> Any:
    """The largest `x` of all members of an axis; ties share the gradient.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vmap(lambda x: wb.pmax(x, "i"), axis_name="i")(wb.tensor([1.0, 3.0]))
    tensor([3., 3.])
    """
    return _reduced(x, axis_name, "pmax", all_extreme, kind="amax")


def pmin(x: Any, axis_name: Any) -> Any:
    """The smallest `x` of all members of an axis; ties share the gradient.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vmap(lambda x: wb.pmin(x, "i"), axis_name="i")(wb.tensor([1.0, 3.0]))
    tensor([1., 1.])
    """
    return _reduced(x, axis_name, "pmin", all_extreme, kind="amin")


def all_gather(x: Any, axis_name: Any) -> Tensor:
    """The values of all members, on a new first axis; every member gets all.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vmap(lambda x: wb.all_gather(x, "i"), axis_name="i")(wb.tensor([1.0, 3.0])).tolist()
    [[1.0, 3.0], [1.0, 3.0]]
    """
    return gather_members(as_tensor(x), axis_name=axis_name, size=frame_of(axis_name, "all_gather").size)


def psum_scatter(x: Any, axis_name: Any) -> Tensor:
    """Member i gets entry i (of the first axis) of the sum over all members.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vmap(lambda x: wb.psum_scatter(x, "i"), axis_name="i")(wb.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([4., 6.])
    """
    size, x = frame_of(axis_name, "psum_scatter").size, as_tensor(x)
    if not x.shape or x.shape[0] != size:
        raise ArgumentError(f"psum_scatter: the first axis of shape {tuple(x.shape)} must be the size {size} of axis {axis_name!r}")
    return scatter_members(x, axis_name=axis_name, size=size)


def ppermute(x: Any, axis_name: Any, perm: Sequence[tuple[int, int]]) -> Tensor:
    """Send values around: for each (source, destination) in `perm`; members that get nothing have zeros.

    Raises
    ------
    ArgumentError
        If a member is named twice as source or destination, or is none of the axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vmap(lambda x: wb.ppermute(x, "i", [(0, 1), (1, 0)]), axis_name="i")(wb.tensor([1.0, 3.0]))
    tensor([3., 1.])
    """
    size = frame_of(axis_name, "ppermute").size
    pairs = tuple((int(a), int(b)) for a, b in perm)
    for column in zip(*pairs, strict=True):
        if len(set(column)) != len(column) or not all(0 <= member < size for member in column):
            raise ArgumentError(f"ppermute: perm={list(pairs)!r}; expected pairs of members below {size}, each at most once as source and as destination")
    return permute_members(as_tensor(x), axis_name=axis_name, pairs=pairs)


def axis_size(axis_name: Any) -> int:
    """How many members an axis has, or several together that a tuple names.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vmap(lambda x: x * wb.axis_size("i"), axis_name="i")(wb.ones(3))
    tensor([3., 3., 3.])
    """
    return math.prod(frame_of(name, "axis_size").size for name in (axis_name if isinstance(axis_name, tuple) else (axis_name,)))


def axis_index(axis_name: Any) -> Tensor:
    """The number of this member along an axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vmap(lambda x: wb.axis_index("i"), axis_name="i")(wb.ones(3)).tolist()
    [0, 1, 2]
    """
    frame = frame_of(axis_name, "axis_index")
    return frame.box(Tensor(np.arange(frame.size)))


def shared(x: Tensor, axis_name: Any) -> Any:
    """What a reduction over an axis (or a tuple of axes) gave, as one value outside them, without a derivative: to be kept as state."""
    levels = {frame_of(name, "shared").level for name in (axis_name if isinstance(axis_name, tuple) else (axis_name,))}
    value = REGISTRY["stop_gradient"].call(x)
    while value.level in levels:
        value = REGISTRY["stop_gradient"].call(value.data[0])
    return value

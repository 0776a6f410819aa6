"""Ops that move numbers without computing: reshape, permute, broadcast, join, pad, flip, cast.

Public functions below the declarations accept the spellings people type (``x.reshape(2, -1)``, ``transpose(0, 1)``)
and call the declared op in its one canonical form.
"""
from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import dtypes
from ..backend.arrays import PYTHON_SCALARS
from ..core import batching
from ..core.declare import op
from ..core.errors import ArgumentError, AxisError, DTypeError, GraphError, ShapeError
from ..core.lengths import Axis
from ..core.op import EVERY, REGISTRY, Op
from ..core.tensor import Tensor, as_tensor


def axes_of(axis: int | Sequence[int] | None, ndim: int, what: str = "axis") -> tuple[int, ...]:
    """`axis` as a tuple of different, non-negative axes; None means all. A number has none, and takes 0 and -1 as PyTorch does."""
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    out = []
    for a in given:
        if not ndim and a in (0, -1):
            continue
        if not -ndim <= a < ndim:
            raise AxisError(f"{what}: axis {a} is out of range for a tensor with {ndim} axes")
        out.append(int(a) % ndim)
    if len(set(out)) != len(out):
        raise AxisError(f"{what}: axis {given} names an axis twice")
    return tuple(out)


def axis_of(axis: int, ndim: int, what: str = "axis") -> int:
    """One axis as a non-negative number."""
    if not ndim:
        raise AxisError(f"{what}: axis {axis} is out of range for a tensor with 0 axes")
    return axes_of(axis, ndim, what)[0]


def _reshape_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    x = values[0]
    return op.call(x, shape=(x.shape[0], *resolve_shape(params["shape"], x.shape[1:])))


def resolve_shape(shape: Sequence[int], old: Sequence[int]) -> tuple[int, ...]:
    """`shape` with -1 replaced by what fits."""
    try:
        shape = tuple(n if isinstance(n, Axis) else operator.index(n) for n in shape)
    except TypeError:
        raise DTypeError(f"reshape: a shape is made of integers, got {tuple(shape)}") from None
    total = math.prod(old)
    if math.prod(shape) == total and -1 not in shape:
        return shape
    known = math.prod(n for n in shape if n != -1)
    holes = shape.count(-1)
    if holes > 1 or (holes and (known == 0 or total % known)) or (not holes and known != total):
        raise ShapeError(f"reshape: {tuple(old)} has {total} elements and cannot become {shape}")
    return tuple(total // known if n == -1 else n for n in shape)


def _broadcast_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    x = values[0]
    shape = tuple(params["shape"])
    missing = len(shape) + 1 - len(x.shape)
    if missing:
        x = _reshape(x, shape=(x.shape[0], *(1,) * missing, *x.shape[1:]))
    return op.call(x, shape=(x.shape[0], *shape))


def _permute_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    ndim = len(values[0].shape) - 1
    return op.call(values[0], axes=(0, *(a % ndim + 1 for a in params["axes"])))


def _moveaxis_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    ndim = len(values[0].shape) - 1
    return op.call(values[0], source=params["source"] % ndim + 1, destination=params["destination"] % ndim + 1)


def _joined_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    size = next(v.shape[0] for v, m in zip(values, mapped, strict=True) if m)
    full = [v if m else broadcast_to(v, (size, *v.shape)) for v, m in zip(values, mapped, strict=True)]
    ndim = len(full[0].shape) - 1 + (op.name == "stack")
    return op.call(*full, axis=params["axis"] % ndim + 1)


def _same_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    return op.call(*values, **params)


def _pad_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    return op.call(values[0], **{**params, "widths": ((0, 0), *params["widths"])})


@op(batch=_reshape_batch)
class reshape:
    """The same elements in another shape."""

    def forward(xp, x, *, shape):
        return x.reshape(shape)

    def vjp(g, xs, *, shape):
        return _reshape(g, shape=tuple(xs))

    def put(x, value, *, shape):
        return _reshape(value, shape=tuple(x.shape))

    linear = (0,)


_reshape = reshape


@op(batch=_broadcast_batch)
class broadcast_to:
    """Repeat axes of length one (and add leading axes) up to `shape`; a view, read-only."""

    def put(x, value, *, shape):
        raise GraphError(f"in-place write into a broadcast view of shape {tuple(shape)}, in which elements share memory; use x.clone()")

    def forward(xp, x, *, shape):
        return xp.broadcast_to(x, shape)

    def vjp(g, xs, *, shape):
        return REGISTRY["sum_to"].call(g, shape=tuple(xs))

    linear = (0,)


_broadcast_to = broadcast_to


@functools.cache
def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The order of axes that undoes another."""
    return tuple(int(a) for a in np.argsort(np.asarray(axes) % max(len(axes), 1)))


@op(batch=_permute_batch)
class permute:
    """Axes in another order."""

    def forward(xp, x, *, axes):
        return xp.transpose(x, axes)

    def vjp(g, *, axes):
        return _permute(g, axes=_inverse(tuple(axes)))

    def put(x, value, *, axes):
        return _permute(value, axes=_inverse(tuple(axes)))

    linear = (0,)


_permute = permute


@op(batch=_moveaxis_batch)
class moveaxis:
    """One axis moved to another place, the others in order."""

    def forward(xp, x, *, source, destination):
        return xp.moveaxis(x, source, destination)

    def vjp(g, *, source, destination):
        return _moveaxis(g, source=destination, destination=source)

    def put(x, value, *, source, destination):
        return _moveaxis(value, source=destination, destination=source)

    linear = (0,)


_moveaxis = moveaxis


@op(batch=_same_batch, c="cast({0})")
class cast:
    """The same numbers in another dtype."""

    def forward(xp, x, *, dtype):
        if x.dtype.kind == "c" and dtype.kind != "c":
            x = x.real
        return dtypes.converted(x, dtype)

    def vjp(g, x, *, dtype):
        return g if x.dtype.kind not in "fVc" else _cast(g, dtype=x.dtype)

    linear = (0,)


_cast = cast


@op(arity=None, batch=_joined_batch)
class concat:
    """Join tensors along an axis they already have."""

    def forward(xp, *xs, axis=0):
        return xp.concatenate(xs, axis=axis)

    def joint(g, needs, *xs, axis):
        out, start = [], 0
        for x, need in zip(xs, needs, strict=True):
            stop = start + x.shape[axis]
            out.append(narrow_raw(g, axis, start, stop) if need else None)
            start = stop
        return out

    shape_only = EVERY


_concat = concat


@op(arity=None, batch=_joined_batch)
class stack:
    """Join tensors of one shape along a new axis."""

    def forward(xp, *xs, axis=0):
        return xp.stack(xs, axis=axis)

    def joint(g, needs, *xs, axis):
        return [narrow_raw(g, axis, i, None) if need else None for i, need in enumerate(needs)]

    shape_only = EVERY


_stack = stack


def narrow_raw(g: Any, axis: int, start: int, stop: int | None) -> Any:
    """A slice of `g` along `axis`; with ``stop=None`` one index, the axis removed."""
    axis %= len(g.shape)
    part = slice(start, stop) if stop is not None else start
    return g[(slice(None),) * axis + (part,)]


@op(batch=_pad_batch)
class pad_constant:
    """Surround with `value`: ``widths`` is (before, after) for every axis; negative widths cut."""

    def forward(xp, x, *, widths, value=0):
        cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True))
        return xp.pad(x[cut], [(max(a, 0), max(b, 0)) for a, b in widths], constant_values=value)

    def vjp(g, *, widths, value):
        return pad_constant(g, widths=tuple((-a, -b) for a, b in widths), value=0)

    def jvp(t, o, x, *, widths, value):
        return pad_constant(t, widths=widths, value=0)


@op(batch=batching.single_axis)
class flip_axis:
    """The elements of one axis in reverse order, in new memory as PyTorch has them: a write into them leaves `x` alone."""

    def forward(xp, x, *, axis):
        return xp.flip(x, axis=axis).copy()

    def vjp(g, *, axis):
        return flip_axis(g, axis=axis)

    linear = (0,)


@op(batch=batching.single_axis)
class roll_axis:
    """The elements of one axis moved on by `shift`, those that fall out entering at the other end."""

    def forward(xp, x, *, shift, axis):
        return xp.roll(x, shift, axis=axis)

    def vjp(g, *, shift, axis):
        return roll_axis(g, shift=-shift, axis=axis)

    linear = (0,)


# What people type ----------------------------------------------------------------------------------------------------
def _ints(args: tuple) -> tuple[int, ...]:
    return tuple(args[0]) if len(args) == 1 and isinstance(args[0], (tuple, list)) else args


def reshape(x: Tensor, *lengths: int | Sequence[int], shape: Sequence[int] | None = None) -> Tensor:
    """`x` with the same elements in another shape; one length may be -1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.arange(6).reshape(2, -1).shape
    (2, 3)
    """
    return _reshape(x, shape=resolve_shape(_ints(lengths) if shape is None else shape, x.shape))


def permute(x: Tensor, *axes: int | Sequence[int], dims: Sequence[int] | None = None) -> Tensor:
    """`x` with its axes in the order `axes`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros((2, 3, 4)).permute(2, 0, 1).shape
    (4, 2, 3)
    """
    wanted = _ints(axes) if dims is None else tuple(dims)
    order = axes_of(wanted, len(x.shape), "permute")
    if len(wanted) != len(x.shape):
        raise ArgumentError(f"permute: {len(wanted)} axes given for a tensor with {len(x.shape)}")
    return _permute(x, axes=order)


def broadcast_to(x: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """`x` repeated along axes of length one up to `shape` (a read-only view).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.broadcast_to(wb.tensor([[1], [2]]), (2, 3)).tolist()
    [[1, 1, 1], [2, 2, 2]]
    """
    return _broadcast_to(x, shape=_ints(shape))


def expand(x: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """As `broadcast_to`; -1 keeps the length of an axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros((3, 1)).expand(-1, 4).shape
    (3, 4)
    """
    wanted = _ints(shape)
    lead = len(wanted) - len(x.shape)
    return _broadcast_to(x, shape=tuple(x.shape[i - lead] if n == -1 else n for i, n in enumerate(wanted)))


def transpose(x: Tensor, dim0: int = -2, dim1: int = -1) -> Tensor:
    """`x` with two axes exchanged (by default the last two).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros((2, 3, 4)).transpose(0, 2).shape
    (4, 3, 2)
    """
    if not len(x.shape):
        axes_of((dim0, dim1), 0, "transpose")
        return x
    a, b = axis_of(dim0, len(x.shape), "transpose"), axis_of(dim1, len(x.shape), "transpose")
    order = list(range(len(x.shape)))
    order[a], order[b] = b, a
    return _permute(x, axes=tuple(order))


swapaxes = transpose


def moveaxis(x: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """`x` with axes moved to other places, the rest in order.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.moveaxis(wb.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    ndim = len(x.shape)
    sources, places = axes_of(source, ndim, "moveaxis"), axes_of(destination, ndim, "moveaxis")
    if len(sources) != len(places):
        raise ArgumentError(f"moveaxis: {len(sources)} axes to move to {len(places)} places")
    order = [a for a in range(ndim) if a not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return _permute(x, axes=tuple(order))


def squeeze(x: Tensor, axis: int | Sequence[int] | None = None, *, dim: int | Sequence[int] | None = None) -> Tensor:
    """`x` without axes of length one (all, or those named; a named axis of another length stays).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros((1, 3, 1)).squeeze(0).shape
    (3, 1)
    """
    axis = dim if axis is None else axis
    drop = [a for a in axes_of(axis, len(x.shape), "squeeze") if x.shape[a] == 1]
    return _reshape(x, shape=tuple(n for a, n in enumerate(x.shape) if a not in drop))


def expand_dims(x: Tensor, axis: int | Sequence[int] = 0) -> Tensor:
    """`x` with new axes of length one at `axis`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.expand_dims(wb.zeros(3), (0, 2)).shape
    (1, 3, 1)
    """
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    places = axes_of(given, len(x.shape) + len(given), "expand_dims")
    lengths = iter(x.shape)
    return _reshape(x, shape=tuple(1 if a in places else next(lengths) for a in range(len(x.shape) + len(given))))


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """`x` with a new axis of length one at `dim`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros(3).unsqueeze(-1).shape
    (3, 1)
    """
    return expand_dims(x, dim)


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """`x` with the axes from `start_dim` to `end_dim` merged into one.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros((2, 3, 4)).flatten(1).shape
    (2, 12)
    """
    ndim = len(x.shape)
    if not ndim:
        axes_of(start_dim, 1, "flatten"), axes_of(end_dim, 1, "flatten")
        return _reshape(x, shape=(1,))
    first, last = axis_of(start_dim, ndim, "flatten"), axis_of(end_dim, ndim, "flatten")
    if first > last:
        raise ArgumentError(f"flatten: start_dim={start_dim} comes after end_dim={end_dim}")
    merged = math.prod(x.shape[first:last + 1])
    return _reshape(x, shape=(*x.shape[:first], merged, *x.shape[last + 1:]))


def ravel(x: Tensor) -> Tensor:
    """All elements along one axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros((2, 3)).ravel().shape
    (6,)
    """
    return _reshape(x, shape=(math.prod(x.shape),))


def _sequence(tensors: Any, what: str) -> list[Any]:
    if isinstance(tensors, Tensor):
        return list(tensors)
    parts = list(tensors)
    if not parts:
        raise ArgumentError(f"{what}: expected at least one tensor, got an empty sequence")
    wrong = next((part for part in parts if not hasattr(part, "shape") and type(part) not in PYTHON_SCALARS and not isinstance(part, (list, tuple))), 0)
    if wrong is None or not isinstance(wrong, int):
        raise DTypeError(f"{what}: expected tensors, got {type(wrong).__name__} among them")
    return [as_tensor(part) if type(part) in PYTHON_SCALARS else part for part in parts]


def concat(tensors: Sequence[Tensor], axis: int = 0, *, dim: int | None = None) -> Tensor:
    """Join tensors along an axis they have; all other lengths must agree. An empty vector among tensors with more axes counts for nothing.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.concat([wb.zeros((2, 3)), wb.ones((1, 3))]).shape
    (3, 3)
    """
    parts = _sequence(tensors, "concat")
    if len({len(part.shape) for part in parts}) > 1:  # the empty vector that a loop begins with
        parts = [part for part in parts if tuple(part.shape) != (0,)]
    return _concat(*parts, axis=axis_of(axis if dim is None else dim, len(parts[0].shape), "concat"))


cat = concatenate = concat


def stack(tensors: Sequence[Tensor], axis: int = 0, *, dim: int | None = None) -> Tensor:
    """Join tensors of one shape along a new axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.stack([wb.zeros(3), wb.ones(3)], axis=1).shape
    (3, 2)
    """
    parts = _sequence(tensors, "stack")
    ndim = len(getattr(parts[0], "shape", ()))
    return _stack(*parts, axis=axis_of(axis if dim is None else dim, ndim + 1, "stack"))


def flip(x: Tensor, *axes: int | Sequence[int] | None, axis: int | Sequence[int] | None = None, dims: Sequence[int] | None = None) -> Tensor:
    """The elements along `axis` (all axes when None) in reverse order: a copy, where NumPy has a view.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.tensor([1, 2, 3]).flip(0).tolist()
    [3, 2, 1]
    """
    axis = (axes[0] if len(axes) == 1 else axes) if axes else axis if dims is None else dims
    for a in axes_of(axis, len(x.shape), "flip"):
        x = flip_axis(x, axis=a)
    return x


def roll(x: Tensor, shifts: int | Sequence[int], axis: int | Sequence[int] | None = None, *,
         dims: int | Sequence[int] | None = None) -> Tensor:
    """The elements moved on by `shifts` along `axis`; without an axis, along the flattened tensor.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.tensor([1, 2, 3]).roll(1).tolist()
    [3, 1, 2]
    """
    axis = axis if dims is None else dims
    if axis is None:
        steps = (shifts,) if isinstance(shifts, int) else tuple(shifts)
        if len(steps) != 1:
            raise ArgumentError(f"roll: shifts={shifts!r} without axes; expected one number, or name the axes with dims")
        return reshape(roll_axis(ravel(x), shift=steps[0], axis=0), x.shape)
    steps = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    axes = axes_of(axis, len(x.shape), "roll")
    if len(steps) != len(axes):
        raise ArgumentError(f"roll: {len(steps)} shifts for {len(axes)} axes")
    for step, a in zip(steps, axes, strict=True):
        x = roll_axis(x, shift=step, axis=a)
    return x


__all__ = ["reshape", "permute", "transpose", "swapaxes", "moveaxis", "broadcast_to", "expand", "squeeze",
           "expand_dims", "unsqueeze", "flatten", "ravel", "concat", "cat", "concatenate", "stack", "flip", "roll"]

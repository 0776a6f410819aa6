"""Functions that move elements without changing them."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import ops
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from .promotion import as_tensor_like, checked, counted, result_type


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """The arrays in the shape they have together; read-only views."""
    shape = _common_shape([tuple(x.shape) for x in arrays])
    return [counted(ops.broadcast_to(x, shape)) for x in arrays]


def _common_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"broadcast_arrays: shapes {' and '.join(map(str, shapes))} do not fit together") from None


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """`x` repeated along new axes and those of length one; a read-only view."""
    return counted(ops.broadcast_to(x, tuple(shape)))


def concat(arrays: tuple[Tensor, ...] | list[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """Arrays one after another along an axis they have; flattened first with ``axis=None``.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.concat([xp.ones((1, 2)), xp.zeros((1, 2))], axis=None).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    parts = _of_one_dtype("concat", arrays)
    return ops.concat([ops.ravel(x) for x in parts], axis=0) if axis is None else ops.concat(parts, axis=axis)


def stack(arrays: tuple[Tensor, ...] | list[Tensor], /, *, axis: int = 0) -> Tensor:
    """Arrays of one shape along a new axis."""
    parts = _of_one_dtype("stack", arrays)
    if len({tuple(x.shape) for x in parts}) > 1:
        raise ShapeError(f"stack: shapes {' and '.join(str(tuple(x.shape)) for x in parts)}; all must be equal")
    return ops.stack(parts, axis=axis)


def _of_one_dtype(what: str, arrays: Sequence[Tensor]) -> list[Tensor]:
    parts = [checked(what, x, "any") for x in arrays]
    if not parts:
        raise ArgumentError(f"{what}: expected at least one array")
    dtype = result_type(*parts)
    return [as_tensor_like(x, dtype, x) for x in parts]


def expand_dims(x: Tensor, /, axis: int) -> Tensor:
    """`x` with a new axis of length one."""
    return ops.expand_dims(x, axis)


def squeeze(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    """`x` without axes of length one; an error if one is longer."""
    axes = ops.movement.axes_of(axis, len(x.shape), "squeeze")
    for a in axes:
        if x.shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of shape {tuple(x.shape)} has length {x.shape[a]}, not 1")
    return counted(ops.squeeze(x, axes))


def flip(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """`x` with the order along `axis` (all without one) reversed."""
    return ops.flip(x, axis)


def moveaxis(x: Tensor, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Tensor:
    """`x` with axes at other places; the rest keep their order."""
    return ops.moveaxis(x, source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """`x` with its axes in another order."""
    return ops.permute(x, tuple(axes))


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The same elements in another shape; -1 stands for the length that fits.

    Raises
    ------
    ArgumentError
        If ``copy=False`` and the new shape needs the elements in new memory.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.reshape(xp.arange(6), (2, -1)).shape
    (2, 3)
    """
    out = counted(ops.reshape(x, tuple(shape) if isinstance(shape, tuple | list) else (shape,)))
    if copy:
        return counted(ops.clone(out))
    if copy is False and isinstance(x.data, np.ndarray) and isinstance(out.data, np.ndarray) and x.data.size \
            and not np.shares_memory(x.data, out.data):
        raise ArgumentError(f"reshape: copy=False, but the memory of {tuple(x.shape)} cannot be read as {tuple(out.shape)}")
    return out


def roll(x: Tensor, /, shift: int | tuple[int, ...], *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """The elements moved on by `shift` along `axis`, and in again at the other end; flattened without an axis."""
    if isinstance(axis, tuple | list):
        shifts = (shift,) * len(axis) if isinstance(shift, int) else tuple(shift)
        if len(shifts) != len(axis):
            raise ArgumentError(f"roll: {len(shifts)} shifts for {len(axis)} axes")
        for step, a in zip(shifts, axis, strict=True):
            x = ops.roll(x, step, a)
        return x
    if isinstance(shift, tuple | list):
        if axis is None:
            raise ArgumentError("roll: several shifts need several axes")
        shift = sum(shift)
    return ops.roll(x, shift, axis)


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """Each element (or slice along `axis`) as often as `repeats` says.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.repeat(xp.asarray([5, 6]), xp.asarray([1, 2])).tolist()
    [5, 6, 6]
    """
    if axis is None:
        x, axis = ops.ravel(x), 0
    axis = ops.movement.axis_of(axis, len(x.shape), "repeat")
    length = x.shape[axis]
    counts = repeats
    if isinstance(repeats, Tensor):
        counts = checked("repeat", repeats, "integral").numpy().astype(np.int64)
        if counts.ndim > 1 or counts.size not in (1, length):
            raise ShapeError(f"repeat: repeats of shape {counts.shape} for axis {axis} of length {length}; expected one number for each")
    if np.min(counts, initial=0) < 0:
        raise ArgumentError("repeat: repeats must not be negative")
    places = as_tensor_like(np.repeat(np.arange(length), counts), np.dtype("int64"), x)
    return ops.take(x, places, axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """`x` put side by side along each axis."""
    return ops.tile(x, tuple(repetitions)) if len(repetitions) else ops.clone(x)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along `axis`, without that axis."""
    if not len(x.shape):
        raise ShapeError("unstack: an array without axes has no slices")
    return tuple(map(counted, ops.unbind(x, axis)))


__all__ = ["broadcast_arrays", "broadcast_to", "concat", "expand_dims", "flip", "moveaxis", "permute_dims", "repeat", "reshape", "roll",
           "squeeze", "stack", "tile", "unstack"]

"""`pmap`: one function on several devices at once, each with its part of the data.

A `Shards` box holds one value per device; an op on it is that op on every device. On a GPU the calls return before the
work is done, so the devices compute side by side. On the CPU every shard is computed in turn: same results, for tests.
"""
from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..backend.arrays import Device
from . import tree
from .boxes import Box
from .errors import ArgumentError, GraphError, ShapeError
from .op import REGISTRY, Op
from .several import each
from .state import transformation
from .tensor import Tensor, as_tensor
from .vectorize import RUNNING, Frame


class Shards(Box):
    """One value per device."""

    __slots__ = ()
    transformation = "pmap"

    def __init__(self, parts: Sequence[Any], level: int) -> None:
        self.data, self.node, self.level = tuple(parts), None, level

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data[0].shape

    @property
    def dtype(self) -> Any:
        return self.data[0].dtype

    @property
    def device(self) -> Device:
        return self.data[0].device

    def item(self) -> Any:
        raise _no_numbers()

    def numpy(self) -> Any:
        raise _no_numbers()

    def apply(self, op: Op, args: tuple, params: dict[str, Any]) -> Any:
        if op.across is not None and any(f.level == self.level and f.name == params["axis_name"] for f in RUNNING.frames):
            together = op.across(_stacked(args[0].data, 0), **params)
            return Shards([_at(together[i], part) for i, part in enumerate(self.data)], self.level)
        columns = [a.data if self.here(a) else (a,) * len(self.data) for a in args]
        results = [op.call(*(_at(value, here) for value in values), **params) for values, here in zip(zip(*columns, strict=True), self.data, strict=True)]
        return each(lambda *parts: Shards(parts, self.level), *results) if op.several else Shards(results, self.level)


def _no_numbers() -> GraphError:
    return GraphError("pmap: a value differs between devices, so Python cannot look at it; use where(condition, x, y) instead of `if`, and return the value")


def _at(value: Any, like: Any) -> Any:
    """A shared value on the device of a shard."""
    if isinstance(value, Tensor) and value.device != like.device:
        return REGISTRY["transfer"].call(value, device=like.device)
    return value


def pmap(function: Callable[..., Any], axis_name: Any = None, *, in_axes: Any = 0, out_axes: Any = 0, devices: Sequence[str] | None = None,
         randomness: str = "error") -> Callable[..., Any]:
    """Run `function` on every device with its part of the arguments, along an axis that `psum` and the like know by name.

    Parameters
    ----------
    function : callable
        Of one device's part; takes and returns trees of tensors.
    axis_name : hashable, optional
        For collectives.
    in_axes, out_axes : int, None or tree
        As in `vmap`: which axis of an argument is spread over devices; None: every device gets all of it.
    devices : sequence of str, optional
        One per part. Default: the device of the first argument that is spread, for all parts.
    randomness : {"error", "different", "same"}
        As in `vmap`.

    Raises
    ------
    ShapeError
        If spread axes have different lengths.
    ArgumentError
        If there are fewer devices than parts.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.pmap(lambda x: x - wb.pmean(x, "d"), "d")(wb.tensor([[1.0], [3.0]])).tolist()
    [[-1.0], [1.0]]
    """
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten(args)
        axes = tree.broadcast_prefix(tuple(in_axes) if isinstance(in_axes, list) else in_axes, structure)
        values = [leaf if axis is None else as_tensor(leaf) for leaf, axis in zip(leaves, axes, strict=True)]
        size = _size(values, axes)
        places = _places(devices, size, next(v for v, axis in zip(values, axes, strict=True) if axis is not None))
        before = RUNNING.frames
        with transformation() as level:
            split = lambda value, axis=0: Shards([_moved(_take(value, axis, i), place) for i, place in enumerate(places)], level)
            RUNNING.frames = (*before, Frame(level, size, randomness, axis_name, split))
            try:
                boxes = [v if axis is None else split(v, axis) for v, axis in zip(values, axes, strict=True)]
                result = function(*structure.unflatten(boxes), **kwargs)
            finally:
                RUNNING.frames = before
        outputs, out_structure = tree.flatten(result)
        joined = [_join(leaf, axis, level, size) for leaf, axis in zip(outputs, tree.broadcast_prefix(out_axes, out_structure), strict=True)]
        return out_structure.unflatten(joined)

    return wrapped


def _size(values: list[Any], axes: list[int | None]) -> int:
    sizes = {v.shape[axis] for v, axis in zip(values, axes, strict=True) if axis is not None}
    if len(sizes) != 1:
        raise ShapeError(f"pmap: the axes that are spread over devices have lengths {sorted(sizes)}; expected one length (at least one argument "
                         "must be spread)")
    return sizes.pop()


def _places(devices: Sequence[str] | None, size: int, first: Tensor) -> list[str]:
    if devices is None:
        return [first.device] * size
    if len(devices) < size:
        raise ArgumentError(f"pmap: {size} parts and {len(devices)} devices; split the data into as many parts as there are devices")
    return list(devices[:size])


def _take(value: Any, axis: int, index: int) -> Any:
    return value[(slice(None),) * (axis % len(value.shape)) + (index,)]


def _moved(value: Any, place: str) -> Any:
    return value if value.device == place else REGISTRY["transfer"].call(value, device=place)


def _stacked(parts: Sequence[Any], axis: int) -> Any:
    return REGISTRY["stack"].call(*(_at(part, parts[0]) for part in parts), axis=axis)


def _join(leaf: Any, axis: int | None, level: int, size: int) -> Any:
    if isinstance(leaf, Shards) and leaf.level == level:
        if axis is None:
            return leaf.data[0]
        return _stacked(leaf.data, axis)
    value = as_tensor(leaf)
    return value if axis is None else _stacked([value] * size, axis)

"""How indexing runs on a batch: the rules of `index_at`, `place_at` and `put_at` for vmap.

Apart from the declarations because the places of axes are an idea of their own. An index of tensors puts the axes of
these tensors where they stand together, or in front where they stand apart. When indices differ between examples, the
number of the example is one more index in front, so that their axes come first in any case and are moved afterwards.
"""
from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..backend import arrays
from ..core import batching
from ..core.errors import GraphError
from ..core.op import Op
from ..core.tensor import Tensor
from .dynamic import nonzero
from .movement import _broadcast_to, _moveaxis, _reshape

SLOT = "slot"
"""Stands in a template for an index tensor."""


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the axes of an index result lie: the axes of the index tensors are ``first .. first + width`` of ``rank``."""

    first: int
    width: int
    rank: int
    together: bool


def places(template: tuple, indices: list[Any], ndim: int) -> Places:
    """Of the index `template` on a tensor with `ndim` axes, for one example."""
    filled = iter(indices)
    parts = [next(filled) if isinstance(part, str) else part for part in template]
    advanced = [i for i, part in enumerate(parts) if isinstance(template[i], str) or (indices and _is_integer(part))]
    together = not advanced or advanced == list(range(advanced[0], advanced[-1] + 1))
    width = len(np.broadcast_shapes(*((1,) if v.dtype.kind == "b" else tuple(v.shape) for v in indices)))
    rest = ndim - sum(_consumed(part) for part in parts)
    kept = [_kept(part, rest) for part in parts]
    open_end = 0 if any(part is Ellipsis for part in parts) else rest
    first = sum(kept[:advanced[0]]) if advanced and together else 0
    return Places(first, width, sum(kept) + width + open_end, together)


def _is_integer(part: Any) -> bool:
    return isinstance(part, (int, np.integer))


def _consumed(part: Any) -> int:
    """How many axes of the tensor a part of an index uses up."""
    if part is None or part is Ellipsis:
        return 0
    return len(part.shape) if getattr(part, "dtype", None) is not None and part.dtype.kind == "b" else 1


def _kept(part: Any, rest: int) -> int:
    """How many axes of the result come from a part that is no tensor."""
    return rest if part is Ellipsis else int(part is None or isinstance(part, slice))


def _size(values: tuple, mapped: tuple) -> int:
    return next(v.shape[0] for v, m in zip(values, mapped, strict=True) if m)


def _spread(value: Any, is_mapped: bool, size: int) -> Any:
    return value if is_mapped else _broadcast_to(value, shape=(size, *value.shape))


def _moved(x: Any, source: int, destination: int, width: int = 1) -> Any:
    """`width` neighbouring axes moved, in order."""
    for offset in range(width if source != destination else 0):
        step = offset if destination < source else 0
        x = _moveaxis(x, source=source + step, destination=destination + (offset if destination < source else width - 1))
    return x


def _numbered(template: tuple, indices: list[Any], mapped: tuple, size: int, like: Any) -> tuple[tuple, list[Any]]:
    """The index with the number of the example in front; masks that all examples share become integers."""
    if any(m and v.dtype.kind == "b" for v, m in zip(indices, mapped, strict=True)):
        raise GraphError("index: how many elements a mask picks differs between examples inside vmap; use where(condition, x, y)")
    spelled, plain, flags = [], [], []
    filled = iter(zip(indices, mapped, strict=True))
    for part in template:
        if not isinstance(part, str):
            spelled.append(part)
            continue
        value, is_mapped = next(filled)
        split = nonzero(value, as_tuple=True) if value.dtype.kind == "b" else (value,)
        spelled += [SLOT] * len(split)
        plain += split
        flags += [is_mapped] * len(split)
    aligned = batching.align(plain, flags)
    width = max(len(v.shape) for v in aligned)
    return (SLOT, *spelled), [example_numbers(size, width, like), *aligned]


def example_numbers(size: int, ndim: int, like: Any) -> Tensor:
    """0 .. size - 1 along the first of `ndim` axes, on the device of `like`."""
    numbers = np.arange(size).reshape(size, *(1,) * (ndim - 1))
    return Tensor(arrays.to_device(numbers, like.device if isinstance(like, Tensor) else arrays.device_of(like)))


def _plain_mask(indices: list[Any]) -> bool:
    """Is there a mask without axes? It adds an axis, which no integer index does."""
    return any(v.dtype.kind == "b" and not len(v.shape) for v in indices)


def read(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """The rule of `index_at`."""
    x, *indices = values
    template, flags = params["template"], mapped[1:]
    where = places(template, [_example(v, m) for v, m in zip(indices, flags, strict=True)], len(x.shape) - mapped[0])
    if not any(flags):
        out = op.call(x, *indices, template=(slice(None), *template))
        return out if where.together else _moved(out, where.width, 0)
    if _plain_mask(indices):
        return batching.loop(op, values, mapped, params)
    size = _size(values, mapped)
    template, numbered = _numbered(template, indices, flags, size, x)
    if mapped[0]:
        out = op.call(x, *numbered, template=template)
        return _moved(out, 1, 1 + where.first, where.width)
    out = op.call(x, *numbered[1:], template=template[1:])
    return _moved(out, where.first, 0)


def place(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """The rule of `place_at`."""
    return _write(op, values, mapped, 0, params["template"], len(params["shape"]),
                  lambda size: {"shape": (size, *params["shape"])})


def put(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """The rule of `put_at`."""
    size = _size(values, mapped)
    spread = (_spread(values[0], mapped[0], size), *values[1:])
    return _write(op, spread, (True, *mapped[1:]), 1, params["template"], len(spread[0].shape) - 1,
                  lambda size: {"accumulate": params["accumulate"]})


def _write(op: Op, values: tuple, mapped: tuple, at: int, template: tuple, ndim: int, options: Any) -> Any:
    """Write ``values[at]`` at the index tensors that follow it, in tensors of `ndim` axes."""
    before, value, indices = values[:at], values[at], list(values[at + 1:])
    flags, size = mapped[at + 1:], _size(values, mapped)
    if _plain_mask([_example(v, m) for v, m in zip(indices, flags, strict=True)]) and any(flags):
        raise GraphError("index: inside vmap a mask without axes cannot stand beside indices that differ between examples; "
                         "use where(condition, x, y)")
    where = places(template, [_example(v, m) for v, m in zip(indices, flags, strict=True)], ndim)
    value = _full_rank(value, mapped[at], where.rank)
    if any(flags):
        template, indices = _numbered(template, indices, flags, size, value)
        if not mapped[at] and not at:
            value = _broadcast_to(value, shape=(size, *value.shape[1:]))
        value = _moved(value, 1 + where.first, 1, where.width)
    else:
        template = (slice(None), *template)
        if not at and not mapped[at]:
            value = _broadcast_to(value, shape=(size, *value.shape[1:]))
        value = value if where.together else _moved(value, 0, where.width)
    return op.call(*before, value, *indices, template=template, **options(size))


def _example(value: Any, is_mapped: bool) -> Any:
    """Something with the shape and dtype of one example."""
    return np.empty(value.shape[1:], value.dtype) if is_mapped else value


def _full_rank(value: Any, is_mapped: bool, rank: int) -> Any:
    """`value` with a batch axis in front, of length 1 if all examples share it, and `rank` axes behind it."""
    lead, shape = (value.shape[:1], tuple(value.shape[1:])) if is_mapped else ((1,), tuple(value.shape))
    surplus = len(shape) - rank
    shape = shape[surplus:] if surplus > 0 else (1,) * -surplus + shape
    return _reshape(value, shape=(*lead, *shape))

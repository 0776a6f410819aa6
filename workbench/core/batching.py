"""How families of ops run on a batch: one rule each, in public ops, batch axis always in front.

A rule is ``batch(op, values, mapped, params)``: `values` are the inputs, ``mapped[i]`` says whether input i has the
batch axis; the result has it.
"""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .op import REGISTRY, Op


def _reshape(x: Any, shape: Sequence[int]) -> Any:
    return REGISTRY["reshape"].call(x, shape=tuple(shape))


def rank(value: Any) -> int:
    """Number of axes of a value; Python numbers have none."""
    return len(getattr(value, "shape", ()))


def elementwise(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """Align ranks behind the batch axis and call the op itself."""
    return op.call(*align(values, mapped), **params)


def align(values: Sequence[Any], mapped: Sequence[bool]) -> list[Any]:
    """`values` reshaped so that batched ones broadcast behind their batch axis."""
    widest = max(rank(v) - bool(m) for v, m in zip(values, mapped, strict=True))
    out = []
    for value, is_mapped in zip(values, mapped, strict=True):
        missing = widest - (rank(value) - 1)
        if is_mapped and missing:
            value = _reshape(value, (value.shape[0], *(1,) * missing, *value.shape[1:]))
        out.append(value)
    return out


def trailing(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """For ops on the last axes (matrices) that broadcast over those before: align ranks and call the op itself."""
    return op.call(*align(values, mapped), **params)


def shifted_axis(axis: int | None, ndim: int) -> int | None:
    """An axis of the single example as an axis of the batch."""
    return None if axis is None else (axis + ndim if axis < 0 else axis) + 1


def reduction(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """Shift ``axis`` behind the batch axis; all axes when it is None."""
    x = values[0]
    ndim = rank(x) - 1
    axis = params["axis"]
    axes = tuple(range(ndim)) if axis is None or not ndim else (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    shifted = tuple(int(shifted_axis(a, ndim)) for a in axes)
    return op.call(x, **{**params, "axis": shifted})


def single_axis(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """For ops along one axis that keep or remove it: cumsum, argmax, softmax, sort, flip..."""
    x = values[0]
    ndim = rank(x) - 1
    if params["axis"] is None:
        x = _reshape(x, (x.shape[0], -1))
        return op.call(x, **{**params, "axis": 1})
    return op.call(x, **{**params, "axis": shifted_axis(params["axis"], ndim)})


def fold(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """For ops whose first axis is independent samples: the two leading axes are computed as one."""
    size = next(v.shape[0] for v, m in zip(values, mapped, strict=True) if m)
    if not mapped[0] or any(mapped[1:]):
        return loop(op, values, mapped, params)
    x = values[0]
    out = op.call(_reshape(x, (size * x.shape[1], *x.shape[2:])), *values[1:], **params)
    return _reshape(out, (size, x.shape[1], *out.shape[1:]))


_warned: set[str] = set()


def loop(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    """The last resort: one call per example, results stacked. Says so once per op."""
    if op.name not in _warned:
        _warned.add(op.name)
        warnings.warn(f"vmap runs {op.name} as a loop over the batch: it has no batch rule of its own", stacklevel=2)
    size = next(v.shape[0] for v, m in zip(values, mapped, strict=True) if m)
    rows = [op.call(*(v[index] if m else v for v, m in zip(values, mapped, strict=True)), **params)
            for index in range(size)]
    if op.several:
        return tuple(REGISTRY["stack"].call(*column, axis=0) for column in zip(*rows, strict=True))
    return REGISTRY["stack"].call(*rows, axis=0)

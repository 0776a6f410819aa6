"""Collating: a list of items as one batch, and page-locked memory for a batch on its way to a device."""
from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core import Tensor, as_tensor, cuda
from ..core.errors import DTypeError, ShapeError


def default_collate(items: Sequence[Any]) -> Any:
    """A list of items as one batch: numbers, arrays and tensors are stacked, tuples, lists and dicts by part, texts listed.

    Python's floats become the default dtype (PyTorch's `default_collate` takes float64), and the parts of tuples and lists a tuple.

    Raises
    ------
    ShapeError
        If shapes, lengths or keys of items differ.
    DTypeError
        If an item is of a type that has no batch.

    Examples
    --------
    >>> from workbench.data import default_collate
    >>> default_collate([(1.0, 2), (3.0, 4)])
    (tensor([1., 3.]), tensor([2, 4]))
    """
    first = items[0]
    if isinstance(first, (Tensor, np.ndarray)):
        return _stack(items)
    if isinstance(first, (str, bytes)):
        return list(items)
    if isinstance(first, np.generic):
        return as_tensor(np.array(items))
    if isinstance(first, (bool, int, float, complex)):
        numbers = np.array(items)
        return as_tensor(numbers, dtype={"f": float, "c": complex}.get(numbers.dtype.kind))
    if isinstance(first, Mapping):
        return _like(first, {name: default_collate([item[name] for item in _same(items, set(first), set)]) for name in first})
    if isinstance(first, Sequence):
        parts = [default_collate(part) for part in zip(*_same(items, len(first), len), strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    raise DTypeError(f"default_collate: an item holds a {type(first).__name__}; expected tensors, arrays, numbers, texts, or tuples, "
                     "lists and dicts of them; pass a collate_fn that makes a batch of your items")


def _stack(items: Sequence[Any]) -> Tensor:
    others = [type(item).__name__ for item in items if not hasattr(item, "shape")]
    if others:
        raise DTypeError(f"default_collate: items hold {type(items[0]).__name__} and {others[0]} in the same place; make them alike")
    shapes = {tuple(item.shape) for item in items}
    if len(shapes) > 1:
        raise ShapeError(f"default_collate: items of shapes {', '.join(map(str, sorted(shapes)[:4]))} do not make a batch; bring them to "
                         "one shape in the dataset, or pass a collate_fn that pads them")
    if isinstance(items[0], Tensor):
        if any(item.node is not None or item.device != "cpu" for item in items):
            return ops.stack(list(items))
        return Tensor(np.stack([item.data for item in items]))
    return as_tensor(np.stack(items))


def _same(items: Sequence[Any], expected: Any, measure: Callable[[Any], Any]) -> Sequence[Any]:
    for item in items:
        if measure(item) != expected:
            raise ShapeError(f"default_collate: items differ in their {'keys' if measure is set else 'lengths'}: {expected} and "
                             f"{measure(item)}; pass a collate_fn")
    return items


def _like(first: Mapping[str, Any], parts: dict[str, Any]) -> Any:
    if type(first) is dict or not isinstance(first, MutableMapping):
        return parts if type(first) is dict else type(first)(parts)
    made = copy.copy(first)  # a defaultdict is not made of its items alone
    made.update(parts)
    return made


def default_convert(item: Any) -> Any:
    """An item that is a batch already (``batch_size=None``): arrays become tensors, all else stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data import default_convert
    >>> default_convert({"x": np.arange(2), "name": "a"})
    {'x': tensor([0, 1]), 'name': 'a'}
    """
    return _map(lambda array: array if array.dtype.kind in "SUOMm" else as_tensor(array), item, (np.ndarray, np.generic))


def pin(batch: Any) -> Any:
    """The batch with its CPU tensors in page-locked memory, from which copies to a device run side by side with work."""
    return _map(lambda x: cuda.pin_memory(x) if x.device == "cpu" else x, batch, Tensor)


def _map(function: Callable[[Any], Any], value: Any, kinds: Any) -> Any:
    if isinstance(value, kinds):
        return function(value)
    if isinstance(value, Mapping):
        return _like(value, {name: _map(function, part, kinds) for name, part in value.items()})
    if isinstance(value, (tuple, list)):
        parts = [_map(function, part, kinds) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


@functools.cache
def can_pin() -> bool:
    """Is there a device for which memory is pinned? Warns once where there is none."""
    if not cuda.is_available():
        warnings.warn("pin_memory=True has no effect: no CUDA device is usable here", stacklevel=3)
    return cuda.is_available()

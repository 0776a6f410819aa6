"""A tree as JSON, with tensors, arrays and bytes set apart as blobs.

None, booleans, integers, floats, strings and lists stand for themselves; everything else is an object with one key that
says what it is: ``{"tuple": [...]}``, ``{"tensor": 3}``. So no value of the user can be mistaken for a tag.
"""
from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...backend import arrays, dtypes
from ...core import Tensor
from ...core.errors import CheckpointError, DTypeError
from ...nn import Module
from . import models

_DICTS = {dict: "dict", OrderedDict: "ordered", Counter: "counter"}
_KINDS = {tag: kind for kind, tag in _DICTS.items()}
_ITSELF = (type(None), bool, int, str)


@dataclass
class Blob:
    """The bytes of a tensor, and what they mean."""

    dtype: str
    shape: tuple[int, ...]
    array: np.ndarray


class Encoder:
    """Takes a tree apart; `blobs` are filled while it does. Values that share memory share a blob."""

    def __init__(self) -> None:
        self.blobs: list[Blob] = []
        self._known: dict[Any, int] = {}
        self._above: list[int] = []
        self._held: list[Any] = []

    def encode(self, value: Any, path: str = "the tree") -> Any:
        """The JSON form of `value`; `path` says where it was found, for errors."""
        kind = type(value)
        if kind in _ITSELF:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is complex:
            return {"complex": [self.encode(value.real), self.encode(value.imag)]}
        if kind in (bytes, bytearray):
            return {"bytes": self._blob(np.frombuffer(value, np.uint8), path)}
        if isinstance(value, Tensor):
            return {"tensor": self._blob(value.data, path)}
        if isinstance(value, np.dtype):
            return {"dtype": _name(value, path)}
        if isinstance(value, np.generic):
            return {"scalar": self._blob(np.asarray(value), path)}
        if arrays.is_array(value):
            return {"array": self._blob(value, path)}
        if kind in (list, tuple) or kind in _DICTS:
            return self._container(value, path)
        if isinstance(value, Module):
            return {"model": self.encode(models.packed(value, path), path)}
        raise CheckpointError(f"save: {path} is a {kind.__name__}, which a checkpoint cannot hold; expected None, numbers, strings, bytes, "
                              "tensors, arrays, models, and lists, tuples and dicts of them (of an optimizer save its state_dict())")

    def _container(self, value: Any, path: str) -> Any:
        if id(value) in self._above:
            raise CheckpointError(f"save: {path} contains itself")
        self._above.append(id(value))
        try:
            if isinstance(value, (list, tuple)):
                items = [self.encode(item, f"{path}[{number}]") for number, item in enumerate(value)]
                return items if type(value) is list else {"tuple": items}
            tag = _DICTS[type(value)]
            if all(type(key) is str for key in value):
                return {tag: {key: self.encode(item, f"{path}[{key!r}]") for key, item in value.items()}}
            return {tag: [[self.encode(key, f"a key of {path}"), self.encode(item, f"{path}[{key!r}]")] for key, item in value.items()]}
        finally:
            self._above.pop()

    def _blob(self, data: Any, path: str) -> int:
        host = arrays.to_device(data, "cpu") if arrays.is_array(data) else None
        if host is None:
            raise CheckpointError(f"save: {path} is a value inside a transformation, without numbers of its own; save it outside")
        array = np.asarray(host).view(np.ndarray)
        name = _name(array.dtype, path)
        key = (array.__array_interface__["data"][0], array.shape, array.strides, name) if array.size else (array.shape, name)
        if key not in self._known:
            self._known[key] = len(self.blobs)
            self._held.append(host)  # so that its address stays its own
            self.blobs.append(Blob(name, array.shape, _plain(array)))
        return self._known[key]


def _plain(array: np.ndarray) -> np.ndarray:
    """The numbers one after another, low byte first."""
    order = array.dtype if array.dtype.kind == "V" else array.dtype.newbyteorder("<")
    return np.ascontiguousarray(array.astype(order, copy=False))


def _name(dtype: np.dtype, path: str) -> str:
    try:
        return str(dtypes.as_dtype(dtype))
    except DTypeError:
        raise CheckpointError(f"save: {path} has dtype {dtype}; a checkpoint holds the dtypes of tensors") from None


def decode(node: Any, blob: Callable[[int], np.ndarray]) -> Any:
    """The tree that `Encoder.encode` took apart; ``blob(n)`` gives the array of a blob, always the same one for one number."""
    if isinstance(node, list):
        return [decode(item, blob) for item in node]
    if not isinstance(node, dict):
        return node
    (tag, body), = node.items()
    if tag in _KINDS:
        pairs = body.items() if isinstance(body, dict) else ((decode(key, blob), item) for key, item in body)
        return _KINDS[tag]({key: decode(item, blob) for key, item in pairs})
    return _DECODERS[tag](body, blob)


_DECODERS: dict[str, Callable[[Any, Callable[[int], np.ndarray]], Any]] = {
    "tuple": lambda body, blob: tuple(decode(item, blob) for item in body),
    "float": lambda body, blob: float(body),
    "complex": lambda body, blob: complex(*(decode(part, blob) for part in body)),
    "bytes": lambda body, blob: blob(body).tobytes(),
    "tensor": lambda body, blob: Tensor(dtypes.marked(blob(body))),
    "array": lambda body, blob: blob(body),
    "scalar": lambda body, blob: blob(body)[()],
    "dtype": lambda body, blob: dtypes.as_dtype(body),
    "model": lambda body, blob: models.unpacked(decode(body, blob)),
}


def find(node: Any, part: tuple[Any, ...]) -> Any:
    """The JSON form of what lies at the keys `part`; KeyError if nothing does."""
    for key in part:
        (tag, body), = node.items() if isinstance(node, dict) else [("list", node)]
        if tag in ("list", "tuple") and isinstance(key, int) and -len(body) <= key < len(body):
            node = body[key]
        elif tag in _KINDS and isinstance(body, dict) and key in body:
            node = body[key]
        elif tag in _KINDS and isinstance(body, list) and any(found == key for found, _ in body):
            node = next(item for found, item in body if found == key)
        else:
            raise KeyError(key)
    return node

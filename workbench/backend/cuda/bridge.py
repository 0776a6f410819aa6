"""Functions of CuPy's arrays as the engine wants them: on the device where the arrays lie, and in bfloat16 too.

CuPy computes on the current device, and reads from all others silently. It has the dtype bfloat16, but no products, scatters
and scans of it, and returns float32 where a Python number takes part.
"""
from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

FLOAT32 = np.dtype("float32")


def bridge(several: bool, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with both mended; `several` says that there are several devices."""
    return _in_bfloat16(_on_one_device(function) if several else function)


def _on_one_device(function: Callable[..., Any]) -> Callable[..., Any]:
    def computed(*args: Any, **params: Any) -> Any:
        devices = {array.device.id: array.device for array in _arrays(args)}
        if len(devices) > 1:
            raise TypeError("arrays of several devices")
        if not devices:
            return function(*args, **params)
        with next(iter(devices.values())):
            return function(*args, **params)

    return computed


def _in_bfloat16(function: Callable[..., Any]) -> Callable[..., Any]:
    def computed(*args: Any, **params: Any) -> Any:
        dtypes = {array.dtype for array in _arrays(args)}
        if not any(dtype.kind == "V" for dtype in dtypes):
            return function(*args, **params)
        try:
            found = function(*args, **params)
        except (TypeError, ValueError, NotImplementedError):  # not known to CuPy; what is wrong otherwise is so in float32
            found = function(*_each(args, _widened), **params)
        half = next(dtype for dtype in dtypes if dtype.kind == "V")
        if params.get("dtype") is not None or any(dtype.kind in "fc" for dtype in dtypes):
            return found
        return _each(found, functools.partial(_narrowed, half))

    return computed


def _arrays(value: Any) -> Iterator[Any]:
    """CuPy's arrays in arguments."""
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from _arrays(part)
    elif type(value).__module__ == "cupy":
        yield value


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    if type(value) in (tuple, list):
        return type(value)(_each(part, change) for part in value)
    return change(value)


def _widened(value: Any) -> Any:
    return value.astype(FLOAT32) if getattr(getattr(value, "dtype", None), "kind", "") == "V" else value


def _narrowed(half: np.dtype, value: Any) -> Any:
    return value.astype(half) if getattr(value, "dtype", None) == FLOAT32 else value

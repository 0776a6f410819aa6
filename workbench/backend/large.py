"""Functions that NumPy has to compose, or takes from SciPy, as kernels for large arrays: erf, sigmoid, gelu, and the rules of their gradients.

One kernel serves arrays of every length. Small arrays stay with NumPy: there is nothing to win, and nothing to load, so that
the package of kernels is imported when the first large array comes.
"""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .half import HalfArray, in_float32

LARGE = 8192
"""Elements from which a kernel is used: SciPy's erf takes ten times the call's overhead for them (measured)."""
_DTYPES = {"f": "float32", "d": "float64"}


def large(function: Callable[..., Any], expression: str, columns: int = 1) -> Callable[..., Any]:
    """`function` of NumPy arrays of one shape, computed from its C expression where they are large, without gaps and of one float dtype.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 10_000)
    >>> double = large(lambda x: x + x, "{0} * 2")
    >>> np.array_equal(double(x), 2 * x)
    True
    """
    def computed(x: Any) -> Any:
        if type(x) is HalfArray:
            return in_float32(computed, x)
        if type(x) is not np.ndarray or x.size < LARGE or x.dtype.char not in _DTYPES:
            return function(x)
        out, kernel = np.empty_like(x), _kernel(expression, _DTYPES[x.dtype.char], 1)
        if kernel is None or out.strides != x.strides:  # a new array has the layout of one without gaps
            return function(x)
        kernel(x, out)
        return out

    def together(*arrays: Any) -> Any:
        last = arrays[-1]
        if type(last) is HalfArray:
            return in_float32(together, *arrays)
        if type(last) is not np.ndarray:
            return _launch(function, expression)(*arrays) if type(last).__module__ == "cupy" else function(*arrays)
        if last.size < LARGE or last.dtype.char not in _DTYPES:
            return function(*arrays)
        if any(type(x) is not np.ndarray or x.shape != last.shape or x.dtype is not last.dtype for x in arrays):
            return function(*arrays)
        out, kernel = np.empty_like(last), _kernel(expression, _DTYPES[last.dtype.char], columns)
        if kernel is None or out.strides != last.strides:
            return function(*arrays)
        kernel(*(x if x.strides == out.strides else _laid_out(x, out) for x in arrays), out)
        return out

    return computed if columns == 1 else together


def _laid_out(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A copy of `x` in the layout of `like`: what comes after finds one layout instead of two."""
    copy = np.empty_like(like)
    copy[...] = x
    return copy


def select(condition: np.ndarray, x: Any, y: Any) -> np.ndarray:
    """np.where; a kernel where the result is large, for NumPy guesses at every element what comes next.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 10_000)
    >>> np.array_equal(select(x > 0, x, 0.0), np.maximum(x, 0))
    True
    """
    if condition.size < LARGE and getattr(x, "size", 1) < LARGE and getattr(y, "size", 1) < LARGE:
        return np.where(condition, x, y)
    if any(type(array) is not np.ndarray and np.ndim(array) for array in (condition, x, y)):
        return np.where(condition, x, y)
    dtype, shape = np.result_type(x, y), np.broadcast_shapes(condition.shape, np.shape(x), np.shape(y))
    known = dtype.kind in "fiu" and dtype.itemsize in (4, 8) and condition.dtype == bool
    kernel = _select("float32" if dtype.itemsize == 4 else "float64") if known else None
    if kernel is None:
        return np.where(condition, x, y)
    out = np.empty_like(next((array for array in (x, y, condition) if np.shape(array) == shape), np.broadcast_to(condition, shape)), dtype)
    kernel(*(_like(array, out, kind) for array, kind in ((condition, bool), (x, dtype), (y, dtype))), out)
    return out


def _like(x: Any, like: np.ndarray, dtype: Any) -> np.ndarray:
    """x with the shape, layout and dtype given; itself where it has them."""
    room = np.empty_like(like, dtype)
    if isinstance(x, np.ndarray) and x.dtype == dtype and x.shape == room.shape and x.strides == room.strides:
        return x
    room[...] = x
    return room


@functools.cache
def _select(dtype: str) -> Callable[..., None] | None:
    """``kernel(condition, x, y, out)``; numbers of the same size, whatever they mean, are only moved."""
    from . import cpu

    if not cpu.available():
        return None
    return cpu.multi_call(cpu.Multi(dtype, 4, 0, (cpu.Step("where({0}, {1}, {2})", (0, 1, 2), dtype),), ((4, 3),), others=((0, "bool"),)))


@functools.cache
def _launch(function: Callable[..., Any], expression: str) -> Callable[..., Any]:
    """The same on a device, where a kernel serves arrays of every size."""
    from . import cuda

    return cuda.composed(function, expression, "rule")


@functools.cache
def _kernel(expression: str, dtype: str, columns: int) -> Callable[..., None] | None:
    """``kernel(x, ..., out)``; None where nothing can be compiled."""
    from . import cpu

    if not cpu.available() or not cpu.supports(expression, dtype):
        return None
    return cpu.multi_call(cpu.Multi(dtype, columns + 1, 0, (cpu.Step(expression, tuple(range(columns)), dtype),), ((columns + 1, columns),)))

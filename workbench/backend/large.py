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

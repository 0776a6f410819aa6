"""Half precision on NumPy: arrays of float16 and of ml_dtypes' bfloat16 that compute in float32 and round once.

NumPy by itself converts float16 number by number, and multiplies matrices of it without BLAS; it would sum bfloat16 in
bfloat16, return float32 from a product with a Python number, and know no einsum of it. A subclass of ndarray answers for
all functions alike, so ops need not know. Large arrays are converted by kernels.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import module_of, register
from .dtypes import float16, float32, is_half

LARGE = 4096
"""Elements from which a kernel converts."""
_VIEWS = frozenset((np.reshape, np.transpose, np.moveaxis, np.swapaxes, np.broadcast_to, np.expand_dims, np.squeeze, np.ravel, np.flip, np.diagonal,
                    np.shape, np.ndim, np.size, np.shares_memory, np.may_share_memory, np.array_repr, np.array_str))
"""Functions that look at no number: they run as they are and keep sharing memory."""


class HalfArray(np.ndarray):
    """An array of half precision; what NumPy computes with it is computed in float32."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if method == "at":
            target = widened(inputs[0])
            ufunc.at(target, *_up(inputs[1:]))
            inputs[0].view(np.ndarray)[...] = target
            return None
        result = getattr(ufunc, method)(*_up(inputs), **_up(options))
        result = _down(result, inputs)
        if out is None:
            return result
        for target, value in zip(out, result if isinstance(result, tuple) else (result,), strict=True):
            target.view(np.ndarray)[...] = np.asarray(value).view(np.ndarray)
        return out[0] if len(out) == 1 else out

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _VIEWS:
            plain = [a.view(np.ndarray) if isinstance(a, HalfArray) else a for a in args]
            return mark(function(*plain, **kwargs))
        return _down(function(*_up(args), **_up(kwargs)), (args, kwargs))

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return mark(np.asarray(array))

    def __getitem__(self, index: Any) -> Any:
        return mark(self.view(np.ndarray)[index])

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        """A copy in another dtype, as a plain array."""
        if dtype == float32 and not args and options.keys() <= {"copy"}:
            return widened(self)
        return mark(self.view(np.ndarray).astype(dtype, *args, **options))

    def item(self, *args: Any) -> float:
        """The only element as a Python float."""
        return float(self.view(np.ndarray).astype(float32).item(*args))

    def tolist(self) -> Any:
        """The elements as nested lists of Python floats."""
        return self.view(np.ndarray).astype(float32).tolist()

    def any(self, *args: Any, **kwargs: Any) -> Any:
        """Is any element not zero?"""
        return widened(self).any(*args, **kwargs)

    def all(self, *args: Any, **kwargs: Any) -> Any:
        """Is no element zero?"""
        return widened(self).all(*args, **kwargs)


register(HalfArray, np, lambda function: marking(function))


def mark(value: Any) -> Any:
    """An array of half precision in main memory as one that computes rightly; anything else as it is."""
    dtype = getattr(value, "dtype", None)
    if dtype is not None and is_half(dtype) and type(value) is not HalfArray and module_of(type(value)) is np:
        return np.asarray(value).view(HalfArray)
    return value


def marking(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with every array of half precision that it makes by itself marked."""
    def marked(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return tuple(map(mark, result)) if isinstance(result, tuple) else mark(result)

    return marked


def in_float32(function: Callable[..., Any], *args: Any) -> Any:
    """`function` of arrays of half precision, computed in float32 and rounded at its end."""
    return _down(function(*_up(args)), args)


# Conversion ----------------------------------------------------------------------------------------------------------
def widened(x: np.ndarray) -> np.ndarray:
    """A copy in float32, as a plain array.

    Examples
    --------
    >>> widened(np.array([0.5, 2.0], "float16"))
    array([0.5, 2. ], dtype=float32)
    """
    x = x.view(np.ndarray)
    return _converted(x, float32, x.dtype, "widen")


def narrowed(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An array of float32 rounded to a half precision, as a plain array.

    Examples
    --------
    >>> narrowed(np.array([0.1], "float32"), np.dtype("float16")).itemsize
    2
    """
    return _converted(x, dtype, dtype, "narrow")


def _converted(x: np.ndarray, dtype: np.dtype, half: np.dtype, way: str) -> np.ndarray:
    if x.size >= LARGE:
        out, kernel = np.empty_like(x, dtype), _kernel(half.name, way)
        if kernel is not None and all(a * x.itemsize == b * out.itemsize for a, b in zip(out.strides, x.strides, strict=True)):
            kernel(x, out, x.size)  # a new array has no gaps, and the layout of one without
            return out
    return x.astype(dtype)


def _kernel(half: str, way: str) -> Callable[..., None] | None:
    from . import cpu

    return cpu.converter(half, way) if cpu.available() else None


def _up(value: Any) -> Any:
    """Half precision as float32, also inside lists, tuples and dicts."""
    if isinstance(value, np.ndarray):
        return widened(value) if is_half(value.dtype) else value
    if isinstance(value, np.generic):
        return np.float32(value) if is_half(value.dtype) else value
    if isinstance(value, (list, tuple)):
        return type(value)(_up(part) for part in value)
    if isinstance(value, dict):
        return {key: _up(part) for key, part in value.items()}
    return float32 if isinstance(value, np.dtype) and is_half(value) else value


def _down(value: Any, given: Any) -> Any:
    """float32 results in the half precision of the arguments, unless they have two, or a wider array took part."""
    found: set[np.dtype] = set()
    _collect(given, found)
    half = found.pop() if len(found) == 1 else float32
    return value if half == float32 else _rounded(value, half)


def _rounded(value: Any, half: np.dtype) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(_rounded(part, half) for part in value)
    if getattr(value, "dtype", None) != float32:
        return value
    return narrowed(np.asarray(value), half).view(HalfArray)


def _collect(given: Any, found: set[np.dtype]) -> None:
    """The half precisions among the arguments, and float32 for any wider array."""
    if isinstance(given, (list, tuple)):
        for part in given:
            _collect(part, found)
    elif isinstance(given, dict):
        _collect(list(given.values()), found)
    elif isinstance(given, (np.ndarray, np.generic)) and given.dtype.kind in "fVc":
        if is_half(given.dtype):
            found.add(given.dtype)
        elif np.ndim(given):
            found.update((float32, float16))

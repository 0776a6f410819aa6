"""bfloat16 on NumPy: arrays of ml_dtypes' bfloat16 that compute in float32 and round once.

NumPy by itself would sum bfloat16 in bfloat16, return float32 from a product with a Python number, and know no einsum
of it. A subclass of ndarray answers for all functions alike, so ops need not know.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

DTYPE = np.dtype(ml_dtypes.bfloat16)
SCALAR = ml_dtypes.bfloat16
_VIEWS = frozenset((np.reshape, np.transpose, np.moveaxis, np.swapaxes, np.broadcast_to, np.expand_dims, np.squeeze, np.ravel, np.flip, np.diagonal,
                    np.shape, np.ndim, np.size, np.shares_memory, np.may_share_memory, np.array_repr, np.array_str))
"""Functions that look at no number: they run as they are and keep sharing memory."""


class BFloat16Array(np.ndarray):
    """An array of bfloat16; what NumPy computes with it is computed in float32."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if method == "at":
            target = inputs[0].view(np.ndarray).astype(np.float32)
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
            plain = [a.view(np.ndarray) if isinstance(a, BFloat16Array) else a for a in args]
            return mark(function(*plain, **kwargs))
        return _down(function(*_up(args), **_up(kwargs)), (args, kwargs))

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return mark(np.asarray(array))

    def __getitem__(self, index: Any) -> Any:
        return mark(self.view(np.ndarray)[index])

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        """A copy in another dtype, as a plain array."""
        return mark(self.view(np.ndarray).astype(dtype, *args, **options))

    def item(self, *args: Any) -> float:
        """The only element as a Python float."""
        return float(self.view(np.ndarray).astype(np.float32).item(*args))

    def tolist(self) -> Any:
        """The elements as nested lists of Python floats."""
        return self.view(np.ndarray).astype(np.float32).tolist()

    def any(self, *args: Any, **kwargs: Any) -> Any:
        """Is any element not zero?"""
        return self.view(np.ndarray).astype(np.float32).any(*args, **kwargs)

    def all(self, *args: Any, **kwargs: Any) -> Any:
        """Is no element zero?"""
        return self.view(np.ndarray).astype(np.float32).all(*args, **kwargs)


def mark(value: Any) -> Any:
    """An array of bfloat16 as one that computes rightly; anything else as it is."""
    if getattr(value, "dtype", None) == DTYPE and type(value) is not BFloat16Array:
        return np.asarray(value).view(BFloat16Array)
    return value


def marking(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with every array of bfloat16 that it makes by itself marked."""
    def marked(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return tuple(map(mark, result)) if isinstance(result, tuple) else mark(result)

    return marked


def _up(value: Any) -> Any:
    """bfloat16 as float32, also inside lists, tuples and dicts."""
    if isinstance(value, np.ndarray):
        return value.view(np.ndarray).astype(np.float32) if value.dtype == DTYPE else value
    if isinstance(value, ml_dtypes.bfloat16):
        return np.float32(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_up(part) for part in value)
    if isinstance(value, dict):
        return {key: _up(part) for key, part in value.items()}
    return np.dtype(np.float32) if isinstance(value, np.dtype) and value == DTYPE else value


def _down(value: Any, given: Any) -> Any:
    """float32 results as bfloat16, unless a wider array took part."""
    if isinstance(value, (tuple, list)):
        return type(value)(_down(part, given) for part in value)
    if getattr(value, "dtype", None) != np.float32 or _wider(given):
        return value
    return np.asarray(value).astype(DTYPE).view(BFloat16Array)


def _wider(given: Any) -> bool:
    """Is there an array of float32 or more among the arguments?"""
    if isinstance(given, (list, tuple)):
        return any(_wider(part) for part in given)
    if isinstance(given, dict):
        return any(_wider(part) for part in given.values())
    return isinstance(given, (np.ndarray, np.generic)) and given.dtype.kind in "fVc" and given.dtype.itemsize >= 4 and bool(np.ndim(given))

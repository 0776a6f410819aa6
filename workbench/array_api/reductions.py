"""Statistical and utility functions: many numbers become one along axes, or run along one.

A row of the table has our function and the dtypes it takes; sums and products follow the standard's own rule for dtypes:
small integers add up in int64 or, unsigned, in uint64.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..backend import dtypes
from ..core.errors import ShapeError
from ..core.tensor import Tensor
from .dtypes import astype
from .promotion import checked, counted

Axis = int | tuple[int, ...] | None

_REDUCTIONS = {"all": (ops.all, "any"), "any": (ops.any, "any"), "max": (ops.amax, "real"), "min": (ops.amin, "real"),
               "mean": (ops.mean, "floating"), "count_nonzero": (ops.count_nonzero, "any")}
_SUMS = {"sum": (ops.sum, "numeric"), "prod": (ops.prod, "numeric")}
_SPREADS = {"var": (ops.var, "real floating"), "std": (ops.std, "real floating")}
_RUNNING = {"cumulative_sum": (ops.cumulative_sum, "numeric"), "cumulative_prod": (ops.cumulative_prod, "numeric")}


def _reduction(name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def function(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return counted(ours(checked(name, x, kinds), axis=axis, keepdims=keepdims))

    return function


def _sum(name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def function(x: Tensor, /, *, axis: Axis = None, dtype: np.dtype | None = None, keepdims: bool = False) -> Tensor:
        wanted = _total_dtype(checked(name, x, kinds), dtype)
        return counted(astype(ours(astype(x, wanted, copy=False), axis=axis, keepdims=keepdims), wanted, copy=False))

    return function


def _spread(name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def function(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        return counted(ours(checked(name, x, kinds), axis=axis, correction=correction, keepdims=keepdims))

    return function


def _running(name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def function(x: Tensor, /, *, axis: int | None = None, dtype: np.dtype | None = None, include_initial: bool = False) -> Tensor:
        wanted = _total_dtype(checked(name, x, kinds), dtype)
        if not len(x.shape) or (axis is None and len(x.shape) > 1):
            raise ShapeError(f"{name}: an array of shape {tuple(x.shape)}" + (" has no axis to run along" if not len(x.shape) else " needs axis="))
        return astype(ours(astype(x, wanted, copy=False), axis, include_initial=include_initial), wanted, copy=False)

    return function


def _total_dtype(x: Tensor, dtype: np.dtype | None) -> np.dtype:
    if dtype is not None:
        return dtypes.as_dtype(dtype)
    return {"i": dtypes.int64, "u": dtypes.uint64}.get(x.dtype.kind, x.dtype)


for _rows, _make in ((_REDUCTIONS, _reduction), (_SUMS, _sum), (_SPREADS, _spread), (_RUNNING, _running)):
    for _name, (_ours, _kinds) in _rows.items():
        _function = _make(_name, _ours, _kinds)
        _function.__name__ = _function.__qualname__ = _name
        _function.__doc__ = f"{(_ours.__doc__ or '').splitlines()[0]} Takes {_kinds} dtypes; otherwise `workbench.{_ours.__name__}`."
        globals()[_name] = _function


def diff(x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
    """Differences of neighbours along `axis`, `n` times.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.diff(xp.asarray([1, 4, 9, 16]), n=2).tolist()
    [2, 2]
    """
    return ops.diff(checked("diff", x, "numeric"), n=n, axis=axis, prepend=prepend, append=append)


__all__ = ["diff", *_REDUCTIONS, *_SUMS, *_SPREADS, *_RUNNING]

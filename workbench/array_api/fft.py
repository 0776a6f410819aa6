"""Fourier transforms: the extension ``xp.fft``, the functions of `workbench.fft` under the standard's argument names."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..backend import dtypes
from ..core.errors import DTypeError
from ..core.tensor import Tensor
from .promotion import checked

_ALONG_ONE = {"fft": "floating", "ifft": "floating", "rfft": "real floating", "irfft": "floating", "hfft": "floating", "ihfft": "real floating"}
_ALONG_SEVERAL = {"fftn": "floating", "ifftn": "floating", "rfftn": "real floating", "irfftn": "floating"}
_SHIFTS = {"fftshift": "any", "ifftshift": "any"}
_FREQUENCIES = ("fftfreq", "rfftfreq")


def _along_one(name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def function(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
        return ours(checked(name, x, kinds), n, axis, norm)

    return function


def _along_several(name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def function(x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward") -> Tensor:
        return ours(checked(name, x, kinds), s, axes, norm)

    return function


def _shift(name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def function(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
        return ours(checked(name, x, kinds), axes)

    return function


def _frequencies(name: str, ours: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def function(n: int, /, *, d: float = 1.0, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
        if dtype is not None and dtypes.as_dtype(dtype).kind not in "fV":
            raise DTypeError(f"{name}: dtype {dtype}; frequencies are real floating point")
        return ours(n, d, dtype=dtype, device=device)

    return function


for _rows, _make in ((_ALONG_ONE, _along_one), (_ALONG_SEVERAL, _along_several), (_SHIFTS, _shift),
                     (dict.fromkeys(_FREQUENCIES, "real floating"), _frequencies)):
    for _name, _kinds in _rows.items():
        _ours = getattr(ops.fft, _name)
        _function = _make(_name, _ours, _kinds)
        _function.__name__ = _function.__qualname__ = _name
        _function.__doc__ = f"{(_ours.__doc__ or '').splitlines()[0]} See `workbench.fft.{_name}`."
        globals()[_name] = _function

__all__ = [*_ALONG_ONE, *_ALONG_SEVERAL, *_SHIFTS, *_FREQUENCIES]

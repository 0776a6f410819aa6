"""Data types of the standard, what can be asked of them, and constants."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import ops
from ..backend import dtypes
from ..backend.dtypes import (
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from ..core.errors import ArgumentError, DTypeError
from ..core.tensor import Tensor
from .promotion import KINDS, counted, result_type

bool_ = dtypes.bool_
e, inf, nan, newaxis, pi = math.e, math.inf, math.nan, None, math.pi
ALL = (bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, complex64, complex128)
"""The dtypes of the standard; tensors may also be float16 and bfloat16."""


@dataclass(frozen=True)
class FloatInfo:
    """What `finfo` returns."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype


@dataclass(frozen=True)
class IntegerInfo:
    """What `iinfo` returns."""

    bits: int
    max: int
    min: int
    dtype: np.dtype


def _dtype_of(type: Tensor | np.dtype) -> np.dtype:
    return type.dtype if isinstance(type, Tensor) else dtypes.as_dtype(type)


def finfo(type: Tensor | np.dtype, /) -> FloatInfo:
    """Limits of a floating-point dtype; of a complex one, those of its parts.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.finfo(xp.float32).bits
    32
    """
    dtype = _dtype_of(type)
    if dtype.kind not in "fVc":
        raise DTypeError(f"finfo: {dtype} is not floating point; use iinfo for integers")
    part = np.zeros((), dtype).real.dtype if dtype.kind == "c" else dtype
    limits = dtypes.finfo(part)
    return FloatInfo(limits.bits, float(limits.eps), float(limits.max), float(limits.min), float(limits.smallest_normal), part)


def iinfo(type: Tensor | np.dtype, /) -> IntegerInfo:
    """Limits of an integer dtype.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.iinfo(xp.uint8).max
    255
    """
    dtype = _dtype_of(type)
    if dtype.kind not in "iu":
        raise DTypeError(f"iinfo: {dtype} is not an integer dtype; use finfo for floating point")
    limits = np.iinfo(dtype)
    return IntegerInfo(limits.bits, int(limits.max), int(limits.min), dtype)


def isdtype(dtype: np.dtype, kind: np.dtype | str | tuple[np.dtype | str, ...]) -> bool:
    """Is `dtype` the given one, or of the given kind (``"integral"``, ``"real floating"``...), or of one of several?

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.isdtype(xp.float32, ("integral", "real floating"))
    True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if not isinstance(kind, str):
        return dtypes.as_dtype(dtype) == dtypes.as_dtype(kind)
    if kind not in STANDARD_KINDS:
        raise ArgumentError(f"isdtype: kind {kind!r} is not known; expected one of {', '.join(STANDARD_KINDS)}")
    return dtypes.as_dtype(dtype).kind in KINDS[kind]


STANDARD_KINDS = ("bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric")


def can_cast(from_: Tensor | np.dtype, to: np.dtype, /) -> bool:
    """Does promotion lead from one dtype to the other, so that no number changes?

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.can_cast(xp.int8, xp.int16), xp.can_cast(xp.float64, xp.float32)
    (True, False)
    """
    first, second = _dtype_of(from_), dtypes.as_dtype(to)
    if "V" in (first.kind, second.kind):
        return first == second or dtypes.result_type([np.zeros(1, np.float32), 1.0]) == second
    return np.can_cast(first, second)


def astype(x: Tensor, dtype: np.dtype, /, *, copy: bool = True, device: str | None = None) -> Tensor:
    """`x` in another dtype; gradients flow between floating-point ones.

    Raises
    ------
    DTypeError
        From complex to real, where the imaginary part would be lost; use ``real(x)``.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.astype(xp.asarray([1.7, -1.7]), xp.int64).tolist()
    [1, -1]
    """
    wanted = dtypes.as_dtype(dtype)
    if x.dtype.kind == "c" and wanted.kind not in "cb":
        raise DTypeError(f"astype: {x.dtype} to {wanted} would lose the imaginary part; use real(x) or imag(x) first")
    out = x.to(dtype=wanted, device=device)
    return counted(ops.clone(x) if copy and out is x else out)


__all__ = ["astype", "bool_", "can_cast", "complex64", "complex128", "e", "finfo", "float32", "float64", "iinfo", "inf", "int8", "int16",
           "int32", "int64", "isdtype", "nan", "newaxis", "pi", "result_type", "uint8", "uint16", "uint32", "uint64"]

"""The dtypes of tensors and how they combine: PyTorch's promotion, computed on NumPy dtypes.

A Python number never widens a tensor of its own kind, and neither does a 0-d tensor: what decides is first the kind
(bool < integer < float < complex), then the tensors with at least one axis, then 0-d tensors, then Python numbers.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.errors import DTypeError

bool_ = np.dtype("bool")
int8, int16, int32, int64 = (np.dtype(f"int{bits}") for bits in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{bits}") for bits in (16, 32, 64))
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")

NAMES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
         "float16", "float32", "float64", "complex64", "complex128")
ALIASES = {"float": float32, "double": float64, "half": float16, "int": int32, "long": int64, "short": int16, "char": int8, "byte": uint8,
           "bool": bool_, "cfloat": complex64, "cdouble": complex128}
"""PyTorch's other names, also as strings; they are attributes of the package, but no star-import brings them over Python's types."""
__all__ = ["bool_", *NAMES, "can_cast", "default_dtype", "finfo", "get_default_dtype", "iinfo", "promote_types", "set_default_dtype", "result_type"]
_KNOWN = frozenset([bool_, *(np.dtype(name) for name in NAMES)])
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2, "c": 3}
_PYTHON = {bool: bool_, int: int64, float: None, complex: None}
_COMPLEX_OF = {float16: complex64, float32: complex64, float64: complex128}

_default = float32


def bfloat16() -> np.dtype:
    """The dtype bfloat16, which ml_dtypes brings; its kind is "V", and no other dtype of tensors has that."""
    import ml_dtypes

    dtype = np.dtype(ml_dtypes.bfloat16)
    if dtype not in _COMPLEX_OF:
        from . import arrays, half

        _COMPLEX_OF[dtype] = complex64
        arrays.register(ml_dtypes.bfloat16, np, half.marking)
    return dtype


def is_half(dtype: np.dtype) -> bool:
    """float16 or bfloat16?"""
    return dtype.itemsize == 2 and dtype.kind in "fV"


def finfo(dtype: Any) -> Any:
    """Limits of a floating-point dtype: ``eps``, ``max``, ``min``, ``tiny``, ``bits``, ``resolution``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.finfo(wb.float64).eps
    np.float64(2.220446049250313e-16)
    """
    dtype = as_dtype(dtype)
    if dtype.kind not in "fVc":
        raise DTypeError(f"finfo: {dtype} is not floating point; use iinfo")
    if dtype.kind == "V":
        import ml_dtypes

        return ml_dtypes.finfo(dtype)
    return np.finfo(dtype)


def iinfo(dtype: Any) -> np.iinfo:
    """Limits of an integer dtype: ``min``, ``max``, ``bits``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.iinfo(wb.int8).max
    127
    """
    dtype = as_dtype(dtype)
    if dtype.kind not in "iu":
        raise DTypeError(f"iinfo: {dtype} is no integer dtype; use finfo")
    return np.iinfo(dtype)


def promote_types(type1: Any, type2: Any) -> np.dtype:
    """The dtype in which numbers of two dtypes are computed together.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.promote_types(wb.int64, wb.float32)
    dtype('float32')
    """
    return _join(as_dtype(type1), as_dtype(type2))


def can_cast(from_: Any, to: Any) -> bool:
    """May a result of one dtype be written into a tensor of another? Not from complex to real, float to integer, or anything to bool.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.can_cast(wb.float64, wb.float32), wb.can_cast(wb.float32, wb.int64)
    (True, False)
    """
    return _RANK[as_dtype(from_).kind] <= _RANK[as_dtype(to).kind]


def converted(array: Any, dtype: np.dtype) -> Any:
    """A copy of `array` in another dtype; half precision as an array that computes rightly."""
    if is_half(dtype) and type(array) is np.ndarray and array.dtype is float32:
        from .half import narrowed

        array = narrowed(array, dtype)
    else:
        array = array.astype(dtype)
    return marked(array)


def marked(array: Any) -> Any:
    """An array of NumPy's with half precision as one that computes rightly; anything else as it is."""
    if not is_half(getattr(array, "dtype", bool_)):
        return array
    from .arrays import module_of
    from .half import mark

    if module_of(type(array)) is not np:
        return array

    return mark(array)


def default_dtype() -> np.dtype:
    """The dtype of new floating-point tensors: float32 unless changed."""
    return _default


get_default_dtype = default_dtype


def set_default_dtype(dtype: Any) -> None:
    """Make `dtype` (a floating-point dtype) the one of new floating-point tensors.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.set_default_dtype(wb.float64); wb.tensor([1.0]).dtype
    dtype('float64')
    >>> wb.set_default_dtype(wb.float32)
    """
    global _default
    dtype = as_dtype(dtype)
    if dtype.kind not in "fV":
        raise DTypeError(f"set_default_dtype: {dtype} is not floating point; use float16, float32 or float64")
    _default = dtype


def as_dtype(dtype: Any) -> np.dtype:
    """`dtype` (a NumPy dtype, its name, or a Python type) as one of the dtypes of tensors."""
    if dtype is float:
        return _default
    if dtype is complex:
        return _COMPLEX_OF[_default]
    if isinstance(dtype, str) and dtype in ALIASES:
        return ALIASES[dtype]
    if str(getattr(dtype, "__name__", dtype)) == "bfloat16":
        return bfloat16()
    try:
        known = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        known = None
    if known is None or known not in _KNOWN:
        names = ", ".join(("bool", "bfloat16", *NAMES))
        raise DTypeError(f"dtype {dtype!r} is not one that a tensor can hold; expected one of {names}") from None
    return np.dtype(known.name)


def is_inexact(dtype: np.dtype) -> bool:
    """Floating point or complex: the dtypes that can carry gradients."""
    return dtype.kind in "fVc"


def python_dtype(kind: type) -> np.dtype:
    """The dtype that a Python number of type `kind` gets when it becomes a tensor."""
    return _PYTHON[kind] or as_dtype(kind)


class Counted(np.ndarray):
    """An array without axes that counts like any other where dtypes meet; those of the array API standard do."""

    def __array_wrap__(self, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Any:
        return np.asarray(array) if array.ndim else array.view(Counted)


def result_type(operands: Iterable[Any], *others: Any, inexact: bool = False) -> np.dtype:
    """The dtype in which `operands` (things with dtype and ndim, or Python numbers) are computed together; also ``result_type(x, y)``."""
    operands = (operands, *others) if others else operands
    classes: list[np.dtype | None] = [None, None, None]
    for operand in operands:
        dtype = getattr(operand, "dtype", None)
        if dtype is None:
            place, dtype = 2, python_dtype(type(operand))
        else:
            place = 0 if operand.ndim or type(getattr(operand, "data", None)) is Counted else 1
        classes[place] = dtype if classes[place] is None else _join(classes[place], dtype)
    result: np.dtype | None = None
    for dtype in classes:
        if dtype is not None and (result is None or _RANK[dtype.kind] > _RANK[result.kind]):
            result = dtype if result is None else _lift(result, dtype)
    assert result is not None
    return _default if inexact and result.kind not in "fVc" else result


def _join(first: np.dtype, second: np.dtype) -> np.dtype:
    if first is second:
        return first
    low, high = sorted((first, second), key=lambda dtype: _RANK[dtype.kind])
    if _RANK[low.kind] == _RANK[high.kind]:
        return _wider(first, second) if "V" in (first.kind, second.kind) else np.promote_types(first, second)
    if high.kind == "c" and low.kind in "fV":
        return np.promote_types(high, float32 if low.kind == "V" else low)
    return high


def _wider(first: np.dtype, second: np.dtype) -> np.dtype:
    """bfloat16 with another float: neither half precision holds the other."""
    other = second if first.kind == "V" else first
    return float32 if other.itemsize == 2 else other


def _lift(strong: np.dtype, weak: np.dtype) -> np.dtype:
    """A weaker operand of a higher kind lifts the kind; among floats the strong one's precision stays."""
    if weak.kind == "c" and strong.kind in "fV":
        return _COMPLEX_OF[strong]
    return weak

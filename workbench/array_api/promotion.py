"""Which dtypes a standard function takes, and in which dtype two operands meet.

The standard differs from `workbench` in one point: an array without axes counts like any other. Kinds that the standard
leaves open (an integer with a float) meet as they do elsewhere in workbench, so a float32 never becomes float64.
"""
from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..backend import arrays, dtypes
from ..core.errors import DTypeError
from ..core.tensor import Tensor

Scalar = bool | int | float | complex
KINDS = {"bool": "b", "signed integer": "i", "unsigned integer": "u", "integral": "iu", "real floating": "fV",
         "complex floating": "c", "numeric": "iufVc", "floating": "fVc", "real": "iufV", "integral or bool": "iub", "any": "iufVcb"}
"""Names of the standard for groups of dtypes, and the letters of NumPy's kinds in each."""
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2, "c": 3}
_SCALAR_KIND = {bool: "b", int: "i", float: "f", complex: "c"}


def checked(what: str, x: Any, kinds: str) -> Tensor:
    """`x`, or an error if it is no tensor or its dtype is not one of `kinds`."""
    if not isinstance(x, Tensor):
        raise DTypeError(f"{what}: expected a tensor, got {type(x).__name__}; make one with asarray()")
    if x.dtype.kind not in KINDS[kinds]:
        raise DTypeError(f"{what}: takes {kinds} dtypes, got {x.dtype}; convert it with astype(x, dtype)")
    return x


def operands(what: str, x1: Any, x2: Any, kinds: str) -> tuple[Any, Any]:
    """Two operands in their common dtype; a Python number that fits the kind of the other stays as it is."""
    if not isinstance(x1, Tensor) and not isinstance(x2, Tensor):
        raise DTypeError(f"{what}: expected at least one tensor, got {type(x1).__name__} and {type(x2).__name__}; "
                         "make one with asarray()")
    for x in (x1, x2):
        if type(x) not in arrays.PYTHON_SCALARS:
            checked(what, x, kinds)
    dtype = result_type(x1, x2)
    if dtype.kind not in KINDS[kinds]:
        raise DTypeError(f"{what}: takes {kinds} dtypes, and the operands meet in {dtype}")
    like = x1 if isinstance(x1, Tensor) else x2
    return in_dtype(x1, dtype, like), in_dtype(x2, dtype, like)


def in_dtype(x: Tensor | Scalar, dtype: np.dtype, like: Tensor) -> Tensor | Scalar:
    """`x` ready to be combined with tensors of `dtype`."""
    if isinstance(x, Tensor):
        return x if x.dtype == dtype else x.to(dtype)
    if dtype == like.dtype:
        return x
    return as_tensor_like(x, dtype, like)


def as_tensor_like(value: Tensor | Scalar, dtype: np.dtype, like: Tensor) -> Tensor:
    """`value` as a tensor of `dtype` where `like` is."""
    if isinstance(value, Tensor):
        return value if value.dtype == dtype else value.to(dtype)
    try:
        array = dtypes.marked(np.asarray(value, dtype))
    except (OverflowError, TypeError) as error:
        raise DTypeError(f"the number {value!r} does not fit dtype {dtype}: {error}") from None
    return Tensor(arrays.to_device(array, like.device) if type(like) is Tensor else array)


def counted(x: Tensor) -> Tensor:
    """`x`, marked to count like any other array where dtypes meet in an operator, if it has no axes.

    PyTorch's rule, that a tensor without axes does not widen others, holds for tensors made outside this namespace.
    """
    data = x.data
    if type(x) is Tensor and isinstance(data, np.ndarray | np.generic) and not data.shape and type(data) is not dtypes.Counted and data.dtype.kind != "V":
        x.data = np.asarray(data).view(dtypes.Counted)
    return x


def result_type(*arrays_and_dtypes: Tensor | np.dtype | Scalar) -> np.dtype:
    """The dtype in which arrays, dtypes and Python numbers are computed together.

    Raises
    ------
    DTypeError
        If there is no array or dtype among them, or no integer dtype holds both (int64 and uint64).

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.result_type(xp.ones(2, dtype=xp.float32), xp.float64, 1.0)
    dtype('float64')
    """
    scalars = [x for x in arrays_and_dtypes if type(x) in arrays.PYTHON_SCALARS]
    others = [x.dtype if isinstance(x, Tensor) or arrays.is_array(x) else dtypes.as_dtype(x)
              for x in arrays_and_dtypes if type(x) not in arrays.PYTHON_SCALARS]
    if not others:
        raise DTypeError("result_type: expected at least one array or dtype; Python numbers alone have none")
    result = functools.reduce(_join, others)
    for scalar in scalars:
        kind = _SCALAR_KIND[type(scalar)]
        if _RANK[kind] > _RANK[result.kind]:
            # A complex number makes a real float complex of the same precision; all other lifts are workbench's own.
            result = dtypes.result_type([_Axis(result), scalar])
    return result


def _join(first: np.dtype, second: np.dtype) -> np.dtype:
    result = dtypes.result_type([_Axis(first), _Axis(second)])
    if first.kind in "iu" and second.kind in "iu" and result.kind == "f":
        raise DTypeError(f"{first} and {second}: no integer dtype holds both; convert one of them with astype(x, dtype)")
    return result


class _Axis:
    """Stands for an array with one axis of a dtype."""

    ndim = 1

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype

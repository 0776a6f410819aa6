"""Arrays from numbers, other libraries' arrays, or nothing. New floating-point arrays are float32 unless asked otherwise."""
from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backend import arrays, dtypes
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.interop import from_dlpack
from ..core.tensor import Tensor, as_tensor
from ..core.tensor import tensor as new_tensor
from .promotion import as_tensor_like, counted, result_type

Shape = int | tuple[int, ...]


def asarray(obj: Any, /, *, dtype: np.dtype | None = None, device: str | None = None, copy: bool | None = None) -> Tensor:
    """`obj` (numbers, nested lists, an array of any library, a buffer) as a tensor.

    Parameters
    ----------
    obj : array_like
        A tensor stays on the tape. Python numbers become bool, int64, float32 or complex64.
    dtype, device : optional
        By default those of `obj`.
    copy : bool, optional
        True: always new memory. False: never, or an error. None: only when something has to be converted.

    Raises
    ------
    ArgumentError
        If ``copy=False`` and the numbers must be copied.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.asarray([[1, 2], [3, 4]]).dtype
    dtype('int64')
    """
    if isinstance(obj, Tensor):
        out = as_tensor(obj, dtype=dtype, device=device)
        if copy is False and out is not obj:
            raise ArgumentError(f"asarray: copy=False, but {obj.dtype} on {obj.device} to {dtype or obj.dtype} on {device or obj.device} is a copy")
        return ops.clone(obj) if copy and out is obj else out
    if not arrays.is_array(obj) and not isinstance(obj, list | tuple) and type(obj) not in arrays.PYTHON_SCALARS:
        obj = _foreign(obj)
    shared = arrays.is_array(obj) and isinstance(obj, np.ndarray | Tensor)
    out = new_tensor(obj, dtype=dtype, device=device) if copy else as_tensor(obj, dtype=dtype, device=device)
    if not arrays.is_array(obj) and out.dtype.kind in "iuf":
        _check_range(obj, out.dtype)
    if copy is False and not (shared and np.shares_memory(out.data, obj)):
        raise ArgumentError(f"asarray: copy=False, but {type(obj).__name__} cannot be used without copying its numbers")
    return counted(out)


def _check_range(obj: Any, dtype: np.dtype) -> None:
    """Raise if Python numbers did not fit `dtype`: an integer beyond it, or a complex number in a real one."""
    try:
        np.asarray(obj, dtype)
    except (OverflowError, TypeError) as error:
        raise DTypeError(f"asarray: {dtype} does not hold the numbers ({error}); pass a dtype that does") from None


def _foreign(obj: Any) -> Any:
    """An array of another library as one of ours: by DLPack, the buffer protocol, or NumPy's own ways."""
    if hasattr(obj, "__dlpack__"):
        return from_dlpack(obj).data
    array = np.asarray(obj)
    if array.dtype.kind not in "fciub":
        raise DTypeError(f"asarray: expected numbers, got {type(obj).__name__}")
    return array


def arange(start: float, /, stop: float | None = None, step: float = 1, *, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
    """Numbers from `start` up to but not including `stop`; integers give int64, else float32.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.arange(1, 7, 2).tolist()
    [1, 3, 5]
    """
    start, stop = (0, start) if stop is None else (start, stop)
    if not step:
        raise ArgumentError("arange: a step of 0 never arrives")
    if dtype is None:
        dtype = dtypes.python_dtype(float if any(isinstance(value, float) for value in (start, stop, step)) else int)
    wanted = dtypes.as_dtype(dtype)
    if wanted.kind not in "iufV":
        raise DTypeError(f"arange: dtype {wanted}; expected integers or real floating point")
    if wanted.kind == "u" and max(start, stop) >= 2**63 and all(isinstance(value, int) for value in (start, stop, step)):
        return _placed(np.arange(0, stop - start, step).astype(np.uint64) + np.uint64(start), device)
    # In the dtype that NumPy chooses first: in an unsigned one it could not step down.
    return _placed(np.arange(start, stop, step).astype(wanted), device)


def linspace(start: complex, stop: complex, /, num: int, *, dtype: np.dtype | None = None, device: str | None = None,
             endpoint: bool = True) -> Tensor:
    """`num` evenly spaced numbers from `start` to `stop`.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.linspace(0, 1, 4, endpoint=False).tolist()
    [0.0, 0.25, 0.5, 0.75]
    """
    if num < 0:
        raise ArgumentError(f"linspace: num={num}; expected 0 or more")
    if dtype is None:
        dtype = dtypes.python_dtype(complex if isinstance(start, complex) or isinstance(stop, complex) else float)
    wanted = dtypes.as_dtype(dtype)
    wide = np.complex128 if wanted.kind == "c" else np.float64
    return _placed(np.linspace(start, stop, num, endpoint=endpoint, dtype=wide).astype(wanted), device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
    """Ones on diagonal `k`, zeros elsewhere.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.eye(2, 3, k=1).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return _placed(np.eye(n_rows, n_cols, k, dtype=_float_unless(dtype)), device)


def empty(shape: Shape, *, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
    """An array of `shape` whose numbers are whatever was in memory."""
    return _placed(np.empty(shape, _float_unless(dtype)), device)


def zeros(shape: Shape, *, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
    """An array of zeros."""
    return _placed(np.zeros(shape, _float_unless(dtype)), device)


def ones(shape: Shape, *, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
    """An array of ones."""
    return _placed(np.ones(shape, _float_unless(dtype)), device)


def full(shape: Shape, fill_value: complex, *, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
    """An array filled with one number, by default in the default dtype of its kind.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.full(2, True).dtype
    dtype('bool')
    """
    if type(fill_value) not in arrays.PYTHON_SCALARS:
        raise DTypeError(f"full: expected a Python number, got {type(fill_value).__name__}")
    wanted = dtypes.as_dtype(dtypes.python_dtype(type(fill_value)) if dtype is None else dtype)
    return _placed(np.full(shape, fill_value, wanted), device)


def empty_like(x: Tensor, /, *, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
    """An array of the shape of `x` whose numbers are whatever was in memory."""
    return zeros_like(x, dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
    """Zeros in the shape, dtype and device of `x`."""
    return counted(ops.zeros_like(x, dtype=dtype).to(device=device))


def ones_like(x: Tensor, /, *, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
    """Ones in the shape, dtype and device of `x`."""
    return counted(ops.ones_like(x, dtype=dtype).to(device=device))


def full_like(x: Tensor, /, fill_value: complex, *, dtype: np.dtype | None = None, device: str | None = None) -> Tensor:
    """One number everywhere, in the shape, dtype and device of `x`.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.full_like(xp.asarray([True, False]), True).tolist()
    [True, True]
    """
    wanted = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    return counted(ops.broadcast_to(as_tensor_like(fill_value, wanted, x), tuple(x.shape)).clone().to(device=device))


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """`x` with zeros above diagonal `k`, also where it is infinite.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.tril(xp.ones((2, 2))).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    return _triangle("tril", x, lambda rows, columns: np.tri(rows, columns, k, dtype=bool))


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """`x` with zeros below diagonal `k`, also where it is infinite.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.triu(xp.ones((2, 2))).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return _triangle("triu", x, lambda rows, columns: ~np.tri(rows, columns, k - 1, dtype=bool))


def _triangle(what: str, x: Tensor, kept: Any) -> Tensor:
    if len(x.shape) < 2:
        raise ShapeError(f"{what}: expected a matrix or a batch of them, got an array of shape {tuple(x.shape)}")
    mask = as_tensor_like(kept(*x.shape[-2:]), dtypes.bool_, x)
    return ops.where(mask, x, ops.zeros_like(x))


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Coordinate grids from 1-d arrays of one dtype.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> [grid.shape for grid in xp.meshgrid(xp.arange(2), xp.arange(3))]
    [(3, 2), (3, 2)]
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing={indexing!r}; expected 'xy' or 'ij'")
    if len({x.dtype for x in arrays}) > 1:
        raise DTypeError(f"meshgrid: arrays of several dtypes; convert them to {result_type(*arrays)} first")
    return tuple(ops.clone(grid) for grid in ops.meshgrid(*arrays, indexing=indexing))


def _float_unless(dtype: np.dtype | None) -> np.dtype:
    return dtypes.as_dtype(float if dtype is None else dtype)


def _placed(array: np.ndarray, device: str | None) -> Tensor:
    array = dtypes.marked(array)
    return counted(Tensor(array if device is None else arrays.to_device(array, device)))


__all__ = ["arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid", "ones",
           "ones_like", "tril", "triu", "zeros", "zeros_like"]

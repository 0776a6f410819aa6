"""Tensors from nothing: constants and identities (`ranges` has evenly spaced numbers). New floating-point tensors are float32 unless asked otherwise."""
from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import arrays, dtypes
from ..core import batching
from ..core.declare import op
from ..core.errors import DTypeError, ShapeError
from ..core.op import REGISTRY
from ..core.tensor import Tensor, as_tensor

Shape = int | Sequence[int]


def _new(array: np.ndarray, device: str | None, requires_grad: bool) -> Tensor:
    out = Tensor(dtypes.marked(array) if device in (None, "cpu") else arrays.to_device(array, device))
    return out.requires_grad_() if requires_grad else out


def _shape(shape: tuple, size: Shape | None = None) -> tuple[int, ...]:
    shape = shape if size is None else (size,)
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    try:
        lengths = tuple(int(operator.index(n)) for n in shape)
    except TypeError:
        raise DTypeError(f"a shape is made of integers, got {shape!r}") from None
    if any(n < 0 for n in lengths):
        raise ShapeError(f"a shape is made of integers of at least 0, got {lengths}")
    return lengths


def full(size: Shape, fill_value: Any, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of the shape `size` with the same number everywhere.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.full((2,), 7).tolist()
    [7, 7]
    """
    wanted = dtypes.python_dtype(type(fill_value)) if dtype is None and type(fill_value) in arrays.PYTHON_SCALARS else dtype
    array = np.full(_shape((size,) if isinstance(size, int) else tuple(size)), fill_value, None if wanted is None else dtypes.as_dtype(wanted))
    return _new(array, device, requires_grad)


def zeros(*shape: Shape, size: Shape | None = None, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros(2, 3).shape
    (2, 3)
    """
    return _new(np.zeros(_shape(shape, size), dtypes.as_dtype(float if dtype is None else dtype)), device, requires_grad)


def ones(*shape: Shape, size: Shape | None = None, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.ones(2).tolist()
    [1.0, 1.0]
    """
    return _new(np.ones(_shape(shape, size), dtypes.as_dtype(float if dtype is None else dtype)), device, requires_grad)


def empty(*shape: Shape, size: Shape | None = None, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose numbers are whatever was in memory.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.empty(2, 3).shape
    (2, 3)
    """
    return _new(np.empty(_shape(shape, size), dtypes.as_dtype(float if dtype is None else dtype)), device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """The identity matrix.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.eye(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if n < 0 or (m is not None and m < 0):
        raise ShapeError(f"eye: {n} rows and {n if m is None else m} columns; expected no negative number")
    return _new(np.eye(n, m, dtype=dtypes.as_dtype(float if dtype is None else dtype)), device, requires_grad)


@op(batch=batching.elementwise)
class zeros_like_:
    """Zeros of the shape, dtype and device of `x`."""

    def forward(xp, x, *, dtype=None):
        return xp.zeros(x.shape, x.dtype if dtype is None else dtypes.as_dtype(dtype))


@op(batch=batching.elementwise)
class ones_like_:
    """Ones of the shape, dtype and device of `x`."""

    def forward(xp, x, *, dtype=None):
        return xp.ones(x.shape, x.dtype if dtype is None else dtypes.as_dtype(dtype))


_zeros_like, _ones_like = zeros_like_, ones_like_


def _placed(x: Any, device: str | None, requires_grad: bool) -> Any:
    x = x if device is None else x.to(device=device)
    return x.requires_grad_() if requires_grad else x


def zeros_like(x: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the shape, dtype and device of `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.zeros_like(wb.ones(2)).tolist()
    [0.0, 0.0]
    """
    return _placed(_zeros_like(x, dtype=dtype), device, requires_grad)


def ones_like(x: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape, dtype and device of `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.ones_like(wb.zeros(2)).tolist()
    [1.0, 1.0]
    """
    return _placed(_ones_like(x, dtype=dtype), device, requires_grad)


def full_like(x: Tensor, fill_value: Any, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """The same number everywhere, in the shape, dtype and device of `x`.

    Raises
    ------
    DTypeError
        The number does not fit the dtype.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.full_like(wb.zeros(2), 3).tolist()
    [3.0, 3.0]
    """
    zeros = _zeros_like(x, dtype=dtype)
    kind = zeros.dtype.kind
    if isinstance(fill_value, complex) and kind != "c":
        raise DTypeError(f"full_like: {fill_value} does not fit dtype {zeros.dtype}; give a real number, or a complex dtype")
    value = bool(fill_value) if kind == "b" else int(fill_value) if kind in "iu" and isinstance(fill_value, float) else fill_value
    return _placed(REGISTRY["logical_or"].call(zeros, value) if kind == "b" else zeros + value, device, requires_grad)


def empty_like(x: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of the shape, dtype and device of `x`, whose numbers mean nothing (here they are zeros).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.empty_like(wb.zeros(2)).shape
    (2,)
    """
    return zeros_like(x, dtype=dtype, device=device, requires_grad=requires_grad)


def triangle(n: int, k: int, *, like: Any, m: int | None = None, dtype: Any = None) -> Any:
    """Ones on and below diagonal `k`, in the dtype (unless given) and on the device of `like`; a raw array if `like` is one."""
    array = np.tri(n, m, k, dtype=like.dtype if dtype is None else dtype)
    if not isinstance(like, Tensor):
        return arrays.to_device(array, arrays.device_of(like))
    return as_tensor(array, device=arrays.place_of(like))


def tril(x: Tensor, diagonal: int = 0) -> Tensor:
    """`x` with zeros above `diagonal`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.tril(wb.ones(2, 2)).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    return REGISTRY["where"].call(_kept(x, diagonal, "tril"), x, zeros_like(x))


def triu(x: Tensor, diagonal: int = 0) -> Tensor:
    """`x` with zeros below `diagonal`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.triu(wb.ones(2, 2)).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return REGISTRY["where"].call(_kept(x, diagonal - 1, "triu"), zeros_like(x), x)


def _kept(x: Tensor, diagonal: int, what: str) -> Any:
    """Where a matrix like `x` lies on or below `diagonal`: a mask, because zero times infinity would be NaN."""
    if len(x.shape) < 2:
        raise ShapeError(f"{what}: expected a matrix or a batch of them, got a tensor of shape {tuple(x.shape)}")
    return triangle(x.shape[-2], diagonal, like=x, m=x.shape[-1], dtype=dtypes.bool_)


def _triangle_indices(row: int, col: int, places: tuple, dtype: Any, device: str | None, what: str) -> Tensor:
    if row < 0 or col < 0:
        raise ShapeError(f"{what}: a matrix of {row} rows and {col} columns; expected no negative number")
    found = np.stack(places)
    return _new(found if dtype is None else found.astype(dtypes.as_dtype(dtype)), device, False)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """The places on and below a diagonal of a matrix: two rows, of row and of column numbers (int64).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.tril_indices(2, 2).tolist()
    [[0, 1, 1], [0, 0, 1]]
    """
    return _triangle_indices(row, col, np.nonzero(np.tri(max(row, 0), max(col, 0), offset, dtype=bool)), dtype, device, "tril_indices")


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """The places on and above a diagonal of a matrix: two rows, of row and of column numbers (int64).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.triu_indices(2, 2).tolist()
    [[0, 0, 1], [0, 1, 1]]
    """
    return _triangle_indices(row, col, np.nonzero(~np.tri(max(row, 0), max(col, 0), offset - 1, dtype=bool)), dtype, device, "triu_indices")


__all__ = ["full", "zeros", "ones", "empty", "eye", "zeros_like", "ones_like", "full_like", "empty_like",
           "tril", "triu", "tril_indices", "triu_indices"]

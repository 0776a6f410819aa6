"""How a tensor lies in memory, and tensors made like it: what PyTorch has as methods and no op computes."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, AxisError, DeviceError, DTypeError, GraphError, ShapeError
from ..core.op import REGISTRY
from ..core.tensor import Tensor, as_tensor, tensor
from . import create


def itemsize(x: Tensor) -> int:
    """Bytes of one element."""
    return x.dtype.itemsize


def nbytes(x: Tensor) -> int:
    """Bytes of all elements."""
    return x.numel() * x.dtype.itemsize


def is_cpu(x: Tensor) -> bool:
    """Are the numbers in main memory?"""
    return x.device.type == "cpu"


def is_cuda(x: Tensor) -> bool:
    """Are the numbers on a CUDA device?"""
    return x.device.type == "cuda"


PROPERTIES: tuple[Callable[[Tensor], Any], ...] = (itemsize, nbytes, is_cpu, is_cuda)


def element_size(x: Tensor) -> int:
    """Bytes of one element."""
    return x.dtype.itemsize


def nelement(x: Tensor) -> int:
    """Number of elements."""
    return x.numel()


def ndimension(x: Tensor) -> int:
    """Number of axes."""
    return x.ndim


def get_device(x: Tensor) -> int:
    """The number of its CUDA device; -1 in main memory."""
    return -1 if x.device.type == "cpu" else x.device.index or 0


def is_same_size(x: Tensor, other: Tensor) -> bool:
    """Has `other` the same shape?"""
    return tuple(x.shape) == tuple(other.shape)


def stride(x: Tensor, dim: int | None = None) -> Any:
    """How many elements apart neighbours along each axis (or along `dim`) lie."""
    steps = tuple(step // x.dtype.itemsize for step in x.data.strides)
    return steps if dim is None else steps[dim]


def is_contiguous(x: Tensor) -> bool:
    """Do the elements lie one after the other, the last axis fastest?"""
    return bool(x.data.flags.c_contiguous)


def contiguous(x: Tensor) -> Tensor:
    """`x` itself if its elements lie one after the other, else a copy in which they do."""
    return x if type(x) is not Tensor or is_contiguous(x) else REGISTRY["copy_of"].call(x, order="C")


def data_ptr(x: Tensor) -> int:
    """The address of the first element."""
    return x.data.ctypes.data if is_cpu(x) else x.data.data.ptr


def new_tensor(x: Tensor, data: Any, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A copy of `data` with the dtype and on the device of `x`."""
    return tensor(data, dtype=dtype or x.dtype, device=device or x.device, requires_grad=requires_grad)


def new_zeros(x: Tensor, *size: Any, **options: Any) -> Tensor:
    """Zeros with the dtype and on the device of `x`; options as in `workbench.zeros`."""
    return create.zeros(*size, **_like(x, options))


def new_ones(x: Tensor, *size: Any, **options: Any) -> Tensor:
    """Ones with the dtype and on the device of `x`; options as in `workbench.ones`."""
    return create.ones(*size, **_like(x, options))


def new_empty(x: Tensor, *size: Any, **options: Any) -> Tensor:
    """Uninitialized numbers with the dtype and on the device of `x`; options as in `workbench.empty`."""
    return create.empty(*size, **_like(x, options))


def new_full(x: Tensor, size: Any, fill_value: Any, **options: Any) -> Tensor:
    """`fill_value` everywhere, with the dtype and on the device of `x`; options as in `workbench.full`."""
    return create.full(size, fill_value, **_like(x, options))


def _like(x: Tensor, options: dict[str, Any]) -> dict[str, Any]:
    return {"dtype": x.dtype, "device": x.device, **options}


def type_as(x: Tensor, other: Tensor) -> Tensor:
    """The same numbers in the dtype and on the device of `other`."""
    return x.to(dtype=other.dtype, device=other.device)


def sum_to_size(x: Tensor, *size: Any) -> Tensor:
    """The sum over the axes that broadcasting `size` to this shape would repeat."""
    shape = create._shape(size)
    try:
        fits = np.broadcast_shapes(shape, x.shape) == tuple(x.shape)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"sum_to_size: a tensor of shape {tuple(x.shape)} is not a broadcast of {shape}")
    return REGISTRY["sum_to"].call(x, shape=shape)


def detach_(x: Tensor) -> Tensor:
    """Take it off the tape: from here on it is a leaf that needs no gradient."""
    if hasattr(x, "origin"):
        raise GraphError("detach_: this is a view, and what it is a view of would stay on the tape; use detach()")
    x.node = None
    return x


def fill_diagonal_(x: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Set the diagonal of a matrix (of a cube: where all indices are equal) to a number; `wrap` begins again below a high matrix."""
    shape = tuple(x.shape)
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise ShapeError(f"fill_diagonal_: a tensor of shape {shape}; expected a matrix, or more axes of one length")
    stop = math.prod(shape) if wrap or len(shape) > 2 else min(math.prod(shape), shape[1] * shape[1])
    x[np.unravel_index(np.arange(0, stop, sum(math.prod(shape[axis + 1:]) for axis in range(len(shape)))), shape)] = fill_value
    return x


def apply_(x: Tensor, function: Callable[[Any], Any]) -> Tensor:
    """Replace every number by what a Python function makes of it: slow, on a CPU only, and not differentiated."""
    if not is_cpu(x):
        raise DeviceError(f"apply_: a Python function cannot see numbers on {x.device}; call .cpu() first")
    numbers = x.numpy()
    return x.copy_(np.vectorize(function, otypes=[numbers.dtype])(numbers) if numbers.size else numbers)


# Functions ----------------------------------------------------------------------------------------------------------------
def is_tensor(obj: Any) -> bool:
    """Is `obj` a tensor?

    Examples
    --------
    >>> import workbench as wb
    >>> wb.is_tensor(wb.ones(1)), wb.is_tensor([1.0])
    (True, False)
    """
    return isinstance(obj, Tensor)


def numel(x: Tensor) -> int:
    """Number of elements.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.numel(wb.ones(2, 3))
    6
    """
    return x.numel()


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """An array of NumPy as a tensor that shares its memory.

    Raises
    ------
    DTypeError
        If it is no array of NumPy; `workbench.as_tensor` takes anything.

    Examples
    --------
    >>> import numpy as np, workbench as wb
    >>> array = np.zeros(2); t = wb.from_numpy(array); array[0] = 1; t.tolist()
    [1.0, 0.0]
    """
    if not isinstance(ndarray, np.ndarray):
        raise DTypeError(f"from_numpy: expected a numpy.ndarray, got {type(ndarray).__name__}; use wb.as_tensor")
    return as_tensor(ndarray)


def asarray(obj: Any, *, dtype: Any = None, device: str | None = None, copy: bool | None = None, requires_grad: bool = False) -> Tensor:
    """`obj` as a tensor: a copy if `copy` is True, else sharing memory where nothing has to be converted.

    Raises
    ------
    ArgumentError
        If `copy` is False and the numbers have to be converted.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.asarray([1, 2], dtype=wb.float32)
    tensor([1., 2.])
    """
    if copy:
        return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)
    out = as_tensor(obj, dtype=dtype, device=device)
    if copy is False and not (out is obj or np.shares_memory(out.numpy(), np.asarray(obj))):
        raise ArgumentError(f"asarray: copy=False, but a {type(obj).__name__} has to be converted; leave copy out")
    return out.requires_grad_() if requires_grad and out.node is None else out


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Places in a flattened tensor of `shape` as one index for every axis.

    Raises
    ------
    AxisError
        If an index lies outside `shape`.

    Examples
    --------
    >>> import workbench as wb
    >>> [i.tolist() for i in wb.unravel_index(wb.tensor([4, 5]), (2, 3))]
    [[1, 1], [1, 2]]
    """
    shape = create._shape((shape,))
    total = math.prod(shape)
    if not isinstance(indices, Tensor) or indices.dtype.kind not in "iu":
        raise DTypeError(f"unravel_index: indices of {getattr(indices, 'dtype', type(indices).__name__)}; expected a tensor of integers")
    if bool(((indices >= total) | (indices < -total)).any()):
        raise AxisError(f"unravel_index: an index lies outside the {total} elements of shape {shape}")
    rest, found = REGISTRY["remainder"].call(indices.to("int64"), total or 1), []
    for length in reversed(shape):
        found.append(REGISTRY["remainder"].call(rest, length))
        rest = REGISTRY["floor_divide"].call(rest, length)
    return tuple(reversed(found))


__all__ = ["is_tensor", "numel", "from_numpy", "asarray", "unravel_index"]
METHODS: tuple[Callable[..., Any], ...] = (
    element_size, nelement, ndimension, get_device, is_same_size, stride, is_contiguous, contiguous, data_ptr, new_tensor, new_zeros, new_ones,
    new_empty, new_full, type_as, sum_to_size, detach_, fill_diagonal_, apply_)

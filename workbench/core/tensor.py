"""Tensor: an array and its place on the tape, in two slots.

``data`` is a NumPy or CuPy array, or a NumPy scalar for a result without axes. ``node`` is None when nobody wants the
gradient. Operators and methods are bound from the op tables (`workbench.ops`), so this file holds only what is not an
op. A subclass of Tensor is a box of a transformation (`core.boxes`); the fast path tests ``type(x) is Tensor``.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import arrays, dtypes
from .errors import ArgumentError, AxisError, DeviceError, DTypeError, GraphError, ShapeError
from .interop import Interchange
from .node import AfterAccumulation, HookHandle, Leaf, Node, add_hook
from .printing import numbers_text
from .state import STATE


class Size(int):
    """How many numbers a tensor has, as an int that PyTorch's users may call."""

    _shape: tuple[int, ...]

    def __new__(cls, shape: Sequence[int]) -> Size:
        size = super().__new__(cls, math.prod(shape))
        size._shape = tuple(shape)
        return size

    def __call__(self, dim: int | None = None) -> Any:
        if dim is None:
            return self._shape
        if not -len(self._shape) <= dim < len(self._shape):
            raise AxisError(f"size: dim={dim} of a tensor of shape {self._shape}")
        return self._shape[dim]

    def __reduce__(self) -> tuple:
        return int, (int(self),)


class Tensor(Interchange):
    """A multi-dimensional array whose computations can be differentiated; make one with `tensor`.

    Attributes
    ----------
    data : numpy.ndarray, numpy scalar or cupy.ndarray
        The numbers.
    node : Node or None
        The operation that made it; None if it does not require a gradient.
    origin : tuple
        Of a view: what it is a view of, by which op and parameters. Not set on other tensors.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ("data", "node", "origin", "__weakref__")

    data: Any
    node: Node | None
    origin: tuple[Tensor, Any, dict[str, Any]]

    level = 0

    def __init__(self, data: Any, node: Node | None = None) -> None:
        self.data = data if type(data) is not list else as_raw(data, float)  # PyTorch's torch.Tensor([1, 2])
        self.node = node

    # ------------------------------------------------------------------ what it is
    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Size:
        """Number of elements; called as in PyTorch, ``x.size()`` is the shape and ``x.size(dim)`` the length of an axis."""
        return Size(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self.data.dtype

    @property
    def device(self) -> arrays.Device:
        """Where the numbers live, ``"cpu"`` or ``"cuda:0"``: a string that knows its ``type`` and ``index``."""
        return arrays.device_of(self.data)

    @property
    def is_sparse(self) -> bool:
        """Is it a gradient that holds only some rows (``sparse=True`` of an embedding)?"""
        return hasattr(self.data, "coalesced")

    def to_dense(self) -> Tensor:
        """The same with all its zeros; itself if it is plain already."""
        return Tensor(self.data.dense()) if self.is_sparse else self

    def coalesce(self) -> Tensor:
        """A sparse gradient with every row once."""
        return Tensor(self._rows().coalesced())

    def indices(self) -> Tensor:
        """The rows that a sparse gradient holds, (1, m)."""
        return Tensor(self._rows().rows[None])

    def values(self) -> Tensor:
        """The numbers of those rows, (m, ...)."""
        return Tensor(self._rows().values)

    def _rows(self) -> Any:
        if not self.is_sparse:
            raise ArgumentError("a plain tensor has no indices and values; only gradients of tables looked up with sparse=True have")
        return self.data

    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def dim(self) -> int:
        """Number of axes."""
        return self.ndim

    # ------------------------------------------------------------------ gradients
    @property
    def requires_grad(self) -> bool:
        """Is it on the tape?"""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    @property
    def is_leaf(self) -> bool:
        """True for tensors that no recorded operation made."""
        return self.node is None or isinstance(self.node, Leaf)

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient of a leaf; None before the first backward."""
        if STATE.trace is not None and isinstance(self.node, Leaf):
            STATE.trace.touch(self.node)
        if isinstance(self.node, Leaf):
            return self.node.grad
        kept = _retained(self.node)
        return kept.grad if kept else None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise DTypeError(f"grad must be a Tensor or None, not {type(value).__name__}")
        if value is not None and value.shape != self.shape:
            raise ShapeError(f"grad of shape {value.shape} does not fit a tensor of shape {self.shape}")
        if value is not None:
            ensure_together("grad", value, "gradient", self)
        if isinstance(self.node, Leaf):
            if STATE.trace is not None:
                STATE.trace.touch(self.node)
            self.node.grad = value
        elif value is not None:
            raise GraphError("grad can be set only on a leaf; call requires_grad_() on the tensor first")

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Start (or stop) wanting the gradient of this leaf; returns itself."""
        if requires_grad == (self.node is not None):
            return self
        if not self.is_leaf:
            raise GraphError("requires_grad can be turned off only on leaves; use detach() for a computed tensor")
        if requires_grad and not dtypes.is_inexact(self.dtype):
            raise DTypeError(f"a tensor of dtype {self.dtype} has no gradient; convert it with .to(float32) first")
        self.node = Leaf(self.shape, self) if requires_grad else None
        return self

    def detach(self) -> Tensor:
        """The same numbers, off the tape (shares memory)."""
        return Tensor(self.data) if STATE.trace is None else STATE.trace.detached(self)

    def _off_tape(self) -> Tensor:
        """The same value where this tape ends, which is no constant for the transformations around it."""
        return Tensor(self.data)

    def _alone(self) -> Tensor:
        """The same value; inside a transformation in a box that nobody else holds, so that a write changes only this one."""
        return self

    def backward(self, gradient: Tensor | None = None, *, retain_graph: bool | None = None,
                 create_graph: bool = False) -> None:
        """Add the gradient of this tensor to ``grad`` of every leaf it was computed from.

        Parameters
        ----------
        gradient : Tensor, optional
            Cotangent of the same shape; may be left out for a tensor with one element.
        retain_graph : bool, optional
            Keep the graph for another backward. Default: the value of `create_graph`.
        create_graph : bool
            Record the backward itself, for derivatives of higher order.

        Raises
        ------
        GraphError
            If it does not require a gradient, or the graph was freed by an earlier backward.
        ShapeError
            If it has several elements and no `gradient` is given.
        """
        from .autograd import backward

        backward([self], None if gradient is None else [gradient], retain_graph=retain_graph, create_graph=create_graph)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> HookHandle:
        """Call ``hook(grad)`` when the gradient of this tensor is known; what it returns replaces the gradient."""
        if self.node is None:
            raise GraphError("register_hook: the tensor does not require a gradient, so no gradient will come by")
        return add_hook(self.node, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> HookHandle:
        """Call ``hook(tensor)`` each time a backward has added to ``grad`` of this leaf."""
        if not isinstance(self.node, Leaf):
            raise GraphError("register_post_accumulate_grad_hook: only a leaf that requires a gradient accumulates one; "
                             "use register_hook on a computed tensor")
        return add_hook(self.node, AfterAccumulation(hook))

    @property
    def grad_fn(self) -> Node | None:
        """The recorded operation that made it; None for a leaf."""
        return None if self.is_leaf else self.node

    def retain_grad(self) -> None:
        """Keep ``grad`` of this computed tensor too, not only of leaves."""
        if self.is_leaf:
            if self.node is None:
                raise GraphError("retain_grad: the tensor does not require a gradient")
            return
        if _retained(self.node) is None:
            self.register_hook(_RetainGrad())

    @property
    def retains_grad(self) -> bool:
        """Does this computed tensor keep its ``grad``, as `retain_grad` asks?"""
        return _retained(self.node) is not None

    # ------------------------------------------------------------------ out of the tensor
    def item(self) -> bool | int | float | complex:
        """The only element as a Python number."""
        if STATE.trace is not None:
            STATE.trace.check_constant(self, "item")
        if self.size != 1:
            raise ShapeError(f"item: a tensor of shape {self.shape} has {self.size} elements, not one; use tolist()")
        return self.data.item()

    def tolist(self) -> Any:
        """The elements as nested Python lists."""
        return self.numpy().tolist()

    def numpy(self) -> np.ndarray:
        """The elements as a NumPy array; shares memory with a CPU tensor."""
        if STATE.trace is not None:
            STATE.trace.check_constant(self, "numpy")
        return np.asarray(arrays.to_device(self.data, "cpu"))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iub":
            raise DTypeError(f"a tensor of dtype {self.dtype} cannot be used as an index; convert it to int64")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(f"the truth of a tensor of shape {self.shape} is ambiguous; use .any() or .all()")
        return bool(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("len() of a tensor without axes")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        prefix = "tensor("
        body = numbers_text(self.numpy(), prefix)
        notes = []
        implied = (dtypes.default_dtype(), dtypes.int64, dtypes.bool_)
        if self.dtype not in implied or not self.size:
            notes.append(f"dtype={self.dtype}")
        if self.device != "cpu":
            notes.append(f"device='{self.device}'")
        if self.node is not None:
            notes.append("requires_grad=True" if self.is_leaf else f"op={self.node.op.name}")
        return prefix + ", ".join([body, *notes]) + ")"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self.size == 1 else repr(self)


class _RetainGrad:
    """The hook behind `Tensor.retain_grad`: it keeps what comes by."""

    grad: Tensor | None = None
    order = 1

    def __call__(self, grad: Tensor) -> None:
        self.grad = grad if self.grad is None else self.grad + grad


def _retained(node: Node | None) -> _RetainGrad | None:
    if node is None or not node.hooked:
        return None
    return next((hook for hook in node.hooks if isinstance(hook, _RetainGrad)), None)


def tensor(data: Any, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor from numbers, nested lists, an array or another tensor. The numbers are copied.

    Parameters
    ----------
    data : array_like
        Python numbers become float32 (the default dtype), int64 or bool; arrays keep their dtype.
    dtype : dtype, optional
        Convert to this dtype.
    device : str, optional
        ``"cpu"`` or ``"cuda"``; by default where `data` is.
    requires_grad : bool
        Record operations on it, so that `Tensor.backward` fills its ``grad``.

    Returns
    -------
    Tensor

    Raises
    ------
    DTypeError
        If `data` holds something that is not a number.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.tensor([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    array = as_raw(data, dtype)
    if device is not None:
        array = arrays.to_device(array, device)
    shared = array is data or (isinstance(data, Tensor) and array is data.data)
    result = Tensor(array.copy() if shared else array)
    return result.requires_grad_() if requires_grad else result


def as_tensor(data: Any, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """`data` as a tensor, sharing memory (and the tape) when nothing has to be converted.

    Examples
    --------
    >>> import numpy as np, workbench as wb
    >>> array = np.zeros(2); t = wb.as_tensor(array); array[0] = 1; t.tolist()
    [1.0, 0.0]
    """
    if isinstance(data, Tensor):
        wanted = data.dtype if dtype is None else dtypes.as_dtype(dtype)
        return data if wanted == data.dtype and device in (None, data.device) else data.to(dtype=wanted, device=device)
    array = as_raw(data, dtype)
    return Tensor(array if device is None else arrays.to_device(array, device))


def as_raw(data: Any, dtype: Any = None) -> Any:
    """`data` as a raw array of a dtype that tensors hold."""
    if isinstance(data, Tensor):
        if type(data) is not Tensor:
            raise GraphError(f"a value inside {type(data).__name__.lower()} has no numbers yet; "
                             "compute with it through workbench functions instead of converting it")
        data = data.data
    if arrays.is_array(data):
        wanted = dtypes.as_dtype(data.dtype if dtype is None else dtype)
        return dtypes.marked(data) if data.dtype is wanted else dtypes.converted(data, wanted)
    array = _from_python(data)
    if dtype is None and _has_arrays(data):
        return array
    natural = {"f": float, "c": complex, "i": int, "u": int, "b": bool}[array.dtype.kind]
    wanted = dtypes.python_dtype(natural) if dtype is None else dtypes.as_dtype(dtype)
    if wanted.kind in "iu" and array.dtype.kind in "iuf":
        return _as_integers(data, array, wanted)
    return dtypes.marked(array.astype(wanted, copy=False)) if dtype is None else dtypes.converted(array, wanted)


def _from_python(data: Any) -> np.ndarray:
    if isinstance(data, (list, tuple)):
        data = _without_tensors(data)
    try:
        array = np.asarray(data)
    except ValueError:
        raise ShapeError("tensor: the nested lists have rows of different lengths; pad them to one length") from None
    if array.dtype.kind not in "fciub":
        raise DTypeError(f"tensor: expected numbers, got {type(data).__name__} holding {array.dtype}")
    return array


def _as_integers(data: Any, array: np.ndarray, wanted: np.dtype) -> np.ndarray:
    """Python numbers as integers, if these can hold them; NumPy makes floats of small and large ones together."""
    if array.size and array.dtype.kind == "f" and np.abs(array).max() >= 2.0 ** 63:
        exact = np.array(_without_tensors(data), dtype=object)
        array = exact if all(isinstance(number, int) for number in exact.flat) else array
    whole = np.trunc(array) if array.dtype.kind == "f" else array
    limits = np.iinfo(wanted)
    if array.size and not (limits.min <= whole.min() and whole.max() <= limits.max):
        raise DTypeError(f"tensor: {wanted} does not hold numbers from {array.min()} to {array.max()}, only from {limits.min} to {limits.max}")
    return array.astype(wanted)


def _without_tensors(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [_without_tensors(item) for item in data]
    return as_raw(data) if isinstance(data, Tensor) else data


def _has_arrays(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, Tensor) or arrays.is_array(data)


def ensure_together(what: str, given: Tensor, name: str, wanted: Tensor) -> None:
    """Raise unless `given`, called `name`, is on the device of `wanted`."""
    if given.device != wanted.device:
        raise DeviceError(f"{what}: a {name} on {given.device} for a tensor on {wanted.device}; move it with .to({str(wanted.device)!r})")


def ensure_scalar(value: Tensor, what: str) -> None:
    """Raise unless `value` has exactly one element."""
    if value.size != 1:
        raise ShapeError(f"{what}: the output has shape {value.shape}; reduce it to one number (for example .sum() or "
                         ".mean()), or pass a cotangent of that shape")

"""How other libraries reach a tensor: NumPy's functions, DLPack, the CUDA array interface, pickle and copy.

Apart from `core.tensor` because none of it computes: it hands a call to our function of the same meaning, or the memory
to somebody else. `Interchange` is the base of Tensor; what NumPy's functions become is listed in `core.numpy_names`.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import arrays, dtypes
from .errors import ArgumentError, DeviceError, DTypeError, GraphError

CPU, CUDA = 1, 2
"""DLPack's numbers for kinds of devices."""


class Interchange:
    """The protocols of tensors that other libraries call."""

    __slots__ = ()
    __array_priority__ = 1000

    # ------------------------------------------------------------------ NumPy
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from .numpy_names import call_ufunc

        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        from .numpy_names import call_function

        return call_function(function, args, kwargs)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The module of the array API standard, `workbench.array_api`."""
        import importlib

        namespace = importlib.import_module("workbench.array_api")
        if api_version is not None and api_version not in namespace.VERSIONS:
            raise ArgumentError(f"__array_namespace__: api_version={api_version!r}; expected one of {', '.join(namespace.VERSIONS)}")
        return namespace

    def to_device(self, device: str, /, *, stream: Any = None) -> Any:
        """The same numbers on `device`, by the standard's name; `stream` orders the copy on a CUDA device."""
        if stream is not None and self.device == device == "cpu":
            raise ArgumentError(f"to_device: stream={stream!r}, but a copy within main memory has none; leave it out")
        if stream is None:
            return self.to(device=device)
        with stream:
            return self.to(device=device)

    # ------------------------------------------------------------------ memory
    def __dlpack__(self, *, stream: Any = None, max_version: tuple[int, int] | None = None,
                   dl_device: tuple[int, int] | None = None, copy: bool | None = None) -> Any:
        if self.node is not None:
            raise GraphError("a tensor that requires a gradient cannot be exported by DLPack; use x.detach()")
        data = _exported(self)
        if dl_device is not None and tuple(map(int, dl_device)) != tuple(map(int, data.__dlpack_device__())):
            if copy is False or dl_device[0] not in (CPU, CUDA):
                raise BufferError(f"__dlpack__: the tensor is on {self.device}, and device {tuple(dl_device)} was asked for"
                                  + (" without a copy" if copy is False else ""))
            data = _exported(self.to(device="cpu" if dl_device[0] == CPU else f"cuda:{dl_device[1]}"))
            copy = None
        if self.device == "cpu" and stream is not None and isinstance(data, np.ndarray):
            raise ArgumentError(f"__dlpack__: stream={stream!r}, but a tensor in main memory has none; pass None")
        options = {"stream": stream} if stream is not None else {}
        if max_version is None and copy is None:
            return data.__dlpack__(**options)
        return data.__dlpack__(**options, max_version=max_version, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        kind, index = _exported(self).__dlpack_device__()
        return int(kind), int(index)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self.device == "cpu":
            raise AttributeError("a tensor in main memory has no __cuda_array_interface__; move it with .to('cuda')")
        if self.node is not None:
            raise AttributeError("a tensor that requires a gradient has no __cuda_array_interface__; use x.detach()")
        return self.data.__cuda_array_interface__

    # ------------------------------------------------------------------ copies
    def __copy__(self) -> Any:
        from .tensor import Tensor

        return Tensor(self.data, self.node)

    def __deepcopy__(self, memo: dict) -> Any:
        if not self.is_leaf:
            raise GraphError("only leaves can be deep-copied; detach() the tensor first")
        copy = restore(np.array(self.data, subok=True) if self.device == "cpu" else self.data.copy(), self.requires_grad)
        memo[id(self)] = copy
        if self.grad is not None:
            copy.grad = self.grad.__deepcopy__(memo)
        return copy

    def __reduce__(self) -> tuple:
        if not self.is_leaf:
            raise GraphError("only leaves can be pickled; detach() the tensor first")
        return restore, (self.data, self.requires_grad)


def _exported(x: Any) -> Any:
    """The memory of `x` as an array that can hand itself on."""
    if not arrays.is_array(x.data):
        raise GraphError(f"a value inside {type(x).transformation} has no memory to share; return it from the function first")
    if x.dtype.kind == "V":
        raise DTypeError("DLPack of bfloat16: NumPy cannot export it; convert the tensor with .to(float32) first")
    return np.asarray(x.data) if x.device == "cpu" else x.data


def restore(data: Any, requires_grad: bool) -> Any:
    """A leaf from its numbers: what pickle calls."""
    from .tensor import Tensor

    known = dtypes.as_dtype(data.dtype)  # pickle makes a dtype of its own, and rules compare dtypes by identity
    return Tensor(data if data.dtype is known else data.view(known)).requires_grad_(requires_grad)


def from_dlpack(x: Any, /, *, device: str | None = None, copy: bool | None = None) -> Any:
    """A tensor over the memory of an array of another library (torch, JAX, NumPy, CuPy).

    Parameters
    ----------
    x : object with ``__dlpack__`` and ``__dlpack_device__``
    device : str, optional
        Move the numbers there; by default they stay where they are.
    copy : bool, optional
        True: in new memory; False: an error if they have to be copied; None: only when needed.

    Returns
    -------
    Tensor
        It shares memory with `x` unless copied.

    Raises
    ------
    DTypeError
        If `x` does not speak DLPack.
    DeviceError
        If the numbers lie where neither NumPy nor CuPy reaches.

    Examples
    --------
    >>> import numpy as np, workbench as wb
    >>> array = np.zeros(2); t = wb.from_dlpack(array); array[0] = 1; t.tolist()
    [1.0, 0.0]
    """
    from .tensor import Tensor

    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise DTypeError(f"from_dlpack: {type(x).__name__} has no __dlpack__; use asarray() for lists and numbers")
    kind, index = map(int, x.__dlpack_device__())
    here = {CPU: "cpu", CUDA: f"cuda:{index}"}.get(kind)
    if here is None:
        raise DeviceError(f"from_dlpack: the array is on a device of DLPack's kind {kind}; expected main memory (1) or CUDA (2)")
    if copy is False and device not in (None, here):
        raise ArgumentError(f"from_dlpack: copy=False, but the array is on {here} and {device} was asked for")
    # An empty array asks whether CuPy and this device are there.
    module = np if kind == CPU else arrays.module_of(type(arrays.to_device(np.empty(0), here)))
    try:
        array = module.from_dlpack(x)
    except (RuntimeError, TypeError) as error:  # as NumPy and CuPy say that they have no such dtype
        raise DTypeError(f"from_dlpack: an array of dtype {getattr(x, 'dtype', 'unknown')} cannot be taken over ({error}); "
                         "convert it to float32 there first") from None
    known = dtypes.as_dtype(array.dtype)
    out = Tensor(dtypes.marked(array if array.dtype is known else array.astype(known)))
    if device not in (None, here):
        return out.to(device=device)
    return Tensor(out.data.copy()) if copy else out

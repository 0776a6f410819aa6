"""Array types and the module that computes with each; devices by name.

Everything else asks here instead of comparing types, so a third array library is one call of `register`.
CuPy is looked up only when a CuPy array or a CUDA device is seen.
"""
from __future__ import annotations

import contextlib
import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DeviceError
from .dtypes import marked
from .heap import keep_freed_memory

NUMPY_SCALARS: tuple[type, ...] = tuple({np.dtype(code).type for code in "?bhilqBHILQefdFD"})

_modules: dict[type, ModuleType] = {np.ndarray: np, **dict.fromkeys(NUMPY_SCALARS, np)}
_wraps: dict[type, Callable[[Callable], Callable]] = {}
_several = [False]
_NOTHING = contextlib.nullcontext()
PYTHON_SCALARS: frozenset[type] = frozenset((bool, int, float, complex))


def register(array_type: type, module: ModuleType, wrap: Callable[[Callable], Callable] | None = None) -> None:
    """Let `module` compute with arrays of `array_type`; `wrap` is put around every function that does."""
    _modules[array_type] = module
    if wrap is not None:
        _wraps[array_type] = wrap


def wrapped(function: Callable, array_type: type) -> Callable:
    """`function` as it computes with arrays of `array_type`."""
    wrap = _wraps.get(array_type)
    return function if wrap is None else wrap(function)


def module_of(array_type: type) -> ModuleType:
    """The array module for a type of array; Python scalars count as NumPy's."""
    module = _modules.get(array_type)
    if module is None:
        if array_type.__module__.split(".")[0] == "cupy":
            module = sys.modules["cupy"]
            from .cuda.bridge import bridge

            _several.append(module.cuda.runtime.getDeviceCount() > 1)
            register(array_type, module, functools.partial(bridge, _several[-1]))
        elif array_type in PYTHON_SCALARS:
            return np
        elif issubclass(array_type, np.ndarray):
            return np
        else:
            raise KeyError(array_type)
    return module


def several_devices() -> bool:
    """Has CuPy been used where there are several devices?"""
    return _several[-1]


def beside(data: Any) -> Any:
    """A context in which CuPy computes on the device of `data`, where there are several: by itself it takes the current one."""
    device = getattr(data, "device", None) if _several[-1] else None
    return device if hasattr(device, "id") else _NOTHING


def is_array(value: Any) -> bool:
    """Is `value` a raw array (or NumPy scalar) of a known backend?"""
    kind = type(value)
    return kind in _modules or isinstance(value, np.ndarray) or kind.__module__.split(".")[0] == "cupy"


class Device(str):
    """The name of a device, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``, with PyTorch's attributes ``type`` and ``index``.

    Raises
    ------
    ArgumentError
        If it is none of these.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.device("cuda", 1).index
    1
    >>> wb.ones(2).device.type
    'cpu'
    """

    __slots__ = ()

    def __new__(cls, type: str, index: int | None = None) -> Device:
        name = type if index is None else f"{type}:{index}"
        kind, colon, number = name.partition(":")
        if kind not in ("cpu", "cuda") or (colon and not number.isdigit()):
            raise ArgumentError(f"device {name!r} is not known; expected 'cpu', 'cuda' or 'cuda:<number>'")
        return super().__new__(cls, name)

    @property
    def type(self) -> str:
        """``"cpu"`` or ``"cuda"``."""
        return self.partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]
        """The number of the device, if one was given."""
        return int(self.partition(":")[2]) if ":" in self else None


CPU = Device("cpu")


def device_of(data: Any) -> Device:
    """The device that holds a raw array: ``"cpu"`` or ``"cuda:0"``."""
    device = getattr(data, "device", None)
    index = getattr(device, "id", None)
    return CPU if index is None else Device("cuda", index)


def place_of(like: Any) -> str:
    """The device of a tensor, inside a transformation too, or of a raw array."""
    device = getattr(like, "device", None)
    return device if isinstance(device, str) else device_of(like)


def copied(x: Any) -> Any:
    """A copy in rows. A large transposed matrix is copied a few columns at a time: NumPy takes its rows one by one, each from as many cache lines.

    Examples
    --------
    >>> x = np.arange(20_000.0).reshape(100, 200).T
    >>> np.array_equal(copied(x), x)
    True
    """
    if type(x) is not np.ndarray or x.ndim != 2 or x.strides[0] != x.itemsize or min(x.shape) < 64:
        return x.copy()
    out = np.empty(x.shape, x.dtype)
    for start in range(0, x.shape[1], 8):
        out[:, start:start + 8] = x[:, start:start + 8]
    return out


def to_device(data: Any, device: str) -> Any:
    """`data` on `device` (``"cpu"``, ``"cuda"``, ``"cuda:1"``); the same array when it is there already."""
    named = Device(device)
    if named.type == "cpu":
        return data if module_of(type(data)) is np else marked(data.get())
    try:
        cupy = importlib.import_module("cupy")
        count = cupy.cuda.runtime.getDeviceCount()
    except ImportError:
        raise DeviceError(
            f"device {device!r} needs CuPy, which is not installed; pip install 'neural-workbench[cuda12]' (or [cuda13])"
        ) from None
    except Exception as error:
        raise DeviceError(f"device {device!r} is not usable here: {error}") from None
    number = named.index or 0
    if number >= count:
        raise DeviceError(f"device {device!r} was asked for, but this machine has {count} CUDA device(s)")
    with cupy.cuda.Device(number):
        return cupy.asarray(data)


keep_freed_memory()

"""A module that stands for CuPy where there is no device: NumPy computes; names, parameters and refusals are CuPy's.

`cupy.txt` says what CuPy has and which parameters its functions take. What no signature says was read off CuPy itself and
is written here: it refuses NumPy's arrays, its results are never NumPy's scalars, some methods of its ufuncs are missing,
an index beyond the end wraps around, and linear algebra fails silently unless asked to raise.
"""
from __future__ import annotations

import contextlib
import importlib.util
import inspect
import operator
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

from tests.backend.host import ElementwiseKernel
from workbench.backend import arrays
from workbench.backend.cuda import kernels
from workbench.ops import elementwise

FACTS = dict(line.split(" ", 1) for line in Path(__file__).with_name("cupy.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#")
UFUNC_METHODS = {"reduce": ("add", "multiply"), "accumulate": ("add", "multiply"), "at": ("add", "subtract", "maximum", "minimum"),
                 "outer": None, "reduceat": ("add",)}
"""Which ufuncs have a method; None: all."""
UFUNC = inspect.signature(lambda *args, out=None, dtype=None, casting=None: None)
REDUCE = inspect.signature(lambda array, axis=0, dtype=None, out=None, keepdims=False: None)
ADDED = ("int32", "float16", "float32", "float64", "complex64", "complex128", "uint32", "uint64")
"""What `scatter_add` adds."""
COUNT = 2
"""How many devices there are."""


class Device:
    """One of the devices; as a context it is the current one."""

    current, entered = 0, []  # type: ignore[var-annotated]

    def __init__(self, device: int | None = None) -> None:
        self.id = Device.current if device is None else int(device)
        if self.id >= COUNT:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __enter__(self) -> Device:
        Device.entered.append(Device.current)
        Device.current = self.id
        return self

    def __exit__(self, *exc: Any) -> None:
        Device.current = Device.entered.pop()

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Device) and other.id == self.id

    __hash__: Any = None

    def synchronize(self) -> None:
        """Everything is done already."""


class Array:
    """An array of a device; its numbers lie in `held`."""

    __array_priority__ = 100

    def __init__(self, held: np.ndarray, source: Array | None = None) -> None:
        if held.dtype.kind in "OUSMm":
            raise ValueError(f"Unsupported dtype {held.dtype}")
        self.__dict__.update(held=held, device=Device() if source is None else source.device, base=source if source is None or source.base is None else source.base)

    def __array__(self, *args: Any, **options: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly.")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        function = getattr(MODULE, ufunc.__name__)
        return (function if method == "__call__" else getattr(function, method))(*inputs, **options)

    def __array_function__(self, function: Any, kinds: Any, args: Any, options: Any) -> Any:
        if function in (np.shape, np.ndim, np.size):
            return function(*map(down, args), **options)
        return getattr(MODULE, function.__name__)(*args, **options)

    def __getattr__(self, name: str) -> Any:
        if f"cupy.ndarray.{name}" not in FACTS:
            raise AttributeError(f"CuPy's arrays have no {name}")
        value = getattr(self.held, name)
        return up(value, self) if isinstance(value, np.ndarray) else checked(value, None, self) if callable(value) else value

    def __setattr__(self, name: str, value: Any) -> None:
        if f"cupy.ndarray.{name}" not in FACTS:
            raise AttributeError(f"CuPy's arrays have no {name}")
        setattr(self.held, name, down(value))

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        """A copy in main memory."""
        found = np.array(self.held, order=order) if out is None else out
        found[...] = self.held
        return found

    def set(self, array: np.ndarray, stream: Any = None) -> None:
        """Take the numbers of an array of the host."""
        assert type(array) is np.ndarray
        assert (array.dtype, array.shape) == (self.held.dtype, self.held.shape)
        self.held[...] = array

    def astype(self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True) -> Array:
        """Converted."""
        with np.errstate(invalid="ignore"):
            found = self.held.astype(dtype, order, copy=copy)
        return self if found is self.held else Array(found)

    def item(self, *index: Any) -> Any:
        """A Python number."""
        return self.held.item(*index)

    def tolist(self) -> Any:
        """Python numbers."""
        return self.held.tolist()

    @property
    def data(self) -> Any:
        """The memory."""
        return types.SimpleNamespace(ptr=self.held.ctypes.data, mem=self.held, device=self.device)

    def __getitem__(self, key: Any) -> Array:
        return up(self.held[wrapped(key, self.held.shape)], self)

    def __setitem__(self, key: Any, value: Any) -> None:
        chosen = any(isinstance(part, (Array, np.ndarray, list)) for part in (key if isinstance(key, tuple) else (key,)))
        if not chosen and (isinstance(value, (list, tuple)) or isinstance(value, np.ndarray) and value.ndim):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self.held[wrapped(key, self.held.shape)] = value if isinstance(value, np.ndarray) else down(value)

    def __len__(self) -> int:
        return len(self.held)

    def __iter__(self) -> Iterator[Array]:
        return (self[place] for place in range(len(self)))

    def __repr__(self) -> str:
        return repr(self.held)

    def __format__(self, text: str) -> str:
        return format(self.held, text)

    def __bool__(self) -> bool:
        return bool(self.held)

    def __int__(self) -> int:
        return int(self.held)

    def __float__(self) -> float:
        return float(self.held)

    def __complex__(self) -> complex:
        return complex(self.held)

    def __deepcopy__(self, memo: Any) -> Array:
        return Array(self.held.copy())

    def __reduce__(self) -> Any:
        return _unpickled, (self.held,)

    __hash__: Any = None


def _unpickled(held: np.ndarray) -> Array:
    return Array(held)


def _operator(name: str, function: Callable[..., Any], turned: bool) -> Callable[..., Any]:
    def method(self: Array, *others: Any) -> Any:
        if any(getattr(type(other), "__array_ufunc__", 0) is None for other in others):
            return NotImplemented
        given = [down(self), *map(down, others)]
        if name.startswith("__i") and name != "__invert__":
            function(given[0], *given[1:])
            return self
        return up(function(*(reversed(given) if turned else given)))

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"):
    _function = getattr(operator, f"__{_name}__")
    setattr(Array, f"__{_name}__", _operator(_name, _function, False))
    setattr(Array, f"__r{_name}__", _operator(_name, _function, True))
    if hasattr(operator, f"__i{_name}__") and _name != "matmul":
        setattr(Array, f"__i{_name}__", _operator(f"__i{_name}__", getattr(operator, f"__i{_name}__"), False))
for _name in ("eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert"):
    setattr(Array, f"__{_name}__", _operator(f"__{_name}__", getattr(operator, f"__{_name}__"), False))
Array.__module__, Array.__name__, Array.__qualname__ = "cupy", "ndarray", "ndarray"


# Between the two -------------------------------------------------------------------------------------------------------------
def down(value: Any) -> Any:
    """What NumPy computes with; arrays of the host are refused. Arrays of several devices are not: they reach each other's memory."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(down, value))
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return value.held if isinstance(value, Array) else value


def up(value: Any, source: Array | None = None) -> Any:
    """Arrays of the current device, also for NumPy's scalars; a view stays where its source is."""
    if isinstance(value, (tuple, list)):
        parts = [up(part, source) for part in value]
        return type(value)(parts) if type(value) in (tuple, list) else type(value)(*parts)
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    value = np.asarray(value)
    return Array(value, source if source is not None and np.may_share_memory(value, source.held) else None)


def wrapped(key: Any, shape: tuple[int, ...]) -> Any:
    """An index for NumPy that means what CuPy would take: numbers beyond the end start again from the front."""
    parts = list(key) if isinstance(key, tuple) else [key]
    used = [0 if part is None or part is Ellipsis else _axes(part) for part in parts]
    found, axis = [], 0
    for part, width in zip(parts, used, strict=True):
        if part is Ellipsis:
            axis = len(shape) - sum(used[len(found):])
        part = part.held if isinstance(part, Array) else np.asarray(part) if isinstance(part, list) else part
        if isinstance(part, np.ndarray) and part.dtype.kind in "iu" and axis < len(shape) and shape[axis]:
            part = part.astype(np.int64) % shape[axis]
        found.append(part)
        axis += width
    return tuple(found) if isinstance(key, tuple) else found[0]


def _axes(part: Any) -> int:
    return part.ndim if isinstance(part, (Array, np.ndarray)) and part.dtype.kind == "b" else 1


def checked(function: Callable[..., Any], signature: inspect.Signature | None, source: Array | None = None) -> Callable[..., Any]:
    """NumPy's function for arrays of a device, with CuPy's parameters."""
    def called(*args: Any, **options: Any) -> Any:
        if signature is not None:
            signature.bind(*args, **options)
        out = options.get("out")
        found = function(*map(down, args), **{name: down(value) for name, value in options.items()})
        return out if out is not None else up(found, next(_arrays([args]), None) if source is None else source)

    return called


def _arrays(value: Any) -> Iterator[Array]:
    if isinstance(value, Array):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _arrays(part)


class Ufunc:
    """A ufunc with CuPy's parameters and methods."""

    def __init__(self, function: Any) -> None:
        self.function, self.__name__ = function, function.__name__
        self.nin, self.nout = function.nin, function.nout
        self.call = checked(function, UFUNC)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.call(*args, **options)

    def __getattr__(self, name: str) -> Any:
        if name not in UFUNC_METHODS:
            raise AttributeError(f"CuPy's ufuncs have no {name}")
        allowed = UFUNC_METHODS[name]
        if allowed is not None and self.__name__ not in allowed:
            raise NotImplementedError(f"`cupy_{self.__name__}.{name}` is not supported yet")
        return checked(getattr(self.function, name), REDUCE if name == "reduce" else None)


class Module(types.ModuleType):
    """A module whose functions are NumPy's or SciPy's where CuPy has them."""

    def __init__(self, name: str, behind: Any, **own: Any) -> None:
        super().__init__(name)
        self.__dict__.update(behind=behind, **own)

    def __getattr__(self, name: str) -> Any:
        fact = FACTS.get(f"{self.__name__}.{name}")
        if fact is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        function = getattr(self.behind, name)
        if fact in ("value", "class"):
            return function
        found = Ufunc(function) if fact == "ufunc" and isinstance(function, np.ufunc) else checked(function, _signature(fact))
        self.__dict__[name] = found
        return found


def _signature(fact: str) -> inspect.Signature | None:
    return None if fact == "ufunc" else inspect.signature(eval(f"lambda {fact[1:-1]}: None"))


# What NumPy does otherwise -------------------------------------------------------------------------------------------------------
def asarray(a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, blocking: bool = False) -> Array:
    """The one way from the host to a device."""
    if isinstance(a, Array) and a.device.id == Device.current:
        found = np.asarray(a.held, dtype, order)
        return a if found is a.held else Array(found)
    return Array(np.array(down(a) if not isinstance(a, (np.ndarray, Array)) else getattr(a, "held", a), dtype, order=order))


def array(obj: Any, dtype: Any = None, copy: bool = True, order: str = "K", subok: bool = False, ndmin: int = 0, *, blocking: bool = False) -> Array:
    """A copy on the device."""
    return Array(np.array(asarray(obj, dtype).held, order=order, ndmin=ndmin))


def scatter_add(a: Array, slices: Any, value: Any) -> None:
    """``add.at``, for some dtypes."""
    if a.dtype.name not in ADDED:
        raise TypeError(f"cupyx.scatter_add only supports {', '.join(ADDED)} as data type, got {a.dtype}")
    np.add.at(a.held, wrapped(slices, a.shape), down(value))


def nonzero(a: Array) -> Any:
    """Not of single numbers."""
    if not a.ndim:
        raise ValueError("Calling nonzero on 0d arrays is not allowed. Use cp.atleast_1d(scalar).nonzero() instead.")
    return up(np.nonzero(a.held))


RAISES = [False]


@contextlib.contextmanager
def errstate(*, divide: Any = None, over: Any = None, under: Any = None, invalid: Any = None, linalg: Any = None) -> Iterator[None]:
    """Whether linear algebra that fails says so."""
    RAISES.append(linalg == "raise")
    yield
    RAISES.pop()


class Linalg(Module):
    """NumPy's linear algebra; a failure is NaN unless it was asked for."""

    def __getattr__(self, name: str) -> Any:
        function = super().__getattr__(name)
        self.__dict__[name] = called = lambda *args, **options: _failing(function, args, options)
        return called


def _failing(function: Callable[..., Any], args: tuple, options: dict[str, Any]) -> Any:
    try:
        return function(*args, **options)
    except np.linalg.LinAlgError:
        if RAISES[-1]:
            raise
        return up(np.full_like(args[-1].held, np.nan))


class Kernel(ElementwiseKernel):
    """A kernel that takes arrays of a device, and numbers."""

    def __call__(self, *args: Any) -> Any:
        for arg, dtype in zip(args, self.dtypes, strict=False):
            assert not isinstance(arg, Array) or arg.dtype == dtype, f"{arg.dtype} for a parameter {dtype}"
        return up(super().__call__(*map(down, args)))


# The runtime -----------------------------------------------------------------------------------------------------------------
class Nothing:
    """A stream, an event or a pool: there is nothing to wait for and nothing to count."""

    done = True

    def __init__(self, *args: Any, **options: Any) -> None:
        self.malloc = None

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *exc: Any) -> None:
        pass

    def _nothing(self, *args: Any, **options: Any) -> int:
        return 0

    record = synchronize = wait_event = used_bytes = free_bytes = total_bytes = n_free_blocks = free_all_blocks = set_limit = _nothing


def _runtime() -> types.SimpleNamespace:
    runtime = types.SimpleNamespace(getDeviceCount=lambda: COUNT, deviceSynchronize=lambda: None, CUDARuntimeError=RuntimeError)
    return types.SimpleNamespace(runtime=runtime, Device=Device, Stream=Nothing, Event=Nothing, MemoryPool=Nothing, malloc_managed=None,
                                 using_allocator=lambda allocator: contextlib.nullcontext(), get_elapsed_time=lambda first, second: 1.0)


MODULE = Module("cupy", np, ndarray=Array, asarray=asarray, array=array, nonzero=nonzero, cuda=_runtime(), linalg=Linalg("cupy.linalg", np.linalg),
                fft=Module("cupy.fft", np.fft), lib=types.SimpleNamespace(stride_tricks=Module("cupy.lib.stride_tricks", np.lib.stride_tricks)),
                get_default_memory_pool=Nothing, get_default_pinned_memory_pool=Nothing)
_special = Module("cupyx.scipy.special", scipy.special)
_linalg = types.SimpleNamespace(lu_factor=checked(scipy.linalg.lu_factor, inspect.signature(lambda a, overwrite_a=False, check_finite=True: None)))
CUPYX = Module("cupyx", types.SimpleNamespace(empty_pinned=np.empty), scatter_add=scatter_add, errstate=errstate,
               empty_pinned=np.empty, empty_like_pinned=lambda a: np.empty(a.shape, a.dtype),
               scipy=types.SimpleNamespace(special=_special, linalg=_linalg))
NAMES = {"cupy": MODULE, "cupyx": CUPYX, "cupyx.scipy": CUPYX.scipy, "cupyx.scipy.special": _special, "cupyx.scipy.linalg": _linalg}


@contextlib.contextmanager
def installed(folder: Path) -> Iterator[Module]:
    """CuPy is the stand-in; kernels are built in `folder`."""
    before = {name: sys.modules.get(name) for name in NAMES}
    caches = (kernels.kernel, kernels._of_one_dtype, elementwise.scipy_function, elementwise._special)
    MODULE.__dict__["ElementwiseKernel"] = lambda *args, **options: Kernel(folder, *args, **options)
    sys.modules.update(NAMES)
    try:
        yield MODULE
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
        for table in (arrays._modules, arrays._wraps):
            table.pop(Array, None)
        arrays._several[:] = [False]
        for cache in caches:
            cache.cache_clear()


def needed() -> bool:
    """Is there no CuPy with a device?"""
    if importlib.util.find_spec("cupy") is None:
        return True
    import workbench as wb

    return not wb.cuda.is_available()

"""What a function of NumPy becomes when a tensor is among its arguments, so that ``np.sum(x, axis=0)`` differentiates.

A row holds our function, how many arguments it takes by position, and names that differ. Everything else about the call
is read off NumPy's own signature: arguments left at NumPy's default are dropped, one that we do not have is an error.
"""
from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .errors import DTypeError, WorkbenchError
from .op import BY_UFUNC
from .tensor import Tensor, as_tensor


class Row(NamedTuple):
    """Our name for a function of NumPy, its positional arguments, and arguments under other names."""

    ours: str
    positional: int = 1
    renamed: dict[str, str] = {}


_SAME = ("sum prod mean all any argmax argmin count_nonzero cumulative_sum cumulative_prod squeeze flip "
         "argsort nonzero real imag angle zeros_like ones_like nansum nanmean sinc i0 diff trace nan_to_num ravel")
_SAME_TWO = ("expand_dims roll take take_along_axis vdot inner outer kron cross broadcast_to tile full_like "
             "isclose allclose searchsorted")
_AXES = {"axis1": "dim1", "axis2": "dim2"}
FUNCTIONS: dict[str, Row] = {
    **{name: Row(name) for name in _SAME.split()}, **{name: Row(name, 2) for name in _SAME_TWO.split()},
    "amax": Row("amax"), "max": Row("amax"), "amin": Row("amin"), "min": Row("amin"), "round": Row("round"), "around": Row("round"),
    "var": Row("var", 1, {"ddof": "correction"}), "std": Row("std", 1, {"ddof": "correction"}),
    "concatenate": Row("concat"), "concat": Row("concat"), "stack": Row("stack"), "copy": Row("clone"), "empty_like": Row("zeros_like"),
    "reshape": Row("reshape", 2), "permute_dims": Row("permute", 2), "moveaxis": Row("moveaxis", 3), "swapaxes": Row("swapaxes", 3), "where": Row("where", 3),
    "clip": Row("clip", 1, {"a_min": "min", "a_max": "max"}), "tensordot": Row("tensordot", 2, {"axes": "dims"}),
    "diagonal": Row("diagonal", 1, _AXES), "diag": Row("diag", 1, {"k": "diagonal"}), "tril": Row("tril", 1, {"k": "diagonal"}),
    "triu": Row("triu", 1, {"k": "diagonal"}), "array_equal": Row("equal", 2), "isin": Row("isin", 2),
}
_SQUARE = "inv det slogdet eigh eigvalsh eig eigvals qr svd svdvals cholesky pinv matrix_rank cond norm vector_norm matrix_norm"
LINALG = {**{name: Row(name) for name in _SQUARE.split()}, "solve": Row("solve", 2), "matrix_power": Row("matrix_power", 2),
          "tensorsolve": Row("tensorsolve", 2, {"axes": "dims"}), "tensorinv": Row("tensorinv"), "multi_dot": Row("multi_dot"),
          "cross": Row("cross", 2), "vecdot": Row("vecdot", 2)}
FFT = {name: Row(name, 1, {"axis": "dim", "axes": "dim"}) for name in
       "fft ifft rfft irfft hfft ihfft fftn ifftn rfftn irfftn fft2 ifft2 rfft2 irfft2 fftshift ifftshift".split()}
_UFUNC_NAMES = {"absolute": "abs", "fabs": "abs", "ldexp": "ldexp", "divide": "true_divide", "conjugate": "conj", "degrees": "rad2deg", "radians": "deg2rad"}
_REDUCE = {"add": "sum", "multiply": "prod", "maximum": "amax", "minimum": "amin", "logical_and": "all", "logical_or": "any"}
_ACCUMULATE = {"add": "cumsum", "multiply": "cumprod"}
_QUESTIONS: dict[str, Callable[..., Any]] = {
    "shape": lambda a: tuple(a.shape), "ndim": lambda a: a.ndim, "iscomplexobj": lambda x: x.dtype.kind == "c",
    "isrealobj": lambda x: x.dtype.kind != "c",
    "size": lambda a, axis=None: a.size if axis is None else a.shape[axis],
}
"""Asked of a tensor without computing anything."""


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple, kwargs: dict[str, Any]) -> Any:
    """``ufunc(*inputs)``, or its method ``reduce`` or ``accumulate``, as our op."""
    name = ufunc.__name__
    if method == "__call__" and not kwargs:
        function = BY_UFUNC.get(name) or getattr(_ours(), _UFUNC_NAMES.get(name, ""), None)
        if function is not None:
            return function(*inputs)
    known = {"reduce": _REDUCE, "accumulate": _ACCUMULATE}.get(method, {}).get(name)
    if known is not None and not kwargs.keys() - {"axis", "keepdims"}:
        x, axis, *more = (*inputs, kwargs.pop("axis", 0)) if len(inputs) == 1 else inputs
        if not more:
            return getattr(_ours(), known)(x, axis=axis, **kwargs)
    given = f" with {', '.join(kwargs)}" if kwargs else ""
    raise DTypeError(f"numpy.{name}{'' if method == '__call__' else '.' + method}{given} on a Tensor is not differentiable; "
                     "use the function of workbench, or x.numpy() for the plain numbers")


def call_function(function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    """A function of NumPy's as ours; plain tensors go as arrays into one that we do not have, others are refused."""
    module, name = function.__module__.partition("numpy.")[2], function.__name__
    if name in _QUESTIONS and not module:
        return _QUESTIONS[name](*args, **kwargs)
    if name in _DIFFERENT and not module:
        return _checked(name, _DIFFERENT[name], args, kwargs)
    row = {"linalg": LINALG, "fft": FFT}.get(module, FUNCTIONS).get(name)
    ours = None if row is None else getattr(_ours(module), row.ours, None)
    if ours is not None:
        return _as_ours(function, ours, row, args, kwargs)
    held = [x for x in _tensors((*args, *kwargs.values())) if type(x) is not Tensor or x.node is not None]
    if held:
        where = "that requires a gradient" if type(held[0]) is Tensor else f"inside {type(held[0]).transformation}"
        raise DTypeError(f"numpy.{name} on a tensor {where} has no derivative here; use functions of workbench, "
                         "or x.detach().numpy() for the plain numbers")
    return function(*map(_plain, args), **{key: _plain(value) for key, value in kwargs.items()})


NAMESPACES: dict[str, Any] = {}
"""Our modules by the last part of NumPy's name for the same, "" for the main one (set when ops are loaded)."""


def _ours(module: str = "") -> Any:
    return NAMESPACES.get(module, NAMESPACES[""])


WRITTEN_IN_C: dict[str, Callable[..., Any]] = {
    "concatenate": lambda arrays, axis=0, out=None, dtype=None, casting="same_kind": None, "inner": lambda a, b: None, "vdot": lambda a, b: None,
    "where": lambda condition, x=None, y=None: None,
    "empty_like": lambda prototype, dtype=None, order="K", subok=True, shape=None, device=None: None,
}
"""Parameters of functions that NumPy before 2.4 cannot tell."""


@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError:
        return inspect.signature(WRITTEN_IN_C[function.__name__])


def _as_ours(function: Callable[..., Any], ours: Callable[..., Any], row: Row, args: tuple, kwargs: dict[str, Any]) -> Any:
    signature = _signature(function)
    given = signature.bind(*args, **kwargs).arguments
    given = {name: value for name, value in given.items() if not _is_default(value, signature.parameters[name])}
    names = list(signature.parameters)[:row.positional]
    positional = [given.pop(name) for name in names if name in given]
    named = {row.renamed.get(name, name): value for name, value in given.items()}
    if row.ours in ("var", "std"):
        named.setdefault("correction", 0)
    return _checked(function.__name__, ours, tuple(positional), named)


def _checked(name: str, ours: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    """The call, with an argument that ours does not have as one of our errors."""
    try:
        return ours(*args, **kwargs)
    except WorkbenchError:
        raise
    except TypeError as error:
        raise DTypeError(f"numpy.{name} on a tensor: {error}; use the function of workbench, "
                         "or x.numpy() for the plain numbers") from None


def _is_default(value: Any, parameter: inspect.Parameter) -> bool:
    default = parameter.default
    return value is default or (isinstance(default, str | int) and type(value) is type(default) and value == default)


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.numpy()
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


# Functions whose meaning needs more than another name -------------------------------------------------------------------
def _transpose(a: Any, axes: Any = None) -> Any:
    return a.T if axes is None else _ours().permute(a, axes)


def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if sparse:
        raise DTypeError("numpy.meshgrid on a tensor: workbench has no sparse grids; write x[:, None] and y[None, :] instead")
    return _ours().meshgrid(*xi, indexing=indexing)


def _dot(a: Any, b: Any) -> Any:
    if not np.ndim(a) or not np.ndim(b):
        return _ours().mul(a, b)
    return _ours().tensordot(*map(_tensor, (a, b)), ((-1,), (-2 if np.ndim(b) > 1 else -1,)))


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else as_tensor(value)


def _sort(a: Any, axis: int | None = -1, *, stable: bool | None = None) -> Any:
    return _ours().sort(a.ravel(), -1).values if axis is None else _ours().sort(a, axis).values


def _scan(name: str) -> Callable[..., Any]:
    def scan(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
        return getattr(_ours(), name)(a.ravel() if axis is None else a, 0 if axis is None else axis, dtype=dtype)

    return scan


_DIFFERENT: dict[str, Callable[..., Any]] = {
    "transpose": _transpose, "matrix_transpose": lambda x: x.mT, "meshgrid": _meshgrid, "einsum": lambda *args: _ours().einsum(*args), "dot": _dot, "sort": _sort,
    "cumsum": _scan("cumsum"), "cumprod": _scan("cumprod"),
}

"""Which functions are methods and operators of Tensor, and the ones that exist only as methods."""
from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from ..backend import dtypes
from ..core import mutate
from ..core.op import REGISTRY
from ..core.tensor import Tensor
from . import (
    accumulate,
    attention,
    complex_parts,
    composite,
    contract,
    convert,
    create,
    diagonals,
    distance,
    draws,
    dynamic,
    elementwise,
    fused,
    index,
    joining,
    layout,
    matrices,
    movement,
    order,
    pooling,
    products,
    quantiles,
    random,
    ranges,
    reduce,
    scan,
    scatter,
    shaping,
    spatial,
    spectral,
    statistics,
    window,
    writing,
)

_FAMILIES = (elementwise, complex_parts, movement, convert, reduce, index, contract, diagonals, matrices, products, accumulate, scan, composite,
             order, quantiles, scatter, writing, dynamic, shaping, joining, statistics)
"""Their functions are methods too; those of the other files are called by name."""
_CALLED_BY_NAME = (create, ranges, draws, layout, random, spectral, window, pooling, spatial, distance, fused, attention)
_METHODS_OF_OTHERS = ("softmax", "log_softmax", "tril", "triu", "bernoulli", "multinomial")
_NOT_METHODS = {"concat", "cat", "concatenate", "stack", "einsum", "where", "real", "imag", "zeta", "stop_gradient", "one_hot",
                "block_diag", "chain_matmul", "complex", "polar", "view_as_real", "view_as_complex", "searchsorted", "bucketize", "rsub", "isin", "polygamma",
                "hstack", "vstack", "row_stack", "dstack", "column_stack", "meshgrid", "cartesian_prod", "combinations", "atleast_1d",
                "atleast_2d", "atleast_3d", "broadcast_shapes", "broadcast_tensors", "histogramdd",
                "trapezoid", "trapz", "cumulative_trapezoid", "gradient", "var_mean", "std_mean"}
_OPERATORS = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "mod": "remainder",
              "floordiv": "floor_divide", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
              "xor": "bitwise_xor", "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift"}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_IN_PLACE = ("add", "sub", "mul", "div", "pow", "remainder", "floor_divide", "exp", "log", "sqrt", "tanh", "sigmoid", "relu",
             "abs", "neg", "round", "clip", "reciprocal", "masked_fill", "bitwise_and", "bitwise_or", "bitwise_xor",
             "bitwise_left_shift", "bitwise_right_shift", "matmul", *elementwise.__all__, "sgn", "lerp", "addcmul", "addcdiv", "ldexp",
             "clamp", "clamp_min", "clamp_max", "nan_to_num", "renorm", "subtract", "divide", "true_divide", "mvlgamma", "igamma",
             "igammac", "conj_physical", "cumsum", "cumprod", "scatter", "scatter_add", "scatter_reduce", "index_add", "index_copy", "index_fill",
             "index_put", "index_reduce", "masked_scatter", "put", "tril", "triu", "float_power", "addmm", "addbmm", "addmv", "addr", "baddbmm")


def _operator(function: Callable, *names: str) -> Callable:
    """A copy of `function` that says it takes its arguments by position only, as the array API standard has it for operators."""
    method = types.FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    method.__dict__.update(function.__dict__)
    method.__doc__, method.__kwdefaults__ = function.__doc__, function.__kwdefaults__
    only = inspect.Parameter.POSITIONAL_ONLY
    method.__signature__ = inspect.Signature([inspect.Parameter(name, only) for name in ("self", *names)])
    return method


def _reflected(function: Callable) -> Callable:
    def reflected(self: Tensor, other: Any, /) -> Any:
        return function(other, self)

    return reflected


def _in_place_operator(function: Callable, name: str) -> Callable:
    def method(self: Tensor, other: Any, /) -> Tensor:
        return mutate.apply(function, self, other)

    method.__name__ = name
    return method


def _in_place(function: Callable, name: str) -> Callable:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return mutate.apply(function, self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"`{function.__name__}` written into this tensor; see `workbench.{function.__name__}`."
    return method


def _conversion(dtype: Any) -> Callable:
    def method(self: Tensor) -> Tensor:
        return convert.to(self, dtype=dtype)

    method.__doc__ = f"The same numbers as {dtype}."
    return method


def copy_(self: Tensor, source: Any) -> Tensor:
    """Replace the numbers of this tensor by those of `source` (broadcast, converted)."""
    source = source if isinstance(source, Tensor) else Tensor(dtypes.np.asarray(source))
    return mutate.write(self, convert.to(source, dtype=self.dtype, device=self.device), "copy_")


def fill_(self: Tensor, value: Any) -> Tensor:
    """Set every element to `value`."""
    return mutate.write(self, value, "fill_")


def zero_(self: Tensor) -> Tensor:
    """Set every element to zero."""
    return mutate.write(self, 0, "zero_")


def _cuda(self: Tensor, index: int | None = None, non_blocking: bool = False) -> Tensor:
    """The same numbers on a CUDA device."""
    return convert.to(self, device="cuda" if index is None else f"cuda:{index}")


def _cpu(self: Tensor) -> Tensor:
    """The same numbers in main memory."""
    return convert.to(self, device="cpu")


def _flipped(self: Tensor) -> Tensor:
    """All axes in reverse order; for a matrix its transpose."""
    return movement._permute(self, axes=tuple(range(len(self.shape)))[::-1])


def public_functions() -> dict[str, Callable]:
    """Every function that users call, by name: what the files of `workbench.ops` list in ``__all__``."""
    return {name: getattr(family, name) for family in (*_FAMILIES, *_CALLED_BY_NAME) for name in family.__all__}


def bind() -> None:
    """Give Tensor its operators and methods."""
    functions = public_functions()
    methods = {name for family in _FAMILIES for name in family.__all__} - _NOT_METHODS
    for name in (*sorted(methods), *_METHODS_OF_OTHERS):
        setattr(Tensor, name, functions[name])
    Tensor.to, Tensor.view, Tensor.unfold = convert.to, movement.reshape, shaping.sliding
    for magic, name in _OPERATORS.items():
        setattr(Tensor, f"__{magic}__", _operator(REGISTRY[name].call, "other"))
        setattr(Tensor, f"__r{magic}__", _reflected(REGISTRY[name].call))
        setattr(Tensor, f"__i{magic}__", _in_place_operator(REGISTRY[name].call, f"__i{magic}__"))
    for name in _COMPARISONS:
        setattr(Tensor, f"__{name}__", _operator(functions[name], "other"))
    for name in _IN_PLACE:
        setattr(Tensor, f"{name}_", _in_place(functions[name], f"{name}_"))
    for name, dtype in {**dtypes.ALIASES, "bfloat16": "bfloat16"}.items():
        setattr(Tensor, name, _conversion(dtype))
    for question in layout.PROPERTIES:
        setattr(Tensor, question.__name__, property(question))
    for method in (*layout.METHODS, *draws.IN_PLACE):
        setattr(Tensor, method.__name__, method)
    Tensor.__neg__, Tensor.__abs__, Tensor.__invert__ = functions["neg"], functions["abs"], functions["bitwise_not"]
    Tensor.__pos__ = lambda self: self
    Tensor.__getitem__ = _operator(index.index, "key")
    Tensor.__setitem__ = _operator(mutate.assign, "key", "value")
    Tensor.T, Tensor.mT = property(_flipped), property(contract.mT)
    Tensor.mH = Tensor.H = property(matrices.adjoint)
    Tensor.real, Tensor.imag = property(complex_parts.real), property(complex_parts.imag)
    Tensor.astype = Tensor.type = convert.to
    Tensor.copy_, Tensor.fill_, Tensor.zero_, Tensor.cuda, Tensor.cpu = copy_, fill_, zero_, _cuda, _cpu
    Tensor.where = lambda self, condition, other: index.where(condition, self, other)
    Tensor.polygamma = lambda self, n: composite.polygamma(n, self)
    mutate.REGISTRY_FUNCTIONS["index_put"] = index.index_put

"""Which functions are methods and operators of Tensor, and the ones that exist only as methods."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import dtypes
from ..core import mutate
from ..core.tensor import Tensor
from . import contract, create, elementwise, fused, index, linalg, movement, random, reduce, window

_FAMILIES = (elementwise, movement, reduce, index, contract, linalg)
_METHOD_MODULES = {"workbench.ops", *(family.__name__ for family in _FAMILIES)}
_NOT_METHODS = {"concat", "cat", "concatenate", "stack", "einsum", "where", "share", "transfer"}
_ALIASES = {"absolute": "abs", "multiply": "mul", "subtract": "sub", "divide": "div", "true_divide": "div", "negative": "neg",
            "view": "reshape", "clamp": "clip", "arccos": "acos", "arcsin": "asin", "arctan": "atan", "not_equal": "ne",
            "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "mod": "remainder"}
_OPERATORS = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "mod": "remainder",
              "floordiv": "floor_divide", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
              "xor": "bitwise_xor", "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift"}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_IN_PLACE = ("add", "sub", "mul", "div", "pow", "remainder", "floor_divide", "exp", "log", "sqrt", "tanh", "sigmoid", "relu",
             "abs", "neg", "round", "clip", "reciprocal", "masked_fill", "bitwise_and", "bitwise_or", "bitwise_xor",
             "bitwise_left_shift", "bitwise_right_shift", "matmul")


def clip(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """`x` limited to the interval from `min` to `max`; either may be None.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.tensor([-2.0, 0.5, 3.0]).clip(0, 1).tolist()
    [0.0, 0.5, 1.0]
    """
    inside = None
    out = x
    if min is not None:
        inside = elementwise.ge(x, min)
        out = index.where(inside, out, min)
    if max is not None:
        below = elementwise.le(x, max)
        out = index.where(below, out, max)
    return out


clamp = clip


def round(x: Tensor, decimals: int = 0) -> Tensor:
    """The nearest number with `decimals` places, halves to even; no gradient flows.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.round(wb.tensor([0.5, 1.5])).tolist()
    [0.0, 2.0]
    """
    return elementwise.rint(x) if not decimals else elementwise.rint(x * 10.0**decimals) / 10.0**decimals


def _reflected(function: Callable) -> Callable:
    def reflected(self: Tensor, other: Any) -> Any:
        return function(other, self)

    return reflected


def _in_place(function: Callable, name: str) -> Callable:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return mutate.apply(function, self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"`{function.__name__}` written into this tensor; see `workbench.{function.__name__}`."
    return method


def _conversion(dtype: Any) -> Callable:
    def method(self: Tensor) -> Tensor:
        return movement.to(self, dtype=dtype)

    method.__doc__ = f"The same numbers as {dtype}."
    return method


def copy_(self: Tensor, source: Any) -> Tensor:
    """Replace the numbers of this tensor by those of `source` (broadcast, converted)."""
    source = source if isinstance(source, Tensor) else Tensor(dtypes.np.asarray(source))
    return mutate.write(self, movement.to(source, dtype=self.dtype, device=self.device), "copy_")


def fill_(self: Tensor, value: Any) -> Tensor:
    """Set every element to `value`."""
    return mutate.write(self, value, "fill_")


def zero_(self: Tensor) -> Tensor:
    """Set every element to zero."""
    return mutate.write(self, 0, "zero_")


def _cuda(self: Tensor, index: int | None = None) -> Tensor:
    """The same numbers on a CUDA device."""
    return movement.to(self, device="cuda" if index is None else f"cuda:{index}")


def _cpu(self: Tensor) -> Tensor:
    """The same numbers in main memory."""
    return movement.to(self, device="cpu")


def _flipped(self: Tensor) -> Tensor:
    """All axes in reverse order; for a matrix its transpose."""
    return movement._permute(self, axes=tuple(range(len(self.shape)))[::-1])


def public_functions() -> dict[str, Callable]:
    """Every function of the op families that users call, by name."""
    found: dict[str, Callable] = {}
    for family in (*_FAMILIES, create):
        for name, value in vars(family).items():
            made_here = getattr(value, "__module__", None) in (family.__name__, "workbench.ops")
            if callable(value) and made_here and not name.startswith("_") and not isinstance(value, type):
                found[name] = value
    for family in (random, window, fused):
        found.update({name: getattr(family, name) for name in family.__all__})
    for name in _INTERNAL:
        found.pop(name, None)
    found.update(clip=clip, clamp=clip, round=round)
    found.update({alias: found[name] for alias, name in _ALIASES.items() if alias != "view"})
    return found


_INTERNAL = ("axes_of", "resolve_shape", "narrow_raw", "kept_shape", "spread", "count", "cast_like", "where_finite", "detached",
             "safe_root", "triangle", "mT", "scatter_add_raw", "index", "zero_of", "where_", "cast", "real", "inexact",
             "real_inexact", "special", "through", "elementwise", "pow_dx", "pow_dy", "xlogy_dx", "gelu_tanh_dx", "mish_dx", "i1_over_x",
             "rule_namespace", "op", "gather_along", "scatter_along", "put_at", "place_at", "index_at", "place_basic", "getitem",
             "pad_constant", "flip_axis", "roll_axis", "copy_of", "diagonal_last", "place_diagonal", "share", "to", "transfer")


def bind() -> None:
    """Give Tensor its operators and methods."""
    functions = public_functions()
    for name, function in functions.items():
        own = function.__module__ in _METHOD_MODULES or name in ("softmax", "log_softmax", "clip", "clamp", "round")
        if own and name not in _NOT_METHODS and not hasattr(Tensor, name):
            setattr(Tensor, name, function)
    for name in ("max", "min", "to", "view"):
        setattr(Tensor, name, getattr(index if name in ("max", "min") else movement, "reshape" if name == "view" else name))
    for magic, name in _OPERATORS.items():
        setattr(Tensor, f"__{magic}__", functions[name])
        setattr(Tensor, f"__r{magic}__", _reflected(functions[name]))
        setattr(Tensor, f"__i{magic}__", _in_place(functions[name], f"__i{magic}__"))
    for name in _COMPARISONS:
        setattr(Tensor, f"__{name}__", functions[name])
    for name in _IN_PLACE:
        setattr(Tensor, f"{name}_", _in_place(functions[name], f"{name}_"))
    for name, dtype in {"float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "int": dtypes.int32,
                        "long": dtypes.int64, "bool": dtypes.bool_}.items():
        setattr(Tensor, name, _conversion(dtype))
    Tensor.__neg__, Tensor.__abs__, Tensor.__invert__ = functions["neg"], functions["abs"], functions["bitwise_not"]
    Tensor.__pos__ = lambda self: self
    Tensor.__getitem__ = index.index
    Tensor.__setitem__ = mutate.assign
    Tensor.T, Tensor.mT = property(_flipped), property(contract.mT)
    Tensor.astype = Tensor.type = movement.to
    Tensor.copy_, Tensor.fill_, Tensor.zero_, Tensor.cuda, Tensor.cpu = copy_, fill_, zero_, _cuda, _cpu
    Tensor.where = lambda self, condition, other: index.where(condition, self, other)
    mutate.REGISTRY_FUNCTIONS["index_put"] = index.index_put

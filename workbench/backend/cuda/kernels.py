"""Kernels that CuPy compiles when they are first called, and what is computed with them: one launch instead of several."""
from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..expression import Step
from .source import TYPES, prelude, supports, write


@functools.lru_cache(4096)
def kernel(operands: tuple[str, ...], steps: tuple[Step, ...], stores: tuple[int, ...], label: str) -> Callable[..., Any]:
    """``kernel(*inputs)``, or with outputs behind the inputs: the values `stores` of `steps` on arrays of the dtypes `operands`.

    Arrays broadcast; where the dtype of an input is given, Python numbers are taken too.
    """
    source = write(operands, steps, stores, label)
    cupy = importlib.import_module("cupy")
    return cupy.ElementwiseKernel(source.inputs, source.outputs, source.body, source.name, preamble=prelude())


def composed(function: Callable[..., Any], expression: str, label: str) -> Callable[..., Any]:
    """`function` of CuPy arrays as the kernel of its C expression; other dtypes, such as complex ones, stay with `function`."""
    def computed(*args: Any, **options: Any) -> Any:
        dtype = None if options else _common(args)
        if dtype is None or not supports(expression, dtype):
            return function(*args, **options)
        return _of_one_dtype(expression, dtype, len(args), label)(*args)

    return computed


@functools.cache
def _of_one_dtype(expression: str, dtype: str, arity: int, label: str) -> Callable[..., Any]:
    return kernel((dtype,) * arity, (Step(expression, tuple(range(arity)), dtype),), (arity,), label)


def _common(args: tuple) -> str | None:
    """The dtype of all arrays among the arguments, if they have one that kernels know and hold the numbers beside them."""
    dtypes = {arg.dtype for arg in args if hasattr(arg, "dtype")}
    if len(dtypes) != 1:
        return None
    dtype = dtypes.pop()
    numbers = [arg for arg in args if not hasattr(arg, "dtype")]
    return dtype.name if dtype.name in TYPES and all(_holds(dtype, number) for number in numbers) else None


def _holds(dtype: np.dtype, number: Any) -> bool:
    """Does a Python number beside an array of `dtype` become one of its numbers?"""
    if dtype.kind == "f" or isinstance(number, bool):
        return isinstance(number, (bool, int, float))
    return isinstance(number, int) and dtype.kind in "iu" and np.iinfo(dtype).min <= number <= np.iinfo(dtype).max


def in_place(arrays: int, steps: tuple[Step, ...], stores: tuple[tuple[int, int], ...], dtype: str) -> Callable[..., None]:
    """A function of arrays of one dtype that overwrites some of them: ``stores`` says which value goes to which."""
    compute = kernel((dtype,) * arrays, steps, tuple(value for value, _ in stores), "formulas")
    columns = [column for _, column in stores]

    def run(*given: Any) -> None:
        compute(*given, *(given[column] for column in columns))

    return run

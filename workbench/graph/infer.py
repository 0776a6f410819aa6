"""The shape and dtype of what an op returns, without the numbers.

The ladder: a rule in the op's declaration (``shape``), the rule of its family (element-wise: broadcast the shapes, and
ask the op itself for the dtype with arrays of one element), else the forward function on arrays that take no memory.
Each answer is remembered by op, shapes, dtypes and parameters.
"""
from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import dtypes
from ..core import batching, tree
from ..core.errors import WorkbenchError
from ..core.op import Op, explain
from ..core.tensor import Tensor
from .ir import Literal, Operand, array_kind

Spec = tuple[tuple[int, ...], np.dtype]


def infer(op: Op, inputs: Sequence[Operand], params: dict[str, Any]) -> tuple[list[Spec], tree.Structure | None]:
    """(shape, dtype) of every output; for a fused op the outputs go on with its residuals, whose structure comes second."""
    key = tuple(v.value if isinstance(v, Literal) else (v.shape, v.dtype) for v in inputs)
    kinds = tuple(type(v.value) if isinstance(v, Literal) else None for v in inputs)
    if op.shape is not None:
        return _infer(op, key, kinds, params)
    try:
        frozen = tuple(params.items())
        hash((key, frozen))
    except TypeError:
        return _infer(op, key, kinds, params)
    return _remembered(op, key, kinds, frozen)


@functools.lru_cache(maxsize=20_000)
def _remembered(op: Op, key: tuple, kinds: tuple, params: tuple) -> tuple[list[Spec], tree.Structure | None]:
    return _infer(op, key, kinds, dict(params))


def _infer(op: Op, key: tuple, kinds: tuple, params: dict[str, Any]) -> tuple[list[Spec], tree.Structure | None]:
    if op.shape is not None:
        found = op.shape(*(value if kind is None else Literal(value) for value, kind in zip(key, kinds, strict=True)), **params)
        return (list(found) if op.several else [found]), None
    if rung(op) == "broadcast":
        return [_broadcast(op, key, kinds, params)], None
    return _by_running(op, key, kinds, params)


def rung(op: Op) -> str:
    """Which step of the ladder gives the shape of `op`: "rule", "broadcast" or "run"."""
    if op.shape is not None:
        return "rule"
    return "broadcast" if op.batch is batching.elementwise and op.reference is None and not op.several else "run"


def _broadcast(op: Op, key: tuple, kinds: tuple, params: dict[str, Any]) -> Spec:
    shapes = [value[0] for value, kind in zip(key, kinds, strict=True) if kind is None]
    values = [value if kind is not None else np.ones((1,) * bool(value[0]), value[1]) for value, kind in zip(key, kinds, strict=True)]
    try:
        shape = np.broadcast_shapes(*shapes)
        with np.errstate(all="ignore"):
            sample = _function(op, values)(*map(dtypes.marked, values), **params)
    except (ValueError, TypeError, OverflowError) as error:
        raise explain(op, _blank(key, kinds), params, error) from None
    return shape, sample.dtype


def _by_running(op: Op, key: tuple, kinds: tuple, params: dict[str, Any]) -> tuple[list[Spec], tree.Structure | None]:
    error: Exception | None = None
    for example in (_ones, _identity):
        values = [value if kind is not None else example(*value) for value, kind in zip(key, kinds, strict=True)]
        try:
            with np.errstate(all="ignore"):
                result = _function(op, values)(*map(dtypes.marked, values), **params)
            break
        except Exception as caught:  # a matrix of ones has no inverse: the identity has
            error = error or caught
    else:
        raise error if isinstance(error, WorkbenchError) else explain(op, _blank(key, kinds), params, error) from None
    structure = None
    if op.reference is not None:
        result, residual = result
        leaves, structure = tree.flatten(residual)
    outputs = list(result) if op.several else [result]
    return [(np.shape(o), getattr(o, "dtype", None)) for o in (outputs if structure is None else [*outputs, *leaves])], structure


def _function(op: Op, values: Sequence[Any]) -> Any:
    return op.table[array_kind(getattr(v, "dtype", None) for v in values)]


def _blank(key: tuple, kinds: tuple) -> tuple:
    """Tensors of these shapes, for an error message."""
    return tuple(value if kind is not None else Tensor(_ones(*value)) for value, kind in zip(key, kinds, strict=True))


def _ones(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Ones (integers: zeros, which index anything) that take no memory."""
    return np.broadcast_to(np.zeros((), dtype) if dtype.kind in "iub" else np.ones((), dtype), shape)


def _identity(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if len(shape) < 2 or dtype.kind in "iub":
        return _ones(shape, dtype)
    return np.broadcast_to(np.eye(shape[-2], shape[-1], dtype=dtype), shape)

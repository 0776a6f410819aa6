"""Forward mode: `jvp` pushes a tangent through a function alongside its value."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..backend import dtypes
from . import tree
from .boxes import Dual
from .errors import ArgumentError, DTypeError, ShapeError
from .op import REGISTRY
from .reverse import split_aux
from .state import transformation
from .tensor import Tensor, as_tensor, ensure_together


def jvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple:
    """The value of `function` at `primals` and its derivative in the direction `tangents`.

    Parameters
    ----------
    function : callable
        Returns a tensor or a tree of tensors (with `has_aux`: a pair of that and anything).
    primals, tangents : sequence of trees
        Positional arguments and directions of the same structure and shapes.

    Returns
    -------
    output, tangent[, aux]

    Raises
    ------
    ArgumentError, ShapeError, DTypeError
        If primals and tangents differ in structure, shape or dtype, or a primal has a dtype without derivative.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.jvp(wb.sin, (wb.tensor(0.0),), (wb.tensor(3.0),))
    (tensor(0.), tensor(3.))
    """
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise ArgumentError("jvp: primals and tangents must be tuples or lists, one entry per argument of the function")
    leaves, structure = tree.flatten(tuple(primals))
    directions = tree.flatten_like(structure, tuple(tangents))
    pairs = [tangent_of(p, t) for p, t in zip(leaves, directions, strict=True)]
    with transformation() as level:
        result = function(*structure.unflatten([Dual(p, t, level) for p, t in pairs]))
    result, aux = split_aux(result, "jvp") if has_aux else (result, None)
    outputs, out_structure = tree.flatten(result)
    values = [_primal(out, level) for out in outputs]
    pushed = [_tangent(out, value, level) for out, value in zip(outputs, values, strict=True)]
    out = out_structure.unflatten(values), out_structure.unflatten(pushed)
    return (*out, tree.map(lambda leaf: _primal(leaf, level), aux)) if has_aux else out


def tangent_of(p: Any, t: Any) -> tuple[Tensor, Tensor]:
    """A primal and its tangent, which must fit it; a tangent that is no tensor takes the primal's dtype."""
    primal = as_tensor(p)
    if not dtypes.is_inexact(primal.dtype):
        raise DTypeError(f"jvp: an input of dtype {primal.dtype} has no derivative; convert it to a floating dtype, "
                         "or let the function close over it")
    tangent = t if isinstance(t, Tensor) else as_tensor(t, dtype=primal.dtype, device=primal.device)
    ensure_together("jvp", tangent, "tangent", primal)
    if primal.shape != tangent.shape:
        raise ShapeError(f"jvp: a tangent of shape {tangent.shape} for a primal of shape {primal.shape}")
    if primal.dtype != tangent.dtype:
        raise DTypeError(f"jvp: a tangent of dtype {tangent.dtype} for a primal of dtype {primal.dtype}; they must be equal")
    return primal, tangent


def _primal(out: Any, level: int) -> Any:
    if not isinstance(out, Tensor):
        return out
    return out.data if out.level == level else out


def _tangent(out: Any, value: Any, level: int) -> Any:
    if isinstance(out, Dual) and out.level == level:
        return out.tangent
    return REGISTRY["zeros_like"].call(as_tensor(value))

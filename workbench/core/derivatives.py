"""Whole derivatives from vjp, jvp and vmap: Jacobians, Hessians and products with them."""
from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import tree
from .forward import jvp
from .op import REGISTRY
from .reverse import _argnums, grad, vjp
from .tensor import Tensor, as_tensor
from .vectorize import vmap


def _basis(leaves: list[Tensor]) -> list[Tensor]:
    """For every leaf the unit vectors of all leaves together, along a new first axis."""
    total = sum(leaf.size for leaf in leaves)
    out, start = [], 0
    for leaf in leaves:
        rows = np.zeros((total, leaf.size), leaf.dtype)
        rows[start:start + leaf.size] = np.eye(leaf.size, dtype=leaf.dtype)
        start += leaf.size
        out.append(as_tensor(rows.reshape(total, *leaf.shape), device=leaf.device if type(leaf) is Tensor else None))
    return out


def _split(rows: Any, leaves: list[Tensor], axis: int) -> list[Any]:
    """Cut the basis axis of `rows` into one part per leaf and give each part that leaf's shape."""
    parts, start = [], 0
    for leaf in leaves:
        index = (slice(None),) * axis + (slice(start, start + leaf.size),)
        part = rows[index]
        parts.append(REGISTRY["reshape"].call(part, shape=(*rows.shape[:axis], *leaf.shape, *rows.shape[axis + 1:])))
        start += leaf.size
    return parts


def jacrev(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The Jacobian by reverse mode: one row per output. Best when there are fewer outputs than inputs.

    Returns a tree like the output, whose leaves are trees like the input; each leaf has the shape of the output
    followed by that of the input.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.jacrev(lambda x: x ** 2)(wb.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    @functools.wraps(function)
    def wrapped(*args: Any) -> Any:
        chosen, parts, pack = _select(function, args, argnums)
        output, pullback = vjp(chosen, *parts)
        outputs, structure = tree.flatten(output)
        rows = vmap(lambda *unit: pullback(structure.unflatten(unit)))(*_basis(outputs))
        flat, in_structure = tree.flatten(rows)
        by_input = [_split(block, outputs, 0) for block in flat]
        return structure.unflatten([pack(in_structure.unflatten([block[i] for block in by_input]))
                                    for i in range(len(outputs))])

    return wrapped


def jacfwd(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The Jacobian by forward mode: one column per input. Best when there are fewer inputs than outputs.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.jacfwd(lambda x: wb.stack([x, x * x]))(wb.tensor(3.0))
    tensor([1., 6.])
    """
    @functools.wraps(function)
    def wrapped(*args: Any) -> Any:
        chosen, parts, pack = _select(function, args, argnums)
        inputs, in_structure = tree.flatten(parts)
        inputs = [as_tensor(leaf) for leaf in inputs]
        parts = in_structure.unflatten(inputs)
        columns = vmap(lambda *unit: jvp(chosen, parts, in_structure.unflatten(unit))[1])(*_basis(inputs))
        flat, structure = tree.flatten(columns)
        blocks = [pack(in_structure.unflatten([_to_back(part, leaf) for part, leaf in
                                               zip(_split(column, inputs, 0), inputs, strict=True)])) for column in flat]
        return structure.unflatten(blocks)

    return wrapped


def _to_back(part: Any, leaf: Tensor) -> Any:
    """Move the axes of the input behind those of the output."""
    count = leaf.ndim
    order = (*range(count, part.ndim), *range(count))
    return REGISTRY["permute"].call(part, axes=order)


def _select(function: Callable, args: tuple, argnums: int | Sequence[int]) -> tuple[Callable, tuple, Callable]:
    numbers = _argnums(argnums, len(args))

    def chosen(*parts: Any) -> Any:
        full = list(args)
        for number, part in zip(numbers, parts, strict=True):
            full[number] = part
        return function(*full)

    pack = (lambda parts: parts[0]) if isinstance(argnums, int) else (lambda parts: parts)
    return chosen, tuple(args[number] for number in numbers), pack


jacobian = jacrev


def hessian(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """All second derivatives of a scalar function, forward over reverse.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.hessian(lambda x: (x ** 3).sum())(wb.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(function, argnums), argnums)


def hvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a scalar function times a vector, without the Hessian.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.hvp(lambda x: (x ** 3).sum(), (wb.tensor([1.0, 2.0]),), (wb.tensor([1.0, 1.0]),))
    tensor([ 6., 12.])
    """
    numbers = tuple(range(len(primals)))
    product = jvp(grad(function, numbers), primals, tangents)[1]
    return product[0] if len(primals) == 1 else product

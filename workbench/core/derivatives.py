"""Whole derivatives from vjp, jvp and vmap: Jacobians, Hessians and products with them; linear maps and their transposes."""
from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import arrays, dtypes
from . import tree
from .errors import ArgumentError, DTypeError
from .forward import jvp, tangent_of
from .op import REGISTRY
from .reverse import _argnums, grad, vjp
from .tensor import Tensor, as_tensor
from .vectorize import vmap


def jacrev(function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False, *,
           chunk_size: int | None = None) -> Callable[..., Any]:
    """The Jacobian by reverse mode: one row per output. Best when there are fewer outputs than inputs.

    Returns a tree like the output, whose leaves are trees like the input; each leaf has the shape of the output
    followed by that of the input.

    Parameters
    ----------
    function : callable
        Takes and returns trees of tensors (with `has_aux`: returns a pair of that and anything).
    argnums : int or sequence of int
        Which positional arguments to differentiate.
    has_aux : bool
        The function returns ``(output, aux)``; the result is then ``(jacobian, aux)``.
    holomorphic : bool
        Inputs and outputs are complex and the function is complex differentiable: the result is ``df/dz``.
    chunk_size : int, optional
        So many rows at once; None computes all together, which is fastest and takes the most memory.

    Raises
    ------
    DTypeError
        If an input is not inexact, or an output is complex (or, with `holomorphic`, is not).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.jacrev(lambda x: x ** 2)(wb.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        chosen, parts, pack = _select(function, args, kwargs, argnums)
        _expect_numbers("jacrev", "an input", parts, holomorphic, real=False)
        output, pullback, *aux = vjp(chosen, *parts, has_aux=has_aux)
        _expect_numbers("jacrev", "an output", output, holomorphic, real=True)
        outputs, structure = tree.flatten(output)
        rows = _over(_basis(outputs), lambda *unit: pullback(structure.unflatten(unit)), chunk_size)
        flat, in_structure = tree.flatten(rows)
        if holomorphic:
            flat = [REGISTRY["conj"].call(block) for block in flat]
        by_input = [_split(block, outputs) for block in flat]
        jacobian = structure.unflatten([pack(in_structure.unflatten([block[i] for block in by_input]))
                                        for i in range(len(outputs))])
        return (jacobian, aux[0]) if has_aux else jacobian

    return wrapped


def jacfwd(function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False, *,
           chunk_size: int | None = None) -> Callable[..., Any]:
    """The Jacobian by forward mode: one column per input. Best when there are fewer inputs than outputs.

    Parameters and result are those of `jacrev`; without `holomorphic` the inputs must be real.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.jacfwd(lambda x: wb.stack([x, x * x]))(wb.tensor(3.0))
    tensor([1., 6.])
    """
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        chosen, parts, pack = _select(function, args, kwargs, argnums)
        _expect_numbers("jacfwd", "an input", parts, holomorphic, real=True)
        inputs, in_structure = tree.flatten(parts)
        inputs = [as_tensor(leaf) for leaf in inputs]
        parts = in_structure.unflatten(inputs)
        aux: list[Any] = []

        def push(*unit: Any) -> Any:
            _, tangent, *rest = jvp(chosen, parts, in_structure.unflatten(unit), has_aux=has_aux)
            aux[:] = rest
            return tangent

        columns = _over(_basis(inputs), push, chunk_size)
        flat, structure = tree.flatten(columns)
        if holomorphic:
            _expect_numbers("jacfwd", "an output", columns, holomorphic, real=False)
        blocks = [pack(in_structure.unflatten([_to_back(part, leaf) for part, leaf in
                                               zip(_split(column, inputs), inputs, strict=True)])) for column in flat]
        return (structure.unflatten(blocks), aux[0]) if has_aux else structure.unflatten(blocks)

    return wrapped


def _expect_numbers(what: str, which: str, values: Any, holomorphic: bool, *, real: bool) -> None:
    """Raise unless all leaves are inexact, and complex where `holomorphic` says so or real where `real` does."""
    for leaf in tree.flatten(values)[0]:
        dtype = as_tensor(leaf).dtype
        if not dtypes.is_inexact(dtype):
            raise DTypeError(f"{what}: {which} has dtype {dtype} and so no derivative; convert it to a floating dtype")
        if holomorphic and dtype.kind != "c":
            raise DTypeError(f"{what}: with holomorphic=True {which} must be complex, got {dtype}")
        if real and not holomorphic and dtype.kind == "c":
            raise DTypeError(f"{what}: {which} is complex ({dtype}); pass holomorphic=True for a complex differentiable function, "
                             "or use vjp or jvp")


def _over(basis: list[Tensor], function: Callable[..., Any], chunk_size: int | None) -> Any:
    """`function` of each unit vector, in chunks."""
    if chunk_size is not None and (not isinstance(chunk_size, int) or chunk_size < 1):
        raise ArgumentError(f"chunk_size={chunk_size!r}; expected a positive integer, or None for all at once")
    count = basis[0].shape[0] if basis else 0
    if chunk_size is None or chunk_size >= count:
        return vmap(function)(*basis)
    chunks = [vmap(function)(*(unit[start:start + chunk_size] for unit in basis)) for start in range(0, count, chunk_size)]
    return tree.map(lambda *parts: REGISTRY["concat"].call(*parts, axis=0), *chunks)


def _basis(leaves: list[Tensor]) -> list[Tensor]:
    """For every leaf the unit vectors of all leaves together, along a new first axis."""
    total = sum(leaf.size for leaf in leaves)
    out, start = [], 0
    for leaf in leaves:
        rows = np.zeros((total, leaf.size), leaf.dtype)
        rows[start:start + leaf.size] = np.eye(leaf.size, dtype=leaf.dtype)
        start += leaf.size
        out.append(as_tensor(rows.reshape(total, *leaf.shape), device=arrays.place_of(leaf)))
    return out


def _split(rows: Any, leaves: list[Tensor]) -> list[Any]:
    """Cut the basis axis, the first of `rows`, into one part per leaf and give each part that leaf's shape."""
    parts, start = [], 0
    for leaf in leaves:
        part = rows[start:start + leaf.size]
        parts.append(REGISTRY["reshape"].call(part, shape=(*leaf.shape, *rows.shape[1:])))
        start += leaf.size
    return parts


def _to_back(part: Any, leaf: Tensor) -> Any:
    """Move the axes of the input behind those of the output."""
    count = leaf.ndim
    order = (*range(count, part.ndim), *range(count))
    return REGISTRY["permute"].call(part, axes=order)


def _select(function: Callable, args: tuple, kwargs: dict[str, Any], argnums: int | Sequence[int]) -> tuple[Callable, tuple, Callable]:
    numbers = _argnums(argnums, len(args))

    def chosen(*parts: Any) -> Any:
        full = list(args)
        for number, part in zip(numbers, parts, strict=True):
            full[number] = part
        return function(*full, **kwargs)

    pack = (lambda parts: parts[0]) if hasattr(argnums, "__index__") else (lambda parts: parts)
    return chosen, tuple(args[number] for number in numbers), pack


jacobian = jacrev


def hessian(function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False, *,
            chunk_size: int | None = None) -> Callable[..., Any]:
    """All second derivatives of a function, forward over reverse; parameters as those of `jacrev`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.hessian(lambda x: (x ** 3).sum())(wb.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(function, argnums, has_aux, holomorphic), argnums, has_aux, holomorphic, chunk_size=chunk_size)


def hvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a scalar function times a vector, without the Hessian: forward over reverse.

    Parameters
    ----------
    function : callable
        Returns a tensor with one element.
    primals, tangents : sequence of trees
        Positional arguments and directions of the same structure and shapes.

    Returns
    -------
    tree or tuple of trees
        Like the argument, or like all of them if there are several.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.hvp(lambda x: (x ** 3).sum(), (wb.tensor([1.0, 2.0]),), (wb.tensor([1.0, 1.0]),))
    tensor([ 6., 12.])
    """
    numbers = tuple(range(len(primals)))
    product = jvp(grad(function, numbers), primals, tangents)[1]
    return product[0] if len(primals) == 1 else product


def vhp(function: Callable[..., Any], primals: Sequence[Any], cotangents: Sequence[Any]) -> Any:
    """A vector times the Hessian of a scalar function, reverse over reverse; arguments as those of `hvp`.

    The Hessian is symmetric, so this is the same product by another road: for functions without a forward rule, and to
    check `hvp` with.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vhp(lambda x: (x ** 3).sum(), (wb.tensor([1.0, 2.0]),), (wb.tensor([1.0, 1.0]),))
    tensor([ 6., 12.])
    """
    numbers = tuple(range(len(primals)))
    product = vjp(grad(function, numbers), *primals)[1](tuple(cotangents))
    return product[0] if len(primals) == 1 else product


def linearize(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple:
    """The value of `function` and its derivative at that place, as a linear function.

    Parameters
    ----------
    function : callable
        Takes the primals; returns a tree of tensors (with `has_aux`: a pair of that and anything).
    *primals : tree of Tensor
        Where to evaluate.

    Returns
    -------
    output, pushforward[, aux]
        ``pushforward(*tangents)`` returns the tangent of the output and raises as `jvp` does. The function itself is not
        run again for it.

    Examples
    --------
    >>> import workbench as wb
    >>> y, push = wb.linearize(wb.sin, wb.tensor(0.0))
    >>> push(wb.tensor(2.0)), push(wb.tensor(3.0))
    (tensor(2.), tensor(3.))
    """
    output, pullback, *aux = vjp(function, *primals, has_aux=has_aux)
    # The pullback is linear in its cotangent, so its own pullback is the forward derivative.
    _, transposed = vjp(pullback, tree.map(lambda out: REGISTRY["zeros_like"].call(out), output))

    leaves, structure = tree.flatten(primals)

    def pushforward(*tangents: Any) -> Any:
        pairs = zip(leaves, tree.flatten_like(structure, tangents), strict=True)
        return transposed(structure.unflatten(tangent_of(primal, tangent)[1] for primal, tangent in pairs))[0]

    return (output, pushforward, *aux)


def linear_transpose(function: Callable[..., Any], *primals: Any) -> Callable[..., tuple]:
    """The transpose of a linear function.

    Parameters
    ----------
    function : callable
        Linear in all its arguments together; that is not checked.
    *primals : tree of Tensor
        Only their shapes and dtypes matter.

    Returns
    -------
    callable
        From a cotangent of the output to a tuple with one cotangent per argument. It is the transpose without
        conjugation, also for complex numbers.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linear_transpose(lambda x: x[1:] - x[:-1], wb.zeros(3))(wb.tensor([1.0, 10.0]))
    (tensor([-1., -9., 10.]),)
    """
    _, pullback = vjp(function, *primals)
    flip = functools.partial(tree.map, lambda leaf: REGISTRY["conj"].call(as_tensor(leaf)))
    return lambda cotangent: flip(pullback(flip(cotangent)))

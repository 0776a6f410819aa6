"""Sums of products: matmul, einsum, and what is spelled with them."""
from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend.arrays import module_of
from ..core import batching
from ..core.declare import op
from ..core.errors import ArgumentError, ShapeError
from ..core.op import BY_UFUNC, Op
from ..core.tensor import Tensor
from .movement import _reshape, axes_of, broadcast_to, expand_dims, permute, transpose
from .reduce import sum, sum_to


def mT(x: Any) -> Any:
    """`x` with its last two axes exchanged."""
    return x.swapaxes(-2, -1) if type(x) is np.ndarray else transpose(x, -2, -1)


def _matmul_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    x, y = values
    if mapped[0] and not mapped[1] and len(y.shape) == 2 and len(x.shape) > 1:
        return op.call(x, y)
    x = _as_batch(x, mapped[0], before=True)
    y = _as_batch(y, mapped[1], before=False)
    vector_x, vector_y = len(values[0].shape) - mapped[0] == 1, len(values[1].shape) - mapped[1] == 1
    x, y = batching.align((x, y), mapped)
    out = op.call(x, y)
    squeezed = [n for i, n in enumerate(out.shape) if not (vector_x and i == len(out.shape) - 2 or vector_y and i == len(out.shape) - 1)]
    return _reshape(out, shape=tuple(squeezed))


def _as_batch(x: Any, mapped: bool, *, before: bool) -> Any:
    """A vector example as a one-row (or one-column) matrix, as matmul itself treats vectors."""
    if len(x.shape) - mapped == 1:
        return expand_dims(x, -2 if before else -1)
    return x


@op(arity=2, batch=_matmul_batch)
class matmul:
    """The matrix product, batched over leading axes; vectors are rows on the left and columns on the right.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.matmul(wb.ones(2, 3), wb.ones(3)).tolist()
    [3.0, 3.0]
    """

    def forward(xp, x, y):
        if y.ndim == 2 and x.ndim > 2 and x.shape[-1]:  # one product of all rows instead of one for each matrix
            return xp.matmul(x.reshape(-1, x.shape[-1]), y).reshape(*x.shape[:-1], y.shape[-1])
        return xp.matmul(x, y)

    def _x(g, y, xs):
        if len(y.shape) == 1:
            return expand_dims(g, -1) * y if len(xs) > 1 else g * y
        if len(xs) == 1:
            return sum_to(matmul(expand_dims(g, -2), mT(y)), shape=(1,) * (len(y.shape) - 2) + (1, *xs))[(0,) * (len(y.shape) - 1)]
        return matmul(g, mT(y))

    def _y(g, x, ys):
        if len(x.shape) == 1:
            return expand_dims(x, -1) * expand_dims(g, -2) if len(ys) > 1 else g * x
        if len(ys) == 1:
            return sum(x * expand_dims(g, -1), axis=tuple(range(len(x.shape) - 1)))
        if len(ys) == 2 and len(x.shape) > 2 and 0 not in (x.shape[-1], ys[-1]):
            x, g = (_reshape(value, shape=(-1, value.shape[-1])) for value in (x, g))
        return matmul(mT(x), g)

    vjp = (_x, _y)
    linear = (0, 1)


BY_UFUNC["matmul"] = matmul


def ranked(what: str, **given: tuple[Tensor, int]) -> None:
    """Refuse tensors with another number of axes: ``ranked("mm", x=(x, 2))``."""
    for name, (x, rank) in given.items():
        if len(x.shape) != rank:
            kind = {1: "a vector", 2: "a matrix", 3: "a batch of matrices"}[rank]
            raise ShapeError(f"{what}: {name} must be {kind}, got a tensor of shape {tuple(x.shape)}")


def dot(x: Tensor, y: Tensor) -> Tensor:
    """The sum of products of two vectors.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.dot(wb.tensor([1.0, 2.0]), wb.tensor([3.0, 4.0])).item()
    11.0
    """
    ranked("dot", x=(x, 1), y=(y, 1))
    return matmul(x, y)


def mm(x: Tensor, y: Tensor) -> Tensor:
    """The product of two matrices.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.mm(wb.ones(2, 3), wb.ones(3, 1)).tolist()
    [[3.0], [3.0]]
    """
    ranked("mm", x=(x, 2), y=(y, 2))
    return matmul(x, y)


def bmm(x: Tensor, y: Tensor) -> Tensor:
    """The products of two batches of as many matrices.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.bmm(wb.ones(4, 2, 3), wb.ones(4, 3, 1)).shape
    (4, 2, 1)
    """
    ranked("bmm", x=(x, 3), y=(y, 3))
    if x.shape[0] != y.shape[0]:
        raise ShapeError(f"bmm: batches of {x.shape[0]} and {y.shape[0]} matrices; they must be as many")
    return matmul(x, y)


def outer(x: Tensor, y: Tensor) -> Tensor:
    """All products of an element of vector `x` with one of vector `y`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.outer(wb.tensor([1, 2]), wb.tensor([3, 4])).tolist()
    [[3, 4], [6, 8]]
    """
    ranked("outer", x=(x, 1), y=(y, 1))
    return expand_dims(x, -1) * y


def _einsum_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    inputs, output = params["equation"].split("->")
    letter = next(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in params["equation"])
    terms = [letter + term if m else term for term, m in zip(inputs.split(","), mapped, strict=True)]
    return op.call(*values, equation=f"{','.join(terms)}->{letter}{output}")


@op(arity=None, batch=_einsum_batch)
class einsum:
    """Einstein summation in canonical form: explicit output, no ellipsis, no letter twice in one term."""

    def forward(xp, *xs, equation):
        if any(module_of(type(x)) is not xp for x in xs):  # CuPy's takes arrays of NumPy
            raise TypeError("arrays of several devices")
        return xp.einsum(equation, *xs, optimize=len(xs) > 1)

    def joint(g, needs, *xs, equation):
        inputs, output = equation.split("->")
        terms = inputs.split(",")
        return [_einsum_vjp(g, i, terms, output, xs) if need else None for i, need in enumerate(needs)]


_einsum = einsum


def _einsum_vjp(g: Any, position: int, terms: list[str], output: str, xs: Sequence[Any]) -> Any:
    """The other operands times the cotangent; letters summed away within one operand are broadcast back."""
    others = [(term, x) for i, (term, x) in enumerate(zip(terms, xs, strict=True)) if i != position]
    known = set(output).union(*(term for term, _ in others))
    target = terms[position]
    reached = "".join(letter for letter in target if letter in known)
    equation = f"{','.join([output, *(term for term, _ in others)])}->{reached}"
    back = _einsum(g, *(x for _, x in others), equation=equation)
    shape = xs[position].shape
    wide = _reshape(back, shape=tuple(n if letter in known else 1 for letter, n in zip(target, shape, strict=True)))
    return broadcast_to(wide, shape) if wide.shape != shape else wide


def einsum(equation: str | Tensor, *tensors: Any) -> Tensor:
    """Sums of products named by letters, as in NumPy: ``einsum("ij,jk->ik", a, b)``, or by numbers: ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.einsum("ij->ji", wb.zeros(2, 3)).shape
    (3, 2)
    """
    if not isinstance(equation, str):
        equation, tensors = _lettered((equation, *tensors))
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    equation = equation.replace(" ", "")
    terms = equation.split("->")[0].split(",")
    if len(terms) != len(tensors):
        raise ArgumentError(f"einsum: {equation!r} names {len(terms)} operands, but {len(tensors)} tensors were given")
    terms, output = _explicit(equation, [len(t.shape) for t in tensors])
    operands = []
    for position, tensor in enumerate(tensors):
        terms[position], tensor = _diagonals(terms[position], tensor)
        operands.append(tensor)
    _check_lengths(terms, operands, equation)
    return _einsum(*operands, equation=f"{','.join(terms)}->{output}")


def _lettered(args: tuple) -> tuple[str, tuple]:
    """The equation and the tensors of a call that names axes by lists of numbers."""
    lists = [*args[1::2], *(args[-1:] if len(args) % 2 else ())]
    if not all(isinstance(axes, (list, tuple)) and all(axis is Ellipsis or 0 <= axis < len(string.ascii_letters) for axis in axes) for axes in lists):
        raise ArgumentError("einsum: expected an equation such as 'ij,jk->ik', or tensors each with a list of numbers from 0 to 51")
    terms = ["".join("..." if axis is Ellipsis else string.ascii_letters[axis] for axis in axes) for axes in lists]
    return ",".join(terms[:len(args) // 2]) + (f"->{terms[-1]}" if len(args) % 2 else ""), args[:len(args) // 2 * 2:2]


def _explicit(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """Terms and output with ellipses as letters and the implicit output spelled out."""
    inputs, arrow, output = equation.partition("->")
    spare = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in equation]
    terms = inputs.split(",")
    widths = [rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True)]
    broad = spare[: max([w for w, term in zip(widths, terms, strict=True) if "..." in term], default=0)][::-1]
    for i, (term, width) in enumerate(zip(terms, widths, strict=True)):
        if "..." in term:
            terms[i] = term.replace("...", "".join(broad[len(broad) - width:]))
        elif width:
            raise ShapeError(f"einsum: term {term!r} of {equation!r} names {len(term)} axes, but its tensor has {ranks[i]}")
    if not arrow:
        letters = sorted(c for c in set("".join(terms)) if c not in broad and "".join(terms).count(c) == 1)
        return terms, "".join(broad) + "".join(letters)
    return terms, output.replace("...", "".join(broad))


def _diagonals(term: str, x: Any) -> tuple[str, Any]:
    """Take diagonals until no letter stands twice in `term`."""
    from .diagonals import diagonal

    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            x = diagonal(x, dim1=first, dim2=second)
            term = term[:first] + term[first + 1:second] + term[second + 1:] + letter
    return term, x


def _check_lengths(terms: list[str], operands: list[Any], equation: str) -> None:
    lengths: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        for letter, n in zip(term, operand.shape, strict=True):
            if lengths.setdefault(letter, n) != n:
                raise ShapeError(f"einsum: letter {letter!r} of {equation!r} is {lengths[letter]} in one operand and {n} in another")


def tensordot(x: Tensor, y: Tensor, dims: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Contract the last `dims` axes of `x` with the first of `y`, or the axes named.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.tensordot(wb.ones(2, 3), wb.ones(3, 4), dims=1).shape
    (2, 4)
    """
    if isinstance(dims, int):
        if not 0 <= dims <= min(len(x.shape), len(y.shape)):
            raise ArgumentError(f"tensordot: dims={dims}, but the tensors have shapes {tuple(x.shape)} and {tuple(y.shape)}")
        left, right = tuple(range(len(x.shape) - dims, len(x.shape))), tuple(range(dims))
    else:
        left, right = axes_of(dims[0], len(x.shape), "tensordot"), axes_of(dims[1], len(y.shape), "tensordot")
    if [x.shape[a] for a in left] != [y.shape[a] for a in right]:
        raise ShapeError(f"tensordot: axes {left} of shape {tuple(x.shape)} and axes {right} of shape {tuple(y.shape)} must have the same lengths")
    keep_x = [a for a in range(len(x.shape)) if a not in left]
    keep_y = [a for a in range(len(y.shape)) if a not in right]
    rows = _reshape(permute(x, *keep_x, *left), shape=(_size(x, keep_x), _size(x, left)))
    columns = _reshape(permute(y, *right, *keep_y), shape=(_size(y, right), _size(y, keep_y)))
    return _reshape(matmul(rows, columns), shape=tuple(x.shape[a] for a in keep_x) + tuple(y.shape[a] for a in keep_y))


def _size(x: Any, axes: Sequence[int]) -> int:
    total = 1
    for a in axes:
        total *= x.shape[a]
    return total


__all__ = ["matmul", "dot", "mm", "bmm", "outer", "einsum", "tensordot"]

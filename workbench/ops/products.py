"""Products of vectors and matrices beyond matmul, all of them formulas in it: sums of products, Kronecker and cross products, chains."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tensor import Tensor
from . import elementwise as ew
from .complex_parts import conj
from .contract import bmm, matmul, outer, ranked, tensordot
from .movement import _reshape, axis_of, expand_dims, flatten, permute, roll, squeeze
from .ranges import arange
from .reduce import sum
from .systems import chain_order


def _scaled(x: Tensor, factor: float) -> Tensor:
    return x if factor == 1 else x * factor


def _plus(x: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """With beta 0 the tensor is ignored, also where it is NaN."""
    return _scaled(product, alpha) if beta == 0 else _scaled(x, beta) + _scaled(product, alpha)


def addmm(x: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * x + alpha * (mat1 @ mat2)``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.addmm(wb.ones(1), wb.ones(1, 2), wb.ones(2, 1)).tolist()
    [[3.0]]
    """
    ranked("addmm", mat1=(mat1, 2), mat2=(mat2, 2))
    return _plus(x, matmul(mat1, mat2), beta, alpha)


def addmv(x: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * x + alpha * (mat @ vec)``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.addmv(wb.zeros(2), wb.ones(2, 3), wb.ones(3)).tolist()
    [3.0, 3.0]
    """
    return _plus(x, mv(mat, vec), beta, alpha)


def addr(x: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * x + alpha * outer(vec1, vec2)``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.addr(wb.zeros(1, 2), wb.ones(1), wb.tensor([2.0, 3.0])).tolist()
    [[2.0, 3.0]]
    """
    ranked("addr", vec1=(vec1, 1), vec2=(vec2, 1))
    return _plus(x, outer(vec1, vec2), beta, alpha)


def baddbmm(x: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * x + alpha * (batch1 @ batch2)``, matrix by matrix.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.baddbmm(wb.zeros(2, 1, 1), wb.ones(2, 1, 3), wb.ones(2, 3, 1)).tolist()
    [[[3.0]], [[3.0]]]
    """
    return _plus(x, bmm(batch1, batch2), beta, alpha)


def addbmm(x: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * x + alpha * sum(batch1 @ batch2)``, the sum of the products of a batch.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.addbmm(wb.zeros(1, 1), wb.ones(2, 1, 3), wb.ones(2, 3, 1)).tolist()
    [[6.0]]
    """
    ranked("addbmm", batch1=(batch1, 3), batch2=(batch2, 3))
    if batch1.shape[0] != batch2.shape[0] or batch1.shape[2] != batch2.shape[1]:
        raise ShapeError(f"addbmm: batches of shape {tuple(batch1.shape)} and {tuple(batch2.shape)}; expected (b, n, m) and (b, m, p)")
    rows = _reshape(permute(batch1, 1, 0, 2), shape=(batch1.shape[1], batch1.shape[0] * batch1.shape[2]))
    return _plus(x, matmul(rows, flatten(batch2, 0, 1)), beta, alpha)


def mv(x: Tensor, vec: Tensor) -> Tensor:
    """A matrix times a vector.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.mv(wb.ones(2, 3), wb.ones(3)).tolist()
    [3.0, 3.0]
    """
    ranked("mv", x=(x, 2), vec=(vec, 1))
    return matmul(x, vec)


def vdot(x: Tensor, y: Tensor) -> Tensor:
    """The inner product of two vectors, the first one conjugated.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vdot(wb.tensor([1j]), wb.tensor([1j])).item()
    (1+0j)
    """
    ranked("vdot", x=(x, 1), y=(y, 1))
    return matmul(_conj(x), y)


def _conj(x: Tensor) -> Tensor:
    return conj(x) if x.dtype.kind == "c" else x


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, axis: int | None = None) -> Tensor:
    """The inner products of vectors along `dim` (also spelled `axis`), the first conjugated; all other axes broadcast.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.vecdot(wb.ones(2, 3), wb.ones(3)).tolist()
    [3.0, 3.0]
    """
    return sum(_conj(x) * y, axis=dim if axis is None else axis)


def inner(x: Tensor, y: Tensor) -> Tensor:
    """Sums of products over the last axis of both.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.inner(wb.ones(2, 3), wb.ones(4, 3)).shape
    (2, 4)
    """
    if not x.shape or not y.shape:
        return x * y
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"inner: the last axes of shapes {tuple(x.shape)} and {tuple(y.shape)} must be as long")
    return tensordot(x, y, dims=((-1,), (-1,)))


def kron(x: Tensor, y: Tensor) -> Tensor:
    """The Kronecker product: every element of `x` times all of `y`, as blocks.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.kron(wb.tensor([1, 10]), wb.tensor([1, 2])).tolist()
    [1, 2, 10, 20]
    """
    width = max(len(x.shape), len(y.shape))
    left = (1,) * (width - len(x.shape)) + tuple(x.shape)
    right = (1,) * (width - len(y.shape)) + tuple(y.shape)
    blocks = _reshape(x, shape=tuple(n for size in left for n in (size, 1))) * _reshape(y, shape=tuple(n for size in right for n in (1, size)))
    return _reshape(blocks, shape=tuple(a * b for a, b in zip(left, right, strict=True)))


def cross(x: Tensor, y: Tensor, dim: int = -1, *, axis: int | None = None) -> Tensor:
    """The vector product of vectors of length 3 along `dim` (also spelled `axis`); all other axes broadcast.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cross(wb.tensor([1.0, 0.0, 0.0]), wb.tensor([0.0, 1.0, 0.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    if len(x.shape) != len(y.shape):
        raise ShapeError(f"cross: both must have as many axes, got shapes {tuple(x.shape)} and {tuple(y.shape)}")
    along = axis_of(dim if axis is None else axis, len(x.shape), "cross")
    if x.shape[along] != 3 or y.shape[along] != 3:
        raise ShapeError(f"cross: axis {along} must have length 3 in both, got shapes {tuple(x.shape)} and {tuple(y.shape)}; name another with dim")
    return roll(x, -1, along) * roll(y, -2, along) - roll(x, -2, along) * roll(y, -1, along)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices in the order that needs the fewest multiplications; the first and last may be vectors.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.multi_dot([wb.ones(2, 3), wb.ones(3, 4), wb.ones(4)]).tolist()
    [12.0, 12.0]
    """
    if len(tensors) < 2:
        raise ArgumentError(f"multi_dot: expected at least two matrices, got {len(tensors)}")
    first, *middle, last = tensors
    for position, x in enumerate(tensors):
        if len(x.shape) != 2 and not (len(x.shape) == 1 and position in (0, len(tensors) - 1)):
            raise ShapeError(f"multi_dot: tensor {position} has shape {tuple(x.shape)}; expected matrices, or vectors at the ends")
        if x.dtype != first.dtype:
            raise DTypeError(f"multi_dot: tensor {position} is of {x.dtype}, the first of {first.dtype}; convert one with .to(dtype)")
    rows = [expand_dims(first, 0) if len(first.shape) == 1 else first, *middle, expand_dims(last, -1) if len(last.shape) == 1 else last]
    for position, (x, y) in enumerate(zip(rows, rows[1:], strict=False)):
        if x.shape[1] != y.shape[0]:
            raise ShapeError(f"multi_dot: tensors {position} and {position + 1} have shapes {tuple(tensors[position].shape)} and "
                             f"{tuple(tensors[position + 1].shape)}, which do not fit together")
    split = chain_order([tuple(x.shape) for x in rows])

    def product(i: int, j: int) -> Tensor:
        return rows[i] if i == j else matmul(product(i, split[i][j]), product(split[i][j] + 1, j))

    out = product(0, len(rows) - 1)
    out = squeeze(out, -1) if len(last.shape) == 1 else out
    return squeeze(out, 0) if len(first.shape) == 1 else out


def chain_matmul(*matrices: Tensor) -> Tensor:
    """`linalg.multi_dot` of matrices given one by one.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.chain_matmul(wb.ones(2, 3), wb.ones(3, 4)).shape
    (2, 4)
    """
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers N - 1 to 0 (`increasing`: 0 to N - 1) of every number, as rows of a matrix.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.vander(wb.tensor([2, 3]), 3).tolist()
    [[4, 2, 1], [9, 3, 1]]
    """
    if not x.shape:
        raise ShapeError("vander: expected a vector or a batch of them, got a single number")
    count = x.shape[-1] if N is None else N
    if count < 0 or (count == 0 and N is not None):
        raise ArgumentError(f"vander: N={N}; expected at least 1 column")
    powers = arange(count, device=x.device) if increasing else arange(count - 1, -1, -1, device=x.device)
    return ew.pow(expand_dims(x, -1), powers)


ger: Any = outer

__all__ = ["addmm", "addmv", "addr", "baddbmm", "addbmm", "mv", "vdot", "inner", "kron", "cross", "chain_matmul", "vander", "ger"]

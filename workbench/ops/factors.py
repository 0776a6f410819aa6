"""Public functions that factor matrices into triangles and orthonormal columns: Cholesky, QR, LU, reflections.

Part of `linalg`, which lists them; apart from it to keep both files short.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor, as_tensor
from . import decompose, systems
from .contract import matmul, mT
from .create import tril, triu, zeros_like
from .matrix_checks import fitting, matrices, numbers, same_dtype
from .movement import _reshape, expand_dims, narrow_raw
from .systems import identity, mH


class QR(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


class LU(NamedTuple):
    """What `lu` returns."""

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactors(NamedTuple):
    """What `lu_factor` returns."""

    LU: Tensor
    pivots: Tensor


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with ``A = L @ L.mH`` of a positive-definite matrix, or with `upper` the U with ``A = U.mH @ U``.

    Raises
    ------
    ArgumentError
        If a matrix is not positive-definite; the message says which.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.cholesky(wb.tensor([[4.0, 2.0], [2.0, 5.0]])).tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    A = matrices(A, "cholesky", square=True)
    return mH(decompose.cholesky(mH(A))) if upper else decompose.cholesky(A)


def qr(A: Tensor, mode: str = "reduced") -> QR:
    """Orthonormal columns Q and an upper triangle R with ``A = Q @ R``.

    Parameters
    ----------
    A : Tensor (..., m, n)
    mode : {"reduced", "complete", "r"}
        Q of m by min(m, n), a square Q, or R alone (Q is then empty).

    Raises
    ------
    GraphError
        When the derivative of a complete Q of a high matrix is asked for.

    Examples
    --------
    >>> import workbench as wb
    >>> Q, R = wb.linalg.qr(wb.tensor([[3.0], [4.0]]))
    >>> (Q @ R).round(4).tolist()
    [[3.0], [4.0]]
    """
    A = matrices(A, "qr")
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"qr: mode={mode!r}; expected 'reduced', 'complete' or 'r'")
    parts: Any = decompose.qr(A, complete=mode == "complete")
    return QR(_reshape(parts[0], shape=(-1,))[:0] if mode == "r" else parts[0], parts[1])


def lu_factor(A: Tensor, *, pivot: bool = True) -> LUFactors:
    """Both triangles of ``A = P @ L @ U`` in one matrix, and the row that was exchanged with each, counted from 1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.lu_factor(wb.tensor([[1.0, 2.0], [2.0, 2.0]])).pivots.tolist()
    [2, 2]
    """
    if not pivot:
        raise ArgumentError("lu_factor: pivot=False is not offered, as elimination without exchanging rows is not stable; leave it True")
    return LUFactors(*decompose.lu_factor(matrices(A, "lu_factor")))


def lu(A: Tensor, *, pivot: bool = True) -> LU:
    """A permutation P, a lower triangle L with ones on its diagonal and an upper triangle U, with ``A = P @ L @ U``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.lu(wb.tensor([[1.0, 2.0], [2.0, 2.0]])).U.tolist()
    [[2.0, 2.0], [0.0, 1.0]]
    """
    if not pivot:
        raise ArgumentError("lu: pivot=False is not offered, as elimination without exchanging rows is not stable; leave it True")
    factors: Any = decompose.lu_factor(matrices(A, "lu"))
    compact, pivots = factors
    rows, columns = A.shape[-2:]
    count = min(rows, columns)
    lower = tril(narrow_raw(compact, -1, 0, count), -1) + identity(rows, compact, count)
    upper = triu(narrow_raw(compact, -2, 0, count))
    return LU(decompose.permutation(pivots, rows=rows, dtype=compact.dtype), lower, upper)


def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """`solve` with a matrix that `lu_factor` has taken apart; with `adjoint`, with its conjugate transpose.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.lu_solve(*wb.linalg.lu_factor(wb.tensor([[0.0, 2.0], [1.0, 0.0]])), wb.tensor([[2.0], [3.0]])).tolist()
    [[3.0], [1.0]]
    """
    LU, B = matrices(LU, "lu_solve", square=True), matrices(B, "lu_solve")
    if not left:
        return mH(lu_solve(LU, pivots, mH(B), adjoint=not adjoint))
    fitting(LU, B, "lu_solve")
    exchange = decompose.permutation(as_tensor(pivots), rows=LU.shape[-1], dtype=LU.dtype)
    solved = systems.triangular_solve
    if adjoint:
        return matmul(exchange, solved(mH(LU), solved(mH(LU), B, upper=False, unitriangular=False), upper=True, unitriangular=True))
    return solved(LU, solved(LU, matmul(mT(exchange), B), upper=False, unitriangular=True), upper=True, unitriangular=False)


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of the product of the reflections ``I - tau[i] * v @ v.mH``, v being column i of `A` below its unit diagonal.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.householder_product(wb.zeros(3, 2), wb.zeros(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """
    A, tau = matrices(A, "householder_product"), numbers(tau, "householder_product")
    rows, columns = A.shape[-2:]
    if rows < columns:
        raise ShapeError(f"householder_product: A must have at least as many rows as columns, got shape {tuple(A.shape)}")
    if len(tau.shape) != len(A.shape) - 1 or tau.shape[-1] > columns:
        raise ShapeError(f"householder_product: tau needs the leading axes of A and at most {columns} numbers, got shapes {tuple(A.shape)} and {tuple(tau.shape)}")
    same_dtype(A, tau, "householder_product")
    vectors = tril(A, -1) + identity(rows, A, columns)
    out = zeros_like(A) + identity(rows, A, columns)
    for i in reversed(range(tau.shape[-1])):
        v = narrow_raw(vectors, -1, i, i + 1)
        out = out - expand_dims(narrow_raw(tau, -1, i, i + 1), -1) * matmul(v, matmul(mH(v), out))
    return out


__all__ = ["cholesky", "qr", "lu_factor", "lu", "lu_solve", "householder_product"]

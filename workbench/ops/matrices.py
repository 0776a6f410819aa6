"""The functions on matrices that PyTorch has at its top level too, mostly under older names; see `linalg` for the rest."""
from __future__ import annotations

from ..core.errors import ShapeError
from ..core.tensor import Tensor
from . import elementwise as ew
from . import linalg
from .create import zeros_like
from .index import where
from .systems import identity, mH, triangular_solve

det, slogdet, matrix_power, matrix_exp = linalg.det, linalg.slogdet, linalg.matrix_power, linalg.matrix_exp
inverse = linalg.inv


def adjoint(x: Tensor) -> Tensor:
    """The conjugate transpose of matrices; also ``x.mH``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.adjoint(wb.tensor([[1 + 2j, 3j]])).tolist()
    [[(1-2j)], [-3j]]
    """
    if len(x.shape) < 2:
        raise ShapeError(f"adjoint: expected a matrix or a batch of them, got a tensor of shape {tuple(x.shape)}")
    return mH(x)


def logdet(A: Tensor) -> Tensor:
    """The logarithm of the determinant: NaN where that is negative, -inf where it is zero.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.logdet(wb.eye(2)).item()
    0.0
    """
    sign, size = slogdet(A)
    return size + ew.log(sign) if sign.dtype.kind == "c" else where(ew.lt(sign, 0), float("nan"), size)


def cholesky(x: Tensor, upper: bool = False) -> Tensor:
    """`linalg.cholesky`; of a positive-definite matrix the triangle whose square it is.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cholesky(wb.tensor([[4.0]])).tolist()
    [[2.0]]
    """
    return linalg.cholesky(x, upper=upper)


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The X with ``A @ X = B`` for the matrix A whose Cholesky triangle is `L` (an upper one with `upper`).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cholesky_solve(wb.tensor([[8.0]]), wb.tensor([[2.0]])).tolist()
    [[2.0]]
    """
    B, L = linalg.matrices(B, "cholesky_solve"), linalg.matrices(L, "cholesky_solve", square=True)
    linalg.fitting(L, B, "cholesky_solve")
    low, high = (mH(L), L) if upper else (L, mH(L))
    half = triangular_solve(low, B, upper=False, unitriangular=False)
    return triangular_solve(high, half, upper=True, unitriangular=False)


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky triangle is `L`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cholesky_inverse(wb.tensor([[2.0]])).tolist()
    [[0.25]]
    """
    L = linalg.matrices(L, "cholesky_inverse", square=True)
    return cholesky_solve(zeros_like(L) + identity(L.shape[-1], L), L, upper)


def pinverse(x: Tensor, rcond: float = 1e-15) -> Tensor:
    """`linalg.pinv` in which singular values up to ``rcond * largest`` count as zero.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.pinverse(wb.tensor([[2.0], [0.0]])).tolist()
    [[0.5, 0.0]]
    """
    return linalg.pinv(x, rtol=rcond)


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`linalg.lu_solve` with the right-hand sides first.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.lu_solve(wb.tensor([[4.0]]), *wb.linalg.lu_factor(wb.tensor([[2.0]]))).tolist()
    [[2.0]]
    """
    return linalg.lu_solve(LU_data, LU_pivots, b)


__all__ = ["adjoint", "det", "slogdet", "logdet", "matrix_power", "matrix_exp", "inverse", "cholesky", "cholesky_solve", "cholesky_inverse", "pinverse", "lu_solve"]

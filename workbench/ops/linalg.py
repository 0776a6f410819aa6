"""Linear algebra with the names, arguments and defaults of ``torch.linalg``; this module is ``workbench.linalg``.

Matrices are the last two axes, everything in front is a batch. Here arguments are checked and brought to the form that
the declared ops of `systems` and `decompose` take. Functions of `factors`, `norms` and `products` are listed here too.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tensor import Tensor, as_tensor
from . import decompose, systems
from . import elementwise as ew
from .contract import matmul, mT
from .create import tril, zeros_like
from .diagonals import diagonal as _diagonal
from .factors import cholesky, householder_product, lu, lu_factor, lu_solve, qr
from .matrix_checks import fitting, matrices, numbers
from .movement import _reshape, expand_dims, narrow_raw, permute
from .norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from .products import cross, multi_dot, vecdot
from .products import vander as _vander
from .reduce import sum
from .systems import identity, mH


class SVD(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class Eigen(NamedTuple):
    """What `eig` and `eigh` return."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SignAndLog(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor


class LeastSquares(NamedTuple):
    """What `lstsq` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def _hermitian(x: Tensor, uplo: str = "L") -> Tensor:
    """The Hermitian matrix whose lower (or upper) triangle is that of `x`, for ops that read the lower one."""
    return x if uplo == "L" else mH(x)


# Systems -------------------------------------------------------------------------------------------------------------------
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X for which ``A @ X = B``, or with ``left=False`` ``X @ A = B``.

    Parameters
    ----------
    A : Tensor (..., n, n)
    B : Tensor (..., n, k) or (..., n)
        A vector, or a batch of vectors with the leading axes of `A`, is solved for as a column.
    left : bool
        On which side of X the matrix stands.

    Returns
    -------
    Tensor
        Of the shape of `B`, leading axes broadcast.

    Raises
    ------
    ShapeError, DTypeError
        If the shapes do not fit or the dtypes differ.
    ArgumentError
        If a matrix is singular; the message says which.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.solve(wb.tensor([[2.0, 0.0], [0.0, 4.0]]), wb.tensor([2.0, 8.0])).tolist()
    [1.0, 2.0]
    """
    A, B = matrices(A, "solve", square=True), numbers(B, "solve")
    vector = len(B.shape) == 1 or (len(A.shape) - 1 == len(B.shape) and tuple(B.shape) == tuple(A.shape[:-1]))
    if vector:
        return _reshape_vector(solve(A, expand_dims(B, -1)) if left else solve(mT(A), expand_dims(B, -1)))
    if not left:
        return mT(solve(mT(A), mT(B)))
    fitting(A, B, "solve")
    return systems.solve(A, B)


def _reshape_vector(x: Tensor) -> Tensor:
    return _reshape(x, shape=tuple(x.shape[:-1]))


def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """`solve` for a triangular matrix.

    Parameters
    ----------
    A : Tensor (..., n, n)
    B : Tensor (..., n, k)
    upper : bool
        Which triangle of `A` is read.
    left : bool
        On which side of X the matrix stands.
    unitriangular : bool
        Take the diagonal of `A` as ones, whatever it holds.

    Raises
    ------
    ShapeError, DTypeError
        If the shapes do not fit or the dtypes differ.
    ArgumentError
        If there is a zero on the diagonal.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.solve_triangular(wb.tensor([[2.0, 7.0], [1.0, 1.0]]), wb.tensor([[2.0], [3.0]]), upper=False).tolist()
    [[1.0], [2.0]]
    """
    A, B = matrices(A, "solve_triangular", square=True), matrices(B, "solve_triangular")
    if not left:
        return mT(solve_triangular(mT(A), mT(B), upper=not upper, unitriangular=unitriangular))
    fitting(A, B, "solve_triangular")
    return systems.triangular_solve(A, B, upper=bool(upper), unitriangular=bool(unitriangular))


def inv(A: Tensor) -> Tensor:
    """The inverse of square matrices. To solve a system, `solve` is faster and more accurate.

    Raises
    ------
    ShapeError
        If the matrices are not square.
    ArgumentError
        If a matrix is singular; the message says which.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.inv(wb.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return systems.inv(matrices(A, "inv", square=True))


def pinv(A: Tensor, *, atol: float | None = None, rtol: float | None = None, hermitian: bool = False) -> Tensor:
    """The Moore-Penrose pseudo-inverse.

    Parameters
    ----------
    A : Tensor (..., m, n)
    atol, rtol : float, optional
        Singular values up to ``max(atol, rtol * largest)`` count as zero; by default rtol is ``max(m, n) * eps``, or 0
        when `atol` is given.
    hermitian : bool
        Read the lower triangle only.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.pinv(wb.tensor([[2.0], [0.0]])).tolist()
    [[0.5, 0.0]]
    """
    A = matrices(A, "pinv", square=hermitian)
    if hermitian:
        A = tril(A) + mH(tril(A, -1))
    return systems.pinv(A, **systems.tolerance(A, atol, rtol))


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> LeastSquares:
    """The X that makes ``|A @ X - B|`` smallest, and among several the smallest X.

    Parameters
    ----------
    A : Tensor (..., m, n)
    B : Tensor (..., m, k) or (..., m)
    rcond : float, optional
        Singular values up to ``rcond * largest`` count as zero; ``max(m, n) * eps`` by default.
    driver : {"gelsy", "gels", "gelsd", "gelss"}, optional
        For compatibility; all take the same road, by singular values.

    Returns
    -------
    solution, residuals, rank, singular_values
        Residuals (sums of squares) are empty unless m > n and the columns are independent.

    Examples
    --------
    >>> import workbench as wb
    >>> A = wb.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    >>> wb.linalg.lstsq(A, wb.tensor([[1.0], [2.0], [5.0]])).residuals.tolist()
    [25.0]
    """
    A, B = matrices(A, "lstsq"), numbers(B, "lstsq")
    if driver not in (None, "gelsy", "gels", "gelsd", "gelss"):
        raise ArgumentError(f"lstsq: driver={driver!r}; expected 'gelsy', 'gels', 'gelsd' or 'gelss'")
    if len(B.shape) == 0 or len(B.shape) not in (len(A.shape), len(A.shape) - 1):
        raise ShapeError(f"lstsq: B must have as many axes as A or one less, got shapes {tuple(A.shape)} and {tuple(B.shape)}")
    if len(B.shape) == len(A.shape) - 1:
        out = lstsq(A, expand_dims(B, -1), rcond)
        return out._replace(solution=_reshape_vector(out.solution))
    fitting(A, B, "lstsq")
    size = decompose.svdvals(A)
    limit = systems.tolerance(A, None, rcond)["rtol"]
    rank = sum(ew.gt(size, limit * narrow_raw(size, -1, 0, 1)), axis=-1)
    solution = matmul(systems.pinv(A, atol=0.0, rtol=limit), B)
    residuals = zeros_like(_reshape(size, shape=(-1,))[:0])
    if A.shape[-2] > A.shape[-1] and (type(rank) is not Tensor or bool((rank.data == A.shape[-1]).all())):
        residuals = sum(ew.square(ew.abs(matmul(A, solution) - B)), axis=-2)
    return LeastSquares(solution, residuals, rank, size)


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of `A` under `tensordot`: its first `ind` axes are the rows, the others the columns.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.tensorinv(wb.eye(6).reshape(6, 2, 3), ind=1).shape
    (2, 3, 6)
    """
    A = numbers(A, "tensorinv")
    if ind <= 0:
        raise ArgumentError(f"tensorinv: ind={ind}; expected a positive number of axes")
    rows, columns = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if math.prod(rows) != math.prod(columns):
        raise ShapeError(f"tensorinv: the first {ind} axes of shape {tuple(A.shape)} hold {math.prod(rows)} elements, the others {math.prod(columns)}; "
                         "they must be as many")
    return _reshape(inv(_reshape(A, shape=(math.prod(rows), -1))), shape=(*columns, *rows))


def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """The X with ``tensordot(A, X, X.ndim) = B``; the axes `dims` of `A` are moved to its end first.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.tensorsolve(wb.eye(6).reshape(2, 3, 6), wb.ones(2, 3)).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    A, B = numbers(A, "tensorsolve"), numbers(B, "tensorsolve")
    if dims is not None:
        last = [d % len(A.shape) for d in dims]
        A = permute(A, *(a for a in range(len(A.shape)) if a not in last), *last)
    shape = tuple(A.shape[len(B.shape):])
    if math.prod(shape) != B.size:
        raise ShapeError(f"tensorsolve: shapes {tuple(A.shape)} and {tuple(B.shape)} do not fit together: the last axes of A hold {math.prod(shape)} "
                         f"elements, B {B.size}")
    return _reshape(solve(_reshape(A, shape=(B.size, -1)), _reshape(B, shape=(-1,))), shape=shape)


# Determinants and functions of matrices ------------------------------------------------------------------------------------
def det(A: Tensor) -> Tensor:
    """The determinant of square matrices; its derivative is right for singular ones too.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.det(wb.tensor([[2.0, 1.0], [0.0, 3.0]])).item()
    6.0
    """
    return systems.det(matrices(A, "det", square=True))


def slogdet(A: Tensor) -> SignAndLog:
    """Sign (or phase) and logarithm of the size of the determinant, which cannot overflow.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.slogdet(wb.eye(300) * 10.0).logabsdet.item() > 690
    True
    """
    return SignAndLog(*systems.slogdet(matrices(A, "slogdet", square=True)))


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices, ``I + A + A @ A / 2 + ...``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.matrix_exp(wb.zeros(2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return systems.matrix_exp(matrices(A, "matrix_exp", square=True))


def matrix_power(A: Tensor, n: int) -> Tensor:
    """The product of `n` times the same square matrix; negative powers are those of the inverse.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.matrix_power(wb.tensor([[1.0, 1.0], [0.0, 1.0]]), 5).tolist()
    [[1.0, 5.0], [0.0, 1.0]]
    """
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool):
        raise DTypeError(f"matrix_power: n={n!r}; expected an integer")
    A = as_tensor(A)
    if len(A.shape) < 2 or A.shape[-1] != A.shape[-2]:
        raise ShapeError(f"matrix_power: expected square matrices, got a tensor of shape {tuple(A.shape)}")
    if n < 0:
        return matrix_power(inv(A), -n)
    result, square = None, A
    while n:
        if n & 1:
            result = square if result is None else matmul(result, square)
        n >>= 1
        if n:
            square = matmul(square, square)
    return zeros_like(A) + identity(A.shape[-1], A) if result is None else result


# Decompositions --------------------------------------------------------------------------------------------------------------
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> SVD:
    """Singular values S from the largest down, with vectors U (columns) and Vh (rows): ``A = U @ diag(S) @ Vh``.

    Parameters
    ----------
    A : Tensor (..., m, n)
    full_matrices : bool
        Square U and Vh; with False only the min(m, n) vectors that belong to a singular value. Derivatives of U and Vh
        need False unless m = n.
    driver : str, optional
        For compatibility; has no effect.

    Notes
    -----
    Vectors are determined up to a common sign or phase: differentiate only functions that do not depend on it. Equal
    singular values make derivatives of the vectors infinite; those of S are always right.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.svd(wb.tensor([[0.0, 2.0], [1.0, 0.0]])).S.tolist()
    [2.0, 1.0]
    """
    return SVD(*decompose.svd(matrices(A, "svd"), full_matrices=bool(full_matrices)))


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, from the largest down; faster than `svd`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.svdvals(wb.tensor([[0.0, 2.0], [1.0, 0.0]])).tolist()
    [2.0, 1.0]
    """
    return decompose.svdvals(matrices(A, "svdvals"))


def _triangle_named(UPLO: str, what: str) -> str:
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise ArgumentError(f"{what}: UPLO={UPLO!r}; expected 'L' or 'U'")
    return UPLO.upper()


def eigh(A: Tensor, UPLO: str = "L") -> Eigen:
    """Eigenvalues (ascending) and eigenvectors (columns) of a symmetric or Hermitian matrix.

    Parameters
    ----------
    A : Tensor (..., n, n)
    UPLO : {"L", "U"}
        Which triangle is read; the other one is taken to mirror it.

    Notes
    -----
    As with `svd`, differentiate only functions that do not depend on the sign or phase of the vectors.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.eigh(wb.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues.tolist()
    [1.0, 2.0]
    """
    return Eigen(*decompose.eigh(_hermitian(matrices(A, "eigh", square=True), _triangle_named(UPLO, "eigh"))))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of a symmetric or Hermitian matrix, ascending; faster than `eigh`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.eigvalsh(wb.tensor([[2.0, 0.0], [0.0, 1.0]])).tolist()
    [1.0, 2.0]
    """
    return decompose.eigvalsh(_hermitian(matrices(A, "eigvalsh", square=True), _triangle_named(UPLO, "eigvalsh")))


def eig(A: Tensor) -> Eigen:
    """Eigenvalues and eigenvectors (columns of length 1) of a square matrix; always complex.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.eig(wb.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues.abs().tolist()
    [1.0, 1.0]
    """
    return Eigen(*decompose.eig(matrices(A, "eig", square=True)))


def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues of a square matrix; always complex.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.eigvals(wb.eye(2)).tolist()
    [(1+0j), (1+0j)]
    """
    return decompose.eigvals(matrices(A, "eigvals", square=True))


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonal of matrices, as the last axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.diagonal(wb.ones(2, 3, 3)).shape
    (2, 3)
    """
    return _diagonal(A, offset, dim1, dim2)


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """The powers 0 to N - 1 of every number, as rows of a matrix.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.vander(wb.tensor([2, 3])).tolist()
    [[1, 2], [1, 3]]
    """
    return _vander(x, N, increasing=True)


__all__ = ["solve", "solve_triangular", "inv", "pinv", "lstsq", "tensorinv", "tensorsolve", "det", "slogdet", "matrix_exp", "matrix_power",
           "cholesky", "qr", "svd", "svdvals", "eigh", "eigvalsh", "eig", "eigvals", "lu_factor", "lu", "lu_solve", "householder_product",
           "diagonal", "matmul", "cond", "matrix_norm", "matrix_rank", "norm", "vector_norm", "cross", "multi_dot", "vander", "vecdot"]

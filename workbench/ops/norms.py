"""Norms of vectors and matrices, and what is told from them: condition number and rank. All are formulas in other ops.

PyTorch's names and defaults; `axis` and `keepdims` are understood too.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..backend.dtypes import as_dtype, float32
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor, as_tensor
from . import elementwise as ew
from . import reduce
from .create import tril
from .decompose import svdvals
from .index import where
from .matrix_checks import matrices, numbers
from .movement import _cast, expand_dims, moveaxis, narrow_raw
from .reduce import amax, amin, axes_of, half_again, sum
from .systems import identity, inv, mH, slogdet, tolerance

Dim = int | Sequence[int] | None


def _as_dtype(x: Tensor, dtype: Any, what: str) -> Tensor:
    """`x` as numbers that have a norm; those of half precision are computed in float32."""
    x = as_tensor(x) if dtype is None else _cast(x, dtype=as_dtype(dtype))
    return x if x.dtype.kind in "fV" and x.dtype.itemsize == 2 else numbers(x, what)


def vector_norm(x: Tensor, ord: float = 2, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, axis: Dim = None,
                keepdims: bool = False) -> Tensor:
    """``sum(abs(x) ** ord) ** (1 / ord)`` along `dim`, or over all elements.

    Parameters
    ----------
    x : Tensor
    ord : float
        Any number; inf and -inf are the largest and the smallest size, 0 counts what is not zero.
    dim : int or sequence of int, optional
        Also spelled `axis`.
    keepdim : bool
        Keep reduced axes with length one. Also spelled `keepdims`.
    dtype : dtype, optional
        Convert first.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.vector_norm(wb.tensor([3.0, 4.0])).item()
    5.0
    """
    x = _as_dtype(x, dtype, "vector_norm")
    if isinstance(ord, (str, bool)):
        raise ArgumentError(f"vector_norm: ord={ord!r}; expected a number (names of norms are for matrices)")
    dim, keepdim = dim if axis is None else axis, keepdim or keepdims
    axes = axes_of(None if dim == () else dim, len(x.shape), "vector_norm")
    if (ord < 0 or ord == math.inf) and any(x.shape[a] == 0 for a in axes):
        raise ShapeError(f"vector_norm: no elements along {axes} of shape {tuple(x.shape)}, and the norm of order {ord} of nothing does not exist")
    return reduce.norm(x, ord, axes, keepdims=keepdim)


def matrix_norm(A: Tensor, ord: float | str = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False, *, dtype: Any = None,
                axis: Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """A norm of matrices.

    Parameters
    ----------
    A : Tensor (..., m, n)
    ord : {"fro", "nuc", inf, -inf, 1, -1, 2, -2}
        Frobenius; sum of singular values; largest or smallest sum of sizes of a row (inf) or column (1); largest or
        smallest singular value.
    dim : pair of int
        The axes of rows and columns. Also spelled `axis`.
    keepdim : bool
        Keep them with length one. Also spelled `keepdims`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.matrix_norm(wb.tensor([[1.0, -2.0], [3.0, 4.0]]), 1).item()
    6.0
    """
    A = _as_dtype(A, dtype, "matrix_norm")
    given, keepdim = dim if axis is None else axis, keepdim or keepdims
    if A.dtype.itemsize == 2:
        return half_again(matrix_norm(_cast(A, dtype=float32), ord, given, keepdim), A)
    A = matrices(A, "matrix_norm")
    if isinstance(given, int) or len(given) != 2:
        raise ArgumentError(f"matrix_norm: dim={given!r}; expected two axes")
    rows, columns = axes_of(given, len(A.shape), "matrix_norm")
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    out = _matrix_norm(moveaxis(A, (rows, columns), (-2, -1)), ord)
    if keepdim:
        for position in sorted((rows, columns)):
            out = expand_dims(out, position)
    return out


def _matrix_norm(A: Tensor, ord: float | str) -> Tensor:
    if ord == "nuc":
        return sum(svdvals(A), axis=-1)
    if ord in (2, -2):
        return (amax if ord == 2 else amin)(svdvals(A), axis=-1)
    if ord in (1, -1, math.inf, -math.inf):
        sums = sum(ew.abs(A), axis=-2 if abs(ord) == 1 else -1)
        return (amax if ord > 0 else amin)(sums, axis=-1)
    raise ArgumentError(f"matrix_norm: ord={ord!r}; expected 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2")


def norm(A: Tensor, ord: float | str | None = None, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, axis: Dim = None,
         keepdims: bool = False) -> Tensor:
    """`vector_norm` or `matrix_norm`: of matrices if `dim` names two axes and `ord` is given, or `A` is a matrix and `ord` is given.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.norm(wb.tensor([[3.0, 0.0], [0.0, 4.0]])).item(), wb.linalg.norm(wb.tensor([[3.0, 0.0], [0.0, 4.0]]), 2).item()
    (5.0, 4.0)
    """
    A = _as_dtype(A, dtype, "norm")
    dim, keepdim = dim if axis is None else axis, keepdim or keepdims
    if ord is None:
        return vector_norm(A, 2, dim, keepdim)
    count = len(A.shape) if dim is None else 1 if isinstance(dim, int) else len(dim)
    if count == 2:
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim)
    if isinstance(ord, str) or count > 2:
        raise ArgumentError(f"norm: ord={ord!r} is for {'matrices' if isinstance(ord, str) else 'vectors and matrices'}, but {count} axes of shape "
                            f"{tuple(A.shape)} are reduced; name the axes with dim")
    return vector_norm(A, ord, dim, keepdim)


def cond(A: Tensor, p: float | str | None = None) -> Tensor:
    """The condition number: the norm of a matrix times that of its inverse; inf for singular matrices.

    Parameters
    ----------
    A : Tensor (..., m, n)
    p : {None, 2, -2, "fro", "nuc", inf, -inf, 1, -1}
        Which norm; None is 2. Only 2 and -2 take matrices that are not square.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.cond(wb.tensor([[4.0, 0.0], [0.0, 2.0]])).item()
    2.0
    """
    A = matrices(A, "cond", square=p not in (None, 2, -2))
    if p in (None, 2, -2):
        size = svdvals(A)
        large, small = narrow_raw(size, -1, 0, None), narrow_raw(size, -1, -1, None)
        return small / large if p == -2 else large / small
    singular = ew.eq(slogdet(A)[0], 0)
    safe = where(expand_dims(singular, (-2, -1)), identity(A.shape[-1], A), A)
    return where(singular, math.inf, matrix_norm(A, p) * matrix_norm(inv(safe), p))


def matrix_rank(A: Tensor, tol: float | Tensor | None = None, hermitian: bool = False, *, atol: float | Tensor | None = None,
                rtol: float | Tensor | None = None) -> Tensor:
    """How many singular values are above ``max(atol, rtol * largest)``.

    Parameters
    ----------
    A : Tensor (..., m, n)
    tol : float or Tensor, optional
        Another name for `atol`.
    hermitian : bool
        Read the lower triangle only.
    atol, rtol : float or Tensor, optional
        One for all matrices or one for each. By default rtol is ``max(m, n) * eps``, or 0 when `atol` is given.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linalg.matrix_rank(wb.ones(3, 3)).item()
    1
    """
    A = matrices(A, "matrix_rank", square=hermitian)
    if hermitian:
        A = tril(A) + mH(tril(A, -1))
    size = svdvals(A)
    absolute, relative = _limits(A, tol if tol is not None else atol, rtol)
    return sum(ew.gt(size, ew.maximum(relative * narrow_raw(size, -1, 0, 1), absolute)), axis=-1)


def _limits(A: Tensor, atol: float | Tensor | None, rtol: float | Tensor | None) -> tuple[Any, Any]:
    """Both tolerances, each one number or one per matrix."""
    if not isinstance(atol, Tensor) and not isinstance(rtol, Tensor):
        limit = tolerance(A, atol, rtol)
        return limit["atol"], limit["rtol"]
    atol = as_tensor(0.0 if atol is None else atol)
    rtol = where(ew.gt(atol, 0), 0.0, tolerance(A, None, None)["rtol"]) if rtol is None else as_tensor(rtol)
    return expand_dims(atol, -1), expand_dims(rtol, -1)


__all__ = ["vector_norm", "matrix_norm", "norm", "cond", "matrix_rank"]

"""Linear algebra: the extension ``xp.linalg``, four functions of which are in the main namespace too.

Rows for functions of one matrix (or a batch) that ours already satisfy; below them the ones whose arguments differ.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..backend import dtypes
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tensor import Tensor
from ..ops.contract import mT
from .dtypes import astype
from .promotion import as_tensor_like, checked, counted, operands
from .reductions import sum as total

_OF_ONE_MATRIX = {"det": ops.linalg.det, "eigh": ops.linalg.eigh, "eigvalsh": ops.linalg.eigvalsh, "inv": ops.linalg.inv,
                  "slogdet": ops.linalg.slogdet, "svdvals": ops.linalg.svdvals}


def _of_one_matrix(name: str, ours: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Tensor, /) -> Any:
        return ours(checked(name, x, "floating"))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{(ours.__doc__ or '').splitlines()[0]} See `workbench.linalg.{ours.__name__}`."
    return function


globals().update({name: _of_one_matrix(name, ours) for name, ours in _OF_ONE_MATRIX.items()})


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The triangular factor L of ``x = L L^H``, or its conjugate transpose if `upper`."""
    return ops.linalg.cholesky(checked("cholesky", x, "floating"), upper=upper)


def qr(x: Tensor, /, *, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """Orthonormal Q and upper triangular R with ``x = Q R``; a named tuple."""
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"qr: mode={mode!r}; expected 'reduced' or 'complete'")
    return ops.linalg.qr(checked("qr", x, "floating"), mode)


def svd(x: Tensor, /, *, full_matrices: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and Vh with ``x = U diag(S) Vh``; a named tuple."""
    return ops.linalg.svd(checked("svd", x, "floating"), full_matrices)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """`x` times itself, `n` times; of the inverse if `n` is negative."""
    return ops.linalg.matrix_power(checked("matrix_power", x, "floating"), n)


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The solution of ``x1 @ x = x2``; `x2` is a vector only if it has one axis.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.linalg.solve(xp.asarray([[2.0, 0.0], [0.0, 4.0]]), xp.asarray([2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    x1, x2 = operands("solve", x1, x2, "floating")
    if len(x2.shape) == 1:
        return ops.linalg.solve(x1, ops.expand_dims(x2, -1))[..., 0]
    # With as many axes as the matrix, right-hand sides are never taken for a batch of vectors.
    missing = max(len(x1.shape) - len(x2.shape), 0)
    return ops.linalg.solve(x1, ops.reshape(x2, ((1,) * missing + tuple(x2.shape))))


def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """How many singular values are above `rtol` times the largest; by default ``max(m, n) * eps``."""
    values = ops.linalg.svdvals(_matrices("matrix_rank", x))
    return total(astype(_counts(x, values, rtol), dtypes.int64), axis=-1)


def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """The pseudo-inverse; singular values up to `rtol` times the largest count as zero."""
    _matrices("pinv", x)
    if not isinstance(rtol, Tensor):
        return ops.linalg.pinv(x, rtol=rtol)
    u, values, vh = ops.linalg.svd(x, False)
    kept = _counts(x, values, rtol)
    inverse = ops.where(kept, ops.reciprocal(ops.where(kept, values, 1.0)), 0.0)
    columns = ops.conj(mT(vh)) * ops.expand_dims(inverse, -2)
    return ops.matmul(columns, ops.conj(mT(u)))


def _matrices(what: str, x: Tensor) -> Tensor:
    if len(checked(what, x, "floating").shape) < 2:
        raise ShapeError(f"{what}: expected a matrix or a batch of them, got an array of shape {tuple(x.shape)}")
    return x


def _counts(x: Tensor, values: Tensor, rtol: float | Tensor | None) -> Tensor:
    """Which singular values are above the tolerance."""
    if rtol is None:
        rtol = max(x.shape[-2:]) * float(dtypes.finfo(values.dtype).eps)
    if isinstance(rtol, Tensor):
        rtol = ops.expand_dims(as_tensor_like(rtol, values.dtype, values), -1)
    largest = ops.amax(values, axis=-1, keepdims=True) if values.shape[-1] else values
    return ops.gt(values, largest * rtol)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: float | str | None = "fro") -> Tensor:
    """A norm of matrices: ``"fro"``, ``"nuc"``, 1, -1, 2, -2, inf or -inf."""
    return ops.linalg.matrix_norm(checked("matrix_norm", x, "floating"), "fro" if ord is None else ord, keepdim=keepdims)


def vector_norm(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """A norm of the vectors along `axis` (of all elements without one)."""
    x = checked("vector_norm", x, "floating")
    if axis == () and len(x.shape):  # of single elements
        return ops.linalg.vector_norm(ops.expand_dims(x, -1), ord, -1)
    return counted(ops.linalg.vector_norm(x, ord, axis, keepdims))


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The vector product of vectors of length three along `axis`; the other axes broadcast."""
    x1, x2 = operands("cross", x1, x2, "numeric")
    return ops.cross(x1, x2, axis)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals of matrices, as a new last axis."""
    return ops.diagonal(x, offset, -2, -1)


def trace(x: Tensor, /, *, offset: int = 0, dtype: np.dtype | None = None) -> Tensor:
    """The sum of each diagonal, in the dtype that `sum` has."""
    return total(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Every element of one vector times every element of another."""
    x1, x2 = operands("outer", x1, x2, "numeric")
    if len(x1.shape) != 1 or len(x2.shape) != 1:
        raise ShapeError(f"outer: expected two vectors, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}")
    return ops.outer(x1, x2)


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product; batches broadcast."""
    return counted(ops.matmul(*_arrays("matmul", x1, x2)))


def matrix_transpose(x: Tensor, /) -> Tensor:
    """Rows and columns of matrices swapped."""
    if len(x.shape) < 2:
        raise ShapeError(f"matrix_transpose: expected a matrix or a batch of them, got an array of shape {tuple(x.shape)}")
    return mT(x)


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Sums of products over the last `axes` axes of `x1` and the first of `x2`, or over the pairs named."""
    return counted(ops.tensordot(*_arrays("tensordot", x1, x2), axes))


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Inner products of the vectors along `axis`, the first conjugated; the other axes broadcast.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.vecdot(xp.ones((2, 3)), xp.ones(3)).tolist()
    [3.0, 3.0]
    """
    x1, x2 = _arrays("vecdot", x1, x2)
    if not len(x1.shape) or not len(x2.shape) or x1.shape[axis] != x2.shape[axis]:
        raise ShapeError(f"vecdot: axis {axis} of shapes {tuple(x1.shape)} and {tuple(x2.shape)} must be there and as long in both")
    return astype(total(ops.conj(x1) * x2, axis=axis), x1.dtype, copy=False)


def _arrays(what: str, x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    """Two arrays in their common dtype; these functions take no Python numbers."""
    for x in (x1, x2):
        if not isinstance(x, Tensor):
            raise DTypeError(f"{what}: expected two tensors, got {type(x).__name__}; make one with asarray()")
    return operands(what, x1, x2, "numeric")


SHARED = ["matmul", "matrix_transpose", "tensordot", "vecdot"]
"""Those that the main namespace has too."""
__all__ = ["cholesky", "cross", "diagonal", "matrix_norm", "matrix_power", "matrix_rank", "outer", "pinv", "qr", "solve", "svd", "trace",
           "vector_norm", *SHARED, *_OF_ONE_MATRIX]

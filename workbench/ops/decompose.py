"""Declared ops that take a matrix apart: Cholesky, QR, SVD, eigenvalues, LU; all on the last two axes.

Vectors of a decomposition are determined only up to a sign or phase, so derivatives are those of functions that do not
depend on it. The rules are written in PyTorch's convention for complex numbers (conjugate transposes, `mH`).
Validation and public names are in `linalg`.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core import batching
from ..core.declare import op
from ..core.errors import ArgumentError, GraphError
from .complex_parts import conj, real
from .contract import mT
from .create import tril, triu, zeros_like
from .diagonals import diagonal_last
from .movement import concat, expand_dims
from .systems import Spec, checked, identity, mH, plus, real_of, same, solve, triangular_solve


def _spread(x: Any) -> Any:
    """x[j] - x[i] at row i and column j, with ones on the diagonal."""
    return expand_dims(x, -2) - expand_dims(x, -1) + identity(x.shape[-1], x)


def _off(x: Any, like: Any) -> Any:
    """`x` without its diagonal; `like` gives the dtype of the mask."""
    return x * (1 - identity(x.shape[-1], like))


def _on_diagonal(g: Any) -> Any:
    """A diagonal matrix."""
    return expand_dims(g, -2) * identity(g.shape[-1], g)


def _right_solve(x: Any, y: Any, *, upper: bool, unitriangular: bool = False) -> Any:
    """``y @ inverse(x)`` of a triangular `x`."""
    return mT(triangular_solve(mT(x), mT(y), upper=not upper, unitriangular=unitriangular))


def _values(x: Spec) -> Spec:
    """Shape and dtype of singular values, or of eigenvalues of Hermitian matrices."""
    return (*x[0][:-2], min(x[0][-2:])), real_of(x[1])


def _complex(dtype: np.dtype) -> np.dtype:
    return np.result_type(dtype, np.complex64)


# Cholesky and QR ---------------------------------------------------------------------------------------------------------
@op(batch=batching.trailing, holomorphic=False)
class cholesky:
    """The lower triangular o with o @ o' = x, of a positive-definite Hermitian matrix."""

    def forward(xp, x):
        return checked(xp, xp.linalg.cholesky, x, what="cholesky", probe=xp.linalg.cholesky,
                       problem="is not positive-definite; is it symmetric? Add a small multiple of the identity")

    def vjp(g, o):
        inner = tril(mH(o) @ g)
        inner = inner + mH(tril(inner, -1))
        upper = mH(o)
        return _right_solve(o, triangular_solve(upper, inner, upper=True, unitriangular=False), upper=False) * 0.5

    shape = same


@op(batch=batching.trailing, outputs=2)
class qr:
    """Orthonormal columns and an upper triangle, x = q @ r; `complete` gives a square q."""

    def forward(xp, x, *, complete):
        return tuple(xp.linalg.qr(x, mode="complete" if complete else "reduced"))

    def vjp(g, x, o, *, complete):
        rows, columns = x.shape[-2:]
        if complete and rows > columns:
            raise GraphError("qr: mode='complete' of a matrix with more rows than columns has no derivative, as the added columns of Q are "
                             "arbitrary; use mode='reduced'")
        q, r = o
        if rows >= columns:
            return _qr_vjp(g[0], g[1], q, r)
        gq, gr = g
        left = None if gr is None else gr[..., :rows]
        if gr is None:
            return concat([_qr_vjp(gq, left, q, r[..., :rows]), zeros_like(x[..., rows:])], axis=-1)
        rest = gr[..., rows:]
        gq = plus(gq, x[..., rows:] @ mH(rest))
        return concat([_qr_vjp(gq, left, q, r[..., :rows]), q @ rest], axis=-1)

    def shape(x, *, complete):
        (*lead, rows, columns), dtype = x
        inner = rows if complete else min(rows, columns)
        return [((*lead, rows, inner), dtype), ((*lead, inner, columns), dtype)]


def _qr_vjp(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    """Of a matrix that is at least as high as wide (Walter and Lehmann 2018)."""
    inner = plus(None if gr is None else gr @ mH(r), None if gq is None else -(mH(q) @ gq))
    inner = triu(inner)
    inner = inner + mH(inner)
    inner = inner - _on_diagonal(0.5 * diagonal_last(inner, offset=0))
    return _right_solve(mH(r), plus(q @ inner, gq), upper=False)


# Singular values ---------------------------------------------------------------------------------------------------------
@op(batch=batching.trailing, outputs=3)
class svd:
    """Left vectors, singular values from the largest down, and right vectors as rows: x = u @ diag(s) @ vh."""

    def forward(xp, x, *, full_matrices):
        return tuple(checked(xp, lambda a: xp.linalg.svd(a, full_matrices=full_matrices), x, what="svd",
                             probe=lambda a: xp.linalg.svd(a), problem="has no singular values that LAPACK finds; is it finite?"))

    def vjp(g, xs, o, *, full_matrices):
        if full_matrices and xs[-2] != xs[-1] and not (g[0] is None and g[2] is None):
            raise GraphError("svd: full_matrices=True of a matrix that is not square has no derivative, as the added vectors are arbitrary; "
                             "use full_matrices=False")
        count = o[1].shape[-1]
        return _svd_vjp(*g, o[0][..., :count], o[1], o[2][..., :count, :])

    def shape(x, *, full_matrices):
        (*lead, rows, columns), dtype = x
        left, right = (rows, columns) if full_matrices else (min(rows, columns),) * 2
        return [((*lead, rows, left), dtype), _values(x), ((*lead, right, columns), dtype)]


def _svd_vjp(gu: Any, gs: Any, gvh: Any, u: Any, s: Any, vh: Any) -> Any:
    inner = None if gs is None else _on_diagonal(gs)
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    turning = None
    if gu is not None:
        left = mH(u) @ gu
        left = left - mH(left)
        turning = left * row
        if u.dtype.kind == "c":
            inner = plus(inner, left * identity(s.shape[-1], s) / (2 * row))
    if gvh is not None:
        right = vh @ mH(gvh)
        turning = plus(turning, (right - mH(right)) * column)
    if turning is not None:
        inner = plus(inner, _off(turning, s) / ((row + column) * _spread(s)))
    out = u @ inner @ vh
    if gu is not None and u.shape[-2] > s.shape[-1]:
        outside = gu / row
        out = out + (outside - u @ (mH(u) @ outside)) @ vh
    if gvh is not None and vh.shape[-1] > s.shape[-1]:
        outside = gvh / column
        out = out + u @ (outside - (outside @ mH(vh)) @ vh)
    return out


@op(batch=batching.trailing, holomorphic=False)
class svdvals:
    """The singular values alone, without computing vectors until a derivative is asked for."""

    def forward(xp, x):
        return checked(xp, lambda a: xp.linalg.svd(a, compute_uv=False), x, what="svdvals",
                       probe=lambda a: xp.linalg.svd(a), problem="has no singular values that LAPACK finds; is it finite?")

    def vjp(g, x):
        u, _, vh = svd(x, full_matrices=False)
        return (u * expand_dims(g, -2)) @ vh

    shape = _values


# Eigenvalues -------------------------------------------------------------------------------------------------------------
@op(batch=batching.trailing, outputs=2)
class eigh:
    """Eigenvalues of a Hermitian matrix in ascending order, and its eigenvectors as columns; the lower triangle is read."""

    def forward(xp, x):
        return tuple(checked(xp, xp.linalg.eigh, x, what="eigh", probe=xp.linalg.eigh, problem="has no eigenvalues that LAPACK finds; is it finite?"))

    def vjp(g, o):
        gw, gv = g
        w, v = o
        inner = None if gw is None else _on_diagonal(gw)
        if gv is not None:
            turning = mH(v) @ gv
            inner = plus(inner, 0.5 * _off(turning - mH(turning), w) / _spread(w))
        return v @ inner @ mH(v)

    def shape(x):
        return [_values(x), x]


@op(batch=batching.trailing, holomorphic=False)
class eigvalsh:
    """The eigenvalues of a Hermitian matrix alone, in ascending order; the lower triangle is read."""

    def forward(xp, x):
        return checked(xp, xp.linalg.eigvalsh, x, what="eigvalsh", probe=xp.linalg.eigvalsh,
                       problem="has no eigenvalues that LAPACK finds; is it finite?")

    def vjp(g, x):
        _, v = eigh(x)
        return (v * expand_dims(g, -2)) @ mH(v)

    shape = _values


def _on_host(xp: Any, name: str, x: Any) -> Any:
    """``xp.linalg.name(x)`` in complex numbers; computed by NumPy where the array module has no such function."""
    own = hasattr(xp.linalg, name)
    given = x if own else x.get()
    module = xp if own else np
    try:
        found = getattr(module.linalg, name)(given)
    except np.linalg.LinAlgError as error:
        raise ArgumentError(f"{name}: {str(error).lower()}; a matrix of the batch is not finite, or LAPACK did not converge") from None
    wanted = _complex(x.dtype)
    if isinstance(found, tuple):
        return tuple(xp.asarray(part).astype(wanted) for part in found)
    return xp.asarray(found).astype(wanted)


@op(batch=batching.trailing, outputs=2)
class eig:
    """Eigenvalues and eigenvectors (columns) of any square matrix; always complex."""

    def forward(xp, x):
        return _on_host(xp, "eig", x)

    def vjp(g, x, o):
        gw, gv = g
        w, v = o
        inner = None if gw is None else _on_diagonal(gw)
        if gv is not None:
            turning = mH(v) @ gv
            norms = expand_dims(real(diagonal_last(turning, offset=0)), -2)
            inner = plus(inner, _off(turning - (mH(v) @ v) * norms, w) / conj(_spread(w)))
        out = solve(mH(v), inner @ mH(v))
        return out if x.dtype.kind == "c" else real(out)

    def shape(x):
        return [(x[0][:-1], _complex(x[1])), (x[0], _complex(x[1]))]


@op(batch=batching.trailing, holomorphic=False)
class eigvals:
    """The eigenvalues of any square matrix; always complex."""

    def forward(xp, x):
        return _on_host(xp, "eigvals", x)

    def vjp(g, x):
        _, v = eig(x)
        out = solve(mH(v), expand_dims(g, -1) * mH(v))
        return out if x.dtype.kind == "c" else real(out)

    def shape(x):
        return x[0][:-1], _complex(x[1])


# LU ------------------------------------------------------------------------------------------------------------------------
def _each(function: Any, x: Any) -> list[list[np.ndarray]]:
    """The outputs of `function` for every matrix of a batch, one list per output."""
    lead = x.shape[:-2]
    rows = [function(x[place]) for place in np.ndindex(lead)]
    return [list(column) for column in zip(*rows, strict=True)]


@op(batch=batching.trailing, outputs=2)
class lu_factor:
    """Both triangles in one matrix (the unit diagonal of the lower one left out), and the row exchanged with row i, from 1."""

    def forward(xp, x):
        if xp is np:
            from scipy.linalg import lu_factor as factor
        else:
            from cupyx.scipy.linalg import lu_factor as factor
        rows, columns = x.shape[-2:]
        lead, count = x.shape[:-2], min(rows, columns)
        if not x.size:
            return xp.array(x), xp.broadcast_to(xp.arange(1, count + 1, dtype="int32"), (*lead, count)).copy()
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a zero pivot is no failure of the factorization
            factors, pivots = _each(lambda a: factor(a, check_finite=False), x)
        return xp.stack(factors).reshape(x.shape), (xp.stack(pivots).reshape(*lead, count) + 1).astype("int32")

    def vjp(g, o):
        compact, pivots = o
        return permutation(pivots, rows=compact.shape[-2], dtype=compact.dtype) @ _lu_vjp(g[0], compact)

    def shape(x):
        return [x, (_values(x)[0], np.dtype("int32"))]


def _lu_vjp(g: Any, compact: Any) -> Any:
    """The cotangent of the matrix with its rows already exchanged."""
    rows, columns = compact.shape[-2:]
    count = min(rows, columns)
    square = compact[..., :count, :count]
    low, high = mH(square), mH(square)
    gl, gu = tril(g[..., :count, :count], -1), triu(g[..., :count, :count])
    rest = None
    if rows > columns:
        rest = _right_solve(high, g[..., count:, :], upper=False)
        gu = gu - mH(compact[..., count:, :]) @ rest
    if columns > rows:
        rest = triangular_solve(low, g[..., count:], upper=True, unitriangular=True)
        gl = gl - rest @ mH(compact[..., count:])
    lower = tril(square, -1) + identity(count, square)
    inner = tril(mH(lower) @ gl, -1) + triu(gu @ mH(triu(square)))
    out = _right_solve(high, triangular_solve(low, inner, upper=True, unitriangular=True), upper=False)
    return out if rest is None else concat([out, rest], axis=-2 if rows > columns else -1)


@op(batch=batching.trailing)
class permutation:
    """The matrix that undoes the row exchanges `x` (counted from 1) on a matrix of so many rows."""

    def forward(xp, x, *, rows, dtype):
        pivots = x if xp is np else x.get()
        out = np.zeros((*x.shape[:-1], rows, rows), dtype)
        for place in np.ndindex(x.shape[:-1]):
            order = list(range(rows))
            for i, pivot in enumerate(pivots[place]):
                order[i], order[pivot - 1] = order[pivot - 1], order[i]
            out[(*place, order, range(rows))] = 1
        return xp.asarray(out)

    def shape(x, *, rows, dtype):
        return (*x[0][:-1], rows, rows), dtype

"""Declared ops on square matrices: solving, inverting, determinants, pseudo-inverse, exponential.

All work on the last two axes and broadcast over those in front, which is also their batch rule. Rules of complex
functions (`solve`, `inv`, `det`, `matrix_exp`, ...) use plain transposes, as the sweep conjugates around them; the others
are written in PyTorch's convention with conjugate transposes. Validation and public names are in `linalg`.
"""
from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import arrays
from ..core import batching
from ..core.declare import op
from ..core.errors import ArgumentError
from ..core.tensor import Tensor, as_tensor
from .complex_parts import conj, imag
from .contract import mT
from .create import tril, triu, zeros_like
from .movement import concat, expand_dims
from .reduce import sum


# Helpers of rules: they take raw arrays and tensors alike --------------------------------------------------------------
def mH(x: Any) -> Any:
    """The conjugate transpose of the last two axes."""
    return conj(mT(x)) if x.dtype.kind == "c" else mT(x)


def identity(rows: int, like: Any, columns: int | None = None) -> Any:
    """The identity matrix, in the dtype and on the device of `like`; a raw array if `like` is one."""
    eye = np.eye(rows, columns, dtype=like.dtype)
    if not isinstance(like, Tensor):
        return arrays.to_device(eye, arrays.device_of(like))
    return as_tensor(eye, device=arrays.place_of(like))


def plus(first: Any, second: Any) -> Any:
    """The sum of two contributions, either of which may be missing."""
    return second if first is None else first if second is None else first + second


def checked(xp: Any, function: Callable[..., Any], x: Any, *others: Any, what: str, probe: Callable[..., Any], problem: str) -> Any:
    """``function(x, *others)``, where a matrix on which it fails is named in an error of ours."""
    with _raising(xp):
        try:
            return function(x, *others)
        except np.linalg.LinAlgError:
            raise ArgumentError(f"{what}: {_first_bad(x, probe)} {problem}") from None


def _raising(xp: Any) -> Any:
    """CuPy reports failures only when asked to."""
    if xp is np:
        return contextlib.nullcontext()
    import cupyx

    return cupyx.errstate(linalg="raise")


def _first_bad(x: Any, probe: Callable[..., Any]) -> str:
    for place in np.ndindex(x.shape[:-2]):
        try:
            probe(x[place])
        except np.linalg.LinAlgError:
            index = place[0] if len(place) == 1 else place
            return f"matrix {index} of the batch" if place else "the matrix"
    return "a matrix"


def _together(xp: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Matrices with equal leading axes, which CuPy does not broadcast by itself."""
    if xp is np or x.shape[:-2] == y.shape[:-2]:
        return x, y
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return xp.broadcast_to(x, (*lead, *x.shape[-2:])), xp.broadcast_to(y, (*lead, *y.shape[-2:]))


# Shape rules: of the (shape, dtype) of the inputs ---------------------------------------------------------------------
Spec = tuple[tuple[int, ...], np.dtype]


def same(x: Spec, **params: Any) -> Spec:
    """The result is like the input."""
    return x


def solved(x: Spec, y: Spec, **params: Any) -> Spec:
    """Like the right-hand sides, leading axes broadcast."""
    return (*np.broadcast_shapes(x[0][:-2], y[0][:-2]), x[0][-1], y[0][-1]), y[1]


def real_of(dtype: np.dtype) -> np.dtype:
    """The dtype of the real parts."""
    return np.empty(0, dtype).real.dtype


SINGULAR = "is singular, so it has no inverse; use pinv or lstsq, or add a small multiple of the identity"


# Systems and inverses --------------------------------------------------------------------------------------------------
@op(arity=2, batch=batching.trailing)
class solve:
    """The matrix o for which x @ o = y."""

    def forward(xp, x, y):
        x, y = _together(xp, x, y)
        return checked(xp, xp.linalg.solve, x, y, what="solve", probe=xp.linalg.inv, problem=SINGULAR)

    shape = solved
    vjp = (lambda g, x, o: -solve(mT(x), g) @ mT(o), lambda g, x: solve(mT(x), g))
    jvp = (lambda t, o, x, y: -solve(x, t @ o), None)
    linear = (1,)


@op(batch=batching.trailing)
class inv:
    """The inverse matrix."""

    def forward(xp, x):
        return checked(xp, xp.linalg.inv, x, what="inv", probe=xp.linalg.inv, problem=SINGULAR)

    def vjp(g, o):
        return -mT(o) @ g @ mT(o)

    shape = same

    def jvp(t, o, x):
        return -o @ t @ o


def _triangle(x: Any, upper: bool, unitriangular: bool) -> Any:
    """The triangle that counts; a diagonal of ones does not."""
    return triu(x, 1 if unitriangular else 0) if upper else tril(x, -1 if unitriangular else 0)


@op(arity=2, batch=batching.trailing)
class triangular_solve:
    """The matrix o for which triangle(x) @ o = y; of `x` the named triangle is read, or with `unitriangular` ones on its diagonal."""

    def forward(xp, x, y, *, upper, unitriangular):
        if xp is np and x.ndim == y.ndim == 2 and x.size:
            from scipy.linalg import solve_triangular

            function = lambda a, b: solve_triangular(a, b, lower=not upper, unit_diagonal=unitriangular, check_finite=False)
            return checked(xp, function, x, y, what="solve_triangular", probe=xp.linalg.inv, problem=SINGULAR)
        x = (xp.triu if upper else xp.tril)(x, (1 if upper else -1) if unitriangular else 0)
        x, y = _together(xp, x + xp.eye(x.shape[-1], dtype=x.dtype) if unitriangular else x, y)
        return checked(xp, xp.linalg.solve, x, y, what="solve_triangular", probe=xp.linalg.inv, problem=SINGULAR)

    def _x(g, x, o, *, upper, unitriangular):
        back = triangular_solve(mT(x), g, upper=not upper, unitriangular=unitriangular)
        return _triangle(-back @ mT(o), upper, unitriangular)

    def _y(g, x, *, upper, unitriangular):
        return triangular_solve(mT(x), g, upper=not upper, unitriangular=unitriangular)

    shape = solved
    vjp = (_x, _y)
    jvp = (lambda t, o, x, y, *, upper, unitriangular:
           -triangular_solve(x, _triangle(t, upper, unitriangular) @ o, upper=upper, unitriangular=unitriangular), None)
    linear = (1,)


@op(batch=batching.trailing, holomorphic=False)
class pinv:
    """The pseudo-inverse: singular values up to ``max(atol, rtol * the largest)`` count as zero (Golub and Pereyra 1973)."""

    def forward(xp, x, *, atol, rtol):
        u, s, vh = xp.linalg.svd(x, full_matrices=False)
        large = s > xp.maximum(atol, rtol * s[..., :1])
        s = xp.where(large, 1 / xp.where(large, s, 1), 0).astype(s.dtype)
        return xp.conj(xp.swapaxes(vh, -1, -2)) @ (s[..., None] * xp.conj(xp.swapaxes(u, -1, -2)))

    def vjp(g, x, o, *, atol, rtol):
        h, oh = mH(g), mH(o)
        left, right = h @ o @ oh, oh @ o @ h
        return left - x @ (o @ left) + right - (right @ o) @ x - oh @ g @ oh

    def shape(x, *, atol, rtol):
        return (*x[0][:-2], x[0][-1], x[0][-2]), x[1]


# Determinants ----------------------------------------------------------------------------------------------------------
@op(batch=batching.trailing)
class det:
    """The determinant."""

    def forward(xp, x):
        return xp.linalg.det(x)

    def vjp(g, x):
        return expand_dims(g, (-2, -1)) * cofactors(x)

    def shape(x):
        return x[0][:-2], x[1]


@op(batch=batching.trailing)
class cofactors:
    """The derivative of the determinant, also of singular matrices: with x = U S V', det(U V') U (products of the other s) V'."""

    def forward(xp, x):
        u, s, vh = xp.linalg.svd(x)
        one = xp.ones_like(s[..., :1])
        before = xp.concatenate([one, xp.cumprod(s, axis=-1)[..., :-1]], axis=-1)[..., :s.shape[-1]]
        after = xp.concatenate([one, xp.cumprod(s[..., ::-1], axis=-1)[..., :-1]], axis=-1)[..., :s.shape[-1]][..., ::-1]
        phase = xp.asarray(xp.linalg.det(u) * xp.linalg.det(vh))
        return xp.conj(u * (before * after)[..., None, :] @ vh) * phase[..., None, None]

    def vjp(g, x, o):
        back = mT(inv(x))
        return back * sum(g * o, axis=(-2, -1), keepdims=True) - back @ mT(g) @ o

    shape = same


@op(batch=batching.trailing, outputs=2)
class slogdet:
    """Sign (or phase) of the determinant, and the logarithm of its size."""

    def forward(xp, x):
        sign, size = xp.linalg.slogdet(x)
        return xp.asarray(sign), xp.asarray(size)

    def vjp(g, x, o):
        phase, size = g
        if phase is not None and x.dtype.kind == "c":
            size = plus(size, imag(phase * conj(o[0])) * 1j)
        return mH(inv(x)) * expand_dims(zeros_like(o[1]) if size is None else size, (-2, -1))

    def shape(x):
        return [(x[0][:-2], x[1]), (x[0][:-2], real_of(x[1]))]


# The exponential ---------------------------------------------------------------------------------------------------------
PADE = (64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0, 10559470521600.0,
        670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0)
"""Coefficients of the Padé approximant of degree 13 (Higham 2005), good for norms up to LARGEST."""
LARGEST = 5.371920351148152


@op(batch=batching.trailing)
class matrix_exp:
    """The exponential of a square matrix by scaling and squaring (Higham 2005)."""

    def forward(xp, x):
        if not x.size:
            return xp.array(x)
        size = xp.max(xp.sum(xp.abs(x), axis=-2), axis=-1)[..., None, None]
        finite = xp.where(xp.isfinite(size), size, 0)
        halvings = xp.ceil(xp.maximum(xp.log2(xp.maximum(finite, LARGEST) / LARGEST), 0))
        o = _pade(xp, x * (0.5**halvings).astype(size.dtype))
        for step in range(int(halvings.max())):
            o = xp.where(step < halvings, o @ o, o)
        return xp.where(xp.isfinite(size), o, np.nan).astype(x.dtype)

    def vjp(g, x):
        n = x.shape[-1]
        top = concat([mT(x), g], axis=-1)
        bottom = concat([zeros_like(x), mT(x)], axis=-1)
        return matrix_exp(concat([top, bottom], axis=-2))[..., :n, n:]

    shape = same


def _pade(xp: Any, x: Any) -> Any:
    b = PADE
    one = xp.eye(x.shape[-1], dtype=x.dtype)
    x = xp.where(xp.isfinite(x), x, 0)
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x2 @ x4
    odd = x @ (x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * one)
    even = x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * one
    return xp.linalg.solve(even - odd, even + odd)


def tolerance(x: Any, atol: float | None, rtol: float | None) -> dict[str, float]:
    """Below which size singular values of `x` count as zero, when not said otherwise."""
    if rtol is None:
        rtol = 0.0 if atol is not None and atol > 0 else max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    return {"atol": 0.0 if atol is None else float(atol), "rtol": float(rtol)}


def chain_order(shapes: list[tuple[int, ...]]) -> list[list[int]]:
    """Where to split each product of neighbouring matrices for the fewest multiplications, by dynamic programming."""
    sizes = [shapes[0][0], *(shape[1] for shape in shapes)]
    count = len(shapes)
    cost = [[0.0] * count for _ in shapes]
    split = [[0] * count for _ in shapes]
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i][j] = math.inf
            for k in range(i, j):
                work = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                if work < cost[i][j]:
                    cost[i][j], split[i][j] = work, k
    return split


__all__ = ["mH", "identity", "checked", "plus", "solve", "inv", "triangular_solve", "pinv", "det", "slogdet", "matrix_exp", "tolerance", "chain_order"]

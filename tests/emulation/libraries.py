"""cuSOLVER, cuFFT and Thrust of the emulation: what CuPy's Python code calls, computed by NumPy and SciPy in the same memory."""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import cupy
import numpy as np
from cupy.cuda import cufft, thrust
from cupy.linalg import _eigenvalue
from cupy_backends.cuda.libs import cublas, cusolver
from cupyx import _cusolver
from cupyx import cusolver as cupyx_cusolver
from scipy.linalg import lapack


def memory(place: int, dtype: Any, count: int) -> np.ndarray:
    """An array over memory."""
    dtype = np.dtype(dtype)
    return np.frombuffer((ctypes.c_char * (int(count) * dtype.itemsize)).from_address(int(place)), dtype) if count else np.empty(0, dtype)


def matrix(place: int, dtype: Any, rows: int, columns: int, stride: int) -> np.ndarray:
    """A matrix over memory, columns one after the other."""
    return memory(place, dtype, stride * columns).reshape(columns, stride)[:, :rows].T if rows and columns else np.empty((rows, columns), dtype)


def report(place: int, info: int) -> None:
    """Whether a function failed."""
    memory(place, "int32", 1)[0] = info


# Thrust ------------------------------------------------------------------------------------------------------------------------
def _sort(dtype: Any, data: int, keys: int, shape: Any) -> None:
    x = memory(data, dtype, np.prod(shape)).reshape(shape)
    x[...] = np.sort(x, -1, kind="stable")


def _argsort(dtype: Any, places: int, data: int, keys: int, shape: Any) -> None:
    x = memory(data, dtype, np.prod(shape)).reshape(shape)
    memory(places, "int64", x.size).reshape(shape)[...] = np.argsort(x, -1, kind="stable")


def _lexsort(dtype: Any, places: int, keys: int, k: int, n: int) -> None:
    memory(places, "int64", n)[...] = np.lexsort(memory(keys, dtype, k * n).reshape(k, n))


thrust.sort, thrust.argsort, thrust.lexsort = _sort, _argsort, _lexsort


# cuSOLVER, and the batched functions of cuBLAS -----------------------------------------------------------------------------------
class Lapack:
    """LAPACK on memory of one dtype; `letter` is s, d, c or z."""

    def __init__(self, letter: str) -> None:
        self.letter, self.dtype = letter, dict(s="f", d="d", c="F", z="D")[letter]
        orgqr = "orgqr" if letter in "sd" else "ungqr"
        for name, function in dict(potrf=self.potrf, getrf=self.getrf, getrs=self.getrs, geqrf=self.geqrf, gesvd=self.gesvd, **{orgqr: self.orgqr}).items():
            setattr(cusolver, letter + name, function)
            setattr(cusolver, f"{letter}{name}_bufferSize", lambda *args: 8)
        setattr(cusolver, f"{letter}potrfBatched", self.potrf_batched)
        for name in ("getrf", "getrs", "getri"):
            setattr(cublas, f"{letter}{name}Batched", getattr(self, f"{name}_batched"))

    def of(self, name: str) -> Callable[..., Any]:
        """LAPACK's function."""
        return getattr(lapack, self.letter + name)

    def potrf(self, handle: int, uplo: int, n: int, a: int, lda: int, work: int, size: int, info: int) -> None:
        x = matrix(a, self.dtype, n, n, lda)
        x[...], failed = self.of("potrf")(x, lower=uplo == 0, clean=0)
        report(info, failed)

    def potrf_batched(self, handle: int, uplo: int, n: int, a: int, lda: int, info: int, count: int) -> None:
        for number, place in enumerate(memory(a, "uint64", count)):
            self.potrf(handle, uplo, n, place, lda, 0, 0, info + 4 * number)

    def getrf(self, handle: int, m: int, n: int, a: int, lda: int, work: int, pivots: int, info: int) -> None:
        x = matrix(a, self.dtype, m, n, lda)
        x[...], rows, failed = self.of("getrf")(x)
        memory(pivots, "int32", len(rows))[...] = rows + 1
        report(info, failed)

    def getrf_batched(self, handle: int, n: int, a: int, lda: int, pivots: int, info: int, count: int) -> None:
        for number, place in enumerate(memory(a, "uint64", count)):
            self.getrf(handle, n, n, place, lda, 0, pivots + 4 * n * number, info + 4 * number)

    def getrs(self, handle: int, trans: int, n: int, nrhs: int, a: int, lda: int, pivots: int, b: int, ldb: int, info: int) -> None:
        x = matrix(b, self.dtype, n, nrhs, ldb)
        x[...], failed = self.of("getrs")(matrix(a, self.dtype, n, n, lda), memory(pivots, "int32", n) - 1, x, trans=trans)
        if info:
            report(info, failed)

    def getrs_batched(self, handle: int, trans: int, n: int, nrhs: int, a: int, lda: int, pivots: int, b: int, ldb: int, info: int, count: int) -> None:
        for number, (left, right) in enumerate(zip(memory(a, "uint64", count), memory(b, "uint64", count), strict=True)):
            self.getrs(handle, trans, n, nrhs, left, lda, pivots + 4 * n * number, right, ldb, 0)
        if info:
            report(info, 0)

    def getri_batched(self, handle: int, n: int, a: int, lda: int, pivots: int, c: int, ldc: int, info: int, count: int) -> None:
        for number, (place, out) in enumerate(zip(memory(a, "uint64", count), memory(c, "uint64", count), strict=True)):
            found, failed = self.of("getri")(matrix(place, self.dtype, n, n, lda), memory(pivots + 4 * n * number, "int32", n) - 1)
            matrix(out, self.dtype, n, n, ldc)[...] = found
            report(info + 4 * number, failed)

    def geqrf(self, handle: int, m: int, n: int, a: int, lda: int, tau: int, work: int, size: int, info: int) -> None:
        x = matrix(a, self.dtype, m, n, lda)
        x[...], factors, _, failed = self.of("geqrf")(x)
        memory(tau, self.dtype, len(factors))[...] = factors
        report(info, failed)

    def orgqr(self, handle: int, m: int, n: int, k: int, a: int, lda: int, tau: int, work: int, size: int, info: int) -> None:
        x, q = matrix(a, self.dtype, m, n, lda), np.eye(m, n, dtype=self.dtype)
        for column in reversed(range(k)):
            v = np.zeros(m, self.dtype)
            v[column], v[column + 1:] = 1, x[column + 1:, column]
            q = q - memory(tau, self.dtype, k)[column] * np.outer(v, v.conj() @ q)
        x[...] = q
        report(info, 0)

    def gesvd(self, handle: int, left: int, right: int, m: int, n: int, a: int, lda: int, s: int, u: int, ldu: int, vt: int, ldvt: int, work: int, size: int,
              rwork: int, info: int) -> None:
        x, least = matrix(a, self.dtype, m, n, lda), min(m, n)
        try:
            us, ss, vs = np.linalg.svd(x, full_matrices=chr(left) == "A")
        except np.linalg.LinAlgError:
            report(info, 1)
            return
        memory(s, self.dtype.lower(), least)[...] = ss
        for job, found, target in ((left, us, (u, ldu)), (right, vs, (vt, ldvt))):
            if chr(job) in "AS":
                matrix(target[0], self.dtype, *found.shape, target[1])[...] = found
        if chr(left) == "O":
            x[:, :least] = us[:, :least]
        if chr(right) == "O":
            x[:least] = vs[:least]
        report(info, 0)


for _letter in "sdcz":
    Lapack(_letter)
_DTYPES = {0: "f", 1: "d", 4: "F", 5: "D"}


def _syevd(handle: int, params: int, job: int, uplo: int, n: int, kind: int, a: int, lda: int, real: int, w: int, computing: int, *rest: int) -> None:
    x = matrix(a, _DTYPES[kind], n, n, lda)
    try:
        values, vectors = np.linalg.eigh(x, "L" if uplo == 0 else "U")
    except np.linalg.LinAlgError:
        report(rest[-1], 1)
        return
    memory(w, _DTYPES[real], n)[...] = values
    if job:
        x[...] = vectors
    report(rest[-1], 0)


cusolver.create, cusolver.setStream, cusolver.createParams, cusolver.destroyParams = lambda: 1, lambda *args: None, lambda: 0, lambda params: None
cusolver.xsyevd, cusolver.xsyevd_bufferSize = _syevd, lambda *args: (8, 8)


def _geev(a: Any, vectors: bool) -> tuple[Any, Any]:
    _eigenvalue._check_dtype(cupy.linalg._util.linalg_common_type(a)[0])
    dtype = np.dtype(a.dtype.char.upper())
    return tuple(cupy.asarray(part.astype(dtype)) for part in np.linalg.eig(a.get()))


def _stacked(parts: list[Any]) -> tuple[Any, ...]:
    return tuple(map(cupy.stack, zip(*parts, strict=True)))


def _svd_batched(a: Any, full: bool, vectors: bool) -> Any:
    found = [cupy.linalg.svd(x, full, vectors) for x in a]
    if not vectors:
        return cupy.stack(found)
    u, s, vh = _stacked(found)
    return u, s, vh.swapaxes(-2, -1).conj()


def _qr_batched(a: Any, mode: str) -> Any:
    found = [cupy.linalg.qr(x, mode) for x in a]
    return cupy.stack(found) if mode == "r" else _stacked(found)


def _syevj(a: Any, uplo: str = "L", vectors: bool = True) -> Any:
    w, v = _stacked([_eigenvalue._syevd(x, uplo, True) for x in a.reshape(-1, *a.shape[-2:])])
    w = w.reshape(a.shape[:-1])
    return (w, v.reshape(a.shape)) if vectors else w


_eigenvalue._geev = _geev
for _module in (cupyx_cusolver, _cusolver):
    _module.check_availability, _module.syevj, _module._geqrf_orgqr_batched = lambda name: True, _syevj, _qr_batched
    _module._gesvdj_batched = lambda a, full, vectors, overwrite: _svd_batched(a, full, vectors)
    _module._gesvd_batched = lambda a, kind, full, vectors, overwrite: _svd_batched(a, full, vectors)


# cuFFT -------------------------------------------------------------------------------------------------------------------------
_KINDS = {cufft.CUFFT_C2C: "FF", cufft.CUFFT_Z2Z: "DD", cufft.CUFFT_R2C: "fF", cufft.CUFFT_D2Z: "dD", cufft.CUFFT_C2R: "Ff", cufft.CUFFT_Z2D: "Dd"}


def transformed(x: np.ndarray, kind: int, direction: int, shape: tuple[int, ...], axes: tuple[int, ...]) -> np.ndarray:
    """The transform without a factor."""
    given, wanted = _KINDS[kind]
    if given.islower():
        return np.fft.rfftn(x, axes=axes).astype(wanted)
    if wanted.islower():
        return (np.fft.irfftn(x, shape, axes=axes) * np.prod(shape)).astype(wanted)
    return (np.fft.fftn(x, axes=axes) if direction == cufft.CUFFT_FORWARD else np.fft.ifftn(x, axes=axes) * np.prod(shape)).astype(wanted)


class Plan1d:
    """Transforms of rows."""

    gpus = work_area = None

    def __init__(self, nx: int, fft_type: int, batch: int, **more: Any) -> None:
        self.shape, self.fft_type, self.batch = (nx,), fft_type, batch

    def check_output_array(self, a: Any, out: Any) -> None:
        """Anything will do."""

    def get_output_array(self, a: Any, order: str = "C") -> Any:
        """Where the result goes."""
        given, wanted = _KINDS[self.fft_type]
        return cupy.empty((*a.shape[:-1], self.shape[0] // 2 + 1 if given.islower() else self.shape[0]), wanted)

    def fft(self, a: Any, out: Any, direction: int) -> None:
        """Compute it."""
        out.set(transformed(a.get(), self.fft_type, direction, self.shape, (-1,)).reshape(out.shape))


class PlanNd(Plan1d):
    """Transforms over several axes, the last ones or the first."""

    def __init__(self, shape: tuple[int, ...], *layout: Any, **more: Any) -> None:
        self.shape, (self.fft_type, self.batch, self.order, self.last_axis, self.last_size) = shape, layout[6:11]

    def get_output_array(self, a: Any, order: str = "C") -> Any:
        """Where the result goes."""
        shape, (given, wanted) = list(a.shape), _KINDS[self.fft_type]
        if given != wanted:
            shape[self.last_axis] = self.last_size
        return cupy.empty(shape, wanted, order=order)

    def fft(self, a: Any, out: Any, direction: int) -> None:
        """Compute it."""
        count = len(self.shape)
        axes = tuple(range(a.ndim - count, a.ndim)) if self.order == "C" else tuple(range(count))
        out.set(transformed(a.get(), self.fft_type, direction, self.shape, axes))


cufft.Plan1d, cufft.PlanNd = Plan1d, PlanNd

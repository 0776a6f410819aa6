"""Discrete Fourier transforms, with the names and arguments of ``torch.fft``; this module is ``workbench.fft``.

Three declared ops carry everything: complex to complex over any axes, real to half a spectrum, half a spectrum to
real. Each is linear, and its transpose is one of the three again, so derivatives of any order are transforms too.
Axes are negative in the ops, so a batch axis in front changes nothing. float32 stays in single precision.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import arrays, dtypes
from ..core.declare import op
from ..core.errors import ArgumentError, AxisError, DTypeError, ShapeError
from ..core.op import Op
from ..core.tensor import Tensor, as_tensor
from .complex_parts import conj
from .movement import _cast, axes_of, narrow_raw, pad_constant, roll

Axis = int | Sequence[int] | None
TRANSPOSED = {"backward": "forward", "forward": "backward", "ortho": "ortho"}
"""The scaling of the transform that goes back the same way."""


def _batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    return op.call(*values, **params)


@op(batch=_batch)
class fft_complex:
    """Transform of complex numbers along `axes`; its matrix is symmetric, so it is its own transpose."""

    def forward(xp, x, *, axes, inverse, norm):
        return (xp.fft.ifftn if inverse else xp.fft.fftn)(x, axes=axes, norm=norm)

    def vjp(g, *, axes, inverse, norm):
        return fft_complex(g, axes=axes, inverse=inverse, norm=norm)

    def shape(x, *, axes, inverse, norm):
        return x

    linear = (0,)


@op(batch=_batch, holomorphic=False)
class fft_real:
    """The non-negative frequencies of real numbers along `axis`."""

    def forward(xp, x, *, axis, norm):
        return xp.fft.rfft(x, axis=axis, norm=norm)

    def vjp(g, xs, *, axis, norm):
        length = xs[axis]
        return fft_to_real(g * _twice(g, axis, length, 0.5), length=length, axis=axis, norm=TRANSPOSED[norm])

    def shape(x, *, axis, norm):
        return _with_length(x[0], axis, x[0][axis] // 2 + 1), np.result_type(x[1], np.complex64)

    linear = (0,)


@op(batch=_batch, holomorphic=False)
class fft_to_real:
    """The `length` real numbers along `axis` whose non-negative frequencies are `x`."""

    def forward(xp, x, *, length, axis, norm):
        return xp.fft.irfft(x, length, axis=axis, norm=norm)

    def vjp(g, *, length, axis, norm):
        out = fft_real(g, axis=axis, norm=TRANSPOSED[norm])
        return out * _twice(out, axis, length, 2.0)

    def shape(x, *, length, axis, norm):
        return _with_length(x[0], axis, length), np.dtype(f"float{4 * x[1].itemsize}")

    linear = (0,)


def _with_length(shape: tuple[int, ...], axis: int, length: int) -> tuple[int, ...]:
    """`shape` with another length at `axis`, which is negative."""
    return (*shape[:axis], length, *shape[len(shape) + axis + 1:])


def _twice(like: Any, axis: int, length: int, inner: float) -> Any:
    """One for the frequencies that stand once in a full spectrum, `inner` for those whose mirror image does too."""
    weights = np.full(length // 2 + 1, inner, "float32" if like.dtype == dtypes.complex64 else "float64")
    weights[0] = 1
    if length % 2 == 0:
        weights[-1] = 1
    weights = weights.reshape(-1, *(1,) * (-axis - 1))
    if not isinstance(like, Tensor):
        return arrays.to_device(weights, arrays.device_of(like))
    return as_tensor(weights, device=arrays.place_of(like))


# What the public functions share ------------------------------------------------------------------------------------
def _numbers(x: Any, what: str, *, real: bool = False) -> Tensor:
    """`x` as complex numbers, or as real ones; integers in the default precision."""
    x = as_tensor(x)
    kind = x.dtype.kind
    if kind == "V" or x.dtype == dtypes.float16:
        raise DTypeError(f"{what}: {x.dtype} has no transform; use x.float()")
    if real and kind == "c":
        raise DTypeError(f"{what}: expected real numbers, got {x.dtype}; use fft or ifft, or take x.real")
    if real:
        return x if kind == "f" else _cast(x, dtype=dtypes.default_dtype())
    if kind == "c":
        return x
    return _cast(x, dtype=np.result_type(x.dtype if kind == "f" else dtypes.default_dtype(), np.complex64))


def _scaling(norm: str | None, what: str) -> str:
    if norm is None:
        return "backward"
    if norm not in TRANSPOSED:
        raise ArgumentError(f"{what}: norm={norm!r}; expected 'backward', 'forward' or 'ortho'")
    return norm


def _last(x: Tensor, dim: Axis, count: int | None, what: str) -> tuple[int, ...]:
    """The axes to transform, as negative numbers; without `dim` the last `count`, or all."""
    ndim = len(x.shape)
    if dim is None and count is not None:
        if count > ndim:
            raise ShapeError(f"{what}: s has {count} lengths, but the tensor has shape {tuple(x.shape)}")
        return tuple(range(-count, 0))
    if not ndim and dim is not None:
        raise AxisError(f"{what}: a number has no axis to transform")
    return tuple(axis - ndim for axis in axes_of(dim, ndim, what))


def _resized(x: Tensor, axes: Sequence[int], lengths: Sequence[int | None] | None, what: str) -> Tensor:
    """`x` cut or filled up with zeros to these lengths; None and -1 leave an axis as it is."""
    if lengths is None:
        lengths = [None] * len(axes)
    if len(lengths) != len(axes):
        raise ArgumentError(f"{what}: {len(lengths)} lengths in s for {len(axes)} axes in dim; they must be as many")
    for axis, length in zip(axes, lengths, strict=True):
        present = x.shape[axis]
        wanted = present if length is None or length == -1 else int(length)
        if wanted < 1:
            raise ArgumentError(f"{what}: cannot transform {wanted} numbers along axis {axis} of shape {tuple(x.shape)}; at least 1 is needed")
        if wanted < present:
            x = narrow_raw(x, axis, 0, wanted)
        elif wanted > present:
            x = pad_constant(x, widths=tuple((0, wanted - present if a == axis else 0) for a in range(-len(x.shape), 0)))
    return x


def _complex(x: Any, s: Sequence[int] | None, dim: Axis, norm: str | None, inverse: bool, what: str) -> Tensor:
    scaling = _scaling(norm, what)
    x = _numbers(x, what)
    axes = _last(x, dim, None if s is None else len(s), what)
    x = _resized(x, axes, s, what)
    return fft_complex(x, axes=axes, inverse=inverse, norm=scaling) if axes else x


def _to_half(x: Any, s: Sequence[int] | None, dim: Axis, norm: str | None, what: str) -> Tensor:
    """Real numbers to half a spectrum: the last axis first, the others as complex numbers."""
    scaling = _scaling(norm, what)
    x = _numbers(x, what, real=True)
    axes = _last(x, dim, None if s is None else len(s), what)
    if not axes:
        raise ArgumentError(f"{what}: at least one axis must be transformed, got a tensor of shape {tuple(x.shape)} and dim={dim!r}")
    out = fft_real(_resized(x, axes, s, what), axis=axes[-1], norm=scaling)
    return fft_complex(out, axes=axes[:-1], inverse=False, norm=scaling) if axes[:-1] else out


def _from_half(x: Any, s: Sequence[int] | None, dim: Axis, norm: str | None, what: str) -> Tensor:
    """Half a spectrum to real numbers: the last axis last. `s` are the lengths of the result."""
    scaling = _scaling(norm, what)
    x = _numbers(x, what)
    axes = _last(x, dim, None if s is None else len(s), what)
    if not axes:
        raise ArgumentError(f"{what}: at least one axis must be transformed, got a tensor of shape {tuple(x.shape)} and dim={dim!r}")
    given = None if s is None or s[-1] in (None, -1) else int(s[-1])
    length = 2 * (x.shape[axes[-1]] - 1) if given is None else given
    if length < 1:
        raise ArgumentError(f"{what}: cannot make {length} numbers along axis {axes[-1]} from a tensor of shape {tuple(x.shape)}; "
                            "give the length of the result")
    lengths = [*([None] * (len(axes) - 1) if s is None else s[:-1]), length // 2 + 1]
    x = _resized(x, axes, lengths, what)
    if axes[:-1]:
        x = fft_complex(x, axes=axes[:-1], inverse=True, norm=scaling)
    return fft_to_real(x, length=length, axis=axes[-1], norm=scaling)


def _one(n: int | None) -> tuple[int, ...] | None:
    return None if n is None else (n,)


# One axis -------------------------------------------------------------------------------------------------------------
def fft(x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The discrete Fourier transform along an axis: ``o[k] = sum(x[j] * exp(-2πi jk / n))``.

    Parameters
    ----------
    x : Tensor
        Real or complex; float16 and bfloat16 are refused.
    n : int, optional
        Length to cut `x` or fill it up with zeros to.
    dim : int
        The axis.
    norm : {"backward", "forward", "ortho"}
        Where to divide: by n on the way back (default), by n on the way there, or by its root on both.

    Returns
    -------
    Tensor
        complex64 for float32 and integers, complex128 for float64.

    Raises
    ------
    ArgumentError
        If `n` is below 1 or `norm` unknown.
    DTypeError, AxisError
        If the dtype has no transform, or there is no such axis.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.fft(wb.tensor([1.0, 2.0, 3.0, 4.0])).tolist()
    [(10+0j), (-2+2j), (-2+0j), (-2-2j)]
    """
    return _complex(x, _one(n), dim, norm, False, "fft")


def ifft(x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `fft`; arguments as there.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.ifft(wb.fft.fft(wb.tensor([1.0, 2.0]))).tolist()
    [(1+0j), (2+0j)]
    """
    return _complex(x, _one(n), dim, norm, True, "ifft")


def rfft(x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The first ``n // 2 + 1`` numbers of the `fft` of real `x`; the others are their conjugates.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.rfft(wb.tensor([1.0, 2.0, 3.0, 4.0])).tolist()
    [(10+0j), (-2+2j), (-2+0j)]
    """
    return _to_half(x, _one(n), dim, norm, "rfft")


def irfft(x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `rfft`. The result has `n` numbers, ``2 * (length - 1)`` by default: say `n` when it was odd.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.irfft(wb.fft.rfft(wb.tensor([1.0, 2.0, 3.0])), n=3).tolist()
    [1.0, 2.0, 3.0]
    """
    return _from_half(x, _one(n), dim, norm, "irfft")


def hfft(x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The real `fft` of a signal that is its own mirrored conjugate, of which `x` is the first half.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.hfft(wb.tensor([1.0, 2.0, 3.0])).tolist()
    [8.0, -2.0, 0.0, -2.0]
    """
    return hfftn(x, _one(n), dim, norm)


def ihfft(x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `hfft`, for real `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.ihfft(wb.tensor([8.0, -2.0, 0.0, -2.0])).real.tolist()
    [1.0, 2.0, 3.0]
    """
    return ihfftn(x, _one(n), dim, norm)


# Several axes -----------------------------------------------------------------------------------------------------------
def fftn(x: Tensor, s: Sequence[int] | None = None, dim: Axis = None, norm: str | None = None) -> Tensor:
    """`fft` along several axes.

    Parameters
    ----------
    x : Tensor
        Real or complex.
    s : sequence of int, optional
        Length of each transformed axis; -1 leaves one as it is.
    dim : int or sequence of int, optional
        The axes; by default the last ``len(s)``, or all.
    norm : {"backward", "forward", "ortho"}
        As in `fft`.

    Raises
    ------
    ArgumentError
        If `s` and `dim` differ in length.
    AxisError
        If `dim` names an axis twice or one that is not there.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.fftn(wb.ones(2, 2)).real.tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    return _complex(x, s, dim, norm, False, "fftn")


def ifftn(x: Tensor, s: Sequence[int] | None = None, dim: Axis = None, norm: str | None = None) -> Tensor:
    """The inverse of `fftn`; arguments as there.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.ifftn(wb.fft.fftn(wb.ones(2, 2))).real.tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    return _complex(x, s, dim, norm, True, "ifftn")


def rfftn(x: Tensor, s: Sequence[int] | None = None, dim: Axis = None, norm: str | None = None) -> Tensor:
    """`fftn` of real `x`, of which the last axis holds the non-negative frequencies only.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.rfftn(wb.ones(2, 4)).shape
    (2, 3)
    """
    return _to_half(x, s, dim, norm, "rfftn")


def irfftn(x: Tensor, s: Sequence[int] | None = None, dim: Axis = None, norm: str | None = None) -> Tensor:
    """The inverse of `rfftn`; `s` is the shape of the result.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.irfftn(wb.fft.rfftn(wb.ones(2, 3)), s=(2, 3)).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    return _from_half(x, s, dim, norm, "irfftn")


def hfftn(x: Tensor, s: Sequence[int] | None = None, dim: Axis = None, norm: str | None = None) -> Tensor:
    """`hfft` along the last of several axes, `fft` along the others.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.hfftn(wb.ones(2, 3)).shape
    (2, 4)
    """
    return _from_half(conj(_numbers(x, "hfft")), s, dim, TRANSPOSED[_scaling(norm, "hfft")], "hfft")


def ihfftn(x: Tensor, s: Sequence[int] | None = None, dim: Axis = None, norm: str | None = None) -> Tensor:
    """The inverse of `hfftn`, for real `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.ihfftn(wb.ones(2, 4)).shape
    (2, 3)
    """
    return conj(_to_half(x, s, dim, TRANSPOSED[_scaling(norm, "ihfft")], "ihfft"))


# Two axes ---------------------------------------------------------------------------------------------------------------
def fft2(x: Tensor, s: Sequence[int] | None = None, dim: Axis = (-2, -1), norm: str | None = None) -> Tensor:
    """`fftn` of the last two axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.fft2(wb.ones(3, 2, 2)).shape
    (3, 2, 2)
    """
    return _complex(x, s, dim, norm, False, "fft2")


def ifft2(x: Tensor, s: Sequence[int] | None = None, dim: Axis = (-2, -1), norm: str | None = None) -> Tensor:
    """`ifftn` of the last two axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.ifft2(wb.ones(3, 2, 2)).shape
    (3, 2, 2)
    """
    return _complex(x, s, dim, norm, True, "ifft2")


def rfft2(x: Tensor, s: Sequence[int] | None = None, dim: Axis = (-2, -1), norm: str | None = None) -> Tensor:
    """`rfftn` of the last two axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.rfft2(wb.ones(3, 4, 4)).shape
    (3, 4, 3)
    """
    return _to_half(x, s, dim, norm, "rfft2")


def irfft2(x: Tensor, s: Sequence[int] | None = None, dim: Axis = (-2, -1), norm: str | None = None) -> Tensor:
    """`irfftn` of the last two axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.irfft2(wb.ones(3, 4, 3)).shape
    (3, 4, 4)
    """
    return _from_half(x, s, dim, norm, "irfft2")


def hfft2(x: Tensor, s: Sequence[int] | None = None, dim: Axis = (-2, -1), norm: str | None = None) -> Tensor:
    """`hfftn` of the last two axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.hfft2(wb.ones(3, 4, 3)).shape
    (3, 4, 4)
    """
    return hfftn(x, s, dim, norm)


def ihfft2(x: Tensor, s: Sequence[int] | None = None, dim: Axis = (-2, -1), norm: str | None = None) -> Tensor:
    """`ihfftn` of the last two axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.ihfft2(wb.ones(3, 4, 4)).shape
    (3, 4, 3)
    """
    return ihfftn(x, s, dim, norm)


# Frequencies ------------------------------------------------------------------------------------------------------------
def _points(n: int, what: str) -> None:
    if n < 1:
        raise ArgumentError(f"{what}: n={n}; expected at least 1 point")


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """The frequency that belongs to each of the `n` numbers of `fft`, for samples `d` apart.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.fftfreq(4).tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    _points(n, "fftfreq")
    return as_tensor(np.fft.fftfreq(n, d), dtype=dtypes.as_dtype(float if dtype is None else dtype), device=device)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """The frequency that belongs to each number of `rfft` of `n` samples `d` apart.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.rfftfreq(4).tolist()
    [0.0, 0.25, 0.5]
    """
    _points(n, "rfftfreq")
    return as_tensor(np.fft.rfftfreq(n, d), dtype=dtypes.as_dtype(float if dtype is None else dtype), device=device)


def fftshift(x: Tensor, dim: Axis = None) -> Tensor:
    """`x` with frequency zero in the middle of each axis of `dim` (all by default).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.fftshift(wb.tensor([0, 1, 2, -2, -1])).tolist()
    [-2, -1, 0, 1, 2]
    """
    axes = axes_of(dim, len(x.shape), "fftshift")
    return roll(x, [x.shape[a] // 2 for a in axes], axes)


def ifftshift(x: Tensor, dim: Axis = None) -> Tensor:
    """The inverse of `fftshift`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fft.ifftshift(wb.tensor([-2, -1, 0, 1, 2])).tolist()
    [0, 1, 2, -2, -1]
    """
    axes = axes_of(dim, len(x.shape), "ifftshift")
    return roll(x, [-(x.shape[a] // 2) for a in axes], axes)


__all__ = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2", "fftn", "ifftn",
           "rfftn", "irfftn", "hfftn", "ihfftn", "fftfreq", "rfftfreq", "fftshift", "ifftshift"]

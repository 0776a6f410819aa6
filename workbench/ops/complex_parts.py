"""Parts of complex numbers. Their rules are not complex derivatives, so they are written out for both kinds of input.

The gradient of a complex input is the conjugate Wirtinger one: the direction of steepest ascent.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import dtypes
from ..core import batching
from ..core.declare import op
from ..core.errors import DTypeError, ShapeError
from ..core.tensor import Tensor
from . import elementwise as ew
from .index import index
from .movement import _cast, stack


@op(batch=batching.elementwise, holomorphic=False)
class conj:
    """The complex conjugate; real numbers are their own.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.conj(wb.tensor([1 + 2j])).tolist()
    [(1-2j)]
    """

    def forward(xp, x):
        return xp.conj(x) if x.dtype.kind != "b" else x.copy()  # NumPy has no loop for booleans and makes them int8

    def vjp(g):
        return conj(g)

    linear = (0,)


@op(batch=batching.elementwise, holomorphic=False)
class real:
    """The real part.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.real(wb.tensor([1 + 2j])).tolist()
    [1.0]
    """

    def forward(xp, x):
        return xp.real(x)

    def vjp(g, x):
        return _cast(g, dtype=x.dtype)

    def put(x, value):
        return _complex(value, imag(x)) if x.dtype.kind == "c" else value

    linear = (0,)


@op(batch=batching.elementwise, holomorphic=False)
class imag:
    """The imaginary part; zero for real numbers.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.imag(wb.tensor([1 + 2j])).tolist()
    [2.0]
    """

    def forward(xp, x):
        return xp.imag(x)

    def vjp(g, x):
        return _cast(_cast(g, dtype=x.dtype) * 1j, dtype=x.dtype)

    def put(x, value):
        return _complex(real(x), value) if x.dtype.kind == "c" else x

    linear = (0,)


@op(batch=batching.elementwise, holomorphic=False, inexact=True)
class angle:
    """The angle of a complex number in radians; of a real number 0, or pi if it is negative.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.angle(wb.tensor([1j, -1 + 0j])).round(decimals=4)
    tensor([1.5708, 3.1416])
    """

    def forward(xp, x):
        if x.dtype.kind == "c":
            return xp.angle(x)
        return xp.where(xp.isnan(x), x, (xp.less(x, 0) * xp.pi).astype(x.dtype))

    def vjp(g, x):
        if x.dtype.kind != "c":
            return g * 0
        zero = ew.eq(x, 0)
        return g * (1j * x) / (ew.square(ew.abs(x)) + zero)


@op(batch=batching.elementwise, holomorphic=False, c="({0} > 0) - ({0} < 0)")
class sgn:
    """The sign; of complex numbers ``x / abs(x)``, and 0 at 0.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.sgn(wb.tensor([3j, 0j])).tolist()
    [1j, 0j]
    """

    def forward(xp, x):
        if x.dtype.kind == "b":
            return x.copy()
        if x.dtype.kind != "c":
            return xp.sign(x)
        size = xp.abs(x)
        return x / xp.where(size == 0, 1, size)

    def vjp(g, x):
        if x.dtype.kind != "c":
            return g * 0
        zero = ew.eq(x, 0)
        direction = sgn(x)
        along = real(conj(direction) * g)
        return (g - direction * along) / (ew.abs(x) + zero) * ew.ne(x, 0)


@op(arity=2, batch=batching.elementwise, holomorphic=False)
class complex_:
    """Complex numbers of real and imaginary parts."""

    def forward(xp, x, y):
        shape = np.broadcast_shapes(x.shape, y.shape)
        out = xp.empty(shape, "complex128" if x.dtype.itemsize == 8 else "complex64")
        out.real, out.imag = x, y
        return out

    vjp = (lambda g: real(g), lambda g: imag(g))


_complex = complex_


def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Complex numbers of their real and imaginary parts.

    Parameters
    ----------
    real, imag : Tensor
        float32 or float64, both the same.

    Raises
    ------
    DTypeError
        For other or different dtypes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.complex(wb.tensor([1.0]), wb.tensor([2.0])).tolist()
    [(1+2j)]
    """
    _check_parts("complex", real, imag)
    return _complex(real, imag)


def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers of their absolute values and angles in radians.

    Parameters
    ----------
    abs, angle : Tensor
        float32 or float64, both the same.

    Raises
    ------
    DTypeError
        For other or different dtypes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.polar(wb.tensor([2.0]), wb.tensor([0.0])).tolist()
    [(2+0j)]
    """
    _check_parts("polar", abs, angle)
    return _complex(abs * ew.cos(angle), abs * ew.sin(angle))


def _check_parts(what: str, first: Any, second: Any) -> None:
    for part in (first, second):
        if not hasattr(part, "dtype"):
            raise DTypeError(f"{what}: expected two tensors, got a {type(part).__name__}; make one with wb.tensor")
    if first.dtype != second.dtype or first.dtype not in (dtypes.float32, dtypes.float64):
        raise DTypeError(f"{what}: expected two tensors of float32 or two of float64, got {first.dtype} and {second.dtype}")


def view_as_real(x: Tensor) -> Tensor:
    """Complex numbers as pairs of real ones along a new last axis. (A copy, where PyTorch has a view.)

    Raises
    ------
    DTypeError
        If `x` is not complex.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.view_as_real(wb.tensor([1 + 2j])).tolist()
    [[1.0, 2.0]]
    """
    if x.dtype.kind != "c":
        raise DTypeError(f"view_as_real: expected a complex tensor, got {x.dtype}")
    return stack([real(x), imag(x)], -1)


def view_as_complex(x: Tensor) -> Tensor:
    """Pairs of real numbers along the last axis as complex ones. (A copy, where PyTorch has a view.)

    Raises
    ------
    ShapeError
        If the last axis has another length than 2.
    DTypeError
        If `x` is not float32 or float64.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.view_as_complex(wb.tensor([[1.0, 2.0]])).tolist()
    [(1+2j)]
    """
    if not x.shape or x.shape[-1] != 2:
        raise ShapeError(f"view_as_complex: the last axis must hold pairs (length 2), got shape {tuple(x.shape)}")
    return complex(index(x, (..., 0)), index(x, (..., 1)))


__all__ = ["angle", "complex", "conj", "imag", "polar", "real", "sgn", "view_as_complex", "view_as_real"]

"""Parts of complex numbers. Their rules are not complex derivatives, so they are written out for both kinds of input.

The gradient of a complex input is the conjugate Wirtinger one: the direction of steepest ascent.
"""
from __future__ import annotations

from ..core import batching
from ..core.declare import op
from .movement import _cast


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
        return xp.conj(x)

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

    linear = (0,)


__all__ = ["conj", "imag", "real"]

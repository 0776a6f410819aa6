"""Special functions with the names of ``torch.special``; this module is ``workbench.special``.

Those that every program knows (erf, lgamma, sigmoid...) are rows of `elementwise`; here are the rarer ones, and the
second names. Values come from scipy.special, which is loaded when first used. PyTorch has no derivatives of the Bessel
functions and polynomials; ours do.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core import batching
from ..core.declare import op, rule_namespace
from ..core.errors import ArgumentError, GraphError
from ..core.state import STATE
from ..core.tensor import Tensor
from . import elementwise as ew
from .elementwise import digamma, erf, erfc, erfinv, exp2, expm1, i0, i1, log1p, round, xlogy, zeta
from .elementwise import special as from_scipy
from .fused import log_softmax, softmax
from .index import where
from .polynomials import (
    chebyshev_polynomial_t,
    chebyshev_polynomial_u,
    chebyshev_polynomial_v,
    chebyshev_polynomial_w,
    hermite_polynomial_h,
    hermite_polynomial_he,
    laguerre_polynomial_l,
    legendre_polynomial_p,
    shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
)
from .reduce import logsumexp


def _row(name: str, forward: Callable[..., Any] | str, partials: tuple[str | None, ...], about: str) -> Callable[..., Any]:
    """An element-wise row that users call as ``wb.special.name``."""
    function = ew.real_inexact(name, from_scipy(forward) if isinstance(forward, str) else forward, partials, about=about)
    function.__doc__ = (function.__doc__ or "").replace(f"wb.{name}", f"wb.special.{name}")
    return function


def _airy(place: int) -> Callable[..., Any]:
    def forward(xp: Any, x: Any) -> Any:
        return ew.scipy_function(xp, "airy")(x)[place].astype(x.dtype)

    return forward


# Error function and normal distribution ------------------------------------------------------------------------------
erfcx = _row("erfcx", "erfcx", ("2 * x * o - 1.1283791670955126",), "exp(x * x) * erfc(x), without underflow.")
ndtr = _row("ndtr", "ndtr", ("exp(-0.5 * x * x) * 0.3989422804014327",), "Distribution function of the standard normal.")
log_ndtr = _row("log_ndtr", "log_ndtr", ("exp(-0.5 * x * x - o) * 0.3989422804014327",), "Logarithm of ndtr, without underflow.")
ndtri = _row("ndtri", "ndtri", ("exp(0.5 * o * o) * 2.5066282746310002",), "Inverse of ndtr.")

# Entropy and logarithms ----------------------------------------------------------------------------------------------
entr = _row("entr", "entr", ("-log(x) - 1",), "Entropy -x * log(x); 0 at 0, -inf below.")
xlog1py = _row("xlog1py", "xlog1py", ("xlog1py_dx(x, y)", "x / (1 + y)"), "x * log(1 + y), 0 where x is 0.")

# Gamma functions -----------------------------------------------------------------------------------------------------
gammainc = _row("gammainc", "gammainc", ("no_derivative(x, 'gammainc', 'the order x')", "gammainc_dy(x, y)"),
                "Regularized lower incomplete gamma function of order x at y.")
gammaincc = _row("gammaincc", "gammaincc", ("no_derivative(x, 'gammaincc', 'the order x')", "-gammainc_dy(x, y)"),
                 "Regularized upper incomplete gamma function of order x at y.")

# Bessel and Airy functions -------------------------------------------------------------------------------------------
i0e = _row("i0e", "i0e", ("i1e(x) - sign(x) * o",), "exp(-abs(x)) * i0(x).")
i1e = _row("i1e", "i1e", ("i0e(x) - sign(x) * o - ratio(o, x)",), "exp(-abs(x)) * i1(x).")
bessel_j0 = _row("bessel_j0", "j0", ("-bessel_j1(x)",), "Bessel function of the first kind, order 0.")
bessel_j1 = _row("bessel_j1", "j1", ("bessel_j0(x) - ratio(o, x)",), "Bessel function of the first kind, order 1.")
bessel_y0 = _row("bessel_y0", "y0", ("-bessel_y1(x)",), "Bessel function of the second kind, order 0.")
bessel_y1 = _row("bessel_y1", "y1", ("bessel_y0(x) - o / x",), "Bessel function of the second kind, order 1.")
modified_bessel_k0 = _row("modified_bessel_k0", "k0", ("-modified_bessel_k1(x)",), "Modified Bessel function of the second kind, order 0.")
modified_bessel_k1 = _row("modified_bessel_k1", "k1", ("-modified_bessel_k0(x) - o / x",), "Modified Bessel function of the second kind, order 1.")
scaled_modified_bessel_k0 = _row("scaled_modified_bessel_k0", "k0e", ("o - scaled_modified_bessel_k1(x)",), "exp(x) * modified_bessel_k0(x).")
scaled_modified_bessel_k1 = _row("scaled_modified_bessel_k1", "k1e", ("o - scaled_modified_bessel_k0(x) - o / x",), "exp(x) * modified_bessel_k1(x).")
airy_ai = _row("airy_ai", _airy(0), ("airy_ai_slope(x)",), "Airy function Ai.")
airy_ai_slope = ew.real_inexact("airy_ai_slope", _airy(1), ("x * airy_ai(x)",), about="Derivative of the Airy function Ai.")


@op(batch=batching.elementwise, inexact=True, holomorphic=False)
class polygamma_of_order:
    """The derivative of digamma of some order."""

    def forward(xp, x, *, order):
        sign = 1.0 if order % 2 else -1.0
        return ew.scipy_function(xp, "zeta")(order + 1.0, x).astype(x.dtype) * x.dtype.type(sign * math.factorial(order))

    def vjp(g, x, *, order):
        return g * polygamma_of_order(x, order=order + 1)


# Composites ----------------------------------------------------------------------------------------------------------
def polygamma(n: int, x: Tensor) -> Tensor:
    """The derivative of order `n` of digamma at `x`.

    Parameters
    ----------
    n : int
        At least 0.
    x : Tensor

    Raises
    ------
    ArgumentError
        If `n` is negative or no integer.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.polygamma(1, wb.tensor([1.0])).round(decimals=4)
    tensor([1.6449])
    """
    if not isinstance(n, int) or n < 0:
        raise ArgumentError(f"polygamma: the order n must be an integer of at least 0, got {n!r}; the tensor comes second")
    return polygamma_of_order(x, order=n) if n else digamma(x)


def multigammaln(a: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension `p`.

    Parameters
    ----------
    a : Tensor
        Numbers above ``(p - 1) / 2``.
    p : int
        Dimension, at least 1.

    Raises
    ------
    ArgumentError
        If `p` is below 1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.multigammaln(wb.tensor([2.0]), 1).tolist()
    [0.0]
    """
    if not isinstance(p, int) or p < 1:
        raise ArgumentError(f"multigammaln: the dimension p must be an integer of at least 1, got {p!r}")
    total = ew.lgamma(a)
    for index in range(1, p):
        total = total + ew.lgamma(a - 0.5 * index)
    return total + 0.25 * p * (p - 1) * math.log(math.pi)


def spherical_bessel_j0(x: Tensor) -> Tensor:
    """Spherical Bessel function of the first kind of order 0, ``sin(x) / x``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.spherical_bessel_j0(wb.tensor([0.0])).tolist()
    [1.0]
    """
    endless = ew.isinf(x)
    return where(endless, 0.0, ew.sinc(where(endless, 0.0, x) * (1 / math.pi)))


def logit(x: Tensor, eps: float | None = None) -> Tensor:
    """``log(x / (1 - x))``, the inverse of sigmoid.

    Parameters
    ----------
    x : Tensor
        Numbers between 0 and 1; outside the result is NaN.
    eps : float, optional
        Clamp `x` to ``[eps, 1 - eps]`` first.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.logit(wb.tensor([0.5, 1.0]), eps=0.5).tolist()
    [0.0, 0.0]
    """
    from .index import clip

    return ew.logit(x if eps is None else clip(x, eps, 1 - eps))


# Partials that do not fit an expression --------------------------------------------------------------------------------
def xlog1py_dx(x: Any, y: Any) -> Any:
    """log1p(y), and 0 where x is 0 and y is not above -1."""
    return xlog1py(ew.sign(ew.abs(x) + (y > -1)), y)


def gammainc_dy(x: Any, y: Any) -> Any:
    """The density of the gamma distribution of order `x` at `y`."""
    return ew.exp(xlogy(x - 1, y) - y - ew.lgamma(x))


def ratio(o: Any, x: Any) -> Any:
    """o / x of ``o = i1e(x)``; near 0 by its series, so that derivatives are right there too."""
    near, far = ew.lt(ew.abs(x), 0.05), ew.ge(ew.abs(x), 0.05)
    return o / (x + near) * far + ew.i1_series(x * near) * ew.exp(-ew.abs(x)) * near


def no_derivative(x: Any, name: str, what: str) -> Any:
    """Refuse: a zero would be wrong. A program being traced may drop it again, so there it is NaN."""
    if STATE.trace is None:
        raise GraphError(f"{name}: it has no derivative with respect to {what}; detach that argument")
    return x * math.nan


rule_namespace(xlog1py_dx=xlog1py_dx, gammainc_dy=gammainc_dy, ratio=ratio, no_derivative=no_derivative)

# Second names, as torch.special spells them ------------------------------------------------------------------------------
expit, gammaln, psi, sinc = ew.sigmoid, ew.lgamma, digamma, ew.sinc
modified_bessel_i0, modified_bessel_i1 = i0, i1

__all__ = ["airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "chebyshev_polynomial_t", "chebyshev_polynomial_u",
           "chebyshev_polynomial_v", "chebyshev_polynomial_w", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit",
           "expm1", "gammainc", "gammaincc", "gammaln", "hermite_polynomial_h", "hermite_polynomial_he", "i0", "i0e", "i1", "i1e",
           "laguerre_polynomial_l", "legendre_polynomial_p", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp",
           "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1", "multigammaln", "ndtr", "ndtri",
           "polygamma", "psi", "round", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "shifted_chebyshev_polynomial_t",
           "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w", "sinc", "softmax",
           "spherical_bessel_j0", "xlog1py", "xlogy", "zeta"]

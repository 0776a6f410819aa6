"""Rows of special functions, scans, running extremes and the formulas of `composite`."""
from __future__ import annotations

import dataclasses
from typing import Any

from .rows import Draw, Row
from .table_elementwise import EVERYWHERE, INF, NAN, binary, unary
from .table_structured import FLAT, apart, row, whole

X, ORDER = Draw((3, 4), 0.3, 3.0), Draw((3, 4), 0.5, 3.0, constant=True)


def _special(name: str, low: float = -2.0, high: float = 2.0, **options: Any) -> Row:
    """A function of one number that PyTorch knows the values of, and often no derivative."""
    like = unary(name, low, high, torch=f"torch.special.{name}", **{"special": (), **options})
    return dataclasses.replace(like, name=f"special.{name}", covers=(name, *like.covers))


_POLYNOMIALS = ("chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
                "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
                "shifted_chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p")
OURS = dict(torch_gradient=False)
"""PyTorch has the values only."""

SPECIAL = (
    _special("erfcx", special=(0.0, 1.0, -1.0, INF, NAN)), _special("ndtr", special=EVERYWHERE), _special("log_ndtr", special=(0.0, 1.0, -1.0, -30.0)),
    _special("ndtri", 0.05, 0.95, special=(0.25, 0.5)), _special("entr", 0.2, 3.0, special=(0.0, 1.0, -1.0, INF, NAN)),
    _special("i0e", special=(0.0, 1.0, -1.0), tolerance=1e-7), _special("i1e", special=(0.0, 1.0, -1.0), tolerance=1e-7),
    _special("bessel_j0", away=(0.0,), **OURS), _special("bessel_j1", away=(0.0,), **OURS),
    *(_special(name, 0.4, 3.0, special=(1.0, 2.5), **OURS) for name in (
        "bessel_y0", "bessel_y1", "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1")),
    _special("airy_ai", covers=("airy_ai_slope",), **OURS),
    row("special.spherical_bessel_j0", (X,), (Draw((4,), 0.5, 9.0),), torch="torch.special.spherical_bessel_j0", **OURS),
    *(row(f"special.{name}", (Draw((3, 4), 0.1, 0.9), 0), (Draw((4,), 0.1, 0.9), 1), (Draw((3,), 0.1, 0.9), 4), (Draw((2, 3), -0.5, 1.3), 6),
          torch=f"torch.special.{name}", **OURS) for name in _POLYNOMIALS),
    dataclasses.replace(binary("xlog1py", 0.1, 2.0, second=(-0.5, 3.0), torch="torch.special.xlog1py", special=(0.0, 1.0, 2.0)),
                        name="special.xlog1py", covers=("xlog1py",)),
    row("special.gammainc", (ORDER, X), torch="torch.special.gammainc", covers=("gammainc",), tolerance=1e-8),
    row("special.gammaincc", (ORDER, X), torch="torch.special.gammaincc", covers=("gammaincc",), tolerance=1e-8),
    row("polygamma", *((n, X) for n in range(4)), torch="torch.polygamma", covers=("polygamma_of_order",)),
    row("mvlgamma", (Draw((3, 4), 2.0, 4.0), 1), (Draw((4,), 2.0, 4.0), 3), torch="torch.mvlgamma"),
    unary("sinc", special=(0.0, -0.0, 1.0, -1.0, 2.5)),
)

M, N, P = Draw((3, 4)), Draw((3, 4), turned=True), Draw((4,))
NEAR = Draw((3, 4), 0.5, 2.0)

COMPOSITE = (
    binary("float_power", 0.2, 2.0, second=(-2.0, 2.0), dtypes="fi"),
    row("lerp", (M, N, 0.3), (M, P, 0.8), (M, N, Draw((3, 4), 0.0, 1.0))),
    row("addcmul", (M, N, P), (M, N, P, {"value": 0.5})), row("addcdiv", (M, N, NEAR), (M, N, NEAR, {"value": -2.0})),
    row("rsub", (M, N), (M, 2.0), (M, N, {"alpha": 3}), dtypes="fi"),
    row("ldexp", (M, whole(5, 3, 4, low=-4)), (M, Draw((4,))), **OURS),
    row("frexp", (Draw((3, 4), 0.6, 0.9),), (Draw((4,), 2.2, 3.8),), (Draw((2, 2), -0.9, -0.6),)),
    row("clamp_min", (apart(3, 4), 0.1), (apart(3, 4), Draw((4,), -1.0, 0.0, constant=True))),
    row("clamp_max", (apart(3, 4), 0.1), (apart(3, 4), Draw((4,), 0.0, 1.0, constant=True))),
    row("nan_to_num", (M,), (M, 1.0, 2.0, -2.0), special=EVERYWHERE),
    row("renorm", (M, 2, 0, 1.0), (M, 1, 1, 3.0), (Draw((2, 3, 2)), 3, -1, 1.5)),
    row("dist", (M, N), (M, P), (M, N, 1), (M, N, 3), (M, N, INF)),
    row("isclose", (M, N), (M, M, {"rtol": 0.5, "atol": 0.2}), (whole(4, 3), whole(4, 3)), **FLAT),
    row("isin", (whole(5, 3, 4), whole(5, 3)), (whole(5, 3, 4), whole(5, 2), {"invert": True}), covers=("isin",), **FLAT),
    *(row(name, (M,), (whole(4, 3),), **FLAT) for name in ("resolve_conj", "resolve_neg", "conj_physical")),
    unary("angle", away=(0.0,), special=EVERYWHERE[:-1]),
    *(Row(name, elsewhere="tests/ops/test_special_functions.py") for name in (
        "allclose", "equal", "is_floating_point", "is_complex", "is_signed", "is_nonzero")),
    *(Row(name, elsewhere="tests/ops/test_complex.py") for name in ("complex", "polar", "view_as_real", "view_as_complex")),
)

A, TURNED, DIFFERENT = Draw((2, 3, 4)), Draw((3, 4), turned=True), apart(3, 4)
PLACES = Draw((4,), 0.0, 9.0, apart=True)

SCANS = (
    row("cumulative_sum", (M, {"axis": 1}), (P,), torch="torch.cumsum(x, **{'dim': 0, **k})", dtypes="fib"),
    row("cumulative_prod", (M, {"axis": 1}), (P,), torch="torch.cumprod(x, **{'dim': 0, **k})", dtypes="fi"),
    row("logcumsumexp", (M, {"axis": 0}), (M, {"axis": -1}), (TURNED, {"axis": 1}), (Draw((1,)), {"axis": 0}), (Draw((5, 7), -50.0, 50.0), {"axis": 1}),
        covers=("running_logsumexp", "linear_recurrence")),
    row("cummax", (DIFFERENT, {"axis": 0}), (DIFFERENT, {"axis": -1}), covers=("running_argmax",), dtypes="fib"),
    row("cummin", (DIFFERENT, {"axis": 0}), (DIFFERENT, {"axis": -1}), (apart(3, 4, turned=True), {"axis": 1}), dtypes="fi"),
    row("diff", (M,), (A, {"n": 2, "dim": 1}), (M, {"n": 0}), (M, {"n": 9}), (M, 1, 0, N), (M, 1, -1, N, TURNED), dtypes="fib"),
    row("trapezoid", (M,), (M, {"dx": 0.5, "dim": 0}), (M, PLACES), (A, PLACES), (M, Draw((3,)), {"dim": 0}), (M, M), torch="torch.trapezoid"),
    row("cumulative_trapezoid", (M,), (M, {"dx": 0.5, "dim": 0}), (M, PLACES), (M, Draw((3,)), {"dim": 0}), torch="torch.cumulative_trapezoid"),
    row("gradient", (P,), (M, {"spacing": 0.5}), (A, {"axis": (0, 2), "spacing": [2.0, 0.5]}), (M, {"edge_order": 2}), (M, {"dim": 1}), torch="torch.gradient"),
)

REDUCTIONS = (
    row("nansum", (M,), (A, {"axis": (0, 2)}), (M, {"axis": 0, "keepdims": True}), dtypes="fib"),
    row("nanmean", (M,), (A, {"axis": (0, 2)}), (M, {"axis": 0, "keepdims": True})),
    row("nanmax", (DIFFERENT,), (DIFFERENT, {"axis": 1}), torch="torch.amax(x, **k)"),
    row("nanmin", (DIFFERENT,), (DIFFERENT, {"axis": 1}), torch="torch.amin(x, **k)"),
    row("var_mean", (A,), (A, {"axis": 1}), (M, {"axis": -1, "correction": 0, "keepdims": True}), (M, 0, False), torch="torch.var_mean"),
    row("std_mean", (A,), (A, {"axis": 1}), (M, {"axis": -1, "correction": 0, "keepdims": True}), torch="torch.std_mean"),
    row("aminmax", (DIFFERENT,), (DIFFERENT, {"axis": 1}), (DIFFERENT, {"axis": 0, "keepdims": True}), torch="tuple(torch.aminmax(x, **k))"),
)

ROWS: tuple[Row, ...] = (*SPECIAL, *COMPOSITE, *SCANS, *REDUCTIONS)

_SECOND_NAMES = {"expit": "sigmoid", "gammaln": "lgamma", "psi": "digamma", "modified_bessel_i0": "i0", "modified_bessel_i1": "i1", "multigammaln": "mvlgamma"}
_SAME = ("digamma", "erf", "erfc", "erfinv", "exp2", "expm1", "i0", "i1", "log1p", "log_softmax", "logit", "logsumexp", "polygamma", "round", "sinc",
         "softmax", "xlogy", "zeta")
ALIASES = {**{f"special.{name}": name for name in _SAME}, **{f"special.{name}": ours for name, ours in _SECOND_NAMES.items()},
           "igamma": "special.gammainc", "igammac": "special.gammaincc", "trapz": "trapezoid"}

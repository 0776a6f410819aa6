"""Rows of the element-wise ops: every one gets the same shapes; what differs is where it is defined and where it has kinks."""
from __future__ import annotations

import dataclasses
from typing import Any

from .rows import Case, Draw, Row

INF, NAN = float("inf"), float("nan")
SHAPES: tuple[dict[str, Any], ...] = (dict(shape=()), dict(shape=(0,)), dict(shape=(4,)), dict(shape=(3, 2), turned=True))
PAIRS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    (dict(shape=()), dict(shape=())),
    (dict(shape=(0,)), dict(shape=(0,))),
    (dict(shape=(3,)), dict(shape=())),
    (dict(shape=(1, 3)), dict(shape=(2, 1))),
    (dict(shape=(3, 2), turned=True), dict(shape=(3, 2))),
)
EVERYWHERE = (0.0, -0.0, 1.0, -1.0, 2.5, INF, -INF, NAN)


def unary(name: str, low: float = -2.0, high: float = 2.0, *, torch: str = "", away: tuple[float, ...] = (), special: Any = EVERYWHERE,
          **options: Any) -> Row:
    """A function of one number."""
    like = Draw((), low, high, kind=options.pop("kind", "f"), away=away)
    cases = tuple(Case((dataclasses.replace(like, **shape),)) for shape in SHAPES)
    return Row(name, cases, torch or f"torch.{name}", special=special, **options)


def binary(name: str, low: float = -2.0, high: float = 2.0, *, second: tuple[float, float] | None = None, torch: str = "",
           away: tuple[float, ...] = (), special: Any = EVERYWHERE, **options: Any) -> Row:
    """A function of two numbers, which broadcast."""
    kind = options.pop("kind", "f")
    x = Draw((), low, high, kind=kind, away=away)
    y = dataclasses.replace(x, low=(second or (low, high))[0], high=(second or (low, high))[1])
    cases = tuple(Case((dataclasses.replace(x, **a), dataclasses.replace(y, **b))) for a, b in PAIRS)
    return Row(name, cases, torch or f"torch.{name}", special=special, **options)


NUMBERS = EVERYWHERE[:-1]
"""Without NaN: our sign of NaN is NaN, PyTorch's is 0."""
FLAT = dict(gradient=False, order=0)
WHOLE = (-2.0, -1.0, 0.0, 1.0, 2.0)

ROWS: tuple[Row, ...] = (
    # Arithmetic
    binary("add", dtypes="fi"), binary("sub", dtypes="fi"), binary("mul", dtypes="fib"),
    binary("div", second=(0.5, 2.0), dtypes="fib"), unary("neg", dtypes="fi"), unary("positive", dtypes="fi"),
    binary("pow", 0.2, 2.0, second=(-2.0, 2.0), dtypes="f"),
    binary("floor_divide", -7.3, 7.1, second=(1.1, 3.3), order=0, gradient=False, dtypes="fi", special=()),
    binary("remainder", -7.3, 7.1, second=(1.1, 3.3), order=1, dtypes="fi", special=()),
    binary("fmod", -7.3, 7.1, second=(1.1, 3.3), order=1, dtypes="fi", special=()),
    unary("reciprocal", 0.5, 2.0, dtypes="fi"), unary("square", dtypes="fi"), unary("sqrt", 0.3, 3.0, dtypes="fi"),
    unary("rsqrt", 0.3, 3.0, dtypes="fi"),
    unary("cbrt", 0.3, 3.0, torch="x.sign() * x.abs() ** (1 / 3)", special=()),
    unary("abs", away=(0.0,), dtypes="fi"), unary("sign", away=(0.0,), dtypes="fi", special=NUMBERS), unary("sgn", away=(0.0,), dtypes="fi", special=NUMBERS),
    unary("frac", away=WHOLE, special=(0.0, 1.5, -1.5)),
    unary("floor", away=WHOLE, dtypes="fi"), unary("ceil", away=WHOLE, dtypes="fi"), unary("trunc", away=WHOLE, dtypes="fi"),
    unary("rint", away=(-1.5, -0.5, 0.5, 1.5), torch="torch.round", dtypes="fi", special=(0.5, 1.5, -0.5, 2.5, INF, NAN)),
    binary("maximum", dtypes="fib", special=(0.0, 1.0, -1.0, INF, -INF)), binary("minimum", dtypes="fib", special=(0.0, 1.0, -1.0, INF, -INF)),
    binary("fmax", dtypes="fi", special=(1.0, -1.0, INF, -INF)), binary("fmin", dtypes="fi", special=(1.0, -1.0, INF, -INF)),
    binary("copysign", dtypes="fi", away=(0.0,), special=(1.0, -1.0, 2.5)),
    binary("heaviside", away=(0.0,), special=(), **FLAT),
    # Exponentials and logarithms
    unary("exp", dtypes="fi"), unary("exp2", dtypes="fi"), unary("expm1", dtypes="fi"),
    unary("log", 0.2, 3.0, dtypes="fi"), unary("log2", 0.2, 3.0), unary("log10", 0.2, 3.0), unary("log1p", -0.7, 3.0),
    binary("logaddexp", special=(0.0, 1.0, -1.0, 800.0)), binary("logaddexp2", special=(0.0, 1.0, -1.0, 800.0)),
    binary("xlogy", 0.1, 2.0, second=(0.2, 3.0), special=(0.0, 1.0, 2.0)),
    # Trigonometric and hyperbolic
    unary("sin", dtypes="fi"), unary("cos", dtypes="fi"), unary("tan", -1.2, 1.2), unary("asin", -0.8, 0.8), unary("acos", -0.8, 0.8),
    unary("atan"), binary("atan2", away=(0.0,), special=(1.0, -1.0, INF)), unary("sinh"), unary("cosh"), unary("tanh", dtypes="fi"),
    unary("asinh"), unary("acosh", 1.3, 3.0, special=(1.0, 2.5, NAN)), unary("atanh", -0.8, 0.8), binary("hypot", away=(0.0,), special=(1.0, -2.0)),
    unary("deg2rad", dtypes="fi"), unary("rad2deg", dtypes="fi"),
    # Special functions
    unary("erf"), unary("erfc"), unary("erfinv", -0.8, 0.8, special=(0.0, NAN)),
    unary("lgamma", 0.5, 3.0, special=(1.0, 2.5)), unary("digamma", 0.5, 3.0, special=(1.0, 2.5)),
    unary("trigamma", 0.5, 3.0, torch="torch.polygamma(1, x)", special=(1.0, 2.5)),
    Row("zeta", tuple(Case((3.0, Draw(shape, 0.5, 3.0))) for shape in ((), (4,))), "torch.special.zeta(torch.tensor(x, dtype=y.dtype), y)"),
    unary("i0", special=(0.0, 1.0, -1.0)), unary("i1", torch="torch.special.i1", special=(0.0, 1.0, -1.0), tolerance=1e-7),
    unary("logit", 0.2, 0.8, special=(0.25, 0.5)), unary("sigmoid", dtypes="fi"),
    unary("log_sigmoid", torch="F.logsigmoid", special=(0.0, 1.0, -1.0, 100.0, -100.0, INF)),
    # Activations without parameters
    unary("relu", away=(0.0,), dtypes="fi", special=(0.0, 1.0, -1.0, INF, -INF, NAN)),
    unary("relu6", -2.0, 8.0, away=(0.0, 6.0), torch="F.relu6", special=(0.0, 6.0, 7.0)),
    unary("silu", torch="F.silu", special=(0.0, 1.0, -1.0, 100.0)), unary("softplus", torch="F.softplus", special=(0.0, 1.0, -1.0, INF), tolerance=1e-8),
    unary("softsign", torch="F.softsign", away=(0.0,), special=(0.0, 1.0, -1.0)), unary("gelu", torch="F.gelu", special=(0.0, 1.0, -1.0, 50.0)),
    unary("gelu_tanh", torch="F.gelu(x, approximate='tanh')", special=(0.0, 1.0, -1.0, 50.0)),
    unary("mish", torch="F.mish", special=(0.0, 1.0, -1.0, 50.0)),
    # Comparisons, logic, bits, classes of numbers
    *(binary(name, dtypes="fib", **FLAT) for name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor")),
    unary("logical_not", dtypes="fib", **FLAT),
    *(binary(name, -8, 8, kind="i", dtypes="ib", special=(), **FLAT) for name in ("bitwise_and", "bitwise_or", "bitwise_xor")),
    *(binary(name, 0, 5, kind="i", dtypes="i", special=(), **FLAT) for name in ("bitwise_left_shift", "bitwise_right_shift")),
    unary("bitwise_not", -8, 8, kind="i", dtypes="ib", special=(), **FLAT),
    *(binary(name, -12, 12, kind="i", dtypes="i", special=(), **FLAT) for name in ("gcd", "lcm")),
    *(unary(name, dtypes="fi", **FLAT) for name in ("isnan", "isinf", "isfinite", "isposinf", "isneginf", "isreal", "signbit")),
    binary("nextafter", **FLAT),
    Row("share", elsewhere="tests/ops/test_special.py"),
)

ALIASES = {"absolute": "abs", "multiply": "mul", "subtract": "sub", "divide": "div", "true_divide": "div", "negative": "neg",
           "arccos": "acos", "arcsin": "asin", "arctan": "atan", "not_equal": "ne", "greater": "gt", "greater_equal": "ge",
           "less": "lt", "less_equal": "le", "mod": "remainder",
           "arccosh": "acosh", "arcsinh": "asinh", "arctanh": "atanh", "arctan2": "atan2", "fix": "trunc", "clamp": "clip", "cat": "concat", "concatenate": "concat",
           "swapaxes": "transpose"}
"""Second names of one function; the meta-test checks that they are the same object."""

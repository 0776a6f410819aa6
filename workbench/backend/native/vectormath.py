"""Functions of one or two numbers as branch-free formulas, so that LLVM's vectorizer takes them eight at a time.

In float32 the common ones are polynomials and rational functions after range reduction (coefficients as in Cephes and
Eigen); in float64, and for rare functions, the C library is called, number by number.
"""
from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from .values import F32, F64, Value, maximum, minimum


def _horner(x: Value, coefficients: tuple[float, ...]) -> Value:
    """A polynomial, highest power first."""
    total = x.constant(coefficients[0])
    for c in coefficients[1:]:
        total = total * x + c
    return total


EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
       3.3333331174e-1)
TANH = ((-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04,
         4.89352455891786e-03), (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03))
ERF = ((-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05, -7.34990630326855e-04, -2.95459980854025e-03,
        -1.60960333262415e-02), (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02))
ROUND = 12582912.0  # 1.5 * 2**23: adding and subtracting it rounds a float32 to an integer


def exp(x: Value) -> Value:
    """2 ** n times a polynomial on [-ln2/2, ln2/2]; the scale is applied in two steps, so that tiny results are denormal and not zero."""
    if x.dtype != "float32":
        return libm("exp")(x)
    low, high = -104.0, 88.72284
    y = x.compare(">", high).where(high, x)
    y = y.compare("<", low).where(low, y)
    n = (y * 1.44269504088896341 + ROUND) - ROUND
    r = (y - n * 0.693359375) - n * -2.12194440e-4
    p = _horner(r, EXP) * r * r + r + 1.0
    k = n.to("int32")
    half = k.of(k.builder.ashr(k.value, k.constant(1).value))
    scale = lambda i: (i + 127).shift_left(23).as_float()
    out = p * scale(half) * scale(k - half)
    out = x.compare(">", high).where(math.inf, out)
    out = x.compare("<", low).where(0.0, out)
    return x.is_nan().where(x, out)


def log(x: Value) -> Value:
    """The exponent times ln 2 and a polynomial of the mantissa."""
    if x.dtype != "float32":
        return libm("log")(x)
    tiny = x.compare("<", 1.17549435e-38)
    y = tiny.where(x * 8388608.0, x)  # denormal numbers are scaled up first
    bits = y.bits()
    e = (bits.shift_right(23) - 126).to("float32") - tiny.where(x.constant(23.0), x.constant(0.0))
    m = ((bits & 0x007FFFFF) | 0x3F000000).as_float()
    small = m.compare("<", 0.707106781186547524)
    e = small.where(e - 1.0, e)
    m = small.where(m + m, m) - 1.0
    z = m * m
    out = m * z * _horner(m, LOG) + e * -2.12194440e-4 - z * 0.5 + m + e * 0.693359375
    out = x.compare("==", 0.0).where(-math.inf, out)
    out = x.compare("<", 0.0).where(math.nan, out)
    out = x.compare("==", math.inf).where(math.inf, out)
    return x.is_nan().where(x, out)


def _rational(x: Value, limit: float, top: tuple[float, ...], bottom: tuple[float, ...]) -> Value:
    y = minimum(maximum(x, x.constant(-limit)), x.constant(limit))
    z = y * y
    return y * _horner(z, top) / _horner(z, bottom)


def tanh(x: Value) -> Value:
    """An odd rational function; ±1 far out."""
    if x.dtype != "float32":
        return libm("tanh")(x)
    out = _rational(x, 7.90531110763549805, *TANH)
    out = x.compare(">", 7.9).where(1.0, out)
    out = x.compare("<", -7.9).where(-1.0, out)
    return x.intrinsic("llvm.fabs").compare("<", 4e-4).where(x, out)


def erf(x: Value) -> Value:
    """An odd rational function."""
    if x.dtype != "float32":
        return libm("erf")(x)
    out = _rational(x, 4.0, *ERF)
    return minimum(maximum(out, x.constant(-1.0)), x.constant(1.0))


def intrinsic(name: str) -> Callable[..., Value]:
    """A function that the processor has."""
    return lambda x, *others: x.intrinsic(f"llvm.{name}", *others)


def libm(name: str) -> Callable[..., Value]:
    """A function of the C library."""
    def call(x: Value, *others: Value) -> Value:
        kind, symbol = (F32, f"{name}f") if x.dtype == "float32" else (F64, name)
        module = x.builder.module
        function = module.globals.get(symbol)
        if function is None:
            function = ir.Function(module, ir.FunctionType(kind, [kind] * (1 + len(others))), symbol)
            function.attributes.add("nounwind")
        return x.of(x.builder.call(function, [x.value, *(o.to(x.dtype).value for o in others)]))

    return call


def _finite(x: Value) -> Value:
    return x.intrinsic("llvm.fabs").compare("<", math.inf)


def _pow(x: Value, y: Value) -> Value:
    return libm("pow")(x, y)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": exp, "log": log, "tanh": tanh, "erf": erf, "pow": _pow,
    "rsqrt": lambda x: 1.0 / x.intrinsic("llvm.sqrt"),
    "exp2": lambda x: libm("exp2")(x), "isnan": lambda x: x.is_nan(), "isfinite": _finite,
    "isinf": lambda x: x.intrinsic("llvm.fabs").compare("==", math.inf), "signbit": lambda x: x.bits().compare("<", 0),
    **{name: intrinsic(name) for name in ("sqrt", "fabs", "floor", "ceil", "trunc", "rint", "copysign")},
    **{name: libm(name) for name in ("expm1", "log2", "log10", "log1p", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh",
                                     "asinh", "acosh", "atanh", "erfc", "fmod", "hypot", "fmax", "fmin", "nextafter")},
}
"""What C expressions may call, for floating-point numbers."""

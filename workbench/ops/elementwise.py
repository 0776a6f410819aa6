"""The element-wise ops: one row each, from which every other rule is derived.

A row reads: name, function of the array module (``special.`` names come from scipy.special), partial derivatives in
the inputs ``x, y`` and the output ``o``, the C expression for generated kernels, and one line for the reference.
"""
from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend.dtypes import bool_ as BOOL
from ..backend.dtypes import is_half, marked
from ..core.declare import elementwise, one_call, rule_namespace
from ..core.errors import ArgumentError, DTypeError
from ..core.op import BY_UFUNC, REGISTRY

SQRT_HALF, SQRT_2_OVER_PI, INV_SQRT_2PI = 0.7071067811865476, 0.7978845608028654, 0.3989422804014327

real = functools.partial(elementwise, holomorphic=False)
"""Rows whose derivative exists only for real numbers."""
inexact = functools.partial(elementwise, inexact=True)
"""Rows that compute integers in the default float dtype."""
real_inexact = functools.partial(elementwise, inexact=True, holomorphic=False)


# Functions that array modules do not have under one name ---------------------------------------------------------
def _rsqrt(xp: Any, x: Any) -> Any:
    return 1 / xp.sqrt(x)


def _relu(xp: Any, x: Any) -> Any:
    return xp.maximum(x, 0)


def _clip6(xp: Any, x: Any) -> Any:
    return xp.minimum(xp.maximum(x, 0), 6)


def _share(xp: Any, x: Any, y: Any) -> Any:
    dtype = getattr(x, "dtype", None) or y.dtype
    return xp.where(xp.equal(x, y), 0.5, xp.greater(x, y)).astype(dtype if dtype.kind in "fV" else "float32")


def _sigmoid(xp: Any, x: Any) -> Any:
    return 1 / (1 + xp.exp(-x)) if x.dtype.kind == "c" else _special(xp, "expit")(x)


def _silu(xp: Any, x: Any) -> Any:
    return x * REGISTRY["sigmoid"].table[type(x)](x)


def _heaviside(xp: Any, x: Any, y: Any) -> Any:
    dtype = getattr(x, "dtype", None) or y.dtype
    return xp.where(x == 0, y, x > 0).astype(dtype)  # NaN gives 0, as in PyTorch; NumPy goes by float64, which holds no large integers


def _nextafter(xp: Any, x: Any, y: Any) -> Any:
    """Half precision has neighbours of its own, which the float32 that it is computed in has not."""
    dtype = getattr(x, "dtype", None) or y.dtype
    if xp is not np or not is_half(dtype):
        return xp.nextafter(x, y)
    return marked(np.asarray(np.nextafter(*(np.asarray(part, dtype).view(np.ndarray) for part in (x, y)))))


def _exp2(xp: Any, x: Any) -> Any:
    return xp.exp(x * math.log(2)) if x.dtype.kind == "c" else xp.exp2(x)


def _softplus(xp: Any, x: Any) -> Any:
    return xp.logaddexp(x, x.dtype.type(0))


def _log_sigmoid(xp: Any, x: Any) -> Any:
    return -xp.logaddexp(-x, x.dtype.type(0))


def _gelu(xp: Any, x: Any) -> Any:
    return x * 0.5 * (1 + REGISTRY["erf"].table[type(x)](x * SQRT_HALF))


def _gelu_tanh(xp: Any, x: Any) -> Any:
    return x * 0.5 * (1 + xp.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x)))


def _mish(xp: Any, x: Any) -> Any:
    return x * xp.tanh(_softplus(xp, x))


def _trigamma(xp: Any, x: Any) -> Any:
    return _special(xp, "zeta")(2.0, x)


def _logaddexp(xp: Any, x: Any, y: Any) -> Any:
    if (getattr(x, "dtype", None) or y.dtype).kind != "c":
        return xp.logaddexp(x, y)
    top = xp.where(xp.real(x) > xp.real(y), x, y)
    return top + xp.log(xp.exp(x - top) + xp.exp(y - top))


def _sinc(xp: Any, x: Any) -> Any:
    zero = xp.equal(x, 0)
    turned = math.pi * (x + zero)
    return (xp.sin(turned) / turned) * ~zero + zero


def _isreal(xp: Any, x: Any) -> Any:
    return xp.equal(xp.imag(x), 0) if x.dtype.kind == "c" else xp.ones(x.shape, bool)


def _rint(xp: Any, x: Any) -> Any:
    return xp.rint(x) if x.dtype.kind in "fVc" else x.copy()


@functools.cache
def scipy_function(xp: Any, name: str) -> Callable[..., Any]:
    """A function of scipy.special, or of CuPy's edition of it; what is missing there is computed on the host."""
    import scipy.special

    if xp.__name__ == "numpy":
        return getattr(scipy.special, name)
    import cupyx.scipy.special

    own = getattr(cupyx.scipy.special, name, None)
    return own or functools.partial(_on_host, xp, getattr(scipy.special, name))


def _on_host(xp: Any, function: Callable[..., Any], *args: Any) -> Any:
    found = function(*(arg.get() if hasattr(arg, "get") else arg for arg in args))
    return tuple(map(xp.asarray, found)) if isinstance(found, tuple) else xp.asarray(found)


@functools.cache
def _special(xp: Any, name: str) -> Callable[..., Any]:
    """A function of scipy.special that keeps the dtype of its arrays: some of SciPy's have no float16 or float32."""
    function = scipy_function(xp, name)

    def keeping_dtype(*args: Any) -> Any:
        if any(getattr(arg, "dtype", BOOL).kind == "c" for arg in args):
            raise DTypeError(f"{name}: not defined for complex numbers")
        out = function(*args)
        wanted = xp.result_type(*(arg.dtype for arg in args if hasattr(arg, "dtype")))
        return out if out.dtype == wanted else out.astype(wanted)

    return keeping_dtype


def special(name: str) -> Callable[..., Any]:
    """The function `name` of scipy.special, loaded when it is first used."""
    def forward(xp: Any, *args: Any) -> Any:
        return _special(xp, name)(*args)

    return one_call(forward)


def ordered(name: str, function: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A function that complex numbers have not; NumPy would order them by their real parts."""
    def forward(xp: Any, *args: Any) -> Any:
        for arg in args:
            if getattr(arg, "dtype", BOOL).kind == "c":
                raise DTypeError(f"{name}: not defined for complex numbers, which have no order; use abs(x) or x.real")
        return getattr(xp, name)(*args) if function is None else function(xp, *args)

    return one_call(forward) if function is None or hasattr(function, "one_call") else forward


def through(function: Callable[..., Any]) -> Callable[..., Any]:
    """A Python operator as a forward function: arrays have shortcuts there (x ** 2) that module functions lack."""
    def forward(xp: Any, *args: Any) -> Any:
        return function(*args)

    return one_call(forward)


def _divided(name: str) -> Callable[..., Any]:
    """A division that leaves integers integers: there is no infinity to answer a zero with, so it is refused (CuPy does not tell)."""
    def forward(xp: Any, x: Any, y: Any) -> Any:
        if xp is not np or (getattr(x, "dtype", None) or y.dtype).kind not in "iu":
            return getattr(xp, name)(x, y)
        try:
            with np.errstate(divide="raise"):
                return getattr(xp, name)(x, y)
        except FloatingPointError:
            raise ArgumentError(f"{name}: integers divided by zero; convert to float for inf and NaN, or leave zeros out of the divisor") from None

    return one_call(forward)


# Arithmetic -------------------------------------------------------------------------------------------------------
add = elementwise("add", "add", ("1", "1"), "{0} + {1}", about="Sum, x + y.")
sub = elementwise("sub", "subtract", ("1", "-1"), "{0} - {1}", about="Difference, x - y.")
mul = elementwise("mul", "multiply", ("y", "x"), "{0} * {1}", about="Product, x * y.")
div = inexact("div", "true_divide", ("1 / y", "-o / y"), "{0} / {1}", about="Quotient, x / y.")
positive = elementwise("positive", "positive", ("1",), "{0}", about="x itself; not for booleans.")
neg = elementwise("neg", "negative", ("-1",), "-{0}", about="Negative, -x.")
pow = elementwise("pow", through(operator.pow), ("pow_dx(x, y)", "pow_dy(x, y, o)"), "pow({0}, {1})", about="Power, x ** y; no integers to negative powers.")
floor_divide = real("floor_divide", _divided("floor_divide"), ("0", "0"), about="Quotient rounded down, x // y.")
remainder = real("remainder", _divided("remainder"), ("1", "-floor_divide(x, y)"), about="Remainder with the sign of the divisor, x % y.")
fmod = real("fmod", _divided("fmod"), ("1", "-trunc(x / y)"), "fmod({0}, {1})", about="Remainder with the sign of the dividend.")
reciprocal = inexact("reciprocal", "reciprocal", ("-o * o",), "1 / {0}", about="Reciprocal, 1 / x.")
square = elementwise("square", "square", ("2 * x",), "{0} * {0}", about="Square, x * x.")
sqrt = inexact("sqrt", "sqrt", ("0.5 / o",), "sqrt({0})", about="Square root; NaN for negative x.")
rsqrt = inexact("rsqrt", _rsqrt, ("-0.5 * o * o * o",), "rsqrt({0})", about="Reciprocal square root.")
cbrt = real_inexact("cbrt", "cbrt", ("1 / (3 * o * o)",), "cbrt({0})", about="Cube root.")
abs = real("abs", "abs", ("sgn(x)",), "fabs({0})", about="Absolute value; derivative 0 at 0.")
sign = real("sign", ordered("sign", one_call(lambda xp, x: xp.sign(x) if x.dtype.kind != "b" else x.copy())),
            ("0",), "where({0} != {0}, {0}, ({0} > 0) - ({0} < 0))", about="Sign: -1, 0 or 1; of NaN it is NaN, as in NumPy.")
frac = real("frac", lambda xp, x: x - xp.trunc(x), ("1",), "{0} - trunc({0})", about="Fractional part, with the sign of x.")
floor = real("floor", "floor", ("0",), "floor({0})", about="Largest integer not above x.")
ceil = real("ceil", "ceil", ("0",), "ceil({0})", about="Smallest integer not below x.")
trunc = real("trunc", "trunc", ("0",), "trunc({0})", about="Integer part, towards zero.")
rint = real("rint", _rint, ("0",), "rint({0})", about="Nearest integer, halves to even.")
maximum = real("maximum", ordered("maximum"), ("share(x, y)", "share(y, x)"), "max({0}, {1})", about="Larger of two; ties share the gradient.")
minimum = real("minimum", ordered("minimum"), ("share(y, x)", "share(x, y)"), "min({0}, {1})", about="Smaller of two; ties share the gradient.")
fmax = real("fmax", ordered("fmax"), ("(x >= y) | (y != y)", "((x < y) | (x != x)) & (y == y)"), "fmax({0}, {1})",
            about="Larger of two, ignoring NaN; ties go to x.")
fmin = real("fmin", ordered("fmin"), ("(x <= y) | (y != y)", "((x > y) | (x != x)) & (y == y)"), "fmin({0}, {1})",
            about="Smaller of two, ignoring NaN; ties go to x.")
share = real("share", _share, (None, None), about="1 where x > y, 0.5 where equal, else 0: how ties share a gradient.")
copysign = real_inexact("copysign", "copysign", ("sign(x) * sign(o)", "0"), "copysign({0}, {1})", about="abs(x) with the sign of y.")
heaviside = real("heaviside", _heaviside, (None, None), "where({0} == 0, {1}, {0} > 0)",
                 about="Step function: 0 below zero (and for NaN), y at zero, 1 above.")

# Exponentials and logarithms --------------------------------------------------------------------------------------
exp = inexact("exp", "exp", ("o",), "exp({0})", about="Exponential function.")
exp2 = inexact("exp2", _exp2, ("o * 0.6931471805599453",), "exp2({0})", about="Two to the power x.")
expm1 = inexact("expm1", "expm1", ("o + 1",), "expm1({0})", about="exp(x) - 1, accurate near 0.")
log = inexact("log", "log", ("1 / x",), "log({0})", about="Natural logarithm.")
log2 = inexact("log2", "log2", ("1 / (x * 0.6931471805599453)",), "log2({0})", about="Logarithm to base 2.")
log10 = inexact("log10", "log10", ("1 / (x * 2.302585092994046)",), "log10({0})", about="Logarithm to base 10.")
log1p = inexact("log1p", "log1p", ("1 / (1 + x)",), "log1p({0})", about="log(1 + x), accurate near 0.")
logaddexp = inexact("logaddexp", _logaddexp, ("exp(x - o)", "exp(y - o)"), about="log(exp(x) + exp(y)) without overflow.")
logaddexp2 = real_inexact("logaddexp2", "logaddexp2", ("exp2(x - o)", "exp2(y - o)"), about="log2(2**x + 2**y) without overflow.")
xlogy = real_inexact("xlogy", special("xlogy"), ("xlogy_dx(x, y)", "x / y"), "where(({0} == 0) && !isnan({1}), 0, {0} * log({1}))",
                     about="x * log(y), 0 where x is 0.")

# Trigonometric and hyperbolic --------------------------------------------------------------------------------------
sin = inexact("sin", "sin", ("cos(x)",), "sin({0})", about="Sine of radians.")
cos = inexact("cos", "cos", ("-sin(x)",), "cos({0})", about="Cosine of radians.")
tan = inexact("tan", "tan", ("1 + o * o",), "tan({0})", about="Tangent of radians.")
asin = inexact("asin", "arcsin", ("rsqrt(1 - x * x)",), "asin({0})", about="Inverse sine, in radians.")
acos = inexact("acos", "arccos", ("-rsqrt(1 - x * x)",), "acos({0})", about="Inverse cosine, in radians.")
atan = inexact("atan", "arctan", ("1 / (1 + x * x)",), "atan({0})", about="Inverse tangent, in radians.")
atan2 = real_inexact("atan2", "arctan2", ("over_square(y, x, y)", "-over_square(x, x, y)"), "atan2({0}, {1})", about="Angle of the point (y, x), in radians.")
sinh = inexact("sinh", "sinh", ("cosh(x)",), "sinh({0})", about="Hyperbolic sine.")
cosh = inexact("cosh", "cosh", ("sinh(x)",), "cosh({0})", about="Hyperbolic cosine.")
tanh = inexact("tanh", "tanh", ("1 - o * o",), "tanh({0})", about="Hyperbolic tangent.")
asinh = inexact("asinh", "arcsinh", ("rsqrt(x * x + 1)",), "asinh({0})", about="Inverse hyperbolic sine.")
acosh = inexact("acosh", "arccosh", ("rsqrt(x - 1) * rsqrt(x + 1)",), "acosh({0})", about="Inverse hyperbolic cosine.")
atanh = inexact("atanh", "arctanh", ("1 / (1 - x * x)",), "atanh({0})", about="Inverse hyperbolic tangent.")
sinc = inexact("sinc", _sinc, ("sinc_dx(x, o)",), about="sin(pi * x) / (pi * x), 1 at 0.")
hypot = real_inexact("hypot", "hypot", ("x / o", "y / o"), "hypot({0}, {1})", about="Length of the vector (x, y).")
deg2rad = real_inexact("deg2rad", "deg2rad", ("0.017453292519943295",), "{0} * 0.017453292519943295", about="Degrees to radians.")
rad2deg = real_inexact("rad2deg", "rad2deg", ("57.29577951308232",), "{0} * 57.29577951308232", about="Radians to degrees.")

# Special functions ---------------------------------------------------------------------------------------------------
erf = real_inexact("erf", special("erf"), ("exp(-x * x) * 1.1283791670955126",), "erf({0})", about="Error function.")
erfc = real_inexact("erfc", special("erfc"), ("exp(-x * x) * -1.1283791670955126",), "erfc({0})", about="1 - erf(x), accurate for large x.")
erfinv = real_inexact("erfinv", special("erfinv"), ("exp(o * o) * 0.886226925452758",), about="Inverse of erf.")
lgamma = real_inexact("lgamma", special("gammaln"), ("digamma(x)",), "lgamma({0})", about="Logarithm of the absolute gamma function.")
digamma = real_inexact("digamma", special("psi"), ("trigamma(x)",), about="Derivative of lgamma.")
trigamma = real_inexact("trigamma", _trigamma, ("-2 * zeta(3.0, x)",), about="Derivative of digamma.")
zeta = real_inexact("zeta", special("zeta"), ("no_derivative(x, 'zeta', 'the exponent x')", "-x * zeta(x + 1, y)"),
                    about="Hurwitz zeta function, the sum of (k + y) ** -x over k >= 0.")
i0 = real_inexact("i0", special("i0"), ("i1(x)",), about="Modified Bessel function of order 0.")
i1 = real_inexact("i1", special("i1"), ("i0(x) - i1_over_x(x)",), about="Modified Bessel function of order 1.")
logit = real_inexact("logit", special("logit"), ("1 / (x * (1 - x))",), about="log(x / (1 - x)), inverse of sigmoid.")
sigmoid = inexact("sigmoid", _sigmoid, ("o * (1 - o)",), "1 / (1 + exp(-{0}))", about="Logistic function, 1 / (1 + exp(-x)).")
log_sigmoid = real_inexact("log_sigmoid", _log_sigmoid, ("sigmoid(-x)",), about="log(sigmoid(x)) without underflow.")

# Activations without parameters ----------------------------------------------------------------------------------------
relu = real("relu", ordered("relu", _relu), ("o > 0",), "max({0}, 0)", about="Rectifier, max(x, 0).")
relu6 = real("relu6", ordered("relu6", _clip6), ("(o > 0) * (o < 6)",), "min(max({0}, 0), 6)", about="Rectifier clipped at 6.")
silu = inexact("silu", _silu, ("sigmoid(x) * (1 + x * (1 - sigmoid(x)))",), "{0} / (1 + exp(-{0}))", about="Swish, x * sigmoid(x).")
softplus = real_inexact("softplus", _softplus, ("sigmoid(x)",), "max({0}, 0) + log1p(exp(-fabs({0})))", about="Smooth rectifier, log(1 + exp(x)).")
softsign = real_inexact("softsign", ordered("softsign", lambda xp, x: x / (1 + xp.abs(x))), ("square(1 - abs(o))",), "{0} / (1 + fabs({0}))",
                        about="x / (1 + abs(x)).")
gelu = real_inexact("gelu", _gelu, ("0.5 * (1 + erf(x * 0.7071067811865476)) + x * exp(x * x * -0.5) * 0.3989422804014327",),
                    "{0} * 0.5 * (1 + erf({0} * 0.7071067811865476))", about="Gaussian error linear unit (Hendrycks and Gimpel 2016), exact form.")
gelu_tanh = real_inexact("gelu_tanh", ordered("gelu_tanh", _gelu_tanh), ("gelu_tanh_dx(x)",), about="Gaussian error linear unit, tanh approximation.")
mish = real_inexact("mish", _mish, ("mish_dx(x)",), "{0} * tanh(max({0}, 0) + log1p(exp(-fabs({0}))))", about="x * tanh(softplus(x)) (Misra 2019).")

# Comparisons, logic, classes of numbers: no gradient ------------------------------------------------------------------
eq = real("eq", "equal", (None, None), "{0} == {1}", about="Are they equal?")
ne = real("ne", "not_equal", (None, None), "{0} != {1}", about="Are they different?")
lt = real("lt", ordered("less"), (None, None), "{0} < {1}", about="Is x smaller than y?")
le = real("le", ordered("less_equal"), (None, None), "{0} <= {1}", about="Is x at most y?")
gt = real("gt", ordered("greater"), (None, None), "{0} > {1}", about="Is x larger than y?")
ge = real("ge", ordered("greater_equal"), (None, None), "{0} >= {1}", about="Is x at least y?")
logical_and = real("logical_and", "logical_and", (None, None), "{0} && {1}", about="Are both true (non-zero)?")
logical_or = real("logical_or", "logical_or", (None, None), "{0} || {1}", about="Is at least one true?")
logical_xor = real("logical_xor", "logical_xor", (None, None), "!{0} != !{1}", about="Is exactly one true?")
logical_not = real("logical_not", "logical_not", (None,), "!{0}", about="Is it false (zero)?")
bitwise_and = real("bitwise_and", "bitwise_and", (None, None), "{0} & {1}", about="Bits set in both.")
bitwise_or = real("bitwise_or", "bitwise_or", (None, None), "{0} | {1}", about="Bits set in at least one.")
bitwise_xor = real("bitwise_xor", "bitwise_xor", (None, None), "{0} ^ {1}", about="Bits set in exactly one.")
bitwise_not = real("bitwise_not", "invert", (None,), "~{0}", about="Every bit flipped.")
bitwise_left_shift = real("bitwise_left_shift", "left_shift", (None, None), "{0} << {1}", about="Bits moved up.")
bitwise_right_shift = real("bitwise_right_shift", "right_shift", (None, None), "{0} >> {1}", about="Bits moved down.")
isnan = real("isnan", "isnan", (None,), "isnan({0})", about="Is it not a number?")
isinf = real("isinf", "isinf", (None,), "isinf({0})", about="Is it infinite?")
isfinite = real("isfinite", "isfinite", (None,), "isfinite({0})", about="Is it neither infinite nor NaN?")
signbit = real("signbit", "signbit", (None,), "signbit({0})", about="Is the sign bit set?")
isposinf = real("isposinf", "isposinf", (None,), about="Is it plus infinity?")
isneginf = real("isneginf", "isneginf", (None,), about="Is it minus infinity?")
isreal = real("isreal", _isreal, (None,), about="Has it no imaginary part?")
nextafter = real("nextafter", one_call(_nextafter), (None, None), "nextafter({0}, {1})", about="Next number after x towards y.")
gcd = real("gcd", "gcd", (None, None), about="Greatest common divisor of integers.")
lcm = real("lcm", "lcm", (None, None), about="Least common multiple of integers.")


# Partials that do not fit an expression --------------------------------------------------------------------------------
def pow_dx(x: Any, y: Any) -> Any:
    """y * x ** (y - 1), and 0 where y is 0, also at x = 0."""
    if isinstance(y, (int, float)):
        return y * x ** (y - 1) if y != 0 else REGISTRY["zeros_like"].call(x)
    zero = eq(y, 0)
    return y * pow(x, y - 1 + zero)


def pow_dy(x: Any, y: Any, o: Any) -> Any:
    """o * log(x), and 0 where x is 0 and y is not negative."""
    if isinstance(x, (int, float)):
        return o * (math.log(x) if x > 0 else 0.0 if x == 0 else float("nan"))
    safe = x + eq(x, 0) * ge(y if y.dtype.kind != "c" else REGISTRY["real"].call(y), 0)
    return o * log(safe)


def over_square(o: Any, x: Any, y: Any) -> Any:
    """o / (x * x + y * y) for one of both, without overflow, and 0 at the origin."""
    length = hypot(x, y)
    length = length + eq(length, 0)
    return o / length / length


def xlogy_dx(x: Any, y: Any) -> Any:
    """log(y), and 0 where x is 0 and y is not positive."""
    return xlogy(sign(abs(x) + (y > 0)), y)


def gelu_tanh_dx(x: Any) -> Any:
    """Derivative of the tanh approximation of GELU."""
    t = tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SQRT_2_OVER_PI * (1 + 0.134145 * x * x)


def mish_dx(x: Any) -> Any:
    """Derivative of mish."""
    t = tanh(softplus(x))
    return t + x * sigmoid(x) * (1 - t * t)


def i1_over_x(x: Any) -> Any:
    """i1(x) / x; near 0 by its series, so that derivatives are right there too."""
    near, far = lt(abs(x), 0.05), ge(abs(x), 0.05)
    return i1(x) / (x + near) * far + i1_series(x * near) * near


def i1_series(x: Any) -> Any:
    """i1(x) / x for numbers near 0."""
    q = x * x
    return 0.5 + q * (1 / 16 + q * (1 / 384 + q * (1 / 18432 + q / 1474560)))


def sinc_dx(x: Any, o: Any) -> Any:
    """Derivative of sinc, 0 at 0."""
    return (cos(math.pi * x) - o) / (x + eq(x, 0)) * ne(x, 0)


BY_UFUNC.update(power=pow, less=lt, less_equal=le, greater=gt, greater_equal=ge)
rule_namespace(sinc_dx=sinc_dx, pow_dx=pow_dx, pow_dy=pow_dy, xlogy_dx=xlogy_dx, gelu_tanh_dx=gelu_tanh_dx, mish_dx=mish_dx, i1_over_x=i1_over_x,
               over_square=over_square)


def round(x: Any, decimals: int = 0) -> Any:
    """The nearest number with `decimals` places, halves to even; no gradient flows.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.round(wb.tensor([0.5, 1.5])).tolist()
    [0.0, 2.0]
    """
    return rint(x * 10.0**decimals) / 10.0**decimals if decimals else rint(x)


# Second names, as NumPy and PyTorch spell them ---------------------------------------------------------------------------
absolute, multiply, subtract, divide, true_divide, negative, mod = abs, mul, sub, div, div, neg, remainder
arccos, arcsin, arctan, arctan2 = acos, asin, atan, atan2
arccosh, arcsinh, arctanh, fix = acosh, asinh, atanh, trunc
not_equal, greater, greater_equal, less, less_equal = ne, gt, ge, lt, le

__all__ = ["round", *(name for name, value in globals().items() if hasattr(value, "op") and name != "share")]

"""The mathematical functions of generated loops: formulas on vectors, without tables, branches or calls where it pays.

Each reduces its argument to a small interval and evaluates a polynomial there, with an error of one to two units in the
last place (tan three, erfc four); infinities, NaN, signed zeros and denormals come out as in C. What would be long
(lgamma, fmod, hypot in float64), and angles too large to reduce simply, is left to the C library, lane by lane.
"""
from __future__ import annotations

import math
from collections.abc import Callable

from . import coefficients as table
from .values import Value, fma, polynomial, where

INF, NAN = math.inf, math.nan
LOG2_E = 1.4426950408889634
ROUNDER = {"float32": 12582912.0, "float64": 6755399441055744.0}
"""Added to a number, it leaves the nearest integer in the low bits."""
LN2 = {"float32": (0.693359375, -2.1219444e-4), "float64": (0.6931471803691238, 1.9082149292705877e-10)}
"""log(2) in two parts; products of the first with an exponent are exact."""
LN2_LONG = {"float32": (0.6931471824645996, -1.9046542121259336e-09), "float64": (math.log(2), 2.3190468138462996e-17)}
TWO_THIRDS = {"float32": (0.6666666865348816, -1.9868215517249155e-08), "float64": (2 / 3, 3.700743415417188e-17)}
"""log(2) and 2/3 in two parts, both of full length."""
LOG10_2 = (0.301025390625, 4.605038981195214e-06)
MANTISSA = {"float32": 23, "float64": 52}
BIAS = {"float32": 127, "float64": 1023}
TINY = {"float32": 1.1754943508222875e-38, "float64": 2.2250738585072014e-308}
"""The smallest normal number."""
INTEGER = {"float32": "int32", "float64": "int64"}
HALF_PI = {"float32": (1.5707963705062866, -4.371138828673793e-08), "float64": (1.5707963267948966, 6.123233995736766e-17)}
ANGLE = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)
"""pi / 2 in three parts of float64; products of the first two with integers below 2**20 are exact."""
LARGEST_ANGLE = 8e5


# Parts of several functions ---------------------------------------------------------------------------------------
def copysign(x: Value, y: Value) -> Value:
    """abs(x) with the sign of y."""
    return x.block.intrinsic("copysign", x, y)


def floor(x: Value) -> Value:
    """Largest integer not above x."""
    return x.block.intrinsic("floor", x)


def sqrt(x: Value) -> Value:
    """Square root."""
    return x.block.intrinsic("sqrt", x)


def _power_of_two(exponent: Value, dtype: str) -> Value:
    """2 ** exponent for an integer in the range of normal numbers."""
    return ((exponent + BIAS[dtype]) << MANTISSA[dtype]).bits(dtype)


def _nearest(x: Value) -> tuple[Value, Value]:
    """The nearest integer as a float and as an integer; abs(x) is below 2 ** 22 (float32) or 2 ** 51."""
    integer = INTEGER[x.dtype]
    shifted = x + ROUNDER[x.dtype]
    return shifted - ROUNDER[x.dtype], shifted.bits(integer) - x.of(ROUNDER[x.dtype]).bits(integer)


def _clip(x: Value, low: float, high: float) -> Value:
    """x between two numbers; NaN stays."""
    x = where(x < low, low, x)
    return where(x > high, high, x)


def _exp_parts(x: Value, low_part: Value | None = None) -> tuple[Value, Value]:
    """(p, n) with exp(x), or exp(x + low_part), = (1 + p) * 2 ** n, for x in a range where n is a normal exponent."""
    n, exponent = _nearest(x * LOG2_E)
    high, low = LN2[x.dtype]
    r = fma(-n, low, fma(-n, high, x))
    r = r if low_part is None else r + low_part
    return fma(r * r, polynomial(r, table.EXP[x.dtype]), r), exponent


def _scaled(x: Value, exponent: Value) -> Value:
    """x * 2 ** exponent in two steps, so that denormal results are rounded once."""
    half = exponent >> 1
    return x * _power_of_two(half, x.dtype) * _power_of_two(exponent - half, x.dtype)


def lanes(name: str, *values: Value) -> Value:
    """A function of the C library on each lane, in a loop of its own."""
    block, dtype = values[0].block, values[0].dtype
    scalar, kind, width = block.type(dtype, 1), values[0].type, block.width
    symbol = name + ("f" if dtype == "float32" else "")
    block.module.declare(f"declare {scalar} @{symbol}({', '.join([scalar] * len(values))})")
    if width == 1:
        return block.value(f"call {scalar} @{symbol}({', '.join(f'{scalar} {v.text}' for v in values)})", dtype)
    helper = f"lanes.{symbol}.{width}"
    block.module.define(helper, lambda: _lane_loop(helper, symbol, scalar, kind, width, len(values)))
    return block.value(f"call {kind} @{helper}({', '.join(f'{kind} {v.text}' for v in values)})", dtype)


def _lane_loop(helper: str, symbol: str, scalar: str, kind: str, width: int, count: int) -> str:
    """The text of a function that calls `symbol` for every lane."""
    inputs = range(count)
    store = "\n".join(f"  %p{k} = alloca {kind}\n  store {kind} %x{k}, ptr %p{k}" for k in inputs)
    load = "\n".join(f"  %q{k} = getelementptr {scalar}, ptr %p{k}, i64 %i\n  %s{k} = load {scalar}, ptr %q{k}" for k in inputs)
    return f"""define internal {kind} @{helper}({', '.join(f'{kind} %x{k}' for k in inputs)}) noinline {{
entry:
{store}
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
{load}
  %r = call {scalar} @{symbol}({', '.join(f'{scalar} %s{k}' for k in inputs)})
  store {scalar} %r, ptr %q0
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, {width}
  br i1 %more, label %loop, label %done
done:
  %o = load {kind}, ptr %p0
  ret {kind} %o
}}"""


# Exponentials and logarithms -----------------------------------------------------------------------------------------
EXP_RANGE = {"float32": (-104.0, 89.0), "float64": (-746.0, 710.0)}
HALF_EXP_LIMIT = {"float32": 89.5, "float64": 710.6}
"""exp(x) / 2 is infinite from here on."""


def exp(x: Value) -> Value:
    """Exponential function; exactly 0 at -inf."""
    p, n = _exp_parts(_clip(x, *EXP_RANGE[x.dtype]))
    return _scaled(p + 1.0, n)


def exp2(x: Value) -> Value:
    """2 ** x, exact for integers."""
    x = _clip(x, *((-151.0, 129.0) if x.dtype == "float32" else (-1076.0, 1025.0)))
    n, exponent = _nearest(x)
    r = (x - n) * math.log(2)
    return _scaled(fma(r * r, polynomial(r, table.EXP[x.dtype]), r) + 1.0, exponent)


def _half_expm1(x: Value) -> Value:
    """(exp(x) - 1) / 2, which overflows only where sinh does."""
    p, n = _exp_parts(_clip(x, -50.0, HALF_EXP_LIMIT[x.dtype]))
    scale = _power_of_two(n - 2, x.dtype)
    return fma(p, scale, scale - 0.25) * 2.0


def expm1(x: Value) -> Value:
    """exp(x) - 1, accurate near 0."""
    return where(x.equals(0.0), x, _half_expm1(x) * 2.0)


def _log_parts(x: Value) -> tuple[Value, Value]:
    """(m, e) with x = (1 + m) * 2 ** e and 1 + m between sqrt(1/2) and sqrt(2), for a positive number."""
    dtype, integer, mantissa = x.dtype, INTEGER[x.dtype], MANTISSA[x.dtype]
    small = x < TINY[dtype]
    bits = where(small, x * 2.0 ** (mantissa + 2), x).bits(integer)
    root = _bits_of_sqrt_half(dtype)
    exponent = (bits - root) >> mantissa
    m = (bits - (exponent << mantissa)).bits(dtype) - 1.0
    exponent = where(small, exponent - (mantissa + 2), exponent)
    if dtype == "float32":
        return m, exponent.to(dtype)
    # There is no vector instruction from int64 to float64 before AVX-512: place the integer in the low bits.
    shift = x.of(ROUNDER[dtype])
    return m, (exponent + shift.bits(integer)).bits(dtype) - ROUNDER[dtype]


def _bits_of_sqrt_half(dtype: str) -> int:
    return 0x3F3504F3 if dtype == "float32" else 0x3FE6A09E667F3BCD


def _log1p_small(m: Value) -> tuple[Value, Value]:
    """(a, b) with log(1 + m) = m - (a - b): half the square, and what is left."""
    s = m / (m + 2.0)
    square = m * m * 0.5
    z = s * s
    return square, s * fma(z, polynomial(z, table.LOG[m.dtype]), square)


def _log_edges(x: Value, result: Value) -> Value:
    """What a logarithm is at 0, infinity, and below 0."""
    result = where(x > 0.0, result, where(x.equals(0.0), x.of(-INF), x.of(NAN)))
    return where(x.equals(INF), INF, result)


def log(x: Value) -> Value:
    """Natural logarithm."""
    m, e = _log_parts(x)
    high, low = LN2[x.dtype]
    square, rest = _log1p_small(m)
    return _log_edges(x, fma(e, high, m - (square - fma(e, low, rest))))


def log2(x: Value) -> Value:
    """Logarithm to base 2, exact for powers of 2."""
    m, e = _log_parts(x)
    square, rest = _log1p_small(m)
    return _log_edges(x, fma(m - (square - rest), LOG2_E, e))


def log10(x: Value) -> Value:
    """Logarithm to base 10."""
    m, e = _log_parts(x)
    square, rest = _log1p_small(m)
    high, low = LOG10_2
    return _log_edges(x, fma(e, high, fma(m - (square - rest), math.log10(math.e), e * low)))


def log1p(x: Value) -> Value:
    """log(1 + x), accurate near 0: what rounding took from 1 + x is given back."""
    u = x + 1.0
    lost = (x - (u - 1.0)) / u
    result = log(u) + where(u < INF, where(u > 0.0, lost, 0.0), 0.0)
    return where(x.equals(0.0), x, result)


# Trigonometric ------------------------------------------------------------------------------------------------------------
def _angle(x: Value) -> tuple[Value, Value]:
    """(r, q) with x = r + q * pi / 2 and abs(r) at most pi / 4; q an integer of the size of x."""
    wide = x.to("float64")
    n, quadrant = _nearest(wide * (2 / math.pi))
    first, second, third = ANGLE
    r = fma(-n, second, fma(-n, first, wide))
    if x.dtype == "float64":
        r = fma(-n, third, r)
    return r.to(x.dtype), quadrant.to(INTEGER[x.dtype])


def _sine_cosine(r: Value) -> tuple[Value, Value]:
    """Sine and cosine of a reduced angle."""
    z = r * r
    sine = fma(r * z, polynomial(z, table.SIN[r.dtype]), r)
    return sine, fma(z * z, polynomial(z, table.COS[r.dtype]), 1.0 - z * 0.5)


def _unless_huge(x: Value, name: str, usual: Callable[[Value], Value]) -> Value:
    """`usual(x)`, but by the C library when an angle of the vector is too large to reduce simply."""
    block = x.block
    huge = abs(x) > LARGEST_ANGLE
    if block.width == 1:
        anywhere = huge.text
    else:
        kind = block.type("bool")
        block.module.declare(f"declare i1 @llvm.vector.reduce.or.v{block.width}i1({kind})")
        anywhere = block.assign(f"call i1 @llvm.vector.reduce.or.v{block.width}i1({kind} {huge.text})")
    rare, common, end = block.name("rare"), block.name("common"), block.name("end")
    block.module.declare('!0 = !{!"branch_weights", i32 1, i32 1000}')
    block.write(f"br i1 {anywhere}, label %{rare}, label %{common}, !prof !0")
    block.start(rare)
    slow = lanes(name, x)
    block.write(f"br label %{end}")
    block.start(common)
    fast, from_ = usual(x), block.label
    block.write(f"br label %{end}")
    block.start(end)
    return block.value(f"phi {x.type} [ {slow.text}, %{rare} ], [ {fast.text}, %{from_} ]", x.dtype)


def _quarter_turns(shift: int) -> Callable[[Value], Value]:
    def usual(x: Value) -> Value:
        r, q = _angle(x)
        q = q + shift if shift else q
        sine, cosine = _sine_cosine(r)
        size = where((q & 1).equals(0), sine, cosine)
        return where((q & 2).equals(0), size, -size)

    return usual


def sin(x: Value) -> Value:
    """Sine of radians."""
    return where(x.equals(0.0), x, _unless_huge(x, "sin", _quarter_turns(0)))


def cos(x: Value) -> Value:
    """Cosine of radians."""
    return _unless_huge(x, "cos", _quarter_turns(1))


def tan(x: Value) -> Value:
    """Tangent of radians."""
    def usual(x: Value) -> Value:
        r, q = _angle(x)
        sine, cosine = _sine_cosine(r)
        even = (q & 1).equals(0)
        return where(even, sine, -cosine) / where(even, cosine, sine)

    return where(x.equals(0.0), x, _unless_huge(x, "tan", usual))


def _atan_unit(x: Value) -> Value:
    """atan for abs(x) <= 1."""
    z = x * x
    return fma(x * z, polynomial(z, table.ATAN[x.dtype]), x)


def atan(x: Value) -> Value:
    """Inverse tangent."""
    size = abs(x)
    large = size > 1.0
    angle = _atan_unit(where(large, 1.0 / size, size))
    high, low = HALF_PI[x.dtype]
    return copysign(where(large, high - (angle - low), angle), x)


def atan2(y: Value, x: Value) -> Value:
    """Angle of the point (x, y)."""
    across, up = abs(x), abs(y)
    steep = up > across
    small, large = where(steep, across, up), where(steep, up, across)
    ratio = where(large.equals(0.0), 0.0, where(small.equals(INF), 1.0, small / large))
    high, low = HALF_PI[x.dtype]
    angle = _atan_unit(ratio)
    angle = where(steep, high - (angle - low), angle)
    negative = x.bits(INTEGER[x.dtype]) < 0
    angle = where(negative, 2 * high - (angle - 2 * low), angle)
    return where(x.is_nan() | y.is_nan(), x + y, copysign(angle, y))


def _asin_half(x: Value, z: Value) -> Value:
    """asin for abs(x) <= 1/2, given its square."""
    return fma(x * z, polynomial(z, table.ASIN[x.dtype]), x)


def asin(x: Value) -> Value:
    """Inverse sine; near 1 through the half angle."""
    size = abs(x)
    near = size > 0.5
    z = where(near, 0.5 - size * 0.5, size * size)
    angle = _asin_half(where(near, sqrt(z), size), z)
    high, low = HALF_PI[x.dtype]
    return copysign(where(near, high - (angle * 2.0 - low), angle), x)


def acos(x: Value) -> Value:
    """Inverse cosine."""
    size = abs(x)
    near = size > 0.5
    z = where(near, 0.5 - size * 0.5, size * size)
    angle = _asin_half(where(near, sqrt(z), x), z)
    high, low = HALF_PI[x.dtype]
    ends = where(x < 0.0, 2 * high - (angle * 2.0 - 2 * low), angle * 2.0)
    return where(near, ends, high - (angle - low))


# Hyperbolic ---------------------------------------------------------------------------------------------------------------
def tanh(x: Value) -> Value:
    """Hyperbolic tangent."""
    # With h = (exp(2x) - 1) / 2 it is h / (h + 1). Reducing x instead of 2x only scales the coefficients by powers of 2.
    size = abs(x)
    size = where(size > 25.0, 25.0, size)
    n, exponent = _nearest(size * (2 * LOG2_E))
    high, low = LN2[x.dtype]
    r = fma(-n, low / 2, fma(-n, high / 2, size))
    p = fma(r * r, polynomial(r, [c * 2.0 ** (k + 1) for k, c in enumerate(table.EXP[x.dtype])]), r)
    scale = _power_of_two(exponent, x.dtype)
    half = fma(p, scale, fma(scale, 0.5, -0.5))
    return copysign(half / (half + 1.0), x)


def sinh(x: Value) -> Value:
    """Hyperbolic sine."""
    half = _half_expm1(abs(x))
    return copysign(half + where(half < INF, half / (half * 2.0 + 1.0), 0.0), x)


def cosh(x: Value) -> Value:
    """Hyperbolic cosine."""
    p, n = _exp_parts(_clip(abs(x), 0.0, HALF_EXP_LIMIT[x.dtype]))
    half = (p + 1.0) * _power_of_two(n - 2, x.dtype) * 2.0
    return half + 0.25 / half


def asinh(x: Value) -> Value:
    """Inverse hyperbolic sine."""
    size = abs(x)
    large = size > 2.0 ** (MANTISSA[x.dtype] / 2 + 1)
    tame = where(large, 0.0, size)
    square = tame * tame
    result = log1p(where(large, size - 1.0, tame + square / (sqrt(square + 1.0) + 1.0)))
    return copysign(where(large, result + math.log(2), result), x)


def acosh(x: Value) -> Value:
    """Inverse hyperbolic cosine."""
    large = x > 2.0 ** (MANTISSA[x.dtype] / 2 + 1)
    t = where(large, 0.0, x - 1.0)
    result = log1p(where(large, x - 1.0, t + sqrt(fma(t, t, t + t))))
    return where(x < 1.0, NAN, where(large, result + math.log(2), result))


def atanh(x: Value) -> Value:
    """Inverse hyperbolic tangent."""
    size = abs(x)
    return copysign(log1p((size + size) / (1.0 - size)) * 0.5, x)


# Others ---------------------------------------------------------------------------------------------------------------------
def rsqrt(x: Value) -> Value:
    """Reciprocal square root."""
    return 1.0 / sqrt(x)


def _erfc_positive(x: Value) -> Value:
    """erfc for x >= 0. The rounding error of x² would be multiplied by x²; it is kept and given back."""
    x = where(x > 28.0, 28.0, x)
    t = (x - 4.0) / (x + 4.0)
    square = x * x
    error = x.block.intrinsic("fma", x, x, -square)
    tail = polynomial(t, table.ERFC[x.dtype]) / fma(x, 2.0, 1.0)
    return tail * exp(-square) * (1.0 - error)


def erf(x: Value) -> Value:
    """Error function."""
    size = abs(x)
    near = fma(x, polynomial(x * x, table.ERF[x.dtype]), x)
    if x.dtype == "float64":
        tail = _erfc_positive(size)
    else:  # relative accuracy of the tail is of no use here, and float32 needs no second and third division
        p, n = _exp_parts(polynomial(where(size > 4.0, 4.0, size), table.LOG_ERFC))
        scale = _power_of_two(n, x.dtype)
        tail = fma(p, scale, scale)
    return where(size < 1.0, near, copysign(1.0 - tail, x))


def erfc(x: Value) -> Value:
    """1 - erf(x), accurate for large x."""
    tail = _erfc_positive(abs(x))
    near = 1.0 - fma(x, polynomial(x * x, table.ERF[x.dtype]), x)
    return where(abs(x) < 0.5, near, where(x < 0.0, 2.0 - tail, tail))


def hypot(x: Value, y: Value) -> Value:
    """Length of the vector (x, y), infinite if one of them is."""
    if x.dtype == "float64":
        return lanes("hypot", x, y)
    wide, other = x.to("float64"), y.to("float64")
    length = sqrt(fma(wide, wide, other * other)).to("float32")
    return where(abs(x).equals(INF), INF, where(abs(y).equals(INF), INF, length))


def cbrt(x: Value) -> Value:
    """Cube root: a third of the exponent, then Halley's iteration, each of which triples the number of right digits."""
    dtype, size = x.dtype, abs(x)
    small, large = size < TINY[dtype], size > 2.0**60
    a = where(small, size * 2.0**54, where(large, size * 2.0**-54, size))
    if dtype == "float32":
        third = (a.bits("int32").to("float32") * (1 / 3)).to("int32")
    else:  # the upper half of the bits is enough, and vectors convert it by way of the low bits of a float
        rounder = x.of(ROUNDER[dtype])
        upper = ((a.bits("int64") >> 32) + rounder.bits("int64")).bits(dtype) - ROUNDER[dtype]
        third = _nearest(upper * (1 / 3))[1] << 32
    y = (third + int((BIAS[dtype] - 0.033) * 2 / 3 * 2.0 ** MANTISSA[dtype])).bits(dtype)
    for _ in range(2 if dtype == "float32" else 3):
        square = y * y
        y = fma(y, fma(-square, y, a) / fma(square * 2.0, y, a), y)
    y = where(small, y * 2.0**-18, where(large, y * 2.0**18, y))
    return where((size > 0.0) & (size < INF), copysign(y, x), x)


def _product(x: Value, y: Value) -> tuple[Value, Value]:
    """x * y exactly, in two parts. The multiplication is plain: fused with a later addition it would not be rounded."""
    high = x.block.value(f"fmul {x.type} {x.text}, {y.text}", x.dtype)
    return high, x.block.intrinsic("fma", x, y, -high)


def _sum(x: Value, y: Value) -> tuple[Value, Value]:
    """x + y exactly, in two parts, where x is 0 or not smaller than y."""
    high = x + y
    return high, y - (high - x)


def _long_log(x: Value) -> tuple[Value, Value]:
    """log(x) in two parts, for positive finite x."""
    m, e = _log_parts(x)
    (third, third_low), (ln2, ln2_low) = TWO_THIRDS[x.dtype], LN2_LONG[x.dtype]
    divisor = m + 2.0
    s = m / divisor
    s_low = (x.block.intrinsic("fma", -s, divisor, m) - s * (m - (divisor - 2.0))) / divisor
    z, z_low = _product(s, s)
    z_low = fma(s * 2.0, s_low, z_low)
    p, p_low = _sum(x.of(third), z * polynomial(z, table.LOG_LONG[x.dtype]))
    w, w_low = _product(z, p)
    w_low = w_low + fma(z, p_low + third_low, z_low * p)
    v, v_low = _product(s, w)
    v_low = v_low + fma(s, w_low, s_low * w)
    powers, powers_low = _product(e, x.of(ln2))
    first, first_low = _sum(powers, s * 2.0)
    second, second_low = _sum(first, v)
    return _sum(second, first_low + second_low + fma(e, ln2_low, powers_low) + fma(s_low, 2.0, v_low))


def _power_of_positive(x: Value, y: Value) -> Value:
    """x ** y: the error of the logarithm is multiplied by its size, so it has two parts."""
    high, low = _long_log(x)
    p, p_low = _product(y, high)
    p_low = fma(y, low, p_low)
    inside = (x > 0.0) & (x < INF)
    edge = where(x.equals(0.0), x.of(-INF), x) * y
    least, most = EXP_RANGE[x.dtype]
    p, n = _exp_parts(_clip(where(inside, p, edge), least, most), where(inside & (abs(p) < -least), p_low, 0.0))
    return _scaled(p + 1.0, n)


def power(x: Value, y: Value) -> Value:
    """x ** y."""
    size = _power_of_positive(abs(x), y)
    whole, half = floor(y).equals(y), y * 0.5
    odd = whole & ~floor(half).equals(half)
    size = where(abs(x).equals(1.0) & abs(y).equals(INF), 1.0, size)
    size = where(is_negative(x) & odd, -size, size)
    size = where((x < 0.0) & ~whole & (x > -INF), NAN, size)
    return where(x.equals(1.0) | y.equals(0.0), 1.0, size)


def lgamma(x: Value) -> Value:
    """Logarithm of the absolute gamma function; at -inf it is what SciPy says, as in the op."""
    return where(x.equals(-INF), x, lanes("lgamma", x))


def remainder_of_truncation(x: Value, y: Value) -> Value:
    """C's fmod."""
    return lanes("fmod", x, y)


def nextafter(x: Value, y: Value) -> Value:
    """Next number after x towards y."""
    integer = INTEGER[x.dtype]
    bits = x.bits(integer)
    away = (y > x) ^ (x < 0.0)
    moved = where(away, bits + 1, bits - 1).bits(x.dtype)
    least = copysign(x.of(5e-324 if x.dtype == "float64" else 1.401298464324817e-45), y)
    result = where(x.equals(0.0), least, moved)
    return where(x.is_nan() | y.is_nan(), x + y, where(x.equals(y), y, result))


def is_negative(x: Value) -> Value:
    """Is the sign bit set?"""
    return x.bits(INTEGER[x.dtype]) < 0 if x.is_float else x < 0


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": exp, "exp2": exp2, "expm1": expm1, "log": log, "log2": log2, "log10": log10, "log1p": log1p,
    "sin": sin, "cos": cos, "tan": tan, "asin": asin, "acos": acos, "atan": atan, "atan2": atan2,
    "sinh": sinh, "cosh": cosh, "tanh": tanh, "asinh": asinh, "acosh": acosh, "atanh": atanh,
    "erf": erf, "erfc": erfc, "lgamma": lgamma, "sqrt": sqrt, "rsqrt": rsqrt, "cbrt": cbrt, "hypot": hypot,
    "copysign": copysign, "fmod": remainder_of_truncation, "nextafter": nextafter,
}
"""Functions of floating values by their C names; those that integers have too are in `expression`."""

// What NumPy means where CUDA C means something else, or has no name for it. Included in front of every generated kernel.
namespace wb {

template <typename T> __device__ inline bool is_nan(T x) { return x != x; }
template <typename T> __device__ inline T max(T x, T y) { return is_nan(x) || x > y ? x : y; }
template <typename T> __device__ inline T min(T x, T y) { return is_nan(x) || x < y ? x : y; }
template <typename T> __device__ inline T fmax(T x, T y) { return is_nan(y) || x >= y ? x : y; }
template <typename T> __device__ inline T fmin(T x, T y) { return is_nan(y) || x <= y ? x : y; }
template <typename T> __device__ inline T sign(T x) { return is_nan(x) ? x : (T)((x > (T)0) - (x < (T)0)); }
template <typename T> __device__ inline T softplus(T x) { return max(x, (T)0) + ::log1p(::exp(-::fabs(x))); }
template <typename T> __device__ inline T lgamma(T x) { return x < 0 && x == x - 1 && x * 0 != 0 ? x : ::lgamma(x); }

// Floats: C's fmod, moved to the side of the divisor.
template <typename T> __device__ inline T remainder(T x, T y) {
    T rest = ::fmod(x, y);
    if (rest == 0) return ::copysign((T)0, y);
    return (rest < 0) != (y < 0) ? rest + y : rest;
}
// The quotient of what the remainder leaves, as rounding x / y may step over an integer.
template <typename T> __device__ inline T floor_divide(T x, T y) {
    if (y == 0) return x / y;
    T rest = ::fmod(x, y);
    if (rest != 0 && (rest < 0) != (y < 0)) rest += y;
    T quotient = (x - rest) / y;
    if (quotient == 0) return ::copysign((T)0, x / y);
    T whole = ::floor(quotient);
    return quotient - whole > (T)0.5 ? whole + 1 : whole;
}

// Integers: division by zero gives 0, and the least number by -1 wraps around. U is T without a sign.
template <typename T, typename U> __device__ inline T quotient(T x, T y) {
    return y == 0 ? (T)0 : (T)(y + 1) == 0 && y < 0 ? (T)(0 - (U)x) : (T)(x / y);
}
template <typename T, typename U> __device__ inline T int_fmod(T x, T y) {
    return y == 0 || ((T)(y + 1) == 0 && y < 0) ? (T)0 : (T)(x % y);
}
template <typename T, typename U> __device__ inline T int_remainder(T x, T y) {
    T rest = int_fmod<T, U>(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? (T)(rest + y) : rest;
}
template <typename T, typename U> __device__ inline T int_floor_divide(T x, T y) {
    T rest = int_fmod<T, U>(x, y), whole = quotient<T, U>(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? (T)(whole - 1) : whole;
}
template <typename T, typename U> __device__ inline T int_fabs(T x) { return x < 0 ? (T)(0 - (U)x) : x; }

// Bits that leave are lost, however far one shifts.
template <typename T, typename U> __device__ inline T shift_left(T x, T y) {
    return y < 0 || (U)y >= 8 * sizeof(T) ? (T)0 : (T)((U)x << (U)y);
}
template <typename T, typename U> __device__ inline T shift_right(T x, T y) {
    return y < 0 || (U)y >= 8 * sizeof(T) ? (x < 0 ? (T)-1 : (T)0) : (T)(x >> y);
}

}  // namespace wb

// CUDA C for a C++ compiler of the host: threads run one after the other, as fibers where a block meets at barriers.
#pragma once
#define __CUDACC_VER_MAJOR__ 12
#define __CUDACC_VER_MINOR__ 9
#include <algorithm>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#undef __device__
#undef __host__
#undef __global__
#undef __shared__
#undef __constant__
#undef __forceinline__
#undef __noinline__
#undef __launch_bounds__
#undef __align__
#define __device__
#define __host__
#define __global__
#define __constant__
#define __restrict__
#define __shared__ static
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(x) alignas(x)
#define __CUDA_ARCH__ 900

// Places and barriers --------------------------------------------------------------------------------------------------------
struct emulated_dim { unsigned int x, y, z; };
extern emulated_dim emulated_thread, emulated_block, emulated_block_dim, emulated_grid_dim;
extern "C" void emulated_syncthreads();
extern "C" void emulated_syncwarp();
#define threadIdx emulated_thread
#define blockIdx emulated_block
#define blockDim emulated_block_dim
#define gridDim emulated_grid_dim
#define warpSize 32
#define __syncthreads() emulated_syncthreads()
#define __syncwarp(...) emulated_syncwarp()
#define __threadfence()
#define __threadfence_block()

// A kernel is called with pointers to its arguments.
template <class... A, std::size_t... I> inline void emulated_go(void (*kernel)(A...), void** given, std::index_sequence<I...>) {
  kernel(*(typename std::remove_const<typename std::remove_reference<A>::type>::type*)given[I]...);
}
template <class... A> inline void emulated_call(void (*kernel)(A...), void** given) { emulated_go(kernel, given, std::index_sequence_for<A...>{}); }

// Atomics: only one thread runs ----------------------------------------------------------------------------------------------
#define ATOMIC(name, value) \
  template <class T, class U> inline T name(T* place, U given) { T v = (T)given, o = *place; *place = (T)(value); return o; }
ATOMIC(atomicAdd, o + v) ATOMIC(atomicSub, o - v) ATOMIC(atomicMax, o > v ? o : v) ATOMIC(atomicMin, o < v ? o : v)
ATOMIC(atomicExch, v) ATOMIC(atomicAnd, o & v) ATOMIC(atomicOr, o | v) ATOMIC(atomicXor, o ^ v)
template <class T, class U, class V> inline T atomicCAS(T* place, U wanted, V value) { T o = *place; if (o == (T)wanted) *place = (T)value; return o; }

// Functions -------------------------------------------------------------------------------------------------------------------
using std::isnan; using std::isinf; using std::isfinite; using std::signbit; using std::min; using std::max; using std::abs;
using std::exp; using std::exp2; using std::expm1; using std::log; using std::log2; using std::log10; using std::log1p; using std::sqrt; using std::cbrt;
using std::sin; using std::cos; using std::tan; using std::asin; using std::acos; using std::atan; using std::atan2; using std::sinh; using std::cosh;
using std::tanh; using std::asinh; using std::acosh; using std::atanh; using std::erf; using std::erfc; using std::tgamma; using std::lgamma;
using std::floor; using std::ceil; using std::trunc; using std::round; using std::rint; using std::nearbyint; using std::fabs; using std::fmod;
using std::remainder; using std::copysign; using std::nextafter; using std::hypot; using std::pow; using std::fma; using std::fmin; using std::fmax;
using std::fdim; using std::ldexp; using std::frexp; using std::modf; using std::ilogb; using std::logb;
#define SAME_BITS(name, From, To) inline To name(From from) { To to; memcpy(&to, &from, sizeof(to)); return to; }
SAME_BITS(__double_as_longlong, double, long long) SAME_BITS(__longlong_as_double, long long, double) SAME_BITS(__float_as_int, float, int)
SAME_BITS(__float_as_uint, float, unsigned) SAME_BITS(__int_as_float, int, float) SAME_BITS(__uint_as_float, unsigned, float)
template <class T> inline T __ldg(const T* place) { return *place; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return ((unsigned long long)a * b) >> 32; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) { return ((unsigned __int128)a * b) >> 64; }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float rsqrt(float x) { return 1 / sqrtf(x); }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double exp10(double x) { return pow(10.0, x); }
inline float exp10f(float x) { return powf(10.0f, x); }
inline double sinpi(double x) { return sin(M_PI * x); }
inline double cospi(double x) { return cos(M_PI * x); }
inline double normcdf(double x) { return 0.5 * erfc(-x / sqrt(2.0)); }
inline float normcdf(float x) { return (float)normcdf((double)x); }
inline double erfcx(double x) { return x < 25 ? exp(x * x) * erfc(x) : 1 / (x * sqrt(M_PI)); }
inline float erfcxf(float x) { return (float)erfcx((double)x); }
inline double erfinv(double y) {  // Winitzki's guess, then Newton
  if (!(y > -1 && y < 1)) return y == 1 ? INFINITY : y == -1 ? -INFINITY : NAN;
  double a = 0.147, l = log(1 - y * y), b = 2 / (M_PI * a) + l / 2, x = copysign(sqrt(sqrt(b * b - l / a) - b), y);
  for (int i = 0; i < 4; ++i) x -= (erf(x) - y) / (2 / sqrt(M_PI) * exp(-x * x));
  return x;
}
inline float erfinv(float y) { return (float)erfinv((double)y); }
inline double erfcinv(double y) { return erfinv(1 - y); }
inline double normcdfinv(double y) { return sqrt(2.0) * erfinv(2 * y - 1); }
inline double cyl_bessel_i0(double x) { return std::cyl_bessel_i(0.0, fabs(x)); }
inline double cyl_bessel_i1(double x) { return copysign(std::cyl_bessel_i(1.0, fabs(x)), x); }
inline float cyl_bessel_i0(float x) { return (float)cyl_bessel_i0((double)x); }
inline float cyl_bessel_i1(float x) { return (float)cyl_bessel_i1((double)x); }
inline float cyl_bessel_i0f(float x) { return cyl_bessel_i0(x); }
inline float cyl_bessel_i1f(float x) { return cyl_bessel_i1(x); }
inline float fdividef(float a, float b) { return a / b; }
inline float __fdividef(float a, float b) { return a / b; }
#define MIXED(A, B) \
  inline std::common_type<A, B>::type min(A a, B b) { typedef std::common_type<A, B>::type C; return (C)a < (C)b ? a : b; } \
  inline std::common_type<A, B>::type max(A a, B b) { typedef std::common_type<A, B>::type C; return (C)a > (C)b ? a : b; }
MIXED(int, long) MIXED(long, int) MIXED(int, long long) MIXED(long long, int) MIXED(long, long long) MIXED(long long, long) MIXED(unsigned, int)
MIXED(int, unsigned) MIXED(unsigned long, int) MIXED(long, unsigned long) MIXED(unsigned long, long) MIXED(float, double) MIXED(double, float)
MIXED(int, float) MIXED(float, int) MIXED(int, double) MIXED(double, int)

#include <cupy/complex.cuh>
#include <cupy/carray.cuh>
#include <cupy/atomics.cuh>
#include <cupy/math_constants.h>

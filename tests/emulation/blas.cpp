// The parts of cuBLAS that CuPy's compiled modules call: products of matrices with columns one after the other, as plain loops.
#include <complex>
#include <cstddef>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

typedef std::complex<float> C;
typedef std::complex<double> Z;
template <class T> T conjugate(T x) { return x; }
template <> inline C conjugate(C x) { return std::conj(x); }
template <> inline Z conjugate(Z x) { return std::conj(x); }

// Transposed: 0 no, 1 yes, 2 and conjugated. Computed in R, stored as T.
template <class T, class R = T>
int product(int ta, int tb, long m, long n, long k, R alpha, const T* a, long lda, const T* b, long ldb, R beta, T* c, long ldc) {
  for (long j = 0; j < n; ++j) for (long i = 0; i < m; ++i) {
    R sum = 0;
    for (long l = 0; l < k; ++l) {
      R x = R(ta ? a[i * lda + l] : a[l * lda + i]), y = R(tb ? b[l * ldb + j] : b[j * ldb + l]);
      sum += (ta == 2 ? conjugate(x) : x) * (tb == 2 ? conjugate(y) : y);
    }
    T& out = c[j * ldc + i];
    out = T(beta == R(0) ? alpha * sum : alpha * sum + beta * R(out));
  }
  return 0;
}

static int mixed(int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int at, int lda, long sa, const void* b, int bt, int ldb, long sb,
                 const void* beta, void* c, int ct, int ldc, long sc, int count) {
  if (at != bt || at != ct) return 15;
  for (int i = 0; i < count; ++i)
#define OF(code, T, R) if (ct == code) product<T, R>(ta, tb, m, n, k, *(R*)alpha, (T*)a + i * sa, lda, (T*)b + i * sb, ldb, *(R*)beta, (T*)c + i * sc, ldc); else
    OF(0, float, float) OF(1, double, double) OF(2, __half, float) OF(14, __nv_bfloat16, float) OF(4, C, C) OF(5, Z, Z) return 15;
  return 0;
}

extern "C" {
int cublasCreate_v2(void** handle) { *handle = (void*)1; return 0; }
int cublasDestroy_v2(void*) { return 0; }
int cublasGetVersion_v2(void*, int* version) { *version = 120900; return 0; }
int cublasSetStream_v2(void*, void*) { return 0; }
int cublasGetStream_v2(void*, void** stream) { *stream = nullptr; return 0; }
int cublasSetPointerMode_v2(void*, int) { return 0; }
int cublasGetPointerMode_v2(void*, int* mode) { *mode = 0; return 0; }
int cublasSetMathMode(void*, int) { return 0; }
int cublasGetMathMode(void*, int* mode) { *mode = 0; return 0; }
#define ALL(X, T) \
int cublas##X##gemm_v2(void*, int ta, int tb, int m, int n, int k, const T* al, const T* a, int lda, const T* b, int ldb, const T* be, T* c, int ldc) { \
  return product<T>(ta, tb, m, n, k, *al, a, lda, b, ldb, *be, c, ldc); } \
int cublas##X##gemmBatched(void*, int ta, int tb, int m, int n, int k, const T* al, T** a, int lda, T** b, int ldb, const T* be, T** c, int ldc, int count) { \
  for (int i = 0; i < count; ++i) product<T>(ta, tb, m, n, k, *al, a[i], lda, b[i], ldb, *be, c[i], ldc); return 0; } \
int cublas##X##gemmStridedBatched(void*, int ta, int tb, int m, int n, int k, const T* al, const T* a, int lda, long long sa, const T* b, int ldb, \
                                  long long sb, const T* be, T* c, int ldc, long long sc, int count) { \
  for (int i = 0; i < count; ++i) product<T>(ta, tb, m, n, k, *al, a + i * sa, lda, b + i * sb, ldb, *be, c + i * sc, ldc); return 0; } \
int cublas##X##gemv_v2(void*, int t, int m, int n, const T* al, const T* a, int lda, const T* x, int ix, const T* be, T* y, int iy) { \
  for (int i = 0; i < (t ? n : m); ++i) { T sum = 0; \
    for (int j = 0; j < (t ? m : n); ++j) { T e = t ? a[i * (long)lda + j] : a[j * (long)lda + i]; sum += (t == 2 ? conjugate(e) : e) * x[j * ix]; } \
    y[i * iy] = *be == T(0) ? *al * sum : *al * sum + *be * y[i * iy]; } return 0; }
ALL(S, float) ALL(D, double) ALL(C, C) ALL(Z, Z)
#define DOT(name, T, first) int cublas##name##_v2(void*, int n, const T* x, int ix, const T* y, int iy, T* out) { \
  T sum = 0; for (int i = 0; i < n; ++i) sum += first(x[i * ix]) * y[i * iy]; *out = sum; return 0; }
DOT(Sdot, float, ) DOT(Ddot, double, ) DOT(Cdotu, C, ) DOT(Cdotc, C, conjugate) DOT(Zdotu, Z, ) DOT(Zdotc, Z, conjugate)
int cublasSgemmEx(void*, int ta, int tb, int m, int n, int k, const float* al, const void* a, int at, int lda, const void* b, int bt, int ldb,
                  const float* be, void* c, int ct, int ldc) { return mixed(ta, tb, m, n, k, al, a, at, lda, 0, b, bt, ldb, 0, be, c, ct, ldc, 0, 1); }
int cublasGemmEx(void*, int ta, int tb, int m, int n, int k, const void* al, const void* a, int at, int lda, const void* b, int bt, int ldb,
                 const void* be, void* c, int ct, int ldc, int, int) { return mixed(ta, tb, m, n, k, al, a, at, lda, 0, b, bt, ldb, 0, be, c, ct, ldc, 0, 1); }
int cublasGemmStridedBatchedEx(void*, int ta, int tb, int m, int n, int k, const void* al, const void* a, int at, int lda, long long sa, const void* b, int bt,
                               int ldb, long long sb, const void* be, void* c, int ct, int ldc, long long sc, int count, int, int) {
  return mixed(ta, tb, m, n, k, al, a, at, lda, sa, b, bt, ldb, sb, be, c, ct, ldc, sc, count); }
}

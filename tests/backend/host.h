// CUDA's names for a C++ compiler of the host: what is generated for a device is computed here, element by element.
#include <math.h>
#define __device__
typedef _Float16 float16;
inline float rsqrt(float x) { return 1 / sqrt(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }

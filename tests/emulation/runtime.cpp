// CUDA's runtime and driver on the host, as far as CuPy calls them: memory is memory, streams are done, kernels are run.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <string>
#include <ucontext.h>
#include <vector>

struct emulated_dim { unsigned int x, y, z; };
emulated_dim emulated_thread, emulated_block, emulated_block_dim, emulated_grid_dim;

// Threads of a block ------------------------------------------------------------------------------------------------------------
enum Waits : char { RUNS, AT_WARP, AT_BLOCK, DONE };
static ucontext_t scheduler;
static std::vector<ucontext_t> fibers;
static std::vector<char*> stacks;
static std::vector<Waits> waits;
static std::size_t running;
static bool fibrous;
static void (*kernel)(void**);
static void** given;

static void pause(Waits how) { waits[running] = how; swapcontext(&fibers[running], &scheduler); }
static void body() { kernel(given); pause(DONE); }
static void place(std::size_t thread) {
  const emulated_dim& block = emulated_block_dim;
  emulated_thread = {unsigned(thread % block.x), unsigned(thread / block.x % block.y), unsigned(thread / block.x / block.y)};
}

static void run_block(std::size_t threads) {
  const std::size_t size = 1 << 16;
  if (fibers.size() < threads) fibers.resize(threads);
  while (stacks.size() < threads) stacks.push_back((char*)malloc(size));
  waits.assign(threads, RUNS);
  for (std::size_t t = 0; t < threads; ++t) {
    getcontext(&fibers[t]);
    fibers[t].uc_stack.ss_sp = stacks[t];
    fibers[t].uc_stack.ss_size = size;
    makecontext(&fibers[t], body, 0);
  }
  for (;;) {
    bool moved = false, all = true, over = true;
    for (running = 0; running < threads; ++running)
      if (waits[running] == RUNS) { moved = true; place(running); swapcontext(&scheduler, &fibers[running]); }
    for (Waits w : waits) { over = over && w == DONE; all = all && (w == DONE || w == AT_BLOCK); }
    if (over) return;
    if (all) { std::replace(waits.begin(), waits.end(), AT_BLOCK, RUNS); continue; }
    for (std::size_t first = 0; first < threads; first += 32) {
      auto begin = waits.begin() + first, end = waits.begin() + std::min(first + 32, threads);
      if (std::all_of(begin, end, [](Waits w) { return w == DONE || w == AT_WARP; })) { std::replace(begin, end, AT_WARP, RUNS); moved = true; }
    }
    if (!moved) { fprintf(stderr, "emulation: threads of a block wait for each other\n"); abort(); }
  }
}

static int current, count = 2;
static std::map<const char*, std::pair<std::size_t, int>> owned;  // where device memory begins: its size and device
static int pinned(void** p, std::size_t n) { *p = aligned_alloc(512, (n + 1023) / 512 * 512); return *p ? 0 : 2; }
static int take(void** p, std::size_t n) {
  if (pinned(p, n)) return 2;
  memset(*p, 0xa5, n);  // new memory holds no zeros
  owned[(char*)*p] = {n, current};
  return 0;
}
static int handle(void** p) { *p = malloc(16); return 0; }

struct Function { void (*call)(void**); bool fibrous; };

extern "C" {
void emulated_syncthreads() { if (fibrous) pause(AT_BLOCK); }
void emulated_syncwarp() { if (fibrous) pause(AT_WARP); }

// Runtime -----------------------------------------------------------------------------------------------------------------------
int emulated_default() { return 0; }
int emulated_cudaGetDeviceCount(int* n) { *n = count; return 0; }
int emulated_cudaGetDevice(int* device) { *device = current; return 0; }
int emulated_cudaSetDevice(int device) { if (device < 0 || device >= count) return 101; current = device; return 0; }
int emulated_cudaRuntimeGetVersion(int* version) { *version = 12090; return 0; }
int emulated_cudaDriverGetVersion(int* version) { *version = 12090; return 0; }
int emulated_cudaDeviceGetAttribute(int* value, int attribute, int) {
  static const std::map<int, int> known = {{75, 9}, {76, 0}, {1, 1024}, {2, 1024}, {3, 1024}, {4, 64}, {5, 2147483647}, {6, 65535}, {7, 65535},
                                           {8, 49152}, {10, 32}, {16, 132}, {39, 2048}, {81, 233472}, {97, 232448}};
  auto found = known.find(attribute);
  *value = found == known.end() ? 1 : found->second;
  return 0;
}
int emulated_cudaGetDeviceProperties_v2(char* p, int) {
  memset(p, 0, 1000);
  strcpy(p, "host");
  *(std::size_t*)(p + 288) = 80ull << 30; *(std::size_t*)(p + 296) = 49152; *(int*)(p + 304) = 65536; *(int*)(p + 308) = 32; *(int*)(p + 320) = 1024;
  *(int*)(p + 324) = 1024; *(int*)(p + 328) = 1024; *(int*)(p + 332) = 64; *(int*)(p + 336) = 2147483647; *(int*)(p + 340) = 65535;
  *(int*)(p + 344) = 65535; *(int*)(p + 360) = 9; *(int*)(p + 388) = 132;
  return 0;
}
int emulated_cudaGetDeviceProperties(char* p, int device) { return emulated_cudaGetDeviceProperties_v2(p, device); }
int emulated_cudaDeviceGetPCIBusId(char* p, int n, int device) { snprintf(p, n, "0000:0%d:00.0", device); return 0; }
int emulated_cudaDeviceCanAccessPeer(int* can, int, int) { *can = 1; return 0; }
int emulated_cudaMalloc(void** p, std::size_t n) { return take(p, n); }
int emulated_cudaMallocManaged(void** p, std::size_t n, unsigned) { return take(p, n); }
int emulated_cudaHostAlloc(void** p, std::size_t n, unsigned) { return pinned(p, n); }
int emulated_cudaMallocHost(void** p, std::size_t n) { return pinned(p, n); }
int emulated_cudaFree(void* p) { owned.erase((char*)p); free(p); return 0; }
int emulated_cudaFreeHost(void* p) { free(p); return 0; }
int emulated_cudaMemGetInfo(std::size_t* left, std::size_t* total) { *left = *total = 80ull << 30; return 0; }
int emulated_cudaMemcpy(void* to, const void* from, std::size_t n, int) { memmove(to, from, n); return 0; }
int emulated_cudaMemcpyAsync(void* to, const void* from, std::size_t n, int, void*) { memmove(to, from, n); return 0; }
int emulated_cudaMemcpyPeer(void* to, int, const void* from, int, std::size_t n) { memmove(to, from, n); return 0; }
int emulated_cudaMemcpyPeerAsync(void* to, int, const void* from, int, std::size_t n, void*) { memmove(to, from, n); return 0; }
int emulated_cudaMemset(void* p, int value, std::size_t n) { memset(p, value, n); return 0; }
int emulated_cudaMemsetAsync(void* p, int value, std::size_t n, void*) { memset(p, value, n); return 0; }
int emulated_cudaPointerGetAttributes(int* found, const char* p) {
  memset(found, 0, 24);
  auto next = owned.upper_bound(p);
  if (next != owned.begin() && (--next, p <= next->first + next->second.first)) { found[0] = 2; found[1] = next->second.second; *(const char**)(found + 2) = p; }
  return 0;
}
int emulated_cudaStreamCreate(void** stream) { return handle(stream); }
int emulated_cudaStreamCreateWithFlags(void** stream, unsigned) { return handle(stream); }
int emulated_cudaStreamCreateWithPriority(void** stream, unsigned, int) { return handle(stream); }
int emulated_cudaStreamDestroy(void* stream) { free(stream); return 0; }
int emulated_cudaStreamIsCapturing(void*, int* is) { *is = 0; return 0; }
int emulated_cudaEventCreate(void** event) { return handle(event); }
int emulated_cudaEventCreateWithFlags(void** event, unsigned) { return handle(event); }
int emulated_cudaEventDestroy(void* event) { free(event); return 0; }
int emulated_cudaEventElapsedTime(float* milliseconds, void*, void*) { *milliseconds = 0.5f; return 0; }
const char* emulated_cudaGetErrorName(int error) { return error == 101 ? "cudaErrorInvalidDevice" : "emulated"; }
const char* emulated_cudaGetErrorString(int) { return "an error of the emulation"; }

// Driver ------------------------------------------------------------------------------------------------------------------------
int cuInit(unsigned) { return 0; }
int cuGetErrorName(int, const char** text) { *text = "emulated"; return 0; }
int cuGetErrorString(int, const char** text) { *text = "an error of the emulation"; return 0; }
int cuCtxGetCurrent(void** context) { *context = (void*)1; return 0; }
int cuCtxGetDevice(int* device) { *device = current; return 0; }
int cuCtxSetCurrent(void*) { return 0; }
int cuDevicePrimaryCtxRelease(int) { return 0; }
int cuStreamGetCtx(void*, void** context) { *context = (void*)1; return 0; }
int cuModuleLoadData(void** module, const char* path) {  // what was compiled is the path of a library
  *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!*module) fprintf(stderr, "emulation: %s\n", dlerror());
  return *module ? 0 : 200;
}
int cuModuleUnload(void*) { return 0; }
int cuModuleGetFunction(Function** found, void* module, const char* name) {
  void* call = dlsym(module, (std::string("emulated_") + name).c_str());
  if (!call) return 500;
  *found = new Function{(void (*)(void**))call, *(bool*)dlsym(module, "emulated_fibrous")};
  return 0;
}
int cuModuleGetGlobal(void** p, std::size_t*, void* module, const char* name) { *p = dlsym(module, name); return *p ? 0 : 500; }
int cuFuncGetAttribute(int* value, int attribute, void*) { *value = attribute ? 0 : 1024; return 0; }
int cuFuncSetAttribute(void*, int, int) { return 0; }
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* value, void*, int, std::size_t) { *value = 2; return 0; }
int cuOccupancyMaxPotentialBlockSize(int* grid, int* block, void*, void*, std::size_t, int) { *grid = 2; *block = 128; return 0; }
int cuLaunchKernel(Function* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned, void*, void** arguments, void**) {
  emulated_grid_dim = {gx, gy, gz};
  emulated_block_dim = {bx, by, bz};
  kernel = function->call, given = arguments, fibrous = function->fibrous;
  const std::size_t threads = (std::size_t)bx * by * bz;
  for (unsigned z = 0; z < gz; ++z) for (unsigned y = 0; y < gy; ++y) for (unsigned x = 0; x < gx; ++x) {
    emulated_block = {x, y, z};
    if (fibrous) run_block(threads);
    else for (std::size_t t = 0; t < threads; ++t) { place(t); kernel(given); }
  }
  return 0;
}
int cuLaunchCooperativeKernel(Function* f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned n, void* s, void** a) {
  return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, n, s, a, nullptr);
}
}

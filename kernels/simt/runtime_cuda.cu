// The runtime on CUDA's runtime library, linked statically; libcuda is found by it at run time, or not at all.
#include <cuda_runtime.h>

#include <string>

#include "heddle/base/error.hpp"
#include "kernels/simt/runtime.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::simt {
namespace {

void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();  // takes the error back, where it can be
  fail("cuda", std::string(what) + ": " + cudaGetErrorString(status));
}
#define HD_CUDA(call) check_cuda(call, #call)

cudaStream_t native(Stream s) { return static_cast<cudaStream_t>(s.handle); }
cudaEvent_t native(Event e) { return static_cast<cudaEvent_t>(e.handle); }
cudaGraph_t native(Graph g) { return static_cast<cudaGraph_t>(g.handle); }
cudaGraphExec_t native(GraphExec g) { return static_cast<cudaGraphExec_t>(g.handle); }

struct Devices {
  int count = 0;
  std::string reason;
};
const Devices& devices() {
  static const Devices found = [] {
    Devices d;
    const cudaError_t status = cudaGetDeviceCount(&d.count);
    if (status != cudaSuccess) {
      (void)cudaGetLastError();
      d.count = 0;
      d.reason = std::string("no usable GPU or driver on this machine (") + cudaGetErrorString(status) + ")";
    } else if (d.count == 0) {
      d.reason = "no GPU on this machine";
    }
    return d;
  }();
  return found;
}

// Asked for its attributes, it tells whether this build holds code that a device can run.
HD_KERNEL void probe_kernel() {}

std::string dimensions(dim3 d) {
  return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
}

}  // namespace

int device_count() { return devices().count; }
std::string no_device_reason() { return devices().reason; }

DeviceProperties device_properties(int device) {
  cudaDeviceProp p{};
  HD_CUDA(cudaGetDeviceProperties(&p, device));
  return {p.name, p.major, p.minor, p.multiProcessorCount, p.totalGlobalMem, p.sharedMemPerBlockOptin,
          static_cast<std::size_t>(p.l2CacheSize)};
}

std::vector<int> compiled_architectures() {
  std::vector<int> list;
  for (int architecture : {__CUDA_ARCH_LIST__}) list.push_back(architecture / 10);
  return list;
}

std::string device_problem(int device) {
  int before = 0;
  HD_CUDA(cudaGetDevice(&before));
  HD_CUDA(cudaSetDevice(device));
  cudaFuncAttributes attributes{};
  const cudaError_t status = cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(probe_kernel));
  (void)cudaGetLastError();
  HD_CUDA(cudaSetDevice(before));
  if (status == cudaSuccess) return {};
  const DeviceProperties p = device_properties(device);
  std::string compiled;
  for (int a : compiled_architectures()) compiled += (compiled.empty() ? "sm_" : ", sm_") + std::to_string(a);
  const std::string wanted = std::to_string(p.major * 10 + p.minor);
  return p.name + " is sm_" + wanted + ", and this build holds code for " + compiled +
         " (configure with -DCMAKE_CUDA_ARCHITECTURES=" + wanted + "): " + cudaGetErrorString(status);
}

void use_device(int device) { HD_CUDA(cudaSetDevice(device)); }
bool is_emulated() { return false; }

void* allocate(std::size_t bytes) {
  void* p = nullptr;
  const cudaError_t status = cudaMalloc(&p, bytes ? bytes : 1);
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    return nullptr;
  }
  check_cuda(status, "cudaMalloc");
  return p;
}
void free(void* p) noexcept { (void)cudaFree(p); }

void* allocate_pinned(std::size_t bytes) {
  void* p = nullptr;
  HD_CUDA(cudaMallocHost(&p, bytes ? bytes : 1));
  return p;
}
void free_pinned(void* p) noexcept { (void)cudaFreeHost(p); }

MemoryInfo memory_info() {
  MemoryInfo info;
  HD_CUDA(cudaMemGetInfo(&info.free_bytes, &info.total_bytes));
  return info;
}

void copy_to_device(void* to, const void* from, std::size_t bytes, Stream s) {
  HD_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, native(s)));
}
void copy_to_host(void* to, const void* from, std::size_t bytes, Stream s) {
  HD_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, native(s)));
}
void copy_on_device(void* to, const void* from, std::size_t bytes, Stream s) {
  HD_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, native(s)));
}
void fill_bytes(void* to, int value, std::size_t bytes, Stream s) { HD_CUDA(cudaMemsetAsync(to, value, bytes, native(s))); }

Stream create_stream() {
  cudaStream_t s = nullptr;
  HD_CUDA(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  return {s};
}
void destroy_stream(Stream s) noexcept { (void)cudaStreamDestroy(native(s)); }
void synchronize(Stream s) { HD_CUDA(cudaStreamSynchronize(native(s))); }
void synchronize_device() { HD_CUDA(cudaDeviceSynchronize()); }

Event create_event() {
  cudaEvent_t e = nullptr;
  HD_CUDA(cudaEventCreate(&e));
  return {e};
}
void destroy_event(Event e) noexcept { (void)cudaEventDestroy(native(e)); }
void record(Event e, Stream s) { HD_CUDA(cudaEventRecord(native(e), native(s))); }
void wait(Stream s, Event e) { HD_CUDA(cudaStreamWaitEvent(native(s), native(e), 0)); }
void wait(Event e) { HD_CUDA(cudaEventSynchronize(native(e))); }
float elapsed_ms(Event begin, Event end) {
  float ms = 0;
  HD_CUDA(cudaEventElapsedTime(&ms, native(begin), native(end)));
  return ms;
}

void begin_capture(Stream s) { HD_CUDA(cudaStreamBeginCapture(native(s), cudaStreamCaptureModeThreadLocal)); }
Graph end_capture(Stream s) {
  cudaGraph_t g = nullptr;
  HD_CUDA(cudaStreamEndCapture(native(s), &g));
  return {g};
}
std::size_t node_count(Graph g) {
  std::size_t count = 0;
  HD_CUDA(cudaGraphGetNodes(native(g), nullptr, &count));
  return count;
}
GraphExec instantiate(Graph g) {
  cudaGraphExec_t exec = nullptr;
  HD_CUDA(cudaGraphInstantiate(&exec, native(g), 0));
  return {exec};
}
void launch(GraphExec g, Stream s) { HD_CUDA(cudaGraphLaunch(native(g), native(s))); }
void destroy_graph(Graph g) noexcept { (void)cudaGraphDestroy(native(g)); }
void destroy_graph(GraphExec g) noexcept { (void)cudaGraphExecDestroy(native(g)); }

void detail::launch(const void* kernel, KernelEntry& entry, dim3 grid, dim3 block, std::size_t shared_bytes, Stream stream,
                    void** arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  constexpr std::size_t free_of_asking = 48 * 1024;  // more has to be asked for, kernel by kernel
  cudaError_t status = cudaSuccess;
  if (shared_bytes > free_of_asking)
    status = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes));
  if (status == cudaSuccess) status = cudaLaunchKernel(kernel, grid, block, arguments, shared_bytes, native(stream));
  if (status != cudaSuccess) {
    (void)cudaGetLastError();
    fail(entry.name, "launch of " + dimensions(grid) + " blocks of " + dimensions(block) + " threads with " +
                         std::to_string(shared_bytes) + " bytes of shared memory: " + cudaGetErrorString(status));
  }
  note_launch(entry);
}

}  // namespace heddle::simt

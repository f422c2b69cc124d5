#include "heddle/core/backend.hpp"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "heddle/base/check.hpp"
#include "heddle/base/isa.hpp"
#include "heddle/core/recording.hpp"

#if HEDDLE_WITH_CUDA
#include "kernels/simt/runtime.hpp"
#endif

namespace heddle {
namespace {

// Null where there is none. More than 47 bits address is not asked for: a sanitizer's malloc would end the program.
void* host_memory(std::size_t bytes) {
  return bytes >> 47 ? nullptr : std::aligned_alloc(64, (bytes + 63) / 64 * 64);
}

#if HEDDLE_WITH_CUDA
std::string why_no_cuda() { return simt::no_device_reason(); }
// Why this build's kernels do not run on the GPU; empty where they do.
std::string problem_with(int gpu) { return simt::device_problem(gpu); }
std::string name_of_gpu(int gpu) { return simt::device_properties(gpu).name; }
#else
std::string problem_with(int) { return {}; }
std::string name_of_gpu(int) { return {}; }
std::string why_no_cuda() { return "this build has no CUDA kernels (configure with HEDDLE_CUDA=ON where nvcc is installed)"; }
[[noreturn]] void refuse() { fail("device", "expected the CPU, got cuda: " + why_no_cuda()); }
#endif

}  // namespace

std::string cpu_instruction_set() { return kernels::name_of(kernels::best_isa()); }

DeviceChoice choose_device(const std::string& wish) {
  const int gpus = cuda_device_count();
  if (wish == "auto") {
    std::string why_not = why_no_cuda();
    for (int gpu = 0; gpu < gpus; ++gpu) {
      const std::string problem = problem_with(gpu);
      if (problem.empty()) {
        const Device device{DeviceType::cuda, gpu};
        return {device, strings::format("{} ({}), the first GPU that this build has kernels for", device.str(), name_of_gpu(gpu))};
      }
      why_not += (why_not.empty() ? "" : "; ") + problem;
    }
    return {cpu, "cpu, since " + why_not};
  }
  const Device device = Device::parse(wish);
  if (device.is_cpu()) return {device, "cpu, as asked"};
  check(gpus > 0, "device", "expected a GPU for '{}', got none: {}", wish, why_no_cuda());
  check(device.index < gpus, "device", "expected a GPU numbered below {}, got '{}'", gpus, wish);
  const std::string problem = problem_with(device.index);
  check(problem.empty(), "device", "expected a GPU that this build has kernels for, got '{}': {}", wish, problem);
  return {device, strings::format("{} ({}), as asked", device.str(), name_of_gpu(device.index))};
}

#if HEDDLE_WITH_CUDA

bool built_with_cuda() { return true; }
int cuda_device_count() { return simt::device_count(); }
void synchronize(Device device) {
  if (device.is_cuda()) simt::synchronize(backend::current_stream(device));
}

namespace backend {

void* system_allocate(Device device, std::size_t bytes) {
  if (device.is_cpu()) return host_memory(bytes);
  (void)current_stream(device);  // so that the calling thread means this device
  return simt::allocate(bytes);
}
void system_free(Device device, void* block) noexcept { device.is_cpu() ? std::free(block) : simt::free(block); }

void fill_bytes(Device device, void* block, int byte, std::size_t bytes) {
  if (device.is_cpu())
    std::memset(block, byte, bytes);
  else
    simt::fill_bytes(block, byte, bytes, current_stream(device));
}

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (bytes == 0) return;
  if (to_device.is_cpu() && from_device.is_cpu()) {
    std::memcpy(to, from, bytes);
    return;
  }
  const Stream stream = current_stream(to_device.is_cuda() ? to_device : from_device);
  if (to_device.is_cpu())
    simt::copy_to_host(to, from, bytes, stream);
  else if (from_device.is_cpu())
    simt::copy_to_device(to, from, bytes, stream);
  else
    simt::copy_on_device(to, from, bytes, stream);
  if (to_device.is_cpu() || from_device.is_cpu()) simt::synchronize(stream);
}

Stream current_stream(Device device) {
  if (device.is_cpu()) return {};
  thread_local int active = 0;
  if (active != device.index) simt::use_device(active = device.index);
  static std::mutex mutex;
  static auto& streams = *new std::map<int, Stream>;  // never destroyed: tensors of static lifetime may come later
  std::lock_guard lock(mutex);
  auto& stream = streams[device.index];
  if (!stream.handle) stream = simt::create_stream();
  return stream;
}

}  // namespace backend

void detail::upload_bytes(Device device, void* to, const void* from, std::size_t bytes) {
  if (device.is_cpu())
    std::memcpy(to, from, bytes);
  else
    simt::copy_to_device(to, from, bytes, backend::current_stream(device));
}

#else

bool built_with_cuda() { return false; }
int cuda_device_count() { return 0; }
void synchronize(Device device) {
  if (device.is_cuda()) refuse();
}

namespace backend {

void* system_allocate(Device device, std::size_t bytes) {
  if (device.is_cuda()) refuse();
  return host_memory(bytes);
}
void system_free(Device, void* block) noexcept { std::free(block); }
void fill_bytes(Device, void* block, int byte, std::size_t bytes) { std::memset(block, byte, bytes); }
void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (to_device.is_cuda() || from_device.is_cuda()) refuse();
  if (bytes) std::memcpy(to, from, bytes);
}
Stream current_stream(Device) { return {}; }

}  // namespace backend

void detail::upload_bytes(Device device, void* to, const void* from, std::size_t bytes) {
  if (device.is_cuda()) refuse();
  std::memcpy(to, from, bytes);
}

#endif

}  // namespace heddle

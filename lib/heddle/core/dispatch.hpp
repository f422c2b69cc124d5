// The one place that asks which backend a kernel comes from. Internal: public headers don't include it.
#pragma once

#include "heddle/base/check.hpp"
#include "heddle/core/allocator.hpp"
#include "heddle/core/backend.hpp"
#include "heddle/core/tensor.hpp"

namespace heddle {

#if HEDDLE_WITH_CUDA
inline constexpr bool with_cuda = true;
#else
inline constexpr bool with_cuda = false;
#endif

/// Kernels for bfloat16 exist for the GPU alone; ops on such CPU tensors go through float32.
template <class Table> inline constexpr bool is_gpu_only = false;
template <template <class> class Table> inline constexpr bool is_gpu_only<Table<BFloat16>> = true;

/// The family's kernels for a device. A build without CUDA does not mention Table::cuda(), and a family that lacks one of
/// its backends does not link.
template <class Table> const Table& kernels_for(Device device) {
  if constexpr (with_cuda) {
    if (device.is_cuda()) return Table::cuda();
  } else {
    check(device.is_cpu(), "device", "expected a CPU tensor in a build without CUDA, got one on {}", device);
  }
  if constexpr (is_gpu_only<Table>)
    return Table::cuda();
  else
    return Table::cpu();
}

/// Calls f(TypeTag<T>{}) for a type that the kernels of networks' activations take: float32, float64, and on a GPU bfloat16.
template <class F> decltype(auto) visit_activation(const Tensor& x, std::string_view where, F&& f) {
  if constexpr (with_cuda)
    if (x.dtype() == bfloat16 && x.device().is_cuda()) return f(TypeTag<BFloat16>{});
  return visit_floating(x.dtype(), where, std::forward<F>(f));
}

/// Where ops on the tensor's device launch.
inline Stream stream_of(const Tensor& t) { return backend::current_stream(t.device()); }

}  // namespace heddle

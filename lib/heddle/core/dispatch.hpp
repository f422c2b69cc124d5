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

/// The family's kernels for a device. A build without CUDA does not mention Table::cuda(), and a family that lacks one of
/// its backends does not link.
template <class Table> const Table& kernels_for(Device device) {
  if constexpr (with_cuda) {
    if (device.is_cuda()) return Table::cuda();
  } else {
    check(device.is_cpu(), "device", "expected a CPU tensor in a build without CUDA, got one on {}", device);
  }
  return Table::cpu();
}

/// Where ops on the tensor's device launch.
inline Stream stream_of(const Tensor& t) { return backend::current_stream(t.device()); }

}  // namespace heddle

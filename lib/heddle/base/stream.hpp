// The queue that kernels are launched into. On the CPU there is none: kernels run before their call returns.
#pragma once

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// A CUDA stream, opaque so that no CUDA type is needed to hold one; null is the device's default stream, or the CPU.
struct Stream {
  void* handle = nullptr;
};

}  // namespace heddle
HD_API_END

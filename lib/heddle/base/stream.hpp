// The queue that kernels are launched into. On the CPU there is none: kernels run before their call returns.
#pragma once

namespace heddle {

/// A CUDA stream, opaque so that no CUDA type is needed to hold one; null is the device's default stream, or the CPU.
struct Stream {
  void* handle = nullptr;
};

}  // namespace heddle

// The launch of a kernel as an ordinary call, for kernels compiled as C++: the twin of kernels/simt/launch_cuda.hpp.
#pragma once

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "heddle/base/stream.hpp"
#include "kernels/simt/registry.hpp"
#include "tests/simt/vector_types.hpp"

namespace heddle::simt {
namespace emulator {

struct Launch {
  KernelEntry* entry = nullptr;
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  std::function<void()> thread;        ///< what one thread runs
  std::vector<const void*> pointers;   ///< arguments that are pointers, in order; null for the others
};

/// Checks the launch as CUDA would, and runs it or, while the stream is captured, records it.
void submit(Launch launch, Stream stream);

template <class T> const void* if_pointer(const T& x) {
  if constexpr (std::is_pointer_v<T>)
    return static_cast<const void*>(x);
  else
    return nullptr;
}

template <auto Kernel> struct Launcher;
template <class... P, void (*Kernel)(P...)> struct Launcher<Kernel> {
  static void run(dim3 grid, dim3 block, std::size_t shared_bytes, Stream stream, P... arguments) {
    submit({&kernel_entry<Kernel>, grid, block, shared_bytes, [=] { Kernel(arguments...); }, {if_pointer(arguments)...}}, stream);
  }
};

}  // namespace emulator

template <auto Kernel, class... Args>
void launch(dim3 grid, dim3 block, std::size_t shared_bytes, Stream stream, Args&&... arguments) {
  emulator::Launcher<Kernel>::run(grid, block, shared_bytes, stream, std::forward<Args>(arguments)...);
}

}  // namespace heddle::simt

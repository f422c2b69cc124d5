// The launch of a kernel as an ordinary call, for nvcc. tests/simt/launch.hpp is its twin.
#pragma once

#include <utility>

#include "heddle/base/stream.hpp"
#include "kernels/simt/registry.hpp"

namespace heddle::simt {
namespace detail {

/// Launches, and throws an Error that names the kernel where that fails. In runtime_cuda.cu.
void launch(const void* kernel, KernelEntry&, dim3 grid, dim3 block, std::size_t shared_bytes, Stream, void** arguments);

template <auto Kernel> struct Launcher;
template <class... P, void (*Kernel)(P...)> struct Launcher<Kernel> {
  static void run(dim3 grid, dim3 block, std::size_t shared_bytes, Stream stream, P... arguments) {
    void* pointers[] = {const_cast<void*>(static_cast<const void*>(&arguments))..., nullptr};
    launch(reinterpret_cast<const void*>(Kernel), kernel_entry<Kernel>, grid, block, shared_bytes, stream, pointers);
  }
};

}  // namespace detail

/// Runs `Kernel` on a grid of blocks, `shared_bytes` of dynamic shared memory for each; a grid without blocks is no launch.
/// Arguments are converted to the kernel's parameters. Every launch is checked.
template <auto Kernel, class... Args>
void launch(dim3 grid, dim3 block, std::size_t shared_bytes, Stream stream, Args&&... arguments) {
  detail::Launcher<Kernel>::run(grid, block, shared_bytes, stream, std::forward<Args>(arguments)...);
}

}  // namespace heddle::simt

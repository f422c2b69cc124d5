// What a kernel file includes, and the only place where CUDA meets the project: the same .cu file is compiled by nvcc
// against device_cuda.hpp, and by a C++ compiler against the emulator in tests/simt. docs/kernels/simt.md describes it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/simt/bf16.hpp"
#include "kernels/simt/qualifiers.hpp"
#include "kernels/simt/registry.hpp"

#if defined(__CUDACC__)
#include "kernels/simt/device_cuda.hpp"
#include "kernels/simt/launch_cuda.hpp"
#else
#include "tests/simt/emulator.hpp"
#endif

#include "kernels/simt/mma.hpp"
#include "kernels/simt/vector.hpp"

namespace heddle::simt {

inline constexpr int warp_size = 32;
inline constexpr unsigned full_warp = 0xFFFFFFFFu;

/// Blocks of `per_block` that cover `count`, at most `limit`: a kernel with a grid-stride loop takes fewer.
constexpr unsigned blocks_for(std::int64_t count, std::int64_t per_block, std::int64_t limit = 0x7FFFFFFF) {
  const std::int64_t blocks = (count + per_block - 1) / per_block;
  return static_cast<unsigned>(blocks < limit ? blocks : limit);
}

/// This thread's place in a grid of one dimension.
HD_DEVICE inline std::int64_t thread_number() {
  return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}

/// The dynamic shared memory that a kernel with a Carver needs, added up as the carver does:
/// SharedBytes().take<float>(n).take<bf16>(m).total.
struct SharedBytes {
  std::size_t total = 0;

  template <class T> constexpr SharedBytes take(std::size_t count) const {
    constexpr std::size_t align = alignof(T) > 16 ? alignof(T) : 16;
    return {(total + align - 1) / align * align + count * sizeof(T)};
  }
};

}  // namespace heddle::simt

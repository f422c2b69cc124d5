// The multiplications between Winograd's transforms: at each of the 36 points a small matrix product.
//
//   multiply_tiles  m[k][t] = sum over c of u[k][c] * v[c][t]    vectors run along tiles
//
// (forward and gradient of x; that of the weights is a sum of outer products, outer_products.hpp).
// A block of accumulators stays in registers over the whole sum. Each operand is stored in the order in which the blocks read
// it, so that the inner loops address everything by a pointer or two and constants.
#pragma once

#include "kernels/conv/outer_products.hpp"

namespace heddle::kernels {
namespace {

/// Output channels that a block takes, by two vectors of tiles: 24 accumulators of 32 registers, or 12 of 16.
inline constexpr int block_channels = this_isa == Isa::v4 ? 12 : 6;

/// v [c][vectors * width], u [c][rows], m [rows][vectors * width].
template <int rows, int vectors>
__attribute__((noinline)) void multiply_tiles_block(int c, const float* v, const float* u, float* m) {
  Floats sum[rows][vectors] = {};
  for (int i = 0; i < c; ++i, v += vectors * width, u += rows) {
    Floats tiles[vectors];
    unroll<vectors>([&](auto j) __attribute__((always_inline)) { tiles[j] = load(v + j * width); });
    unroll<rows>([&](auto k) __attribute__((always_inline)) {
      const Floats weight = broadcast(u[k]);
      unroll<vectors>([&](auto j) __attribute__((always_inline)) { sum[k][j] += weight * tiles[j]; });
    });
  }
  unroll<rows * vectors>([&](auto i)
                             __attribute__((always_inline)) { store<float>(m + i * width, sum[i / vectors][i % vectors]); });
}

/// Groups of tiles come in pairs; the last of an odd number stands alone. Where a channel's vector of a group begins.
HD_INLINE std::int64_t pair_offset(int groups, int channels, int group, int channel) {
  const int pair = group / 2, vectors = 2 * pair + 1 < groups ? 2 : 1;
  return (std::int64_t{2} * pair * channels + channel * vectors + group % 2) * width;
}

/// v [pair][c][2 * width], u [block of k][c][rows of the block], m [pair][k][2 * width]; `k` channels of the `all` that u is
/// split evenly into blocks for, beginning with block `first`.
inline void multiply_tiles(int groups, int c, int all, int first, int k, const float* v, const float* u, float* m) {
  for (int group = 0; group < groups; group += 2) {
    const bool pair = group + 1 < groups;
    const float* block_u = u;
    for (int row = 0, index = first; row < k; ++index) {
      const int rows = even_block(all, block_channels, index);
      with_rows<block_channels>(
          rows, [&](auto count) __attribute__((always_inline)) {
            if (pair)
              multiply_tiles_block<count, 2>(c, v, block_u, m + row * 2 * width);
            else
              multiply_tiles_block<count, 1>(c, v, block_u, m + row * width);
          });
      row += rows, block_u += std::int64_t{rows} * c;
    }
    v += std::int64_t{2} * width * c, m += std::int64_t{2} * width * k;
  }
}

}  // namespace
}  // namespace heddle::kernels

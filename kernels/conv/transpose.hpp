// Transposing in registers: squares of lanes x lanes, and 4 x 4 within each 128-bit part of four vectors.
#pragma once

#include <utility>

#include "kernels/conv/register_block.hpp"
#include "kernels/simd.hpp"

namespace heddle::kernels {
namespace {

inline constexpr int width = lanes<float>;
using Floats = Vec<float>;

// Shuffles that do the same in every 128-bit part.
template <int a, int b, int c, int d>
HD_INLINE Floats shuffle_parts(Floats x, Floats y) {
  return [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    constexpr int of[4] = {a, b, c, d};
    return __builtin_shufflevector(x, y, (i / 4 * 4 + (of[i % 4] < 4 ? of[i % 4] : of[i % 4] - 4 + width))...);
  }
  (std::make_integer_sequence<int, width>{});
}
// Of each pair of neighbouring groups of `step` lanes, x's first and y's first (or x's second and y's second).
template <int step, bool second>
HD_INLINE Floats exchange(Floats x, Floats y) {
  return [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    constexpr auto from = [](int lane) {
      const bool upper = lane & step;
      return second ? (upper ? lane + width : lane + step) : (upper ? lane - step + width : lane);
    };
    return __builtin_shufflevector(x, y, from(i)...);
  }
  (std::make_integer_sequence<int, width>{});
}
template <int step>
HD_INLINE void exchange_parts(Floats (&v)[width]) {
  if constexpr (step < width) {
    unroll<width>([&](auto i) __attribute__((always_inline)) {
      if constexpr ((i & step) == 0) {
        const Floats x = v[i], y = v[i + step];
        v[i] = exchange<step, false>(x, y);
        v[i + step] = exchange<step, true>(x, y);
      }
    });
    exchange_parts<2 * step>(v);
  }
}

/// In every 128-bit part, lane j of v[i] becomes lane i of v[j]. Four vectors of consecutive elements become four of every
/// fourth element, and the other way round; element 4 (width / 4 * i + p) + j is found in lane 4 p + i of v[j].
HD_INLINE void transpose_parts(Floats& v0, Floats& v1, Floats& v2, Floats& v3) {
  const Floats a = shuffle_parts<0, 4, 1, 5>(v0, v1), b = shuffle_parts<2, 6, 3, 7>(v0, v1);
  const Floats c = shuffle_parts<0, 4, 1, 5>(v2, v3), d = shuffle_parts<2, 6, 3, 7>(v2, v3);
  v0 = shuffle_parts<0, 1, 4, 5>(a, c), v1 = shuffle_parts<2, 3, 6, 7>(a, c);
  v2 = shuffle_parts<0, 1, 4, 5>(b, d), v3 = shuffle_parts<2, 3, 6, 7>(b, d);
}

/// v[i][j] becomes v[j][i]: lanes * log2(lanes) shuffles, all of them single instructions.
HD_INLINE void transpose(Floats (&v)[width]) {
  unroll<width / 4>([&](auto g) __attribute__((always_inline)) {
    transpose_parts(v[4 * g], v[4 * g + 1], v[4 * g + 2], v[4 * g + 3]);
  });
  exchange_parts<4>(v);
}

}  // namespace
}  // namespace heddle::kernels

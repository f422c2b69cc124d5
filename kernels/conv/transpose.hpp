// Planes of channels to vectors of channels and back, in registers.
//
// Tensors are [channel][row][column]; Winograd's transforms want the same pixel of `lanes` channels in one vector, since
// then tiles may start anywhere. A square of lanes x lanes is transposed as 4 x 4 blocks within 128-bit parts of vectors and
// then by exchanging those parts: lanes * log2(lanes) shuffles, all of them single instructions.
#pragma once

#include <utility>

#include "kernels/conv/register_block.hpp"
#include "kernels/simd.hpp"

namespace heddle::kernels {
namespace {

inline constexpr int width = lanes<float>;  // channels that are worked on at once
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

/// v[i][j] becomes v[j][i].
HD_INLINE void transpose(Floats (&v)[width]) {
  unroll<width / 4>([&](auto group) __attribute__((always_inline)) {
    constexpr int g = 4 * group;
    const Floats a = shuffle_parts<0, 4, 1, 5>(v[g], v[g + 1]), b = shuffle_parts<2, 6, 3, 7>(v[g], v[g + 1]);
    const Floats c = shuffle_parts<0, 4, 1, 5>(v[g + 2], v[g + 3]), d = shuffle_parts<2, 6, 3, 7>(v[g + 2], v[g + 3]);
    v[g] = shuffle_parts<0, 1, 4, 5>(a, c), v[g + 1] = shuffle_parts<2, 3, 6, 7>(a, c);
    v[g + 2] = shuffle_parts<0, 1, 4, 5>(b, d), v[g + 3] = shuffle_parts<2, 3, 6, 7>(b, d);
  });
  exchange_parts<4>(v);
}

alignas(64) constexpr float zeros[width] = {};

/// Pixels [begin, end) of `channels` planes (up to `width`; others count as zero), `area` elements from plane to plane:
/// calls f(pixel, vector over channels) for each, in order.
template <class F>
HD_INLINE void gather_pixels(const float* planes, std::int64_t area, int channels, std::int64_t begin, std::int64_t end, F f) {
  for (std::int64_t pixel = begin; pixel < end; pixel += width) {
    Floats v[width];
    std::int64_t from = pixel;
    if (area >= width) {
      // The last square of a plane is moved back to end with the plane; what it repeats is skipped.
      if (from > area - width) from = area - width;
      if (channels == width)
        unroll<width>([&](auto c) __attribute__((always_inline)) { v[c] = load(planes + c * area + from); });
      else
        unroll<width>([&](auto c)
                          __attribute__((always_inline)) { v[c] = load(c < channels ? planes + c * area + from : zeros); });
    } else {
      float copy[width][width] = {};
      for (int c = 0; c < channels; ++c)
        for (std::int64_t i = 0; i < area - from; ++i) copy[c][i] = planes[c * area + from + i];
      for (int c = 0; c < width; ++c) v[c] = load(copy[c]);
    }
    transpose(v);
    const int skip = static_cast<int>(pixel - from);
    const int count = static_cast<int>(end - from < width ? end - from : width);
    if (skip == 0 && count == width) {
      unroll<width>([&](auto i) __attribute__((always_inline)) { f(from + i, v[i]); });
    } else {
      float copy[width][width];
      for (int i = 0; i < width; ++i) store<float>(copy[i], v[i]);
      for (int i = skip; i < count; ++i) f(from + i, load(copy[i]));
    }
  }
}

/// The way back: pixels [begin, end) of `channels` planes become the vectors f(pixel).
template <class F>
HD_INLINE void scatter_pixels(float* planes, std::int64_t area, int channels, std::int64_t begin, std::int64_t end, F f) {
  for (std::int64_t pixel = begin; pixel < end; pixel += width) {
    Floats v[width];
    if (end - begin >= width) {
      const std::int64_t to = pixel < end - width ? pixel : end - width;
      unroll<width>([&](auto i) __attribute__((always_inline)) { v[i] = f(to + i); });
      transpose(v);
      if (channels == width) {
        unroll<width>([&](auto c) __attribute__((always_inline)) { store<float>(planes + c * area + to, v[c]); });
      } else {
        unroll<width>([&](auto c) __attribute__((always_inline)) {
          if (c < channels) store<float>(planes + c * area + to, v[c]);
        });
      }
    } else {
      for (std::int64_t i = pixel; i < end; ++i) {
        float copy[width];
        store<float>(copy, f(i));
        for (int c = 0; c < channels; ++c) planes[c * area + i] = copy[c];
      }
    }
  }
}

}  // namespace
}  // namespace heddle::kernels

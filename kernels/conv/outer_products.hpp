// Outer products of channels, added up pixel by pixel (or tile by tile): the gradient of the weights.
//
//   du[q][p] += sum over t of y[q][t] * v[t][p]    vectors run along p
//
// v's operand has been transposed, so that the channels p of one t are vectors; y's rows are broadcast. Unlike dot products,
// whose sums are vectors too and need adding up at the end, these sums are the result: a sixteenth as much of them to keep.
// A block of accumulators stays in registers over the whole sum.
#pragma once

#include "kernels/conv/transpose.hpp"

namespace heddle::kernels {
namespace {

/// Rows of block number `index` when `count` rows are split evenly into as few blocks of up to `most` as possible: 20 is
/// 10 + 10.
HD_INLINE int even_block(int count, int most, int index) {
  const int blocks = (count + most - 1) / most;
  return count / blocks + (index < count % blocks ? 1 : 0);
}

/// Calls f(integral_constant<rows>) for the run-time number of rows.
template <int most, class F>
HD_INLINE void with_rows(int rows, F f) {
  if constexpr (most > 1) {
    if (rows < most) return with_rows<most - 1>(rows, f);
  }
  f(std::integral_constant<int, most>{});
}

/// Vectors that channels fill, and the half vectors that the products take for them.
HD_INLINE int vectors_of(int channels) {
  return (channels + width - 1) / width;
}
HD_INLINE int halves_of(int channels) {
  if (this_isa == Isa::v4 && channels > width && channels <= width + width / 2) return 3;
  return 2 * vectors_of(channels);
}

struct HalfFloats {
  typedef float type __attribute__((vector_size(vector_bytes / 2)));
};
template <bool half>
struct LastVector {
  using type = Floats;
};
template <>
struct LastVector<true> {
  using type = HalfFloats::type;
};

template <class V>
HD_INLINE V load_as(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class V>
HD_INLINE V broadcast_as(float x) {
  return x - V{};
}

/// A gradient block's rows: at most what registers hold. The last vector may be half as wide.
template <int full, bool half>
inline constexpr int gradient_rows = [] {
  constexpr int vectors = full + (half ? 1 : 0);
  if (this_isa == Isa::v4) return vectors == 1 ? 16 : vectors == 2 ? 12 : 8;
  return vectors == 1 ? 12 : vectors == 2 ? 6 : 4;
}();

template <int row, int rows, int full, bool half>
__attribute__((noinline)) void multiply_gradient_block(int groups, const float* y, std::int64_t y_group, const float* v,
                                                       std::int64_t v_stride, float* du, std::int64_t du_stride) {
  using Last = typename LastVector<half>::type;
  Floats sum[rows][full];
  Last last[rows] = {};
  unroll<rows>([&](auto q) __attribute__((always_inline)) {
    unroll<full>([&](auto k) __attribute__((always_inline)) { sum[q][k] = load(du + k * du_stride + q * width); });
    if constexpr (half) last[q] = load_as<Last>(du + full * du_stride + q * width);
  });
  for (int group = 0; group < groups; ++group, y += y_group)
    for (int t = 0; t < width; ++t, v += width) {
      Floats b[full];
      unroll<full>([&](auto k) __attribute__((always_inline)) { b[k] = load(v + k * v_stride); });
      [[maybe_unused]] Last b_last{};
      if constexpr (half) b_last = load_as<Last>(v + full * v_stride);
      unroll<rows>([&](auto q) __attribute__((always_inline)) {
        const float a = y[q * row + t];
        unroll<full>([&](auto k) __attribute__((always_inline)) { sum[q][k] += broadcast_as<Floats>(a) * b[k]; });
        if constexpr (half) last[q] += broadcast_as<Last>(a) * b_last;
      });
    }
  unroll<rows>([&](auto q) __attribute__((always_inline)) {
    unroll<full>([&](auto k) __attribute__((always_inline)) { store<float>(du + k * du_stride + q * width, sum[q][k]); });
    if constexpr (half) __builtin_memcpy(du + full * du_stride + q * width, &last[q], sizeof(Last));
  });
}

/// Splits `channels` into blocks of vectors: f(first vector, integral_constant<full>, bool_constant<half>).
template <class F>
HD_INLINE void each_vector_block(int channels, F f) {
  int vector = 0;
  for (; channels > 0;) {
    const bool half = this_isa == Isa::v4 && channels > width && channels <= width + width / 2;
    if (half) return f(vector, std::integral_constant<int, 1>{}, std::bool_constant<this_isa == Isa::v4>{});
    if (this_isa != Isa::v4 && channels > 2 * width && channels <= 3 * width)
      return f(vector, std::integral_constant < int, this_isa == Isa::v4 ? 1 : 3 > {}, std::false_type{});
    if (channels <= width) return f(vector, std::integral_constant<int, 1>{}, std::false_type{});
    f(vector, std::integral_constant<int, 2>{}, std::false_type{});
    vector += 2, channels -= 2 * width;
  }
}

/// v [vectors of p][tiles][width], du [vectors of p][q][width]; element t of group g of row q of y is found at
/// y[q * row + g * y_group + t].
template <int row>
inline void multiply_gradient(int groups, int q, int p, const float* y, std::int64_t y_group, const float* v,
                              std::int64_t v_stride, float* du, std::int64_t du_stride) {
  each_vector_block(p, [&](int vector, auto full, auto half) {
    constexpr int most = gradient_rows<full, half>;
    for (int q0 = 0, index = 0; q0 < q; ++index) {
      const int rows = even_block(q, most, index);
      with_rows<most>(rows, [&](auto n) {
        multiply_gradient_block<row, n, full, half>(groups, y + std::int64_t{q0} * row, y_group, v + vector * v_stride,
                                                    v_stride, du + vector * du_stride + q0 * width, du_stride);
      });
      q0 += rows;
    }
  });
}

}  // namespace
}  // namespace heddle::kernels

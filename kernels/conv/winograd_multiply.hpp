// The multiplications between Winograd's transforms: at each of the 36 points a small matrix product.
//
//   multiply_tiles    m[k][t] = sum over c of u[k][c] * v[c][t]    vectors run along tiles (forward and gradient of x)
//   multiply_gradient du[q][p] += sum over t of y[q][t] * v[t][p]  vectors run along channels (gradient of the weights)
//
// A block of accumulators stays in registers over the whole sum. Each operand is stored in the order in which the blocks read
// it, so that the inner loops address everything by a pointer or two and constants.
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

template <int rows, int full, bool half>
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
        const float a = y[q * width + t];
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

/// y [group][q][width], v [vectors of p][tiles][width], du [vectors of p][q][width].
inline void multiply_gradient(int groups, int q, int p, const float* y, const float* v, std::int64_t v_stride, float* du,
                              std::int64_t du_stride) {
  each_vector_block(p, [&](int vector, auto full, auto half) {
    constexpr int most = gradient_rows<full, half>;
    for (int q0 = 0, index = 0; q0 < q; ++index) {
      const int rows = even_block(q, most, index);
      with_rows<most>(rows, [&](auto n) {
        multiply_gradient_block<n, full, half>(groups, y + q0 * width, std::int64_t{q} * width, v + vector * v_stride, v_stride,
                                               du + vector * du_stride + q0 * width, du_stride);
      });
      q0 += rows;
    }
  });
}

}  // namespace
}  // namespace heddle::kernels

// The multiplications between Winograd's transforms: at each of the 36 points a small matrix product.
//
//   multiply_tiles    m[t][k] = sum over c of v[t][c] * u[c][k]    (forward and gradient of x)
//   multiply_gradient du[q][p] += sum over t of y[t][q] * v[t][p]  (gradient of the weights)
//
// All matrices lie in memory as [vector of channels][tile or channel][width], so that a broadcast element of the next tile is
// `width` elements further: the inner loops address everything by one pointer and constants. A block of accumulators stays in
// registers: rows by vectors, where the last vector of a row may be half as wide, if so few channels are left.
#pragma once

#include "kernels/conv/transpose.hpp"

namespace heddle::kernels {
namespace {

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

/// A block's shape. Rows are at most what registers hold.
template <int full, bool half>
struct BlockShape {
  static constexpr int vectors = full + (half ? 1 : 0);
  static constexpr int rows = this_isa == Isa::v4 ? (vectors == 1   ? 16
                                                     : vectors == 2 ? 12
                                                                    : 8)
                                                  : (vectors == 1   ? 12
                                                     : vectors == 2 ? 6
                                                                    : 4);
};

/// Rows of block number `index` when `count` rows are split evenly into as few blocks of up to `most` as possible.
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

template <int rows, int full, bool half>
__attribute__((noinline)) void multiply_tiles_block(int c, const float* v, std::int64_t v_stride, const float* u,
                                                    std::int64_t u_stride, float* m, std::int64_t m_stride) {
  using Last = typename LastVector<half>::type;
  Floats sum[rows][full] = {};
  Last last[rows] = {};
  for (int c0 = 0; c0 < c; c0 += width, v += v_stride) {
    const int count = c - c0 < width ? c - c0 : width;
    for (int i = 0; i < count; ++i, u += width) {
      Floats b[full];
      unroll<full>([&](auto k) __attribute__((always_inline)) { b[k] = load(u + k * u_stride); });
      [[maybe_unused]] Last b_last{};
      if constexpr (half) b_last = load_as<Last>(u + full * u_stride);
      unroll<rows>([&](auto t) __attribute__((always_inline)) {
        const float a = v[t * width + i];
        unroll<full>([&](auto k) __attribute__((always_inline)) { sum[t][k] += broadcast_as<Floats>(a) * b[k]; });
        if constexpr (half) last[t] += broadcast_as<Last>(a) * b_last;
      });
    }
  }
  unroll<rows>([&](auto t) __attribute__((always_inline)) {
    unroll<full>([&](auto k) __attribute__((always_inline)) { store<float>(m + k * m_stride + t * width, sum[t][k]); });
    if constexpr (half) __builtin_memcpy(m + full * m_stride + t * width, &last[t], sizeof(Last));
  });
}

template <int rows, int full, bool half>
__attribute__((noinline)) void multiply_gradient_block(int tiles, const float* y, const float* v, std::int64_t v_stride,
                                                       float* du, std::int64_t du_stride) {
  using Last = typename LastVector<half>::type;
  Floats sum[rows][full];
  Last last[rows] = {};
  unroll<rows>([&](auto q) __attribute__((always_inline)) {
    unroll<full>([&](auto k) __attribute__((always_inline)) { sum[q][k] = load(du + k * du_stride + q * width); });
    if constexpr (half) last[q] = load_as<Last>(du + full * du_stride + q * width);
  });
  for (int t = 0; t < tiles; ++t, y += width, v += width) {
    Floats b[full];
    unroll<full>([&](auto k) __attribute__((always_inline)) { b[k] = load(v + k * v_stride); });
    [[maybe_unused]] Last b_last{};
    if constexpr (half) b_last = load_as<Last>(v + full * v_stride);
    unroll<rows>([&](auto q) __attribute__((always_inline)) {
      unroll<full>([&](auto k) __attribute__((always_inline)) { sum[q][k] += broadcast_as<Floats>(y[q]) * b[k]; });
      if constexpr (half) last[q] += broadcast_as<Last>(y[q]) * b_last;
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

/// v [vectors of c][tiles][width], u [vectors of k][c][width], m [vectors of k][tiles][width], strides from vector to vector.
inline void multiply_tiles(int tiles, int c, int k, const float* v, std::int64_t v_stride, const float* u,
                           std::int64_t u_stride, float* m, std::int64_t m_stride) {
  each_vector_block(k, [&](int vector, auto full, auto half) {
    constexpr int most = BlockShape<full, half>::rows;
    for (int t = 0, index = 0; t < tiles; ++index) {
      const int rows = even_block(tiles, most, index);
      with_rows<most>(rows, [&](auto count) {
        multiply_tiles_block<count, full, half>(c, v + t * width, v_stride, u + vector * u_stride, u_stride,
                                                m + vector * m_stride + t * width, m_stride);
      });
      t += rows;
    }
  });
}

/// y [vectors of q][tiles][width], v [vectors of p][tiles][width], du [vectors of p][q][width].
inline void multiply_gradient(int tiles, int q, int p, const float* y, std::int64_t y_stride, const float* v,
                              std::int64_t v_stride, float* du, std::int64_t du_stride) {
  each_vector_block(p, [&](int vector, auto full, auto half) {
    constexpr int most = BlockShape<full, half>::rows;
    // Rows of a block lie in one vector of y.
    for (int q0 = 0; q0 < q; q0 += width) {
      const int count = q - q0 < width ? q - q0 : width;
      for (int i = 0, index = 0; i < count; ++index) {
        const int rows = even_block(count, most, index);
        with_rows<(most < width ? most : width)>(rows, [&](auto n) {
          multiply_gradient_block<n, full, half>(tiles, y + q0 / width * y_stride + i, v + vector * v_stride, v_stride,
                                                 du + vector * du_stride + (q0 + i) * width, du_stride);
        });
        i += rows;
      }
    }
  });
}

}  // namespace
}  // namespace heddle::kernels

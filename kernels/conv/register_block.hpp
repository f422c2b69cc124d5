// The two inner loops of convolution on the CPU, over blocks of accumulators that stay in registers.
//
//   correlate_block  out[m][t] = bias[m] + sum over planes i, taps j of a[i][j][m] * b[i][offset(j) + t]; vectors run along t
//   dot_block        sum[m][j] = sum over t of a[t][m] * b[j][t]; vectors run along t and are added up at the end
//
// Each is a template on the block's size, so that the compiler unrolls everything and keeps the accumulators in registers;
// the functions without template sizes choose the one asked for.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/simd.hpp"

namespace heddle::kernels {
namespace {

/// The sum of all lanes, in one fixed order: halves are added to each other until one is left.
template <class T>
HD_INLINE T lane_sum(Vec<T> v) {
  T a[lanes<T>];
  store(a, v);
  for (int width = lanes<T> / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) a[i] += a[i + width];
  return a[0];
}

/// Vectors of t, and the most rows, of a correlation block: 24 accumulators of 32 registers, or 12 of 16.
constexpr int block_vectors = this_isa == Isa::v4 ? 4 : 2;
constexpr int block_rows = 6;

/// Rows of the given block when `rows` rows are split evenly into as few blocks as possible: 20 is 5 + 5 + 5 + 5.
HD_INLINE int row_block(int rows, int block) {
  const int blocks = (rows + block_rows - 1) / block_rows;
  return rows / blocks + (block < rows % blocks ? 1 : 0);
}

/// f(integral_constant 0), f(integral_constant 1), ... written out.
template <int count, class F>
HD_INLINE void unroll(F f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }
  (std::make_integer_sequence<int, count>{});
}

template <class T, int rows, int vectors>
void correlate_rows(int planes, int taps, const int* offsets, const T* a, const T* b, std::int64_t plane_stride, const T* bias,
                    T* out, std::int64_t out_stride) {
  Vec<T> sum[rows][vectors];
  unroll<rows * vectors>([&](auto i) __attribute__((always_inline)) {
    sum[i / vectors][i % vectors] = bias ? broadcast(bias[i / vectors]) : Vec<T>{};
  });
  for (int i = 0; i < planes; ++i, b += plane_stride)
    for (int j = 0; j < taps; ++j, a += rows) {
      const T* from = b + offsets[j];
      Vec<T> v[vectors];
      unroll<vectors>([&](auto k) __attribute__((always_inline)) { v[k] = load(from + k * lanes<T>); });
      unroll<rows>([&](auto m) __attribute__((always_inline)) {
        const Vec<T> w = broadcast(a[m]);
        unroll<vectors>([&](auto k) __attribute__((always_inline)) { sum[m][k] += w * v[k]; });
      });
    }
  unroll<rows * vectors>([&](auto i) __attribute__((always_inline)) {
    store(out + i / vectors * out_stride + i % vectors * lanes<T>, sum[i / vectors][i % vectors]);
  });
}

template <class T>
HD_INLINE void correlate_block(int rows, int planes, int taps, const int* offsets, const T* a, const T* b,
                               std::int64_t plane_stride, const T* bias, T* out, std::int64_t out_stride) {
  constexpr int v = block_vectors;
  switch (rows) {
    case 1:
      return correlate_rows<T, 1, v>(planes, taps, offsets, a, b, plane_stride, bias, out, out_stride);
    case 2:
      return correlate_rows<T, 2, v>(planes, taps, offsets, a, b, plane_stride, bias, out, out_stride);
    case 3:
      return correlate_rows<T, 3, v>(planes, taps, offsets, a, b, plane_stride, bias, out, out_stride);
    case 4:
      return correlate_rows<T, 4, v>(planes, taps, offsets, a, b, plane_stride, bias, out, out_stride);
    case 5:
      return correlate_rows<T, 5, v>(planes, taps, offsets, a, b, plane_stride, bias, out, out_stride);
    default:
      return correlate_rows<T, 6, v>(planes, taps, offsets, a, b, plane_stride, bias, out, out_stride);
  }
}

/// The most rows and columns of a dot block: 24 accumulators of 32 registers, or 9 of 16.
constexpr int dot_rows = this_isa == Isa::v4 ? 6 : 3;
constexpr int dot_columns = this_isa == Isa::v4 ? 4 : 3;

/// sum[m * sum_stride + j] += ... ; a[vector][m][lane] with a_stride elements from vector to vector, b[j] are arrays of
/// t. The last `columns` of b may repeat earlier ones; only the first `used` sums are written.
template <class T, int rows, int columns>
void dot_rows_by(std::int64_t vectors, const T* a, std::int64_t a_stride, const T* const* b, int used, T* sums,
                 std::int64_t sum_stride) {
  Vec<T> sum[rows][columns] = {};
  const T* from[columns];
  for (int j = 0; j < columns; ++j) from[j] = b[j];
  for (std::int64_t t = 0; t < vectors; ++t, a += a_stride) {
    Vec<T> v[columns];
    unroll<columns>([&](auto j) __attribute__((always_inline)) { v[j] = load(from[j] + t * lanes<T>); });
    unroll<rows>([&](auto m) __attribute__((always_inline)) {
      const Vec<T> w = load(a + m * lanes<T>);
      unroll<columns>([&](auto j) __attribute__((always_inline)) { sum[m][j] += w * v[j]; });
    });
  }
  unroll<rows>([&](auto m) __attribute__((always_inline)) {
    unroll<columns>([&](auto j) __attribute__((always_inline)) {
      if (j < used) sums[m * sum_stride + j] += lane_sum<T>(sum[m][j]);
    });
  });
}

template <class T>
HD_INLINE void dot_block(int rows, std::int64_t vectors, const T* a, std::int64_t a_stride, const T* const* b, int used,
                         T* sums, std::int64_t sum_stride) {
  constexpr int c = dot_columns;
  switch (rows) {
    case 1:
      return dot_rows_by<T, 1, c>(vectors, a, a_stride, b, used, sums, sum_stride);
    case 2:
      return dot_rows_by<T, 2, c>(vectors, a, a_stride, b, used, sums, sum_stride);
    case 3:
      return dot_rows_by<T, 3, c>(vectors, a, a_stride, b, used, sums, sum_stride);
    case 4:
      return dot_rows_by<T, 4, c>(vectors, a, a_stride, b, used, sums, sum_stride);
    case 5:
      return dot_rows_by<T, 5, c>(vectors, a, a_stride, b, used, sums, sum_stride);
    default:
      return dot_rows_by<T, 6, c>(vectors, a, a_stride, b, used, sums, sum_stride);
  }
}

}  // namespace
}  // namespace heddle::kernels

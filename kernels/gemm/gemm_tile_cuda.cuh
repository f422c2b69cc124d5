// What one block of gemm_kernel (gemm_cuda.cu) does between two barriers: from panels of op(A) and op(B) in shared memory,
// a [step][m + pad] and b [step][n + pad], to a tile of C [m, n] in its threads' registers.
//
// Both panels lie with k outermost. For CUDA cores, a thread then reads its rows and columns as 16-byte vectors; for tensor
// cores, the eight rows of a fragment are neighbours, and with a pitch of 8 mod 32 words its four k's lie in banks of their
// own.
#pragma once

#include "kernels/precision.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

inline constexpr int gemm_step = 16;  // of k between two barriers
inline constexpr int gemm_pad = 8;

/// rows x columns of C on CUDA cores, thread_rows x thread_columns for each thread: as many multiply-adds a k for
/// (thread_rows + thread_columns) / vector 16-byte loads.
template <class T, int rows, int columns, int thread_rows, int thread_columns>
struct VectorTile {
  static constexpr int m = rows, n = columns, vector = simt::vec_width<T>;
  static constexpr int threads_m = m / thread_rows, threads_n = n / thread_columns, threads = threads_m * threads_n;

  T sum[thread_rows][thread_columns] = {};
  int row, column;  // of the thread's first vectors; the next ones lie threads_m, threads_n vectors on

  HD_DEVICE explicit VectorTile(int thread) : row(thread / threads_n * vector), column(thread % threads_n * vector) {}

  HD_DEVICE HD_FORCE_INLINE void add(const T* a, const T* b) {
    HD_UNROLL
    for (int p = 0; p < gemm_step; ++p) {
      T x[thread_rows], y[thread_columns];
      load<thread_rows>(a + p * (m + gemm_pad) + row, threads_m, x);
      load<thread_columns>(b + p * (n + gemm_pad) + column, threads_n, y);
      HD_UNROLL
      for (int i = 0; i < thread_rows; ++i)
        for (int j = 0; j < thread_columns; ++j) sum[i][j] += x[i] * y[j];
    }
  }
  /// f(row, column, value) for the thread's elements.
  template <class F>
  HD_DEVICE HD_FORCE_INLINE void each(F f) const {
    HD_UNROLL
    for (int i = 0; i < thread_rows; ++i)
      for (int j = 0; j < thread_columns; ++j)
        f(row + i / vector * vector * threads_m + i % vector, column + j / vector * vector * threads_n + j % vector, sum[i][j]);
  }

 private:
  template <int count>
  HD_DEVICE HD_FORCE_INLINE static void load(const T* from, int threads_across, T (&to)[count]) {
    HD_UNROLL
    for (int v = 0; v < count / vector; ++v) {
      const auto some = simt::load_vec<vector>(from + v * vector * threads_across);
      HD_UNROLL
      for (int e = 0; e < vector; ++e) to[v * vector + e] = some[e];
    }
  }
};

/// 64 x 64 of C on tensor cores: four warps of 32 x 32, each 2 x 4 fragments. Factors are rounded as they come from
/// shared memory: 16 loads and 8 products m16n8k8 (tf32) for eight k's, or 32 and 8 m16n8k16 (bf16) for sixteen.
template <Precision precision>
struct MatrixTile {
  static constexpr int m = 64, n = 64, threads = 128;

  float sum[2][4][4] = {};
  int row, column, t;  // of the lane's first element of C; its k

  HD_DEVICE explicit MatrixTile(int thread)
      : row(thread / 64 * 32 + thread % 32 / 4), column(thread / 32 % 2 * 32 + thread % 32 / 4), t(thread % 4) {}

  HD_DEVICE HD_FORCE_INLINE void add(const float* a, const float* b) {
    constexpr int depth = precision == Precision::bf16 ? 16 : 8;
    HD_UNROLL
    for (int p = 0; p < gemm_step; p += depth) {
      std::uint32_t x[2][4], y[4][2];
      HD_UNROLL
      for (int i = 0; i < 2; ++i)
        for (int e = 0; e < 4; ++e) x[i][e] = factor(a, m + gemm_pad, p, e / 2, row + i * 16 + e % 2 * 8);
      HD_UNROLL
      for (int j = 0; j < 4; ++j)
        for (int e = 0; e < 2; ++e) y[j][e] = factor(b, n + gemm_pad, p, e, column + j * 8);
      HD_UNROLL
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 4; ++j) {
          if constexpr (precision == Precision::bf16)
            simt::mma_m16n8k16_bf16(sum[i][j], x[i], y[j], sum[i][j]);
          else
            simt::mma_m16n8k8_tf32(sum[i][j], x[i], y[j], sum[i][j]);
        }
    }
  }
  template <class F>
  HD_DEVICE HD_FORCE_INLINE void each(F f) const {
    HD_UNROLL
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 4; ++j)
        for (int e = 0; e < 4; ++e) f(row + i * 16 + e / 2 * 8, column / 32 * 32 + j * 8 + t * 2 + e % 2, sum[i][j][e]);
  }

 private:
  // The register of a fragment that holds k's half `half` of the lane's row (or column).
  HD_DEVICE HD_FORCE_INLINE std::uint32_t factor(const float* from, int pitch, int p, int half, int at) const {
    if constexpr (precision == Precision::bf16) {
      const float* pair = from + (p + half * 8 + t * 2) * pitch + at;
      return simt::pack_bf16(pair[0], pair[pitch]);
    } else {
      return simt::to_tf32(from[(p + half * 4 + t) * pitch + at]);
    }
  }
};

}  // namespace
}  // namespace heddle::kernels

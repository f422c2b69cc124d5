// What one warp of grad_weight_kernel multiplies: `channels_k` x `channels_c` weights of `taps` neighbouring taps, on CUDA
// cores or on tensor cores, over groups of output_group neighbouring outputs.
#pragma once

#include "kernels/conv/conv_tuning.hpp"
#include "kernels/conv/grad_weight_cuda.cuh"

namespace heddle::kernels {
namespace {

/// CUDA cores: a lane has lane_k x lane_c weights, 8 and 4 channels apart, of one tap, or of the three of a filter's row
/// with stride and dilation 1. Four outputs: lane_k 16-byte loads of dy, and for each c four words, or six in two loads, of x,
/// for 4 lane_k lane_c taps multiply-adds.
template <class T, int lane_k, int lane_c, int taps_>
struct VectorTileW {
  static constexpr TileKind kind = TileKind::vector;
  static constexpr int channels_k = 8 * lane_k, channels_c = 4 * lane_c, taps = taps_, values = lane_k * lane_c * taps;
  static constexpr int output_group = 4, bank_rest = 4;
  static constexpr bool aligned = taps == 3;
  static constexpr int vector = simt::vec_width<T>;
  /// Multiply-adds and loads of a warp for a group of outputs and taps, and what they take of a multiprocessor's cycles.
  static constexpr double multiplies = 4.0 * lane_k * lane_c * taps, loads = lane_k + lane_c * (taps == 1 ? 4 : 2);
  static constexpr double cycles = std::max((multiplies + loads) / 4, loads) / 4;

  static bool serves(const Axis& w) { return taps == 1 || (w.taps == 3 && w.dilation == 1 && w.step == 1); }

  T sum[lane_k][lane_c][taps] = {};
  int tap_group, tap_offset;

  HD_DEVICE VectorTileW(const WeightGradient& s, int which) : tap_group(which) {
    const int tap = which * taps < s.taps() ? which * taps : 0;
    tap_offset = tap / s.patch.w.taps * s.patch.h.dilation * s.patch.pitch + tap % s.patch.w.taps * s.patch.w.dilation;
  }

  HD_DEVICE HD_FORCE_INLINE void add(const WeightGradient& s, const T* dy, const T* x, const int* x_offsets, int share,
                                     int shares) {
    const int lane = static_cast<int>(threadIdx.x) % 32, step = s.patch.w.patch_step();
    dy += lane % 8 * s.dy_plane;
    x += lane / 8 * s.patch.plane + tap_offset;
    for (int group = share; group < s.output_groups; group += shares) {
      T left[lane_k][4];
      HD_UNROLL
      for (int i = 0; i < lane_k; ++i) load<4>(dy + i * 8 * s.dy_plane + group * 4, left[i]);
      const T* const from = x + x_offsets[group];
      HD_UNROLL
      for (int j = 0; j < lane_c; ++j) {
        const T* const line = from + j * 4 * s.patch.plane;
        T right[3 + taps];
        if constexpr (taps == 1) {
          HD_UNROLL
          for (int e = 0; e < 4; ++e) right[e] = line[e * step];
        } else {
          load<6>(line, right);
        }
        HD_UNROLL
        for (int i = 0; i < lane_k; ++i)
          for (int tap = 0; tap < taps; ++tap)
            for (int e = 0; e < 4; ++e) sum[i][j][tap] += left[i][e] * right[e + tap];
      }
    }
  }
  /// f(number, value) for each of the lane's sums.
  template <class F>
  HD_DEVICE HD_FORCE_INLINE void each_value(F f) {
    HD_UNROLL
    for (int i = 0; i < lane_k; ++i)
      for (int j = 0; j < lane_c; ++j)
        for (int tap = 0; tap < taps; ++tap) f((i * lane_c + j) * taps + tap, sum[i][j][tap]);
  }
  /// f(k, c, tap, value), of which some may lie beyond the last ones.
  template <class F>
  HD_DEVICE HD_FORCE_INLINE void each(F f) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    HD_UNROLL
    for (int i = 0; i < lane_k; ++i)
      for (int j = 0; j < lane_c; ++j)
        for (int tap = 0; tap < taps; ++tap) f(lane % 8 + i * 8, lane / 8 + j * 4, tap_group * taps + tap, sum[i][j][tap]);
  }

 private:
  // count neighbours in vectors as long as they last.
  template <int count>
  HD_DEVICE HD_FORCE_INLINE static void load(const T* from, T (&to)[count]) {
    HD_UNROLL
    for (int v = 0; v + vector <= count; v += vector) {
      const auto some = simt::load_vec<vector>(from + v);
      HD_UNROLL
      for (int e = 0; e < vector; ++e) to[v + e] = some[e];
    }
    if constexpr (count % vector == 2) {
      const auto some = simt::load_vec<2>(from + count - 2);
      to[count - 2] = some[0];
      to[count - 1] = some[1];
    }
  }
};

/// Tensor cores: products of dy [k 16 x outputs] and x [outputs x c 8], 8 outputs (tf32) or 16 (bf16) at a time, for `taps`
/// taps of any filter. Factors are rounded as they come from shared memory.
template <Precision precision, int tiles_k, int tiles_c, int taps_>
struct MatrixTileW {
  static constexpr TileKind kind = TileKind::matrix;
  static constexpr int channels_k = 16 * tiles_k, channels_c = 8 * tiles_c, taps = taps_, values = tiles_k * tiles_c * taps * 4;
  static constexpr int output_group = 8, bank_rest = precision == Precision::bf16 ? 8 : 4;
  static constexpr bool aligned = false;
  static constexpr double loads = (4.0 * tiles_k + 2.0 * tiles_c * taps) * (precision == Precision::bf16 ? 2 : 1);
  static constexpr double cycles = std::max(2.0 * tiles_k * tiles_c * taps, loads) / (precision == Precision::bf16 ? 16 : 8);

  static bool serves(const Axis&) { return true; }

  float sum[taps][tiles_k][tiles_c][4] = {};
  int tap_group, tap_offset[taps];

  HD_DEVICE MatrixTileW(const WeightGradient& s, int which) : tap_group(which) {
    HD_UNROLL
    for (int i = 0; i < taps; ++i) {
      const int tap = which * taps + i < s.taps() ? which * taps + i : 0;
      tap_offset[i] = tap / s.patch.w.taps * s.patch.h.dilation * s.patch.pitch + tap % s.patch.w.taps * s.patch.w.dilation;
    }
  }

  HD_DEVICE HD_FORCE_INLINE void add(const WeightGradient& s, const float* dy, const float* x, const int* x_offsets, int share,
                                     int shares) {
    constexpr bool pairs = precision == Precision::bf16;  // two groups of outputs at a time, two outputs in a register
    const int lane = static_cast<int>(threadIdx.x) % 32, t = lane % 4, step = s.patch.w.patch_step();
    dy += lane / 4 * s.dy_plane + (pairs ? 2 * t : t);
    x += lane / 4 * s.patch.plane + (pairs ? 2 * t : t) * step;
    const int half = pairs ? 8 : 4;
    for (int group = share * (pairs ? 2 : 1); group < s.output_groups; group += shares * (pairs ? 2 : 1)) {
      std::uint32_t a[tiles_k][4];
      HD_UNROLL
      for (int i = 0; i < tiles_k; ++i)
        for (int e = 0; e < 4; ++e) a[i][e] = factor(dy + (i * 16 + e % 2 * 8) * s.dy_plane + group * 8 + e / 2 * half, 1);
      const float* const low = x + x_offsets[group];
      const float* const high = pairs ? x + x_offsets[group + 1] : low + 4 * step;
      HD_UNROLL
      for (int tap = 0; tap < taps; ++tap)
        for (int j = 0; j < tiles_c; ++j) {
          const int at = j * 8 * s.patch.plane + tap_offset[tap];
          const std::uint32_t b[2] = {factor(low + at, step), factor(high + at, step)};
          HD_UNROLL
          for (int i = 0; i < tiles_k; ++i) {
            auto& d = sum[tap][i][j];
            if constexpr (pairs)
              simt::mma_m16n8k16_bf16(d, a[i], b, d);
            else
              simt::mma_m16n8k8_tf32(d, a[i], b, d);
          }
        }
    }
  }
  template <class F>
  HD_DEVICE HD_FORCE_INLINE void each_value(F f) {
    HD_UNROLL
    for (int tap = 0; tap < taps; ++tap)
      for (int i = 0; i < tiles_k; ++i)
        for (int j = 0; j < tiles_c; ++j)
          for (int e = 0; e < 4; ++e) f(((tap * tiles_k + i) * tiles_c + j) * 4 + e, sum[tap][i][j][e]);
  }
  template <class F>
  HD_DEVICE HD_FORCE_INLINE void each(F f) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    HD_UNROLL
    for (int tap = 0; tap < taps; ++tap)
      for (int i = 0; i < tiles_k; ++i)
        for (int j = 0; j < tiles_c; ++j)
          for (int e = 0; e < 4; ++e)
            f(i * 16 + e / 2 * 8 + lane / 4, j * 8 + lane % 4 * 2 + e % 2, tap_group * taps + tap, sum[tap][i][j][e]);
  }

 private:
  HD_DEVICE HD_FORCE_INLINE static std::uint32_t factor(const float* from, int step) {
    if constexpr (precision == Precision::bf16)
      return simt::pack_bf16(from[0], from[step]);
    else
      return simt::to_tf32(from[0]);
  }
};

}  // namespace
}  // namespace heddle::kernels

// What one warp of grad_weight_kernel multiplies: `channels_k` x `channels_c` weights of `taps` neighbouring taps, on CUDA
// cores or on tensor cores, over groups of output_group neighbouring outputs. Shared memory has elements of type Stage, of
// stage_channels channels; blocks, as for correlate's tiles, bounds registers; a tile of outputs is filled up to a multiple of
// group_step groups.
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
  using Stage = T;
  static constexpr int stage_channels = 1, blocks = 0, group_step = 2;
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

/// What tiles for tensor cores have in common: products of dy [k 16 x outputs] and x [outputs x c 8] for `taps` taps of any
/// filter, in the fragments of kernels/simt/mma.hpp.
template <int tiles_k, int tiles_c, int taps_>
struct MatrixSumsW {
  static constexpr TileKind kind = TileKind::matrix;
  static constexpr int channels_k = 16 * tiles_k, channels_c = 8 * tiles_c, taps = taps_, values = tiles_k * tiles_c * taps * 4;
  static constexpr bool aligned = false;
  static constexpr double products = tiles_k * tiles_c * taps, loads = 4.0 * tiles_k + 2.0 * tiles_c * taps;

  static bool serves(const Axis&) { return true; }

  float sum[taps][tiles_k][tiles_c][4] = {};
  int tap_group, tap_offset[taps];

  HD_DEVICE MatrixSumsW(const WeightGradient& s, int which) : tap_group(which) {
    HD_UNROLL
    for (int i = 0; i < taps; ++i) {
      const int tap = which * taps + i < s.taps() ? which * taps + i : 0;
      tap_offset[i] = tap / s.patch.w.taps * s.patch.h.dilation * s.patch.pitch + tap % s.patch.w.taps * s.patch.w.dilation;
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
};

/// tf32: 8 outputs at a time. Factors are rounded as they come from shared memory.
template <int tiles_k, int tiles_c, int taps_>
struct MatrixTileW : MatrixSumsW<tiles_k, tiles_c, taps_> {
  using Sums = MatrixSumsW<tiles_k, tiles_c, taps_>;
  using Stage = float;
  static constexpr int stage_channels = 1, blocks = 0, group_step = 2, output_group = 8, bank_rest = 4;
  static constexpr double cycles = std::max(2 * Sums::products, Sums::loads) / 8;

  using Sums::Sums;

  HD_DEVICE HD_FORCE_INLINE void add(const WeightGradient& s, const float* dy, const float* x, const int* x_offsets, int share,
                                     int shares) {
    const int lane = static_cast<int>(threadIdx.x) % 32, t = lane % 4, step = s.patch.w.patch_step();
    dy += lane / 4 * s.dy_plane + t;
    x += lane / 4 * s.patch.plane + t * step;
    for (int group = share; group < s.output_groups; group += shares) {
      std::uint32_t a[tiles_k][4];
      HD_UNROLL
      for (int i = 0; i < tiles_k; ++i)
        for (int e = 0; e < 4; ++e) a[i][e] = simt::to_tf32(dy[(i * 16 + e % 2 * 8) * s.dy_plane + group * 8 + e / 2 * 4]);
      const float* const low = x + x_offsets[group];
      const float* const high = low + 4 * step;
      HD_UNROLL
      for (int tap = 0; tap < taps_; ++tap)
        for (int j = 0; j < tiles_c; ++j) {
          const int at = j * 8 * s.patch.plane + this->tap_offset[tap];
          const std::uint32_t b[2] = {simt::to_tf32(low[at]), simt::to_tf32(high[at])};
          HD_UNROLL
          for (int i = 0; i < tiles_k; ++i) simt::mma_m16n8k8_tf32(this->sum[tap][i][j], a[i], b, this->sum[tap][i][j]);
        }
    }
  }
};

/// bf16: 16 outputs at a time, which are the rows of octets (octets_cuda.cuh) and need not be neighbours, so that none are
/// computed in vain where images are narrow. A load of a matrix for 16 k, and for each tap one for 16 c.
template <int tiles_k, int tiles_c, int taps_>
struct OctetTileW : MatrixSumsW<tiles_k, tiles_c, taps_> {
  static_assert(tiles_c == 1 || tiles_c % 2 == 0);
  using Sums = MatrixSumsW<tiles_k, tiles_c, taps_>;
  using Stage = Octet;
  static constexpr int stage_channels = octet_channels, blocks = 2, in_flight = Sums::values > 48 ? 16 : 24;
  static constexpr int group_step = 16, output_group = 1;
  static constexpr double cycles = std::max(2 * Sums::products, Sums::loads) / 16;

  using Sums::Sums;

  HD_DEVICE HD_FORCE_INLINE void add(const WeightGradient& s, const Octet* dy, const Octet* x, const int* x_offsets, int share,
                                     int shares) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    dy += lane / 8 % 2 * s.dy_plane + lane / 16 * 8 + lane % 8;
    x += lane / 16 * s.patch.plane;
    x_offsets += lane % 16;
    for (int first = share * 16; first < s.output_groups; first += shares * 16) {
      std::uint32_t a[tiles_k][4];
      HD_UNROLL
      for (int i = 0; i < tiles_k; ++i) simt::ldmatrix_trans(a[i], dy + i * 2 * s.dy_plane + first);
      const Octet* const row = x + x_offsets[first];
      HD_UNROLL
      for (int tap = 0; tap < taps_; ++tap)
        for (int j = 0; j < tiles_c; j += 2) {
          constexpr int at_once = tiles_c == 1 ? 1 : 2;
          std::uint32_t b[2 * at_once];
          simt::ldmatrix_trans(b, row + j * s.patch.plane + this->tap_offset[tap]);
          HD_UNROLL
          for (int n = 0; n < at_once; ++n) {
            const std::uint32_t of_n[2] = {b[2 * n], b[2 * n + 1]};
            HD_UNROLL
            for (int i = 0; i < tiles_k; ++i) {
              auto& d = this->sum[tap][i][j + n];
              simt::mma_m16n8k16_bf16(d, a[i], of_n, d);
            }
          }
        }
    }
  }
};

}  // namespace
}  // namespace heddle::kernels

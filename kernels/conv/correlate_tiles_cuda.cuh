// How correlate_kernel's threads share out a tile of outputs, and how they multiply: on CUDA cores or on tensor cores.
//
// A Tile says how many pixels and output channels a block covers, how shared memory is laid out for it (Stage: its elements,
// of stage_channels channels; blocks: for how many on a multiprocessor registers are bounded, 0 for no bound; weight_row:
// distance of two taps; planes are bank_rest modulo bank_modulus apart), and keeps its thread's sums. Its pixels are "slots",
// numbered from 0; pixel(slot) is the pixel's number in the block's tile, and value(slot, i) the sum there for channel(i).
// Slots come in runs of `run` neighbouring pixels of a row. Lanes whose numbers are equal modulo lane_step have the same
// channels, and so have warps whose numbers are equal modulo warps_c. Its kind is part of its name (conv_tuning.hpp).
#pragma once

#include "kernels/conv/conv_tuning.hpp"
#include "kernels/conv/correlate_cuda.cuh"

namespace heddle::kernels {
namespace {

/// Where the patch under a pixel begins; pixels beyond the tile compute something that is not written.
HD_DEVICE HD_FORCE_INLINE int patch_offset(const Patch& p, int pixel) {
  const int row = pixel / p.tile_w, image = row / p.tile_h;
  if (image >= p.images) return 0;
  return (image * p.rows + row % p.tile_h * p.h.patch_step()) * p.pitch + pixel % p.tile_w * p.w.patch_step();
}

/// CUDA cores. Lanes are neighbouring pixels, so that they read neighbouring words whatever the filter's shift; a lane has
/// lane_pixels of them, 32 apart, for lane_channels output channels, whose weights are the same for the whole warp. A tap of a
/// channel: lane_pixels loads, lane_channels / 4 broadcast 16-byte loads, lane_pixels * lane_channels multiply-adds.
template <class T, int lane_pixels, int lane_channels, int warps_in_c>
struct VectorTileC {
  static constexpr TileKind kind = TileKind::pixels;
  using Stage = T;
  static constexpr int stage_channels = 1, blocks = 0;
  static constexpr int warps_c = warps_in_c, lane_values = lane_channels, lane_step = 1, run = 1;
  static constexpr int threads = 128, warps_p = 4 / warps_c, vector = simt::vec_width<T>;
  static constexpr int pixels = 32 * lane_pixels * warps_p, channels = lane_channels * warps_c, slots = lane_pixels;
  static constexpr int lane_row = (lane_channels + vector - 1) / vector * vector;
  static constexpr int weight_row = warps_c * lane_row / 4 % 2 ? warps_c * lane_row : warps_c * lane_row + 4;
  static constexpr int depth = 1, bank_modulus = 4, bank_rest = 0;  // of a plane: 16-byte loads of weights
  /// Multiply-adds and loads of the block's warps for a tap of a channel, and the multiprocessor's cycles they take: four
  /// instructions each, one of them a load.
  static constexpr double multiplies = 4.0 * lane_pixels * lane_channels, loads = 4.0 * (lane_pixels + lane_row / vector);
  static constexpr double cycles = std::max((multiplies + loads + 4.0 * lane_pixels) / 4, loads);  // an address for each pixel

  static bool serves(const Patch&) { return true; }
  static int pitch_for(const Patch& p) { return p.pitch; }

  T sum[lane_pixels][lane_channels] = {};
  int offset[lane_pixels];

  HD_DEVICE explicit VectorTileC(const Patch& p) {
    HD_UNROLL
    for (int slot = 0; slot < slots; ++slot) offset[slot] = patch_offset(p, pixel(slot));
  }
  HD_DEVICE static int pixel(int slot) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    return (warp / warps_c * lane_pixels + slot) * 32 + lane;
  }
  HD_DEVICE static int weight_place(int channel) { return channel / lane_channels * lane_row + channel % lane_channels; }

  HD_DEVICE HD_FORCE_INLINE void add(const Correlation& s, const T* patch, const T* weights, int in_channels) {
    weights += static_cast<int>(threadIdx.x) / 32 % warps_c * lane_row;
    for (int c = 0; c < in_channels; ++c, patch += s.patch.plane, weights += s.weight_plane) {
      const T* w = weights;
      for (int r = 0; r < s.patch.h.taps; ++r)
        for (int q = 0; q < s.patch.w.taps; ++q, w += weight_row) {
          const T* const x = patch + r * s.patch.h.dilation * s.patch.pitch + q * s.patch.w.dilation;
          T factor[lane_row];
          HD_UNROLL
          for (int v = 0; v < lane_row; v += vector) {
            const auto some = simt::load_vec<vector>(w + v);
            HD_UNROLL
            for (int e = 0; e < vector; ++e) factor[v + e] = some[e];
          }
          HD_UNROLL
          for (int slot = 0; slot < slots; ++slot) {
            const T value = x[offset[slot]];
            HD_UNROLL
            for (int k = 0; k < lane_channels; ++k) sum[slot][k] += value * factor[k];
          }
        }
    }
  }
  HD_DEVICE static int channel(int i) { return static_cast<int>(threadIdx.x) / 32 % warps_c * lane_channels + i; }
  HD_DEVICE HD_FORCE_INLINE T& value(int slot, int i) { return sum[slot][i]; }
};

/// CUDA cores, 3 x 3 filters with stride and dilation 1: a lane has two rows of four neighbouring pixels, for which it reads
/// four rows of six words, each as a 16- and an 8-byte load, and each for three shifts and up to two rows of pixels. A channel:
/// 8 loads of the patch and 9 * lane_row / 4 broadcast ones of weights for 72 * lane_channels multiply-adds.
template <int lane_channels, int warps_in_c>
struct RowTileC {
  static constexpr TileKind kind = TileKind::rows;
  using Stage = float;
  static constexpr int stage_channels = 1, blocks = 0;
  static constexpr int warps_c = warps_in_c, lane_values = lane_channels, lane_step = 1, run = 4;
  static constexpr int threads = 128, pixels = 256 * (4 / warps_c), channels = lane_channels * warps_c, slots = 8;
  static constexpr int lane_row = (lane_channels + 3) / 4 * 4;
  static constexpr int weight_row = warps_c * lane_row / 4 % 2 ? warps_c * lane_row : warps_c * lane_row + 4;
  static constexpr int depth = 1, bank_modulus = 4, bank_rest = 0;
  static constexpr double multiplies = 4.0 * 8 * lane_channels, loads = 4.0 * (8 + 9 * lane_row / 4) / 9;  // of a tap
  static constexpr double cycles = std::max((multiplies + loads) / 4, loads);

  static bool serves(const Patch& p) {
    const auto plain = [](const Axis& a) { return a.taps == 3 && a.dilation == 1 && a.step == 1; };
    return plain(p.h) && plain(p.w) && p.tile_h % 2 == 0 && p.tile_w % 4 == 0;
  }
  // Rows are whole vectors. Of narrow tiles a quarter of a warp reads several pairs of rows at once, from different banks.
  static int pitch_for(const Patch& p) {
    int pitch = (p.pitch + 3) / 4 * 4;
    while (p.tile_w < 32 && 32 % p.tile_w == 0 && p.tile_w > 4 && 2 * pitch % 32 != p.tile_w && 2 * pitch % 32 != 32 - p.tile_w)
      pitch += 4;
    return pitch;
  }

  float sum[slots][lane_channels] = {};
  int first, tile_w, offset;  // the lane's first pixel

  HD_DEVICE explicit RowTileC(const Patch& p) : tile_w(p.tile_w) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int unit = warp / warps_c * 32 + lane, quads = p.tile_w / 4;  // units: two rows of four pixels
    first = unit / quads * 2 * p.tile_w + unit % quads * 4;
    offset = patch_offset(p, first);
  }
  HD_DEVICE int pixel(int slot) const { return first + slot / 4 * tile_w + slot % 4; }
  HD_DEVICE static int weight_place(int channel) { return channel / lane_channels * lane_row + channel % lane_channels; }

  HD_DEVICE HD_FORCE_INLINE void add(const Correlation& s, const float* patch, const float* weights, int in_channels) {
    weights += static_cast<int>(threadIdx.x) / 32 % warps_c * lane_row;
    patch += offset;
    for (int c = 0; c < in_channels; ++c, patch += s.patch.plane, weights += s.weight_plane) {
      float row[2][6];
      load_row(patch, row[0]);
      HD_UNROLL
      for (int r = 0; r < 3; ++r) {
        load_row(patch + (r + 1) * s.patch.pitch, row[(r + 1) % 2]);
        HD_UNROLL
        for (int q = 0; q < 3; ++q) {
          float factor[lane_row];
          HD_UNROLL
          for (int v = 0; v < lane_row; v += 4) {
            const auto some = simt::load_vec<4>(weights + (r * 3 + q) * weight_row + v);
            HD_UNROLL
            for (int e = 0; e < 4; ++e) factor[v + e] = some[e];
          }
          HD_UNROLL
          for (int slot = 0; slot < slots; ++slot)
            for (int k = 0; k < lane_channels; ++k) sum[slot][k] += row[(r + slot / 4) % 2][slot % 4 + q] * factor[k];
        }
      }
    }
  }
  HD_DEVICE static int channel(int i) { return static_cast<int>(threadIdx.x) / 32 % warps_c * lane_channels + i; }
  HD_DEVICE HD_FORCE_INLINE float& value(int slot, int i) { return sum[slot][i]; }

 private:
  HD_DEVICE HD_FORCE_INLINE static void load_row(const float* from, float (&row)[6]) {
    const auto four = simt::load_vec<4>(from);
    const auto two = simt::load_vec<2>(from + 4);
    HD_UNROLL
    for (int e = 0; e < 6; ++e) row[e] = e < 4 ? four[e] : two[e - 4];
  }
};

/// What tiles for tensor cores have in common: products of pixels [16 x k] and weights [k x 8]. Each of four warps has
/// pixel_tiles * 16 pixels and all output channels, in the fragments of kernels/simt/mma.hpp.
template <int pixel_tiles, int channel_tiles>
struct MatrixSumsC {
  static constexpr TileKind kind = TileKind::matrix;
  static constexpr int warps_c = 1, lane_values = 2 * channel_tiles, lane_step = 4, run = 1;
  static constexpr int threads = 128, pixels = 64 * pixel_tiles, channels = 8 * channel_tiles, slots = 2 * pixel_tiles;
  static constexpr double products = 4.0 * pixel_tiles * channel_tiles, loads = 4.0 * (4 * pixel_tiles + 2 * channel_tiles);

  static bool serves(const Patch&) { return true; }
  static int pitch_for(const Patch& p) { return p.pitch; }

  float sum[pixel_tiles][channel_tiles][4] = {};

  HD_DEVICE static int pixel(int slot) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    return (warp * pixel_tiles * 2 + slot) * 8 + lane / 4;
  }
  HD_DEVICE static int channel(int i) { return i / 2 * 8 + static_cast<int>(threadIdx.x) % 4 * 2 + i % 2; }
  HD_DEVICE HD_FORCE_INLINE float& value(int slot, int i) { return sum[slot / 2][i / 2][slot % 2 * 2 + i % 2]; }
};

/// tf32: k is 8 input channels. Factors are rounded as they come from shared memory, where eight neighbours of four channels
/// lie in 32 banks. A tap of a k: 4 pixel_tiles + 2 channel_tiles words for pixel_tiles * channel_tiles products.
template <int pixel_tiles, int channel_tiles>
struct MatrixTileC : MatrixSumsC<pixel_tiles, channel_tiles> {
  using Sums = MatrixSumsC<pixel_tiles, channel_tiles>;
  using Stage = float;
  static constexpr int stage_channels = 1, blocks = 0, weight_row = Sums::channels + 4;  // an odd multiple of 4
  static constexpr int depth = 8, bank_modulus = 32, bank_rest = 8;
  static constexpr double cycles = std::max(2 * Sums::products, Sums::loads) / depth;  // of a channel, as above

  int offset[Sums::slots];

  HD_DEVICE explicit MatrixTileC(const Patch& p) {
    HD_UNROLL
    for (int slot = 0; slot < Sums::slots; ++slot) offset[slot] = patch_offset(p, Sums::pixel(slot));
  }
  HD_DEVICE static int weight_place(int channel) { return channel; }

  HD_DEVICE HD_FORCE_INLINE void add(const Correlation& s, const float* patch, const float* weights, int) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    weights += lane / 4;
    for (int c = 0; c < s.chunk; c += depth, patch += depth * s.patch.plane, weights += depth * s.weight_plane) {
      const float* w = weights;
      for (int r = 0; r < s.patch.h.taps; ++r)
        for (int q = 0; q < s.patch.w.taps; ++q, w += weight_row) {
          const float* const x = patch + r * s.patch.h.dilation * s.patch.pitch + q * s.patch.w.dilation;
          std::uint32_t b[channel_tiles][2];
          HD_UNROLL
          for (int j = 0; j < channel_tiles; ++j)
            for (int half = 0; half < 2; ++half) b[j][half] = factor(w + j * 8, s.weight_plane, half);
          HD_UNROLL
          for (int i = 0; i < pixel_tiles; ++i) {
            std::uint32_t a[4];
            HD_UNROLL
            for (int e = 0; e < 4; ++e) a[e] = factor(x + offset[2 * i + e % 2], s.patch.plane, e / 2);
            HD_UNROLL
            for (int j = 0; j < channel_tiles; ++j) simt::mma_m16n8k8_tf32(this->sum[i][j], a, b[j], this->sum[i][j]);
          }
        }
    }
  }

 private:
  // The lane's channel of one half of k.
  HD_DEVICE HD_FORCE_INLINE static std::uint32_t factor(const float* from, int plane, int half) {
    return simt::to_tf32(from[(half * 4 + static_cast<int>(threadIdx.x) % 4) * plane]);
  }
};

/// bf16: k is 16 input channels, two octets (octets_cuda.cuh). A tap of a k: one load of a matrix for 16 pixels, and one for 16
/// output channels; each is 512 bytes, four cycles of shared memory, whose rows are neighbours and lie in all banks.
template <int pixel_tiles, int channel_tiles>
struct OctetTileC : MatrixSumsC<pixel_tiles, channel_tiles> {
  using Sums = MatrixSumsC<pixel_tiles, channel_tiles>;
  using Stage = Octet;
  static constexpr int stage_channels = octet_channels, weight_row = Sums::channels + 1;  // odd
  static constexpr int blocks = channel_tiles > 4 ? 3 : 4, in_flight = 24;
  static constexpr int depth = 16, bank_modulus = 2, bank_rest = 1;
  static constexpr double cycles = std::max(2 * Sums::products, Sums::loads) / depth;

  int offset[pixel_tiles];  // of the row that the lane gives to ldmatrix

  HD_DEVICE explicit OctetTileC(const Patch& p) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    HD_UNROLL
    for (int i = 0; i < pixel_tiles; ++i)
      offset[i] = p.lead + patch_offset(p, (warp * pixel_tiles + i) * 16 + lane % 16) + lane / 16 * p.plane;
  }

  HD_DEVICE HD_FORCE_INLINE void add(const Correlation& s, const Octet* patch, const Octet* weights) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    weights += lane / 8 % 2 * s.weight_plane + lane / 16 * 8 + lane % 8;
    for (int c = 0; c < s.chunk; c += depth, patch += 2 * s.patch.plane, weights += 2 * s.weight_plane) {
      const Octet* w = weights;
      for (int r = 0; r < s.patch.h.taps; ++r)
        for (int q = 0; q < s.patch.w.taps; ++q, w += weight_row) {
          const Octet* const x = patch + r * s.patch.h.dilation * s.patch.pitch + q * s.patch.w.dilation;
          std::uint32_t b[(channel_tiles + 1) / 2][4];  // of two channel tiles
          HD_UNROLL
          for (int j = 0; j < channel_tiles; j += 2) load_weights(w + j * 8, j + 1 < channel_tiles, b[j / 2]);
          HD_UNROLL
          for (int i = 0; i < pixel_tiles; ++i) {
            std::uint32_t a[4];
            simt::ldmatrix(a, x + offset[i]);
            HD_UNROLL
            for (int j = 0; j < channel_tiles; ++j) {
              const std::uint32_t of_j[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
              simt::mma_m16n8k16_bf16(this->sum[i][j], a, of_j, this->sum[i][j]);
            }
          }
        }
    }
  }

 private:
  HD_DEVICE HD_FORCE_INLINE static void load_weights(const Octet* row, bool two, std::uint32_t (&b)[4]) {
    if (two) {
      simt::ldmatrix(b, row);
    } else {
      std::uint32_t one[2];
      simt::ldmatrix(one, row);
      b[0] = one[0], b[1] = one[1], b[2] = b[3] = 0;
    }
  }
};

}  // namespace
}  // namespace heddle::kernels

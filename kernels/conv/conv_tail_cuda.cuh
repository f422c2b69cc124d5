// What a block of correlate_kernel does with its sums: bias, ReLU and dropout, the store, and for a batch norm behind the
// convolution the moments of what it stored.
//
// Moments: each thread sums its pixels of a channel; a warp's lanes are joined by shuffles, its mean then stands in a second
// look at the registers, so that squared distances are those from a mean nearby. The block's warps are joined in order, in
// shared memory, by Chan, Golub and LeVeque's formula, and the block writes one count, mean and sum of squares a channel:
// 12 bytes where it stored pixels * 4. Everything has its fixed place: no atomics, the same bits every time. Where activations
// are bf16, the moments are those of the rounded values, which the norm will read.
//
// bf16 is stored two pixels at a time: lanes whose pixels are neighbours exchange a word of two channels, so that one has the
// pair of its own slot, the other that of the next; a warp's store then fills whole sectors.
//
// Dropout's numbers belong to elements of out, four to a Philox block (about 100 operations). A Tile whose slots are runs of
// four neighbours draws one for each run, others one for each element; whether an element stays is a bit of a 64-bit word,
// drawn in a loop of its own before the sums are touched, since those have to stay in registers and the loop must not be
// unrolled.
#pragma once

#include <type_traits>

#include "kernels/conv/conv.hpp"
#include "kernels/conv/patch_cuda.cuh"
#include "kernels/norm/norm_device.cuh"

namespace heddle::kernels {
namespace {

template <class T>
struct Tail {
  bool relu = false;
  Dropout dropout = {};                  // after the ReLU
  PartialMoments<T>* moments = nullptr;  // [all output channels][parts]
  int parts = 0;
};

/// The outputs of a block: images and pixels from `origin` on, channels from `first` on, of a tensor [n, all, h, w].
struct OutTile {
  TileOrigin origin;
  int n, first, channels, all;  // first: counted over all groups; channels: those from there on in its group

  /// The flat index of channel `first` under a pixel of the tile; negative where the pixel lies outside.
  HD_DEVICE HD_FORCE_INLINE std::int64_t place(const Patch& p, int pixel) const {
    const int row = pixel / p.tile_w, image = row / p.tile_h;
    const int y = origin.row + row % p.tile_h, x = origin.column + pixel % p.tile_w;
    if (image >= p.images || origin.image + image >= n || y >= p.h.out || x >= p.w.out) return -1;
    return ((std::int64_t{origin.image + image} * all + first) * p.h.out + y) * p.w.out + x;
  }
};

/// Which of a thread's elements dropout keeps: bit slot * lane_values + i.
template <class Tile, class T>
HD_DEVICE std::uint64_t draw_kept(const Patch& p, const OutTile& to, const Tile& tile, const DeviceDropout<T>& drop) {
  static_assert(Tile::slots * Tile::lane_values <= 64);
  const std::int64_t plane = std::int64_t{p.h.out} * p.w.out;
  const bool runs = Tile::run == 4 && !drop.planes && p.w.out % 4 == 0;  // whole, and begun at a multiple of 4
  const int step = runs ? 4 : 1;
  std::uint64_t kept = 0;
  HD_NO_UNROLL
  for (int unit = 0; unit < Tile::slots / step * Tile::lane_values; ++unit) {
    const int slot = unit / Tile::lane_values * step, i = unit % Tile::lane_values, bit = slot * Tile::lane_values + i;
    const std::int64_t at = to.place(p, tile.pixel(slot));
    if (at < 0) continue;
    const std::int64_t element = at + Tile::channel(i) * plane, number = drop.planes ? element / plane : element;
    const PhiloxBlock random = philox(drop.key, static_cast<std::uint32_t>(number / 4));
    if (runs)
      for (int e = 0; e < 4; ++e) kept |= std::uint64_t{keeps(random.word[e], drop.p)} << (bit + e * Tile::lane_values);
    else
      kept |= std::uint64_t{keeps(word_of(random, static_cast<int>(number % 4)), drop.p)} << bit;
  }
  return kept;
}

/// Elements of shared memory that leave_moments needs.
template <class Tile>
constexpr int moments_elements = 4 / Tile::warps_c* Tile::channels * 3;

/// The moments of the values at the slots in `valid`, as they are Stored, as part `part`. All threads of the block.
template <class Stored, class Tile, class T>
HD_DEVICE HD_FORCE_INLINE void leave_moments(const Tail<T>& tail, int part, const OutTile& to, Tile& tile, unsigned valid,
                                             T* shared) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const auto over_lanes = [](auto v) {
    for (int offset = 16; offset >= Tile::lane_step; offset /= 2) v += __shfl_xor_sync(simt::full_warp, v, offset);
    return v;
  };
  int mine = 0;
  HD_UNROLL
  for (int slot = 0; slot < Tile::slots; ++slot) mine += static_cast<int>(valid >> slot & 1);
  const T count = static_cast<T>(over_lanes(mine));
  HD_UNROLL
  for (int i = 0; i < Tile::lane_values; ++i) {
    T sum = 0, squares = 0;
    HD_UNROLL
    for (int slot = 0; slot < Tile::slots; ++slot)
      sum += valid >> slot & 1 ? static_cast<T>(static_cast<Stored>(tile.value(slot, i))) : T(0);
    const T mean = over_lanes(sum) / (count > 0 ? count : T(1));
    HD_UNROLL
    for (int slot = 0; slot < Tile::slots; ++slot) {
      const T distance = static_cast<T>(static_cast<Stored>(tile.value(slot, i))) - mean;
      squares += valid >> slot & 1 ? distance * distance : T(0);
    }
    squares = over_lanes(squares);
    if (lane < Tile::lane_step) {
      T* const record = shared + (warp / Tile::warps_c * Tile::channels + Tile::channel(i)) * 3;
      record[0] = count, record[1] = mean, record[2] = squares;
    }
  }
  __syncthreads();
  const int channel = static_cast<int>(threadIdx.x);
  if (channel >= Tile::channels || channel >= to.channels) return;
  PartialMoments<T> all{0, 0, 0};
  for (int w = 0; w < 4 / Tile::warps_c; ++w) {
    const T* const record = shared + (w * Tile::channels + channel) * 3;
    if (record[0] == 0) continue;
    const T both = all.count + record[0], distance = record[1] - all.mean, share = record[0] / both;
    all.mean += distance * share;
    all.squares += record[2] + distance * distance * all.count * share;
    all.count = both;
  }
  tail.moments[std::int64_t{to.first + channel} * tail.parts + part] = all;
}

/// Stores slots `slot` and slot + 1, which begin at `at` and `next`, in pairs of pixels of MatrixSumsC's fragments: lanes with
/// an even pixel store the one slot's, lanes with an odd one the other's.
template <class Tile>
HD_DEVICE HD_FORCE_INLINE void store_pairs(const OutTile& to, Tile& tile, int slot, std::int64_t at, std::int64_t next,
                                           int plane, simt::bf16* HD_RESTRICT out) {
  const bool odd = threadIdx.x / Tile::lane_step % 2 != 0;
  const std::int64_t pair = odd ? next - 1 : at;  // -2: outside too
  HD_UNROLL
  for (int i = 0; i < Tile::lane_values; i += 2) {
    const std::uint32_t mine = simt::pack_bf16(tile.value(slot, i), tile.value(slot, i + 1)),
                        later = simt::pack_bf16(tile.value(slot + 1, i), tile.value(slot + 1, i + 1));
    const std::uint32_t given = __shfl_xor_sync(simt::full_warp, odd ? mine : later, Tile::lane_step);
    const std::uint32_t left = odd ? given : mine, right = odd ? later : given;  // a pixel's two channels
    const int channel = Tile::channel(i);
    auto* const word = reinterpret_cast<std::uint32_t*>(out + pair + std::int64_t{channel} * plane);
    if (pair >= 0 && channel < to.channels) word[0] = (left & 0xFFFFu) | right << 16;
    if (pair >= 0 && channel + 1 < to.channels) word[plane / 2] = left >> 16 | (right & 0xFFFF0000u);
  }
}

/// Finishes and stores the thread's sums. `part` is the tile's number; `shared` is free, and has moments_elements.
template <class Tile, class T>
HD_DEVICE HD_FORCE_INLINE void finish_tile(const Patch& p, const Tail<Wide<T>>& tail, int part, const OutTile& to,
                                           const Wide<T>* HD_RESTRICT bias, Tile& tile, Wide<T>* shared, T* HD_RESTRICT out) {
  using W = Wide<T>;
  constexpr bool narrow = !std::is_same_v<T, W>;
  const int plane = p.h.out * p.w.out;
  const bool pairs = narrow && p.tile_w % 2 == 0 && p.w.out % 2 == 0 && simt::is_aligned<2>(out);
  const bool drops = tail.dropout.p > 0;
  const W scale = drops ? 1 / (1 - static_cast<W>(tail.dropout.p)) : W(1);
  std::uint64_t kept = 0;
  if (drops) kept = draw_kept(p, to, tile, DeviceDropout<W>(tail.dropout));
  unsigned valid = 0;
  [[maybe_unused]] std::int64_t before = -1;
  HD_UNROLL
  for (int slot = 0; slot < Tile::slots; ++slot) {
    const std::int64_t at = to.place(p, tile.pixel(slot));
    if (at >= 0) {
      valid |= 1u << slot;
      HD_UNROLL
      for (int i = 0; i < Tile::lane_values; ++i) {
        const int channel = Tile::channel(i);
        if (channel >= to.channels) continue;
        W& value = tile.value(slot, i);
        if (bias) value += bias[to.first + channel];
        value = relu_if(tail.relu, value);
        if (drops) value *= kept >> (slot * Tile::lane_values + i) & 1 ? scale : W(0);
        if (!pairs) out[at + std::int64_t{channel} * plane] = static_cast<T>(value);
      }
    }
    if constexpr (narrow) {
      if (pairs && slot % 2 == 1) store_pairs(to, tile, slot - 1, before, at, plane, out);
      before = at;
    }
  }
  if (!tail.moments) return;
  leave_moments<T>(tail, part, to, tile, valid, shared);
}

}  // namespace
}  // namespace heddle::kernels

// Activations and weights on their way to the bf16 tensor cores: eight channels of one pixel, rounded to bf16, are an octet, 16
// bytes of shared memory.
//
// An octet is what ldmatrix takes as a row of a fragment, wherever it lies: a filter's taps, a stride or a dilation only move
// the rows, no shift is odd, and no register needs a conversion. Whether channels or pixels are summed over is said by
// ldmatrix or ldmatrix_trans, so that all three passes of a convolution have the same octets; and float32 and bf16 in
// device memory differ in how they are staged alone.
//
// Tensors are [n, c, h, w]: a thread loads its octet from eight planes, neighbouring threads from neighbouring pixels. Where
// rows of the input are even it takes two pixels at a time, 4 bytes of bf16; then a phase of eight lanes has four pairs of
// pixels of two octets, whose distance is odd, so that its 16-byte stores meet all banks. A thread has as many loads on the
// way as its tile leaves registers for, and only then stores: with shared memory of one stage a block is small enough for
// several on a multiprocessor, of which one multiplies while others wait.
#pragma once

#include <type_traits>

#include "kernels/conv/patch_cuda.cuh"

namespace heddle::kernels {
namespace {

using Octet = simt::Vec<std::uint32_t, 4>;
constexpr int octet_channels = 8;

/// `unit` neighbouring pixels of eight channels in registers, between device and shared memory.
template <int unit, class T>
struct StagedOctets {
  static_assert(unit == 1 || unit == 2);
  static constexpr bool words = unit == 2 && sizeof(T) == 2;  // two bf16 of a channel stay the word they are loaded as
  static constexpr int registers = words || unit == 1 ? octet_channels : 2 * octet_channels;
  using Pixels = std::conditional_t<words, std::uint32_t, simt::Vec<T, unit>>;
  Pixels channel[octet_channels];

  /// Channels lie `stride` elements apart; from number `count` on they are zeros.
  HD_DEVICE HD_FORCE_INLINE void load(const T* HD_RESTRICT from, int stride, int count) {
    HD_UNROLL
    for (int c = 0; c < octet_channels; ++c, from += stride)
      channel[c] = c < count ? *reinterpret_cast<const Pixels*>(from) : Pixels{};
  }
  HD_DEVICE HD_FORCE_INLINE void store(Octet* to) const {
    HD_UNROLL
    for (int pixel = 0; pixel < unit; ++pixel) {
      Octet octet;
      HD_UNROLL
      for (int c = 0; c < octet_channels; c += 2) octet[c / 2] = pair(channel[c], channel[c + 1], pixel);
      simt::store_vec(reinterpret_cast<std::uint32_t*>(to + pixel), octet);
    }
  }
  /// Adds channel c's pixels, before any rounding, to sums[c * stride].
  HD_DEVICE HD_FORCE_INLINE void add_to(float* sums, int stride) const {
    HD_UNROLL
    for (int c = 0; c < octet_channels; ++c, sums += stride) {
      if constexpr (words) {
        *sums += simt::low_bf16(channel[c]) + simt::high_bf16(channel[c]);
      } else {
        float sum = static_cast<float>(channel[c][0]);
        if constexpr (unit == 2) sum += static_cast<float>(channel[c][1]);
        *sums += sum;
      }
    }
  }

 private:
  HD_DEVICE HD_FORCE_INLINE static std::uint32_t pair(const Pixels& low, const Pixels& high, int pixel) {
    if constexpr (words)
      return pixel == 0 ? (low & 0xFFFFu) | high << 16 : low >> 16 | (high & 0xFFFF0000u);
    else if constexpr (sizeof(T) == 2)
      return std::uint32_t{low[pixel].bits} | std::uint32_t{high[pixel].bits} << 16;
    else
      return simt::pack_bf16(low[pixel], high[pixel]);
  }
};

/// Which octets of a stage the thread has: one of the 1, 2 or 4 that its pixels have, and every step-th unit from `first` on.
template <int threads, int unit>
struct OctetShare {
  int octet, first, step;

  HD_DEVICE HD_FORCE_INLINE explicit OctetShare(int octets) {
    const int shift = octets == 4 ? 3 - unit : octets == 2 ? 2 - unit : 0;  // 2^shift sets of `unit` octets side by side
    const int thread = static_cast<int>(threadIdx.x), set = (thread << shift) / threads,
              rest = thread - set * (threads >> shift);
    octet = set * unit + (unit == 2 ? rest / 4 % 2 : 0);
    first = unit == 2 ? rest / 8 * 4 + rest % 4 : rest;
    step = (threads >> shift) / unit;
  }
  /// The i-th thread that has an octet.
  HD_DEVICE HD_FORCE_INLINE static int thread_of(int octets, int octet, int i) {
    const int shift = octets == 4 ? 3 - unit : octets == 2 ? 2 - unit : 0;
    return octet / unit * (threads >> shift) + (unit == 2 ? i / 4 * 8 + octet % 2 * 4 + i % 4 : i);
  }
};

/// Stages `units` units of pixels of `octets` octets, `plane` apart in `to`. source(i) is where in a channel of `in` unit i
/// lies, negative where zeros are wanted; channels are `stride` elements apart, and there are `channels` of them.
/// staged(octets) sees what the thread loads, in as many registers as `in_flight` says.
template <int threads, int in_flight, int unit, class T, class Source, class Staged>
HD_DEVICE HD_FORCE_INLINE void stage_octets(const T* HD_RESTRICT in, int stride, int channels, int units, int octets, int plane,
                                            Source source, Octet* to, Staged staged) {
  using Some = StagedOctets<unit, T>;
  constexpr int batch = std::max(1, in_flight / Some::registers);
  const OctetShare<threads, unit> share(octets);
  if (share.octet >= octets) return;
  const int left = channels - share.octet * octet_channels;
  in += std::int64_t{share.octet} * octet_channels * stride;
  to += share.octet * plane;
  for (int i = share.first; i < units; i += batch * share.step) {
    Some some[batch];
    HD_UNROLL
    for (int b = 0; b < batch; ++b) {
      const int at = i + b * share.step;
      const std::int64_t place = at < units ? source(at) : -1;
      some[b].load(in + place, stride, place < 0 ? 0 : left);
    }
    HD_UNROLL
    for (int b = 0; b < batch; ++b)
      if (i + b * share.step < units) {
        some[b].store(to + (i + b * share.step) * unit);
        staged(some[b]);
      }
  }
}

/// Of sums [channel of the thread's octet][thread], those of channel `lane` over every warps-th of its threads, from the warp's
/// number on.
template <int threads, int unit>
HD_DEVICE HD_FORCE_INLINE float sum_of_channel(int octets, const float* sums) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32, octet = lane / octet_channels;
  float all = 0;
  if (octet < octets)
    for (int i = warp; i < threads / octets; i += threads / 32)
      all += sums[lane % octet_channels * threads + OctetShare<threads, unit>::thread_of(octets, octet, i)];
  return all;
}

/// stage_patch in octets: `in` is the first channel's plane in image 0, of which `channels` exist.
template <int threads, int in_flight, class T>
HD_DEVICE HD_FORCE_INLINE void stage_patch_octets(const Patch& p, const TileOrigin& tile, int n, const T* HD_RESTRICT in,
                                                  std::int64_t image_stride, int channels, int octets, Octet* to) {
  const auto source = [&](int i) -> std::int64_t {
    int line, column, image, row;
    p.by_pitch.divide(i, line, column);
    p.by_rows.divide(line, image, row);
    const int y = p.h.source(tile.row, row), x = p.w.source(tile.column, column * p.unit - p.lead);
    const bool inside = y >= 0 && y < p.h.in && x >= 0 && x < p.w.in && tile.image + image < n;
    return inside ? (tile.image + image) * image_stride + y * p.w.in + x : -1;
  };
  const int size = p.h.in * p.w.in;
  const auto unseen = [](const auto&) {};
  if (p.unit == 2)
    stage_octets<threads, in_flight, 2>(in, size, channels, p.area / 2, octets, p.plane, source, to, unseen);
  else
    stage_octets<threads, in_flight, 1>(in, size, channels, p.area, octets, p.plane, source, to, unseen);
}

}  // namespace
}  // namespace heddle::kernels

// Convolution's forward pass and its gradient by the input, one kernel for both.
//
// in [n, groups * in_channels, h.in, w.in], out [n, groups * out_channels, h.out, w.out]; the gradient by the input is the
// same correlation of dy, set apart by the stride, with the filters turned round and their two channel axes exchanged.
//
// A block computes a tile of outputs: some images x rows x columns, for some output channels of a group. It walks through
// the input channels in chunks; a chunk's patch of the input (patch_cuda.cuh) and its weights [channel][tap][out channel] are
// copied asynchronously into shared memory, the next chunk's on the way while one is multiplied; for bf16 tensor cores they
// go through registers, where they are packed (octets_cuda.cuh), and one stage of shared memory. What a thread keeps in
// registers, and how it multiplies, is the Tile's (correlate_tiles_cuda.cuh); what becomes of the sums, conv_tail_cuda.cuh's.
// Of the gradient by the input, the first blocks add up the splits of the gradient by the weights (sum_partials_cuda.cuh):
// they wait for memory while others multiply.
//
// FLOPs: 2 n out_channels h.out w.out in_channels taps. Bytes: the input once for each block of output channels, with the
// patch's halo ((8+2)(32+2) / (8*32) = 1.33 for 3 x 3 on 8 rows of 32, mostly from L2), the output once, and the weights once
// for each tile, from L2. For 32 to 32 channels, 3 x 3, an output pixel takes 18432 FLOPs and, from device memory, 64 channels
// of 4 bytes: 72 FLOPs a byte. Above 15 a H200 is bound by float32 arithmetic, below 100 under tf32 by memory.
#pragma once

#include <algorithm>

#include "kernels/conv/conv_tail_cuda.cuh"
#include "kernels/conv/octets_cuda.cuh"
#include "kernels/conv/sum_partials_cuda.cuh"

namespace heddle::kernels {
namespace {

struct Correlation {
  Patch patch = {};
  int n = 1, groups = 1, in_channels = 1, out_channels = 1;  // channels of a group
  bool turned = false;                                       // the gradient by the input
  int chunk = 1, weight_plane = 1;                           // channels at a time; weights of a channel or octet
  Divisor by_taps = {}, by_octets = {};                      // octets of a chunk
  int blocks = 1, shared_elements = 1;                       // blocks of tiles; of a block's shared memory
  int sum_blocks = 0;                                        // in front of these

  constexpr int taps() const { return patch.h.taps * patch.w.taps; }
  int tiles() const { return patch.tiles_n(n) * patch.tiles_h() * patch.tiles_w(); }
};

inline Correlation forward_correlation(const ConvShape& s) {
  Correlation c{.n = s.n, .groups = s.groups, .in_channels = s.c / s.groups, .out_channels = s.k / s.groups};
  c.patch.h = {.in = s.h, .out = s.out_h(), .taps = s.kh, .dilation = s.dilation_h, .step = s.stride_h, .pad = s.pad_h};
  c.patch.w = {.in = s.w, .out = s.out_w(), .taps = s.kw, .dilation = s.dilation_w, .step = s.stride_w, .pad = s.pad_w};
  return c;
}
inline Correlation grad_input_correlation(const ConvShape& s) {
  Correlation c{.n = s.n, .groups = s.groups, .in_channels = s.k / s.groups, .out_channels = s.c / s.groups, .turned = true};
  const auto axis = [](int in, int out, int taps, int dilation, int stride, int pad) {
    return Axis{.in = out, .out = in, .taps = taps, .dilation = dilation, .up = stride, .pad = dilation * (taps - 1) - pad};
  };
  c.patch.h = axis(s.h, s.out_h(), s.kh, s.dilation_h, s.stride_h, s.pad_h);
  c.patch.w = axis(s.w, s.out_w(), s.kw, s.dilation_w, s.stride_w, s.pad_w);
  return c;
}

// Starts the copies of the weights between channels [first_in, + chunk) and [first_out, + Tile::channels) into
// to[channel][tap][out channel]. A warp takes 8 neighbours in global memory of 4 rows: whole sectors, and as rows of shared
// memory are an odd multiple of 4 words apart, banks of their own.
template <class Tile, class T>
HD_DEVICE HD_FORCE_INLINE void stage_weights(const Correlation& s, const T* weight, int group, int first_in, int first_out,
                                             T* to) {
  const int taps = s.taps(), in_left = s.in_channels - first_in, out_left = s.out_channels - first_out;
  const int rows = s.turned ? s.chunk : Tile::channels, length = (s.turned ? Tile::channels : s.chunk) * taps;
  const std::int64_t row_stride = std::int64_t{s.turned ? s.out_channels : s.in_channels} * taps;
  const int first_row = s.turned ? group * s.in_channels + first_in : group * s.out_channels + first_out;
  const T* from = weight + first_row * row_stride + std::int64_t{s.turned ? first_out : first_in} * taps;
  for (int row = static_cast<int>(threadIdx.x) / 8; row < rows; row += Tile::threads / 8)
    for (int i = static_cast<int>(threadIdx.x) % 8; i < length; i += 8) {
      int channel, tap;
      s.by_taps.divide(i, channel, tap);
      const int in = s.turned ? row : channel, out = s.turned ? channel : row;
      const bool real = in < in_left && out < out_left;
      simt::cp_async<sizeof(T)>(
          to + in * s.weight_plane + (s.turned ? taps - 1 - tap : tap) * Tile::weight_row + Tile::weight_place(out),
          real ? from + row * row_stride + i : weight, real ? static_cast<int>(sizeof(T)) : 0);
    }
}

// The same in octets, to[octet][tap][out channel], of out_left output channels from the one that `weight` begins with on. Taps,
// and where the filters are turned round what lies behind them, are neighbours in global memory for neighbouring threads; rows
// of an odd number of octets spread their stores over the banks.
template <class Tile>
HD_DEVICE HD_FORCE_INLINE void stage_weight_octets(const Correlation& s, const float* HD_RESTRICT weight, int first_in,
                                                   int out_left, Octet* to) {
  constexpr int batch = Tile::in_flight / octet_channels;
  const int taps = s.taps(), in_left = s.in_channels - first_in;
  const int count = s.chunk / octet_channels * taps * Tile::channels;
  const int stride = (s.turned ? s.out_channels : 1) * taps, row = (s.turned ? 1 : s.in_channels) * taps;  // of in, of out
  weight += std::int64_t{first_in} * stride;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += batch * Tile::threads) {
    StagedOctets<1, float> some[batch];
    int place[batch];
    HD_UNROLL
    for (int b = 0; b < batch; ++b) {
      int rest, tap, octet, out;
      s.by_taps.divide(i + b * Tile::threads, rest, tap);
      if (s.turned)
        octet = rest / Tile::channels, out = rest % Tile::channels;
      else
        s.by_octets.divide(rest, out, octet);
      const bool real = i + b * Tile::threads < count && out < out_left;
      some[b].load(weight + std::int64_t{octet} * octet_channels * stride + std::int64_t{out} * row + tap, stride,
                   real ? in_left - octet * octet_channels : 0);
      place[b] = octet * s.weight_plane + (s.turned ? taps - 1 - tap : tap) * Tile::weight_row + out;
    }
    HD_UNROLL
    for (int b = 0; b < batch; ++b)
      if (i + b * Tile::threads < count) some[b].store(to + place[b]);
  }
}

template <class Tile, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(Tile::threads, Tile::blocks)
    correlate_kernel(Correlation s, Tail<Wide<T>> tail, SplitSums<Wide<T>> sums, const T* HD_RESTRICT in,
                     const Wide<T>* HD_RESTRICT weight, const Wide<T>* HD_RESTRICT bias, T* HD_RESTRICT out) {
  using Stage = typename Tile::Stage;
  const Patch& patch = s.patch;
  const int planes = s.chunk / Tile::stage_channels;
  HD_CARVER(carver);
  Stage* const stages = carver.take<Stage>(s.shared_elements);
  auto* const exchange = reinterpret_cast<Wide<T>*>(stages);
  static_assert(Tile::threads == sum_threads);
  if (static_cast<int>(blockIdx.x) < s.sum_blocks) return add_splits(sums, blockIdx.x, exchange);

  // Blocks that read the same patch are neighbours.
  const int blocks_c = (s.out_channels + Tile::channels - 1) / Tile::channels;
  int rest = static_cast<int>(blockIdx.x) - s.sum_blocks;
  const int first_out = rest % blocks_c * Tile::channels;
  rest /= blocks_c;
  const int group = rest % s.groups;
  rest /= s.groups;
  const int tiles_w = (patch.w.out + patch.tile_w - 1) / patch.tile_w,
            tiles_h = (patch.h.out + patch.tile_h - 1) / patch.tile_h;
  const TileOrigin origin{rest / tiles_w / tiles_h * patch.images, rest / tiles_w % tiles_h * patch.tile_h,
                          rest % tiles_w * patch.tile_w};

  const std::int64_t in_image = std::int64_t{s.groups} * s.in_channels * patch.h.in * patch.w.in;
  const T* const in_group = in + std::int64_t{group} * s.in_channels * patch.h.in * patch.w.in;
  Tile tile(patch);
  if constexpr (std::is_same_v<Stage, Octet>) {
    const Wide<T>* const of_tile = weight + (std::int64_t{group} * s.in_channels * s.out_channels +
                                             std::int64_t{first_out} * (s.turned ? 1 : s.in_channels)) *
                                                s.taps();
    for (int first_in = 0; first_in < s.in_channels; first_in += s.chunk) {
      stage_patch_octets<Tile::threads, Tile::in_flight>(patch, origin, s.n,
                                                         in_group + std::int64_t{first_in} * patch.h.in * patch.w.in, in_image,
                                                         s.in_channels - first_in, planes, stages);
      stage_weight_octets<Tile>(s, of_tile, first_in, s.out_channels - first_out, stages + planes * patch.plane);
      __syncthreads();
      tile.add(s, stages, stages + planes * patch.plane);
      __syncthreads();
    }
  } else {
    const int chunks = (s.in_channels + s.chunk - 1) / s.chunk, stage_size = planes * (patch.plane + s.weight_plane);
    const auto start = [&](int chunk) {
      const int first_in = chunk * s.chunk;
      T* const stage = stages + chunk % 2 * stage_size;
      stage_patch<Tile::threads>(patch, origin, s.n, in_group + std::int64_t{first_in} * patch.h.in * patch.w.in, in_image,
                                 s.in_channels - first_in, s.chunk, stage);
      stage_weights<Tile>(s, weight, group, first_in, first_out, stage + s.chunk * patch.plane);
      simt::cp_async_commit();
    };
    start(0);
    for (int chunk = 0; chunk < chunks; ++chunk) {
      if (chunk + 1 < chunks) {
        start(chunk + 1);
        simt::cp_async_wait<1>();
      } else {
        simt::cp_async_wait<0>();
      }
      __syncthreads();
      const T* const stage = stages + chunk % 2 * stage_size;
      tile.add(s, stage, stage + s.chunk * patch.plane, std::min(s.chunk, s.in_channels - chunk * s.chunk));
      __syncthreads();
    }
  }

  const OutTile to{origin, s.n, group * s.out_channels + first_out, s.out_channels - first_out, s.groups * s.out_channels};
  finish_tile(patch, tail, rest, to, bias, tile, exchange, out);
}

/// Chooses the tile and the chunk for a Tile; false where it does not serve the shape, or not even the smallest fits into
/// shared memory.
template <class Tile, class T>
bool plan_correlation(Correlation& s) {
  using Stage = typename Tile::Stage;
  constexpr bool packed = std::is_same_v<Stage, Octet>;
  Patch& p = s.patch;
  const int taps = s.taps();
  if (std::int64_t{Tile::channels} * taps > 8192) return false;
  s.by_taps = Divisor(taps);
  s.weight_plane = taps * Tile::weight_row;
  s.weight_plane += ((Tile::bank_rest - s.weight_plane) % Tile::bank_modulus + Tile::bank_modulus) % Tile::bank_modulus;

  const int columns = (p.w.out + 63) / 64;
  int w = std::min(Tile::pixels, (p.w.out + columns - 1) / columns);
  int h = std::min(p.h.out, Tile::pixels / w);
  h = (p.h.out + (p.h.out + h - 1) / h - 1) / ((p.h.out + h - 1) / h);
  int images = h == p.h.out && w == p.w.out ? std::min(s.n, Tile::pixels / (h * w)) : 1;
  const int whole = (s.in_channels + Tile::depth - 1) / Tile::depth * Tile::depth;
  int chunk = std::min(whole, std::max(Tile::depth, taps == 1 ? 32 : 8));
  const auto elements = [&] {
    p.set_tile(images, h, w, w);
    p.set_pitch(Tile::pitch_for(p));
    if (packed) p.pair_columns();
    p.set_plane(Tile::bank_modulus, Tile::bank_rest);
    s.chunk = chunk;
    return chunk / Tile::stage_channels * (std::size_t(p.plane) + s.weight_plane) * (chunk < s.in_channels && !packed ? 2 : 1);
  };
  // A large filter first takes the channels, then the tile.
  while (sizeof(Stage) * elements() > shared_limit(64 * 1024) || p.area > 32768) {
    if (chunk > Tile::depth)
      chunk = std::max(Tile::depth, chunk / 2 / Tile::depth * Tile::depth);
    else if (images > 1)
      images /= 2;
    else if (h > 1)
      h /= 2;
    else if (w > 1)
      w /= 2;
    else
      return false;
  }
  s.by_octets = Divisor(s.chunk / octet_channels > 0 ? s.chunk / octet_channels : 1);
  constexpr int exchanged = std::max(moments_elements<Tile>, sum_threads) * static_cast<int>(sizeof(Wide<T>));
  constexpr int stage_bytes = static_cast<int>(sizeof(Stage));
  s.shared_elements = std::max(static_cast<int>(elements()), (exchanged + stage_bytes - 1) / stage_bytes);
  s.blocks = static_cast<int>(
      simt::blocks_for(std::int64_t{s.tiles()} * s.groups * ((s.out_channels + Tile::channels - 1) / Tile::channels), 1));
  return Tile::serves(p);
}

template <class Tile, class T>
void launch_correlation(Stream stream, Correlation s, const Tail<Wide<T>>& tail, const SplitSums<Wide<T>>& sums, const T* in,
                        const Wide<T>* weight, const Wide<T>* bias, T* out) {
  if (s.patch.unit == 2 && !simt::is_aligned<2>(in)) s.patch.part_columns();
  s.sum_blocks = static_cast<int>(sums.blocks());
  simt::launch<correlate_kernel<Tile, T>>(
      static_cast<unsigned>(s.blocks + s.sum_blocks), Tile::threads,
      simt::SharedBytes().take<typename Tile::Stage>(static_cast<std::size_t>(s.shared_elements)).total, stream, s, tail, sums,
      in, weight, bias, out);
}

}  // namespace
}  // namespace heddle::kernels

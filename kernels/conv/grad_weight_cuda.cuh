// Convolution's gradient by the weights and the bias.
//
// x [n, c, h, w], dy [n, k, out_h, out_w]: dweight[k, c, tap] = sum over images and outputs p of dy[k, p] x[c, p moved by tap],
// a matrix product whose inner size, n out_h out_w, is thousands of times its outer ones. So the outputs are cut into `splits`;
// a block adds up one split for a block of k, of c and of taps, walking over tiles of outputs. A tile's dy [k][outputs] and its
// patch of x [c][...] (patch_cuda.cuh) are copied asynchronously into shared memory, the next one's on the way while one is
// multiplied. Columns are filled up with zeros of dy, so that outputs come in groups of neighbours; a table tells where a
// group's x begins. Six warps share taps and groups of outputs among them; their sums are added in the warps' order. A second
// launch adds the splits' partial results, in order (sum_partials_cuda.cuh): no atomics, and the same bits every time.
//
// FLOPs: 2 n out_h out_w k c taps. Bytes: x once for every block of k, dy once for every block of c (and of taps beyond
// nine), and splits * (k c taps + k) * 4 bytes written and read once, mostly in L2: for 32 x 32 channels, 3 x 3, 264 splits
// 9.7 MB each way, beside 2 * 16.8 MB of x and dy at batch 128 and 32 x 32.
#pragma once

#include "kernels/conv/correlate_cuda.cuh"
#include "kernels/conv/sum_partials_cuda.cuh"

namespace heddle::kernels {
namespace {

struct WeightGradient {
  Patch patch = {};
  int n = 1, groups = 1, in_channels = 1, out_channels = 1;  // channels of a group
  int columns = 1;                                           // of a tile, filled up to whole groups of outputs
  int output_groups = 1, dy_plane = 1;                       // of a tile; distance of two channels of dy
  int stage_elements = 1;                                    // of shared memory for two tiles
  int splits = 1, tiles = 1, tiles_per_split = 1;
  int tap_groups = 1, tap_blocks = 1;  // a warp's taps at a time; how often the block's warps have to come again
  Divisor by_columns = {}, by_tile_h = {};

  constexpr int taps() const { return patch.h.taps * patch.w.taps; }
  constexpr std::int64_t w_size() const { return std::int64_t{groups} * out_channels * in_channels * taps(); }
  constexpr std::int64_t partial_size() const { return w_size() + groups * out_channels; }
};

constexpr int weight_warps = 6, weight_threads = 32 * weight_warps;

// Starts the copies of `planes` channels of dy in the tile's outputs.
template <int output_group, class T>
HD_DEVICE HD_FORCE_INLINE void stage_outputs(const WeightGradient& s, const TileOrigin& tile, const T* dy, int channels,
                                             int planes, T* to) {
  const Patch& p = s.patch;
  const int size = p.h.out * p.w.out;
  const std::int64_t image_stride = std::int64_t{s.groups} * s.out_channels * size;
  for (int i = static_cast<int>(threadIdx.x); i < s.output_groups * output_group; i += weight_threads) {
    int line, column, image, row;
    s.by_columns.divide(i, line, column);
    s.by_tile_h.divide(line, image, row);
    const int y = tile.row + row, x = tile.column + column;
    const bool inside = image < p.images && tile.image + image < s.n && y < p.h.out && column < p.tile_w && x < p.w.out;
    const T* from = inside ? dy + (tile.image + image) * image_stride + y * p.w.out + x : dy;
    T* at = to + i;
    for (int k = 0; k < planes; ++k, at += s.dy_plane) {
      const bool real = inside && k < channels;
      simt::cp_async<sizeof(T)>(at, from, real ? static_cast<int>(sizeof(T)) : 0);
      if (k + 1 < channels && inside) from += size;
    }
  }
}

template <class Tile, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(weight_threads)
    grad_weight_kernel(WeightGradient s, const T* HD_RESTRICT x, const T* HD_RESTRICT dy, bool with_bias,
                       T* HD_RESTRICT partials) {
  const Patch& patch = s.patch;
  const int stage_size = Tile::channels_k * s.dy_plane + Tile::channels_c * patch.plane;
  HD_CARVER(carver);
  T* const stages = carver.take<T>(s.stage_elements);
  T* const exchange = stages;  // once the last tile is multiplied
  int* const x_offsets = carver.take<int>(s.output_groups);

  int rest = static_cast<int>(blockIdx.x);
  const int blocks_c = (s.in_channels + Tile::channels_c - 1) / Tile::channels_c;
  const int blocks_k = (s.out_channels + Tile::channels_k - 1) / Tile::channels_k;
  const int tap_block = rest % s.tap_blocks;
  rest /= s.tap_blocks;
  const int first_c = rest % blocks_c * Tile::channels_c;
  rest /= blocks_c;
  const int first_k = rest % blocks_k * Tile::channels_k;
  rest /= blocks_k;
  const int group = rest % s.groups, split = rest / s.groups;

  for (int i = static_cast<int>(threadIdx.x); i < s.output_groups; i += weight_threads) {
    const int line = i * Tile::output_group / s.columns, column = i * Tile::output_group % s.columns;
    const int image = line / patch.tile_h, row = line % patch.tile_h;
    x_offsets[i] = image < patch.images  // else a group that fills up the last one, all zeros of dy
                       ? (image * patch.rows + row * patch.h.patch_step()) * patch.pitch + column * patch.w.patch_step()
                       : 0;
  }

  const int tiles_w = (patch.w.out + patch.tile_w - 1) / patch.tile_w,
            tiles_h = (patch.h.out + patch.tile_h - 1) / patch.tile_h;
  const std::int64_t x_size = std::int64_t{patch.h.in} * patch.w.in;
  const T* const x_block = x + (std::int64_t{group} * s.in_channels + first_c) * x_size;
  const T* const dy_block = dy + (std::int64_t{group} * s.out_channels + first_k) * patch.h.out * patch.w.out;
  const auto start = [&](int tile) {
    const TileOrigin origin{tile / tiles_w / tiles_h * patch.images, tile / tiles_w % tiles_h * patch.tile_h,
                            tile % tiles_w * patch.tile_w};
    T* const stage = stages + tile % 2 * stage_size;
    stage_outputs<Tile::output_group>(s, origin, dy_block, s.out_channels - first_k, Tile::channels_k, stage);
    stage_patch<weight_threads>(patch, origin, s.n, x_block, s.groups * s.in_channels * x_size, s.in_channels - first_c,
                                Tile::channels_c, stage + Tile::channels_k * s.dy_plane);
    simt::cp_async_commit();
  };

  // Warps: first those of the first share of the outputs, one for each group of taps, then those of the next share.
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warps_taps = s.tap_groups < 3 ? s.tap_groups : 3, shares = weight_warps / warps_taps;
  const int share = warp / warps_taps, tap_group = tap_block * warps_taps + warp % warps_taps;
  const bool with_sums = with_bias && first_c == 0 && tap_block == 0;
  T bias_sum = 0;  // of channel first_k + lane, of every sixth group of outputs

  Tile tile(s, tap_group);
  const int first_tile = split * s.tiles_per_split, last_tile = std::min(first_tile + s.tiles_per_split, s.tiles);
  start(first_tile);
  for (int t = first_tile; t < last_tile; ++t) {
    if (t + 1 < last_tile) {
      start(t + 1);
      simt::cp_async_wait<1>();
    } else {
      simt::cp_async_wait<0>();
    }
    __syncthreads();
    const T* const dy_stage = stages + t % 2 * stage_size;
    const T* const x_stage = dy_stage + Tile::channels_k * s.dy_plane;
    tile.add(s, dy_stage, x_stage, x_offsets, share, shares);
    if (with_sums && lane < Tile::channels_k)
      for (int i = warp; i < s.output_groups; i += weight_warps)
        for (int e = 0; e < Tile::output_group; ++e) bias_sum += dy_stage[lane * s.dy_plane + i * Tile::output_group + e];
    __syncthreads();
  }

  // The shares of the outputs are added up through shared memory, in their order.
  T* const mine = exchange + warp % warps_taps * Tile::values * 32 + lane;
  for (int turn = 0; turn < shares; ++turn) {
    if (share == turn) {
      if (turn > 0) tile.each_value([&](int i, T& value) { value = mine[i * 32] + value; });
      if (turn + 1 < shares) tile.each_value([&](int i, T& value) { mine[i * 32] = value; });
    }
    __syncthreads();
  }
  T* const partial = partials + split * s.partial_size();
  if (share == shares - 1)
    tile.each([&](int k, int c, int tap, T value) {
      if (first_k + k < s.out_channels && first_c + c < s.in_channels && tap < s.taps())
        partial[((std::int64_t{group} * s.out_channels + first_k + k) * s.in_channels + first_c + c) * s.taps() + tap] = value;
    });
  if (!with_sums) return;
  exchange[threadIdx.x] = bias_sum;
  __syncthreads();
  if (warp > 0 || lane >= Tile::channels_k || first_k + lane >= s.out_channels) return;
  for (int w = 1; w < weight_warps; ++w) bias_sum += exchange[w * 32 + lane];
  partial[s.w_size() + group * s.out_channels + first_k + lane] = bias_sum;
}

template <class Tile>
std::int64_t weight_gradient_blocks(const WeightGradient& s) {
  return std::int64_t{s.splits} * s.tap_blocks * s.groups * ((s.out_channels + Tile::channels_k - 1) / Tile::channels_k) *
         ((s.in_channels + Tile::channels_c - 1) / Tile::channels_c);
}

constexpr int weight_blocks = 264;  // two for a multiprocessor of a large GPU

/// Chooses tiles, and splits that come to about `blocks` blocks, for a Tile; false where not even the smallest tile fits into
/// shared memory.
template <class Tile, class T>
bool plan_weight_gradient(const ConvShape& shape, int blocks, WeightGradient& s, std::size_t& shared) {
  const Correlation forward = forward_correlation(shape);
  s = {.patch = forward.patch,
       .n = forward.n,
       .groups = forward.groups,
       .in_channels = forward.in_channels,
       .out_channels = forward.out_channels};
  Patch& p = s.patch;
  const int across = (p.w.out + 31) / 32;
  int w = (p.w.out + across - 1) / across, h = std::min(p.h.out, std::max(1, 128 / w));
  h = (p.h.out + (p.h.out + h - 1) / h - 1) / ((p.h.out + h - 1) / h);
  int images = h == p.h.out && w == p.w.out ? std::max(1, std::min(s.n, 128 / (h * w))) : 1;
  const auto bytes = [&] {
    s.columns = (w + Tile::output_group - 1) / Tile::output_group * Tile::output_group;
    s.output_groups = (images * h * s.columns / Tile::output_group + 1) / 2 * 2;
    p.set_tile(images, h, w, s.columns);
    if (Tile::aligned) p.set_pitch((p.pitch + 3) / 4 * 4);
    p.set_plane(32, Tile::bank_rest);
    const int area = s.output_groups * Tile::output_group;
    s.dy_plane = area + ((Tile::bank_rest - area) % 32 + 32) % 32;
    s.stage_elements = std::max(2 * (Tile::channels_k * s.dy_plane + Tile::channels_c * p.plane), 96 * Tile::values);
    shared = simt::SharedBytes().take<T>(s.stage_elements).template take<int>(s.output_groups).total;
    return shared;
  };
  while (bytes() > shared_limit(96 * 1024) || p.area > 32768) {
    if (images > 1)
      images /= 2;
    else if (h > 1)
      h /= 2;
    else if (w > 1)
      w /= 2;
    else
      return false;
  }
  s.by_columns = Divisor(s.columns);
  s.by_tile_h = Divisor(h);
  s.tiles = p.tiles_n(s.n) * p.tiles_h() * p.tiles_w();
  s.tap_groups = (s.taps() + Tile::taps - 1) / Tile::taps;
  s.tap_blocks = (s.tap_groups + 2) / 3;
  const int wanted = static_cast<int>(std::max<std::int64_t>(1, blocks / weight_gradient_blocks<Tile>(s)));
  s.tiles_per_split = (s.tiles + wanted - 1) / wanted;
  s.splits = (s.tiles + s.tiles_per_split - 1) / s.tiles_per_split;
  return true;
}

/// Leaves the splits' partial results in the workspace, and says how to add them up.
template <class Tile, class T>
SplitSums<T> launch_weight_gradient(Stream stream, const WeightGradient& s, std::size_t shared, const T* x, const T* dy,
                                    T* dweight, T* dbias, void* workspace) {
  T* const partials = static_cast<T*>(workspace);
  simt::launch<grad_weight_kernel<Tile, T>>(simt::blocks_for(weight_gradient_blocks<Tile>(s), 1), weight_threads, shared,
                                            stream, s, x, dy, dbias != nullptr, partials);
  return {s.splits, s.w_size(), s.partial_size(), partials, dweight, dbias};
}

}  // namespace
}  // namespace heddle::kernels

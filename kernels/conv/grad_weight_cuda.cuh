// Convolution's gradient by the weights and the bias.
//
// x [n, c, h, w], dy [n, k, out_h, out_w]: dweight[k, c, tap] = sum over images and outputs p of dy[k, p] x[c, p moved by tap],
// a matrix product whose inner size, n out_h out_w, is thousands of times its outer ones. So the outputs are cut into `splits`;
// a block adds up one split for a block of k, of c and of taps, walking over tiles of outputs. A tile's dy [k][outputs] and its
// patch of x [c][...] (patch_cuda.cuh) are copied asynchronously into shared memory, the next one's on the way while one is
// multiplied. Columns are filled up with zeros of dy, so that outputs come in groups of neighbours; a table tells where a
// group's x begins. For bf16 tensor cores both go through registers, where they are packed (octets_cuda.cuh), and one stage of
// shared memory. Six warps share taps and groups of outputs among them; their sums are added in the warps' order. A second
// launch adds the splits' partial results, in order (sum_partials_cuda.cuh): no atomics, and the same bits every time. dbias is
// summed beside it, of dy as it is in device memory.
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
  int output_groups = 1, dy_plane = 1;                       // of a tile; distance of two channels or octets of dy
  int dy_unit = 1;                                           // columns of dy staged at a time
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

// The same in octets. sums: null, or [channel of the thread's octet][thread], to which the outputs are added.
template <int in_flight, int unit, class T>
HD_DEVICE HD_FORCE_INLINE void stage_output_octets(const WeightGradient& s, const TileOrigin& tile, const T* HD_RESTRICT dy,
                                                   int channels, int octets, float* sums, Octet* to) {
  const Patch& p = s.patch;
  const int size = p.h.out * p.w.out;
  const std::int64_t image_stride = std::int64_t{s.groups} * s.out_channels * size;
  const auto source = [&](int i) -> std::int64_t {
    int line, column, image, row;
    s.by_columns.divide(i, line, column);
    s.by_tile_h.divide(line, image, row);
    const int y = tile.row + row, x = tile.column + column * unit;
    const bool inside = image < p.images && tile.image + image < s.n && y < p.h.out && x < p.w.out;
    return inside ? (tile.image + image) * image_stride + y * p.w.out + x : -1;
  };
  stage_octets<weight_threads, in_flight, unit>(dy, size, channels, s.output_groups / unit, octets, s.dy_plane, source, to,
                                                [&](const auto& some) {
                                                  if (sums) some.add_to(sums + threadIdx.x, weight_threads);
                                                });
}

template <class Tile, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(weight_threads, Tile::blocks)
    grad_weight_kernel(WeightGradient s, const T* HD_RESTRICT x, const T* HD_RESTRICT dy, bool with_bias,
                       Wide<T>* HD_RESTRICT partials) {
  using W = Wide<T>;
  using Stage = typename Tile::Stage;
  constexpr int planes_k = Tile::channels_k / Tile::stage_channels, planes_c = Tile::channels_c / Tile::stage_channels;
  const Patch& patch = s.patch;
  HD_CARVER(carver);
  Stage* const stages = carver.take<Stage>(s.stage_elements);
  W* const exchange = reinterpret_cast<W*>(stages);  // once the last tile is multiplied
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
  const int left_k = s.out_channels - first_k, left_c = s.in_channels - first_c, taps = s.taps();
  const std::int64_t corner =
      split * s.partial_size() + ((std::int64_t{group} * s.out_channels + first_k) * s.in_channels + first_c) * taps;

  for (int i = static_cast<int>(threadIdx.x); i < s.output_groups; i += weight_threads) {
    const int line = i * Tile::output_group / s.columns, column = i * Tile::output_group % s.columns;
    const int image = line / patch.tile_h, row = line % patch.tile_h;
    x_offsets[i] =
        image < patch.images  // else a group that fills up the last one, all zeros of dy
            ? (image * patch.rows + row * patch.h.patch_step()) * patch.pitch + column * patch.w.patch_step() + patch.lead
            : 0;
  }

  const int tiles_w = (patch.w.out + patch.tile_w - 1) / patch.tile_w,
            tiles_h = (patch.h.out + patch.tile_h - 1) / patch.tile_h;
  const std::int64_t x_size = std::int64_t{patch.h.in} * patch.w.in;
  const T* const x_block = x + (std::int64_t{group} * s.in_channels + first_c) * x_size;
  const T* const dy_block = dy + (std::int64_t{group} * s.out_channels + first_k) * patch.h.out * patch.w.out;
  const auto origin_of = [&](int tile) {
    return TileOrigin{tile / tiles_w / tiles_h * patch.images, tile / tiles_w % tiles_h * patch.tile_h,
                      tile % tiles_w * patch.tile_w};
  };

  // Warps: first those of the first share of the outputs, one for each group of taps, then those of the next share.
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warps_taps = s.tap_groups < 3 ? s.tap_groups : 3, shares = weight_warps / warps_taps;
  const int share = warp / warps_taps, tap_group = tap_block * warps_taps + warp % warps_taps;
  const bool with_sums = with_bias && first_c == 0 && tap_block == 0;
  W bias_sum = 0;  // of channel first_k + lane

  Tile tile(s, tap_group);
  const int first_tile = split * s.tiles_per_split, last_tile = std::min(first_tile + s.tiles_per_split, s.tiles);
  if constexpr (std::is_same_v<Stage, Octet>) {
    float* const sums = with_sums ? carver.take<float>(octet_channels * weight_threads) : nullptr;
    if (with_sums)
      for (int c = 0; c < octet_channels; ++c) sums[c * weight_threads + threadIdx.x] = 0;
    Octet* const x_stage = stages + planes_k * s.dy_plane;
    for (int t = first_tile; t < last_tile; ++t) {
      const TileOrigin origin = origin_of(t);
      if (s.dy_unit == 2)
        stage_output_octets<Tile::in_flight, 2>(s, origin, dy_block, s.out_channels - first_k, planes_k, sums, stages);
      else
        stage_output_octets<Tile::in_flight, 1>(s, origin, dy_block, s.out_channels - first_k, planes_k, sums, stages);
      stage_patch_octets<weight_threads, Tile::in_flight>(patch, origin, s.n, x_block, s.groups * s.in_channels * x_size,
                                                          s.in_channels - first_c, planes_c, x_stage);
      __syncthreads();
      tile.add(s, stages, x_stage, x_offsets, share, shares);
      __syncthreads();
    }
    if (with_sums)
      bias_sum = s.dy_unit == 2 ? sum_of_channel<weight_threads, 2>(planes_k, sums)
                                : sum_of_channel<weight_threads, 1>(planes_k, sums);
  } else {
    const int stage_size = planes_k * s.dy_plane + planes_c * patch.plane;
    const auto start = [&](int t) {
      const TileOrigin origin = origin_of(t);
      T* const stage = stages + t % 2 * stage_size;
      stage_outputs<Tile::output_group>(s, origin, dy_block, s.out_channels - first_k, Tile::channels_k, stage);
      stage_patch<weight_threads>(patch, origin, s.n, x_block, s.groups * s.in_channels * x_size, s.in_channels - first_c,
                                  Tile::channels_c, stage + Tile::channels_k * s.dy_plane);
      simt::cp_async_commit();
    };
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
  }

  // The shares of the outputs are added up through shared memory, in their order.
  W* const mine = exchange + warp % warps_taps * Tile::values * 32 + lane;
  for (int turn = 0; turn < shares; ++turn) {
    if (share == turn) {
      if (turn > 0) tile.each_value([&](int i, W& value) { value = mine[i * 32] + value; });
      if (turn + 1 < shares) tile.each_value([&](int i, W& value) { mine[i * 32] = value; });
    }
    __syncthreads();
  }
  if (share == shares - 1)
    tile.each([&](int k, int c, int tap, W value) {
      if (k < left_k && c < left_c && tap < taps) partials[corner + (k * s.in_channels + c) * taps + tap] = value;
    });
  if (!with_sums) return;
  exchange[threadIdx.x] = bias_sum;
  __syncthreads();
  if (warp > 0 || lane >= Tile::channels_k || lane >= left_k) return;
  for (int w = 1; w < weight_warps; ++w) bias_sum += exchange[w * 32 + lane];
  partials[split * s.partial_size() + s.w_size() + group * s.out_channels + first_k + lane] = bias_sum;
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
  using Stage = typename Tile::Stage;
  constexpr bool packed = std::is_same_v<Stage, Octet>;
  const Correlation forward = forward_correlation(shape);
  s = {.patch = forward.patch,
       .n = forward.n,
       .groups = forward.groups,
       .in_channels = forward.in_channels,
       .out_channels = forward.out_channels};
  Patch& p = s.patch;
  const int across = (p.w.out + 31) / 32;
  // Octets are half as large as channels of float, and of one stage: a tile may be twice as large where there are many.
  const int outputs = packed && std::int64_t{s.n} * p.h.out * p.w.out >= 264 * 256 ? 256 : 128;
  int w = (p.w.out + across - 1) / across, h = std::min(p.h.out, std::max(1, outputs / w));
  h = (p.h.out + (p.h.out + h - 1) / h - 1) / ((p.h.out + h - 1) / h);
  int images = h == p.h.out && w == p.w.out ? std::max(1, std::min(s.n, outputs / (h * w))) : 1;
  const auto bytes = [&] {
    s.columns = (w + Tile::output_group - 1) / Tile::output_group * Tile::output_group;
    s.output_groups =
        (images * h * s.columns / Tile::output_group + Tile::group_step - 1) / Tile::group_step * Tile::group_step;
    p.set_tile(images, h, w, s.columns);
    const int area = s.output_groups * Tile::output_group;
    if constexpr (packed) {
      p.pair_columns();
      p.set_plane(2, 1);
      s.dy_unit = w % 2 == 0 && p.w.out % 2 == 0 ? 2 : 1;
      s.dy_plane = area + 1;
    } else {
      if (Tile::aligned) p.set_pitch((p.pitch + 3) / 4 * 4);
      p.set_plane(32, Tile::bank_rest);
      s.dy_plane = area + ((Tile::bank_rest - area) % 32 + 32) % 32;
    }
    const int stage = (Tile::channels_k * s.dy_plane + Tile::channels_c * p.plane) / Tile::stage_channels;
    const int exchanged = 96 * Tile::values * static_cast<int>(sizeof(Wide<T>)) / static_cast<int>(sizeof(Stage));
    s.stage_elements = std::max(packed ? stage : 2 * stage, exchanged);
    shared = simt::SharedBytes()
                 .take<Stage>(s.stage_elements)
                 .template take<int>(s.output_groups)
                 .template take<float>(packed ? octet_channels * weight_threads : 0)
                 .total;
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
  s.by_columns = Divisor(s.columns / s.dy_unit);
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
SplitSums<Wide<T>> launch_weight_gradient(Stream stream, WeightGradient s, std::size_t shared, const T* x, const T* dy,
                                          Wide<T>* dweight, Wide<T>* dbias, void* workspace) {
  if (s.patch.unit == 2 && !simt::is_aligned<2>(x)) s.patch.part_columns();
  if (s.dy_unit == 2 && !simt::is_aligned<2>(dy)) s.dy_unit = 1, s.by_columns = Divisor(s.columns);
  auto* const partials = static_cast<Wide<T>*>(workspace);
  simt::launch<grad_weight_kernel<Tile, T>>(simt::blocks_for(weight_gradient_blocks<Tile>(s), 1), weight_threads, shared,
                                            stream, s, x, dy, dbias != nullptr, partials);
  return {s.splits, s.w_size(), s.partial_size(), partials, dweight, dbias};
}

}  // namespace
}  // namespace heddle::kernels

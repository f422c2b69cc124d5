// Which tile serves which convolution on the GPU.
//
// correlate_kernel and grad_weight_kernel are templates over tiles, listed here. Of a list, that tile is taken which was
// measured to be the fastest for a shape (conv_tuning.hpp); where nothing was, the one that needs the fewest cycles of a large
// GPU by the count of its instructions, of what it computes in vain and of the multiprocessors it leaves idle.
#pragma once

#include <algorithm>
#include <limits>
#include <optional>
#include <type_traits>

#include "kernels/conv/conv_tuning.hpp"
#include "kernels/conv/correlate_tiles_cuda.cuh"
#include "kernels/conv/grad_weight_tiles_cuda.cuh"

namespace heddle::kernels {
namespace {

template <class... Tiles>
struct TileList {};

template <class T, Precision precision>
struct TilesOf {  // double
  using Correlate = TileList<VectorTileC<T, 4, 4, 4>>;
  using Weight = TileList<VectorTileW<T, 2, 2, 1>>;
};
template <>
struct TilesOf<float, Precision::float32> {
  // Pixels x channels of 3 x 3 filters: 256 x 32, 256 x 16, 256 x 20, 256 x 24, 512 x 10.
  // Of any filters: 256 x 32, 64 x 32, 256 x 16, 512 x 10, 256 x 20, 256 x 24, 128 x 64, 512 x 4.
  using Correlate = TileList<RowTileC<8, 4>, RowTileC<4, 4>, RowTileC<5, 4>, RowTileC<6, 4>, RowTileC<5, 2>,
                             VectorTileC<float, 8, 8, 4>, VectorTileC<float, 2, 8, 4>, VectorTileC<float, 4, 8, 2>,
                             VectorTileC<float, 4, 10, 1>, VectorTileC<float, 4, 10, 2>, VectorTileC<float, 4, 12, 2>,
                             VectorTileC<float, 4, 16, 4>, VectorTileC<float, 4, 4, 1>>;
  // Channels out x in, for a row of a 3 x 3 filter: 32 x 16, 32 x 4, 16 x 16, 24 x 20, 16 x 12.
  // For a tap: 32 x 16, 16 x 16, 8 x 4.
  using Weight = TileList<VectorTileW<float, 4, 4, 3>, VectorTileW<float, 4, 1, 3>, VectorTileW<float, 2, 4, 3>,
                          VectorTileW<float, 3, 5, 3>, VectorTileW<float, 2, 3, 3>, VectorTileW<float, 4, 4, 1>,
                          VectorTileW<float, 2, 4, 1>, VectorTileW<float, 1, 1, 1>>;
};
template <>
struct TilesOf<float, Precision::tf32> {
  // 256 x 8, 256 x 16, 256 x 24, 256 x 32, 64 x 32, 128 x 64.
  using Correlate = TileList<MatrixTileC<4, 1>, MatrixTileC<4, 2>, MatrixTileC<4, 3>, MatrixTileC<4, 4>, MatrixTileC<1, 4>,
                             MatrixTileC<2, 8>>;
  // For three taps: 32 x 32, 32 x 8, 16 x 16; for one: 32 x 32, 16 x 16.
  using Weight =
      TileList<MatrixTileW<2, 4, 3>, MatrixTileW<2, 1, 3>, MatrixTileW<1, 2, 3>, MatrixTileW<2, 4, 1>, MatrixTileW<1, 2, 1>>;
};
template <class T>
struct TilesOf<T, Precision::bf16> {  // the same sizes
  using Correlate =
      TileList<OctetTileC<4, 1>, OctetTileC<4, 2>, OctetTileC<4, 3>, OctetTileC<4, 4>, OctetTileC<1, 4>, OctetTileC<2, 8>>;
  using Weight =
      TileList<OctetTileW<2, 4, 3>, OctetTileW<2, 1, 3>, OctetTileW<1, 2, 3>, OctetTileW<2, 4, 1>, OctetTileW<1, 2, 1>>;
};

constexpr double multiprocessors = 132;  // what the estimates below are made for

constexpr double impossible = std::numeric_limits<double>::infinity();

template <class Tile>
ConvTile name_of(int blocks) {
  if constexpr (requires { Tile::channels_k; })
    return {Tile::kind, Tile::channels_k, Tile::channels_c, Tile::taps, blocks};
  else
    return {Tile::kind, Tile::pixels, Tile::channels};
}

inline Correlation correlation_of(const ConvShape& s, ConvPass pass) {
  return pass == ConvPass::forward ? forward_correlation(s) : grad_input_correlation(s);
}

template <class T, class Tile>
double correlation_cycles(Correlation s) {
  if (!plan_correlation<Tile, T>(s)) return impossible;
  const double channels = (s.in_channels + Tile::depth - 1) / Tile::depth * Tile::depth;
  const double staging = 4 * channels * (s.patch.area + s.taps() * Tile::channels) / 128;
  const double waves = std::ceil(s.blocks / multiprocessors);
  return std::max(2.0, waves) *
         (Tile::cycles * channels * s.taps() + staging);  // one block alone leaves half of the cycles idle
}

// Also what is planned.
template <class T, class Tile>
double weight_cycles(const ConvShape& shape, int blocks, WeightGradient& s) {
  std::size_t shared;
  if (!Tile::serves(forward_correlation(shape).patch.w) || !plan_weight_gradient<Tile, T>(shape, blocks, s, shared))
    return impossible;
  const double staging = 4.0 * (Tile::channels_k * s.dy_plane + Tile::channels_c * s.patch.plane) / 128;
  const double multiplying = Tile::cycles * s.output_groups * s.tap_groups;
  return static_cast<double>(weight_gradient_blocks<Tile>(s)) * s.tiles_per_split * (multiplying + s.tap_blocks * staging);
}

template <class T>
std::optional<ConvTile> kept(const ConvShape& shape, ConvPass pass) {
  if constexpr (std::is_same_v<T, double>) return {};
  return kept_tile(shape, pass, std::is_same_v<T, float> ? Activations::in_float32 : Activations::in_bfloat16);
}

// Calls f.template operator()<Tile>(blocks) for the tile that is kept, or else for that of the lowest
// estimate.template operator()<Tile>(blocks); false where none can be used.
template <class Estimate, class F, class... Tiles>
bool with_best(TileList<Tiles...>, const std::optional<ConvTile>& wish, Estimate estimate, F f) {
  bool found = false;
  const auto take = [&]<class Tile>(int blocks, bool wanted) {
    if (wanted && !found) f.template operator()<Tile>(blocks), found = true;
  };
  if (wish)
    (take.template operator()<Tiles>(
         wish->blocks, name_of<Tiles>(wish->blocks) == *wish && estimate.template operator()<Tiles>(wish->blocks) < impossible),
     ...);
  if (found) return true;
  const double cycles[] = {estimate.template operator()<Tiles>(weight_blocks)...};
  const double best = *std::min_element(std::begin(cycles), std::end(cycles));
  int i = 0;
  (take.template operator()<Tiles>(weight_blocks, cycles[i++] == best && best < impossible), ...);
  return found;
}

// Calls f.template operator()<Tile>(plan); pass is not grad_weight.
template <class T, class Tiles, class F>
bool with_correlation_tile(Tiles tiles, const ConvShape& shape, ConvPass pass, F f) {
  Correlation s = correlation_of(shape, pass);
  return with_best(
      tiles, kept<T>(shape, pass), [&]<class Tile>(int) { return correlation_cycles<T, Tile>(s); },
      [&]<class Tile>(int) {
        plan_correlation<Tile, T>(s);
        f.template operator()<Tile>(s);
      });
}

// Calls f.template operator()<Tile>(plan, bytes of shared memory).
template <class T, class Tiles, class F>
bool with_weight_tile(Tiles tiles, const ConvShape& shape, F f) {
  WeightGradient s;
  return with_best(
      tiles, kept<T>(shape, ConvPass::grad_weight),
      [&]<class Tile>(int blocks) { return weight_cycles<T, Tile>(shape, blocks, s); },
      [&]<class Tile>(int blocks) {
        std::size_t shared;
        plan_weight_gradient<Tile, T>(shape, blocks, s, shared);
        f.template operator()<Tile>(s, shared);
      });
}

// Calls f with the tiles for T in the shape's precision.
template <class T, class F>
auto with_tiles([[maybe_unused]] const ConvShape& s, F f) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    return f(TilesOf<T, Precision::bf16>());
  } else {
    if constexpr (std::is_same_v<T, float>) {
      if (s.precision == Precision::tf32) return f(TilesOf<T, Precision::tf32>());
      if (s.precision == Precision::bf16) return f(TilesOf<T, Precision::bf16>());
    }
    return f(TilesOf<T, Precision::float32>());
  }
}

}  // namespace
}  // namespace heddle::kernels

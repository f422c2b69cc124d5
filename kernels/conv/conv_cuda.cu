// Convolution on the GPU: which tile serves which shape.
//
// The kernels are in correlate_cuda.cuh (forward and gradient by the input), grad_weight_cuda.cuh and conv_naive_cuda.cuh;
// they are templates over tiles, listed here. Of a list, that tile is taken which was measured to be the fastest for a shape
// (conv_tuning.hpp); where nothing was, the one that needs the fewest cycles of a large GPU by the count of its instructions,
// of what it computes in vain and of the multiprocessors it leaves idle.
#include <algorithm>
#include <limits>
#include <type_traits>

#include "kernels/conv/conv_naive_cuda.cuh"
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

Correlation correlation_of(const ConvShape& s, ConvPass pass) {
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
  ConvShape key = shape;
  if constexpr (std::is_same_v<T, BFloat16>) key.precision = Precision::bf16;
  return std::is_same_v<T, double> ? std::nullopt : kept_tile(key, pass);
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

template <class T, class Tiles>
bool correlate(Tiles tiles, Stream stream, const ConvShape& shape, ConvPass pass, const Tail<Wide<T>>& tail,
               const SplitSums<Wide<T>>& sums, const T* in, const Wide<T>* weight, const Wide<T>* bias, T* out) {
  return with_correlation_tile<T>(tiles, shape, pass, [&]<class Tile>(const Correlation& s) {
    launch_correlation<Tile, T>(stream, s, tail, sums, in, weight, bias, out);
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

template <class T>
struct FastConvCuda {
  using W = Wide<T>;

  static std::size_t workspace(const ConvShape& shape, ConvPass pass) {
    std::size_t bytes = 0;
    if (pass == ConvPass::grad_weight)
      with_tiles<T>(shape, [&]<class Tiles>(Tiles) {
        with_weight_tile<T>(typename Tiles::Weight(), shape, [&]<class Tile>(const WeightGradient& s, std::size_t) {
          bytes = static_cast<std::size_t>(s.splits * s.partial_size()) * sizeof(W);
        });
      });
    return bytes;
  }
  static void forward(Stream stream, const ConvShape& s, const T* x, const W* weight, const W* bias, T* y, void*) {
    const bool done = with_tiles<T>(s, [&]<class Tiles>(Tiles) {
      return correlate<T>(typename Tiles::Correlate(), stream, s, ConvPass::forward, {}, {}, x, weight, bias, y);
    });
    if (!done) NaiveConvCuda<T>::forward(stream, s, x, weight, bias, y, nullptr);
  }
  static int moment_parts(const ConvShape& shape, bool = false) {
    int parts = 0;
    with_tiles<T>(shape, [&]<class Tiles>(Tiles) {
      with_correlation_tile<T>(typename Tiles::Correlate(), shape, ConvPass::forward,
                               [&]<class Tile>(const Correlation& s) { parts = s.tiles(); });
    });
    return parts;
  }
  static void forward_to_norm(Stream stream, const ConvShape& s, const NormFusion& fusion, const T* x, const W* weight,
                              const W* bias, T* y, PartialMoments<W>* moments, void*) {
    const Tail<W> tail{fusion.relu_before, fusion.before, moments, moment_parts(s)};
    with_tiles<T>(s, [&]<class Tiles>(Tiles) {
      correlate<T>(typename Tiles::Correlate(), stream, s, ConvPass::forward, tail, {}, x, weight, bias, y);
    });
  }
  static void grad_input(Stream stream, const ConvShape& s, const T* dy, const W* weight, T* dx, void*) {
    grad_input_and_sums(stream, s, {}, dy, weight, dx);
  }
  static void grad_weight(Stream stream, const ConvShape& s, const T* x, const T* dy, W* dweight, W* dbias, void* workspace) {
    const SplitSums<W> sums = grad_weight_splits(stream, s, x, dy, dweight, dbias, workspace);
    if (sums.splits > 0) sum_partials(stream, sums);
  }
  static void gradients(Stream stream, const ConvShape& s, const T* x, const T* dy, const W* weight, T* dx, W* dweight,
                        W* dbias, void* workspace) {
    grad_input_and_sums(stream, s, grad_weight_splits(stream, s, x, dy, dweight, dbias, workspace), dy, weight, dx);
  }

 private:
  // No splits: dweight and dbias are there.
  static SplitSums<W> grad_weight_splits(Stream stream, const ConvShape& shape, const T* x, const T* dy, W* dweight, W* dbias,
                                         void* workspace) {
    SplitSums<W> sums;
    const bool done = with_tiles<T>(shape, [&]<class Tiles>(Tiles) {
      return with_weight_tile<T>(typename Tiles::Weight(), shape, [&]<class Tile>(const WeightGradient& s, std::size_t shared) {
        sums = launch_weight_gradient<Tile, T>(stream, s, shared, x, dy, dweight, dbias, workspace);
      });
    });
    if (!done) NaiveConvCuda<T>::grad_weight(stream, shape, x, dy, dweight, dbias, nullptr);
    return sums;
  }
  static void grad_input_and_sums(Stream stream, const ConvShape& s, const SplitSums<W>& sums, const T* dy, const W* weight,
                                  T* dx) {
    const bool done = with_tiles<T>(s, [&]<class Tiles>(Tiles) {
      return correlate<T>(typename Tiles::Correlate(), stream, s, ConvPass::grad_input, {}, sums, dy, weight, nullptr, dx);
    });
    if (done) return;
    NaiveConvCuda<T>::grad_input(stream, s, dy, weight, dx, nullptr);
    if (sums.splits > 0) sum_partials(stream, sums);
  }
};

template <class T>
constexpr Conv2dKernels<T> fast{FastConvCuda<T>::workspace,   FastConvCuda<T>::forward,      FastConvCuda<T>::grad_input,
                                FastConvCuda<T>::grad_weight, FastConvCuda<T>::moment_parts, FastConvCuda<T>::forward_to_norm,
                                FastConvCuda<T>::gradients};
template <class T>
constexpr Conv2dKernels<T> naive{NaiveConvCuda<T>::workspace, NaiveConvCuda<T>::forward, NaiveConvCuda<T>::grad_input,
                                 NaiveConvCuda<T>::grad_weight};

template <class... Tiles>
bool has_tile(TileList<Tiles...>, const ConvTile& tile) {
  return ((name_of<Tiles>(tile.blocks) == tile) || ...);
}

// Adds a tile's ways to compute a shape; of numbers of splits, those that differ.
template <class Tile>
void add_candidates(const ConvShape& shape, ConvPass pass, std::vector<ConvCandidate>& all) {
  if constexpr (requires { Tile::channels_k; }) {
    std::vector<int> seen;
    for (int blocks : {weight_blocks, weight_blocks / 2, weight_blocks * 2}) {
      WeightGradient s;
      const double cycles = weight_cycles<float, Tile>(shape, blocks, s);
      if (cycles == impossible || std::find(seen.begin(), seen.end(), s.splits) != seen.end()) continue;
      seen.push_back(s.splits);
      all.push_back({name_of<Tile>(blocks), cycles});
    }
  } else {
    const double cycles = correlation_cycles<float, Tile>(correlation_of(shape, pass));
    if (cycles < impossible) all.push_back({name_of<Tile>(0), cycles});
  }
}
template <class... Tiles>
std::vector<ConvCandidate> candidates(TileList<Tiles...>, const ConvShape& shape, ConvPass pass) {
  std::vector<ConvCandidate> all;
  (add_candidates<Tiles>(shape, pass, all), ...);
  const auto best = std::min_element(all.begin(), all.end(), [](const ConvCandidate& a, const ConvCandidate& b) {
    const auto estimated = [](const ConvCandidate& c) { return c.tile.blocks == 0 || c.tile.blocks == weight_blocks; };
    return std::pair(!estimated(a), a.cycles) < std::pair(!estimated(b), b.cycles);
  });
  if (best != all.end()) std::rotate(all.begin(), best, best + 1);
  return all;
}

// Calls f with the list of tiles of a pass.
template <class F>
auto with_list(const ConvShape& shape, ConvPass pass, F f) {
  return with_tiles<float>(shape, [&]<class Tiles>(Tiles) {
    return pass == ConvPass::grad_weight ? f(typename Tiles::Weight()) : f(typename Tiles::Correlate());
  });
}

}  // namespace

bool is_conv_tile(const ConvTile& tile, ConvPass pass, Precision precision) {
  if (pass == ConvPass::grad_weight ? tile.blocks < 1 : tile.blocks != 0) return false;
  return with_list({.precision = precision}, pass, [&](auto tiles) { return has_tile(tiles, tile); });
}
std::vector<ConvCandidate> conv_candidates(const ConvShape& shape, ConvPass pass) {
  return with_list(shape, pass, [&](auto tiles) { return candidates(tiles, shape, pass); });
}

template <>
const Conv2dKernels<float>& Conv2dKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive<float> : fast<float>;
}
template <>
const Conv2dKernels<double>& Conv2dKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive<double> : fast<double>;
}
template <>
const Conv2dKernels<BFloat16>& Conv2dKernels<BFloat16>::cuda(Variant) {
  return fast<BFloat16>;
}

}  // namespace heddle::kernels

// What there is to choose from: the tiles that can compute a convolution on the GPU (conv_tuning.hpp).
#include "heddle/base/dtype.hpp"
#include "kernels/conv/conv_choice_cuda.cuh"

namespace heddle::kernels {
namespace {

template <class... Tiles>
bool has_tile(TileList<Tiles...>, const ConvTile& tile) {
  return ((name_of<Tiles>(tile.blocks) == tile) || ...);
}

// Adds a tile's ways to compute a shape; of numbers of splits, those that differ.
template <class T, class Tile>
void add_candidates(const ConvShape& shape, ConvPass pass, std::vector<ConvCandidate>& all) {
  if constexpr (requires { Tile::channels_k; }) {
    std::vector<int> seen;
    for (int blocks : {weight_blocks, weight_blocks / 2, weight_blocks * 2}) {
      WeightGradient s;
      const double cycles = weight_cycles<T, Tile>(shape, blocks, s);
      if (cycles == impossible || std::find(seen.begin(), seen.end(), s.splits) != seen.end()) continue;
      seen.push_back(s.splits);
      all.push_back({name_of<Tile>(blocks), cycles});
    }
  } else {
    const double cycles = correlation_cycles<T, Tile>(correlation_of(shape, pass));
    if (cycles < impossible) all.push_back({name_of<Tile>(0), cycles});
  }
}
template <class T, class... Tiles>
std::vector<ConvCandidate> candidates(TileList<Tiles...>, const ConvShape& shape, ConvPass pass) {
  std::vector<ConvCandidate> all;
  (add_candidates<T, Tiles>(shape, pass, all), ...);
  const auto best = std::min_element(all.begin(), all.end(), [](const ConvCandidate& a, const ConvCandidate& b) {
    const auto estimated = [](const ConvCandidate& c) { return c.tile.blocks == 0 || c.tile.blocks == weight_blocks; };
    return std::pair(!estimated(a), a.cycles) < std::pair(!estimated(b), b.cycles);
  });
  if (best != all.end()) std::rotate(all.begin(), best, best + 1);
  return all;
}

// Calls f(TypeTag<T>(), list of tiles) of a pass.
template <class F>
auto with_list(const ConvShape& shape, ConvPass pass, Activations activations, F f) {
  const auto with_type = [&]<class T>(TypeTag<T> type) {
    return with_tiles<T>(shape, [&]<class Tiles>(Tiles) {
      return pass == ConvPass::grad_weight ? f(type, typename Tiles::Weight()) : f(type, typename Tiles::Correlate());
    });
  };
  return activations == Activations::in_float32 ? with_type(TypeTag<float>()) : with_type(TypeTag<BFloat16>());
}

}  // namespace

bool is_conv_tile(const ConvTile& tile, ConvPass pass, Activations activations, Precision precision) {
  if (pass == ConvPass::grad_weight ? tile.blocks < 1 : tile.blocks != 0) return false;
  return with_list({.precision = precision}, pass, activations, [&](auto, auto tiles) { return has_tile(tiles, tile); });
}
std::vector<ConvCandidate> conv_candidates(const ConvShape& shape, ConvPass pass, Activations activations) {
  return with_list(shape, pass, activations,
                   [&]<class T>(TypeTag<T>, auto tiles) { return candidates<T>(tiles, shape, pass); });
}

}  // namespace heddle::kernels

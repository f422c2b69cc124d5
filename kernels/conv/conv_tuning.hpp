// Which tile computes which convolution on the GPU: the choices that are kept, and what there is to choose from.
//
// conv_choice_cuda.cuh takes the tile that was measured to be the fastest for a shape, pass and precision on this kind of
// device, where conv_tuned.inc has it, and else the one of the lowest estimate. The table is compiled in: nothing is measured
// while a program runs, so that the same program gives the same bits each time. bench/conv_tune measures, and writes it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/conv/conv.hpp"

namespace heddle::kernels {

/// On CUDA cores pixels and rows (correlate_tiles_cuda.cuh) and vector (grad_weight_tiles_cuda.cuh); matrix on tensor cores.
enum class TileKind { pixels, rows, vector, matrix };
constexpr const char* name_of(TileKind kind) {
  constexpr const char* names[] = {"pixels", "rows", "vector", "matrix"};
  return names[static_cast<int>(kind)];
}

/// What x, y and their gradients are stored in. bfloat16 is multiplied as bf16, whatever precision a shape asks for.
enum class Activations { in_float32, in_bfloat16 };
constexpr const char* name_of(Activations activations) {
  return activations == Activations::in_float32 ? "in_float32" : "in_bfloat16";
}

/// A tile by name. Of the forward pass and the gradient by the input: pixels x output channels of a block. Of the gradient by
/// the weights: output channels x input channels x taps of a warp, and how many blocks the outputs are split for.
struct ConvTile {
  TileKind kind = TileKind::pixels;
  int height = 0, width = 0, taps = 0, blocks = 0;

  /// As in "matrix 256x32", or "vector 32x16x3 for 264 blocks".
  std::string str() const;
  friend bool operator==(const ConvTile&, const ConvTile&) = default;
};

/// What times are measured on: compute capability, as 90, and multiprocessors. Another device has other fastest tiles.
struct DeviceClass {
  int capability = 0, multiprocessors = 0;
  friend bool operator==(const DeviceClass&, const DeviceClass&) = default;
};
DeviceClass this_device_class();

/// A line of the table.
struct TunedConv {
  DeviceClass device;
  ConvPass pass = ConvPass::forward;
  Activations activations = Activations::in_float32;
  ConvShape shape;
  ConvTile tile;
  double microseconds = 0, estimate_microseconds = 0;  ///< of a call with this tile, and with the estimate's choice
};

/// All that is kept, of every device.
std::span<const TunedConv> tuned_convs();

/// The tile kept for this device. HEDDLE_CONV_TILES=estimate in the environment keeps nothing; auto is the default. A line of
/// this device that names a tile which there is not is an Error, whatever shape was asked for.
std::optional<ConvTile> kept_tile(const ConvShape&, ConvPass, Activations);

/// While it lives these lines are the table: how a test or a benchmark runs a tile of its choice. For one thread, while no
/// other one launches convolutions.
class UseTunedConvs {
 public:
  explicit UseTunedConvs(const std::vector<TunedConv>& lines);
  ~UseTunedConvs();
  UseTunedConvs(const UseTunedConvs&) = delete;
  UseTunedConvs& operator=(const UseTunedConvs&) = delete;

 private:
  struct Before;
  std::unique_ptr<Before> before_;
};

/// Whether that pass has such a tile in that precision, of whatever shape.
bool is_conv_tile(const ConvTile&, ConvPass, Activations, Precision);

/// A tile that can compute a shape, and the estimate of its cycles, which compares tiles of one pass alone.
struct ConvCandidate {
  ConvTile tile;
  double cycles = 0;
};
/// Those of a pass, the estimate's choice first; none where only the naive kernel serves.
std::vector<ConvCandidate> conv_candidates(const ConvShape&, ConvPass, Activations);

}  // namespace heddle::kernels

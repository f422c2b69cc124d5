// What conv_tune measured, as the table that is compiled in, as JSON, and to be read.
#pragma once

#include <string>
#include <vector>

#include "bench/conv_operands.hpp"
#include "kernels/conv/conv_tuning.hpp"

namespace heddle::bench {

/// A tile's time for one pass of a layer.
struct TimedTile {
  kernels::ConvTile tile;
  double cycles = 0, microseconds = 0;
};
/// A pass of a layer in one precision: all tiles that serve, the estimate's choice first, and which one is to be kept.
struct TunedPass {
  std::string layer;
  ConvPass pass = ConvPass::forward;
  kernels::Activations activations = kernels::Activations::in_float32;
  ConvShape shape;
  Work work;
  std::vector<TimedTile> tiles;
  std::size_t kept = 0;
};
struct Tuning {
  std::string device, note;  ///< what was measured on, and what its user says
  bool emulated = false;
  std::vector<TunedPass> passes;
};

/// "float32", "tf32", "bf16", or "bf16 activations".
std::string numbers_of(kernels::Activations, const ConvShape&);

/// kernels/conv/conv_tuned.inc with these choices for the present device; `before`'s lines remain where nothing is measured
/// anew.
std::string tuned_table(const Tuning&, std::span<const kernels::TunedConv> before);
std::string tuning_json(const Tuning&);
std::string tuning_markdown(const Tuning&);

}  // namespace heddle::bench

// The layer table: what each layer makes of an input, what it costs, and how far it sees.
#pragma once

#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::nn {

/// One layer that has no parts of its own.
struct LayerRow {
  std::string path;         ///< "stages.0.1"
  std::string type;         ///< "BatchNorm2d"
  std::string description;  ///< "BatchNorm2d(32, ...)"
  Shape output;
  std::int64_t parameters = 0;
  std::int64_t multiply_adds = 0;    ///< of one forward pass of this input
  std::int64_t receptive_field = 1;  ///< pixels of the input, along its larger extent, that one output sees
  std::int64_t receptive_height = 1, receptive_width = 1;

  /// "7", or "1 x 7" (height x width) where they differ.
  std::string sees() const;
};

struct Summary {
  Shape input;
  std::vector<LayerRow> layers;  ///< in the order they run
  std::int64_t parameters = 0, trainable = 0, multiply_adds = 0;
  double input_mb = 0, activations_mb = 0, parameters_mb = 0;  ///< activations: all outputs, and as much for gradients

  /// The table, whose last line is "Total params: 48,096".
  std::string str() const;
};

/// Runs the module once, in evaluation mode, on zeros of the given shape. The receptive field follows the layers in the
/// order they run, so it is that of the longest path; a global pooling sees everything and is not counted.
Summary summarize(Module& module, const Shape& input);

}  // namespace heddle::nn
HD_API_END

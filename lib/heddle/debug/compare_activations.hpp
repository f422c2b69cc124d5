// The first layer that computes something else: what every layer makes of one input, compared with another program's.
//
//     const auto dump = load_safetensors("activations.safetensors");   // of examples/pytorch/dump_activations.py
//     std::cout << debug::compare_activations(net, dump.tensors).str();
//
// Names are the layers' paths, as in PyTorch; "input" is what the network was given and "output" what it made of it. A layer
// that runs again has its path with "#2", "#3", ... behind it.
#pragma once

#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::debug {

/// "input", what each layer without parts of its own makes, in the order they run, and "output". In evaluation mode, without
/// recording; layers run one by one, not fused.
nn::NamedTensors record_activations(nn::Module& net, const Tensor& input);

struct CompareOptions {
  double atol = 1e-5, rtol = 1e-4;  ///< a layer agrees where no element differs by more than atol + rtol * its largest one
};

struct LayerDifference {
  std::string path, type;
  Shape ours, theirs;
  double largest = 0;   ///< of the absolute differences; NaN where the shapes differ
  double relative = 0;  ///< the same, as a part of the largest absolute value of theirs
  bool agrees = true;
};

struct ActivationComparison {
  std::vector<LayerDifference> layers;  ///< in the order they run
  std::vector<std::string> only_ours, only_theirs;

  /// Null where all agree.
  const LayerDifference* first_difference() const;
  /// A table, and a sentence about the first layer that differs.
  std::string str() const;
};

/// Runs the network on the dump's "input" and compares every layer that both have. Error when the dump has no "input", one
/// without elements, or no layer in common.
ActivationComparison compare_activations(nn::Module& net, const nn::NamedTensors& theirs, const CompareOptions& options = {});

}  // namespace heddle::debug
HD_API_END

// Finding, in a row of modules, those that kernels compute together. Internal.
#pragma once

#include <memory>
#include <span>

#include "heddle/nn/conv.hpp"
#include "heddle/nn/norm.hpp"

namespace heddle::nn {

struct FusedNorm {
  Norm* norm = nullptr;  ///< null: nothing to fuse here
  NormNeighbours neighbours;
  std::size_t count = 0;  ///< modules it stands for
};

/// [ReLU] [Dropout | Dropout2d] norm [ReLU] [Dropout | Dropout2d], from the first of `modules` on, none of them hooked. They
/// consume their input: what else holds it must be a tensor.
FusedNorm find_fused_norm(std::span<const std::shared_ptr<Module>> modules);

struct FusedConv {
  Conv2d* conv = nullptr;  ///< null: nothing to fuse here
  BatchNorm2d* norm = nullptr;
  bool relu_before = false, relu_after = false;
  std::size_t count = 0;  ///< modules it stands for

  /// Their forward; `label` is what observers know them by.
  Tensor operator()(const Tensor& x, const Label& label) const;
};

/// convolution [ReLU] batch norm [ReLU] [Dropout | Dropout2d], from the first of `modules` on, none of them hooked, where all
/// it takes are the outputs: in evaluation, with running statistics, while no gradients are recorded and nobody traces.
FusedConv find_fused_conv(std::span<const std::shared_ptr<Module>> modules);

struct LinkedConv {
  Conv2d* conv = nullptr;  ///< null: nothing to run together here
  BatchNorm2d* norm = nullptr;
  NormNeighbours neighbours;
  std::size_t count = 0;  ///< modules it stands for

  /// Their forward; `label` is what observers know all but the convolution by.
  Tensor operator()(const Tensor& x, const Label& label) const;
};

/// convolution and then as find_fused_norm(), with a batch norm in training: where kernels can, the first hands the second its
/// moments (ops/conv_norm.hpp).
LinkedConv find_linked_conv(std::span<const std::shared_ptr<Module>> modules);

/// What observers call modules that run as one: "stages.0.1+2+3", "BatchNorm2d+ReLU+Dropout2d".
Label label_of(std::span<const std::shared_ptr<Module>> modules);

}  // namespace heddle::nn

// Convolution with the batch norm and activations behind it, for evaluation. Internal: Sequential finds such neighbours.
#pragma once

#include "heddle/ops/conv.hpp"
#include "heddle/ops/norm.hpp"

namespace heddle::detail {

/// batch_norm() with running statistics [k] (both defined), and a relu before or after it.
struct FrozenNorm {
  Tensor running_mean, running_var, weight, bias;
  double eps = 1e-5;
  bool relu_before = false, relu_after = false;
};

/// relu(batch_norm(relu(conv2d(x, weight, bias, options)))) as the norm says, without history: for use where no gradients are
/// recorded. Where the kernels can, outputs pass through the norm before they are stored. Operands and errors as of the two ops.
Tensor conv2d_frozen_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options,
                          const FrozenNorm& norm);

}  // namespace heddle::detail

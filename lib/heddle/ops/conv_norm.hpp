// Convolution with the batch norm and activations behind it. Internal: Sequential finds such neighbours.
//
// In evaluation the two are one op. In training, where kernels share work between them, they are two ops with a gradient
// each: the convolution applies the norm's ReLU and dropout as it stores, and leaves the moments of what it stored, so that the
// norm need not read it for them. What lies between the two is seen by nobody else.
#pragma once

#include "heddle/ops/conv.hpp"
#include "heddle/ops/norm.hpp"
#include "kernels/norm/norm.hpp"

namespace heddle::detail {

/// batch_norm() with running statistics [k] (both defined), and a relu before or after it.
struct FrozenNorm {
  Tensor running_mean, running_var, weight, bias;
  double eps = 1e-5;
  bool relu_before = false, relu_after = false;
};

/// relu(batch_norm(relu(conv2d(x, weight, bias, options)))) as the norm says, without history: for use where no gradients are
/// recorded. Where the kernels can, outputs pass through the norm before they are stored. Operands and errors as of the two
/// ops.
Tensor conv2d_frozen_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options,
                          const FrozenNorm& norm);

/// What a convolution hands to the norm.
struct ConvMoments {
  kernels::NormFusion fusion = {};
  Tensor moments = {};  ///< kernels::PartialMoments [c, parts]
  int parts = 0;        ///< 0: the kernels do not serve this, nothing was drawn, and conv2d_to_norm is conv2d()
};

/// dropout_before(relu_before(conv2d())) of the norm's neighbours, a dropout taking a ReLU, with the gradient still that of
/// conv2d() alone, since batch_norm_from_conv() sends back the gradient of what the ReLU took.
Tensor conv2d_to_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options,
                      const NormNeighbours& neighbours, ConvMoments& handed);

/// batch_norm() of that, in training; handed.parts > 0.
Tensor batch_norm_from_conv(const Tensor& z, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                            const Tensor& bias, const BatchNormOptions& options, const ConvMoments& handed);

}  // namespace heddle::detail

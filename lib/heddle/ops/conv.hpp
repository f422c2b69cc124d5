// Two-dimensional convolution.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"
#include "heddle/ops/pair.hpp"

HD_API_BEGIN
namespace heddle {

struct Conv2dOptions {
  Pair stride = 1, padding = 0, dilation = 1;
  int groups = 1;
};

/// Cross-correlation of x [n, c, h, w] with weight [k, c / groups, kh, kw], plus bias [k] where it is defined:
/// y [n, k, (h + 2 * padding - dilation * (kh - 1) - 1) / stride + 1, likewise in w], x counting as zero outside its
/// borders. float32 or float64. groups == c is the depthwise convolution, which has kernels of its own.
/// Error when the shapes do not fit, or the kernel is larger than the padded input.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Conv2dOptions& options = {});

}  // namespace heddle
HD_API_END

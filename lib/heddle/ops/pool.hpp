// Pooling of images: x [n, c, h, w], or one image [c, h, w].
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"
#include "heddle/ops/pair.hpp"

HD_API_BEGIN
namespace heddle {

struct MaxPool2dOptions {
  Pair stride = 0;  ///< 0: the kernel's size
  Pair padding = 0, dilation = 1;
  bool ceil_mode = false;  ///< round the output's size up, so that the last window may hang over the border
};

/// The largest element of each window; of equal ones the first gets the gradient, and a NaN is larger than numbers.
/// Error when padding exceeds half of the kernel, which has at most 256 elements.
Tensor max_pool2d(const Tensor& x, Pair kernel, const MaxPool2dOptions& options = {});

struct AvgPool2dOptions {
  Pair stride = 0;  ///< 0: the kernel's size
  Pair padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< padding counts as zeros, or not at all
};

Tensor avg_pool2d(const Tensor& x, Pair kernel, const AvgPool2dOptions& options = {});

/// Averages over windows that spread evenly: output (i, j) is the mean of rows floor(i * h / out_h) to
/// ceil((i + 1) * h / out_h), likewise of columns. Any output size of 1 or more.
Tensor adaptive_avg_pool2d(const Tensor& x, Pair output_size);

/// The mean of each plane: [n, c, 1, 1], like adaptive_avg_pool2d(x, 1).
Tensor global_avg_pool2d(const Tensor& x);

}  // namespace heddle
HD_API_END

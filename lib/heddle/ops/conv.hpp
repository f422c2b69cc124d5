// Two-dimensional convolution.
#pragma once

#include <string_view>

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
/// Error when the shapes do not fit, or the kernel is larger than the padded input. n may be 0.
///
/// By which algorithm 3 x 3 filters are computed is a matter of numbers, too: see set_conv_algorithm().
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Conv2dOptions& options = {});

/// How the CPU computes convolutions of float32 with 3 x 3 filters and stride 1, from now on, in the whole program; before the
/// first call, what HEDDLE_CONV in the environment says. "auto": by Winograd's algorithm, F(4x4, 3x3), where that pays, in about
/// a third of the time; "winograd": wherever it can be used; "direct": never. The gradients of a convolution are computed as
/// the convolution itself was.
///
/// Winograd's algorithm mixes the 6 x 6 inputs of each tile of 4 x 4 outputs. An infinity or NaN among them makes NaN of all 16,
/// where direct sums have it in the outputs that see it; and errors are relative to the largest of the inputs: one of 1000 among
/// N(0, 1) leaves errors of about 1e-3 in outputs that do not see it, against 5e-5 (docs/kernels/conv.md).
/// Error for another word.
void set_conv_algorithm(std::string_view algorithm);
/// "auto", "direct" or "winograd".
std::string_view get_conv_algorithm();

}  // namespace heddle
HD_API_END

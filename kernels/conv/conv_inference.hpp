// Convolution where nobody learns: weights that are prepared once and serve many calls (the blocks of a batch, say), and a
// batch norm with its activations that is applied to each output before it is stored, which saves reading and writing all of
// them once more.
#pragma once

#include <limits>

#include "kernels/conv/conv.hpp"

namespace heddle::kernels {

/// What becomes of z, the convolution with its bias: y = max((max(z, low_before) - mean[k]) * scale[k] + shift[k], low_after),
/// that is relu, batch norm with given statistics (scale = gamma / sqrt(variance + eps), shift = beta) and relu. A bound of
/// minus infinity is no relu. Where mean is null, y = z.
struct ConvEpilogue {
  const float* mean = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;
  float low_before = -std::numeric_limits<float>::infinity();
  float low_after = -std::numeric_limits<float>::infinity();
};

/// CPU, float. Shapes as in Conv2dKernels; what forward computes is, bit for bit, Conv2dKernels::forward, then the epilogue.
/// Workspaces as there. Sizes and contents of `prepared`, aligned to 64, depend on c, k and the filter's size alone.
struct ConvInferenceKernels {
  /// Whether these kernels are to be used for the shape; the others' arguments must be such shapes.
  bool (*serves)(const ConvShape&);
  std::size_t (*prepared_bytes)(const ConvShape&);
  void (*prepare)(Stream, const ConvShape&, const float* weight, void* prepared);
  std::size_t (*workspace)(const ConvShape&);
  /// bias may be null.
  void (*forward)(Stream, const ConvShape&, const float* x, const void* prepared, const float* bias, const ConvEpilogue&,
                  float* y, void* workspace);

  static const ConvInferenceKernels& cpu();
};

}  // namespace heddle::kernels

// Depthwise convolution: every channel has filters of its own (groups == c, k a multiple of c). A family apart because it
// is bound by memory, where a convolution over channels is bound by arithmetic.
#pragma once

#include "kernels/conv/conv.hpp"

namespace heddle::kernels {

/// The signatures of Conv2dKernels, for shapes with shape.depthwise(): weight [k, 1, kh, kw], and output channel o reads
/// input channel o / (k / c).
template <class T>
struct DepthwiseKernels {
  std::size_t (*workspace)(const ConvShape&, ConvPass);
  void (*forward)(Stream, const ConvShape&, const T* x, const Wide<T>* weight, const Wide<T>* bias, T* y, void* workspace);
  void (*grad_input)(Stream, const ConvShape&, const T* dy, const Wide<T>* weight, T* dx, void* workspace);
  void (*grad_weight)(Stream, const ConvShape&, const T* x, const T* dy, Wide<T>* dweight, Wide<T>* dbias, void* workspace);

  static const DepthwiseKernels& cpu(Variant = Variant::fast);
  static const DepthwiseKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels

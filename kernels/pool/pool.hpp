// Max, average and global average pooling over planes of images.
#pragma once

#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/precision.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// x [planes, h, w] with planes = N * C, y [planes, out_h, out_w]; out_h and out_w are the caller's, so that it can round
/// up (ceil_mode). A window's part outside of x counts as minus infinity (max) or as zeros (average).
struct PoolShape {
  std::int64_t planes = 1;
  int h = 1, w = 1, out_h = 1, out_w = 1;
  int kh = 2, kw = 2, stride_h = 2, stride_w = 2, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
  bool count_include_pad = true;  ///< average: divide by the window's size with its padding, or without
};

/// Gradients are gathered, each input element from the windows that cover it, in a fixed order and without atomics.
template <class T> struct PoolKernels {
  /// Writes y and, where arg is not null, the winner's place in its window, r * kw + s; kh * kw is at most 256. The first
  /// of equals wins; a NaN wins over numbers.
  void (*max)(Stream, const PoolShape&, const T* x, T* y, std::uint8_t* arg);
  void (*max_backward)(Stream, const PoolShape&, const T* dy, const std::uint8_t* arg, T* dx);
  void (*average)(Stream, const PoolShape&, const T* x, T* y);
  void (*average_backward)(Stream, const PoolShape&, const T* dy, T* dx);
  /// y[i] = mean of x[i, 0 .. inner): global average pooling (Lin, Chen and Yan, "Network in network", ICLR 2014).
  void (*global_average)(Stream, std::int64_t planes, std::int64_t inner, const T* x, T* y);
  void (*global_average_backward)(Stream, std::int64_t planes, std::int64_t inner, const T* dy, T* dx);

  static const PoolKernels& cpu(Variant = Variant::fast);
  static const PoolKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels

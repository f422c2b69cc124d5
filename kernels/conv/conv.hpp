// Two-dimensional convolution (as everywhere in this field, cross-correlation): the shape, and the table of kernels.
//
// y[n, k, p, q] = bias[k] + sum over c, r, s of x[n, g*C/G + c, p*stride_h - pad_h + r*dilation_h, ...] * w[k, c, r, s]
// with g the group of output channel k, and x zero outside its borders.
#pragma once

#include <cstddef>
#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/norm/norm.hpp"
#include "kernels/precision.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// One convolution: x [n, c, h, w], weight [k, c / groups, kh, kw], bias [k], y [n, k, out_h(), out_w()].
struct ConvShape {
  int n = 1, c = 1, h = 1, w = 1;
  int k = 1, kh = 1, kw = 1;
  int stride_h = 1, stride_w = 1;
  int pad_h = 0, pad_w = 0;
  int dilation_h = 1, dilation_w = 1;
  int groups = 1;
  Precision precision = Precision::float32;

  constexpr int out_h() const { return (h + 2 * pad_h - dilation_h * (kh - 1) - 1) / stride_h + 1; }
  constexpr int out_w() const { return (w + 2 * pad_w - dilation_w * (kw - 1) - 1) / stride_w + 1; }
  constexpr std::int64_t x_size() const { return std::int64_t{n} * c * h * w; }
  constexpr std::int64_t y_size() const { return std::int64_t{n} * k * out_h() * out_w(); }
  constexpr std::int64_t w_size() const { return std::int64_t{k} * (c / groups) * kh * kw; }
  constexpr bool depthwise() const { return groups == c && groups > 1 && k % c == 0; }
  friend bool operator==(const ConvShape&, const ConvShape&) = default;
};

enum class ConvPass { forward, grad_input, grad_weight };

/// On the CPU the fast variant computes 3 x 3 filters of stride 1 in float by Winograd's algorithm where that pays: about a
/// third of the time, errors two to six times as large (docs/kernels/conv.md). HEDDLE_CONV in the environment decides
/// otherwise: direct never uses it, winograd wherever it can be used, auto is the default.
///
/// Every output is overwritten, never added to. Workspace is at least workspace(shape, pass) bytes, aligned to 64, and
/// uninitialised; it may be null where that is 0.
template <class T>
struct Conv2dKernels {
  std::size_t (*workspace)(const ConvShape&, ConvPass);
  /// bias may be null.
  void (*forward)(Stream, const ConvShape&, const T* x, const Wide<T>* weight, const Wide<T>* bias, T* y, void* workspace);
  void (*grad_input)(Stream, const ConvShape&, const T* dy, const Wide<T>* weight, T* dx, void* workspace);
  /// dbias may be null.
  void (*grad_weight)(Stream, const ConvShape&, const T* x, const T* dy, Wide<T>* dweight, Wide<T>* dbias, void* workspace);

  // What neighbours may save: null in tables that do not have it.

  /// For a batch norm behind the convolution: forward, but y becomes the norm's z, `fusion`'s ReLU and dropout in front of it
  /// applied, and moments [k, moment_parts(shape, drops)] of z are left for BatchNormKernels::forward_from_moments. Not for
  /// what moment_parts is 0 of; `drops`: whether a dropout stands there.
  int (*moment_parts)(const ConvShape&, bool drops) = nullptr;
  void (*forward_to_norm)(Stream, const ConvShape&, const NormFusion& fusion, const T* x, const Wide<T>* weight,
                          const Wide<T>* bias, T* y, PartialMoments<Wide<T>>* moments, void* workspace) = nullptr;
  /// grad_input and grad_weight with fewer launches, and the same bits; the workspace is grad_weight's.
  void (*gradients)(Stream, const ConvShape&, const T* x, const T* dy, const Wide<T>* weight, T* dx, Wide<T>* dweight,
                    Wide<T>* dbias, void* workspace) = nullptr;

  static const Conv2dKernels& cpu(Variant = Variant::fast);
  static const Conv2dKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels

// Elements by number: gathering, scattering, and choosing by a mask.
#pragma once

#include <cstdint>

#include "heddle/base/dtype.hpp"
#include "heddle/base/stream.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// x [outer, size, inner] and y [outer, count, inner], dense; the number that belongs to y's element (o, i, k), in [0, size),
/// is index[o * stride_outer + i * stride + k * stride_inner]. Strides of 0 repeat numbers.
struct IndexShape {
  std::int64_t outer = 1, size = 1, count = 1, inner = 1;
  std::int64_t stride_outer = 0, stride = 1, stride_inner = 0;
};

/// A number outside of [0, size) is the caller's mistake, and touches nothing: gather gives all ones there (NaN, -1, 255), and
/// the scatters leave it out.
struct IndexKernels {
  /// y[o, i, k] = x[o, number, k], of any type.
  void (*gather)(Stream, DType, const IndexShape&, const void* x, const std::int64_t* index, void* y);
  /// x[o, number, k] = y[o, i, k], of any type; of several for one place the one with the largest i.
  void (*scatter)(Stream, DType, const IndexShape&, const std::int64_t* index, const void* y, void* x);
  /// x[o, number, k] += y[o, i, k], of float32, float64 or int64; several for one place are added one after the other in the
  /// order of i: the same bits on any number of threads.
  void (*scatter_add)(Stream, DType, const IndexShape&, const std::int64_t* index, const void* y, void* x);
  /// y = x where the mask is not 0, over shape.size: the mask has stride_a, x has stride_b, y is dense. Any type.
  void (*select)(Stream, DType, const ElementShape&, const std::uint8_t* mask, const void* x, void* y);
  /// y[i] = 1 where x[i] is not 0 (NaN is not), else 0. Any type.
  void (*nonzero)(Stream, DType, std::int64_t count, const void* x, std::uint8_t* y);

  static const IndexKernels& cpu();
  static const IndexKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels

// Filling, copying between layouts and between element types.
#pragma once

#include <cstdint>

#include "heddle/base/dtype.hpp"
#include "heddle/base/stream.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// Not a template: layouts and types are run-time matters here. Types are named by DType.
struct MemoryKernels {
  /// count elements of the type become `value`, converted to it.
  void (*fill)(Stream, DType, std::int64_t count, double value, void* y);
  /// y = x over shape.size, one element type; x has stride_a, y has stride_b, or is dense where stride_b is 0 throughout.
  void (*copy)(Stream, DType, const ElementShape& shape, const void* x, void* y);
  /// Dense conversion; floating to integer truncates towards zero. What lies outside the range of `to` becomes the nearest
  /// end of it, and NaN becomes 0; so does the value of fill.
  void (*cast)(Stream, DType from, DType to, std::int64_t count, const void* x, void* y);
  /// y[i] = start + i * step, converted.
  void (*arange)(Stream, DType, std::int64_t count, double start, double step, void* y);
  /// y[i] = x[index[i]] for rows of row_bytes bytes each; indices are checked by the caller.
  void (*gather_rows)(Stream, std::int64_t rows, std::int64_t row_bytes, const void* x, const std::int64_t* index, void* y);

  static const MemoryKernels& cpu();
  static const MemoryKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels

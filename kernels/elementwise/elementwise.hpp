// Elementwise arithmetic with broadcasting, and reductions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/precision.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

inline constexpr int max_dims = 8;

/// The index space of an elementwise kernel, dense in its output: sizes of the dimensions, outermost first, and for each
/// input the stride of each dimension in elements; a broadcast dimension has stride 0.
struct ElementShape {
  int dims = 0;
  std::int64_t size[max_dims] = {};
  std::int64_t stride_a[max_dims] = {};
  std::int64_t stride_b[max_dims] = {};

  constexpr std::int64_t count() const {
    std::int64_t n = 1;
    for (int d = 0; d < dims; ++d) n *= size[d];
    return n;
  }
};

enum class Binary { add, sub, mul, div, maximum, minimum, pow };
/// Comparisons give 1 or 0 in the type of their operands.
enum class Compare { eq, ne, lt, le, gt, ge };
enum class Unary { neg, exp, log, sqrt, rsqrt, abs, square, reciprocal, sign, sin, cos };
/// With a number on the right: x + s, x * s, x ^ s, max(x, s), min(x, s), s / x, s - x.
enum class Scalar { add, mul, pow, maximum, minimum, rdiv, rsub };

/// For BFloat16 there are binary and add_scaled; the others are null, and go by way of float.
template <class T>
struct ElementwiseKernels {
  void (*binary)(Stream, Binary, const ElementShape&, const T* a, const T* b, T* y);
  void (*compare)(Stream, Compare, const ElementShape&, const T* a, const T* b, T* y);
  /// x and y dense; y may be x.
  void (*unary)(Stream, Unary, std::int64_t count, const T* x, T* y);
  void (*scalar)(Stream, Scalar, std::int64_t count, const T* x, Wide<T> s, T* y);
  /// y[i] += s * x[i], dense: how gradients are accumulated.
  void (*add_scaled)(Stream, std::int64_t count, const T* x, Wide<T> s, T* y);

  static const ElementwiseKernels& cpu();
  static const ElementwiseKernels& cuda(Variant = Variant::fast);
};

/// x [outer, reduced, inner] to y [outer, inner].
struct ReduceShape {
  std::int64_t outer = 1, reduced = 1, inner = 1;
};
enum class Reduce { sum, mean, max, min };

/// Sums are taken in a fixed tree or block order that depends on the shape alone: the same bits on any number of threads.
/// Workspace as in Conv2dKernels.
template <class T>
struct ReduceKernels {
  std::size_t (*workspace)(const ReduceShape&);
  void (*reduce)(Stream, Reduce, const ReduceShape&, const T* x, T* y, void* workspace);
  /// Index of the first maximum along `reduced`.
  void (*argmax)(Stream, const ReduceShape&, const T* x, std::int64_t* y, void* workspace);

  static const ReduceKernels& cpu();
  static const ReduceKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels

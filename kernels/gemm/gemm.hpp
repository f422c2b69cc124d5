// Matrix products: C = op(A) op(B) (+ bias), row-major, batched.
#pragma once

#include <cstddef>
#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/precision.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// C [batch, m, n] = op(A) [batch, m, k] times op(B) [batch, k, n], all dense and row-major. With transpose_a, A is stored
/// [k, m]; with transpose_b, B is stored [n, k]. A batch stride of 0 shares one matrix among all products.
struct GemmShape {
  std::int64_t m = 1, n = 1, k = 1;
  bool transpose_a = false, transpose_b = false;
  std::int64_t batch = 1, batch_stride_a = 0, batch_stride_b = 0;
  Precision precision = Precision::float32;
};

template <class T>
struct GemmKernels {
  std::size_t (*workspace)(const GemmShape&);
  /// bias [n] is added to every row of C; it may be null. C is overwritten, whatever it held.
  void (*gemm)(Stream, const GemmShape&, const T* a, const T* b, const T* bias, T* c, void* workspace);

  static const GemmKernels& cpu(Variant = Variant::fast);
  static const GemmKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels

// How a copy walks its elements: any order copies the same, so the output's is taken.
#pragma once

#include <cstdint>

#include "kernels/elementwise/collapse.hpp"

namespace heddle::kernels {

/// The shape of MemoryKernels::copy collapsed, with the output's strides spelled out where it is dense, and the dimension that
/// the output walks fastest last.
HD_INLINE ElementShape in_output_order(ElementShape s) {
  bool dense = true;
  for (int d = 0; d < s.dims; ++d) dense = dense && s.stride_b[d] == 0;
  if (dense) {
    std::int64_t stride = 1;
    for (int d = s.dims - 1; d >= 0; stride *= s.size[d--]) s.stride_b[d] = stride;
    return collapse(s);
  }
  for (int d = 1; d < s.dims; ++d)
    for (int e = d; e > 0 && s.stride_b[e] > s.stride_b[e - 1]; --e) {
      for (std::int64_t* field : {s.size, s.stride_a, s.stride_b}) {
        const std::int64_t kept = field[e];
        field[e] = field[e - 1];
        field[e - 1] = kept;
      }
    }
  return collapse(s);
}

/// The dimension along which x is contiguous where that is not the last, along which y is: a transpose. -1 where there is none.
HD_INLINE int transposed_dimension(const ElementShape& s) {
  const int inner = s.dims - 1;
  if (s.stride_a[inner] != 1 && s.stride_b[inner] == 1)
    for (int d = 0; d < inner; ++d)
      if (s.stride_a[d] == 1) return d;
  return -1;
}

/// The shape without its last dimension and the one named.
HD_INLINE ElementShape without_last_and(const ElementShape& s, int dimension) {
  ElementShape outer;
  for (int d = 0; d < s.dims - 1; ++d)
    if (d != dimension) {
      outer.size[outer.dims] = s.size[d];
      outer.stride_a[outer.dims] = s.stride_a[d];
      outer.stride_b[outer.dims] = s.stride_b[d];
      ++outer.dims;
    }
  return outer;
}

}  // namespace heddle::kernels

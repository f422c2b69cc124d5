#include "heddle/core/layout.hpp"

namespace heddle::detail {

Shape expanded_strides(const Shape& shape, const Shape& strides, const Shape& target) {
  Shape result = target;
  const int shift = target.rank() - shape.rank();
  for (int d = 0; d < target.rank(); ++d) {
    const bool repeated = d < shift || (shape[d - shift] == 1 && target[d] != 1);
    result[d] = repeated ? 0 : strides[d - shift];
  }
  return result;
}

kernels::ElementShape element_shape(const Shape& shape, const Shape& strides_a, const Shape& strides_b) {
  kernels::ElementShape result;
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] == 1) continue;
    const int last = result.dims - 1;
    if (last >= 0 && result.stride_a[last] == strides_a[d] * shape[d] && result.stride_b[last] == strides_b[d] * shape[d]) {
      result.size[last] *= shape[d];
      result.stride_a[last] = strides_a[d];
      result.stride_b[last] = strides_b[d];
      continue;
    }
    result.size[result.dims] = shape[d];
    result.stride_a[result.dims] = strides_a[d];
    result.stride_b[result.dims] = strides_b[d];
    ++result.dims;
  }
  if (result.dims == 0) {
    result.dims = 1;
    result.size[0] = 1;
  }
  return result;
}

}  // namespace heddle::detail

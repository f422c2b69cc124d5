// Fewer, longer dimensions for the same index space: dimensions of one element go, neighbours that lie one behind the
// other in every array become one. Most shapes end as one dimension or as rows of equal length.
#pragma once

#include "heddle/base/inline.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle::kernels {

/// At least one dimension is left. The order of elements stays.
HD_INLINE ElementShape collapse(const ElementShape& shape) {
  ElementShape out;
  for (int d = 0; d < shape.dims; ++d) {
    if (shape.size[d] == 1) continue;
    const int last = out.dims - 1;
    if (last >= 0 && out.stride_a[last] == shape.size[d] * shape.stride_a[d] &&
        out.stride_b[last] == shape.size[d] * shape.stride_b[d]) {
      out.size[last] *= shape.size[d];
      out.stride_a[last] = shape.stride_a[d];
      out.stride_b[last] = shape.stride_b[d];
    } else {
      out.size[out.dims] = shape.size[d];
      out.stride_a[out.dims] = shape.stride_a[d];
      out.stride_b[out.dims] = shape.stride_b[d];
      ++out.dims;
    }
  }
  if (out.dims == 0) {
    out.dims = 1;
    out.size[0] = 1;
    out.stride_a[0] = out.stride_b[0] = 1;
  }
  return out;
}

/// Calls f(part, offset_a, offset_b, first) for parts of a shape, in order, whose every offset and element number is below
/// `limit`: kernels count in 32 bits. The part begins at these offsets of its inputs, and is elements `first` and on.
template <class F>
void each_part(const ElementShape& shape, std::int64_t limit, F&& f, std::int64_t offset_a = 0, std::int64_t offset_b = 0,
               std::int64_t first = 0) {
  const std::int64_t count = shape.count();
  std::int64_t reach_a = 1, reach_b = 1;
  int outermost = shape.dims;
  for (int d = shape.dims - 1; d >= 0; --d) {
    reach_a += (shape.size[d] - 1) * shape.stride_a[d];
    reach_b += (shape.size[d] - 1) * shape.stride_b[d];
    if (shape.size[d] > 1) outermost = d;
  }
  if (count == 0) return;
  if ((count <= limit && reach_a <= limit && reach_b <= limit) || outermost == shape.dims) {
    f(shape, offset_a, offset_b, first);
    return;
  }
  ElementShape half = shape;
  const std::int64_t size = shape.size[outermost], low = size / 2;
  half.size[outermost] = low;
  each_part(half, limit, f, offset_a, offset_b, first);
  half.size[outermost] = size - low;
  each_part(half, limit, f, offset_a + low * shape.stride_a[outermost], offset_b + low * shape.stride_b[outermost],
            first + count / size * low);
}

/// Where element i of a shape lies in its inputs, and the way to the next row: position in each outer dimension, offsets.
struct RowWalk {
  std::int64_t index[max_dims] = {};
  std::int64_t column = 0, offset_a = 0, offset_b = 0;  ///< column within the innermost dimension; offsets of column 0

  HD_INLINE RowWalk(const ElementShape& shape, std::int64_t i) {
    const int inner = shape.dims - 1;
    column = i % shape.size[inner];
    std::int64_t rest = i / shape.size[inner];
    for (int d = inner - 1; d >= 0; --d) {
      index[d] = rest % shape.size[d];
      rest /= shape.size[d];
      offset_a += index[d] * shape.stride_a[d];
      offset_b += index[d] * shape.stride_b[d];
    }
  }
  HD_INLINE void next_row(const ElementShape& shape) {
    column = 0;
    for (int d = shape.dims - 2; d >= 0; --d) {
      offset_a += shape.stride_a[d];
      offset_b += shape.stride_b[d];
      if (++index[d] < shape.size[d]) return;
      offset_a -= shape.size[d] * shape.stride_a[d];
      offset_b -= shape.size[d] * shape.stride_b[d];
      index[d] = 0;
    }
  }
};

}  // namespace heddle::kernels

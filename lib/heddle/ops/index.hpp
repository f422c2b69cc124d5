// Elements by number along a dimension. Numbers are int64, in [0, size); those on the CPU are checked, those on a GPU are not
// read back: there gathering with a number out of range gives NaN (-1, 255), and what would be added there is left out.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// x[..., index[i], ...]: the slices of a dimension that a vector (or scalar) `index` names, in its order.
Tensor index_select(const Tensor& x, int dim, const Tensor& index);
/// y[i, j, k] = x[index[i, j, k], j, k] for dim 0, and so on: y has the index's shape, which has x's rank and is no larger than
/// x but along dim.
Tensor gather(const Tensor& x, int dim, const Tensor& index);
/// gather() with index and x broadcast against each other but along dim, as argmax and argsort give them; without a dim, of all
/// elements in row-major order.
Tensor take_along_dim(const Tensor& x, const Tensor& index, int dim);
Tensor take_along_dim(const Tensor& x, const Tensor& index);
/// x with src[i, j, k] added at [index[i, j, k], j, k], for dim 0, and so on: one after the other in the order of src along
/// dim, the same bits on any number of threads. index has x's rank, and is no larger than src, nor than x but along dim. x and
/// src are of one type; float32, float64, bfloat16 or int64.
Tensor scatter_add(const Tensor& x, int dim, const Tensor& index, const Tensor& src);
/// x with the slices src[..., i, ...] added at [..., index[i], ...], in order.
Tensor index_add(const Tensor& x, int dim, const Tensor& index, const Tensor& src);

}  // namespace heddle
HD_API_END

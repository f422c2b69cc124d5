// Sums, means, extremes and spreads over some dimensions, or all. float32 or float64.
//
// Dimensions are listed as {1} or {0, 2, 3}, negative ones counted from the end; no list means all of them, and gives a
// scalar. With keepdim they stay, as sizes of 1.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

Tensor sum(const Tensor& x, const Shape& dims = {}, bool keepdim = false);
Tensor mean(const Tensor& x, const Shape& dims = {}, bool keepdim = false);
/// Sum of squared distances from the mean, divided by the number of elements less `correction`: 1 estimates the variance
/// of what x is a sample of, 0 gives that of x. Error unless there are more elements than `correction`, where PyTorch has NaN.
Tensor var(const Tensor& x, const Shape& dims = {}, int correction = 1, bool keepdim = false);
/// Square root of var().
Tensor std(const Tensor& x, const Shape& dims = {}, int correction = 1, bool keepdim = false);
/// Square root of the sum of squares; its gradient at 0 is 0.
Tensor norm(const Tensor& x, const Shape& dims = {}, bool keepdim = false);

/// The largest (smallest) element, NaN where any is; equal ones share the gradient evenly. Error where there is none.
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);

/// Values, which carry gradients, and where they stand along the dimension (int64).
struct ValuesAndIndices {
  Tensor values, indices;
};
/// Along one dimension, the first of equal elements, which gets the gradient, or the first NaN. Error for a dimension of size
/// 0 (others may be 0).
ValuesAndIndices max(const Tensor& x, int dim, bool keepdim = false);
ValuesAndIndices min(const Tensor& x, int dim, bool keepdim = false);

/// Where the largest element stands along a dimension (int64), the first of equal ones.
Tensor argmax(const Tensor& x, int dim, bool keepdim = false);
/// Where it stands among all elements in row-major order, a scalar.
Tensor argmax(const Tensor& x);

/// Sums over the dimensions that broadcasting from `shape` to x's shape has stretched: the gradient of expand().
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace heddle
HD_API_END

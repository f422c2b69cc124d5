// Sums, means, extremes and spreads over some dimensions, or all. float32 or float64.
//
// Dimensions are listed as 1, {1} or {0, 2, 3}, negative ones counted from the end; no list means all of them, and gives a
// scalar. With keepdim they stay, as sizes of 1.
#pragma once

#include <cstdint>
#include <type_traits>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

Tensor sum(const Tensor& x, const Dims& dims = {}, bool keepdim = false);
Tensor mean(const Tensor& x, const Dims& dims = {}, bool keepdim = false);
/// Sum of squared distances from the mean, divided by the number of elements less `correction`: 1 estimates the variance
/// of what x is a sample of, 0 gives that of x. Error unless there are more elements than `correction`, where PyTorch has NaN.
Tensor var(const Tensor& x, const Dims& dims = {}, int correction = 1, bool keepdim = false);
/// Square root of var().
Tensor std(const Tensor& x, const Dims& dims = {}, int correction = 1, bool keepdim = false);
/// The product along one dimension, or of all elements. Of none it is 1.
Tensor prod(const Tensor& x, int dim, bool keepdim = false);
Tensor prod(const Tensor& x);
/// log(sum(exp(x))), without overflow; of nothing -inf.
Tensor logsumexp(const Tensor& x, const Dims& dims, bool keepdim = false);
/// Square root of the sum of squares; its gradient at 0 is 0.
Tensor norm(const Tensor& x, const Shape& dims = {}, bool keepdim = false);
/// The sum of |x| to the power of ord, to the power of 1 / ord: 1, 2, any other; infinity and -infinity: the largest and smallest
/// |x|, which share the gradient where several are; 0: how many are not 0. Its gradient at 0 is 0.
Tensor vector_norm(const Tensor& x, double ord = 2, const Dims& dims = {}, bool keepdim = false);
/// vector_norm() under its older name: norm(x, 1), norm(x, 3, {0, 1}).
template <class P>
  requires std::is_arithmetic_v<P>
Tensor norm(const Tensor& x, P p, const Dims& dims = {}, bool keepdim = false) {
  return vector_norm(x, static_cast<double>(p), dims, keepdim);
}

/// The largest (smallest) element, NaN where any is; equal ones share the gradient evenly. Error where there is none.
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);

/// The same over some dimensions; no list means all.
Tensor amax(const Tensor& x, const Dims& dims = {}, bool keepdim = false);
Tensor amin(const Tensor& x, const Dims& dims = {}, bool keepdim = false);

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
/// The same of the smallest.
Tensor argmin(const Tensor& x, int dim, bool keepdim = false);
Tensor argmin(const Tensor& x);

/// Sums over the dimensions that broadcasting from `shape` to x's shape has stretched: the gradient of expand().
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace heddle
HD_API_END

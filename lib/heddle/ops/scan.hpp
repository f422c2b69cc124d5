// Running sums.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// The sum of each element and those before it along a dimension; float32, float64, bfloat16 or int64. Floating point is added
/// up in float64, in an order that the shape alone gives.
Tensor cumsum(const Tensor& x, int dim);

}  // namespace heddle
HD_API_END

// Matrix products.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// The matrix product as torch.matmul has it, by the ranks of a and b:
/// - [k] and [k]: their inner product, a scalar;
/// - [m, k] and [k, n]: [m, n];
/// - a vector beside a matrix (or a batch) counts as a matrix of one row (left) or column (right), which disappears from
///   the result;
/// - [..., m, k] and [..., k, n]: one product for each of the leading indices, which broadcast: [..., m, n].
/// float32 or float64, both the same. Error when the inner sizes differ.
Tensor matmul(const Tensor& a, const Tensor& b);

}  // namespace heddle
HD_API_END

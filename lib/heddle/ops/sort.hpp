// Elements in order along a dimension. Equal ones stay in theirs, NaN counts as greater than all numbers (PyTorch's
// stable=True).
#pragma once

#include <cstdint>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"
#include "heddle/ops/reduce.hpp"

HD_API_BEGIN
namespace heddle {

/// Values in order, which carry gradients, and where they stood (int64). Any type.
ValuesAndIndices sort(const Tensor& x, int dim = -1, bool descending = false);
/// Where they stood.
Tensor argsort(const Tensor& x, int dim = -1, bool descending = false);
/// The k largest (or smallest) elements, in order, largest (smallest) first, whatever `sorted` says. Error where there are
/// fewer.
ValuesAndIndices topk(const Tensor& x, std::int64_t k, int dim = -1, bool largest = true, bool sorted = true);

}  // namespace heddle
HD_API_END

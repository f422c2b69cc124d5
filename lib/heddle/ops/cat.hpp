// Joining tensors. Views of one (reshape, permute, slice, expand, ...) are members of Tensor.
#pragma once

#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// Joins along a dimension that exists; all others agree. One type, one device, at least one tensor.
Tensor cat(const std::vector<Tensor>& tensors, int dim = 0);
/// Joins along a new dimension; all shapes agree.
Tensor stack(const std::vector<Tensor>& tensors, int dim = 0);

}  // namespace heddle
HD_API_END

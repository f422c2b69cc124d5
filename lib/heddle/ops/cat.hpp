// Joining tensors. Views of one (reshape, permute, slice, expand, ...) are members of Tensor.
#pragma once

#include <vector>

#include "heddle/core/tensor.hpp"

namespace heddle {

/// Joins along a dimension that exists; all others agree. One type, one device, at least one tensor.
Tensor cat(const std::vector<Tensor>& tensors, int dim = 0);
/// Joins along a new dimension; all shapes agree.
Tensor stack(const std::vector<Tensor>& tensors, int dim = 0);

}  // namespace heddle

// From tensors' strides to the index spaces of elementwise kernels. Internal.
#pragma once

#include "heddle/core/shape.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle::detail {

/// Strides to read a tensor of `shape` and `strides` as if it had been expanded to `target` (0 where it is repeated).
Shape expanded_strides(const Shape& shape, const Shape& strides, const Shape& target);

/// A kernel's index space over `shape` with two operands; neighbouring dimensions that are walked alike are merged.
kernels::ElementShape element_shape(const Shape& shape, const Shape& strides_a, const Shape& strides_b);

}  // namespace heddle::detail

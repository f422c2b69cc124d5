// Masks as kernels read them. Internal.
#pragma once

#include <string_view>

#include "heddle/core/tensor.hpp"

namespace heddle::detail {

/// The mask as uint8, any number but 0 for true, of the shape and layout it has: itself, or a dense one of 1 and 0.
Tensor mask_of(const Tensor& mask, std::string_view where);

/// y's elements become x's where the mask (mask_of) is true. y is dense and new; mask and x broadcast to its shape. Not
/// recorded.
void take_where(const Tensor& mask, const Tensor& x, const Tensor& y);

/// A new tensor with x's elements where the mask is true (or `where_true` is false: where it is false), and 0 elsewhere. x is
/// dense, and the mask broadcasts to its shape. Not recorded.
Tensor kept_where(const Tensor& mask, const Tensor& x, bool where_true);

/// Numbers of rows, columns, ... as an op takes them, dense. On the CPU: Error unless all lie in [0, size), or, where `wraps`,
/// in
/// [-size, size). Those on a GPU are not read back: that would stop a step. Negative ones are counted from the end.
Tensor checked_index(std::string_view where, const Tensor& index, std::int64_t size, bool wraps = false);

}  // namespace heddle::detail

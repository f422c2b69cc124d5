// Choosing by masks, and what is made of it. A mask is a tensor of any type, such as comparisons and isnan() give: elements
// other than 0 are true.
#pragma once

#include <cstdint>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// a where the condition is true, b elsewhere; the shapes broadcast. a and b are of one type, any. The gradient of an element
/// goes to the one that was taken.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, double b);
Tensor where(const Tensor& condition, double a, const Tensor& b);
/// Places of true elements, [count, dim], int64, in row-major order: waits for the device.
Tensor nonzero(const Tensor& mask);

/// x with `value` where the mask is true; the shapes broadcast.
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value);
/// With the only element of `value`, a scalar of x's type.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value);
/// The elements of x where the mask is true, one behind the other; the shapes broadcast. Waits for the device.
Tensor masked_select(const Tensor& x, const Tensor& mask);

/// 1 or 0 in the type of x, as comparisons give; no gradient. Whole numbers are finite.
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);

/// Of the last two dimensions, the elements on and below (above) a diagonal, zeros elsewhere; diagonal 0 is the main one,
/// positive ones lie above it.
Tensor tril(const Tensor& x, std::int64_t diagonal = 0);
Tensor triu(const Tensor& x, std::int64_t diagonal = 0);

/// labels [...] of int64 to [..., num_classes] of int64: 1 at each label's place, else 0. -1: one more than the largest label,
/// which waits for the device. Error for negative labels, and for those of num_classes or more (on the CPU; on a GPU their rows
/// are zeros).
Tensor one_hot(const Tensor& labels, std::int64_t num_classes = -1);

}  // namespace heddle
HD_API_END

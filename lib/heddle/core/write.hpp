// Writes in place: the one gate that each of them passes before anything is launched. Internal.
//
// What autograd holds of a tensor is either left alone or known to have changed. With gradients enabled a write is refused to
// a leaf that requires grad, to a tensor that an op recorded, and to views of either, which are recorded too: the gradient of
// the write itself is not recorded. Without gradients, and on detach(), it is allowed and counted in the storage's version,
// by which autograd::Saved notices that what backward needs was overwritten.
#pragma once

#include <string_view>

#include "heddle/core/tensor.hpp"

namespace heddle::detail {

/// To be called by `op` before it writes to the target. Error when autograd forbids it, or when elements of the target share
/// memory (expand()), so that what they hold in the end would be a matter of order.
void begin_write(const Tensor& target, std::string_view op);
/// The same for a write that is itself recorded for differentiation (ops/in_place.cpp), whatever autograd holds of the target:
/// the check of its layout, and the count of its version.
void begin_recorded_write(const Tensor& target, std::string_view op);

/// Whether two elements of such a layout may lie in one place. Exact for what views of dense tensors look like.
bool overlaps_itself(const Shape& shape, const Shape& strides);

/// The target's elements become the source's, of any type, device and layout, also where the two share memory: as if the source
/// had been cloned first. For what the gate has let pass, and for memory that nothing else knows yet.
void copy_values(const Tensor& source, const Tensor& target);

}  // namespace heddle::detail

// Tensors that look like parameters: those that were drawn at random, and those that were asked to require a gradient. What
// looks for parameters that a module forgot to name (nn/audit.hpp) asks here. Internal.
#pragma once

#include <memory>

#include "heddle/core/tensor_impl.hpp"

namespace heddle::detail {

/// From now on noted() knows the tensor. Without memory for that it does not, which is all that is lost.
void note(const std::shared_ptr<TensorImpl>& impl) noexcept;
/// The tensor at an address, if it was noted and lives; else null. The address may be anything.
std::shared_ptr<TensorImpl> noted(const void* address);

}  // namespace heddle::detail

// Counting in place, on the device the counter lives on.
#pragma once

#include "heddle/core/tensor.hpp"

namespace heddle {

/// Adds 1 to every element of an int64 tensor, without gradient and without waiting for the device.
void increment_(Tensor& counter);

}  // namespace heddle

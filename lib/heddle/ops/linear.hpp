// The affine map of a fully connected layer.
#pragma once

#include "heddle/core/tensor.hpp"

namespace heddle {

/// x [..., in] times the transpose of weight [out, in], plus bias [out] where it is defined: [..., out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace heddle

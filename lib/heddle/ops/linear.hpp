// The affine map of a fully connected layer.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// x [..., in] times the transpose of weight [out, in], plus bias [out] where it is defined: [..., out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace heddle
HD_API_END

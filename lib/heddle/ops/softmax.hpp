// Softmax and its logarithm along one dimension.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// exp(x) / sum(exp(x)), computed so that no exponential overflows.
Tensor softmax(const Tensor& x, int dim);
Tensor log_softmax(const Tensor& x, int dim);

}  // namespace heddle
HD_API_END

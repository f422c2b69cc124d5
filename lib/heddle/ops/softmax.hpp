// Softmax and its logarithm along one dimension.
#pragma once

#include "heddle/core/tensor.hpp"

namespace heddle {

/// exp(x) / sum(exp(x)), computed so that no exponential overflows.
Tensor softmax(const Tensor& x, int dim);
Tensor log_softmax(const Tensor& x, int dim);

}  // namespace heddle

// The check of a convolution's operands, and the algorithm that is asked for. Internal.
#pragma once

#include "heddle/ops/conv.hpp"
#include "kernels/conv/conv.hpp"
#include "kernels/conv/conv_asked.hpp"

namespace heddle::detail {

/// The kernels' shape for conv2d()'s operands. Error where they do not fit together, or no int holds a padded image.
kernels::ConvShape conv_shape(const Tensor& x, const Tensor& weight, const Conv2dOptions& options);

/// What set_conv_algorithm() asks for at present: an op puts it into a scope for all that it calls, its gradient too.
kernels::ConvChoice conv_algorithm_asked();

}  // namespace heddle::detail

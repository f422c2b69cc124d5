// Activation functions, and dropout. float32 or float64, any shape.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// max(x, 0); its gradient at 0 is 0.
Tensor relu(const Tensor& x);
/// x where positive, else negative_slope * x; the slope is not negative.
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);
/// The exact function or its approximation by tanh (Hendrycks and Gimpel, "Gaussian error linear units", 2016).
enum class GeluApproximation { none, tanh };
/// x * Phi(x), with Phi the normal distribution.
Tensor gelu(const Tensor& x, GeluApproximation approximate = GeluApproximation::none);
/// x * sigmoid(x).
Tensor silu(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor tanh(const Tensor& x);

/// In training each element becomes 0 with probability p and is multiplied by 1 / (1 - p) otherwise, by random numbers of
/// default_generator(); else x itself. Error unless p lies in [0, 1].
/// Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.
Tensor dropout(const Tensor& x, double p = 0.5, bool training = true);
/// The same for whole planes of x [n, c, h, w] (or [n, c, ...]).
/// Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
Tensor dropout2d(const Tensor& x, double p = 0.5, bool training = true);

}  // namespace heddle
HD_API_END

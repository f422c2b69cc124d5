// The activations in float64 by the standard library's functions, their derivatives by central differences of these.
#pragma once

#include <cmath>

#include "kernels/activation/activation.hpp"

namespace heddle::test {

inline double activation_reference(kernels::Activation a, double x, double slope) {
  using kernels::Activation;
  switch (a) {
    case Activation::relu: return std::fmax(x, 0.0);
    case Activation::leaky_relu: return x >= 0 ? x : slope * x;
    case Activation::gelu: return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case Activation::gelu_tanh: {  // 1 + tanh cancels for negative x
      const long double u = std::sqrt(2 / std::acos(-1.0L)) * (x + 0.044715L * x * x * x);
      return static_cast<double>(0.5L * x * (1 + std::tanh(u)));
    }
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    default: return std::tanh(x);
  }
}

/// At x, which is not 0 (where relu has a corner); good to about 1e-9.
inline double derivative_reference(kernels::Activation a, double x, double slope) {
  const double h = std::fmin(1e-4, std::fabs(x) / 4);
  const auto f = [&](double v) { return activation_reference(a, v, slope); };
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}

/// From y, of those activations whose gradient is computed from it: what a y that was rounded when it was stored gives.
inline double derivative_from_output(kernels::Activation a, double y, double slope) {
  using kernels::Activation;
  if (a == Activation::sigmoid) return y * (1 - y);
  if (a == Activation::tanh) return 1 - y * y;
  return y > 0 ? 1 : a == Activation::relu ? 0 : slope;
}

}  // namespace heddle::test

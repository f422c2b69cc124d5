// Activations element by element, and dropout.
#pragma once

#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/norm/norm.hpp"
#include "kernels/precision.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// gelu is the exact one, x * Phi(x); gelu_tanh its usual approximation (Hendrycks and Gimpel, 2016). silu: x * sigmoid(x).
enum class Activation { relu, leaky_relu, gelu, gelu_tanh, silu, sigmoid, tanh };

/// Which of x and y the gradient of an activation is computed from.
constexpr bool backward_reads_output(Activation a) {
  return a == Activation::relu || a == Activation::leaky_relu || a == Activation::sigmoid || a == Activation::tanh;
}

template <class T>
struct ActivationKernels {
  /// y[i] = f(x[i]); slope is leaky_relu's for negative x (not negative itself). y may be x.
  void (*forward)(Stream, Activation, std::int64_t count, const T* x, Wide<T> slope, T* y);
  /// dx[i] = f'(x[i]) * dy[i]; saved is y where backward_reads_output(a), else x. relu's gradient at 0 is 0. dx may be dy.
  void (*backward)(Stream, Activation, std::int64_t count, const T* saved, const T* dy, Wide<T> slope, T* dx);
  /// y = dropout(x), x [planes, inner]; its own gradient. With drop.planes one number decides for a whole plane.
  void (*dropout)(Stream, std::int64_t planes, std::int64_t inner, const Dropout& drop, const T* x, T* y);

  static const ActivationKernels& cpu();
  static const ActivationKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels

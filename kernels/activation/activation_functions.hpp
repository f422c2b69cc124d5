// The activations and their derivatives as plain arithmetic, so that loops over them vectorise. `saved` is what
// backward_reads_output() names: x or y.
#pragma once

#include <cmath>
#include <type_traits>

#include "kernels/activation/activation.hpp"
#include "kernels/simt/qualifiers.hpp"
#include "kernels/vector_math.hpp"

namespace heddle::kernels {

template <Activation a> using ActivationConstant = std::integral_constant<Activation, a>;

/// On the host: calls f(ActivationConstant<a>) for the activation named.
template <class F> HD_FORCE_INLINE void visit(Activation a, F&& f) {
  switch (a) {
    case Activation::relu: return f(ActivationConstant<Activation::relu>{});
    case Activation::leaky_relu: return f(ActivationConstant<Activation::leaky_relu>{});
    case Activation::gelu: return f(ActivationConstant<Activation::gelu>{});
    case Activation::gelu_tanh: return f(ActivationConstant<Activation::gelu_tanh>{});
    case Activation::silu: return f(ActivationConstant<Activation::silu>{});
    case Activation::sigmoid: return f(ActivationConstant<Activation::sigmoid>{});
    case Activation::tanh: return f(ActivationConstant<Activation::tanh>{});
  }
}

template <class T> HD_INLINE T sigmoid(T x) { return 1 / (1 + vector_exp(-x)); }

/// Relative error below 3 units in the last place: near 0 by the series of sinh and cosh, elsewhere by e^(-2|x|).
template <class T> HD_INLINE T vector_tanh(T x) {
  constexpr int terms = std::is_same_v<T, float> ? 4 : 8;
  const T size = x < 0 ? -x : x, x2 = x * x;
  T sine = 1, cosine = 1;
#pragma GCC unroll 8
  for (int k = terms; k >= 1; --k) {
    sine = 1 + sine * x2 * (T(1) / T(2 * k * (2 * k + 1)));
    cosine = 1 + cosine * x2 * (T(1) / T((2 * k - 1) * 2 * k));
  }
  const T near = x * sine / cosine;
  const T e = vector_exp(-2 * size), far = (1 - e) / (1 + e);
  return size < T(0.6) ? near : x < 0 ? -far : far;
}

/// Phi(x), the normal distribution's share below x, and its density. In float erfc(u) = exp(-u^2) t g(t), t = 1 / (1 + u / 2), with g a
/// polynomial fitted by least squares at Chebyshev's points; relative error below 4e-7, in the tail too.
HD_INLINE float normal_share(float x, float& density) {
  const float size = x < 0 ? -x : x;
  const float e = vector_exp(-0.5f * x * x);
  const float t = 1 / (1 + 0.353553391f * size);
  float g = -0.0601549409f;
  g = g * t + 0.289665937f;
  g = g * t - 0.497271866f;
  g = g * t + 0.289005101f;
  g = g * t - 0.0337246135f;
  g = g * t + 0.205492795f;
  g = g * t + 0.242447361f;
  g = g * t + 0.282458037f;
  g = g * t + 0.28208214f;
  const float tail = 0.5f * e * t * g;
  density = 0.398942280f * e;
  return x < 0 ? tail : 1 - tail;
}
HD_INLINE double normal_share(double x, double& density) {
  density = 0.39894228040143267794 * std::exp(-0.5 * x * x);
  return 0.5 * std::erfc(-0.70710678118654752440 * x);
}

/// x * sigmoid(2 u) is the usual x / 2 * (1 + tanh(u)), u = sqrt(2 / pi) * (x + 0.044715 x^3).
template <class T> struct GeluTanh {
  static constexpr T a = T(1.59576912160573071176), b = T(0.044715);  // a = 2 sqrt(2 / pi)
};

template <Activation f, class T> HD_INLINE T activate(T x, T slope) {
  if constexpr (f == Activation::relu) return x < 0 ? T(0) : x;
  if constexpr (f == Activation::leaky_relu) return x > 0 ? x : slope * x;
  if constexpr (f == Activation::sigmoid) return sigmoid(x);
  if constexpr (f == Activation::tanh) return vector_tanh(x);
  if constexpr (f == Activation::silu) return x * sigmoid(x);
  if constexpr (f == Activation::gelu_tanh) return x * sigmoid(GeluTanh<T>::a * x * (1 + GeluTanh<T>::b * x * x));
  if constexpr (f == Activation::gelu) {
    T density;
    return x * normal_share(x, density);
  }
}

template <Activation f, class T> HD_INLINE T derivative(T saved, T slope) {
  if constexpr (f == Activation::relu) return saved > 0 ? T(1) : T(0);
  if constexpr (f == Activation::leaky_relu) return saved > 0 ? T(1) : slope;
  if constexpr (f == Activation::sigmoid) return saved * (1 - saved);
  if constexpr (f == Activation::tanh) return 1 - saved * saved;
  if constexpr (f == Activation::silu) {
    const T s = sigmoid(saved);
    return s * (1 + saved * (1 - s));
  }
  if constexpr (f == Activation::gelu_tanh) {
    constexpr T a = GeluTanh<T>::a, b = GeluTanh<T>::b;
    const T x2 = saved * saved, s = sigmoid(a * saved * (1 + b * x2));
    return s + saved * s * (1 - s) * a * (1 + 3 * b * x2);
  }
  if constexpr (f == Activation::gelu) {
    T density;
    const T share = normal_share(saved, density);
    return share + saved * density;
  }
}

/// dx of dy. A unit that relu has cut off has no gradient, whatever comes back to it (0 times infinity would be NaN); a NaN is
/// not cut off.
template <Activation f, class T> HD_INLINE T gradient(T saved, T dy, T slope) {
  if constexpr (f == Activation::relu) return saved <= 0 ? T(0) : dy;
  return dy * derivative<f>(saved, slope);
}

}  // namespace heddle::kernels

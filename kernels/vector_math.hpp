// exp, log, sine and cosine for CPU kernels, as plain arithmetic without branches or calls: loops over them vectorise on
// every instruction set. Subnormal results and arguments count as zero, as everywhere in parallel work
// (heddle/base/parallel.hpp).
//
// Each reduces its argument to a small interval and sums the Taylor series there, as many terms as the type can tell apart.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "heddle/base/inline.hpp"

namespace heddle::kernels {

template <class T>
struct FloatBits;
template <>
struct FloatBits<float> {
  using Int = std::int32_t;
  using Unsigned = std::uint32_t;
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float round = 0x1.8p23f;  // adding and subtracting it rounds to an integer
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  static constexpr float exp_low = -104.0f, exp_high = 89.0f;
  static constexpr int exp_terms = 7, atanh_terms = 4, sin_terms = 5;
};
template <>
struct FloatBits<double> {
  using Int = std::int64_t;
  using Unsigned = std::uint64_t;
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double round = 0x1.8p52;
  static constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr double exp_low = -750.0, exp_high = 710.0;
  static constexpr int exp_terms = 13, atanh_terms = 10, sin_terms = 8;
};

/// e^x; NaN stays NaN. Relative error below 2 units in the last place.
template <class T>
HD_INLINE T vector_exp(T x) {
  using B = FloatBits<T>;
  using Int = typename B::Int;
  x = x < B::exp_low ? B::exp_low : x;
  x = x > B::exp_high ? B::exp_high : x;
  const T shifted = x * T(1.44269504088896340736) + B::round;
  const T n = shifted - B::round;
  const T r = (x - n * B::ln2_high) - n * B::ln2_low;  // |r| <= ln(2) / 2
  T sum = 1;
#pragma GCC unroll 16
  for (int k = B::exp_terms; k >= 1; --k) sum = 1 + sum * r * (T(1) / T(k));
  // 2^n in two factors: n alone may lie outside the exponents that the type has.
  const Int whole = std::bit_cast<Int>(shifted) - std::bit_cast<Int>(B::round);
  const Int half = whole >> 1;
  const T scale0 = std::bit_cast<T>((half + B::bias) << B::mantissa);
  const T scale1 = std::bit_cast<T>((whole - half + B::bias) << B::mantissa);
  return sum * scale0 * scale1;
}

/// The natural logarithm: log(0) = -infinity, NaN below 0.
template <class T>
HD_INLINE T vector_log(T x) {
  using B = FloatBits<T>;
  using Int = typename B::Int;
  using Limits = std::numeric_limits<T>;
  // x = 2^e m with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172.
  constexpr Int root_half = std::is_same_v<T, float> ? Int{0x3f3504f3} : static_cast<Int>(0x3fe6a09e667f3bcd);
  constexpr Int mask = (Int{1} << B::mantissa) - 1;
  const Int bits = static_cast<Int>(std::bit_cast<typename B::Unsigned>(x) - typename B::Unsigned(root_half));
  const T m = std::bit_cast<T>((bits & mask) + root_half);
  // The exponent as a number, by the same rounding trick as above: small integers live in the mantissa's low bits.
  const T e = std::bit_cast<T>((bits >> B::mantissa) + std::bit_cast<Int>(B::round)) - B::round;
  const T s = (m - 1) / (m + 1), s2 = s * s;
  T sum = T(1) / T(2 * B::atanh_terms + 1);
#pragma GCC unroll 16
  for (int k = B::atanh_terms - 1; k >= 1; --k) sum = T(1) / T(2 * k + 1) + sum * s2;
  T y = e * B::ln2_high + (2 * s + (2 * s * s2 * sum + e * B::ln2_low));
  y = x < Limits::infinity() ? y : x;  // infinity and NaN stay what they are
  y = x < Limits::min() ? -Limits::infinity() : y;
  return x < 0 ? Limits::quiet_NaN() : y;
}

/// Sine and cosine of a whole turn times u, for u in [0, 1].
template <class T>
HD_INLINE void vector_sincos_turn(T u, T& sine, T& cosine) {
  using B = FloatBits<T>;
  using Int = typename B::Int;
  const T shifted = u * 4 + B::round;
  const T quarter = shifted - B::round;
  const T x = (u * 4 - quarter) * T(1.57079632679489661923), x2 = x * x;  // |x| <= pi / 4
  T s = 1, c = 1;
#pragma GCC unroll 16
  for (int k = B::sin_terms; k >= 1; --k) {
    s = 1 - s * x2 * (T(1) / T(2 * k * (2 * k + 1)));
    c = 1 - c * x2 * (T(1) / T((2 * k - 1) * 2 * k));
  }
  s *= x;
  const Int q = std::bit_cast<Int>(shifted) - std::bit_cast<Int>(B::round);
  const T a = (q & 1) ? c : s, b = (q & 1) ? s : c;
  sine = (q & 2) ? -a : a;
  cosine = ((q + 1) & 2) ? -b : b;
}

}  // namespace heddle::kernels

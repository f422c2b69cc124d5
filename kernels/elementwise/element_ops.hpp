// What each elementwise operation computes for one element, written once for every backend.
//
// Integers wrap around where they overflow; division truncates towards zero and x / 0 is 0; a power with a negative
// exponent is 0 unless the base is 1 or -1. Operations that are not integer ones (exp, sqrt, ...) are taken in double and
// truncated. maximum and minimum give NaN where either operand is NaN.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "heddle/base/inline.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle::kernels {

/// Conversion between element types, without undefined cases: towards zero, the nearest end of the range where the value
/// lies outside, 0 for NaN.
template <class To, class From>
HD_INLINE To convert(From x) {
  if constexpr (std::is_same_v<From, BFloat16>) {
    return convert<To>(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return BFloat16(static_cast<float>(x));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    constexpr From low = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From high = static_cast<From>(std::numeric_limits<To>::max());  // 2^63 for int64: the next number up
    return x >= high  ? std::numeric_limits<To>::max()
           : x <= low ? std::numeric_limits<To>::min()
           : x == x   ? static_cast<To>(x)
                      : To{0};
  } else if constexpr (std::is_same_v<To, std::uint8_t> && std::is_same_v<From, std::int64_t>) {
    return static_cast<To>(x < 0 ? 0 : x > 255 ? 255 : x);
  } else {
    return static_cast<To>(x);
  }
}

HD_INLINE std::int64_t integer_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
  std::uint64_t result = 1, square = static_cast<std::uint64_t>(base);
  for (; exponent; exponent >>= 1, square *= square)
    if (exponent & 1) result *= square;
  return static_cast<std::int64_t>(result);
}

template <Binary op, class T>
HD_INLINE T apply(T a, T b) {
  if constexpr (op == Binary::maximum) return a > b || a != a ? a : b;
  if constexpr (op == Binary::minimum) return a < b || a != a ? a : b;
  if constexpr (std::is_integral_v<T>) {
    const auto ua = static_cast<std::uint64_t>(a), ub = static_cast<std::uint64_t>(b);
    if constexpr (op == Binary::add) return static_cast<T>(ua + ub);
    if constexpr (op == Binary::sub) return static_cast<T>(ua - ub);
    if constexpr (op == Binary::mul) return static_cast<T>(ua * ub);
    if constexpr (op == Binary::div) return b == 0 ? 0 : b == -1 ? static_cast<T>(0 - ua) : a / b;
    if constexpr (op == Binary::pow) return integer_power(a, b);
  } else {
    if constexpr (op == Binary::add) return a + b;
    if constexpr (op == Binary::sub) return a - b;
    if constexpr (op == Binary::mul) return a * b;
    if constexpr (op == Binary::div) return a / b;
    if constexpr (op == Binary::pow) return std::pow(a, b);
  }
}

template <Compare op, class T>
HD_INLINE T apply(T a, T b) {
  const bool holds = op == Compare::eq   ? a == b
                     : op == Compare::ne ? a != b
                     : op == Compare::lt ? a < b
                     : op == Compare::le ? a <= b
                     : op == Compare::gt ? a > b
                                         : a >= b;
  return holds ? T{1} : T{0};
}

/// exp and log are left to each backend: see vector_math.hpp for the CPU's.
template <Unary op, class T>
HD_INLINE T apply(T x) {
  static_assert(op != Unary::exp && op != Unary::log);
  if constexpr (std::is_integral_v<T>) {
    const auto u = static_cast<std::uint64_t>(x);
    if constexpr (op == Unary::neg) return static_cast<T>(0 - u);
    if constexpr (op == Unary::abs) return x < 0 ? static_cast<T>(0 - u) : x;
    if constexpr (op == Unary::square) return static_cast<T>(u * u);
    if constexpr (op == Unary::reciprocal) return x == 1 || x == -1 ? x : 0;
    if constexpr (op == Unary::sign) return (x > 0) - (x < 0);
    if constexpr (op == Unary::sqrt || op == Unary::rsqrt || op == Unary::sin || op == Unary::cos)
      return convert<T>(apply<op>(static_cast<double>(x)));
  } else {
    if constexpr (op == Unary::neg) return -x;
    if constexpr (op == Unary::abs) return std::fabs(x);
    if constexpr (op == Unary::square) return x * x;
    if constexpr (op == Unary::reciprocal) return 1 / x;
    if constexpr (op == Unary::sign) return x > 0 ? T{1} : x < 0 ? T{-1} : x;
    if constexpr (op == Unary::sqrt) return std::sqrt(x);
    if constexpr (op == Unary::rsqrt) return 1 / std::sqrt(x);
    if constexpr (op == Unary::sin) return std::sin(x);
    if constexpr (op == Unary::cos) return std::cos(x);
  }
}

/// x with a number s.
template <Scalar op, class T>
HD_INLINE T apply(T x, T s) {
  if constexpr (op == Scalar::add) return apply<Binary::add>(x, s);
  if constexpr (op == Scalar::mul) return apply<Binary::mul>(x, s);
  if constexpr (op == Scalar::pow) return apply<Binary::pow>(x, s);
  if constexpr (op == Scalar::maximum) return apply<Binary::maximum>(x, s);
  if constexpr (op == Scalar::minimum) return apply<Binary::minimum>(x, s);
  if constexpr (op == Scalar::rdiv) return apply<Binary::div>(s, x);
  if constexpr (op == Scalar::rsub) return apply<Binary::sub>(s, x);
}

}  // namespace heddle::kernels

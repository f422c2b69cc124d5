// What reductions are made of, for every backend: the type of a running result, where it starts, and how two become one.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "heddle/base/inline.hpp"

namespace heddle::kernels {

/// Totals are doubles for floating point and wrapping 64-bit integers for int64; short runs may be added in the elements'
/// type before.
struct SumOp {
  static constexpr bool rounds = true;
  template <class T>
  using Total = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
  template <class T>
  static constexpr Total<T> start = 0;
  template <class V>
  static HD_INLINE V combine(V a, V b) {
    return a + b;
  }
};

/// The greatest (or least), and NaN where any is NaN. V is a number, or a vector of GCC's.
template <bool greatest>
struct ExtremeOp {
  static constexpr bool rounds = false;
  template <class T>
  using Total = T;
  template <class T>
  static constexpr T limit = greatest ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
  template <class T>
  static constexpr T start = !std::numeric_limits<T>::has_infinity ? limit<T>
                             : greatest                            ? -std::numeric_limits<T>::infinity()
                                                                   : std::numeric_limits<T>::infinity();
  template <class V>
  static HD_INLINE V combine(V a, V b) {
    return ((greatest ? b > a : b < a) | (b != b)) ? b : a;
  }
};

/// A sum's total as the result: the sum itself, or the mean over `count`.
template <class T>
HD_INLINE T finish_sum(double total, bool mean, std::int64_t count) {
  return static_cast<T>(mean ? total / static_cast<double>(count) : total);
}
template <class T>
HD_INLINE T finish_sum(std::uint64_t total, bool mean, std::int64_t count) {
  return !mean ? static_cast<T>(total) : count ? static_cast<T>(total) / count : 0;
}

}  // namespace heddle::kernels

// Arithmetic of sizes: products and sums of 64-bit numbers that are an Error where they would wrap around, so that no absurd
// size reaches an allocation or a kernel as a small one. Internal: public headers leak no dependency.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "heddle/base/check.hpp"

namespace heddle {

/// a * b; Error "[where] ..." with both numbers where that is no 64-bit number.
inline std::int64_t checked_mul(std::int64_t a, std::int64_t b, std::string_view where) {
  std::int64_t result = 0;
  check(!__builtin_mul_overflow(a, b, &result), where, "expected sizes whose product stays below 2^63, got {} x {}", a, b);
  return result;
}

/// a + b; Error "[where] ..." with both numbers where that is no 64-bit number.
inline std::int64_t checked_add(std::int64_t a, std::int64_t b, std::string_view where) {
  std::int64_t result = 0;
  check(!__builtin_add_overflow(a, b, &result), where, "expected sizes whose sum stays below 2^63, got {} + {}", a, b);
  return result;
}

/// ceil(a / b) for a >= 0 and b > 0, whatever their sizes.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a / b + (a % b != 0);
}

/// A 64-bit number where an int is kept; `what` names it in the Error.
inline int checked_int(std::int64_t value, std::string_view where, std::string_view what) {
  check(value >= 0 && value <= std::numeric_limits<int>::max(), where, "expected {} from 0 to 2^31 - 1, got {}", what, value);
  return static_cast<int>(value);
}

}  // namespace heddle

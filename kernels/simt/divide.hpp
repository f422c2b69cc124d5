// Division by a number that all threads of a launch share: the host prepares it, a thread multiplies and shifts where a GPU's
// own 32-bit division takes some twenty instructions. Granlund and Montgomery, "Division by invariant integers using
// multiplication", PLDI 1994.
#pragma once

#include <cstdint>

#include "kernels/simt/simt.hpp"

namespace heddle::simt {

struct Divider {
  std::uint32_t divisor = 1, multiplier = 1, shift = 0;

  Divider() = default;
  /// divisor in [1, 2^31].
  explicit Divider(std::int64_t by) : divisor(static_cast<std::uint32_t>(by)) {
    while ((std::uint64_t{1} << shift) < divisor) ++shift;
    multiplier = static_cast<std::uint32_t>((((std::uint64_t{1} << shift) - divisor) << 32) / divisor + 1);
  }

  /// n / divisor, for n below 2^31.
  HD_DEVICE std::uint32_t quotient(std::uint32_t n) const { return (__umulhi(n, multiplier) + n) >> shift; }
  /// Takes the quotient off n, which becomes the remainder.
  HD_DEVICE std::uint32_t split(std::uint32_t& n) const {
    const std::uint32_t q = quotient(n);
    n -= q * divisor;
    return q;
  }
};

}  // namespace heddle::simt

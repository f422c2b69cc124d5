// bfloat16 as a type of our own: plain C++ that host, GPU and emulator share, bit for bit.
#pragma once

#include <cstdint>

#include "heddle/base/export.hpp"
#include "heddle/base/inline.hpp"

HD_API_BEGIN
namespace heddle {

/// The upper half of a float32: eight bits of exponent, seven of mantissa. Rounds to nearest, ties to even. It is stored, not
/// calculated with: arithmetic is done in float.
struct BFloat16 {
  std::uint16_t bits;

  BFloat16() = default;
  HD_INLINE constexpr explicit BFloat16(float x) : bits(round(x)) {}
  HD_INLINE constexpr explicit operator float() const { return __builtin_bit_cast(float, std::uint32_t{bits} << 16); }
  HD_INLINE static constexpr BFloat16 of_bits(std::uint16_t b) {
    BFloat16 y(0.0f);
    y.bits = b;
    return y;
  }

 private:
  HD_INLINE static constexpr std::uint16_t round(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    std::uint16_t rounded;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded) : "f"(x));
    return rounded;
#else
    const auto u = __builtin_bit_cast(std::uint32_t, x);
    if ((u & 0x7FFFFFFFu) > 0x7F800000u) return 0x7FFF;  // the one NaN that the GPU's conversion gives
    return static_cast<std::uint16_t>((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
#endif
  }
};
static_assert(sizeof(BFloat16) == 2);

}  // namespace heddle
HD_API_END

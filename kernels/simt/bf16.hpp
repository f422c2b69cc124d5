// bfloat16 as a type of our own, and the rounding of float32 to tf32: plain C++ that host, GPU and emulator share, bit for
// bit. NVIDIA's header of the same purpose exists for nvcc alone.
#pragma once

#include <cstdint>

#include "kernels/simt/qualifiers.hpp"

namespace heddle::simt {

HD_HOST_DEVICE constexpr std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
HD_HOST_DEVICE constexpr float float_of(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

/// The upper half of a float32: eight bits of exponent, seven of mantissa. Rounds to nearest, ties to even.
struct bf16 {
  std::uint16_t bits;

  bf16() = default;
  HD_HOST_DEVICE constexpr explicit bf16(float x) : bits(round(x)) {}
  HD_HOST_DEVICE constexpr explicit operator float() const { return float_of(std::uint32_t{bits} << 16); }
  HD_HOST_DEVICE static constexpr bf16 of_bits(std::uint16_t b) {
    bf16 y(0.0f);
    y.bits = b;
    return y;
  }

 private:
  HD_HOST_DEVICE static constexpr std::uint16_t round(float x) {
    const std::uint32_t u = bits_of(x);
    if ((u & 0x7FFFFFFFu) > 0x7F800000u) return 0x7FFF;  // the one NaN that the GPU's conversion gives
    return static_cast<std::uint16_t>((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
  }
};
static_assert(sizeof(bf16) == 2);

/// Two numbers as the register that mma and ldmatrix work with: `low` in bits 0 to 15.
HD_HOST_DEVICE inline std::uint32_t pack_bf16(float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  std::uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
#else
  return std::uint32_t{bf16(low).bits} | std::uint32_t{bf16(high).bits} << 16;
#endif
}
HD_HOST_DEVICE constexpr float low_bf16(std::uint32_t packed) { return float_of(packed << 16); }
HD_HOST_DEVICE constexpr float high_bf16(std::uint32_t packed) { return float_of(packed & 0xFFFF0000u); }

/// A float32 rounded to tf32's ten bits of mantissa, ties away from zero, as the bits that mma takes.
HD_HOST_DEVICE inline std::uint32_t to_tf32(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  std::uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(x));
  return rounded;
#else
  const std::uint32_t u = bits_of(x);
  if ((u & 0x7F800000u) == 0x7F800000u) return u;  // infinity and NaN
  return (u + 0x1000u) & 0xFFFFE000u;
#endif
}

}  // namespace heddle::simt

// What tensor cores take: pairs of bfloat16 in a register, and float32 rounded to tf32. Plain C++ that host, GPU and emulator
// share, bit for bit; NVIDIA's header of the same purpose exists for nvcc alone.
#pragma once

#include <cstdint>

#include "heddle/base/bfloat16.hpp"
#include "kernels/simt/qualifiers.hpp"

namespace heddle::simt {

HD_HOST_DEVICE constexpr std::uint32_t bits_of(float x) {
  return __builtin_bit_cast(std::uint32_t, x);
}
HD_HOST_DEVICE constexpr float float_of(std::uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}

using bf16 = BFloat16;

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
HD_HOST_DEVICE constexpr float low_bf16(std::uint32_t packed) {
  return float_of(packed << 16);
}
HD_HOST_DEVICE constexpr float high_bf16(std::uint32_t packed) {
  return float_of(packed & 0xFFFF0000u);
}

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

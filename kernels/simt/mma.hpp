// Products of matrix fragments. mma_* is the tensor cores' instruction on sm_80 and later, one call of the emulator in
// tests, and elsewhere (sm_75 has neither tf32 nor bf16) the portable version below, made of shuffles.
//
// With g = lane / 4 and t = lane % 4, lane holds
//   m16n8k16 bf16  a: (g, 2t..) (g+8, 2t..) (g, 2t+8..) (g+8, 2t+8..)   b: (2t.., g) (2t+8.., g)   two elements each
//   m16n8k8  tf32  a: (g, t) (g+8, t) (g, t+4) (g+8, t+4)               b: (t, g) (t+4, g)
//   both           c, d: (g, 2t) (g, 2t+1) (g+8, 2t) (g+8, 2t+1)
// with a indexed (row, k), b (k, column), c and d (row, column): PTX ISA, "Matrix fragments for mma".
#pragma once

#include <cstdint>

namespace heddle::simt {

/// d = a b + c, [16, 8] = [16, 16] [16, 8] + [16, 8], by shuffles.
HD_DEVICE inline void mma_m16n8k16_bf16_portable(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                                                 const float (&c)[4]) {
  const int lane = static_cast<int>(threadIdx.x & 31), quad = lane & ~3, column = (lane & 3) * 2;
  float sum[4] = {c[0], c[1], c[2], c[3]};
  for (int half = 0; half < 2; ++half)
    for (int t = 0; t < 4; ++t) {
      const std::uint32_t top = __shfl_sync(0xFFFFFFFFu, a[2 * half], quad + t);
      const std::uint32_t bottom = __shfl_sync(0xFFFFFFFFu, a[2 * half + 1], quad + t);
      const std::uint32_t left = __shfl_sync(0xFFFFFFFFu, b[half], column * 4 + t);
      const std::uint32_t right = __shfl_sync(0xFFFFFFFFu, b[half], (column + 1) * 4 + t);
      sum[0] += low_bf16(top) * low_bf16(left) + high_bf16(top) * high_bf16(left);
      sum[1] += low_bf16(top) * low_bf16(right) + high_bf16(top) * high_bf16(right);
      sum[2] += low_bf16(bottom) * low_bf16(left) + high_bf16(bottom) * high_bf16(left);
      sum[3] += low_bf16(bottom) * low_bf16(right) + high_bf16(bottom) * high_bf16(right);
    }
  for (int i = 0; i < 4; ++i) d[i] = sum[i];
}

/// d = a b + c, [16, 8] = [16, 8] [8, 8] + [16, 8], by shuffles.
HD_DEVICE inline void mma_m16n8k8_tf32_portable(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                                                const float (&c)[4]) {
  const int lane = static_cast<int>(threadIdx.x & 31), quad = lane & ~3, column = (lane & 3) * 2;
  float sum[4] = {c[0], c[1], c[2], c[3]};
  for (int half = 0; half < 2; ++half)
    for (int t = 0; t < 4; ++t) {
      const float top = float_of(__shfl_sync(0xFFFFFFFFu, a[2 * half], quad + t) & 0xFFFFE000u);
      const float bottom = float_of(__shfl_sync(0xFFFFFFFFu, a[2 * half + 1], quad + t) & 0xFFFFE000u);
      const float left = float_of(__shfl_sync(0xFFFFFFFFu, b[half], column * 4 + t) & 0xFFFFE000u);
      const float right = float_of(__shfl_sync(0xFFFFFFFFu, b[half], (column + 1) * 4 + t) & 0xFFFFE000u);
      sum[0] += top * left;
      sum[1] += top * right;
      sum[2] += bottom * left;
      sum[3] += bottom * right;
    }
  for (int i = 0; i < 4; ++i) d[i] = sum[i];
}

#if defined(__CUDACC__)
__device__ __forceinline__ void mma_m16n8k16_bf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                                                  const float (&c)[4]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]));
#else
  mma_m16n8k16_bf16_portable(d, a, b, c);
#endif
}
__device__ __forceinline__ void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                                                 const float (&c)[4]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]));
#else
  mma_m16n8k8_tf32_portable(d, a, b, c);
#endif
}
#endif

}  // namespace heddle::simt

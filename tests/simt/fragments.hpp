// ldmatrix and mma: every lane reads its own row, where the sanitizers see it; the exchange between lanes is then on
// copies, and needs no memory of the kernel's.
#pragma once

#include <cstdint>

#include "tests/simt/builtins.hpp"
#include "tests/simt/kernel_context.hpp"

namespace heddle::simt {
namespace emulator {

struct MatrixRow {
  std::uint32_t word[4];
};
/// `parameter` is the number of matrices, negative for transposed ones; out[lane] takes that many words.
void exchange_rows(unsigned mask, int parameter, const void* const* in, void* const* out, const Site& site);

struct MmaInput {
  std::uint32_t a[4], b[2];
  float c[4];
};
void mma_bf16(unsigned mask, int parameter, const void* const* in, void* const* out, const Site& site);
void mma_tf32(unsigned mask, int parameter, const void* const* in, void* const* out, const Site& site);

template <int N> void load_matrices(const char* name, bool transposed, std::uint32_t (&r)[N], const void* row, const Site& site) {
  static_assert(N == 1 || N == 2 || N == 4);
  MatrixRow own{};
  const unsigned lane = (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32;
  if (lane < 8 * N) {
    if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) report(std::string(name) + ": row is not aligned to 16 bytes", site);
    const auto* const words = static_cast<const volatile std::uint32_t*>(row);
    for (int i = 0; i < 4; ++i) own.word[i] = words[i];
    if (!is_shared(row, 16)) report(std::string(name) + ": row is not in shared memory", site);
  }
  warp_call({name, 0xFFFFFFFFu, transposed ? -N : N, false, &own, r, exchange_rows}, site);
}

}  // namespace emulator

template <int N> void ldmatrix(std::uint32_t (&r)[N], const void* row, emulator::Site site = emulator::Site::current()) {
  emulator::load_matrices("ldmatrix", false, r, row, site);
}
template <int N> void ldmatrix_trans(std::uint32_t (&r)[N], const void* row, emulator::Site site = emulator::Site::current()) {
  emulator::load_matrices("ldmatrix_trans", true, r, row, site);
}

inline void mma_m16n8k16_bf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], const float (&c)[4],
                              emulator::Site site = emulator::Site::current()) {
  const emulator::MmaInput input{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}, {c[0], c[1], c[2], c[3]}};
  float result[4];
  emulator::warp_call({"mma_m16n8k16_bf16", 0xFFFFFFFFu, 0, false, &input, result, emulator::mma_bf16}, site);
  for (int i = 0; i < 4; ++i) d[i] = result[i];
}
inline void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], const float (&c)[4],
                             emulator::Site site = emulator::Site::current()) {
  const emulator::MmaInput input{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}, {c[0], c[1], c[2], c[3]}};
  float result[4];
  emulator::warp_call({"mma_m16n8k8_tf32", 0xFFFFFFFFu, 0, false, &input, result, emulator::mma_tf32}, site);
  for (int i = 0; i < 4; ++i) d[i] = result[i];
}

}  // namespace heddle::simt

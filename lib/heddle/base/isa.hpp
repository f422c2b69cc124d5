// One CPU kernel file, several instruction sets: which one this compilation is for, and which one this machine runs. Internal.
//
// CMake compiles every kernels/*/*_cpu.cpp once for each instruction set, with HEDDLE_ISA set to base, v3 or v4 (x86-64
// alone has the last two). A kernel file keeps everything in an unnamed namespace, so that no two compilations share a
// symbol that a linker could take from the wrong one, and ends with its table:
//
//     template <> const PoolKernels<float>& CpuTable<this_isa, PoolKernels<float>>::get(Variant) { ... }
//     #if HEDDLE_ISA_IS_BASE
//     template <> const PoolKernels<float>& PoolKernels<float>::cpu(Variant v) { return cpu_table<PoolKernels<float>>(v); }
//     #endif
#pragma once

#include <cstdint>

namespace heddle::kernels {

/// base: what every machine of the architecture has (SSE2 on x86-64, NEON on Arm); v3: x86-64-v3 (AVX2, FMA); v4:
/// x86-64-v4 (AVX-512 F, BW, CD, DQ, VL).
enum class Isa { base, v3, v4 };

/// What a processor says of itself, and the registers that its operating system keeps: of CPUID, ECX of leaf 1, EBX of leaf 7
/// and ECX of leaf 0x80000001; and XCR0, 0 where there is none.
struct CpuFeatures {
  std::uint32_t basic = 0, structured = 0, extended = 0;
  std::uint64_t states = 0;
};
CpuFeatures cpu_features();
/// The best instruction set that such a processor runs: one for which it has all that a compiler may use, since code for
/// x86-64-v3 holds LZCNT, MOVBE and F16C as well as AVX2.
Isa isa_of(const CpuFeatures&);

/// `isa`, or the next lower one whose kernels this build has: CMake's HEDDLE_ISAS may leave out v3 and v4.
constexpr Isa best_built(Isa isa) {
#if defined(HEDDLE_WITHOUT_V4)
  if (isa == Isa::v4) isa = Isa::v3;
#endif
#if defined(HEDDLE_WITHOUT_V3)
  if (isa == Isa::v3) isa = Isa::base;
#endif
  return isa;
}

/// The best instruction set that this machine runs, this build has and HEDDLE_ISA (base, v3 or v4 in the environment) allows.
/// Where that asks for more, a line on standard error says so, once. Error for another value.
Isa best_isa();
const char* name_of(Isa);

#if defined(HEDDLE_ISA)
inline constexpr Isa this_isa = Isa::HEDDLE_ISA;

/// Float lanes of this compilation's vectors.
inline constexpr int vector_bytes = this_isa == Isa::v4 ? 64 : this_isa == Isa::v3 ? 32 : 16;
#endif

enum class Variant : int;

/// The tables of one instruction set; each kernel file specialises get().
template <Isa isa, class Table> struct CpuTable {
  static const Table& get(Variant);
};

/// The table for best_isa().
template <class Table> const Table& cpu_table(Variant variant) {
#if defined(__x86_64__)
  [[maybe_unused]] const Isa isa = best_isa();
#if !defined(HEDDLE_WITHOUT_V4)
  if (isa == Isa::v4) return CpuTable<Isa::v4, Table>::get(variant);
#endif
#if !defined(HEDDLE_WITHOUT_V3)
  if (isa == Isa::v3) return CpuTable<Isa::v3, Table>::get(variant);
#endif
#endif
  return CpuTable<Isa::base, Table>::get(variant);
}

}  // namespace heddle::kernels

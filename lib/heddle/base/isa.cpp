#include "heddle/base/isa.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

#include "heddle/base/check.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace heddle::kernels {
namespace {

constexpr bool has(std::uint64_t word, std::initializer_list<int> bits) {
  for (int bit : bits)
    if ((word >> bit & 1) == 0) return false;
  return true;
}

Isa chosen_isa() {
  const Isa machine = best_built(isa_of(cpu_features()));
  const char* wanted = std::getenv("HEDDLE_ISA");
  if (!wanted || !*wanted) return machine;
  for (Isa isa : {Isa::base, Isa::v3, Isa::v4})
    if (std::string_view(wanted) == name_of(isa)) {
      const Isa chosen = best_built(std::min(isa, machine));
      if (chosen != isa)
        strings::print(stderr, "[HEDDLE_ISA] expected an instruction set of this build that this machine has, got {}: running {}\n", wanted,
                       name_of(chosen));
      return chosen;
    }
  fail("HEDDLE_ISA", strings::format("expected base, v3 or v4, got '{}'", wanted));
}

}  // namespace

CpuFeatures cpu_features() {
  CpuFeatures features;
#if defined(__x86_64__)
  unsigned a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d)) features.basic = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) features.structured = b;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d)) features.extended = c;
  if (has(features.basic, {27})) {  // OSXSAVE: XGETBV is there
    asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    features.states = std::uint64_t{d} << 32 | a;
  }
#endif
  return features;
}

// The bits are those of Intel's and AMD's manuals, the levels those of the x86-64 psABI.
Isa isa_of(const CpuFeatures& f) {
  const bool v2 = has(f.basic, {0, 9, 13, 19, 20, 23})  // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT
                  && has(f.extended, {0});              // LAHF
  const bool v3 = v2 && has(f.basic, {12, 22, 27, 28, 29})  // FMA, MOVBE, OSXSAVE, AVX, F16C
                  && has(f.structured, {3, 5, 8})           // BMI1, AVX2, BMI2
                  && has(f.extended, {5})                   // LZCNT
                  && has(f.states, {1, 2});                 // the registers of SSE and AVX
  const bool v4 = v3 && has(f.structured, {16, 17, 28, 30, 31})  // AVX-512 F, DQ, CD, BW, VL
                  && has(f.states, {5, 6, 7});                   // masks, the upper halves of ZMM, ZMM16 to 31
  return v4 ? Isa::v4 : v3 ? Isa::v3 : Isa::base;
}

Isa best_isa() {
  static const Isa isa = chosen_isa();
  return isa;
}

const char* name_of(Isa isa) { return isa == Isa::v4 ? "v4" : isa == Isa::v3 ? "v3" : "base"; }

}  // namespace heddle::kernels

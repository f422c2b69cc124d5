#include "heddle/base/isa.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "heddle/base/check.hpp"

namespace heddle::kernels {
namespace {

Isa machine_isa() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return v4 ? Isa::v4 : v3 ? Isa::v3 : Isa::base;
#else
  return Isa::base;
#endif
}

Isa chosen_isa() {
  const Isa machine = machine_isa();
  const char* wish = std::getenv("HEDDLE_ISA");
  if (!wish || !*wish) return machine;
  for (Isa isa : {Isa::base, Isa::v3, Isa::v4})
    if (std::string_view(wish) == name_of(isa)) return std::min(isa, machine);
  fail("HEDDLE_ISA", strings::format("expected base, v3 or v4, got '{}'", wish));
}

}  // namespace

Isa best_isa() {
  static const Isa isa = chosen_isa();
  return isa;
}

const char* name_of(Isa isa) { return isa == Isa::v4 ? "v4" : isa == Isa::v3 ? "v3" : "base"; }

}  // namespace heddle::kernels

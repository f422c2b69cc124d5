// HEDDLE_ISA limits the instruction set, and a wrong value is an error, not a silent default.
#include "heddle/base/isa.hpp"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "heddle/base/error.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

// The choice is made once in a process; so other choices need other processes, which run this hidden case.
TEST_CASE("prints the instruction set", "[.print_isa]") {
  try {
    const std::string isa = kernels::name_of(kernels::best_isa());  // which may print a line of its own
    std::cerr << "isa=" << isa << "\n";
  } catch (const Error& error) {
    std::cerr << error.what() << "\n";
  }
}

namespace {

std::string isa_with(const std::string& setting) {
  char self[4096];
  const auto length = ::readlink("/proc/self/exe", self, sizeof self - 1);
  REQUIRE(length > 0);
  self[length] = 0;
  ::setenv("HEDDLE_TEST_SELF", self, 1);
  std::FILE* pipe = ::popen((setting + " \"$HEDDLE_TEST_SELF\" '[.print_isa]' 2>&1").c_str(), "r");
  REQUIRE(pipe);
  std::string output;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe)) output += buffer;
  ::pclose(pipe);
  return output;
}

}  // namespace

TEST_CASE("HEDDLE_ISA limits the instruction set") {
  const std::string machine = isa_with("env -u HEDDLE_ISA");
  CHECK_THAT(machine, Catch::Matchers::ContainsSubstring("isa="));
  CHECK_THAT(isa_with("HEDDLE_ISA=base"), Catch::Matchers::ContainsSubstring("isa=base"));
  CHECK(isa_with("HEDDLE_ISA=") == machine);
  const bool has_v3 = machine.find("isa=base") == std::string::npos;
  const bool has_v4 = machine.find("isa=v4") != std::string::npos;
  CHECK((isa_with("HEDDLE_ISA=v3").find("this machine has, got v3: running base") != std::string::npos) == !has_v3);
  CHECK((isa_with("HEDDLE_ISA=v4").find("this machine has, got v4: running") != std::string::npos) == !has_v4);
  CHECK_THAT(isa_with("HEDDLE_ISA=v3"), Catch::Matchers::ContainsSubstring(has_v3 ? "isa=v3" : "isa=base"));
  CHECK_THAT(isa_with("HEDDLE_ISA=v4"), Catch::Matchers::ContainsSubstring(has_v4 ? "isa=v4" : has_v3 ? "isa=v3" : "isa=base"));
}

// A machine without LZCNT ran code that has it: it is there as another instruction, and gives other numbers.
TEST_CASE("an instruction set takes all that a compiler may use of it") {
  const kernels::CpuFeatures all{~0u, ~0u, ~0u, ~0ull};
  CHECK(kernels::isa_of(all) == kernels::Isa::v4);
  CHECK(kernels::isa_of({}) == kernels::Isa::base);
  const auto without = [&](auto member, int bit) {
    auto features = all;
    features.*member ^= features.*member & (std::uint64_t{1} << bit);
    return kernels::isa_of(features);
  };
  using kernels::CpuFeatures;
  for (int bit : {0, 9, 12, 13, 19, 20, 22, 23, 27, 28, 29}) CHECK(without(&CpuFeatures::basic, bit) == kernels::Isa::base);
  for (int bit : {3, 5, 8}) CHECK(without(&CpuFeatures::structured, bit) == kernels::Isa::base);
  for (int bit : {0, 5}) CHECK(without(&CpuFeatures::extended, bit) == kernels::Isa::base);
  for (int bit : {1, 2}) CHECK(without(&CpuFeatures::states, bit) == kernels::Isa::base);
  for (int bit : {16, 17, 28, 30, 31}) CHECK(without(&CpuFeatures::structured, bit) == kernels::Isa::v3);
  for (int bit : {5, 6, 7}) CHECK(without(&CpuFeatures::states, bit) == kernels::Isa::v3);
}

#if defined(__x86_64__)
TEST_CASE("what the processor says is what the compiler's own look finds") {
  __builtin_cpu_init();
  if (kernels::isa_of(kernels::cpu_features()) != kernels::Isa::base)
    CHECK((__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")));
  if (kernels::isa_of(kernels::cpu_features()) == kernels::Isa::v4) CHECK(__builtin_cpu_supports("avx512vl"));
}
#endif

TEST_CASE("another value of HEDDLE_ISA is an error") {
  CHECK_THAT(isa_with("HEDDLE_ISA=avx2"), Catch::Matchers::ContainsSubstring("[HEDDLE_ISA] expected base, v3 or v4, got 'avx2'"));
}

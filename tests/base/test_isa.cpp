// HEDDLE_ISA limits the instruction set, and a wrong value is an error, not a silent default.
#include "heddle/base/isa.hpp"

#include <unistd.h>

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
    std::cerr << "isa=" << kernels::name_of(kernels::best_isa()) << "\n";
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
  CHECK_THAT(isa_with("HEDDLE_ISA=v3"), Catch::Matchers::ContainsSubstring(has_v3 ? "isa=v3" : "isa=base"));
  CHECK_THAT(isa_with("HEDDLE_ISA=v4"), Catch::Matchers::ContainsSubstring(has_v4 ? "isa=v4" : has_v3 ? "isa=v3" : "isa=base"));
}

TEST_CASE("another value of HEDDLE_ISA is an error") {
  CHECK_THAT(isa_with("HEDDLE_ISA=avx2"), Catch::Matchers::ContainsSubstring("[HEDDLE_ISA] expected base, v3 or v4, got 'avx2'"));
}

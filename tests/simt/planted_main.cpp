// Runs one planted bug, or with "none" the correct kernels, and prints "clean" if nothing was noticed. A sanitizer's report
// ends the program before that; ctest looks for the report.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "tests/simt/planted.hpp"

int main(int argc, char** argv) {
  const char* const name = argc > 1 ? argv[1] : "none";
  const auto threads = static_cast<unsigned>(argc > 2 ? std::atoi(argv[2]) : 64);
  for (const auto& c : heddle::simt::planted::cases()) {
    if (std::strcmp(name, c.name.c_str()) != 0) continue;
    try {
      const bool right = heddle::simt::planted::run(c.bug, threads);
      std::puts(right ? "clean" : "wrong result");
      return right ? 0 : 1;
    } catch (const std::exception& e) {
      std::printf("error: %s\n", e.what());
      return 2;
    }
  }
  std::fprintf(stderr, "unknown bug %s\n", name);
  return 3;
}

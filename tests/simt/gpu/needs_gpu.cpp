// Ends a test program that needs a GPU where there is none, with the exit code that ctest takes for "skipped".
#include <cstdio>
#include <cstdlib>

#include "kernels/simt/runtime.hpp"

namespace {

[[maybe_unused]] const bool has_gpu = [] {
  if (heddle::simt::device_count() > 0) return true;
  std::printf("skipped: %s\n", heddle::simt::no_device_reason().c_str());
  std::fflush(stdout);
  std::_Exit(77);
}();

}  // namespace

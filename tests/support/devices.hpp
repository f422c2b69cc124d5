// The devices that a test program runs its tests on: the CPU, and in programs compiled with HEDDLE_TEST_CUDA also a GPU, real
// or emulated.
#pragma once

#include <vector>

#include "heddle/base/device.hpp"

namespace heddle::test {

inline std::vector<Device> test_devices() {
#if defined(HEDDLE_TEST_CUDA)
  return {cpu, cuda};
#else
  return {cpu};
#endif
}

}  // namespace heddle::test

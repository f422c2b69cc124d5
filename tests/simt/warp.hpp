// What the lanes of one warp do together.
#pragma once

#include <array>
#include <cstdint>

#include "tests/simt/kernel_context.hpp"

namespace heddle::simt::emulator {

/// Lanes of equal mask that wait for one another at one line. Lanes with another mask form another group.
struct WarpGroup {
  const char* name;
  unsigned mask, arrived;
  int parameter;
  Site site;
  unsigned first_lane;
  char* order;
};

struct Warp {
  unsigned present = 0, finished = 0;
  int groups = 0;
  std::array<WarpGroup, 32> group;
  std::array<const void*, 32> in{};
  std::array<void*, 32> out{};
  unsigned calls = 0;
  char order[64];  // addresses for TSan, taken in turn by groups
};

}  // namespace heddle::simt::emulator

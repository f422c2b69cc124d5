// Two numbers for the two dimensions of an image: kernel sizes, strides, paddings.
#pragma once

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// {height, width}; one number stands for both.
struct Pair {
  int h = 0, w = 0;

  constexpr Pair(int both = 0) : h(both), w(both) {}
  constexpr Pair(int height, int width) : h(height), w(width) {}
  friend constexpr bool operator==(const Pair&, const Pair&) = default;
};

}  // namespace heddle
HD_API_END

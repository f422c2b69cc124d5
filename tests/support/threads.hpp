// Results must not depend on the number of threads, to the bit.
#pragma once

#include <cstring>
#include <vector>

#include "heddle/base/parallel.hpp"
#include "tests/support/catch.hpp"

namespace heddle::test {

/// Calls run(), which gives a std::vector, with 1, 2 and 4 threads, and requires the same bytes each time.
template <class F>
auto same_on_any_threads(F&& run) {
  set_num_threads(1);
  const auto one = run();
  for (int threads : {2, 4}) {
    set_num_threads(threads);
    const auto more = run();
    INFO("threads: " << threads);
    REQUIRE(one.size() == more.size());
    REQUIRE(std::memcmp(one.data(), more.data(), one.size() * sizeof(one[0])) == 0);
  }
  set_num_threads(0);
  return one;
}

}  // namespace heddle::test

// Made-up numbers for tests: the same on every machine and in every run, and nothing to do with the library's own generator.
#pragma once

#include <cstdint>
#include <vector>

namespace heddle::test {

/// `count` numbers spread over [low, high), from a linear congruential generator (Knuth's MMIX constants).
template <class T>
std::vector<T> made_up(std::size_t count, double low = -1, double high = 1, std::uint64_t seed = 1) {
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ull + 12345;
  std::vector<T> values(count);
  for (auto& value : values) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    value = static_cast<T>(low + (high - low) * (static_cast<double>(state >> 11) * 0x1p-53));
  }
  return values;
}

}  // namespace heddle::test

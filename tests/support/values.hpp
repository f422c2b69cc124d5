// Made-up numbers for tests: the same on every machine and in every run, and nothing to do with the library's own generator.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "kernels/precision.hpp"

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

/// The same numbers as what kernels calculate with: what references are given of values stored as bf16.
template <class T>
std::vector<kernels::Wide<T>> wide(const std::vector<T>& values) {
  std::vector<kernels::Wide<T>> all;
  all.reserve(values.size());
  for (const T& value : values) all.push_back(static_cast<kernels::Wide<T>>(value));
  return all;
}

/// By how much, relative to its size, a result may differ for no other reason than that it is stored as T: half the distance
/// between neighbours for bf16. Nothing for other types, where a test's tolerance is for arithmetic and storage together.
template <class T>
inline constexpr double storage_error = std::is_same_v<T, BFloat16> ? 0x1p-8 : 0;

}  // namespace heddle::test

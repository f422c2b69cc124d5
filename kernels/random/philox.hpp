// Philox-4x32-10, the counter-based random number generator every random number of heddle comes from: a pure function of
// a key and a counter, so that any thread of any backend computes the number of any element without state.
// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <cstdint>

#include "heddle/base/inline.hpp"

namespace heddle::kernels {

/// What a stream of random numbers is for: streams of different purpose never overlap.
enum class Purpose : std::uint32_t { init = 1, dropout, shuffle, augment, sample, synthetic };

/// Names one stream of random numbers: element i of it is word i % 4 of the Philox block with counter
/// {i / 4, purpose << 24 | call, step's low word, step's high word} under the key `seed`.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;  ///< training step (or sample index), so that each has numbers of its own
  std::uint32_t call = 0;  ///< which use within the step, below 2^24
  Purpose purpose = Purpose::sample;
  const std::uint64_t* device_step = nullptr;  ///< where set, the step is read from here instead: a captured CUDA graph
                                               ///< replays with the step of the day
};

struct PhiloxBlock {
  std::uint32_t word[4];
};

HD_INLINE PhiloxBlock philox(std::uint64_t seed, std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3) {
  std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c0, p1 = std::uint64_t{0xCD9E8D57} * c2;
    const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(p1);
    c3 = static_cast<std::uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {{c0, c1, c2, c3}};
}

/// The four words of elements 4*block .. 4*block+3 of the key's stream.
HD_INLINE PhiloxBlock philox(const RandomKey& key, std::uint32_t block) {
  const std::uint64_t step = key.device_step ? *key.device_step : key.step;
  return philox(key.seed, block, static_cast<std::uint32_t>(key.purpose) << 24 | key.call, static_cast<std::uint32_t>(step),
                static_cast<std::uint32_t>(step >> 32));
}

/// A word as a number in [0, 1), one of 2^24, exact in float32.
HD_INLINE float uniform01(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

/// Whether dropout keeps the element that drew `word`, where an element is dropped with probability p.
HD_INLINE bool keeps(std::uint32_t word, float p) {
  return uniform01(word) >= p;
}

}  // namespace heddle::kernels

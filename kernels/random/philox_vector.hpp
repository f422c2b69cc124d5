// Philox for CPU kernels: many counters at once, the same words as philox() in philox.hpp.
//
// A counter's four words are kept in the low halves of 64-bit lanes, which is where the widening multiply reads them; what
// the halves above hold never matters, so that a round is two multiplies, two shifts and two three-way exclusive ors for as
// many counters as a vector has 64-bit lanes. Four vectors of counters go side by side, to hide the multiplier's latency.
#pragma once

#include <cstdint>

#include "kernels/random/philox.hpp"
#include "kernels/vector.hpp"

namespace heddle::kernels {
namespace {

using Words = Vec<std::uint32_t>;
using WideWords = Vec<std::uint64_t>;

/// The product of the low halves.
HD_INLINE WideWords multiply_low(WideWords a, WideWords b) {
#if defined(__AVX512F__)
  // Without the mask GCC 12 takes the intrinsic for a use of something uninitialised.
  return reinterpret_cast<WideWords>(_mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<WideWords>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
  return reinterpret_cast<WideWords>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

/// Calls emit(i, words) with vectors of the key's stream in order, words 4 * block + i and the following, until at least
/// 4 * blocks words have gone out; up to one batch (philox_batch words) more than that.
inline constexpr int philox_batch = 2 * lanes<std::uint32_t>;

struct VectorPhilox {
  std::uint64_t seed;
  std::uint64_t step;
  std::uint32_t call;

  explicit VectorPhilox(const RandomKey& key)
      : seed(key.seed),
        step(key.device_step ? *key.device_step : key.step),
        call(static_cast<std::uint32_t>(key.purpose) << 24 | key.call) {}

  template <class Emit> HD_INLINE void generate(std::uint32_t block, int blocks, Emit&& emit) const {
    constexpr int counters = lanes<std::uint64_t>;
    int done = 0;
    for (; done + 4 * counters <= blocks; done += 4 * counters) batches<4>(block + static_cast<std::uint32_t>(done), 4 * done, emit);
    for (; done < blocks; done += counters) batches<1>(block + static_cast<std::uint32_t>(done), 4 * done, emit);
  }

  template <int unroll, class Emit> HD_INLINE void batches(std::uint32_t block, int offset, Emit&& emit) const {
    constexpr std::uint64_t low = 0xffffffffu;
    constexpr int counters = lanes<std::uint64_t>;
    const WideWords multiplier0 = broadcast<std::uint64_t>(0xD2511F53), multiplier1 = broadcast<std::uint64_t>(0xCD9E8D57);
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    WideWords c0[unroll], c1[unroll], c2[unroll], c3[unroll];
    for (int u = 0; u < unroll; ++u) {
      c0[u] = iota<std::uint64_t>() + static_cast<std::uint64_t>(block) + static_cast<std::uint64_t>(u * counters);
      c1[u] = broadcast<std::uint64_t>(call);
      c2[u] = broadcast<std::uint64_t>(step & low);
      c3[u] = broadcast<std::uint64_t>(step >> 32);
    }
    for (int round = 0; round < 10; ++round) {
      for (int u = 0; u < unroll; ++u) {
        const WideWords p0 = multiply_low(c0[u], multiplier0), p1 = multiply_low(c2[u], multiplier1);
        c0[u] = (p1 >> 32) ^ c1[u] ^ broadcast<std::uint64_t>(k0);
        c2[u] = (p0 >> 32) ^ c3[u] ^ broadcast<std::uint64_t>(k1);
        c1[u] = p1;
        c3[u] = p0;
      }
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    for (int u = 0; u < unroll; ++u) {
      WideWords first, second;
      interleave<std::uint64_t>((c0[u] & low) | (c1[u] << 32), (c2[u] & low) | (c3[u] << 32), first, second);
      emit(offset + u * philox_batch, reinterpret_cast<Words>(first));
      emit(offset + u * philox_batch + philox_batch / 2, reinterpret_cast<Words>(second));
    }
  }
};

}  // namespace
}  // namespace heddle::kernels

// This machine's roofline, measured when first asked for: the rate of its multiply-adds and its copy bandwidth, on a number
// of threads. A kernel takes at least max(FLOPs / peak, bytes / bandwidth); that time over its own is its share of the
// roofline.
//
// Williams, Waterman, Patterson, "Roofline: an insightful visual performance model", Communications of the ACM 52, 2009.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <map>
#include <vector>

#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"

namespace heddle::bench {

namespace detail {

struct Vector16 {
  typedef float type __attribute__((vector_size(16)));
};
struct Vector32 {
  typedef float type __attribute__((vector_size(32)));
};
struct Vector64 {
  typedef float type __attribute__((vector_size(64)));
};

// 12 chains of multiply-adds, none of which waits for another: latency 4 at two a cycle needs 8. Each goes towards 1 from
// where the compiler does not know. They
// are no array, since that would live in memory: outside the functions for AVX these vectors are not registers.
template <class Vector>
inline __attribute__((always_inline)) float multiply_add_chains(std::int64_t rounds) {
  using V = typename Vector::type;
  const V half = V{} + 0.5f;
  V a = V{} + static_cast<float>(rounds), b = half + a, c = half + b, d = half + c, e = half + d, f = half + e;
  V g = half + f, h = half + g, i = half + h, j = half + i, k = half + j, l = half + k;
  for (std::int64_t round = 0; round < rounds; ++round) {
    a = a * half + half, b = b * half + half, c = c * half + half, d = d * half + half;
    e = e * half + half, f = f * half + half, g = g * half + half, h = h * half + half;
    i = i * half + half, j = j * half + half, k = k * half + half, l = l * half + half;
    asm volatile("" : : : "memory");  // calls are not left out
  }
  return (a + b + c + d + e + f + g + h + i + j + k + l)[0];
}

#if defined(__x86_64__)
__attribute__((target("avx512f"), noinline)) inline float chains_v4(std::int64_t rounds) {
  return multiply_add_chains<Vector64>(rounds);
}
__attribute__((target("avx2,fma"), noinline)) inline float chains_v3(std::int64_t rounds) {
  return multiply_add_chains<Vector32>(rounds);
}
#endif
__attribute__((noinline)) inline float chains_base(std::int64_t rounds) {
  return multiply_add_chains<Vector16>(rounds);
}

// This thread's processor time, which other programs on the machine do not prolong.
inline double processor_seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}
inline double passed_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The least of several runs: in processor time on one thread.
template <class F>
double best_seconds(int runs, int threads, F f) {
  const auto now = threads == 1 ? processor_seconds : passed_seconds;
  double best = 1e30;
  for (int run = 0; run < runs; ++run) {
    const double start = now();
    f();
    best = std::min(best, now() - start);
  }
  return best;
}

}  // namespace detail

/// Float FLOPs per second that multiply-adds reach on this many threads, with the vectors of the instruction set in use
/// (HEDDLE_ISA); where that has none, a multiplication and an addition.
inline double fma_peak(int threads) {
  static std::map<int, double> known;
  if (const auto at = known.find(threads); at != known.end()) return at->second;
  auto chains = detail::chains_base;
  double lanes = 4;
#if defined(__x86_64__)
  if (kernels::best_isa() == kernels::Isa::v4) chains = detail::chains_v4, lanes = 16;
  if (kernels::best_isa() == kernels::Isa::v3) chains = detail::chains_v3, lanes = 8;
#endif
  constexpr std::int64_t rounds = 400'000;
  set_num_threads(threads);
  const double seconds =
      detail::best_seconds(15, threads, [&] { parallel_chunks(threads, [&](std::int64_t, int) { chains(rounds); }); });
  set_num_threads(0);
  return known[threads] = 2.0 * 12 * lanes * static_cast<double>(rounds * threads) / seconds;
}

/// Bytes read and written per second by a copy of 128 MiB on this many threads: the best of several, in blocks that the
/// C library copies through the caches and in blocks that it streams past them.
inline double copy_bandwidth(int threads) {
  static std::map<int, double> known;
  if (const auto at = known.find(threads); at != known.end()) return at->second;
  constexpr std::int64_t size = std::int64_t{128} << 20;
  std::vector<char> from(size, 1), to(size, 2);
  set_num_threads(threads);
  double best = 0;
  for (std::int64_t block : {std::int64_t{64} << 10, std::int64_t{16} << 20})
    best = std::max(best, 2.0 * size / detail::best_seconds(15, threads, [&] {
                            parallel_for(size, block, [&](std::int64_t begin, std::int64_t end) {
                              std::memcpy(&to[begin], &from[begin], end - begin);
                            });
                          }));
  set_num_threads(0);
  return known[threads] = best;
}

/// The least seconds that this many threads need for so many float FLOPs and bytes of memory.
inline double roofline_seconds(double flops, double bytes, int threads) {
  return std::max(flops > 0 ? flops / fma_peak(threads) : 0, bytes > 0 ? bytes / copy_bandwidth(threads) : 0);
}

}  // namespace heddle::bench

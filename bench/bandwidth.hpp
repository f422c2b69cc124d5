// This machine's copy bandwidth, measured when first asked for: what kernels that are bound by memory are held against.
#pragma once

#include <chrono>
#include <cstring>
#include <map>
#include <vector>

#include "heddle/base/parallel.hpp"

namespace heddle::bench {

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
    for (int run = 0; run < 7; ++run) {
      const auto start = std::chrono::steady_clock::now();
      parallel_for(size, block, [&](std::int64_t begin, std::int64_t end) { std::memcpy(&to[begin], &from[begin], end - begin); });
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      best = std::max(best, 2.0 * size / seconds.count());
    }
  set_num_threads(0);
  return known[threads] = best;
}

}  // namespace heddle::bench

// What the benchmarks of the kernel families share: buffers that rotate, so that figures above the memory's bandwidth
// measure a cache only where that is meant, checks that come before the clock starts, and rates.
#pragma once

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "bench/roofline.hpp"
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"

namespace heddle::bench {

/// Numbers in [-1, 1), the same in every run.
template <class T>
std::vector<T> made_up(std::int64_t count, double low = -1, double high = 1) {
  std::vector<T> values(static_cast<std::size_t>(count));
  std::uint64_t state = 88172645463325252ull;
  for (auto& value : values) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    value = static_cast<T>(low + (high - low) * static_cast<double>(state >> 11) * 0x1p-53);
  }
  return values;
}

/// Memory that begins with a cache line, as a tensor's does.
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) {}
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{64})); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t{64}); }
  bool operator==(const LineAllocator&) const { return true; }
};
template <class T>
using LineVector = std::vector<T, LineAllocator<T>>;

/// Copies of one buffer, taken in turn; enough of them to leave a 32 MB last-level cache behind, where `cold`.
template <class T>
class Rotating {
 public:
  explicit Rotating(const std::vector<T>& values, bool cold = true) {
    const std::size_t bytes = values.size() * sizeof(T);
    const std::size_t count = cold ? 1 + (std::size_t{96} << 20) / (bytes + 1) : 1;
    copies_.assign(count > 64 ? 64 : count, LineVector<T>(values.begin(), values.end()));
  }
  T* next() { return copies_[turn_++ % copies_.size()].data(); }

 private:
  std::vector<LineVector<T>> copies_;
  std::size_t turn_ = 0;
};

/// Ends the program unless the two agree: a kernel that is wrong has no speed.
inline void require_near(const std::string& what, double got, double want, double tolerance) {
  if (std::abs(got - want) <= tolerance || (std::isnan(got) && std::isnan(want))) return;
  std::fprintf(stderr, "%s: expected %.9g, got %.9g\n", what.c_str(), want, got);
  std::exit(1);
}

/// What one call does: bytes that must move, FLOPs, items; 0: none. Elements are floats unless their size says otherwise.
struct Work {
  double bytes = 0, flops = 0, items = 0;
  int element_size = 4;
};

/// The rates of one call a round, and its share of the roofline, as columns of the table.
inline void set_rates(benchmark::State& state, const Work& work, int threads) {
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  if (work.bytes > 0) state.counters["GB/s"] = benchmark::Counter(work.bytes * 1e-9, rate);
  if (work.flops > 0) state.counters["GFLOP/s"] = benchmark::Counter(work.flops * 1e-9, rate);
  if (work.items > 0) state.counters["items/s"] = benchmark::Counter(work.items, rate);
  const double least = roofline_seconds(work.flops * work.element_size / 4, work.bytes, threads);
  if (least > 0) state.counters["% roofline"] = benchmark::Counter(100 * least, rate);
}

/// Registers `body`, which runs the kernel once, under name/threads.
inline void add(const std::string& name, Work work, std::function<void()> body) {
  for (int threads : {1, 2})
    benchmark::RegisterBenchmark((name + "/threads:" + std::to_string(threads)).c_str(), [=](benchmark::State& state) {
      set_num_threads(threads);
      for (auto _ : state) body();
      set_num_threads(0);
      set_rates(state, work, threads);
    })->UseRealTime();
}

inline int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("instruction set", kernels::name_of(kernels::best_isa()));
  for (int threads : {1, 2}) {
    const std::string on = " on " + std::to_string(threads) + (threads > 1 ? " threads" : " thread");
    benchmark::AddCustomContext("GFLOP/s" + on, std::to_string(fma_peak(threads) * 1e-9));
    benchmark::AddCustomContext("GB/s" + on, std::to_string(copy_bandwidth(threads) * 1e-9));
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace heddle::bench

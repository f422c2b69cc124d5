// Memory, checks and the running of benchmarks: Google Benchmark with this machine's roofline beside each figure.
#include "bench/support.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "bench/roofline.hpp"
#include "heddle/base/error.hpp"
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#if defined(HEDDLE_TEST_CUDA)
#include "bench/device_clock.hpp"
#endif

namespace heddle::bench {
namespace {

struct Entry {
  std::string name, backend;
  Where where;
  std::function<Ready()> make;
};
std::vector<Entry>& entries() {
  static std::vector<Entry> all;
  return all;
}

// The rates of calls that took so many seconds each, and their share of the roofline, as columns of the table. They are no
// rates to Google Benchmark, which would write "/s" behind each.
void set_rates(benchmark::State& state, Where where, const Work& work, double seconds, double least_seconds) {
  if (seconds <= 0) return;
  const bool gpu = where == Where::device;
  if (work.bytes > 0) state.counters["GB/s"] = work.bytes * 1e-9 / seconds;
  if (work.flops > 0) state.counters[gpu ? "TFLOP/s" : "GFLOP/s"] = work.flops * (gpu ? 1e-12 : 1e-9) / seconds;
  if (work.items > 0) state.counters["items/s"] = work.items / seconds;
  if (least_seconds > 0) state.counters["% roofline"] = 100 * least_seconds / seconds;
}

// What was made last: Google Benchmark calls a benchmark several times until it has found the number of iterations.
struct Last {
  const Entry* whose = nullptr;
  std::optional<Ready> kernel;
#if defined(HEDDLE_TEST_CUDA)
  std::unique_ptr<DeviceClock> clock{};
#endif
} last;
const Ready& ready(const Entry& entry) {
  if (last.whose != &entry) last = {.whose = &entry, .kernel = entry.make()};  // what the two share is not made again
  return *last.kernel;
}

void register_on_cpu(const Entry& entry, const std::string& name) {
  for (int threads : {1, 2})
    benchmark::RegisterBenchmark((name + "/threads:" + std::to_string(threads)).c_str(), [&entry,
                                                                                          threads](benchmark::State& state) {
      const Ready& kernel = ready(entry);
      set_num_threads(threads);
      const auto begin = std::chrono::steady_clock::now();
      for (auto _ : state) kernel.call({});
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
      set_num_threads(0);
      const Work& w = kernel.work;
      set_rates(state, Where::host, w, passed.count() / static_cast<double>(state.iterations()), roofline_seconds(w.flops * w.element_size / 4, w.bytes, threads));
    })->UseRealTime();
}

#if defined(HEDDLE_TEST_CUDA)
void register_on_gpu(const Entry& entry, const std::string& name) {
  auto* const registered = benchmark::RegisterBenchmark(name.c_str(), [&entry](benchmark::State& state) {
    const Ready& kernel = ready(entry);
    if (!last.clock) last.clock = std::make_unique<DeviceClock>(kernel);
    double passed = 0;
    while (state.KeepRunningBatch(last.clock->calls())) {
      const double seconds = last.clock->seconds();
      state.SetIterationTime(seconds);
      passed += seconds;
    }
    set_rates(state, Where::device, kernel.work, passed / static_cast<double>(state.iterations()), device_roofline().seconds(kernel.work));
  });
  registered->UseManualTime();
  if (simt::is_emulated()) registered->Iterations(1);
}
#endif

Where chosen = Where::host;

constexpr const char* help =
    "Benchmarks of heddle's kernels: their times, and what share of this machine's roofline they reach.\n\n"
    "  --device cpu|cuda   whose kernels: the processor's (default), or a GPU's, in programs built with CUDA\n"
    "  --naive             the naive kernels too, which the others are held against\n"
    "  --help              this text\n\n"
    "Google Benchmark's own options:\n\n";

// Takes our own options out of argv: --device D and --naive; help stays, since Google Benchmark has more to say to it.
bool take_options(int& argc, char** argv, std::string& device, bool& naive) {
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--help") {
      std::fputs(help, stdout);
      std::fflush(stdout);
    }
    if (option == "--naive")
      naive = true;
    else if (option == "--device" && i + 1 < argc)
      device = argv[++i];
    else if (option.starts_with("--device="))
      device = option.substr(9);
    else
      argv[kept++] = argv[i];
  }
  argc = kept;
  if (device == "cpu" || device == "cuda") return true;
  std::fprintf(stderr, "[--device] expected cpu or cuda, got %s\n", device.c_str());
  return false;
}

void describe_cpu() {
  benchmark::AddCustomContext("instruction set", kernels::name_of(kernels::best_isa()));
  for (int threads : {1, 2}) {
    const std::string on = " on " + std::to_string(threads) + (threads > 1 ? " threads" : " thread");
    benchmark::AddCustomContext("GFLOP/s" + on, std::to_string(fma_peak(threads) * 1e-9));
    benchmark::AddCustomContext("GB/s" + on, std::to_string(copy_bandwidth(threads) * 1e-9));
  }
}

// Says what is measured and against what; why not, where the device cannot be used.
std::string describe(const std::string& device) {
  if (device == "cpu") return describe_cpu(), "";
#if defined(HEDDLE_TEST_CUDA)
  if (simt::device_count() == 0) return simt::no_device_reason();
  if (const std::string problem = simt::device_problem(0); !problem.empty()) return problem;
  for (const auto& [what, value] : device_roofline().described()) benchmark::AddCustomContext(what, value);
  return "";
#else
  return "this program was built without CUDA";
#endif
}

void register_all(const std::string& device, bool naive) {
  for (const Entry& entry : entries()) {
    if (entry.where != (device == "cpu" ? Where::host : Where::device)) continue;
    if (entry.backend.ends_with("naive") && !naive) continue;
    const std::string name = (entry.backend == "cpu" ? "" : entry.backend + "/") + entry.name;
    if (entry.where == Where::host) register_on_cpu(entry, name);
#if defined(HEDDLE_TEST_CUDA)
    if (entry.where == Where::device) register_on_gpu(entry, name);
#endif
  }
}

}  // namespace

Memory::Memory(Where where, std::size_t bytes) : where_(where) {
#if defined(HEDDLE_TEST_CUDA)
  if (where == Where::device) {
    data_ = static_cast<char*>(simt::allocate(bytes));
    if (!data_) fail("bench", "expected room for " + std::to_string(bytes) + " bytes on the device, got none");
    simt::fill_bytes(data_, 0xFF, bytes, {});
    return;
  }
#endif
  data_ = static_cast<char*>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  if (!data_) fail("bench", "expected room for " + std::to_string(bytes) + " bytes, got none");
  std::memset(data_, 0xFF, bytes);
}
Memory::~Memory() {
#if defined(HEDDLE_TEST_CUDA)
  if (where_ == Where::device) simt::free(data_);
#endif
  if (where_ == Where::host) std::free(data_);
}
void Memory::fill(const void* from, std::size_t bytes, std::size_t stride, std::size_t copies) {
  const auto more = [&](std::size_t there) { return std::min(there, copies - there) * stride; };
#if defined(HEDDLE_TEST_CUDA)
  if (where_ == Where::device) {
    simt::copy_to_device(data_, from, bytes, {});
    for (std::size_t there = 1; there < copies; there *= 2)
      simt::copy_on_device(data_ + there * stride, data_, more(there), {});
  }
#endif
  if (where_ == Where::device) return;
  std::memcpy(data_, from, bytes);
  for (std::size_t there = 1; there < copies; there *= 2) std::memcpy(data_ + there * stride, data_, more(there));
}
void read(Where where, void* to, const void* from, std::size_t bytes) {
#if defined(HEDDLE_TEST_CUDA)
  if (where == Where::device) {
    simt::copy_to_host(to, from, bytes, {});
    return simt::synchronize({});
  }
#endif
  (void)where;
  if (bytes > 0) std::memcpy(to, from, bytes);
}

std::size_t cold_copies(Where where, std::size_t bytes) {
#if defined(HEDDLE_TEST_CUDA)
  if (where == Where::device) {
    static const std::size_t cache = simt::device_properties(0).l2_bytes;
    return 1 + 2 * cache / bytes;
  }
#endif
  (void)where;
  return std::min<std::size_t>(64, 1 + (std::size_t{96} << 20) / bytes);
}

void require_near(const std::string& what, double got, double want, double tolerance) {
  if (std::abs(got - want) <= tolerance || (std::isnan(got) && std::isnan(want))) return;
  std::fprintf(stderr, "%s: expected %.9g, got %.9g\n", what.c_str(), want, got);
  std::exit(1);
}

void add(const std::string& name, const std::string& backend, Where where, std::function<Ready()> make) {
  entries().push_back({name, backend, where, std::move(make)});
}

Where chosen_device() {
  return chosen;
}

int run(int argc, char** argv, const std::function<void()>& add_all) {
  std::string device = "cpu";
  bool naive = false;
  if (!take_options(argc, argv, device, naive)) return 1;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  if (const std::string problem = describe(device); !problem.empty()) {
    std::fprintf(stderr, "[--device] expected a GPU that this program can use: %s\n", problem.c_str());
    return 1;
  }
  chosen = device == "cpu" ? Where::host : Where::device;
  add_all();
  register_all(device, naive);
  benchmark::RunSpecifiedBenchmarks();
  last = {};  // before the device's runtime goes
  return 0;
}

}  // namespace heddle::bench

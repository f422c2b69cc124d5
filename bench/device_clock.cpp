// The clock and the roofline of a GPU: device_clock.hpp says what they mean.
#include "bench/device_clock.hpp"

#include <algorithm>
#include <cmath>

#include "bench/device_peak.hpp"

namespace heddle::bench {
namespace {

constexpr double batch_seconds = 4e-3;  // by the time of single launches, which a graph undercuts
constexpr int most_calls = 10000;

// Seconds that `work` keeps the device at work.
template <class F>
double measured(Stream stream, simt::Event begin, simt::Event end, F work) {
  simt::record(begin, stream);
  work();
  simt::record(end, stream);
  simt::wait(end);
  return 1e-3 * static_cast<double>(simt::elapsed_ms(begin, end));
}

template <class F>
double best_of(int runs, F work) {
  const Stream stream = simt::create_stream();
  const simt::Event begin = simt::create_event(), end = simt::create_event();
  double best = 1e30;
  for (int run = 0; run < runs; ++run) best = std::min(best, measured(stream, begin, end, [&] { work(stream); }));
  simt::destroy_event(begin), simt::destroy_event(end), simt::destroy_stream(stream);
  return best;
}

double copy_rate(std::size_t bytes) {
  const Memory from(Where::device, bytes), to(Where::device, bytes);
  return 2 * static_cast<double>(bytes) / best_of(8, [&](Stream s) { simt::copy_on_device(to.get(), from.get(), bytes, s); });
}

}  // namespace

DeviceClock::DeviceClock(const Ready& kernel)
    : stream_(simt::create_stream()), begin_(simt::create_event()), end_(simt::create_event()) {
  kernel.call({});
  simt::synchronize_device();  // inputs are written on the default stream, which ours does not wait for
  if (!simt::is_emulated()) {
    constexpr int tried = 3;
    const double each = measured(stream_, begin_, end_,
                                 [&] {
                                   for (int i = 0; i < tried; ++i) kernel.call(stream_);
                                 }) /
                        tried;
    const double cold = 2 * static_cast<double>(simt::device_properties(0).l2_bytes) / std::max(kernel.work.bytes, 1.0);
    calls_ = static_cast<int>(std::clamp(std::ceil(std::max(batch_seconds / each, cold)), 1.0, double{most_calls}));
  }
  simt::begin_capture(stream_);
  for (int i = 0; i < calls_; ++i) kernel.call(stream_);
  const simt::Graph graph = simt::end_capture(stream_);
  batch_ = simt::instantiate(graph);
  simt::destroy_graph(graph);
  if (!simt::is_emulated()) (void)seconds();  // its first replay uploads it
}

DeviceClock::~DeviceClock() {
  simt::destroy_graph(batch_);
  simt::destroy_event(begin_), simt::destroy_event(end_);
  simt::destroy_stream(stream_);
}

double DeviceClock::seconds() const {
  return measured(stream_, begin_, end_, [&] { simt::launch(batch_, stream_); });
}

double DeviceRoofline::flops(const Work& work) const {
  if (work.element_size == 8) return f64;
  return work.precision == Precision::tf32 ? tf32 : work.precision == Precision::bf16 ? bf16 : f32;
}
double DeviceRoofline::seconds(const Work& work) const {
  return std::max(work.flops / flops(work), work.bytes / bytes);
}

std::vector<std::pair<std::string, std::string>> DeviceRoofline::described() const {
  const simt::DeviceProperties p = simt::device_properties(0);
  return {{"device", p.name + ", " + std::to_string(p.multiprocessors) + " multiprocessors"},
          {"GB/s of the device's copies", std::to_string(bytes * 1e-9)},
          {"TFLOP/s, float32", std::to_string(f32 * 1e-12)},
          {"TFLOP/s, float64", std::to_string(f64 * 1e-12)},
          {"TFLOP/s, tf32 by mma", std::to_string(tf32 * 1e-12)},
          {"TFLOP/s, bf16 by mma", std::to_string(bf16 * 1e-12)}};
}

const DeviceRoofline& device_roofline() {
  static const DeviceRoofline known = [] {
    const bool emulated = simt::is_emulated();
    const int blocks = emulated ? 1 : simt::device_properties(0).multiprocessors * 8;
    const int rounds = emulated ? 16 : 4096;
    const Memory out(Where::device, static_cast<std::size_t>(blocks) * peak_threads * sizeof(double));
    const auto rate = [&](Peak peak) {
      return peak_flops(peak, blocks, rounds) /
             best_of(emulated ? 1 : 8, [&](Stream s) { run_peak(peak, s, blocks, rounds, out.get()); });
    };
    return DeviceRoofline{copy_rate(emulated ? 4096 : std::size_t{512} << 20), rate(Peak::f32), rate(Peak::f64),
                          rate(Peak::tf32), rate(Peak::bf16)};
  }();
  return known;
}

}  // namespace heddle::bench

// What only the emulator can be asked: determinism across schedules and workers, its device memory, and what it forbids
// while a stream is captured.
#include <cmath>
#include <string>
#include <vector>

#include "heddle/base/error.hpp"
#include "kernels/simt/runtime.hpp"
#include "tests/simt/conformance.hpp"
#include "tests/simt/device_memory.hpp"
#include "tests/simt/schedule.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using simt::emulator::Order;

namespace {

std::string message_of(auto f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}
bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("emulator: the same bits in every order and with any number of workers") {
  std::vector<double> x(3000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<double>(i));
  const double expected = simt::conformance::grid_sum(x);
  const auto before = simt::emulator::schedule();
  const int workers = simt::emulator::workers();
  for (int w : {1, 2, 5})
    for (Order order : {Order::forward, Order::reverse, Order::random, Order::priority}) {
      simt::emulator::set_workers(w);
      simt::emulator::set_schedule({order, 7});
      CHECK(simt::conformance::grid_sum(x) == expected);
    }
  simt::emulator::set_workers(workers);
  simt::emulator::set_schedule(before);
}

TEST_CASE("emulator: device memory is NaN at first, has an end, and knows its bounds") {
  CHECK(simt::is_emulated());
  const std::size_t bytes = simt::emulator::device_bytes_in_use(), allocations = simt::emulator::device_allocations();
  auto* const p = static_cast<float*>(simt::allocate(40));
  CHECK(simt::emulator::device_bytes_in_use() == bytes + 40);
  CHECK(simt::emulator::device_allocations() == allocations + 1);
  float x[10] = {};
  simt::copy_to_host(x, p, 40, {});
  for (float v : x) CHECK(std::isnan(v));
  CHECK(contains(message_of([&] { simt::copy_to_host(x, p + 4, 40, {}); }), "40 bytes at byte 16 overrun an allocation of 40"));
  CHECK(contains(message_of([&] { simt::copy_to_device(x, p, 40, {}); }), "expected device memory"));
  simt::emulator::set_device_memory(bytes + 100);
  CHECK(simt::allocate(61) == nullptr);
  CHECK(simt::memory_info().free_bytes == 60);
  void* const rest = simt::allocate(60);
  CHECK(rest != nullptr);
  simt::free(rest);
  simt::emulator::set_device_memory(0);
  simt::free(p);
  CHECK(simt::emulator::device_bytes_in_use() == bytes);
}

TEST_CASE("emulator: what a capture forbids is an error") {
  const Stream s = simt::create_stream();
  auto* const p = static_cast<float*>(simt::allocate(64));
  simt::begin_capture(s);
  CHECK(contains(message_of([&] { simt::synchronize(s); }), "captured"));
  CHECK(contains(message_of([&] { simt::synchronize_device(); }), "captures"));
  CHECK(contains(message_of([&] { (void)simt::allocate(4); }), "captures"));
  CHECK(contains(message_of([&] { simt::conformance::scale(p, 1, p, 16, nullptr); }), "the graph would miss it"));
  simt::conformance::scale(p, 1, p, 16, s.handle);
  const simt::Graph graph = simt::end_capture(s);
  CHECK(simt::node_count(graph) == 1);
  simt::destroy_graph(graph);
  simt::free(p);
  simt::destroy_stream(s);
  CHECK(contains(message_of([&] { simt::conformance::scale(p, 1, p, 16, s.handle); }), "pointer"));
  CHECK(contains(message_of([&] { simt::synchronize(s); }), "destroyed"));
}

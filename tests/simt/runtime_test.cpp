// The runtime: memory, copies, streams, events, graphs and the record of launches, on the emulator and on a GPU alike.
#include "kernels/simt/runtime.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "heddle/base/error.hpp"
#include "tests/simt/conformance.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using simt::conformance::scale;

namespace {

struct Floats {
  explicit Floats(std::size_t n, float value = 0) : n(n), p(static_cast<float*>(simt::allocate(n * 4))) {
    const std::vector<float> x(n, value);
    simt::copy_to_device(p, x.data(), n * 4, {});
    simt::synchronize({});
  }
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;
  ~Floats() { simt::free(p); }
  std::vector<float> host() const {
    std::vector<float> x(n);
    simt::copy_to_host(x.data(), p, n * 4, {});
    simt::synchronize_device();
    return x;
  }
  std::size_t n;
  float* p;
};

std::string message_of(auto f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("runtime: the device and its properties") {
  REQUIRE(simt::device_count() >= 1);
  CHECK(simt::no_device_reason().empty());
  const simt::DeviceProperties p = simt::device_properties(0);
  CHECK(!p.name.empty());
  CHECK(p.major >= 7);
  CHECK(p.multiprocessors > 0);
  CHECK(p.shared_bytes_per_block >= 48 * 1024);
  CHECK(simt::device_problem(0).empty());
  CHECK(!simt::compiled_architectures().empty());
  simt::use_device(0);
}

TEST_CASE("runtime: memory is copied and filled in the stream's order") {
  const Stream s = simt::create_stream();
  constexpr std::size_t n = 1000;
  auto* const host = static_cast<float*>(simt::allocate_pinned(n * 4));
  for (std::size_t i = 0; i < n; ++i) host[i] = static_cast<float>(i);
  auto* const a = static_cast<float*>(simt::allocate(n * 4));
  auto* const b = static_cast<float*>(simt::allocate(n * 4));
  CHECK(reinterpret_cast<std::uintptr_t>(a) % 256 == 0);
  simt::copy_to_device(a, host, n * 4, s);
  simt::fill_bytes(b, 0xFF, n * 4, s);
  simt::copy_on_device(b, a + 500, 500 * 4, s);
  simt::copy_to_host(host, b, n * 4, s);
  simt::synchronize(s);
  CHECK(host[0] == 500);
  CHECK(host[499] == 999);
  CHECK(std::isnan(host[500]));
  const simt::MemoryInfo info = simt::memory_info();
  CHECK(info.free_bytes <= info.total_bytes);
  CHECK(simt::allocate(info.total_bytes + 1) == nullptr);
  void* const nothing = simt::allocate(0);
  CHECK(nothing != nullptr);
  simt::free(nothing);
  simt::free(a);
  simt::free(b);
  simt::free(nullptr);
  simt::free_pinned(host);
  simt::destroy_stream(s);
}

TEST_CASE("runtime: events measure time") {
  const Stream s = simt::create_stream();
  const simt::Event begin = simt::create_event(), end = simt::create_event();
  const Floats x(4096, 1), y(4096);
  simt::record(begin, s);
  scale(x.p, 2, y.p, 4096, s.handle);
  simt::record(end, s);
  simt::wait({}, end);
  simt::wait(end);
  CHECK(simt::elapsed_ms(begin, end) >= 0);
  simt::destroy_event(begin);
  simt::destroy_event(end);
  simt::destroy_stream(s);
}

TEST_CASE("runtime: what is captured does not run, and runs again at every launch of its graph") {
  const Stream s = simt::create_stream();
  const Floats x(1001, 1), y(1001, 0);
  simt::begin_capture(s);
  scale(x.p, 2, y.p, 1001, s.handle);
  scale(y.p, 3, y.p, 1001, s.handle);
  simt::copy_on_device(x.p, y.p, 1001 * 4, s);
  const simt::Graph graph = simt::end_capture(s);
  CHECK(y.host() == std::vector<float>(1001, 0));
  CHECK(simt::node_count(graph) == 3);
  const simt::GraphExec exec = simt::instantiate(graph);
  simt::destroy_graph(graph);
  for (float expected : {6.0f, 36.0f, 216.0f}) {
    simt::launch(exec, s);
    simt::synchronize(s);
    CHECK(x.host() == std::vector<float>(1001, expected));
  }
  simt::destroy_graph(exec);
  simt::destroy_stream(s);
}

TEST_CASE("runtime: capturing the default stream is an error") {
  CHECK_THROWS_AS(simt::begin_capture({}), Error);
}

TEST_CASE("runtime: launches are counted, named and listed") {
  const Floats x(8, 1), y(8);
  const auto before = simt::launch_count();
  simt::begin_launch_log();
  scale(x.p, 2, y.p, 8, nullptr);
  scale(x.p, 2, y.p, 8, nullptr);
  simt::conformance::launch_nothing();
  const auto log = simt::end_launch_log();
  CHECK(simt::launch_count() == before + 2);
  CHECK(log == std::vector<std::string>(2, "heddle::simt::conformance::scale_kernel"));
  const auto kernels = simt::registered_kernels();
  const auto find = [&](const std::string& name) {
    return std::find_if(kernels.begin(), kernels.end(), [&](const simt::KernelInfo& k) { return k.name == name; });
  };
  REQUIRE(find("heddle::simt::conformance::scale_kernel") != kernels.end());
  CHECK(find("heddle::simt::conformance::scale_kernel")->launches >= 2);
  CHECK(find("heddle::simt::conformance::sum_kernel<double>") != kernels.end());
  CHECK(find("heddle::simt::conformance::copy_async_kernel<16>") != kernels.end());
}

TEST_CASE("runtime: a launch that fails names its kernel") {
  const std::string message = message_of([] { simt::conformance::launch_too_many_threads(); });
  INFO(message);
  CHECK(message.starts_with("[heddle::simt::conformance::nothing_kernel]"));
  CHECK(message.find("2048") != std::string::npos);
}

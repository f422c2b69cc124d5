// Which planted bugs the emulator notices by itself, without a sanitizer: errors it reports with kernel, block, thread and
// line, and results that poison and changed schedules turn wrong. Cases for the sanitizers are in CMakeLists.txt.
#include "tests/simt/planted.hpp"

#include <string>

#include "heddle/base/error.hpp"
#include "tests/simt/schedule.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using simt::emulator::Order;
using simt::emulator::Schedule;
using simt::planted::Bug;

namespace {

class ScopedSchedule {
 public:
  explicit ScopedSchedule(Schedule s) { simt::emulator::set_schedule(s); }
  ~ScopedSchedule() { simt::emulator::set_schedule(before_); }
  ScopedSchedule(const ScopedSchedule&) = delete;
  ScopedSchedule& operator=(const ScopedSchedule&) = delete;

 private:
  Schedule before_ = simt::emulator::schedule();
};

constexpr Schedule usual[] = {{Order::forward, 1}, {Order::priority, 1}, {Order::priority, 2}, {Order::priority, 3}};

std::string error_of(Bug bug) {
  try {
    simt::planted::run(bug, 64);
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

// Whether a run in any of the usual schedules gives a wrong result or an error.
bool shows(Bug bug) {
  for (Schedule s : usual) {
    const ScopedSchedule scoped(s);
    try {
      if (!simt::planted::run(bug, 64)) return true;
    } catch (const Error&) {
      return true;
    }
  }
  return false;
}

void check_message(Bug bug, std::initializer_list<const char*> parts) {
  for (Schedule s : usual) {
    const ScopedSchedule scoped(s);
    const std::string message = error_of(bug);
    INFO(message);
    for (const char* part : parts) {
      INFO("expected: " << part);
      CHECK(message.find(part) != std::string::npos);
    }
  }
}

}  // namespace

TEST_CASE("planted: correct kernels are right in every order, and stay so after an error") {
  for (Order order : {Order::forward, Order::reverse, Order::random, Order::priority})
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const ScopedSchedule scoped({order, seed});
      CHECK(simt::planted::run(Bug::none, 64));
      CHECK(simt::planted::run(Bug::none, 256));
      CHECK_THROWS_AS(simt::planted::run(Bug::divergent_barrier, 64), Error);
      CHECK(simt::planted::run(Bug::none, 64));
    }
}

TEST_CASE("planted: missing barriers and waits give wrong results in some order") {
  for (Bug bug : {Bug::missing_barrier, Bug::missing_trailing_barrier, Bug::missing_wait, Bug::wait_for_too_few,
                  Bug::missing_barrier_after_wait, Bug::missing_barrier_before_refill}) {
    INFO("bug " << static_cast<int>(bug));
    CHECK(shows(bug));
  }
}

TEST_CASE("planted: divergence at barriers is reported with kernel, block, thread and line") {
  check_message(Bug::divergent_barrier, {"meet_kernel", "block (", "thread (", "planted.cu:", "divergent barrier", "__syncthreads"});
  check_message(Bug::barrier_in_half, {"meet_kernel", "32 threads", "wait at __syncthreads", "planted.cu:", "32 threads have left"});
  check_message(Bug::early_return, {"meet_kernel", "63 threads", "1 threads have left", "planted.cu:"});
}

TEST_CASE("planted: wrong masks and mixed warp functions are reported") {
  check_message(Bug::wrong_mask, {"exchange_kernel", "wrong mask", "lane 31", "planted.cu:"});
  check_message(Bug::mask_of_lost_lane, {"exchange_kernel", "planted.cu:"});
  check_message(Bug::shuffle_from_outside, {"exchange_kernel", "wrong mask", "leaves out", "planted.cu:"});
  check_message(Bug::mixed_collectives, {"exchange_kernel", "__shfl_xor_sync", "__shfl_sync", "planted.cu:"});
}

TEST_CASE("planted: shared memory beyond what the launch gave, and pointers to the host, are reported") {
  check_message(Bug::carve_too_much, {"pipeline_kernel", "carves", "planted.cu:"});
  check_message(Bug::host_pointer, {"meet_kernel", "argument 1", "memory of the device"});
}

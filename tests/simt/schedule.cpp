#include "tests/simt/schedule.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "heddle/base/error.hpp"
#include "tests/simt/sanitizers.hpp"

namespace heddle::simt::emulator {
namespace {

Schedule from_environment() {
  Schedule s;
  if (const char* seed = std::getenv("HD_SIMT_SEED")) s.seed = std::strtoull(seed, nullptr, 10);
  const char* const order = std::getenv("HD_SIMT_ORDER");
  const std::string_view name = order ? order : "fwd";
  if (name == "rev") s.order = Order::reverse;
  else if (name == "rand") s.order = Order::random;
  else if (name == "prio") s.order = Order::priority;
  else if (name != "fwd") fail("HD_SIMT_ORDER", "expected fwd, rev, rand or prio, got " + std::string(name));
  return s;
}

int workers_from_environment() {
  if (under_tsan) return 1;
  if (const char* n = std::getenv("HD_SIMT_WORKERS")) return std::max(1, std::atoi(n));
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 8u));
}

Schedule& current() {
  static Schedule s = from_environment();
  return s;
}
int& worker_count() {
  static int n = workers_from_environment();
  return n;
}
bool& dryness() {
  static bool on = [] {
    const char* const text = std::getenv("HD_SIMT_DRY");
    return text && std::string_view(text) == "1";
  }();
  return on;
}

}  // namespace

Schedule schedule() { return current(); }
void set_schedule(Schedule s) { current() = s; }
std::string name_of(Schedule s) {
  switch (s.order) {
    case Order::forward: return "fwd";
    case Order::reverse: return "rev";
    case Order::random: return "rand seed " + std::to_string(s.seed);
    default: return "prio seed " + std::to_string(s.seed);
  }
}
int workers() { return worker_count(); }
void set_workers(int n) { worker_count() = under_tsan ? 1 : std::max(1, n); }
bool dry() { return dryness(); }
void set_dry(bool on) { dryness() = on; }

}  // namespace heddle::simt::emulator

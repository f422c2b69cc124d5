#include "heddle/base/denormal.hpp"

#include <atomic>

namespace heddle {
namespace {
std::atomic<bool> flushes = true;
}

void set_flush_denormal(bool on) {
  flushes.store(on, std::memory_order_relaxed);
}
bool get_flush_denormal() {
  return flushes.load(std::memory_order_relaxed);
}

}  // namespace heddle

#include "heddle/base/fork.hpp"

#include <pthread.h>

#include <atomic>

namespace heddle::detail {
namespace {

constinit std::atomic<ForkMutex*> all{nullptr};
constinit std::atomic<int> generation{0};
constinit std::mutex forking;               // two threads may fork at a time
constinit ForkMutex* first_held = nullptr;  // those that the fork on its way holds

}  // namespace

// What pthread_atfork() calls: memory from malloc is to be had in all three, so that whoever holds a ForkMutex may want some.
struct ForkHandlers {
  static void before() {
    forking.lock();
    first_held = all.load(std::memory_order_acquire);
    for (ForkMutex* mutex = first_held; mutex; mutex = mutex->next_) mutex->lock();
  }
  static void in_parent() {
    for (ForkMutex* mutex = first_held; mutex; mutex = mutex->next_) mutex->unlock();
    forking.unlock();
  }
  static void in_child() {
    generation.fetch_add(1, std::memory_order_relaxed);
    in_parent();
  }
};

namespace {
[[maybe_unused]] const int registered = ::pthread_atfork(ForkHandlers::before, ForkHandlers::in_parent, ForkHandlers::in_child);
}

ForkMutex::ForkMutex() : next_(all.load(std::memory_order_relaxed)) {
  while (!all.compare_exchange_weak(next_, this, std::memory_order_release)) {
  }
}

int fork_generation() {
  return generation.load(std::memory_order_relaxed);
}

}  // namespace heddle::detail

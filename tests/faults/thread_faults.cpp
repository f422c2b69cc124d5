// Threads that the system refuses: the n-th that the process starts, or that and all later ones.
//
//   thread_faults [COUNT] [WORK]    as alloc_faults
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "tests/faults/trials.hpp"

namespace {

std::atomic<bool> armed = false, stays = false;
std::atomic<std::int64_t> at = 0, counted = 0;

const faults::Fault fault{[](std::int64_t n, bool lasting) { counted = 0, at = n, stays = lasting, armed = true; },
                          [] { armed = false; }, [] { return counted.load(); }};

}  // namespace

extern "C" __attribute__((visibility("default"))) int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                                                     void* (*start)(void*), void* argument) noexcept {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  if (armed) {
    const std::int64_t n = counted.fetch_add(1) + 1, first = at.load();
    if (first > 0 && (n == first || (n > first && stays))) return EAGAIN;
  }
  return create(thread, attributes, start, argument);
}

int main(int count, char** words) {
  const int trials = count > 1 ? std::atoi(words[1]) : 20;
  if (trials < 1) {
    std::fprintf(stderr, "expected a count of 1 or more, got %s\n", words[1]);
    return 2;
  }
  return faults::run_trials(fault, trials, count > 2 ? words[2] : "", true);
}

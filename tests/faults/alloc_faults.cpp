// Memory that runs out: the n-th allocation of the process fails, or that and all later ones.
//
//   alloc_faults [COUNT] [WORK]    COUNT: the first so many allocations of each work, one by one (20); WORK: that one alone
//
// malloc is this program's own, in front of the C library's; under AddressSanitizer, which has one itself, operator new.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "tests/faults/trials.hpp"

namespace {

std::atomic<bool> armed = false, stays = false;
std::atomic<std::int64_t> at = 0, counted = 0;

bool fails() {
  if (!armed.load(std::memory_order_relaxed)) return false;
  const std::int64_t n = counted.fetch_add(1) + 1, first = at.load();
  if (first == 0 || n < first || (n > first && !stays.load())) return false;
  errno = ENOMEM;
  return true;
}

const faults::Fault fault{[](std::int64_t n, bool lasting) { counted = 0, at = n, stays = lasting, armed = true; },
                          [] { armed = false; }, [] { return counted.load(); }};

}  // namespace

#if defined(__SANITIZE_ADDRESS__)
void* operator new(std::size_t bytes) {
  void* const memory = fails() ? nullptr : std::malloc(bytes ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
#else
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

__attribute__((visibility("default"))) void* malloc(std::size_t bytes) noexcept {
  return fails() ? nullptr : __libc_malloc(bytes);
}
__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t bytes) noexcept {
  return fails() ? nullptr : __libc_calloc(count, bytes);
}
__attribute__((visibility("default"))) void* realloc(void* memory, std::size_t bytes) noexcept {
  return fails() ? nullptr : __libc_realloc(memory, bytes);
}
__attribute__((visibility("default"))) void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  return fails() ? nullptr : __libc_memalign(alignment, bytes);
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return memalign(alignment, bytes);
}
__attribute__((visibility("default"))) int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  *memory = memalign(alignment, bytes);
  return *memory ? 0 : ENOMEM;
}
}
#endif

int main(int count, char** words) {
  const int trials = count > 1 ? std::atoi(words[1]) : 20;
  if (trials < 1) {
    std::fprintf(stderr, "expected a count of 1 or more, got %s\n", words[1]);
    return 2;
  }
  return faults::run_trials(fault, trials, count > 2 ? words[2] : "", true);
}

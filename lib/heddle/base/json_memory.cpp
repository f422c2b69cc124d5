#include "heddle/base/json_memory.hpp"

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace heddle::detail {
namespace {

// Pieces one after another; all of it is free again once all of them are.
alignas(std::max_align_t) constinit unsigned char reserve[1 << 20];
constinit std::size_t used = 0, pieces = 0;
constinit std::atomic<const void*> owner{nullptr};  // the thread that has it, by the address of a variable of its own

const void* this_thread() {
  static thread_local constinit char place = 0;
  return &place;
}

bool in_reserve(const void* memory) {
  const auto at = reinterpret_cast<std::uintptr_t>(memory), begin = reinterpret_cast<std::uintptr_t>(reserve);
  return at >= begin && at < begin + sizeof reserve;
}

}  // namespace

void* json_stack(std::size_t bytes) {
  if (void* const memory = std::malloc(bytes ? bytes : 1)) return memory;
  const void* const mine = this_thread();
  if (owner.load() != mine)
    for (const void* none = nullptr; !owner.compare_exchange_weak(none, mine); none = nullptr) ::sched_yield();
  const std::size_t size = (bytes + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
  if (size < bytes || size > sizeof reserve - used) {
    if (pieces == 0) owner = nullptr;
    throw std::bad_alloc();
  }
  void* const memory = reserve + used;
  used += size;
  ++pieces;
  return memory;
}

void free_json_stack(void* memory) noexcept {
  if (!in_reserve(memory)) return std::free(memory);
  if (--pieces > 0) return;
  used = 0;
  owner = nullptr;
}

}  // namespace heddle::detail

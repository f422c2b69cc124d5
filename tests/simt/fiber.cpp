#include "tests/simt/fiber.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "heddle/base/error.hpp"
#include "tests/simt/sanitizers.hpp"

#if defined(__x86_64__)
// heddle_simt_switch(void** save, void* load): what the System V ABI lets a callee keep goes onto the stack, then the stacks
// change places. The floating-point control words are the same everywhere here.
asm(R"(
.text
.p2align 4
.hidden heddle_simt_switch
.globl heddle_simt_switch
.type heddle_simt_switch, @function
heddle_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size heddle_simt_switch, .-heddle_simt_switch
)");
extern "C" void heddle_simt_switch(void** save, void* load);
#endif

namespace heddle::simt::emulator {
namespace {

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

void* map(void* at, std::size_t bytes) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED : 0);
  void* const p = mmap(at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (p == MAP_FAILED) fail("simt emulator", "no memory for the stacks of a block's threads");
  return p;
}

}  // namespace

Stacks::~Stacks() {
  if (base_) munmap(base_, count_ * stride_);
}

void Stacks::reserve(std::size_t count) {
  if (count <= count_) return;
  const Unobserved unobserved;
  if (base_) {
    unpoison(base_, count_ * stride_);
    munmap(base_, count_ * stride_);
  }
  guard_ = under_tsan ? 0 : page_size();
  stride_ = guard_ + (under_asan ? 256 : 64) * 1024;
  count_ = count;
  base_ = static_cast<char*>(map(nullptr, count_ * stride_));
  for (std::size_t i = 0; guard_ && i < count_; ++i) mprotect(base_ + i * stride_, guard_, PROT_NONE);
}

void Stacks::forget() {
  if (under_asan) unpoison(base_, count_ * stride_);
  if (!under_tsan) return;
  // TSan forgets what it knows of memory that is mapped anew.
  const Unobserved unobserved;
  map(base_, count_ * stride_);
}

void Fiber::adopt_thread() {
#if defined(HD_SIMT_ASAN)
  pthread_attr_t attributes;
  void* low = nullptr;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &bytes_);
  pthread_attr_destroy(&attributes);
  stack_ = static_cast<char*>(low);
#endif
#if defined(HD_SIMT_TSAN)
  tsan_ = __tsan_get_current_fiber();
#endif
}

void Fiber::prepare(char* stack, std::size_t bytes, std::size_t skew, [[maybe_unused]] bool tracked, void (*entry)()) {
  stack_ = stack;
  bytes_ = bytes;
  fake_stack_ = nullptr;
  char* const top = stack + bytes - skew / 16 * 16;
  // The last frames of the fiber that ran here before never returned, and left their red zones.
  constexpr std::size_t last_frames = 8 * 1024;
  unpoison(top - last_frames, last_frames);
#if defined(__x86_64__)
  auto** const word = reinterpret_cast<void**>(top);
  word[-1] = nullptr;  // where entry would return to
  word[-2] = reinterpret_cast<void*>(entry);
  for (int i = 3; i <= 8; ++i) word[-i] = nullptr;  // the saved registers
  stack_pointer_ = word - 8;
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack;
  context_.uc_stack.ss_size = static_cast<std::size_t>(top - stack);
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#endif
#if defined(HD_SIMT_TSAN)
  if (!tracked) tsan_ = __tsan_get_current_fiber();
  else if (!tsan_) tsan_ = __tsan_create_fiber(0);
  own_tsan_ = tracked;
#endif
}

__attribute__((no_sanitize("address"))) void Fiber::run(Fiber& from, Fiber& to, [[maybe_unused]] bool for_good) {
#if defined(HD_SIMT_ASAN)
  __sanitizer_start_switch_fiber(for_good ? nullptr : &from.fake_stack_, to.stack_, to.bytes_);
#endif
#if defined(HD_SIMT_TSAN)
  if (from.tsan_ != to.tsan_) __tsan_switch_to_fiber(to.tsan_, 1);  // 1: the switch itself orders nothing
#endif
#if defined(__x86_64__)
  heddle_simt_switch(&from.stack_pointer_, to.stack_pointer_);
#else
  swapcontext(&from.context_, &to.context_);
#endif
  from.entered();
}

__attribute__((no_sanitize("address"))) void Fiber::entered() {
#if defined(HD_SIMT_ASAN)
  __sanitizer_finish_switch_fiber(fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::drop() {
#if defined(HD_SIMT_TSAN)
  if (own_tsan_) __tsan_destroy_fiber(tsan_);
  tsan_ = nullptr;
#endif
}

}  // namespace heddle::simt::emulator

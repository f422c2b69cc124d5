// A flow of control with a stack of its own, that runs until it hands over to another one. On x86-64 the switch is ten
// instructions; elsewhere it is the C library's ucontext, which is slower since it saves the signal mask with a system call.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace heddle::simt::emulator {

/// The stacks of a worker's fibers, in one mapping; with guard pages between them except under TSan.
class Stacks {
 public:
  ~Stacks();
  /// At least `count` stacks.
  void reserve(std::size_t count);
  char* lowest(std::size_t i) const { return base_ + i * stride_ + guard_; }
  std::size_t bytes() const { return stride_ - guard_; }
  /// Makes all of them as new, so that no sanitizer remembers an access to them.
  void forget();

 private:
  char* base_ = nullptr;
  std::size_t count_ = 0, stride_ = 0, guard_ = 0;
};

class Fiber {
 public:
  /// Takes the calling thread's own stack as it is.
  void adopt_thread();
  /// Makes the fiber begin with `entry` at its next switch. To TSan it is a thread of its own, the same until drop(), or,
  /// where not `tracked`, the one that calls prepare. `skew` bytes at the stack's top stay unused, so that the
  /// stacks of many fibers do not meet in the same cache sets.
  void prepare(char* stack, std::size_t bytes, std::size_t skew, bool tracked, void (*entry)());
  /// Leaves `from`, which is running, for `to`. With `for_good` the call does not return.
  static void run(Fiber& from, Fiber& to, bool for_good = false);
  /// To be called first in `entry`.
  void entered();
  /// For a fiber that was left in the middle of something: to TSan, prepare() makes a new one.
  void drop();

 private:
  void* stack_pointer_ = nullptr;
  const char* stack_ = nullptr;
  std::size_t bytes_ = 0;
  [[maybe_unused]] void* fake_stack_ = nullptr;  // ASan's
  [[maybe_unused]] void* tsan_ = nullptr;
  [[maybe_unused]] bool own_tsan_ = false;
#if !defined(__x86_64__)
  ucontext_t context_;
#endif
};

}  // namespace heddle::simt::emulator

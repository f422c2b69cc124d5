// fork() in a program that uses the library. Internal.
//
// A child has one thread, a copy of the one that called fork(). What other threads held is held for good there, and what they
// were to do is never done. So mutexes of process-wide state are taken over fork(), which leaves that state whole and unlocked
// in the child, and what has threads of its own compares fork_generation() with the one that it was made in.
#pragma once

#include <mutex>

namespace heddle::detail {

/// A mutex that the library holds while the process forks. Made once, for as long as the process lives. No thread may hold
/// two of them at a time, nor call what a user wrote while it holds one.
class ForkMutex {
 public:
  ForkMutex();
  ForkMutex(const ForkMutex&) = delete;
  ForkMutex& operator=(const ForkMutex&) = delete;

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  friend struct ForkHandlers;
  std::mutex mutex_;
  ForkMutex* next_;  // in the list of all
};

/// How many times this process and those that it descends from were forked off another: 0 in the program that was started.
int fork_generation();

}  // namespace heddle::detail

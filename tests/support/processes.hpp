// Running something in a child of fork(), for tests of what a process does to itself.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.hpp"

// ThreadSanitizer refuses threads in a child of a program with threads.
#if defined(__SANITIZE_THREAD__)
#define HD_TEST_FORKS 0
#else
#define HD_TEST_FORKS 1
#endif

namespace heddle::test {

/// The exit status of a child that returns f(), 99 where f throws, or minus the signal that ended it: SIGALRM after a minute.
template <class F>
int in_child(F&& f) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    int status = 99;
    try {
      status = f();
    } catch (...) {
    }
    ::_exit(status);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace heddle::test

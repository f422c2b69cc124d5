// SIGINT and SIGTERM: the first is noted, the second ends the process, and what was there before comes back.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "heddle/base/error.hpp"
#include "heddle/train/interrupt.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

// How a process ends that gets these signals under watch.
int ending_of(const std::vector<int>& signals) {
  const pid_t child = fork();
  if (child == 0) {
    const train::SignalWatch watch;
    for (int signal : signals) raise(signal);
    _exit(watch.received());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("the first signal is noted, another of its kind ends the process") {
  CHECK(ending_of({}) == 0);
  CHECK(ending_of({SIGINT}) == SIGINT);
  CHECK(ending_of({SIGTERM}) == SIGTERM);
  CHECK(ending_of({SIGTERM, SIGINT}) == SIGTERM);
  CHECK(ending_of({SIGINT, SIGINT}) == -SIGINT);
  CHECK(ending_of({SIGTERM, SIGTERM}) == -SIGTERM);
}

TEST_CASE("what handled signals before does so again afterwards") {
  std::signal(SIGTERM, SIG_IGN);
  {
    const train::SignalWatch watch;
    CHECK_THROWS_AS(train::SignalWatch(), Error);
    CHECK(watch.received() == 0);
    raise(SIGTERM);
    CHECK(watch.received() == SIGTERM);
  }
  raise(SIGTERM);
  CHECK(std::signal(SIGTERM, SIG_DFL) == SIG_IGN);
  const train::SignalWatch again;
  CHECK(again.received() == 0);
}

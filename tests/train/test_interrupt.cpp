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
  CHECK(ending_of({SIGHUP}) == SIGHUP);
  CHECK(ending_of({SIGTERM, SIGINT}) == SIGTERM);
  CHECK(ending_of({SIGINT, SIGINT}) == -SIGINT);
  CHECK(ending_of({SIGTERM, SIGTERM}) == -SIGTERM);
}

TEST_CASE("what handled signals before does so again afterwards") {
  static int calls = 0;
  std::signal(SIGTERM, +[](int) { ++calls; });
  {
    const train::SignalWatch watch;
    CHECK_THROWS_AS(train::SignalWatch(), Error);
    CHECK(watch.received() == 0);
    raise(SIGTERM);
    CHECK(watch.received() == SIGTERM);
    CHECK(calls == 0);
  }
  raise(SIGTERM);
  CHECK(calls == 1);
  std::signal(SIGTERM, SIG_DFL);
  const train::SignalWatch again;
  CHECK(again.received() == 0);
}

// nohup ignores SIGHUP, and a shell without job control SIGINT of what it starts in the background: a training stopped all the
// same.
TEST_CASE("signals that the starter ignores stay ignored") {
  for (const int ignored : {SIGINT, SIGTERM, SIGHUP}) {
    INFO(ignored);
    std::signal(ignored, SIG_IGN);
    CHECK(ending_of({ignored}) == 0);
    CHECK(ending_of({ignored, ignored}) == 0);
    const int other = ignored == SIGINT ? SIGTERM : SIGINT;
    CHECK(ending_of({ignored, other}) == other);
    CHECK(std::signal(ignored, SIG_DFL) == SIG_IGN);
  }
}

// The pool in the life of processes: after fork(), from other threads at exit, in destructors of static objects.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "heddle/base/error.hpp"
#include "heddle/base/fork.hpp"
#include "heddle/base/parallel.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/processes.hpp"

using namespace heddle;
using test::in_child;

namespace {

std::int64_t sum_to(std::int64_t count) {
  std::atomic<std::int64_t> sum = 0;
  parallel_chunks(count, [&](std::int64_t chunk, int) { sum += chunk; });
  return sum;
}

// What this program prints when it runs only the hidden case of that tag, and its exit status.
std::string run_hidden(const std::string& tag) {
  char self[4096];
  const auto length = ::readlink("/proc/self/exe", self, sizeof self - 1);
  REQUIRE(length > 0);
  self[length] = 0;
  std::FILE* pipe = ::popen(("timeout 60 \"" + std::string(self) + "\" '" + tag + "' 2>&1").c_str(), "r");
  REQUIRE(pipe);
  std::string output;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe)) output += buffer;
  const int status = ::pclose(pipe);
  return output + "status " + std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

}  // namespace

#if HD_TEST_FORKS
TEST_CASE("a child of fork() gets a pool of its own") {
  const int before = get_num_threads();
  set_num_threads(3);
  REQUIRE(sum_to(100) == 4950);
  // The child waited for workers that only its parent has.
  CHECK(in_child([] { return sum_to(100) == 4950 && get_num_threads() == 3 ? 0 : 1; }) == 0);
  CHECK(in_child([] {
          set_num_threads(2);
          if (sum_to(100) != 4950) return 1;
          return in_child([] { return sum_to(50) == 1225 && detail::fork_generation() == 2 ? 7 : 1; }) == 7 ? 0 : 2;
        }) == 0);
  CHECK(in_child([] {
          std::exit(sum_to(100) == 4950 ? 5 : 1);
          return 1;
        }) == 5);
  CHECK(sum_to(100) == 4950);
  set_num_threads(before);
}

TEST_CASE("a fork() while another thread's loop runs leaves nothing locked in the child") {
  const int before = get_num_threads();
  set_num_threads(3);
  std::atomic<bool> stop = false;
  std::thread other([&] {
    while (!stop) sum_to(1000);
  });
  for (int round = 0; round < 20; ++round) CHECK(in_child([] { return sum_to(100) == 4950 ? 0 : 1; }) == 0);
  stop = true;
  other.join();
  set_num_threads(before);
}

TEST_CASE("a fork() within a chunk: an Error where the child leaves the loop, and no hang") {
  const int before = get_num_threads();
  set_num_threads(2);
  std::atomic<int> status = 99;
  const auto here = std::this_thread::get_id();
  bool child = false;
  try {
    std::atomic<bool> forked = false;
    parallel_chunks(2, [&](std::int64_t, int) {
      if (std::this_thread::get_id() != here) {
        while (!forked) std::this_thread::yield();
        return;
      }
      const pid_t pid = ::fork();
      if (pid == 0) {
        ::alarm(60);
        child = true;
      } else {
        int raw = 0;
        ::waitpid(pid, &raw, 0);
        status = WIFEXITED(raw) ? WEXITSTATUS(raw) : -WTERMSIG(raw);
      }
      forked = true;
    });
  } catch (const Error& error) {
    if (child) ::_exit(std::string(error.what()).find("[parallel] expected a loop to end") == 0 && sum_to(10) == 45 ? 0 : 1);
  }
  if (child) ::_exit(2);
  // Either thread may take both chunks before the other wakes; the caller's then forks all the same.
  CHECK((status == 0 || status == 99));
  set_num_threads(before);
}
#endif

TEST_CASE("runs a loop when static objects go", "[.static_loop]") {
  static struct Late {
    ~Late() {
      std::printf("late sum %d\n", static_cast<int>(sum_to(100)));
      std::fflush(stdout);
    }
  } late;
  set_num_threads(3);
  CHECK(sum_to(100) == 4950);
}

TEST_CASE("the pool serves destructors of static objects") {
  const std::string output = run_hidden("[.static_loop]");
  CHECK_THAT(output, Catch::Matchers::ContainsSubstring("late sum 4950"));
  CHECK_THAT(output, Catch::Matchers::ContainsSubstring("status 0"));
}

TEST_CASE("leaves a detached thread at work", "[.detached_loop]") {
  set_num_threads(3);
  static std::atomic<int> rounds = 0;
  std::thread([] {
    for (;; ++rounds)
      if (sum_to(100) != 4950) std::_Exit(3);
  }).detach();
  while (rounds < 10) std::this_thread::yield();
  static struct Late {
    ~Late() {
      const int before = rounds;
      for (int i = 0; i < 5000 && rounds < before + 10; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::printf("%s\n", rounds >= before + 10 ? "still at work" : "stopped");
      std::fflush(stdout);
    }
  } late;
}

TEST_CASE("the pool serves detached threads while the program ends") {
  const std::string output = run_hidden("[.detached_loop]");
  CHECK_THAT(output, Catch::Matchers::ContainsSubstring("still at work"));
  CHECK_THAT(output, Catch::Matchers::ContainsSubstring("status 0"));
}

#include "tests/faults/trials.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <stdexcept>

#include "heddle/base/error.hpp"

namespace faults {
namespace {

namespace fs = std::filesystem;

// What a child leaves for its parent: in memory that both have.
struct Report {
  enum End { nothing, done, error, other };
  End end = nothing;
  std::uint64_t bits = 0;
  std::int64_t calls = 0;
  char message[256] = {};
};

void keep(char (&message)[256], const char* text) {
  std::strncpy(message, text, sizeof message - 1);
}

// The work with the fault in it, then without.
void child(const Fault& fault, const Work& work, std::int64_t n, bool lasting, const std::string& folder, Report& report) {
  ::alarm(120);
  Report::End end = Report::done;
  fault.arm(n, lasting);
  try {
    work.run(folder);
    fault.disarm();
  } catch (const heddle::Error& error) {
    fault.disarm();
    end = Report::error;
    keep(report.message, error.what());
  } catch (const std::exception& error) {
    fault.disarm();
    end = Report::other;
    keep(report.message, error.what());
  }
  report.calls = fault.calls();
  report.bits = work.run(folder);
  report.end = end;
}

// How a child ended: the status that waitpid gives.
int try_once(const Fault& fault, const Work& work, std::int64_t n, bool lasting, Report& report) {
  report = {};
  const std::string folder = (fs::temp_directory_path() / ("heddle-faults-" + std::to_string(::getpid()))).string();
  fs::remove_all(folder);
  fs::create_directories(folder);
  const pid_t id = ::fork();
  if (id < 0) throw std::runtime_error("no more processes");
  if (id == 0) {
    if (const int quiet = ::open("/dev/null", O_WRONLY); quiet >= 0 && n > 0) ::dup2(quiet, 2);  // "terminate called ..."
    try {
      child(fault, work, n, lasting, folder, report);
    } catch (...) {
      ::_exit(3);
    }
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(id, &status, 0) != id) {
  }
  fs::remove_all(folder);
  return status;
}

std::vector<std::int64_t> numbers(std::int64_t calls, int count) {
  std::vector<std::int64_t> all;
  for (std::int64_t n = 1; n <= std::min<std::int64_t>(calls, count); ++n) all.push_back(n);
  const std::int64_t more = std::max(10, count / 5), rest = calls - count;
  for (std::int64_t i = 1; i <= std::min(more, rest); ++i) all.push_back(count + rest * i / std::min(more, rest));
  return all;
}

}  // namespace

int run_trials(const Fault& fault, int count, const std::string& only, bool with_lasting) {
  auto* const report =
      static_cast<Report*>(::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (report == MAP_FAILED) return 2;
  Counts sum;
  for (const Work& work : works()) {
    if (!only.empty() && only != work.name) continue;
    if (try_once(fault, work, 0, false, *report) != 0 || report->end != Report::done) {
      std::printf("%s fails without a fault: %s\n", work.name, report->message);
      return 2;
    }
    const std::uint64_t expected = report->bits;
    const std::int64_t calls = report->calls;
    Counts here;
    for (const bool lasting : {false, true}) {
      if (lasting && !with_lasting) continue;
      for (const std::int64_t n : numbers(calls, count)) {
        const int status = try_once(fault, work, n, lasting, *report);
        ++here.tried;
        const bool ended = report->end == Report::nothing, same = !ended && report->bits == expected;
        here.terminated += ended;
        here.different += !ended && !same;
        here.survived += same;
        here.errors += same && report->end == Report::error;
        here.others += same && report->end == Report::other;
        if (!same)
          std::printf("  %s, call %lld%s: %s (status %d) %s\n", work.name, static_cast<long long>(n),
                      lasting ? " and all later" : "", ended ? "terminated" : "other bits afterwards", status, report->message);
      }
    }
    std::printf("%-12s %6lld calls, tried %4d: %4d succeeded, %4d an Error, %4d another exception\n", work.name,
                static_cast<long long>(calls), here.tried, here.survived - here.errors - here.others, here.errors, here.others);
    std::fflush(stdout);
    sum.tried += here.tried, sum.survived += here.survived, sum.terminated += here.terminated, sum.different += here.different;
  }
  std::printf("tried %d survived %d terminated %d\n", sum.tried, sum.survived, sum.terminated);
  return sum.tried > 0 && sum.survived == sum.tried ? 0 : 1;
}

}  // namespace faults

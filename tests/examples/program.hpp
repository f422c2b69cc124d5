// The example program as a process of its own: started, waited for, killed.
#pragma once

#include <fcntl.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "heddle/base/file.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

namespace heddle::test {

inline std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

/// What a program is started with, besides its arguments.
struct Start {
  rlim_t file_limit = 0;               ///< bytes that a file it writes may have at most; 0: any number
  std::string name = CIFAR10_PROGRAM;  ///< argv[0]
  std::function<void()> before = {};   ///< called in the child, in front of exec
};

inline std::vector<char*> argv_of(std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return argv;
}

class Program {
 public:
  explicit Program(std::vector<std::string> arguments, const Start& start = {}) {
    arguments.insert(arguments.begin(), start.name);
    const std::vector<char*> argv = argv_of(arguments);
    const std::string out = (folder_ / "out").string(), err = (folder_ / "err").string();
    for (const auto& file : {out, err}) write_file(file, "");
    child_ = fork();
    REQUIRE(child_ >= 0);
    if (child_ != 0) return;
    ::dup2(::open(out.c_str(), O_WRONLY | O_APPEND), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_WRONLY | O_APPEND), STDERR_FILENO);
    ::unsetenv("CIFAR10_DIR");
    if (start.file_limit) {
      const rlimit limit{start.file_limit, start.file_limit};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (start.before) start.before();
    ::execv(CIFAR10_PROGRAM, argv.data());
    ::_exit(127);
  }
  ~Program() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    wait();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number) const { REQUIRE(::kill(child_, number) == 0); }
  bool runs() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
  }
  /// Its exit status, or minus the signal that ended it.
  int wait() {
    int status = 0;
    REQUIRE(::waitpid(child_, &status, 0) == child_);
    child_ = 0;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  std::string out() const { return read_file(folder_ / "out"); }
  std::string err() const { return read_file(folder_ / "err"); }

 private:
  Folder folder_;
  pid_t child_ = 0;
};

struct Said {
  int status;
  std::string out, err;
};
/// Starts it and waits for it.
inline Said run(std::vector<std::string> arguments, const Start& start = {}) {
  Program program(std::move(arguments), start);
  const int status = program.wait();
  return {status, program.out(), program.err()};
}

struct Terminal {
  unsigned short columns = 0;  ///< 0: it does not know its size
  bool no_color = true;
  std::string COLUMNS = {};
};
/// All that appears on a terminal on which it runs to its end.
inline std::string run_on(const Terminal& terminal, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), CIFAR10_PROGRAM);
  const std::vector<char*> argv = argv_of(arguments);
  const winsize size{24, terminal.columns, 0, 0};
  int master = -1;
  const pid_t child = ::forkpty(&master, nullptr, nullptr, &size);
  if (child == 0) {
    ::setenv("TERM", "xterm", 1);
    terminal.no_color ? ::setenv("NO_COLOR", "1", 1) : ::unsetenv("NO_COLOR");
    terminal.COLUMNS.empty() ? ::unsetenv("COLUMNS") : ::setenv("COLUMNS", terminal.COLUMNS.c_str(), 1);
    ::execv(CIFAR10_PROGRAM, argv.data());
    ::_exit(127);
  }
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = ::read(master, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(got));
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(master);
  CHECK(status == 0);
  return text;
}

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

inline std::vector<std::string> tiny_training(const std::filesystem::path& folder) {
  return words("train --arch compact --data synthetic --limit 64 --test-limit 32 --batch 16 --epochs 2 --device cpu --out " +
               folder.string());
}

}  // namespace heddle::test

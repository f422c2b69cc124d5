#include "heddle/data/download.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <vector>

#include "heddle/base/check.hpp"
#include "heddle/data/cifar.hpp"
#include "heddle/data/md5.hpp"
#include "heddle/data/synthetic.hpp"

extern char** environ;

namespace heddle::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* standard_folder = "cifar-10-batches-bin";

struct ChildResult {
  bool started = false;
  int status = -1;
};

// Runs a program found on the path, without a shell, and waits for it. Its messages go to `messages`, or where ours go
// when that is empty.
ChildResult run(const std::vector<std::string>& arguments, const fs::path& messages) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!messages.empty())
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  pid_t child = 0;
  ChildResult result;
  result.started = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  if (!result.started) return result;
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return result;
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

std::string last_line(const fs::path& path) {
  std::string last;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) last = line;
  return last;
}

// The files of a download on their way, which go when it ends, however it ends. The lock makes a second program that wants
// the same data wait for the first.
class Partial {
 public:
  explicit Partial(const fs::path& folder)
      : archive(folder / ".cifar-10-binary.tar.gz.part"),
        unpacked(folder / ".cifar-10-binary.part"),
        messages(folder / ".cifar-10.log") {
    lock_ = open(archive.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    check(lock_ >= 0, "find_cifar10", "expected to write into '{}', got: {}", folder.string(), std::strerror(errno));
    while (flock(lock_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~Partial() {
    std::error_code ignored;
    for (const auto& path : {archive, unpacked, messages}) fs::remove_all(path, ignored);
    close(lock_);
  }
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;

  const fs::path archive, unpacked, messages;

 private:
  int lock_;
};

void fetch(const FindOptions& options, const Partial& partial) {
  const std::string timeout = std::to_string(options.connect_timeout_seconds), target = partial.archive.string();
  const bool terminal = isatty(STDERR_FILENO);
  const fs::path messages = terminal ? fs::path() : partial.messages;
  // Aborted after half a minute below 1 kB/s too: a dead line must not hang a program.
  std::vector<std::string> curl = {"curl",     "--fail",        "--location", "--show-error", "--connect-timeout",
                                   timeout,    "--speed-limit", "1024",       "--speed-time", "30",
                                   "--output", target,          options.url};
  curl.insert(curl.begin() + 1, terminal ? "--progress-bar" : "--silent");
  const char* program = "curl";
  ChildResult result = run(curl, messages);
  if (!result.started) {
    program = "wget";
    result = run({"wget", "--no-verbose", "--tries=1", "--timeout=" + timeout, "--output-document=" + target, options.url},
                 messages);
  }
  check(result.started, "download", "expected curl or wget, found neither");
  if (result.status != 0) {
    const std::string why = terminal ? std::string() : last_line(partial.messages);
    fail("download", why.empty() ? strings::format("{} ended with status {}", program, result.status) : why);
  }
}

// Leaves options.download_folder/cifar-10-batches-bin behind, complete, or throws.
void download(const FindOptions& options) {
  fs::create_directories(options.download_folder);
  const Partial partial(options.download_folder);
  if (has_cifar10(options.download_folder)) return;  // another program brought it while we waited
  std::cerr << "downloading CIFAR-10 (about 170 MB) from " << options.url << " to " << options.download_folder.string()
            << std::endl;
  fetch(options, partial);
  const std::string md5 = detail::md5_of_file(partial.archive);
  check(md5 == options.md5, "download", "expected an archive of MD5 {} from {}, got {}", options.md5, options.url, md5);
  fs::remove_all(partial.unpacked);
  fs::create_directory(partial.unpacked);
  const ChildResult unpacked =
      run({"tar", "-xzf", partial.archive.string(), "-C", partial.unpacked.string(), "--no-same-owner"}, partial.messages);
  check(unpacked.started, "download", "expected the program tar, found none");
  check(unpacked.status == 0, "download", "expected tar to unpack the archive, got: {}", last_line(partial.messages));
  check(has_cifar10(partial.unpacked), "download", "expected {} in the archive, found none", standard_folder);
  fs::rename(partial.unpacked / standard_folder, options.download_folder / standard_folder);
}

DataChoice found(const fs::path& folder, const std::string& how) {
  DataChoice choice;
  choice.train = read_cifar10(folder, Split::train);
  choice.test = read_cifar10(folder, Split::test);
  choice.message = strings::format("CIFAR-10 from '{}' ({})", folder.string(), how);
  return choice;
}

DataChoice stand_in(const FindOptions& options, const std::string& why) {
  DataChoice choice;
  choice.synthetic = true;
  choice.train = synthetic({.count = options.synthetic_train, .seed = options.synthetic_seed, .split = Split::train});
  choice.test = synthetic({.count = options.synthetic_test, .seed = options.synthetic_seed, .split = Split::test});
  choice.message = strings::format("SYNTHETIC IMAGES, NOT CIFAR-10: accuracies on them say nothing about CIFAR-10 ({})", why);
  return choice;
}

DataChoice named(const fs::path& folder, const std::string& how) {
  check(has_cifar10(folder), "find_cifar10", "expected CIFAR-10's data_batch_1.bin in '{}' or its folder {} ({}), found none",
        folder.string(), standard_folder, how);
  return found(folder, how);
}

}  // namespace

DataChoice find_cifar10(const FindOptions& options) {
  if (options.folder == "synthetic") return stand_in(options, "as asked");
  if (!options.folder.empty()) return named(options.folder, "as asked");
  if (const char* variable = std::getenv("CIFAR10_DIR"); variable && *variable) return named(variable, "from $CIFAR10_DIR");
  if (has_cifar10(options.download_folder)) return found(options.download_folder, "found there");
  std::string why = "downloading is off";
  if (options.download) {
    bool complete = false;
    try {
      download(options);
      complete = true;
    } catch (const std::exception& error) {
      why = strings::format("downloading from {} failed: {}", options.url, error.what());
    }
    if (complete) return found(options.download_folder, "downloaded from " + options.url);
  }
  return stand_in(options, strings::format("none in '{}', and {}", options.download_folder.string(), why));
}

}  // namespace heddle::data

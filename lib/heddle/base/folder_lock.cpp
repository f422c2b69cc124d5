#include "heddle/base/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "heddle/base/check.hpp"
#include "heddle/base/printable.hpp"

namespace heddle {
namespace {

constexpr std::string_view where = "lock";

std::string host_name() {
  char host[256] = "";
  return ::gethostname(host, sizeof host - 1) == 0 && *host ? host : "localhost";
}

// "process 12 on host", as its holder wrote it.
std::string holder_in(std::string_view line) {
  line = line.substr(0, line.find('\n'));
  return line.empty() ? "another process" : strings::printable(line);
}

// Whether the file is still the one of that name: its holder removes it before it lets go.
bool is_at(int descriptor, const std::filesystem::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

}  // namespace

FolderLock::FolderLock(std::filesystem::path folder, std::filesystem::path file) noexcept
    : folder_(std::move(folder)), file_(std::move(file)), process_(::getpid()) {}

// What is thrown from here lets go: the other constructor has made the object.
FolderLock::FolderLock(std::filesystem::path folder) : FolderLock(folder, folder / file_name) {
  for (;;) {
    descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    check(descriptor_ >= 0, where, "expected {} to be opened for writing, got: {}", file_.string(), std::strerror(errno));
    int result;
    do result = ::flock(descriptor_, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EWOULDBLOCK) {
      char text[400];
      const ssize_t length = ::pread(descriptor_, text, sizeof text, 0);
      ::close(std::exchange(descriptor_, -1));
      const std::string holder = holder_in({text, length > 0 ? static_cast<std::size_t>(length) : 0});
      fail(where,
           strings::format("expected {} for this process alone, got one that is in use by {}", folder_.string(), holder));
    }
    holds_ = result == 0;
    if (is_at(descriptor_, file_)) break;
    ::close(std::exchange(descriptor_, -1));
  }
  const std::string line = strings::format("process {} on {}\n", process_, host_name());
  // For people: on a full disk the lock is held without it.
  if (::ftruncate(descriptor_, 0) == 0 && ::pwrite(descriptor_, line.data(), line.size(), 0) < 0) return;
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : folder_(std::move(other.folder_)),
      file_(std::move(other.file_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      process_(other.process_),
      holds_(other.holds_) {}

FolderLock::~FolderLock() {
  if (descriptor_ < 0) return;
  if (process_ == ::getpid() && is_at(descriptor_, file_)) ::unlink(file_.c_str());
  ::close(descriptor_);
}

}  // namespace heddle

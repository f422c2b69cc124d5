#include "heddle/base/file_target.hpp"

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace heddle::detail {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Links in /proc lead to open files, not to names: what they say (pipe:[4711], /tmp/gone (deleted)) is for people.
bool is_in_proc(const fs::path& path) {
  constexpr decltype(statfs::f_type) proc_magic = 0x9fa0;
  struct statfs system {};
  return ::statfs(folder_of(path).c_str(), &system) == 0 && system.f_type == proc_magic;
}

// The number of this process's descriptor that /dev/fd/3, /dev/stdout, ... stand for; -1: none of them.
int own_descriptor(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.empty() || name.size() > 9 || name.find_first_not_of("0123456789") != std::string::npos) return -1;
  struct stat here {
  }, own{};
  if (::stat(folder_of(path).c_str(), &here) != 0 || ::stat("/proc/self/fd", &own) != 0) return -1;
  return here.st_dev == own.st_dev && here.st_ino == own.st_ino ? std::atoi(name.c_str()) : -1;
}

}  // namespace

int find_target(const fs::path& path, FileTarget& target) {
  constexpr int most_links = 40;  // as Linux
  target.path = path;
  for (int links = 0;; ++links) {
    if (::lstat(target.path.c_str(), &target.status) != 0) {
      if (errno != ENOENT) return -1;
      target.kind = FileTarget::Kind::absent;
      struct stat parent {};
      return ::stat(folder_of(target.path).c_str(), &parent);
    }
    if (!S_ISLNK(target.status.st_mode)) break;
    if (is_in_proc(target.path)) {
      if (::stat(target.path.c_str(), &target.status) != 0) return -1;
      target.kind = FileTarget::Kind::other;
      return 0;
    }
    if (links == most_links) return errno = ELOOP, -1;
    char text[PATH_MAX + 1];
    const ssize_t length = ::readlink(target.path.c_str(), text, PATH_MAX);
    if (length < 0) return -1;
    const fs::path next(std::string(text, static_cast<std::size_t>(length)));
    target.path = next.is_absolute() ? next : folder_of(target.path) / next;
  }
  if (S_ISDIR(target.status.st_mode)) return errno = EISDIR, -1;
  target.kind = S_ISREG(target.status.st_mode) ? FileTarget::Kind::regular : FileTarget::Kind::other;
  return 0;
}

int open_other(const FileTarget& target) {
  const int own = own_descriptor(target.path);
  if (own < 0) return ::open(target.path.c_str(), O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
  if (own == STDOUT_FILENO) std::fflush(stdout);  // what was printed before comes before
  return ::fcntl(own, F_DUPFD_CLOEXEC, 0);
}

}  // namespace heddle::detail

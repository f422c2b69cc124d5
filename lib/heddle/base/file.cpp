#include "heddle/base/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>

#include "heddle/base/check.hpp"
#include "heddle/base/file_target.hpp"
#include "heddle/base/folder.hpp"

namespace heddle {

namespace {

namespace fs = std::filesystem;
using detail::FileTarget;
constexpr std::string_view part = ".part";

// "f.part12-0" is to become "f"; what has no such ending is no temporary file.
struct Part {
  std::string name;
  pid_t process;
};
std::optional<Part> part_of(const std::string& file) {
  const std::size_t at = file.rfind(part);
  if (at == std::string::npos || at == 0) return {};
  const std::string ending = file.substr(at + part.size());
  const std::size_t dash = ending.find('-');
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.size() < 11 && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (dash == std::string::npos || !is_number(std::string_view(ending).substr(0, dash)) ||
      !is_number(std::string_view(ending).substr(dash + 1)))
    return {};
  return Part{file.substr(0, at), static_cast<pid_t>(std::atoll(ending.c_str()))};
}

// A name that no other writer of this process uses. One that would be too long for a file system loses its end.
fs::path temporary_name(const fs::path& path) {
  static std::atomic<unsigned> number{0};
  const std::string ending = strings::format("{}{}-{}", part, ::getpid(), number.fetch_add(1));
  std::string name = path.filename().string();
  if (name.size() + ending.size() > NAME_MAX) name.resize(NAME_MAX - ending.size());
  return path.parent_path() / (name + ending);
}

// Whether the writer of a temporary file is gone: it holds a lock for as long as it lives, in whatever container or (as far
// as the file system's locks reach) on whatever machine. Where there are no locks the process number decides.
bool is_abandoned(const fs::path& path, pid_t process) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct stat status {};
  bool gone = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  if (gone && ::flock(descriptor, LOCK_EX | LOCK_NB) != 0)
    gone = errno != EWOULDBLOCK && ::kill(process, 0) != 0 && errno == ESRCH;
  if (gone) ::unlink(path.c_str());  // while it is locked: a writer that has just made it looks again
  ::close(descriptor);
  return gone;
}

// The mode and, where permitted, the owner of the file that is replaced. Where the group cannot be kept, the new group may
// do no more than anybody.
void take_over(int descriptor, const struct stat& old) {
  mode_t mode = old.st_mode & 07777;
  if (::fchown(descriptor, old.st_uid, old.st_gid) != 0 && ::fchown(descriptor, static_cast<uid_t>(-1), old.st_gid) != 0)
    mode = static_cast<mode_t>((mode & 01707) | ((mode & 07) << 3));
  if (::fchmod(descriptor, mode) != 0) return;  // a file system without modes has none to keep
}

}  // namespace

void remove_abandoned(const fs::path& folder, const std::function<bool(const std::string& name)>& ours) {
  int error = 0;
  for (const auto& name : detail::names_in(folder, error))
    if (const auto found = part_of(name); found && ours(found->name)) is_abandoned(folder / name, found->process);
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  FileTarget target;
  if (detail::find_target(path_, target) != 0) refuse("opened for writing");
  target_ = target.path;
  if (target.kind == FileTarget::Kind::other) {
    descriptor_ = detail::open_other(target);
    if (descriptor_ < 0) refuse("opened for writing");
    return;
  }
  // A file that may not be written is not replaced either, although the folder would let us.
  if (target.kind == FileTarget::Kind::regular && ::faccessat(AT_FDCWD, target_.c_str(), W_OK, AT_EACCESS) != 0)
    refuse("opened for writing");
  const std::string mine = part_of(temporary_name(target_).filename().string()).value_or(Part{}).name;
  remove_abandoned(target_.has_parent_path() ? target_.parent_path() : fs::path("."),
                   [&](const std::string& name) { return name == mine; });
  open_temporary();
  if (target.kind == FileTarget::Kind::regular) take_over(descriptor_, target.status);
}

void AtomicFile::open_temporary() {
  for (;;) {
    temporary_ = temporary_name(target_);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno == EEXIST) continue;  // of a process that had the same number
    if (descriptor_ < 0) refuse("opened for writing (under a temporary name beside it)");
    ::flock(descriptor_, LOCK_EX);  // says that its writer lives
    struct stat status {};
    if (::fstat(descriptor_, &status) == 0 && status.st_nlink > 0) return;
    ::close(descriptor_);  // taken for abandoned before it was locked
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::refuse(const char* what) {
  const int reason = errno;
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    descriptor_ = -1;
  }
  fail("file", strings::format("expected {} to be {}, got: {}", path_.string(), what, std::strerror(reason)));
}

void AtomicFile::write(const void* bytes, std::size_t count) {
  const char* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = ::write(descriptor_, next, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      refuse("written");
    }
    next += written;
    count -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  // A pipe, a terminal and some mounts have nothing to flush.
  if (::fsync(descriptor_) != 0 && !(temporary_.empty() && (errno == EINVAL || errno == ENOTSUP || errno == EROFS)))
    refuse("flushed to the disk");
  if (!temporary_.empty() && ::rename(temporary_.c_str(), target_.c_str()) != 0) refuse("renamed into place");
  ::close(descriptor_);
  descriptor_ = -1;
  if (temporary_.empty()) return;
  // The rename itself lasts only once the folder is on the disk too; a file system that cannot do that is not at fault.
  const auto folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  if (const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

AppendFile::AppendFile(fs::path path) : path_(std::move(path)) {
  FileTarget target;
  if (detail::find_target(path_, target) == 0)
    descriptor_ = target.kind == FileTarget::Kind::other
                      ? detail::open_other(target)
                      : ::open(target.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
  check(descriptor_ >= 0, "file", "expected {} to be opened for writing, got: {}", path_.string(), std::strerror(errno));
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::append(std::string_view piece) {
  struct stat status {};
  const bool regular = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  const off_t before = regular ? ::lseek(descriptor_, 0, SEEK_END) : -1;
  while (!piece.empty()) {
    const ssize_t written = ::write(descriptor_, piece.data(), piece.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      // Half a piece is worse than none for whoever reads the file.
      const int reason = errno;
      const bool cut = before >= 0 && ::ftruncate(descriptor_, before) == 0;
      fail("file", strings::format("expected {} to be written, got: {}{}", path_.string(), std::strerror(reason),
                                   cut ? "" : " (its last piece is not whole)"));
    }
    piece.remove_prefix(static_cast<std::size_t>(written));
  }
  // What cannot be flushed (a pipe, some mounts) is not at fault.
  const bool flushed = ::fsync(descriptor_) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS;
  check(flushed, "file", "expected {} to be flushed to the disk, got: {}", path_.string(), std::strerror(errno));
}

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string read_file(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto refuse = [&](int reason) {
    if (descriptor >= 0) ::close(descriptor);
    fail("file", strings::format("expected {} to be readable, got: {}", path.string(), std::strerror(reason)));
  };
  if (descriptor < 0) refuse(errno);
  std::string text;
  struct stat status {};
  try {
    if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) text.reserve(static_cast<std::size_t>(status.st_size));
    char buffer[1 << 16];
    for (;;) {
      const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) refuse(errno);
      if (got == 0) break;
      text.append(buffer, static_cast<std::size_t>(got));
    }
  } catch (const std::bad_alloc&) {
    refuse(ENOMEM);
  } catch (const std::length_error&) {
    refuse(EFBIG);
  }
  ::close(descriptor);
  return text;
}

}  // namespace heddle

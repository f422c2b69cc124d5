#include "heddle/download/partial_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "heddle/base/check.hpp"

namespace heddle::download::detail {
namespace {

// Whether the name still leads to the open file: another program may have renamed or removed it while we waited.
bool same_file(int descriptor, const std::filesystem::path& path) {
  struct stat ours {
  }, there{};
  return ::fstat(descriptor, &ours) == 0 && ::lstat(path.c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
         ours.st_ino == there.st_ino;
}

}  // namespace

PartialFile::PartialFile(const std::filesystem::path& path) : path_(path), part_(path.string() + ".part") {
  do {
    file_ = Descriptor(::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
    if (!file_.valid()) refuse("be opened");
    while (::flock(file_.value(), LOCK_EX) != 0)
      if (errno != EINTR) refuse("be locked");
  } while (!same_file(file_.value(), part_));
  struct stat status {};
  if (::fstat(file_.value(), &status) != 0) refuse("be looked at");
  check(S_ISREG(status.st_mode), "fetch", "expected '{}' to be a regular file, got something else", part_.string());
  size_ = static_cast<std::uint64_t>(status.st_size);
  if (::lseek(file_.value(), 0, SEEK_END) < 0) refuse("be extended");
}

PartialFile::~PartialFile() {
  if (!committed_ && size_ == 0) ::unlink(part_.c_str());
}

bool PartialFile::append(const char* bytes, std::size_t count) noexcept {
  while (count > 0) {
    const ssize_t put = ::write(file_.value(), bytes, count);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes += put;
    count -= static_cast<std::size_t>(put);
    size_ += static_cast<std::uint64_t>(put);
  }
  return true;
}

void PartialFile::clear() {
  if (::ftruncate(file_.value(), 0) != 0 || ::lseek(file_.value(), 0, SEEK_SET) < 0) refuse("be emptied");
  size_ = 0;
}

void PartialFile::commit() {
  if (::fsync(file_.value()) != 0) refuse("be flushed to the disk");
  if (std::rename(part_.c_str(), path_.c_str()) != 0) refuse("be renamed");
  committed_ = true;
}

void PartialFile::refuse(const char* what) const {
  const int reason = errno;
  fail("fetch", strings::format("expected '{}' to {}, got: {}", part_.string(), what, std::strerror(reason)));
}

}  // namespace heddle::download::detail

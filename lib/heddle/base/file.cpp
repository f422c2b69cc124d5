#include "heddle/base/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "heddle/base/check.hpp"

namespace heddle {

namespace {

// A name that no other writer uses, in this process or another.
std::filesystem::path temporary_name(const std::filesystem::path& path) {
  static std::atomic<unsigned> number{0};
  return strings::format("{}.part{}-{}", path.string(), ::getpid(), number.fetch_add(1));
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)), temporary_(temporary_name(path_)) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) refuse("opened for writing");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::refuse(const char* what) {
  const int reason = errno;
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
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
  if (::fsync(descriptor_) != 0) refuse("flushed to the disk");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) refuse("renamed into place");
  ::close(descriptor_);
  descriptor_ = -1;
  // The rename itself lasts only once the folder is on the disk too; a file system that cannot do that is not at fault.
  const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  if (const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

AppendFile::AppendFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  check(descriptor_ >= 0, "file", "expected {} to be opened for writing, got: {}", path_.string(), std::strerror(errno));
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::append(std::string_view piece) {
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
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
  const bool flushed = ::fsync(descriptor_) == 0 || errno == EINVAL || errno == ENOTSUP;
  check(flushed, "file", "expected {} to be flushed to the disk, got: {}", path_.string(), std::strerror(errno));
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string read_file(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("file", strings::format("expected {} to be readable, got: {}", path.string(), std::strerror(errno)));
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int reason = errno;
      ::close(descriptor);
      fail("file", strings::format("expected {} to be readable, got: {}", path.string(), std::strerror(reason)));
    }
    if (got == 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  return text;
}

}  // namespace heddle

// Files that are there whole or not at all, and files that grow.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// Writes to a temporary name beside `path`; commit() flushes it to the disk and renames it into place. A writer that goes
/// away uncommitted leaves what was at `path` untouched and removes its temporary file. Every failed write is an Error
/// that names the file and the system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* bytes, std::size_t count);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  [[noreturn]] void refuse(const char* what);

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

/// A file that grows by whole pieces, each of which is on the disk when append() returns: what a run that is killed has told
/// so far. Every failed write is an Error that names the file and the system's reason.
class AppendFile {
 public:
  /// Starts an empty file; one that was there is gone.
  explicit AppendFile(std::filesystem::path path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void append(std::string_view piece);
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// The whole text as a file, atomically.
void write_file(const std::filesystem::path& path, std::string_view text);
/// The whole file; an Error names the path and the system's reason.
std::string read_file(const std::filesystem::path& path);

}  // namespace heddle
HD_API_END

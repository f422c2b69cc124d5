// Files that are there whole or not at all, and files that grow.
//
// A name stands for what it leads to: symbolic links are followed and stay, an existing file keeps its mode and, where the
// system lets us, its owner, and what is no regular file (a terminal, /dev/stdout, a pipe) is written straight into.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// Writes to a temporary name (NAME.partPROCESS-NUMBER) beside the file that `path` leads to; commit() flushes it to the disk
/// and renames it into place. A writer that goes away uncommitted leaves what was there untouched and removes its temporary
/// file; one that was killed leaves it, and the next writer of the same file removes it. A new file has the mode 0666 less
/// the umask. What is no regular file has no temporary name: its bytes are written as they come. Other names (hard links)
/// of a file that is replaced keep its old bytes.
///
/// Error, which names the file and the system's reason: a folder or a file that may not be written at `path`, links that go
/// round in a circle, a failed write.
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
  void open_temporary();

  std::filesystem::path path_, target_, temporary_;  // as named; behind all links; empty for what is no regular file
  int descriptor_ = -1;
};

/// A file that grows by whole pieces, each of which is on the disk when append() returns: what a run that is killed has
/// reported so far. Every failed write is an Error that names the file and the system's reason.
class AppendFile {
 public:
  /// Starts an empty file; what a regular file held is gone.
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

/// Removes the temporary files of AtomicFile in a folder whose writers are gone (killed, that is), where `ours` says yes to
/// the name of the file that they were to become. A living writer's file is locked and stays.
void remove_abandoned(const std::filesystem::path& folder, const std::function<bool(const std::string& name)>& ours);

}  // namespace heddle
HD_API_END

// A folder for one process at a time.
#pragma once

#include <filesystem>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// Holds a folder by a lock on the file heddle.lock in it, for as long as it lives. The system lets go of it when the process
/// ends, however it ends: a file that a killed process left holds nobody up, and is used again. On NFS the lock reaches the
/// other machines where the server has locks.
class FolderLock {
 public:
  static constexpr const char* file_name = "heddle.lock";

  /// Error that names the folder and, as far as the file says it, the process and the machine that hold it; Error when the
  /// file cannot be written. The folder must be there.
  explicit FolderLock(std::filesystem::path folder);
  /// Lets go, and removes the file.
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;

  /// False on a file system without locks, where nothing keeps a second process out.
  bool holds() const { return holds_; }

 private:
  FolderLock(std::filesystem::path folder, std::filesystem::path file) noexcept;

  std::filesystem::path folder_, file_;
  int descriptor_ = -1;
  int process_ = 0;  // a forked child leaves its parent's file where it is
  bool holds_ = false;
};

}  // namespace heddle
HD_API_END

// Where a command puts what it writes: a folder for this process alone, in which nothing of others is lost.
#pragma once

#include <filesystem>
#include <optional>

#include "heddle/heddle.hpp"

namespace cifar10 {

class RunFolder {
 public:
  /// The folder that is named, made where it is not there; where none is (an empty path) a new one: base, base-2, base-3, ...
  /// It is locked before anything is touched: Error, which names the other process, when one works there.
  RunFolder(const std::filesystem::path& named, const std::filesystem::path& base);
  /// A folder that was made and in which nothing was written goes again.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Room for a new run: an earlier one's files are moved into previous-1, previous-2, .... Error when files of the names that
  /// a run writes are not of a run of ours: a folder is one by its config.json.
  void make_room() const;

 private:
  std::filesystem::path path_;
  bool made_ = false;
  std::optional<heddle::FolderLock> lock_;
};

}  // namespace cifar10

// A file on its way: `path`.part, locked against other programs, and renamed once it is whole. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "heddle/download/descriptor.hpp"

namespace heddle::download::detail {

class PartialFile {
 public:
  /// Opens or creates it, and waits for whoever writes it. Error when it cannot be written, or is no regular file.
  explicit PartialFile(const std::filesystem::path& path);
  /// What is empty goes; what holds bytes stays, to be gone on with.
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::filesystem::path& part() const { return part_; }
  std::uint64_t size() const { return size_; }
  /// Appends; false with errno set where the system refuses.
  bool append(const char* bytes, std::size_t count) noexcept;
  /// Starts anew. Error where the system refuses.
  void clear();
  /// Flushes it to the disk and gives it its name. Error where the system refuses.
  void commit();

 private:
  [[noreturn]] void refuse(const char* what) const;

  std::filesystem::path path_, part_;
  Descriptor file_;
  std::uint64_t size_ = 0;
  bool committed_ = false;
};

}  // namespace heddle::download::detail

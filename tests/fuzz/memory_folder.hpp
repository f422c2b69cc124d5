// A folder for files that a target must have on a disk: in memory where the system has a place for that. Gone with the program.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/fuzz/target.hpp"

namespace heddle::fuzz {

class MemoryFolder {
 public:
  MemoryFolder() {
    std::error_code none;
    const std::filesystem::path memory = "/dev/shm";
    const bool there = std::filesystem::is_directory(memory, none);
    std::string name = ((there ? memory : std::filesystem::temp_directory_path()) / "heddle-fuzz-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, "there is a place for a folder");
    path_ = name;
  }
  ~MemoryFolder() {
    std::error_code none;
    std::filesystem::remove_all(path_, none);
  }
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace heddle::fuzz

// What a path leads to, for whoever wants to write there. Internal: file.cpp opens it.
#pragma once

#include <sys/stat.h>

#include <filesystem>

namespace heddle::detail {

struct FileTarget {
  enum class Kind { absent, regular, other };  // other: a terminal, a pipe, /dev/null, ...
  Kind kind = Kind::absent;
  std::filesystem::path path;  ///< behind all symbolic links, which may lead to nothing yet
  struct stat status = {};     ///< unless absent
};

/// Follows the links. -1 with errno: links in a circle, a folder at the end (EISDIR), a parent that is not there.
int find_target(const std::filesystem::path& path, FileTarget& target);
/// Opens what is no regular file for writing. /dev/stdout and its like are this process's own descriptors once more, at their
/// own position: a shell's `> file` goes on behind what is written here. -1 with errno.
int open_other(const FileTarget& target);

}  // namespace heddle::detail

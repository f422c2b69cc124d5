// Archives unpacked, whole or not at all, by libarchive. Of the component heddle::download; the umbrella heddle.hpp does not
// include it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle::download {

struct UnpackOptions {
  /// The files that may be in the archive, by their paths in it; any other is an Error. Empty: any.
  std::vector<std::string> members = {};
  std::uint64_t max_bytes = 16ull << 30;  ///< of all files together
  std::size_t max_members = 1'000'000;    ///< files and folders
};

/// Unpacks a tar (plain, gzip, bzip2, xz or zstd) or zip archive as `folder`, which must not exist yet and appears once
/// everything is in it. Files get the mode 0666 less the umask. Error that names the archive, and nothing is left behind, when
/// it is damaged, exceeds a limit, holds a path that is absolute or leads upwards, a file twice, a link, a device, or a file
/// that is not among options.members.
void unpack(const std::filesystem::path& archive, const std::filesystem::path& folder, const UnpackOptions& options = {});

}  // namespace heddle::download
HD_API_END

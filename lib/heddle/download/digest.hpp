// Checksums of files, by OpenSSL: whether a download is the file that was meant. Of the component heddle::download.
#pragma once

#include <filesystem>
#include <string>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle::download {

/// MD5 tells a complete download from a broken one; sha256 also protects against malice.
enum class Digest { md5, sha256 };

/// The file's checksum, 32 or 64 hexadecimal digits in lower case. Error when it cannot be read, or this system's OpenSSL
/// does not offer the digest.
std::string digest_of_file(const std::filesystem::path& path, Digest digest);

}  // namespace heddle::download
HD_API_END

// Files from the network, whole or not at all, by libcurl. Of the component heddle::download; the umbrella heddle.hpp does
// not include it.
//
// What arrives is kept in `path`.part until all of it is there and its checksum is right; then it is flushed to the disk and
// renamed. A transfer that breaks is tried again, and where a checksum can tell that the pieces fit, it goes on where it
// stopped, also in a later run. A second program that fetches the same file waits for the first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "heddle/base/connection_error.hpp"
#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle::download {

struct FetchOptions {
  std::string md5 = {}, sha256 = {};      ///< what the file must have, in hexadecimal digits; empty: not checked
  std::uint64_t max_bytes = 16ull << 30;  ///< a longer file is refused
  int connect_timeout_seconds = 10;
  int stall_timeout_seconds = 30;  ///< fewer than 1024 bytes a second for so long: the transfer is broken
  int tries = 3;                   ///< of a transfer that breaks once a server has answered
  std::uint64_t max_redirects = 10;
  /// Called about once a second, and at the end, with the bytes that are there and the size of the file, 0 where the server
  /// does not say it. What it throws ends the transfer and goes to the caller.
  std::function<void(std::uint64_t bytes, std::uint64_t total)> progress = {};
};

/// Brings `url` (https, http or file) to `path`, whose folder exists. Nothing is transferred where a file with the right
/// checksum is there. Certificates are checked, https is never left by a redirect, and proxies are those of the environment
/// (https_proxy, http_proxy, all_proxy, no_proxy).
/// ConnectionError where no server can be reached (no such name, no route, refused, a proxy that does not let through);
/// Error where one answers and does not give the file, where it comes with another checksum (both are named), is too long,
/// or cannot be written.
void fetch(const std::string& url, const std::filesystem::path& path, const FetchOptions& options = {});

}  // namespace heddle::download
HD_API_END

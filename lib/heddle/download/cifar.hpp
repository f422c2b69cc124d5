// CIFAR-10 from its author's server. Of the component heddle::download; the umbrella heddle.hpp does not include it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle::download {

struct Cifar10Options {
  std::string url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
  std::string md5 = "c32a1d4ab5d03f1284b67883e8d87530";
  /// See FetchOptions.
  int connect_timeout_seconds = 10, stall_timeout_seconds = 30, tries = 3;
  std::function<void(std::uint64_t bytes, std::uint64_t total)> progress = {};
};

/// Leaves folder/cifar-10-batches-bin behind, complete: about 170 MB are fetched and 184 MB unpacked. `folder` is made where it
/// is missing. A broken download is gone on with by the next call. Two programs that do this at once end with one copy.
/// Returns at once where the data is there. ConnectionError and Error as fetch() and unpack().
///
///     data::find_cifar10({.download = [](const auto& folder) { download::cifar10(folder); }});
void cifar10(const std::filesystem::path& folder, const Cifar10Options& options = {});

}  // namespace heddle::download
HD_API_END

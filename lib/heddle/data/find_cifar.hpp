// CIFAR-10 from wherever this machine has it, or can get it, and a sentence that says from where.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "heddle/base/export.hpp"
#include "heddle/data/dataset.hpp"

HD_API_BEGIN
namespace heddle::data {

struct FindOptions {
  /// Where the user says the data is; empty: $CIFAR10_DIR, then `download_folder`. "synthetic" asks for the stand-in.
  std::filesystem::path folder = {};
  /// Where a download is kept, as download_folder/cifar-10-batches-bin.
  std::filesystem::path download_folder = "data";
  /// Brings the data to the folder that it is called with, or throws: ConnectionError where no server can be reached, and
  /// then the stand-in serves; any other exception goes to the caller. download::cifar10 of the component heddle::download is
  /// one. Empty: nothing is downloaded.
  std::function<void(const std::filesystem::path& folder)> download = {};
  /// Why `download` is empty, for the message.
  std::string no_download = "downloading is off";
  /// Sizes and seed of the stand-in.
  std::int64_t synthetic_train = 50000, synthetic_test = 10000;
  std::uint64_t synthetic_seed = 0;
};

struct DataChoice {
  ImageDataset train, test;
  bool synthetic = false;  ///< the stand-in, whose accuracies say nothing about CIFAR-10
  std::string message;     ///< what was found where, or why the stand-in serves, in one line
};

/// Reads CIFAR-10 from options.folder; else from $CIFAR10_DIR; else from options.download_folder; else downloads it there;
/// else, where downloading is off or no server can be reached, draws the stand-in. A folder that was named (by option or
/// environment) and does not hold the data is an Error; so are files that are there and wrong or incomplete, and a download
/// that fails once a server answers.
DataChoice find_cifar10(const FindOptions& options = {});

}  // namespace heddle::data
HD_API_END

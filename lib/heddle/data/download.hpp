// CIFAR-10 from wherever this machine can get it, and a sentence that says from where.
#pragma once

#include <cstdint>
#include <filesystem>
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
  bool download = true;
  std::string url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
  std::string md5 = "c32a1d4ab5d03f1284b67883e8d87530";
  int connect_timeout_seconds = 10;
  /// Sizes and seed of the stand-in.
  std::int64_t synthetic_train = 50000, synthetic_test = 10000;
  std::uint64_t synthetic_seed = 0;
};

struct DataChoice {
  ImageDataset train, test;
  bool synthetic = false;  ///< the stand-in, whose accuracies say nothing about CIFAR-10
  std::string message;     ///< what was found where, or why the stand-in serves, in one line
};

/// Reads CIFAR-10 from options.folder; else from $CIFAR10_DIR; else from options.download_folder; else downloads it there
/// (with curl or wget; the archive's MD5 is checked, and the folder appears under its name only when it is complete); else,
/// offline, draws the stand-in. A folder that was named (by option or environment) and does not hold the data is an Error,
/// and so are files that are there and wrong.
DataChoice find_cifar10(const FindOptions& options = {});

}  // namespace heddle::data
HD_API_END

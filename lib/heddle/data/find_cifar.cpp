#include "heddle/data/find_cifar.hpp"

#include <cstdlib>

#include "heddle/base/check.hpp"
#include "heddle/base/connection_error.hpp"
#include "heddle/data/cifar.hpp"
#include "heddle/data/synthetic.hpp"

namespace heddle::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* standard_folder = "cifar-10-batches-bin";

DataChoice found(const fs::path& folder, const std::string& how) {
  DataChoice choice;
  choice.train = read_cifar10(folder, Split::train);
  choice.test = read_cifar10(folder, Split::test);
  choice.message = strings::format("CIFAR-10 from '{}' ({})", folder.string(), how);
  return choice;
}

DataChoice stand_in(const FindOptions& options, const std::string& why) {
  DataChoice choice;
  choice.synthetic = true;
  choice.train = synthetic({.count = options.synthetic_train, .seed = options.synthetic_seed, .split = Split::train});
  choice.test = synthetic({.count = options.synthetic_test, .seed = options.synthetic_seed, .split = Split::test});
  choice.message = strings::format("SYNTHETIC IMAGES, NOT CIFAR-10: accuracies on them say nothing about CIFAR-10 ({})", why);
  return choice;
}

DataChoice named(const fs::path& folder, const std::string& how) {
  check(has_cifar10(folder), "find_cifar10", "expected CIFAR-10's data_batch_1.bin in '{}' or its folder {} ({}), found none",
        folder.string(), standard_folder, how);
  return found(folder, how);
}

}  // namespace

DataChoice find_cifar10(const FindOptions& options) {
  if (options.folder == "synthetic") return stand_in(options, "as asked");
  if (!options.folder.empty()) return named(options.folder, "as asked");
  if (const char* variable = std::getenv("CIFAR10_DIR"); variable && *variable) return named(variable, "from $CIFAR10_DIR");
  if (has_cifar10(options.download_folder)) return found(options.download_folder, "found there");
  const fs::path place = options.download_folder / standard_folder;
  std::error_code error;
  const bool taken = fs::exists(place, error) && !fs::is_empty(place, error);
  check(!error, "find_cifar10", "expected to look into '{}', got: {}", place.string(), error.message());
  check(!taken, "find_cifar10",
        "expected CIFAR-10's data_batch_1.bin in '{}', found other files; remove the folder, and it is downloaded anew",
        place.string());
  std::string why = options.no_download;
  if (options.download) {
    bool complete = false;
    try {
      options.download(options.download_folder);
      complete = true;
    } catch (const ConnectionError& offline) {
      why = offline.what();
    }
    if (complete) return found(options.download_folder, "downloaded");
  }
  return stand_in(options, strings::format("none in '{}', and {}", options.download_folder.string(), why));
}

}  // namespace heddle::data

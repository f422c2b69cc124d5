// cifar10 lr-find.
#pragma once

#include <filesystem>

#include "options.hpp"

namespace cifar10 {

struct LRFindOptions {
  TrainOptions training = {};  ///< of which epochs and lr are not used
  double start = 1e-5, end = 10;
  int steps = 100;
};

/// Sweeps, tells the suggestion, and returns the folder with lr_find.png, lr_find.html and lr_find.csv.
std::filesystem::path find_learning_rate(const LRFindOptions& options);

}  // namespace cifar10

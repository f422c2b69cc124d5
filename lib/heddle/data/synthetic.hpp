// A stand-in for machines without CIFAR-10: ten classes of drawn figures and textures, 32x32 RGB, that exercise the same
// code. What a network scores on it says nothing about CIFAR-10.
#pragma once

#include <cstdint>

#include "heddle/base/export.hpp"
#include "heddle/data/cifar.hpp"

HD_API_BEGIN
namespace heddle::data {

struct SyntheticOptions {
  std::int64_t count = 50000;
  std::uint64_t seed = 0;
  Split split = Split::train;
};

/// Image i and its label depend on (seed, split, i) alone: a smaller data set is the beginning of a larger one. Classes come
/// in equal numbers (to within one). Figure and ground have any colours, the figure the brighter one, by the same law in all
/// classes; place, size, angle, light and noise vary within a class.
ImageDataset synthetic(const SyntheticOptions& options = {});

}  // namespace heddle::data
HD_API_END

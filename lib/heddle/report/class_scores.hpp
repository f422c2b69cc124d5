// Precision, recall and F1 of each class, from a confusion matrix.
#pragma once

#include <cstdint>
#include <vector>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle::report {

/// A class against all others. A share of nothing is NaN: precision where nothing was taken for the class, recall where no
/// image is of it, F1 where either holds.
struct ClassScore {
  std::int64_t images = 0;     ///< of the class
  std::int64_t predicted = 0;  ///< taken for the class
  std::int64_t right = 0;      ///< both
  double precision = 0;        ///< right / predicted
  double recall = 0;           ///< right / images: the accuracy on the class
  double f1 = 0;               ///< their harmonic mean, 2 right / (images + predicted)
};

/// One for each class; `confusion` counts images by [true][predicted]. Error where it is not square.
std::vector<ClassScore> class_scores(const std::vector<std::vector<std::int64_t>>& confusion);

}  // namespace heddle::report
HD_API_END

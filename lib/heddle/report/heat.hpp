// Maps of heat over pictures, and the sheet of what a network looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/report/image.hpp"

HD_API_BEGIN
namespace heddle::report {

/// A map's values from the top row on, nothing below 0.
struct HeatMap {
  int width = 0, height = 0;
  std::vector<float> values;
};
/// Map `index` of [n, h, w].
HeatMap heat_of(const Tensor& maps, std::int64_t index);

/// The picture, each pixel a block of `factor`, under the map: stretched over it (bilinear), divided by its largest value, and
/// coloured from nothing over violet and red to yellow. A map that is 0 everywhere shows the picture.
Image overlay(const Image& picture, const HeatMap& heat, int factor);

/// A picture of a data set with what a network says, and the maps of its answer and, where that is wrong, of the true class.
struct LookedAt {
  Image image;
  std::int64_t index = 0;
  int label = 0, predicted = 0;
  double confidence = 0, label_confidence = 0;
  HeatMap predicted_heat, label_heat;
};

struct LookedAtSheet {
  std::string title, below;  ///< below: in small letters, under the title
  std::vector<std::string> class_names;
  std::vector<LookedAt> right, wrong;
};

Image draw_looked_at(const LookedAtSheet& sheet);

}  // namespace heddle::report
HD_API_END

// cifar10 gradcam: what a trained network looks at, where it is right and where it is wrong.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace cifar10 {

struct GradCamSheetOptions {
  std::filesystem::path run = {}, data = {}, out = {};  ///< out empty: gradcam.png beside the weights
  std::string layer = {};                               ///< empty: the last one before the global pooling
  std::string arch = {}, norm = {};                     ///< empty: what the file says
  std::string device = "auto";
  int count = 12, threads = 0;
  std::int64_t limit = 0;  ///< look through the first test images only; 0: all
};

/// Writes the sheet and returns its path.
std::filesystem::path draw_gradcam(const GradCamSheetOptions& options);

}  // namespace cifar10

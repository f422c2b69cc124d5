// Images with labels, held in memory as bytes: what every data set of heddle is once it is read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::data {

/// A handle like Tensor: copying one copies no images.
class ImageDataset {
 public:
  /// Holds nothing: size() is 0.
  ImageDataset() = default;
  /// images uint8 [N, C, H, W], labels int64 [N], both dense and on one device. Error when they don't fit each other, or a
  /// label names no class (the first such record is named).
  ImageDataset(Tensor images, Tensor labels, std::vector<std::string> class_names);

  std::int64_t size() const { return images_.defined() ? images_.size(0) : 0; }
  int channels() const { return static_cast<int>(images_.size(1)); }
  int height() const { return static_cast<int>(images_.size(2)); }
  int width() const { return static_cast<int>(images_.size(3)); }
  int num_classes() const { return static_cast<int>(class_names_.size()); }
  Device device() const { return images_.device(); }

  const Tensor& images() const { return images_; }  ///< uint8 [N, C, H, W]
  const Tensor& labels() const { return labels_; }  ///< int64 [N]
  const std::vector<std::string>& class_names() const { return class_names_; }

  /// The same data set on another device; itself where it is there already.
  ImageDataset to(Device device) const;
  /// The first n images, sharing memory. Error unless 0 <= n <= size().
  ImageDataset subset(std::int64_t n) const;

 private:
  Tensor images_, labels_;
  std::vector<std::string> class_names_;
};

/// Per channel, over all pixels of all images, in units of 1 (255 bytes): what Normalize wants.
struct ChannelStats {
  std::vector<double> mean;
  std::vector<double> std;  ///< of the population: divided by the number of pixels
};
ChannelStats channel_stats(const ImageDataset& dataset);

/// Images of each class.
std::vector<std::int64_t> class_counts(const ImageDataset& dataset);

}  // namespace heddle::data
HD_API_END

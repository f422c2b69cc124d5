#include "heddle/data/dataset.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "heddle/base/check.hpp"
#include "heddle/base/parallel.hpp"

namespace heddle::data {
namespace {

Tensor moved(const Tensor& t, Device device) {
  return empty(t.shape(), {t.dtype(), device}).copy_(t);
}

Tensor beginning(const Tensor& t, std::int64_t n) {
  Shape shape = t.shape();
  shape[0] = n;
  return t.view_of_memory(shape, t.strides(), 0);
}

}  // namespace

ImageDataset::ImageDataset(Tensor images, Tensor labels, std::vector<std::string> class_names)
    : images_(std::move(images)), labels_(std::move(labels)), class_names_(std::move(class_names)) {
  constexpr std::string_view where = "ImageDataset";
  check(images_.dtype() == uint8 && images_.dim() == 4, where, "expected images of uint8 and shape [N, C, H, W], got {} {}",
        name_of(images_.dtype()), images_.shape().str());
  check(labels_.dtype() == int64 && labels_.dim() == 1, where, "expected labels of int64 and shape [N], got {} {}",
        name_of(labels_.dtype()), labels_.shape().str());
  check(images_.size(0) == labels_.size(0), where, "expected a label for each of {} images, got {}", images_.size(0),
        labels_.size(0));
  check(images_.is_contiguous() && labels_.is_contiguous(), where, "expected dense tensors, got views with gaps");
  check(images_.device() == labels_.device(), where, "expected images and labels on one device, got {} and {}",
        images_.device().str(), labels_.device().str());
  check(channels() == 1 || channels() == 3, where, "expected 1 or 3 channels, got {}", images_.shape().str());
  const auto values = labels_.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < values.size(); ++i)
    check(values[i] >= 0 && values[i] < num_classes(), where, "expected labels from 0 to {}, got {} at record {}",
          num_classes() - 1, values[i], i);
}

ImageDataset ImageDataset::to(Device device) const {
  if (!images_.defined() || device == this->device()) return *this;
  ImageDataset there = *this;
  there.images_ = moved(images_, device);
  there.labels_ = moved(labels_, device);
  return there;
}

ImageDataset ImageDataset::subset(std::int64_t n) const {
  check(n >= 0 && n <= size(), "ImageDataset.subset", "expected from 0 to {} images, got {}", size(), n);
  ImageDataset part = *this;
  if (!images_.defined()) return part;
  part.images_ = beginning(images_, n);
  part.labels_ = beginning(labels_, n);
  return part;
}

ChannelStats channel_stats(const ImageDataset& dataset) {
  check(dataset.size() > 0, "channel_stats", "expected at least one image, got none");
  const ImageDataset here = dataset.to(cpu);
  const std::int64_t count = here.size(), plane = std::int64_t{here.height()} * here.width();
  const auto channels = static_cast<std::size_t>(here.channels());
  const std::uint8_t* images = here.images().data<const std::uint8_t>();

  // Sums of bytes and of their squares are whole numbers: exact in any order.
  struct Sums {
    std::array<std::uint64_t, 3> first{}, second{};
  };
  constexpr std::int64_t grain = 256;
  std::vector<Sums> parts(static_cast<std::size_t>((count + grain - 1) / grain));
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    Sums& sums = parts[static_cast<std::size_t>(begin / grain)];
    for (std::int64_t i = begin; i < end; ++i)
      for (std::size_t c = 0; c < channels; ++c) {
        const std::uint8_t* p = images + (i * static_cast<std::int64_t>(channels) + static_cast<std::int64_t>(c)) * plane;
        std::uint64_t first = 0, second = 0;
        for (std::int64_t k = 0; k < plane; ++k) {
          first += p[k];
          second += std::uint32_t{p[k]} * p[k];
        }
        sums.first[c] += first;
        sums.second[c] += second;
      }
  });

  ChannelStats stats;
  const double pixels = static_cast<double>(count * plane);
  for (std::size_t c = 0; c < channels; ++c) {
    std::uint64_t first = 0, second = 0;
    for (const Sums& part : parts) {
      first += part.first[c];
      second += part.second[c];
    }
    const double mean = static_cast<double>(first) / pixels;
    const double variance = static_cast<double>(second) / pixels - mean * mean;
    stats.mean.push_back(mean / 255);
    stats.std.push_back(std::sqrt(std::max(0.0, variance)) / 255);
  }
  return stats;
}

std::vector<std::int64_t> class_counts(const ImageDataset& dataset) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(dataset.num_classes()));
  if (dataset.size() == 0) return counts;
  for (const auto label : dataset.labels().to_vector<std::int64_t>()) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

}  // namespace heddle::data

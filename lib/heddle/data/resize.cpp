#include "heddle/data/resize.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "heddle/base/check.hpp"

namespace heddle::data {
namespace {

// For each output along one dimension, the first input it sees and the weights from there on, which add up to 1.
struct Window {
  std::int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Window> windows(std::int64_t in, std::int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out), reach = std::max(scale, 1.0);
  std::vector<Window> all(static_cast<std::size_t>(out));
  for (std::int64_t o = 0; o < out; ++o) {
    const double centre = (static_cast<double>(o) + 0.5) * scale;
    const auto begin = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - reach)));
    const auto end = std::min<std::int64_t>(in, static_cast<std::int64_t>(std::ceil(centre + reach)));
    Window& window = all[static_cast<std::size_t>(o)];
    double sum = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(i) + 0.5 - centre) / reach);
      window.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& weight : window.weights) weight = static_cast<float>(weight / sum);
    window.first = begin;
  }
  return all;
}

}  // namespace

Tensor resize(const Tensor& images, int height, int width) {
  check(images.dim() == 4 && images.dtype() == uint8 && images.device().is_cpu() && images.numel() > 0, "resize",
        "expected uint8 images [n, c, h, w] on the CPU, got {} {} on {}", name_of(images.dtype()), images.shape().str(),
        images.device().str());
  check(height >= 1 && width >= 1, "resize", "expected a size of 1 x 1 or more, got {} x {}", height, width);
  const std::int64_t h = images.size(2), w = images.size(3), planes = images.size(0) * images.size(1);
  if (h == height && w == width) return images;
  const auto rows = windows(h, height), columns = windows(w, width);
  const Tensor source = images.contiguous();
  Tensor result = empty({images.size(0), images.size(1), height, width}, {.dtype = uint8});
  std::vector<float> narrow(static_cast<std::size_t>(h * width));  // one plane [h, width]
  for (std::int64_t p = 0; p < planes; ++p) {
    const std::uint8_t* const in = source.data<std::uint8_t>() + p * h * w;
    for (std::int64_t y = 0; y < h; ++y)
      for (int x = 0; x < width; ++x) {
        const Window& window = columns[static_cast<std::size_t>(x)];
        float sum = 0;
        for (std::size_t k = 0; k < window.weights.size(); ++k)
          sum += window.weights[k] * static_cast<float>(in[y * w + window.first + static_cast<std::int64_t>(k)]);
        narrow[static_cast<std::size_t>(y * width + x)] = sum;
      }
    std::uint8_t* const out = result.data<std::uint8_t>() + p * height * width;
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const Window& window = rows[static_cast<std::size_t>(y)];
        float sum = 0;
        for (std::size_t k = 0; k < window.weights.size(); ++k)
          sum +=
              window.weights[k] * narrow[static_cast<std::size_t>((window.first + static_cast<std::int64_t>(k)) * width + x)];
        out[y * width + x] = static_cast<std::uint8_t>(std::lround(std::clamp(sum, 0.0f, 255.0f)));
      }
  }
  return result;
}

}  // namespace heddle::data

// 3 x 3, undilated, stride 1, one output a channel, on planes whose rows are shorter than a vector: a vector is the same pixel of
// as many images as it has lanes, and a tap a neighbouring vector. Float.
#pragma once

#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv.hpp"
#include "kernels/conv/image_lanes.hpp"

namespace heddle::kernels {
namespace {

/// Planes [h, w], and how much padding is put around them.
struct SmallPlane {
  int h, w, pad_h, pad_w;

  int area() const { return h * w; }
  int pitch() const { return w + 2 * pad_w; }
  std::int64_t staged_size() const { return std::int64_t{h + 2 * pad_h} * pitch() * width; }
  /// A vector of pixels at least, as staging takes them, and few enough for the first-level cache.
  bool fits() const { return area() >= width && area() <= 256 && w < width; }
};

/// A plane's pixels of `width` images, with zeros around them.
class StagedPlane {
 public:
  explicit StagedPlane(const SmallPlane& plane) : plane_(plane), places_(plane.area()), pixels_(plane.staged_size()) {
    list_places(plane.h, plane.w, plane.pad_h, plane.pad_w, plane.pitch(), places_.get());
    __builtin_memset(pixels_.get(), 0, sizeof(float) * plane.staged_size());
  }
  /// The plane of channel `c` of images [first, first + images) of x [n, channels, h, w].
  void fill(const float* x, std::int64_t channels, std::int64_t c, std::int64_t first, int images) const {
    stage_images(x + (first * channels + c) * plane_.area(), channels * plane_.area(), images, plane_.area(), places_.get(),
                 pixels_.get(), 2 * plane_.area());
  }
  void write(float* y, std::int64_t channels, std::int64_t c, std::int64_t first, int images) const {
    unstage_images(pixels_.get(), places_.get(), plane_.area(), images, y + (first * channels + c) * plane_.area(),
                   channels * plane_.area());
  }
  float* at(int y, int x) const { return pixels_.get() + (std::int64_t{y} * plane_.pitch() + x) * width; }

 private:
  SmallPlane plane_;
  Scratch<int> places_;
  Scratch<float> pixels_;
};

/// to [n, channels, h, w] = start[c] + the correlation of `from` with weight [c][9], turned by half a turn if asked.
inline void correlate_images(int n, int channels, const SmallPlane& from, const SmallPlane& to, const float* x,
                             const float* weight, bool turned, const float* start, float* y) {
  const std::int64_t blocks = (n + width - 1) / width;
  parallel_for(blocks * channels, 8, [&](std::int64_t begin, std::int64_t end) {
    const StagedPlane in(from), out(to);
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t c = item % channels, first = item / channels * width;
      const int images = n - first < width ? static_cast<int>(n - first) : width;
      in.fill(x, channels, c, first, images);
      Floats w[9];
      unroll<9>([&](auto t) __attribute__((always_inline)) { w[t] = broadcast(weight[c * 9 + (turned ? 8 - t : t)]); });
      for (int i = 0; i < to.h; ++i)
        for (int j = 0; j < to.w; ++j) {
          Floats sum = broadcast(start ? start[c] : 0.0f);
          unroll<9>([&](auto t) __attribute__((always_inline)) { sum += w[t] * load(in.at(i + t / 3, j + t % 3)); });
          store<float>(out.at(i, j), sum);
        }
      out.write(y, channels, c, first, images);
    }
  });
}

}  // namespace
}  // namespace heddle::kernels

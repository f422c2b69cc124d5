// The augmentations as their users know them, in double, one pixel at a time: written from their definitions and from the
// table of draws in kernels/augment/augment_math.hpp, without its code.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/augment/augment.hpp"
#include "kernels/random/philox.hpp"

namespace heddle::test {

/// An image of doubles in units of 1, [channels][height][width].
struct Picture {
  int channels, height, width;
  std::vector<double> values;

  double& at(int c, int y, int x) { return values[static_cast<std::size_t>((c * height + y) * width + x)]; }
  double at(int c, int y, int x) const { return values[static_cast<std::size_t>((c * height + y) * width + x)]; }
};

class ReferenceAugment {
 public:
  ReferenceAugment(const kernels::AugmentShape& shape, std::int64_t image, std::uint64_t epoch)
      : shape_(shape), image_(image), epoch_(epoch) {}

  Picture apply(Picture p) {
    for (step_ = 0; step_ < shape_.steps; ++step_) {
      const auto& s = shape_.step[step_];
      if (!(number(0) < static_cast<double>(s.p))) continue;
      switch (s.kind) {
        case kernels::AugmentKind::horizontal_flip:
          p = map(p, [&](int c, int y, int x) { return p.at(c, y, p.width - 1 - x); });
          break;
        case kernels::AugmentKind::shift_scale_rotate:
          p = shift_scale_rotate(p, s);
          break;
        case kernels::AugmentKind::coarse_dropout:
          for (int hole = 0; hole < static_cast<int>(s.a); ++hole) {
            const int height = std::min(static_cast<int>(s.b), p.height), width = std::min(static_cast<int>(s.c), p.width);
            const int top = whole(1 + 2 * hole, p.height - height + 1), left = whole(2 + 2 * hole, p.width - width + 1);
            for (int c = 0; c < p.channels; ++c)
              for (int y = 0; y < height; ++y)
                for (int x = 0; x < width; ++x) p.at(c, top + y, left + x) = static_cast<double>(s.fill[c]);
          }
          break;
        case kernels::AugmentKind::brightness_contrast: {
          const double factor = 1 + limited(1, s.b), shift = limited(2, s.a);
          p = map(p, [&](int c, int y, int x) { return std::clamp(p.at(c, y, x) * factor + shift, 0.0, 1.0); });
          break;
        }
        case kernels::AugmentKind::color_jitter:
          p = jitter(p, s);
          break;
        case kernels::AugmentKind::rotation:
          p = rotate(p, s);
          break;
        case kernels::AugmentKind::rgb_shift: {
          const double shift[] = {limited(1, s.a), limited(2, s.b), limited(3, s.c)};
          p = map(p, [&](int c, int y, int x) { return std::clamp(p.at(c, y, x) + shift[c], 0.0, 1.0); });
          break;
        }
        case kernels::AugmentKind::random_crop: {
          const int padding = static_cast<int>(s.a), top = whole(1, 2 * padding + 1), left = whole(2, 2 * padding + 1);
          p = map(p, [&](int c, int y, int x) {
            const int row = y + top - padding, column = x + left - padding;  // in the image before it was padded
            return row >= 0 && row < p.height && column >= 0 && column < p.width ? p.at(c, row, column) : 0.0;
          });
          break;
        }
      }
    }
    return p;
  }

 private:
  std::uint32_t word(int j) const {
    return kernels::philox(shape_.seed, static_cast<std::uint32_t>(image_),
                           4u << 24 | static_cast<std::uint32_t>(step_) << 16 | static_cast<std::uint32_t>(j / 4),
                           static_cast<std::uint32_t>(epoch_), static_cast<std::uint32_t>(epoch_ >> 32))
        .word[j % 4];
  }
  double number(int j) const { return static_cast<double>(word(j) / 256) / 16777216.0; }
  double limited(int j, float limit) const { return static_cast<double>(limit) * (2 * number(j) - 1); }
  double factor(int j, float limit) const {
    const double low = std::max(0.0, 1 - static_cast<double>(limit)), high = 1 + static_cast<double>(limit);
    return low + (high - low) * number(j);
  }
  int whole(int j, int n) const { return static_cast<int>(std::floor(static_cast<double>(word(j)) / 4294967296.0 * n)); }

  template <class F>
  static Picture map(const Picture& p, F f) {
    Picture out = p;
    for (int c = 0; c < p.channels; ++c)
      for (int y = 0; y < p.height; ++y)
        for (int x = 0; x < p.width; ++x) out.at(c, y, x) = f(c, y, x);
    return out;
  }
  static int mirrored(int i, int n) {
    if (n == 1) return 0;
    while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
    return i;
  }
  // The centre's neighbourhood after a counter-clockwise turn by `angle`: where output offset (dx, dy) comes from. Rows
  // count downwards, so a counter-clockwise turn takes (1, 0) to (0, -1).
  static std::array<double, 2> turned_back(double dx, double dy, double angle) {
    return {std::cos(angle) * dx - std::sin(angle) * dy, std::sin(angle) * dx + std::cos(angle) * dy};
  }

  Picture shift_scale_rotate(const Picture& p, const kernels::AugmentStep& s) const {
    const double angle = limited(1, s.c) * M_PI / 180, zoom = 1 + limited(2, s.b);
    const double shift_x = limited(3, s.a) * p.width, shift_y = limited(4, s.a) * p.height;
    const double cx = 0.5 * (p.width - 1), cy = 0.5 * (p.height - 1);
    return map(p, [&](int c, int y, int x) {
      const auto [dx, dy] = turned_back(x - cx - shift_x, y - cy - shift_y, angle);
      const double u = cx + dx / zoom, v = cy + dy / zoom, x0 = std::floor(u), y0 = std::floor(v);
      double sum = 0;
      for (int j = 0; j < 2; ++j)
        for (int i = 0; i < 2; ++i) {
          const double weight = (i ? u - x0 : 1 - (u - x0)) * (j ? v - y0 : 1 - (v - y0));
          sum += weight * p.at(c, mirrored(static_cast<int>(y0) + j, p.height), mirrored(static_cast<int>(x0) + i, p.width));
        }
      return sum;
    });
  }
  Picture rotate(const Picture& p, const kernels::AugmentStep& s) const {
    const double angle = limited(1, s.a) * M_PI / 180, cx = 0.5 * (p.width - 1), cy = 0.5 * (p.height - 1);
    return map(p, [&](int c, int y, int x) {
      const auto [dx, dy] = turned_back(x - cx, y - cy, angle);
      const int column = static_cast<int>(std::floor(cx + dx + 0.5)), row = static_cast<int>(std::floor(cy + dy + 0.5));
      const bool inside = row >= 0 && row < p.height && column >= 0 && column < p.width;
      return inside ? p.at(c, row, column) : static_cast<double>(s.fill[c]);
    });
  }

  static double grey(const Picture& p, int y, int x) {
    return p.channels == 1 ? p.at(0, y, x) : 0.2989 * p.at(0, y, x) + 0.587 * p.at(1, y, x) + 0.114 * p.at(2, y, x);
  }
  Picture jitter(Picture p, const kernels::AugmentStep& s) const {
    std::vector<int> left = {0, 1, 2, 3};
    int code = whole(5, 24);
    while (!left.empty()) {
      const int size = static_cast<int>(left.size()), pick = code % size;
      code /= size;
      const int kind = left[static_cast<std::size_t>(pick)];
      left.erase(left.begin() + pick);
      if (kind == 0 && s.a > 0) {
        p = map(p, [&](int c, int y, int x) { return std::clamp(factor(1, s.a) * p.at(c, y, x), 0.0, 1.0); });
      } else if (kind == 1 && s.b > 0) {
        double mean = 0;
        for (int y = 0; y < p.height; ++y)
          for (int x = 0; x < p.width; ++x) mean += grey(p, y, x) / (p.height * p.width);
        p = map(p, [&](int c, int y, int x) { return std::clamp(mean + factor(2, s.b) * (p.at(c, y, x) - mean), 0.0, 1.0); });
      } else if (kind == 2 && s.c > 0 && p.channels == 3) {
        p = map(p, [&](int c, int y, int x) {
          return std::clamp(grey(p, y, x) + factor(3, s.c) * (p.at(c, y, x) - grey(p, y, x)), 0.0, 1.0);
        });
      } else if (kind == 3 && s.d > 0 && p.channels == 3) {
        Picture out = p;
        for (int y = 0; y < p.height; ++y)
          for (int x = 0; x < p.width; ++x) {
            const auto rgb = with_hue_turned({p.at(0, y, x), p.at(1, y, x), p.at(2, y, x)}, limited(4, s.d));
            for (int c = 0; c < 3; ++c) out.at(c, y, x) = rgb[static_cast<std::size_t>(c)];
          }
        p = out;
      }
    }
    return p;
  }
  // To hue, saturation and value and back, as in textbooks.
  static std::array<double, 3> with_hue_turned(std::array<double, 3> rgb, double turns) {
    const auto [r, g, b] = rgb;
    const double most = std::max({r, g, b}), least = std::min({r, g, b}), chroma = most - least;
    if (chroma == 0) return rgb;
    double hue = most == r ? std::fmod((g - b) / chroma + 6, 6) : most == g ? (b - r) / chroma + 2 : (r - g) / chroma + 4;
    hue = std::fmod(hue + 6 * turns + 6, 6);
    const double saturation = chroma / most;
    const int sector = static_cast<int>(std::floor(hue)) % 6;
    const double f = hue - std::floor(hue);
    const double p = most * (1 - saturation), q = most * (1 - saturation * f), t = most * (1 - saturation * (1 - f));
    switch (sector) {
      case 0:
        return {most, t, p};
      case 1:
        return {q, most, p};
      case 2:
        return {p, most, t};
      case 3:
        return {p, q, most};
      case 4:
        return {t, p, most};
      default:
        return {most, p, q};
    }
  }

  const kernels::AugmentShape& shape_;
  std::int64_t image_;
  std::uint64_t epoch_;
  int step_ = 0;
};

}  // namespace heddle::test

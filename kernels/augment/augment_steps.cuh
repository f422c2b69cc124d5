// The augmentations on the GPU, step by step as in augment_cpu.cpp: a team of threads, a block or one thread alone, works on
// one image of floats from 0 to 255. The arithmetic and the draws are augment_math.hpp's.
#pragma once

#include "kernels/augment/augment_math.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

/// All threads of a block.
struct BlockTeam {
  HD_DEVICE int rank() const { return static_cast<int>(threadIdx.x); }
  HD_DEVICE int size() const { return static_cast<int>(blockDim.x); }
  HD_DEVICE void sync() const { __syncthreads(); }
};
/// One thread.
struct LoneTeam {
  HD_DEVICE int rank() const { return 0; }
  HD_DEVICE int size() const { return 1; }
  HD_DEVICE void sync() const {}
};

/// An image on its way, [channels, height, width], room for a moved copy, and for sixteen sums. Every step ends with a barrier.
template <class Team>
class DeviceImage {
 public:
  HD_DEVICE DeviceImage(const AugmentShape& s, float* room, float* sums)
      : channels_(s.channels),
        height_(s.height),
        width_(s.width),
        pixels_(room),
        other_(room + s.channels * s.height * s.width),
        sums_(sums) {}

  HD_DEVICE const float* pixels() const { return pixels_; }

  HD_DEVICE void load(const std::uint8_t* bytes) {
    each(channels_ * area(), [&](int i) { pixels_[i] = static_cast<float>(bytes[i]); });
  }

  HD_DEVICE void apply(const AugmentDraws& draws, const AugmentStep& step) {
    switch (step.kind) {
      case AugmentKind::horizontal_flip:
        return move([&](int x, int y, auto put) {
          for (int c = 0; c < channels_; ++c) put(c, plane(c)[y * width_ + width_ - 1 - x]);
        });
      case AugmentKind::shift_scale_rotate:
        return shift_scale_rotate(Affine(draws, step, width_, height_));
      case AugmentKind::coarse_dropout:
        return coarse_dropout(draws, step);
      case AugmentKind::brightness_contrast: {
        const float factor = 1 + draws.within(1, step.b), shift = 255 * draws.within(2, step.a);
        return each_value([&](float v) { return clip_byte(v * factor + shift); });
      }
      case AugmentKind::color_jitter:
        return color_jitter(draws, step);
      case AugmentKind::rotation:
        return rotation(NearestTurn(draws.within(1, step.a)), step);
      case AugmentKind::rgb_shift: {
        const float shift[3] = {255 * draws.within(1, step.a), 255 * draws.within(2, step.b), 255 * draws.within(3, step.c)};
        return each(area(), [&](int p) {
          for (int c = 0; c < channels_; ++c)
            plane(c)[p] = clip_byte(plane(c)[p] + (c == 0 ? shift[0] : c == 1 ? shift[1] : shift[2]));
        });
      }
      case AugmentKind::random_crop: {
        const int padding = static_cast<int>(step.a);
        const int down = draws.below(1, 2 * padding + 1) - padding, along = draws.below(2, 2 * padding + 1) - padding;
        return move([&](int x, int y, auto put) {
          const int row = y + down, column = x + along;
          const bool inside = row >= 0 && row < height_ && column >= 0 && column < width_;
          for (int c = 0; c < channels_; ++c) put(c, inside ? plane(c)[row * width_ + column] : 0);
        });
      }
    }
  }

 private:
  HD_DEVICE int area() const { return height_ * width_; }
  HD_DEVICE float* plane(int c) const { return pixels_ + c * area(); }

  template <class F>
  HD_DEVICE void each(int count, F f) {
    for (int i = team_.rank(); i < count; i += team_.size()) f(i);
    team_.sync();
  }
  template <class F>
  HD_DEVICE void each_value(F f) {
    each(channels_ * area(), [&](int i) { pixels_[i] = f(pixels_[i]); });
  }
  // f(x, y, put) calls put(c, value) for the channels of a pixel of the moved copy.
  template <class F>
  HD_DEVICE void move(F f) {
    each(area(), [&](int p) { f(p % width_, p / width_, [&](int c, float value) { other_[c * area() + p] = value; }); });
    float* const kept = pixels_;
    pixels_ = other_;
    other_ = kept;
  }

  HD_DEVICE void shift_scale_rotate(const Affine& affine) {
    const float last_x = static_cast<float>(width_ - 1), last_y = static_cast<float>(height_ - 1);
    const float inverse_x = inverse_period(width_), inverse_y = inverse_period(height_);
    // The neighbour to the right and the one below; the last pixel is reached as the neighbour of the one before it.
    const int right = width_ > 1 ? 1 : 0, below = height_ > 1 ? width_ : 0;
    const int most_x = width_ > 1 ? width_ - 2 : 0, most_y = height_ > 1 ? height_ - 2 : 0;
    move([&](int x, int y, auto put) {
      const float u = reflect(affine.source_x(x, y), last_x, inverse_x), v = reflect(affine.source_y(x, y), last_y, inverse_y);
      int column = static_cast<int>(u), row = static_cast<int>(v);
      column = column < most_x ? column : most_x;
      row = row < most_y ? row : most_y;
      const float fx = u - static_cast<float>(column), fy = v - static_cast<float>(row);
      for (int c = 0; c < channels_; ++c) {
        const float* p = plane(c) + row * width_ + column;
        put(c, bilinear(p[0], p[right], p[below], p[below + right], fx, fy));
      }
    });
  }

  HD_DEVICE void rotation(const NearestTurn& turn, const AugmentStep& step) {
    move([&](int x, int y, auto put) {
      const std::int32_t dx2 = 2 * x - (width_ - 1), dy2 = 2 * y - (height_ - 1);
      const std::int32_t column = turn.source_x(dx2, dy2, width_), row = turn.source_y(dx2, dy2, height_);
      const bool inside = column >= 0 && column < width_ && row >= 0 && row < height_;
      for (int c = 0; c < channels_; ++c) put(c, inside ? plane(c)[row * width_ + column] : step.fill[c] * 255);
    });
  }

  HD_DEVICE void coarse_dropout(const AugmentDraws& draws, const AugmentStep& step) {
    const int height = static_cast<int>(step.b) < height_ ? static_cast<int>(step.b) : height_;
    const int width = static_cast<int>(step.c) < width_ ? static_cast<int>(step.c) : width_;
    for (int hole = 0; hole < static_cast<int>(step.a); ++hole) {
      const int top = draws.below(1 + 2 * hole, height_ - height + 1), left = draws.below(2 + 2 * hole, width_ - width + 1);
      each(height * width, [&](int p) {
        for (int c = 0; c < channels_; ++c) plane(c)[(top + p / width) * width_ + left + p % width] = step.fill[c] * 255;
      });
    }
  }

  HD_DEVICE float grey_at(int p) const { return channels_ == 3 ? grey(plane(0)[p], plane(1)[p], plane(2)[p]) : plane(0)[p]; }

  // The grey image's mean, in 16 running sums, added in the CPU's order.
  HD_DEVICE float grey_mean() {
    for (int l = team_.rank(); l < 16; l += team_.size()) {
      float sum = 0;
      for (int p = l; p < area(); p += 16) sum += grey_at(p);
      sums_[l] = sum;
    }
    team_.sync();
    float sum[16];
    for (int l = 0; l < 16; ++l) sum[l] = sums_[l];
    for (int half = 8; half >= 1; half /= 2)
      for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
    return sum[0] / static_cast<float>(area());
  }

  HD_DEVICE void color_jitter(const AugmentDraws& draws, const AugmentStep& step) {
    const unsigned order = permutation_of_four(static_cast<unsigned>(draws.below(5, 24)));
    for (int i = 0; i < 4; ++i) {
      const unsigned kind = order >> (2 * i) & 3;
      if (kind == 0 && step.a > 0) {
        const float factor = draws.factor(1, step.a);
        each_value([&](float v) { return clip_byte(v * factor); });
      } else if (kind == 1 && step.b > 0) {
        const float factor = draws.factor(2, step.b), shift = (1 - factor) * grey_mean();
        each_value([&](float v) { return clip_byte(v * factor + shift); });
      } else if (kind == 2 && step.c > 0 && channels_ == 3) {
        const float factor = draws.factor(3, step.c);
        each(area(), [&](int p) {
          const float part = (1 - factor) * grey_at(p);
          for (int c = 0; c < 3; ++c) plane(c)[p] = clip_byte(plane(c)[p] * factor + part);
        });
      } else if (kind == 3 && step.d > 0 && channels_ == 3) {
        const float turns = draws.within(4, step.d);
        each(area(), [&](int p) { turn_hue(plane(0)[p], plane(1)[p], plane(2)[p], turns); });
      }
    }
  }

  Team team_;
  int channels_, height_, width_;
  float *pixels_, *other_, *sums_;
};

}  // namespace
}  // namespace heddle::kernels

// Bytes to a normalised, augmented batch on the CPU, one image after another.
//
// An image that no step changes goes from bytes to floats directly, at memory speed. Any other is unpacked into floats in
// cache, changed there step by step (steps that move pixels write a second copy and swap), and normalised into the batch.
// Rows are worked on as vectors: a bilinear step computes each pixel's source and weights once for all channels and gathers
// four neighbours. Bytes: 1 read and sizeof(T) written for each value.
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/augment/augment.hpp"
#include "kernels/augment/augment_math.hpp"
#include "kernels/simd.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t grain = 49152;  // values in a piece of work: 16 images of CIFAR-10

// An image on its way: [channels, height, width] floats from 0 to 255, and room for a moved copy.
struct Image {
  int channels, height, width;
  float* pixels;
  float* other;

  int area() const { return height * width; }
  float* plane(int c) { return pixels + static_cast<std::int64_t>(c) * area(); }
  HD_INLINE void swap() {
    float* kept = pixels;
    pixels = other;
    other = kept;
  }
};

template <class F>
HD_INLINE void each_pixel(float* p, int n, F f) {
  for (int i = 0; i < n; ++i) p[i] = f(p[i]);
}

void flip(Image& image) {
  for (int row = 0; row < image.channels * image.height; ++row) {
    const float* from = image.pixels + static_cast<std::int64_t>(row) * image.width;
    float* to = image.other + static_cast<std::int64_t>(row) * image.width;
    for (int x = 0; x < image.width; ++x) to[x] = from[image.width - 1 - x];
  }
  image.swap();
}

constexpr int segment = 64;  // pixels of a row whose sources are kept at once

void shift_scale_rotate(Image& image, const AugmentDraws& draws, const AugmentStep& step) {
  const int width = image.width, height = image.height, area = image.area();
  const Affine affine(draws, step, width, height);
  const float last_x = static_cast<float>(width - 1), last_y = static_cast<float>(height - 1);
  const float inverse_x = inverse_period(width), inverse_y = inverse_period(height);
  // The neighbour to the right and the one below; the last pixel is reached as the neighbour of the one before it.
  const int right = width > 1 ? 1 : 0, below = height > 1 ? width : 0;
  const int most_x = width > 1 ? width - 2 : 0, most_y = height > 1 ? height - 2 : 0;
  std::int32_t at[segment];
  float fx[segment], fy[segment];
  for (int y = 0; y < height; ++y)
    for (int x0 = 0; x0 < width; x0 += segment) {
      const int n = width - x0 < segment ? width - x0 : segment;
      for (int i = 0; i < n; ++i) {
        const float u = reflect(affine.source_x(x0 + i, y), last_x, inverse_x);
        const float v = reflect(affine.source_y(x0 + i, y), last_y, inverse_y);
        int column = static_cast<int>(u), row = static_cast<int>(v);
        column = column < most_x ? column : most_x;
        row = row < most_y ? row : most_y;
        at[i] = row * width + column;
        fx[i] = u - static_cast<float>(column);
        fy[i] = v - static_cast<float>(row);
      }
      for (int c = 0; c < image.channels; ++c) {
        const float* from = image.plane(c);
        float* to = image.other + static_cast<std::int64_t>(c) * area + y * width + x0;
        HD_IVDEP
        for (int i = 0; i < n; ++i) {
          const float* p = from + at[i];
          to[i] = bilinear(p[0], p[right], p[below], p[below + right], fx[i], fy[i]);
        }
      }
    }
  image.swap();
}

void rotation(Image& image, const AugmentDraws& draws, const AugmentStep& step) {
  const int width = image.width, height = image.height, area = image.area();
  const NearestTurn turn(draws.within(1, step.a));
  std::int32_t at[segment];
  bool inside[segment];
  for (int y = 0; y < height; ++y)
    for (int x0 = 0; x0 < width; x0 += segment) {
      const int n = width - x0 < segment ? width - x0 : segment;
      for (int i = 0; i < n; ++i) {
        const std::int32_t dx2 = 2 * (x0 + i) - (width - 1), dy2 = 2 * y - (height - 1);
        const std::int32_t column = turn.source_x(dx2, dy2, width), row = turn.source_y(dx2, dy2, height);
        inside[i] = (column >= 0) & (column < width) & (row >= 0) & (row < height);
        at[i] = inside[i] ? row * width + column : 0;
      }
      for (int c = 0; c < image.channels; ++c) {
        const float* from = image.plane(c);
        float* to = image.other + static_cast<std::int64_t>(c) * area + y * width + x0;
        const float fill = step.fill[c] * 255;
        HD_IVDEP
        for (int i = 0; i < n; ++i) {
          const float value = from[at[i]];
          to[i] = inside[i] ? value : fill;
        }
      }
    }
  image.swap();
}

void coarse_dropout(Image& image, const AugmentDraws& draws, const AugmentStep& step) {
  const int height = static_cast<int>(step.b) < image.height ? static_cast<int>(step.b) : image.height;
  const int width = static_cast<int>(step.c) < image.width ? static_cast<int>(step.c) : image.width;
  for (int hole = 0; hole < static_cast<int>(step.a); ++hole) {
    const int top = draws.below(1 + 2 * hole, image.height - height + 1);
    const int left = draws.below(2 + 2 * hole, image.width - width + 1);
    for (int c = 0; c < image.channels; ++c)
      for (int y = top; y < top + height; ++y)
        for (int x = left; x < left + width; ++x) image.plane(c)[y * image.width + x] = step.fill[c] * 255;
  }
}

void random_crop(Image& image, const AugmentDraws& draws, const AugmentStep& step) {
  const int padding = static_cast<int>(step.a);
  const int down = draws.below(1, 2 * padding + 1) - padding, along = draws.below(2, 2 * padding + 1) - padding;
  for (int c = 0; c < image.channels; ++c)
    for (int y = 0; y < image.height; ++y) {
      const int row = y + down;
      const float* from = image.plane(c) + static_cast<std::int64_t>(row) * image.width;
      float* to = image.other + static_cast<std::int64_t>(c) * image.area() + static_cast<std::int64_t>(y) * image.width;
      const bool valid = row >= 0 && row < image.height;
      for (int x = 0; x < image.width; ++x) {
        const int column = x + along;
        to[x] = valid && column >= 0 && column < image.width ? from[column] : 0;
      }
    }
  image.swap();
}

void brightness_contrast(Image& image, const AugmentDraws& draws, const AugmentStep& step) {
  const float factor = 1 + draws.within(1, step.b), shift = 255 * draws.within(2, step.a);
  each_pixel(image.pixels, image.channels * image.area(), [=](float v) { return clip_byte(v * factor + shift); });
}

void rgb_shift(Image& image, const AugmentDraws& draws, const AugmentStep& step) {
  const float limit[3] = {step.a, step.b, step.c};
  for (int c = 0; c < image.channels; ++c) {
    const float shift = 255 * draws.within(1 + c, limit[c]);
    each_pixel(image.plane(c), image.area(), [=](float v) { return clip_byte(v + shift); });
  }
}

// The grey image's mean, in 16 running sums.
float grey_mean(Image& image) {
  const int n = image.area();
  const float* r = image.plane(0);
  const float* g = image.channels == 3 ? image.plane(1) : r;
  const float* b = image.channels == 3 ? image.plane(2) : r;
  float sum[16] = {};
  int i = 0;
  for (; i + 16 <= n; i += 16)
    for (int l = 0; l < 16; ++l) sum[l] += image.channels == 3 ? grey(r[i + l], g[i + l], b[i + l]) : r[i + l];
  for (; i < n; ++i) sum[i % 16] += image.channels == 3 ? grey(r[i], g[i], b[i]) : r[i];
  for (int half = 8; half >= 1; half /= 2)
    for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
  return sum[0] / static_cast<float>(n);
}

void color_jitter(Image& image, const AugmentDraws& draws, const AugmentStep& step) {
  const int n = image.area(), all = image.channels * n;
  const unsigned order = permutation_of_four(static_cast<unsigned>(draws.below(5, 24)));
  for (int i = 0; i < 4; ++i) {
    const unsigned kind = order >> (2 * i) & 3;
    if (kind == 0 && step.a > 0) {
      const float factor = draws.factor(1, step.a);
      each_pixel(image.pixels, all, [=](float v) { return clip_byte(v * factor); });
    } else if (kind == 1 && step.b > 0) {
      const float factor = draws.factor(2, step.b), shift = (1 - factor) * grey_mean(image);
      each_pixel(image.pixels, all, [=](float v) { return clip_byte(v * factor + shift); });
    } else if (kind == 2 && step.c > 0 && image.channels == 3) {
      const float factor = draws.factor(3, step.c);
      float *r = image.plane(0), *g = image.plane(1), *b = image.plane(2);
      HD_IVDEP
      for (int p = 0; p < n; ++p) {
        const float part = (1 - factor) * grey(r[p], g[p], b[p]);
        r[p] = clip_byte(r[p] * factor + part);
        g[p] = clip_byte(g[p] * factor + part);
        b[p] = clip_byte(b[p] * factor + part);
      }
    } else if (kind == 3 && step.d > 0 && image.channels == 3) {
      const float turns = draws.within(4, step.d);
      float *r = image.plane(0), *g = image.plane(1), *b = image.plane(2);
      HD_IVDEP
      for (int p = 0; p < n; ++p) turn_hue(r[p], g[p], b[p], turns);
    }
  }
}

void apply(Image& image, const AugmentDraws& draws, const AugmentStep& step) {
  switch (step.kind) {
    case AugmentKind::horizontal_flip:
      return flip(image);
    case AugmentKind::shift_scale_rotate:
      return shift_scale_rotate(image, draws, step);
    case AugmentKind::coarse_dropout:
      return coarse_dropout(image, draws, step);
    case AugmentKind::brightness_contrast:
      return brightness_contrast(image, draws, step);
    case AugmentKind::color_jitter:
      return color_jitter(image, draws, step);
    case AugmentKind::rotation:
      return rotation(image, draws, step);
    case AugmentKind::rgb_shift:
      return rgb_shift(image, draws, step);
    case AugmentKind::random_crop:
      return random_crop(image, draws, step);
  }
}

template <class In, class T>
void normalise(const AugmentShape& s, const In* from, T* to) {
  const std::int64_t area = static_cast<std::int64_t>(s.height) * s.width;
  for (int c = 0; c < s.channels; ++c) {
    const double deviation = static_cast<double>(s.deviation[c]);
    const T scale = static_cast<T>(1 / (255 * deviation)), offset = static_cast<T>(-static_cast<double>(s.mean[c]) / deviation);
    for (std::int64_t i = 0; i < area; ++i) to[c * area + i] = static_cast<T>(from[c * area + i]) * scale + offset;
  }
}

template <class T>
void augment(Stream, const AugmentShape& s, const std::uint8_t* images, const std::int64_t* labels, const std::int64_t* index,
             const std::uint64_t* device_epoch, T* out, std::int64_t* labels_out, void*) {
  const std::int64_t size = static_cast<std::int64_t>(s.channels) * s.height * s.width;
  const std::uint64_t epoch = device_epoch ? *device_epoch : s.epoch;
  parallel_for(s.batch, size >= grain ? 1 : grain / size, [&](std::int64_t begin, std::int64_t end) {
    Scratch<float> room(s.steps > 0 ? 2 * size : 0);
    for (std::int64_t b = begin; b < end; ++b) {
      if (labels_out) labels_out[b] = labels[index[b]];
      const std::uint8_t* bytes = images + index[b] * size;
      Image image{s.channels, s.height, s.width, room.get(), room.get() + size};
      bool changed = false;
      for (int step = 0; step < s.steps; ++step) {
        const AugmentDraws draws{s.seed, epoch, static_cast<std::uint32_t>(index[b]), static_cast<std::uint32_t>(step)};
        if (!draws.applies(s.step[step].p)) continue;
        if (!changed)
          for (std::int64_t i = 0; i < size; ++i) image.pixels[i] = static_cast<float>(bytes[i]);
        changed = true;
        apply(image, draws, s.step[step]);
      }
      if (changed)
        normalise(s, image.pixels, out + b * size);
      else
        normalise(s, bytes, out + b * size);
    }
  });
}

std::size_t workspace(const AugmentShape&) {
  return 0;
}  // each thread has room of its own

template <class T>
constexpr AugmentKernels<T> table{workspace, augment<T>};

}  // namespace

template <>
const AugmentKernels<float>& CpuTable<this_isa, AugmentKernels<float>>::get(Variant) {
  return table<float>;
}
template <>
const AugmentKernels<double>& CpuTable<this_isa, AugmentKernels<double>>::get(Variant) {
  return table<double>;
}

#if HEDDLE_ISA_IS_BASE
template <>
const AugmentKernels<float>& AugmentKernels<float>::cpu() {
  return cpu_table<AugmentKernels<float>>(Variant::fast);
}
template <>
const AugmentKernels<double>& AugmentKernels<double>::cpu() {
  return cpu_table<AugmentKernels<double>>(Variant::fast);
}
#endif

}  // namespace heddle::kernels

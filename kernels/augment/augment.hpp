// From bytes to a normalised, augmented batch in one pass.
//
// Sample b of the batch is image index[b] of the data set. Its random numbers come from Philox, keyed by (seed, epoch, image,
// step, draw) as augment_math.hpp says: neither the number of workers nor the batch a sample falls in changes a pixel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/precision.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

enum class AugmentKind : std::int32_t {
  horizontal_flip,      ///< p
  shift_scale_rotate,   ///< a = shift limit (fraction of the side), b = scale limit (below 1), c = rotate limit (degrees), p
  coarse_dropout,       ///< a = holes, b = height, c = width, fill[3], p
  brightness_contrast,  ///< a = brightness limit, b = contrast limit, p
  color_jitter,         ///< a = brightness, b = contrast, c = saturation, d = hue, in random order; p
  rotation,             ///< a = limit (degrees), nearest neighbour, fill[3], p
  rgb_shift,            ///< a, b, c = limits of red, green, blue in units of 1 (255 bytes), p
  random_crop,          ///< a = padding on each side (zeros), then a crop of the original size, p
};

/// One augmentation and its settings; which of a to d mean what stands beside its kind. fill is in units of 1.
struct AugmentStep {
  AugmentKind kind{};
  float p = 1;
  float a = 0, b = 0, c = 0, d = 0;
  float fill[3] = {0, 0, 0};
};

inline constexpr int max_augment_steps = 8;

/// Images [total, channels, height, width] of bytes; out [batch, channels, height, width] =
/// (augmented / 255 - mean) / deviation. The steps are applied in order; between them, values stay numbers from 0 to 255
/// that are not rounded to bytes. channels is 1 or 3; an image of one channel has neither saturation nor hue.
struct AugmentShape {
  std::int64_t batch = 1;
  int channels = 3, height = 32, width = 32;
  int steps = 0;
  AugmentStep step[max_augment_steps];
  float mean[3] = {0, 0, 0}, deviation[3] = {1, 1, 1};
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
};

template <class T>
struct AugmentKernels {
  /// Bytes that augment wants to be handed.
  std::size_t (*workspace)(const AugmentShape&);
  /// index [batch] names the images (checked by the caller); labels_out[b] = labels[index[b]], unless labels_out is null.
  /// Where device_epoch is not null the epoch is read from there.
  void (*augment)(Stream, const AugmentShape&, const std::uint8_t* images, const std::int64_t* labels,
                  const std::int64_t* index, const std::uint64_t* device_epoch, T* out, std::int64_t* labels_out, void* workspace);

  static const AugmentKernels& cpu();
  static const AugmentKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels

// Augmentations and normalisation: a list of settings, which one kernel applies in a single pass from bytes to floats.
//
//     Transform train{RandomHorizontalFlip{}, RandomCrop{.padding = 4}, Normalize{.mean = cifar10_mean, .std = cifar10_std}};
//
// Names, meanings and defaults are torchvision's and albumentations'. p is the probability that a sample is changed at all.
// Colours are in units of 1 (255 bytes); limits l mean a uniform draw from [-l, l].
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/data/dataset.hpp"

HD_API_BEGIN
namespace heddle::data {

using Rgb = std::array<float, 3>;

struct RandomHorizontalFlip {
  float p = 0.5f;
};

/// One random affine map: a shift by a fraction of the side, a zoom by 1 + scale, a turn in degrees; bilinear, with the
/// border reflected without repeating the edge pixel.
struct ShiftScaleRotate {
  float shift_limit = 0.0625f, scale_limit = 0.1f, rotate_limit = 45;
  float p = 0.5f;
};

/// Rectangles of height x width pixels, wholly inside the image, filled with one colour.
struct CoarseDropout {
  int holes = 8, height = 8, width = 8;
  Rgb fill_value = {0, 0, 0};
  float p = 0.5f;
};

/// x * (1 + U(contrast)) + U(brightness), clipped to [0, 1].
struct BrightnessContrast {
  float brightness_limit = 0.2f, contrast_limit = 0.2f;
  float p = 0.5f;
};

/// Brightness, contrast and saturation scaled by 1 + U, hue turned by U (of a full turn), the four in random order.
struct ColorJitter {
  float brightness = 0, contrast = 0, saturation = 0, hue = 0;
  float p = 1;
};

/// A turn about the centre by up to `degrees` either way, nearest neighbour.
struct RandomRotation {
  float degrees = 10;
  Rgb fill = {0, 0, 0};
  float p = 1;
};

/// A shift of each channel's values.
struct RgbShift {
  float r_shift_limit = 20 / 255.f, g_shift_limit = 20 / 255.f, b_shift_limit = 20 / 255.f;
  float p = 0.5f;
};

/// Zeros on all four sides, then a crop of the original size.
struct RandomCrop {
  int padding = 4;
  float p = 1;
};

/// (x - mean) / std by channel; images of one channel take the first of each.
struct Normalize {
  Rgb mean = {0, 0, 0}, std = {1, 1, 1};
};

using Augmentation = std::variant<RandomHorizontalFlip, ShiftScaleRotate, CoarseDropout, BrightnessContrast, ColorJitter,
                                  RandomRotation, RgbShift, RandomCrop, Normalize>;

class Transform {
 public:
  /// Bytes / 255, nothing else.
  Transform() = default;
  /// Applied in order. Error for more than eight augmentations, a Normalize that is not last, a probability outside
  /// [0, 1], a negative limit, a deviation of 0.
  Transform(std::initializer_list<Augmentation> steps) : Transform(std::vector<Augmentation>(steps)) {}
  explicit Transform(std::vector<Augmentation> steps);

  const std::vector<Augmentation>& steps() const { return steps_; }
  /// "RandomHorizontalFlip(p=0.5), Normalize(mean=(...), std=(...))", for logs.
  std::string str() const;
  /// Images [B, C, H, W] of `dtype`, float32 or bfloat16 (computed in float32), on the data set's device: image index[b],
  /// augmented with the random numbers of (seed, epoch, index[b]). index is int64 [B] on the same device, each in [0, size):
  /// checked on the CPU, the caller's promise on a GPU. labels, where not null, becomes the labels int64 [B]. device_epoch, where
  /// not null, is where a GPU reads the epoch from instead, in its own memory: for steps that are recorded
  /// (heddle/core/graph.hpp).
  Tensor apply(const ImageDataset& dataset, const Tensor& index, std::uint64_t seed, std::uint64_t epoch,
               Tensor* labels = nullptr, const std::uint64_t* device_epoch = nullptr, DType dtype = float32) const;

 private:
  std::vector<Augmentation> steps_;
};

}  // namespace heddle::data
HD_API_END

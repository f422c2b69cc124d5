#include "heddle/data/transform.hpp"

#include <algorithm>

#include "heddle/base/check.hpp"
#include "heddle/core/dispatch.hpp"
#include "kernels/augment/augment.hpp"

namespace heddle::data {
namespace {

using kernels::AugmentKind;
using kernels::AugmentStep;

constexpr std::string_view where = "Transform";

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // C++20 has this by itself, clang before 17 has not

void set_fill(AugmentStep& step, const Rgb& fill) {
  std::copy(fill.begin(), fill.end(), step.fill);
}

// The kernel's form of an augmentation; Normalize has none.
AugmentStep step_of(const Augmentation& augmentation) {
  AugmentStep step;
  std::visit(
      Overloaded{
          [&](const RandomHorizontalFlip& a) { step = {.kind = AugmentKind::horizontal_flip, .p = a.p}; },
          [&](const ShiftScaleRotate& a) {
            step = {
                .kind = AugmentKind::shift_scale_rotate, .p = a.p, .a = a.shift_limit, .b = a.scale_limit, .c = a.rotate_limit};
          },
          [&](const CoarseDropout& a) {
            step = {.kind = AugmentKind::coarse_dropout,
                    .p = a.p,
                    .a = static_cast<float>(a.holes),
                    .b = static_cast<float>(a.height),
                    .c = static_cast<float>(a.width)};
            set_fill(step, a.fill_value);
          },
          [&](const BrightnessContrast& a) {
            step = {.kind = AugmentKind::brightness_contrast, .p = a.p, .a = a.brightness_limit, .b = a.contrast_limit};
          },
          [&](const ColorJitter& a) {
            step = {
                .kind = AugmentKind::color_jitter, .p = a.p, .a = a.brightness, .b = a.contrast, .c = a.saturation, .d = a.hue};
          },
          [&](const RandomRotation& a) {
            step = {.kind = AugmentKind::rotation, .p = a.p, .a = a.degrees};
            set_fill(step, a.fill);
          },
          [&](const RgbShift& a) {
            step = {.kind = AugmentKind::rgb_shift, .p = a.p, .a = a.r_shift_limit, .b = a.g_shift_limit, .c = a.b_shift_limit};
          },
          [&](const RandomCrop& a) { step = {.kind = AugmentKind::random_crop, .p = a.p, .a = static_cast<float>(a.padding)}; },
          [](const Normalize&) {},
      },
      augmentation);
  return step;
}

std::string triple(const Rgb& v) {
  return strings::format("({}, {}, {})", v[0], v[1], v[2]);
}

std::string name_of_step(const Augmentation& augmentation) {
  return std::visit(
      Overloaded{
          [](const RandomHorizontalFlip& a) { return strings::format("RandomHorizontalFlip(p={})", a.p); },
          [](const ShiftScaleRotate& a) {
            return strings::format("ShiftScaleRotate(shift_limit={}, scale_limit={}, rotate_limit={}, p={})", a.shift_limit,
                               a.scale_limit, a.rotate_limit, a.p);
          },
          [](const CoarseDropout& a) {
            return strings::format("CoarseDropout(holes={}, height={}, width={}, fill_value={}, p={})", a.holes, a.height, a.width,
                               triple(a.fill_value), a.p);
          },
          [](const BrightnessContrast& a) {
            return strings::format("BrightnessContrast(brightness_limit={}, contrast_limit={}, p={})", a.brightness_limit,
                               a.contrast_limit, a.p);
          },
          [](const ColorJitter& a) {
            return strings::format("ColorJitter(brightness={}, contrast={}, saturation={}, hue={}, p={})", a.brightness, a.contrast,
                               a.saturation, a.hue, a.p);
          },
          [](const RandomRotation& a) {
            return strings::format("RandomRotation(degrees={}, fill={}, p={})", a.degrees, triple(a.fill), a.p);
          },
          [](const RgbShift& a) {
            return strings::format("RgbShift(r_shift_limit={}, g_shift_limit={}, b_shift_limit={}, p={})", a.r_shift_limit,
                               a.g_shift_limit, a.b_shift_limit, a.p);
          },
          [](const RandomCrop& a) { return strings::format("RandomCrop(padding={}, p={})", a.padding, a.p); },
          [](const Normalize& a) { return strings::format("Normalize(mean={}, std={})", triple(a.mean), triple(a.std)); },
      },
      augmentation);
}

}  // namespace

Transform::Transform(std::vector<Augmentation> steps) : steps_(std::move(steps)) {
  std::size_t augmentations = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (const auto* normalize = std::get_if<Normalize>(&steps_[i])) {
      check(i + 1 == steps_.size(), where, "expected Normalize once and last, got {}", str());
      for (const float deviation : normalize->std)
        check(deviation > 0, where, "expected deviations above 0, got {}", name_of_step(steps_[i]));
      continue;
    }
    ++augmentations;
    const AugmentStep step = step_of(steps_[i]);
    check(step.p >= 0 && step.p <= 1, where, "expected a probability in [0, 1], got {}", name_of_step(steps_[i]));
    for (const float setting : {step.a, step.b, step.c, step.d})
      check(setting >= 0, where, "expected settings of 0 or more, got {}", name_of_step(steps_[i]));
  }
  check(augmentations <= kernels::max_augment_steps, where, "expected at most {} augmentations, got {}",
        kernels::max_augment_steps, augmentations);
}

std::string Transform::str() const {
  std::vector<std::string> names;
  for (const auto& step : steps_) names.push_back(name_of_step(step));
  return strings::join(names, ", ");
}

Tensor Transform::apply(const ImageDataset& dataset, const Tensor& index, std::uint64_t seed, std::uint64_t epoch,
                        Tensor* labels, const std::uint64_t* device_epoch, DType dtype) const {
  check(dtype == float32 || dtype == bfloat16, where, "expected images of float32 or bfloat16, got {}", name_of(dtype));
  if (dtype == bfloat16 && dataset.device().is_cpu()) {
    const Tensor images = apply(dataset, index, seed, epoch, labels, device_epoch);
    return empty(images.shape(), {dtype, images.device()}).copy_(images);
  }
  check(index.dtype() == int64 && index.dim() == 1 && index.is_contiguous() && index.device() == dataset.device(), where,
        "expected an index of int64 and shape [B], dense, on {}, got {} {} on {}", dataset.device().str(),
        name_of(index.dtype()), index.shape().str(), index.device().str());
  if (index.device().is_cpu())
    for (const std::int64_t *i = index.data<const std::int64_t>(), *end = i + index.numel(); i != end; ++i)
      check(*i >= 0 && *i < dataset.size(), where, "expected an index from 0 to {}, got {}", dataset.size() - 1, *i);
  kernels::AugmentShape shape;
  shape.batch = index.numel();
  shape.channels = dataset.channels();
  shape.height = dataset.height();
  shape.width = dataset.width();
  shape.seed = seed;
  shape.epoch = epoch;
  for (const auto& augmentation : steps_) {
    if (const auto* normalize = std::get_if<Normalize>(&augmentation)) {
      std::copy(normalize->mean.begin(), normalize->mean.end(), shape.mean);
      std::copy(normalize->std.begin(), normalize->std.end(), shape.deviation);
      continue;
    }
    if (const auto* holes = std::get_if<CoarseDropout>(&augmentation))
      check(holes->height <= shape.height && holes->width <= shape.width, where,
            "expected holes that fit images of {} x {}, got {}", shape.height, shape.width, name_of_step(augmentation));
    shape.step[shape.steps++] = step_of(augmentation);
  }

  Tensor images = empty({index.numel(), dataset.channels(), dataset.height(), dataset.width()}, {dtype, dataset.device()});
  Tensor batch_labels = empty(index.shape(), {int64, dataset.device()});
  if (index.numel() > 0) {
    visit_activation(images, where, [&]<class T>(TypeTag<T>) {
      if constexpr (!std::is_same_v<T, double>) {  // never asked for, see above
        const auto& kernels = kernels_for<kernels::AugmentKernels<T>>(dataset.device());
        const Workspace workspace(dataset.device(), kernels.workspace(shape));
        kernels.augment(stream_of(images), shape, dataset.images().data<const std::uint8_t>(),
                        dataset.labels().data<const std::int64_t>(), index.data<const std::int64_t>(), device_epoch,
                        images.data<T>(), batch_labels.data<std::int64_t>(), workspace.get());
      }
    });
  }
  if (labels) *labels = batch_labels;
  return images;
}

}  // namespace heddle::data

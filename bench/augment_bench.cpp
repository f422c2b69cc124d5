// Batches of 128 CIFAR-10 images from bytes to normalised floats, by the augmentations on the way.
#include <memory>

#include "bench/support.hpp"
#include "kernels/augment/augment.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

int main(int argc, char** argv) {
  constexpr std::int64_t total = 50000, batch = 128, size = 3072;
  auto images = std::make_shared<std::vector<std::uint8_t>>(made_up<std::uint8_t>(total * size, 0, 256));
  auto labels = std::make_shared<std::vector<std::int64_t>>(made_up<std::int64_t>(total, 0, 10));
  auto index = std::make_shared<std::vector<std::int64_t>>(made_up<std::int64_t>(total, 0, static_cast<double>(total)));
  auto out = std::make_shared<Rotating<float>>(std::vector<float>(batch * size));
  auto labels_out = std::make_shared<std::vector<std::int64_t>>(batch);
  const AugmentStep flip{.kind = AugmentKind::horizontal_flip, .p = 0.5f};
  const AugmentStep ssr{.kind = AugmentKind::shift_scale_rotate, .p = 0.5f, .a = 0.09f, .b = 0.09f, .c = 7};
  AugmentStep always = ssr;
  always.p = 1;
  const AugmentStep contrast{.kind = AugmentKind::brightness_contrast, .p = 0.5f, .a = 0.2f, .b = 0.2f};
  const AugmentStep hole{.kind = AugmentKind::coarse_dropout, .p = 0.5f, .a = 1, .b = 16, .c = 16};
  const AugmentStep jitter{.kind = AugmentKind::color_jitter, .p = 1, .a = 0.1f, .b = 0.1f, .c = 0.1f, .d = 0.1f};
  const AugmentStep turn{.kind = AugmentKind::rotation, .p = 1, .a = 10, .fill = {1, 1, 1}};
  const AugmentStep crop{.kind = AugmentKind::random_crop, .p = 1, .a = 4};
  AugmentStep some_flips = flip;
  some_flips.p = 0.3f;
  const std::pair<const char*, std::vector<AugmentStep>> lists[] = {
      {"none", {}},
      {"flip", {flip}},
      {"shift-scale-rotate, every image", {always}},
      {"color jitter, every image", {jitter}},
      {"rotation, every image", {turn}},
      {"crop and flip", {crop, flip}},
      {"recipe of dilated", {flip, ssr, hole}},
      {"recipe of residual", {ssr, contrast}},
      {"recipe of compact", {jitter, some_flips, turn}},
  };
  const auto& k = AugmentKernels<float>::cpu();
  for (const auto& [name, steps] : lists) {
    AugmentShape s;
    s.batch = batch;
    s.seed = 1;
    for (const auto& step : steps) s.step[s.steps++] = step;
    float* y = out->next();
    k.augment({}, s, images->data(), labels->data(), index->data(), nullptr, y, labels_out->data(), nullptr);
    if (s.steps == 0)
      require_near(name, static_cast<double>(y[7]), (*images)[static_cast<std::size_t>((*index)[0] * size + 7)] / 255.0, 1e-6);
    add(name, {.bytes = 5.0 * batch * size, .items = batch}, [=, &k, turn_of = std::int64_t{0}]() mutable {
      const std::int64_t first = turn_of++ * batch % (total - batch);
      k.augment({}, s, images->data(), labels->data(), index->data() + first, nullptr, out->next(), labels_out->data(), nullptr);
    });
  }
  return run(argc, argv);
}

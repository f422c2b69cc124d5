// What each transform does to pixels, through the public way from bytes to floats.
#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "heddle/data/cifar.hpp"
#include "heddle/data/synthetic.hpp"
#include "heddle/data/transform.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using namespace heddle::data;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr int side = 32, plane = side * side, count = 64;

std::vector<float> apply(const Transform& transform, const ImageDataset& set, std::uint64_t epoch = 0) {
  return transform.apply(set, arange(0, static_cast<double>(set.size()), 1, {.dtype = int64}), 3, epoch).to_vector<float>();
}

ImageDataset drawn() {
  return synthetic({.count = count, .seed = 1});
}

// Every pixel the same.
ImageDataset flat(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < count; ++i)
    for (const std::uint8_t v : {red, green, blue}) bytes.insert(bytes.end(), plane, v);
  return {tensor(bytes, Shape{count, 3, side, side}), zeros({count}, {.dtype = int64}), {"only"}};
}

float worst(const std::vector<float>& a, const std::vector<float>& b) {
  float most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

// How many images differ from the other list's by more than rounding.
int changed(const std::vector<float>& a, const std::vector<float>& b) {
  int n = 0;
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<std::ptrdiff_t>(i) * 3 * plane;
    n += worst({a.begin() + at, a.begin() + at + 3 * plane}, {b.begin() + at, b.begin() + at + 3 * plane}) > 0.01f;
  }
  return n;
}

}  // namespace

TEST_CASE("Without augmentations a transform scales bytes, and normalises them", "[transform]") {
  const auto set = drawn();
  const auto bytes = set.images().to_vector<std::uint8_t>();
  const auto plain = apply({}, set);
  const auto normal = apply({Normalize{.mean = cifar10_mean, .std = cifar10_std}}, set);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t c = i / plane % 3;
    REQUIRE(plain[i] == Approx(bytes[i] / 255.0).margin(1e-6));
    REQUIRE(normal[i] == Approx((bytes[i] / 255.0 - cifar10_mean[c]) / cifar10_std[c]).margin(2e-5));
  }
}

TEST_CASE("Images of one channel take the first of the settings", "[transform]") {
  const ImageDataset grey(full({2, 1, 4, 4}, 51, {.dtype = uint8}), zeros({2}, {.dtype = int64}), {"only"});
  const auto out = apply({RandomHorizontalFlip{}, Normalize{.mean = {0.1f, 9, 9}, .std = {0.5f, 9, 9}}}, grey);
  REQUIRE(out.size() == 32);
  for (const float v : out) REQUIRE(v == Approx(0.2));
}

TEST_CASE("A transform of probability 0, or without reach, changes nothing", "[transform]") {
  const auto set = drawn();
  const auto plain = apply({}, set);
  const std::vector<Augmentation> idle = {
      RandomHorizontalFlip{.p = 0},
      ShiftScaleRotate{.p = 0},
      CoarseDropout{.p = 0},
      BrightnessContrast{.p = 0},
      ColorJitter{.brightness = 1, .contrast = 1, .saturation = 1, .hue = 0.5f, .p = 0},
      RandomRotation{.degrees = 90, .p = 0},
      RgbShift{.p = 0},
      RandomCrop{.padding = 4, .p = 0},
      ShiftScaleRotate{.shift_limit = 0, .scale_limit = 0, .rotate_limit = 0, .p = 1},
      BrightnessContrast{.brightness_limit = 0, .contrast_limit = 0, .p = 1},
      ColorJitter{},
      RandomRotation{.degrees = 0},
      RgbShift{.r_shift_limit = 0, .g_shift_limit = 0, .b_shift_limit = 0, .p = 1},
      RandomCrop{.padding = 0},
  };
  for (const auto& step : idle) {
    const Transform transform{step};
    INFO(transform.str());
    REQUIRE(worst(apply(transform, set), plain) < 2e-5f);
  }
}

TEST_CASE("Every transform changes about a share p of the images, each epoch others", "[transform]") {
  const auto set = drawn();
  const auto plain = apply({}, set);
  const std::vector<Augmentation> half = {
      RandomHorizontalFlip{},
      ShiftScaleRotate{},
      CoarseDropout{.fill_value = {1, 0, 1}},
      BrightnessContrast{.brightness_limit = 0.5f},
      ColorJitter{.brightness = 0.5f, .contrast = 0.5f, .saturation = 0.5f, .hue = 0.5f, .p = 0.5f},
      RandomRotation{.degrees = 45, .p = 0.5f},
      RgbShift{.r_shift_limit = 0.3f},
      RandomCrop{.padding = 12, .p = 0.5f},
  };
  for (const auto& step : half) {
    const Transform transform{step};
    INFO(transform.str());
    const auto first = apply(transform, set), again = apply(transform, set), next = apply(transform, set, 1);
    REQUIRE(first == again);
    REQUIRE(changed(first, next) > count / 4);
    REQUIRE(changed(first, plain) > count / 4);
    REQUIRE(changed(first, plain) < count * 3 / 4);
    for (const float v : first) REQUIRE((v >= 0 && v <= 1));
  }
}

TEST_CASE("A flip mirrors left and right", "[transform]") {
  const auto set = drawn();
  const auto plain = apply({}, set), flipped = apply({RandomHorizontalFlip{.p = 1}}, set);
  for (std::size_t row = 0; row < plain.size() / side; ++row)
    for (std::size_t x = 0; x < side; ++x) REQUIRE(flipped[row * side + x] == plain[row * side + side - 1 - x]);
}

TEST_CASE("Coarse dropout fills whole holes inside the image, nothing else", "[transform]") {
  const auto set = flat(100, 150, 200);
  const Rgb fill = {0.25f, 0.5f, 0.75f};
  const auto out = apply({CoarseDropout{.holes = 1, .height = 5, .width = 9, .fill_value = fill, .p = 1}}, set);
  std::set<std::pair<int, int>> corners;
  for (int i = 0; i < count; ++i)
    for (int c = 0; c < 3; ++c) {
      int top = side, left = side, bottom = -1, right = -1, filled = 0;
      for (int k = 0; k < plane; ++k) {
        const float v = out[static_cast<std::size_t>((i * 3 + c) * plane + k)];
        if (std::abs(v - fill[static_cast<std::size_t>(c)]) > 1e-6f) {
          REQUIRE(v == Approx((100 + 50 * c) / 255.0).margin(1e-6));
          continue;
        }
        ++filled;
        top = std::min(top, k / side), bottom = std::max(bottom, k / side);
        left = std::min(left, k % side), right = std::max(right, k % side);
      }
      REQUIRE(filled == 45);
      REQUIRE(bottom - top == 4);
      REQUIRE(right - left == 8);
      corners.insert({top, left});
    }
  REQUIRE(corners.size() > count / 2);
}

TEST_CASE("Brightness and contrast act alike on all pixels and stay within their limits", "[transform]") {
  const auto out = apply({BrightnessContrast{.brightness_limit = 0.1f, .contrast_limit = 0.3f, .p = 1}}, flat(64, 128, 128));
  for (std::size_t i = 0; i < count; ++i) {
    const float* image = out.data() + i * 3 * plane;
    const double low = image[0], high = image[plane];
    for (int k = 0; k < plane; ++k) REQUIRE(image[k] == image[0]);
    const double alpha = (high - low) * 255 / 64, beta = low - alpha * 64 / 255;
    REQUIRE(std::abs(alpha - 1) <= 0.3001);
    REQUIRE(std::abs(beta) <= 0.1001);
  }
}

TEST_CASE("RGB shift moves each channel by its own amount, within its limit", "[transform]") {
  const auto out =
      apply({RgbShift{.r_shift_limit = 0.2f, .g_shift_limit = 0.05f, .b_shift_limit = 0, .p = 1}}, flat(128, 128, 128));
  float red = 0, green = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const float* image = out.data() + i * 3 * plane;
    red = std::max(red, std::abs(image[0] - 128 / 255.f));
    green = std::max(green, std::abs(image[plane] - 128 / 255.f));
    REQUIRE(image[2 * plane] == Approx(128 / 255.f).margin(1e-6));
  }
  REQUIRE((red > 0.15f && red <= 0.2001f));
  REQUIRE((green > 0.035f && green <= 0.0501f));
}

TEST_CASE("A crop with padding is a whole shift, with zeros where the image does not reach", "[transform]") {
  const auto set = drawn();
  const int pad = 3;
  const auto plain = apply({}, set), out = apply({RandomCrop{.padding = pad}}, set);
  std::set<std::pair<int, int>> shifts;
  for (int i = 0; i < count; ++i) {
    bool found = false;
    for (int dy = -pad; dy <= pad && !found; ++dy)
      for (int dx = -pad; dx <= pad && !found; ++dx) {
        bool same = true;
        for (int c = 0; c < 3 && same; ++c)
          for (int y = 0; y < side && same; ++y)
            for (int x = 0; x < side && same; ++x) {
              const int sy = y + dy, sx = x + dx;
              const bool inside = sy >= 0 && sy < side && sx >= 0 && sx < side;
              const auto at = [&](int row, int column) {
                return static_cast<std::size_t>(((i * 3 + c) * side + row) * side + column);
              };
              same = std::abs(out[at(y, x)] - (inside ? plain[at(sy, sx)] : 0)) < 1e-6f;
            }
        if (same) shifts.insert({dy, dx});
        found = same;
      }
    REQUIRE(found);
  }
  REQUIRE(shifts.size() > 20);
}

TEST_CASE("A rotation fills the corners it opens and keeps the middle", "[transform]") {
  const auto out = apply({RandomRotation{.degrees = 45, .fill = {1, 1, 1}}}, flat(10, 20, 30));
  int filled = 0;
  for (std::size_t i = 0; i < count; ++i)
    for (int c = 0; c < 3; ++c) {
      const float* channel = out.data() + (i * 3 + static_cast<std::size_t>(c)) * plane;
      REQUIRE(channel[16 * side + 16] == Approx((10 + 10 * c) / 255.0).margin(1e-6));
      filled += channel[0] == 1;
    }
  REQUIRE(filled > count);
}

TEST_CASE("A shifted, scaled, turned flat image stays flat: the border is reflected", "[transform]") {
  const auto out =
      apply({ShiftScaleRotate{.shift_limit = 0.3f, .scale_limit = 0.4f, .rotate_limit = 90, .p = 1}}, flat(10, 20, 30));
  for (std::size_t i = 0; i < out.size(); ++i)
    REQUIRE(out[i] == Approx((10.0 + 10.0 * static_cast<double>(i / plane % 3)) / 255).margin(1e-5));
}

TEST_CASE("Colour jitter of a grey image keeps it grey", "[transform]") {
  const auto out =
      apply({ColorJitter{.brightness = 0.4f, .contrast = 0.4f, .saturation = 0.9f, .hue = 0.5f}}, flat(90, 90, 90));
  std::set<float> levels;
  for (std::size_t i = 0; i < count; ++i) {
    const float* image = out.data() + i * 3 * plane;
    REQUIRE(image[plane] == Approx(image[0]).margin(1e-4));
    REQUIRE(image[2 * plane] == Approx(image[0]).margin(1e-4));
    REQUIRE(image[0] >= 0.59f * 90 / 255);
    REQUIRE(image[0] <= 1.41f * 90 / 255);
    levels.insert(image[0]);
  }
  REQUIRE(levels.size() > count / 2);
}

TEST_CASE("Transforms that make no sense are refused, and say what they are", "[transform]") {
  REQUIRE_THROWS_WITH((Transform{Normalize{}, RandomCrop{}}), ContainsSubstring("once and last"));
  REQUIRE_THROWS_WITH((Transform{Normalize{.mean = {}, .std = {1, 0, 1}}}), ContainsSubstring("deviations"));
  REQUIRE_THROWS_WITH((Transform{RandomHorizontalFlip{.p = 1.5f}}), ContainsSubstring("RandomHorizontalFlip(p=1.5)"));
  REQUIRE_THROWS_WITH((Transform{RandomRotation{.degrees = -5}}), ContainsSubstring("0 or more"));
  REQUIRE_THROWS_WITH(Transform(std::vector<Augmentation>(9, RandomHorizontalFlip{})), ContainsSubstring("at most 8"));
  REQUIRE(Transform(std::vector<Augmentation>(8, RandomHorizontalFlip{})).steps().size() == 8);
  REQUIRE(Transform{RandomCrop{.padding = 4}, Normalize{}}.str() ==
          "RandomCrop(padding=4, p=1), Normalize(mean=(0, 0, 0), std=(1, 1, 1))");

  const auto set = drawn();
  REQUIRE_THROWS_WITH((Transform{CoarseDropout{.height = 33}}.apply(set, zeros({1}, {.dtype = int64}), 0, 0)),
                      ContainsSubstring("32 x 32"));
  REQUIRE_THROWS_WITH(Transform().apply(set, full({1}, count, {.dtype = int64}), 0, 0),
                      ContainsSubstring("from 0 to 63, got 64"));
  REQUIRE_THROWS_WITH(Transform().apply(set, zeros({1}), 0, 0), ContainsSubstring("int64"));
}

// Every image is a signed distance d(x, y) to a figure or the stripes of a texture, in pixels, from which the share of a
// pixel that the figure covers is about clamp(1/2 - d, 0, 1): edges are smooth without sampling twice. Over it a scratch of
// a third colour, a slope of light, and noise.
#include "heddle/data/synthetic.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "heddle/base/check.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/random/philox.hpp"

namespace heddle::data {
namespace {

constexpr int side = 32;
constexpr std::int64_t plane = side * side;
constexpr int num_classes = 10;

// Words of one stream, one after another.
class Draw {
 public:
  explicit Draw(const kernels::RandomKey& key) : key_(key) {}
  std::uint32_t word() {
    if (at_ % 4 == 0) block_ = kernels::philox(key_, at_ / 4);
    return block_.word[at_++ % 4];
  }
  float uniform(float low, float high) { return low + (high - low) * kernels::uniform01(word()); }
  int below(int n) { return static_cast<int>(std::uint64_t{word()} * static_cast<std::uint64_t>(n) >> 32); }

 private:
  kernels::RandomKey key_;
  kernels::PhiloxBlock block_{};
  std::uint32_t at_ = 0;
};

enum Stream : std::uint32_t { scene, noise, labels, streams };

kernels::RandomKey key_of(const SyntheticOptions& options, std::int64_t step, Stream stream) {
  const auto split = static_cast<std::uint32_t>(options.split);
  return {.seed = options.seed,
          .step = static_cast<std::uint64_t>(step),
          .call = split * streams + stream,
          .purpose = kernels::Purpose::synthetic};
}

// Ten images after each other have the ten labels in an order of their own.
int label_of(const SyntheticOptions& options, std::int64_t image) {
  Draw draw(key_of(options, image / num_classes, labels));
  std::array<int, num_classes> order;
  for (int i = 0; i < num_classes; ++i) order[static_cast<std::size_t>(i)] = i;
  for (int i = num_classes - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(draw.below(i + 1))]);
  return order[static_cast<std::size_t>(image % num_classes)];
}

struct Point {
  float x, y;
};

float length(Point p) {
  return std::sqrt(p.x * p.x + p.y * p.y);
}

// Distance to the nearer edge of stripes as wide as their gaps, negative inside.
float stripes(float x, float period) {
  const float t = x / period;
  return (std::abs(t - std::floor(t) - 0.5f) - 0.25f) * period;
}

float covered(float distance) {
  return std::clamp(0.5f - distance, 0.0f, 1.0f);
}

// Where the figure stands and how large it is; coordinates handed to figures are turned and relative to its centre.
struct Scene {
  Point centre;
  float cosine, sine, radius, period;
  std::array<float, 3> ground, figure, scratch_colour;
  Point scratch_from, scratch_to;
  float scratch_width;
  Point light;  // change of brightness over the whole side
  float noise;

  explicit Scene(Draw& draw, bool texture) {
    const float reach = texture ? 8.0f : 5.0f;
    centre = {side / 2 + draw.uniform(-reach, reach), side / 2 + draw.uniform(-reach, reach)};
    const float angle = draw.uniform(-0.35f, 0.35f);
    cosine = std::cos(angle);
    sine = std::sin(angle);
    radius = draw.uniform(8, 13);
    period = draw.uniform(5, 9);
    // Any two colours that can be told apart, the figure's the brighter one, from the same law for every class.
    do {
      for (float& c : ground) c = draw.uniform(0.1f, 0.9f);
      for (float& c : figure) c = draw.uniform(0.1f, 0.9f);
    } while (contrast() < 0.45f || brightness(figure) < brightness(ground) + 0.15f);
    for (float& c : scratch_colour) c = draw.uniform(0, 1);
    scratch_from = {draw.uniform(0, side), draw.uniform(0, side)};
    scratch_to = {draw.uniform(0, side), draw.uniform(0, side)};
    scratch_width = draw.uniform(0.4f, 1.2f);
    light = {draw.uniform(-0.15f, 0.15f), draw.uniform(-0.15f, 0.15f)};
    noise = draw.uniform(0.03f, 0.12f);
  }

  float contrast() const {
    float sum = 0;
    for (std::size_t c = 0; c < 3; ++c) sum += (ground[c] - figure[c]) * (ground[c] - figure[c]);
    return std::sqrt(sum);
  }

  static float brightness(const std::array<float, 3>& colour) { return (colour[0] + colour[1] + colour[2]) / 3; }

  Point local(float x, float y) const {
    x -= centre.x;
    y -= centre.y;
    return {cosine * x + sine * y, cosine * y - sine * x};
  }

  float scratch(float x, float y) const {
    const Point d{scratch_to.x - scratch_from.x, scratch_to.y - scratch_from.y}, p{x - scratch_from.x, y - scratch_from.y};
    const float along = std::clamp((p.x * d.x + p.y * d.y) / (d.x * d.x + d.y * d.y + 1e-6f), 0.0f, 1.0f);
    return covered(length({p.x - along * d.x, p.y - along * d.y}) - scratch_width);
  }
};

// The share of a pixel that the class's figure covers, as a function of the local point.
template <class F>
void with_figure(int label, const Scene& s, F&& paint) {
  const float r = s.radius, period = s.period;
  switch (label) {
    case 0:
      return paint([=](Point p) { return covered(length(p) - r); });  // disk
    case 1:
      return paint([=](Point p) { return covered(std::abs(length(p) - 0.8f * r) - 0.2f * r); });  // ring
    case 2:
      return paint([=](Point p) { return covered(std::max(std::abs(p.x), std::abs(p.y)) - 0.85f * r); });  // square
    case 3:                                                                                                // triangle
      return paint([=](Point p) { return covered(std::max(p.y, 0.866f * std::abs(p.x) - 0.5f * p.y) - 0.55f * r); });
    case 4:  // cross
      return paint([=](Point p) {
        const float x = std::abs(p.x), y = std::abs(p.y), w = 0.28f * r;
        return covered(std::min(std::max(x - r, y - w), std::max(x - w, y - r)));
      });
    case 5:  // crescent
      return paint([=](Point p) { return covered(std::max(length(p) - r, 0.85f * r - length({p.x - 0.55f * r, p.y}))); });
    case 6:
      return paint([=](Point p) { return covered(stripes(p.x, period)); });  // stripes
    case 7:                                                                  // checks
      return paint([=](Point p) {
        const float a = covered(stripes(p.x, 1.3f * period)), b = covered(stripes(p.y, 1.3f * period));
        return a + b - 2 * a * b;
      });
    case 8:  // dots
      return paint([=](Point p) {
        const float x = p.x / period, y = p.y / period;
        return covered(period * (length({x - std::floor(x) - 0.5f, y - std::floor(y) - 0.5f}) - 0.32f));
      });
    default:
      return paint([=](Point p) { return covered(stripes(length(p), period)); });  // ripples
  }
}

void draw_image(const SyntheticOptions& options, std::int64_t image, int label, std::uint8_t* bytes) {
  Draw draw(key_of(options, image, scene));
  const Scene s(draw, label >= 6);
  std::array<float, plane> figure, scratch, light;
  with_figure(label, s, [&](auto coverage) {
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) figure[static_cast<std::size_t>(y * side + x)] = coverage(s.local(x + 0.5f, y + 0.5f));
  });
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const auto i = static_cast<std::size_t>(y * side + x);
      scratch[i] = s.scratch(x + 0.5f, y + 0.5f);
      light[i] = s.light.x * (x / float{side} - 0.5f) + s.light.y * (y / float{side} - 0.5f);
    }

  // Noise is the sum of two even bytes, one Philox block for eight values.
  const auto key = key_of(options, image, noise);
  const float scale = s.noise / 255;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < plane; i += 8) {
      const auto block = kernels::philox(key, static_cast<std::uint32_t>((c * plane + i) / 8));
      for (std::size_t k = 0; k < 8; ++k) {
        const std::uint32_t half = block.word[k / 2] >> (k % 2 * 16);
        const float grain = (static_cast<float>((half & 255) + (half >> 8 & 255)) - 255) * scale;
        float v = s.ground[c] + (s.figure[c] - s.ground[c]) * figure[i + k];
        v += (s.scratch_colour[c] - v) * scratch[i + k];
        v = std::clamp(v + light[i + k] + grain, 0.0f, 1.0f);
        bytes[c * plane + i + k] = static_cast<std::uint8_t>(v * 255 + 0.5f);
      }
    }
}

}  // namespace

ImageDataset synthetic(const SyntheticOptions& options) {
  check(options.count >= 0, "synthetic", "expected 0 or more images, got {}", options.count);
  Tensor images = empty({options.count, 3, side, side}, {.dtype = uint8});
  Tensor labels = empty({options.count}, {.dtype = int64});
  std::uint8_t* bytes = images.data<std::uint8_t>();
  std::int64_t* numbers = labels.data<std::int64_t>();
  parallel_for(options.count, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const int label = label_of(options, i);
      numbers[i] = label;
      draw_image(options, i, label, bytes + i * 3 * plane);
    }
  });
  return {images, labels, {"disk", "ring", "square", "triangle", "cross", "crescent", "stripes", "checks", "dots", "ripples"}};
}

}  // namespace heddle::data

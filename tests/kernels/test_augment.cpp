// Augmentations against their definitions, by properties that need no reference, and by cases worked out by hand.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/augment/augment.hpp"
#include "kernels/augment/augment_math.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/reference_augment.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

constexpr std::int64_t total = 40;

// A data set of made-up images, and the kernel's answer for a batch of them.
template <class T>
struct Run {
  AugmentShape shape;
  std::vector<std::uint8_t> bytes;
  std::vector<std::int64_t> labels;

  explicit Run(std::vector<AugmentStep> steps, int channels = 3, int height = 32, int width = 32) {
    shape.channels = channels, shape.height = height, shape.width = width;
    shape.seed = 0x5eed5eed12345678;
    shape.epoch = 3;
    for (const auto& step : steps) shape.step[shape.steps++] = step;
    const float mean[] = {0.4914f, 0.4822f, 0.4465f}, deviation[] = {0.2471f, 0.2435f, 0.2616f};
    std::copy(mean, mean + 3, shape.mean);
    std::copy(deviation, deviation + 3, shape.deviation);
    bytes = made_up<std::uint8_t>(static_cast<std::size_t>(total) * size(), 0, 256);
    labels = made_up<std::int64_t>(total, 0, 10, 2);
  }
  std::size_t size() const {
    return static_cast<std::size_t>(shape.channels) * static_cast<std::size_t>(shape.height * shape.width);
  }

  std::vector<T> operator()(const Backend<AugmentKernels<T>>& backend, const std::vector<std::int64_t>& index) {
    shape.batch = static_cast<std::int64_t>(index.size());
    auto images = backend.buffer(bytes);
    auto all_labels = backend.buffer(labels), which = backend.buffer(index),
         got = backend.buffer(std::vector<std::int64_t>(index.size()));
    auto out = backend.buffer(std::vector<T>(index.size() * size()));
    auto workspace = backend.buffer(std::vector<float>(backend.table->workspace(shape) / sizeof(float)));
    backend.table->augment({}, shape, images, all_labels, which, nullptr, out, got, workspace.get());
    for (std::size_t b = 0; b < index.size(); ++b) REQUIRE(got.host()[b] == labels[static_cast<std::size_t>(index[b])]);
    return out.host();
  }
  // Image i normalised and otherwise as it is, in double.
  Picture picture(std::int64_t i) const {
    Picture p{shape.channels, shape.height, shape.width, {}};
    for (std::size_t k = 0; k < size(); ++k) p.values.push_back(bytes[static_cast<std::size_t>(i) * size() + k] / 255.0);
    return p;
  }
  double normalised(double value, int c) const {
    return (value - static_cast<double>(shape.mean[c])) / static_cast<double>(shape.deviation[c]);
  }
  double original(double value, int c) const {
    return value * static_cast<double>(shape.deviation[c]) + static_cast<double>(shape.mean[c]);
  }
};

std::vector<std::int64_t> everything() {
  std::vector<std::int64_t> index;
  for (std::int64_t i = 0; i < total; ++i) index.push_back(i * 7 % total);
  return index;
}

const AugmentStep flip{.kind = AugmentKind::horizontal_flip, .p = 0.5f};
const AugmentStep ssr{.kind = AugmentKind::shift_scale_rotate, .p = 0.7f, .a = 0.09f, .b = 0.09f, .c = 7};
const AugmentStep dropout{
    .kind = AugmentKind::coarse_dropout, .p = 0.5f, .a = 2, .b = 16, .c = 11, .fill = {0.49f, 0.48f, 0.45f}};
const AugmentStep contrast{.kind = AugmentKind::brightness_contrast, .p = 0.5f, .a = 0.2f, .b = 0.3f};
const AugmentStep jitter{.kind = AugmentKind::color_jitter, .p = 0.9f, .a = 0.4f, .b = 0.5f, .c = 0.6f, .d = 0.3f};
const AugmentStep turn{.kind = AugmentKind::rotation, .p = 0.8f, .a = 30, .fill = {1, 0.9f, 0.8f}};
const AugmentStep rgb{.kind = AugmentKind::rgb_shift, .p = 0.6f, .a = 0.1f, .b = 0.2f, .c = 0.05f};
const AugmentStep crop{.kind = AugmentKind::random_crop, .p = 0.9f, .a = 4};

}  // namespace

TEMPLATE_TEST_CASE("every augmentation, alone and after others, agrees with its definition", "[augment]", float, double,
                   BFloat16) {
  using T = TestType;
  AugmentStep far = ssr;  // several reflections deep
  far.a = 3, far.b = 0.9f, far.c = 180;
  AugmentStep strong = jitter;  // factors down to 0
  strong.a = strong.b = strong.c = 1.5f, strong.d = 0.5f;
  const std::vector<std::vector<AugmentStep>> lists = {{},
                                                       {flip},
                                                       {ssr},
                                                       {far},
                                                       {dropout},
                                                       {contrast},
                                                       {jitter},
                                                       {strong},
                                                       {turn},
                                                       {rgb},
                                                       {crop},
                                                       {ssr, contrast},
                                                       {jitter, flip, turn},
                                                       {flip, ssr, dropout},
                                                       {crop, flip, rgb, jitter, contrast, turn, ssr, dropout}};
  const int sizes[][3] = {{3, 32, 32}, {1, 28, 28}, {3, 9, 70}, {3, 5, 1}, {1, 1, 1}};
  for (const auto& backend : backends<AugmentKernels<T>>())
    for (const auto& [channels, height, width] : sizes)
      for (std::size_t list = 0; list < lists.size(); ++list) {
        INFO(backend.name << ": list " << list << ", " << channels << " x " << height << " x " << width);
        Run<T> run(lists[list], channels, height, width);
        const auto index = everything();
        const auto out = wide(same_on_any_threads([&] { return run(backend, index); }));
        // A turn to the nearest pixel may pick the other of two that are equally near; nothing else may differ by more than
        // rounding.
        std::size_t differing = 0;
        for (std::size_t b = 0; b < index.size(); ++b) {
          const auto want = ReferenceAugment(run.shape, index[b], 3).apply(run.picture(index[b]));
          for (std::size_t k = 0; k < run.size(); ++k) {
            const int c = static_cast<int>(k / static_cast<std::size_t>(height * width));
            const double value = run.normalised(want.values[k], c);
            differing +=
                std::abs(static_cast<double>(out[b * run.size() + k]) - value) > 3e-4 + storage_error<T> * std::abs(value);
          }
        }
        const bool turns =
            std::any_of(lists[list].begin(), lists[list].end(), [](const auto& s) { return s.kind == AugmentKind::rotation; });
        REQUIRE(differing <= (turns ? out.size() / 500 : 0));
      }
}

TEMPLATE_TEST_CASE("settings that change nothing give the normalised image to the bit", "[augment]", float, double, BFloat16) {
  using T = TestType;
  for (const auto& backend : backends<AugmentKernels<T>>()) {
    INFO(backend.name);
    const auto plain = wide(Run<T>({})(backend, everything()));
    for (AugmentKind kind :
         {AugmentKind::shift_scale_rotate, AugmentKind::coarse_dropout, AugmentKind::brightness_contrast,
          AugmentKind::color_jitter, AugmentKind::rotation, AugmentKind::rgb_shift, AugmentKind::random_crop}) {
      INFO("kind " << static_cast<int>(kind));
      REQUIRE(wide(Run<T>({{.kind = kind, .p = 1}})(backend, everything())) == plain);
    }
    for (AugmentStep step : {flip, ssr, dropout, contrast, jitter, turn, rgb, crop}) {
      step.p = 0;
      REQUIRE(wide(Run<T>({step})(backend, everything())) == plain);
    }
    Run<T> run({});
    for (std::size_t k = 0; k < run.size(); ++k)
      REQUIRE(static_cast<double>(plain[k]) == Approx(run.normalised(run.bytes[k] / 255.0, static_cast<int>(k / 1024)))
                                                   .epsilon(1e-5 + storage_error<T>)
                                                   .margin(1e-6));
  }
}

TEST_CASE("a flip flips, and two flips do nothing", "[augment]") {
  AugmentStep always = flip;
  always.p = 1;
  for (const auto& backend : backends<AugmentKernels<float>>()) {
    INFO(backend.name);
    const auto plain = Run<float>({})(backend, everything()), flipped = Run<float>({always})(backend, everything());
    for (std::size_t i = 0; i < plain.size(); ++i)
      if (flipped[i / 32 * 32 + 31 - i % 32] != plain[i]) REQUIRE(i == plain.size());
    REQUIRE(Run<float>({always, always})(backend, everything()) == plain);
  }
}

TEST_CASE("p is the share of images that change", "[augment]") {
  for (const auto& backend : backends<AugmentKernels<float>>())
    for (float p : {0.1f, 0.5f, 0.9f}) {
      AugmentStep step = flip;
      step.p = p;
      int changed = 0;
      for (std::uint64_t epoch = 0; epoch < 50; ++epoch) {
        Run<float> plain({}), run({step});
        run.shape.epoch = epoch;
        const auto a = plain(backend, everything()), b = run(backend, everything());
        for (std::size_t i = 0; i < everything().size(); ++i)
          changed += !std::equal(a.begin() + static_cast<std::ptrdiff_t>(i * 3072),
                                 a.begin() + static_cast<std::ptrdiff_t>(i * 3072 + 3072),
                                 b.begin() + static_cast<std::ptrdiff_t>(i * 3072));
      }
      REQUIRE(std::abs(changed / 2000.0 - static_cast<double>(p)) < 0.045);  // four deviations
    }
}

TEST_CASE("holes are rectangles wholly inside, of the colour asked for, and reach every border", "[augment]") {
  const AugmentStep hole{.kind = AugmentKind::coarse_dropout, .p = 1, .a = 1, .b = 20, .c = 24, .fill = {0.25f, 0.5f, 0.75f}};
  for (const auto& backend : backends<AugmentKernels<float>>()) {
    INFO(backend.name);
    int least_top = 99, most_top = -1, least_left = 99, most_left = -1;
    for (std::uint64_t epoch = 0; epoch < 10; ++epoch) {
      Run<float> plain({}), run({hole});
      run.shape.epoch = epoch;
      const auto a = plain(backend, everything()), b = run(backend, everything());
      for (std::size_t image = 0; image < static_cast<std::size_t>(total); ++image)
        for (int c = 0; c < 3; ++c) {
          int count = 0, top = 99, left = 99, bottom = -1, right = -1;
          for (int y = 0; y < 32; ++y)
            for (int x = 0; x < 32; ++x) {
              const auto k = (image * 3 + static_cast<std::size_t>(c)) * 1024 + static_cast<std::size_t>(y * 32 + x);
              if (std::abs(run.original(static_cast<double>(b[k]), c) - static_cast<double>(hole.fill[c])) < 1e-5) {
                ++count;
                top = std::min(top, y), bottom = std::max(bottom, y), left = std::min(left, x), right = std::max(right, x);
              } else if (a[k] != b[k]) {
                REQUIRE(a[k] == b[k]);
              }
            }
          REQUIRE(count == 20 * 24);
          REQUIRE(bottom - top == 19);
          REQUIRE(right - left == 23);
          least_top = std::min(least_top, top), most_top = std::max(most_top, top);
          least_left = std::min(least_left, left), most_left = std::max(most_left, left);
        }
    }
    REQUIRE(least_top == 0);
    REQUIRE(most_top == 12);
    REQUIRE(least_left == 0);
    REQUIRE(most_left == 8);
  }
}

TEST_CASE("a sample depends on (seed, epoch, image) alone, not on its batch or place", "[augment]") {
  for (const auto& backend : backends<AugmentKernels<float>>()) {
    INFO(backend.name);
    const std::vector<AugmentStep> steps = {flip, ssr, dropout, contrast, jitter};
    Run<float> run(steps);
    const auto all = run(backend, everything());
    for (std::size_t b = 0; b < everything().size(); b += 5) {
      const auto one = run(backend, {everything()[b]});
      REQUIRE(std::equal(one.begin(), one.end(), all.begin() + static_cast<std::ptrdiff_t>(b * 3072)));
    }
    Run<float> other_epoch(steps), other_seed(steps);
    other_epoch.shape.epoch = 4;
    other_seed.shape.seed += 1ull << 32;
    REQUIRE(other_epoch(backend, everything()) != all);
    REQUIRE(other_seed(backend, everything()) != all);

    auto images = backend.buffer(run.bytes);
    auto index = backend.buffer(everything());
    auto epoch = backend.buffer(std::vector<std::uint64_t>{4});
    auto out = backend.buffer(std::vector<float>(all.size()));
    run.shape.batch = total;
    auto workspace = backend.buffer(std::vector<float>(backend.table->workspace(run.shape) / sizeof(float)));
    backend.table->augment({}, run.shape, images, nullptr, index, epoch, out, nullptr, workspace.get());  // no labels asked for
    REQUIRE(out.host() == other_epoch(backend, everything()));
  }
}

// On the GPU a block's memory holds images of up to 97 x 97; larger ones are worked on in the workspace.
TEST_CASE("images of 110 x 110 agree with the definition", "[augment]") {
  Run<float> run({ssr, jitter, flip}, 3, 110, 110);
  for (const auto& backend : backends<AugmentKernels<float>>()) {
    INFO(backend.name);
    const std::vector<std::int64_t> index{3, 8};
    const auto out = run(backend, index);
    std::size_t differing = 0;
    for (std::size_t b = 0; b < index.size(); ++b) {
      const auto want = ReferenceAugment(run.shape, index[b], 3).apply(run.picture(index[b]));
      for (std::size_t k = 0; k < run.size(); ++k)
        differing += std::abs(static_cast<double>(out[b * run.size() + k]) -
                              run.normalised(want.values[k], static_cast<int>(k / 12100))) > 1e-3;
    }
    REQUIRE(differing == 0);
  }
}

TEST_CASE("small turns and shifts worked out by hand", "[augment]") {
  SECTION("a quarter turn counter-clockwise takes the top right corner to the top left") {
    const NearestTurn quarter(90);
    // Output (0, 0) of a 3 x 3 image, offset (-1, -1) from the centre, comes from column 2, row 0.
    REQUIRE(quarter.source_x(-2, -2, 3) == 2);
    REQUIRE(quarter.source_y(-2, -2, 3) == 0);
    REQUIRE(quarter.source_x(2, -2, 3) == 2);  // output's top right, from the bottom right
    REQUIRE(quarter.source_y(2, -2, 3) == 2);
    REQUIRE(quarter.source_x(0, 0, 3) == 1);
  }
  SECTION("a turn that carries a pixel out of a 4 x 4 image: 45 degrees") {
    const NearestTurn turn45(45);
    // Corner (3, 0) is offset (1.5, -1.5): back by 45 degrees it is (2.12, 0), so column 1.5 + 2.12 = 3.62, nearest 4.
    REQUIRE(turn45.source_x(3, -3, 4) == 4);
    REQUIRE(turn45.source_y(3, -3, 4) == 2);  // 1.5 + 0, halves go up
  }
  SECTION("reflection repeats no edge: ... 2 1 | 0 1 2 3 | 2 1 0 1 ...") {
    const float positions[] = {-4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 2.5f, 3.25f, -0.5f};
    const float want[] = {2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2.5f, 2.75f, 0.5f};
    for (int i = 0; i < 15; ++i) REQUIRE(kernels::reflect(positions[i], 3, inverse_period(4)) == Approx(want[i]).margin(1e-6));
    REQUIRE(kernels::reflect(17.3f, 0, inverse_period(1)) == 0);
  }
  SECTION("between four pixels") {
    REQUIRE(bilinear(0, 4, 8, 12, 0.25f, 0.5f) == 5);
    REQUIRE(bilinear(7, 1, 2, 3, 0, 0) == 7);
  }
  SECTION("hue: a third of a turn takes red to green to blue; grey stays") {
    float r = 200, g = 20, b = 20;
    turn_hue(r, g, b, 1.0f / 3);
    REQUIRE(r == Approx(20).margin(1e-3));
    REQUIRE(g == Approx(200).margin(1e-3));
    REQUIRE(b == Approx(20).margin(1e-3));
    turn_hue(r, g, b, 1.0f / 3);
    REQUIRE(b == Approx(200).margin(1e-3));
    r = g = b = 99;
    turn_hue(r, g, b, 0.37f);
    REQUIRE(r == 99);
    REQUIRE(b == 99);
  }
  SECTION("the 24 orders are the 24 permutations") {
    std::vector<unsigned> seen;
    for (unsigned code = 0; code < 24; ++code) {
      const unsigned order = permutation_of_four(code);
      unsigned met = 0;
      for (int i = 0; i < 4; ++i) met |= 1u << (order >> (2 * i) & 3);
      REQUIRE(met == 15);
      REQUIRE(std::find(seen.begin(), seen.end(), order) == seen.end());
      seen.push_back(order);
    }
  }
}

TEST_CASE("an angle's sine and cosine are those of the standard library, multiples of 90 degrees exactly", "[augment]") {
  const double to_radians = std::acos(-1.0) / 180;
  for (int i = -4000; i <= 4000; ++i) {
    const float degrees = 0.37f * static_cast<float>(i);
    double sine, cosine;
    kernels::sine_cosine(degrees, sine, cosine);
    INFO("angle " << degrees);
    CHECK(std::abs(sine - std::sin(static_cast<double>(degrees) * to_radians)) < 4e-15);
    CHECK(std::abs(cosine - std::cos(static_cast<double>(degrees) * to_radians)) < 4e-15);
  }
  double sine, cosine;
  kernels::sine_cosine(-90, sine, cosine);
  CHECK(sine == -1);
  CHECK(cosine == 0);
  kernels::sine_cosine(180, sine, cosine);
  CHECK(sine == 0);
  CHECK(cosine == -1);
}

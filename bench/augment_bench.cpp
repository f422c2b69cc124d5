// Batches of 128 CIFAR-10 images from bytes to normalised floats, by the augmentations on the way.
#include "bench/support.hpp"
#include "kernels/augment/augment.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Kernels = AugmentKernels<float>;
constexpr std::int64_t size = 3072;

// A data set, and an order of its images.
struct Data {
  Fixed<std::uint8_t> images;
  Fixed<std::int64_t> labels, index, labels_out;
  Rotating<float> out;
  Workspace workspace;
  Data(Where where, std::int64_t total, std::int64_t batch, std::size_t room)
      : images(where, made_up<std::uint8_t>(total * size, 0, 256)),
        labels(where, made_up<std::int64_t>(total, 0, 10)),
        index(where, made_up<std::int64_t>(total, 0, static_cast<double>(total))),
        labels_out(where, batch),
        out(where, batch * size),
        workspace(where, static_cast<std::int64_t>(room)) {}
};

void augment(const Kernels& k, Stream stream, const AugmentShape& s, const Data& d, std::int64_t first) {
  k.augment(stream, s, d.images, d.labels, d.index + first, nullptr, d.out.next(), d.labels_out, d.workspace);
}

Ready make(const std::string& name, const std::vector<AugmentStep>& steps, const Backend<Kernels>& b) {
  const Kernels& k = *b.table;
  const std::int64_t total = sized(b, std::int64_t{50000}, std::int64_t{64}),
                     batch = sized(b, std::int64_t{128}, std::int64_t{4});
  AugmentShape s;
  s.batch = batch;
  s.seed = 1;
  for (const auto& step : steps) s.step[s.steps++] = step;
  const Data d(b.where, total, batch, k.workspace(s)), want(Where::host, total, batch, reference<Kernels>().workspace(s));
  augment(k, {}, s, d, 0), augment(reference<Kernels>(), {}, s, want, 0);
  const auto got = d.out.host();
  if (s.steps == 0) {
    const auto images = want.images.host();
    require_near(name, static_cast<double>(got[7]), images[static_cast<std::size_t>(want.index.host()[0] * size + 7)] / 255.0,
                 1e-6);
  }
  require_near(name, got, want.out.host(), 1e-4);
  return {
      {.bytes = 5.0 * static_cast<double>(batch * size), .items = static_cast<double>(batch)},
      [=, &k, turn = std::int64_t{0}](Stream stream) mutable { augment(k, stream, s, d, turn++ * batch % (total - batch)); }};
}

void add_all() {
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
  for (const auto& [name, steps] : lists)
    add<Kernels>(name,
                 [=, name = std::string(name), steps = steps](const Backend<Kernels>& b) { return make(name, steps, b); });
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}

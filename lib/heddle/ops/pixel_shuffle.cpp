#include "heddle/ops/pixel_shuffle.hpp"

#include <string_view>
#include <vector>

#include "heddle/base/check.hpp"

namespace heddle {
namespace {

void check_input(const Tensor& x, std::int64_t factor, std::string_view where) {
  check(x.defined() && x.dim() >= 3 && x.dim() <= 6, where, "expected [..., c, h, w] of 3 to 6 dimensions, got {}",
        x.defined() ? x.shape().str() : "an undefined tensor");
  constexpr std::int64_t most = 1 << 15;  // its square is small beside what sizes can be
  check(factor >= 1 && factor <= most, where, "expected a factor of 1 to {}, got {}", most, factor);
}

// The sizes in front of [c, h, w], then these.
Shape with_front(const Tensor& x, const std::vector<std::int64_t>& last) {
  Shape shape;
  for (int d = 0; d < x.dim() - 3; ++d) shape.push_back(x.size(d));
  for (const std::int64_t size : last) shape.push_back(size);
  return shape;
}

// The dimensions in front of [c, h, w] where they are, then those of `last`, counted from there.
Shape order(const Tensor& x, const std::vector<std::int64_t>& last) {
  Shape dims;
  for (int d = 0; d < x.dim() - 3; ++d) dims.push_back(d);
  for (const std::int64_t d : last) dims.push_back(x.dim() - 3 + d);
  return dims;
}

}  // namespace

Tensor pixel_shuffle(const Tensor& x, std::int64_t upscale_factor) {
  check_input(x, upscale_factor, "pixel_shuffle");
  const std::int64_t r = upscale_factor, c = x.size(-3), h = x.size(-2), w = x.size(-1);
  check(c % (r * r) == 0, "pixel_shuffle", "expected channels in groups of {} for upscale_factor {}, got {}", r * r, r,
        x.shape());
  const Tensor split = x.reshape(with_front(x, {c / (r * r), r, r, h, w}));
  return split.permute(order(x, {0, 3, 1, 4, 2})).reshape(with_front(x, {c / (r * r), h * r, w * r}));
}

Tensor pixel_unshuffle(const Tensor& x, std::int64_t downscale_factor) {
  check_input(x, downscale_factor, "pixel_unshuffle");
  const std::int64_t r = downscale_factor, c = x.size(-3), h = x.size(-2), w = x.size(-1);
  check(h % r == 0 && w % r == 0, "pixel_unshuffle", "expected height and width in multiples of downscale_factor {}, got {}", r,
        x.shape());
  const Tensor split = x.reshape(with_front(x, {c, h / r, r, w / r, r}));
  return split.permute(order(x, {0, 2, 4, 1, 3})).reshape(with_front(x, {c * r * r, h / r, w / r}));
}

}  // namespace heddle

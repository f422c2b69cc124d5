#include "heddle/nn/layers.hpp"

#include "heddle/base/check.hpp"

namespace heddle::nn {
namespace {

std::string show(Pair p) { return p.h == p.w ? strings::format("{}", p.h) : strings::format("({}, {})", p.h, p.w); }

double checked_probability(double p, std::string_view where) {
  check(p >= 0 && p <= 1, where, "expected p in [0, 1], got {}", p);
  return p;
}

}  // namespace

std::string LeakyReLU::describe() const { return strings::format("LeakyReLU(negative_slope={})", options.negative_slope); }
std::string GELU::describe() const {
  return strings::format("GELU(approximate='{}')", options.approximate == GeluApproximation::none ? "none" : "tanh");
}

Dropout::Dropout(const DropoutOptions& o) : options{checked_probability(o.p, "Dropout")} {}
std::string Dropout::describe() const { return strings::format("Dropout(p={})", options.p); }
Dropout2d::Dropout2d(const DropoutOptions& o) : options{checked_probability(o.p, "Dropout2d")} {}
std::string Dropout2d::describe() const { return strings::format("Dropout2d(p={})", options.p); }

Tensor MaxPool2d::forward(const Tensor& x) {
  return max_pool2d(x, options.kernel_size,
                    {.stride = options.stride, .padding = options.padding, .dilation = options.dilation, .ceil_mode = options.ceil_mode});
}
std::string MaxPool2d::describe() const {
  const Pair stride = options.stride == Pair(0) ? options.kernel_size : options.stride;
  return strings::format("MaxPool2d(kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={})", show(options.kernel_size), show(stride),
                     show(options.padding), show(options.dilation), options.ceil_mode ? "True" : "False");
}

Tensor AvgPool2d::forward(const Tensor& x) {
  return avg_pool2d(x, options.kernel_size,
                    {.stride = options.stride, .padding = options.padding, .ceil_mode = options.ceil_mode,
                     .count_include_pad = options.count_include_pad});
}
std::string AvgPool2d::describe() const {
  const Pair stride = options.stride == Pair(0) ? options.kernel_size : options.stride;
  return strings::format("AvgPool2d(kernel_size={}, stride={}, padding={})", show(options.kernel_size), show(stride), show(options.padding));
}

std::string AdaptiveAvgPool2d::describe() const { return strings::format("AdaptiveAvgPool2d(output_size={})", show(options.output_size)); }
std::string Flatten::describe() const { return strings::format("Flatten(start_dim={}, end_dim={})", options.start_dim, options.end_dim); }
std::string PixelShuffle::describe() const { return strings::format("PixelShuffle(upscale_factor={})", options.upscale_factor); }
std::string PixelUnshuffle::describe() const {
  return strings::format("PixelUnshuffle(downscale_factor={})", options.downscale_factor);
}

}  // namespace heddle::nn

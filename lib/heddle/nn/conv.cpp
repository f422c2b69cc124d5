#include "heddle/nn/conv.hpp"

#include <cmath>

#include "heddle/base/check.hpp"
#include "heddle/nn/init.hpp"
#include "heddle/ops/conv_norm.hpp"
#include "heddle/ops/linear.hpp"

namespace heddle::nn {
namespace {

// PyTorch's default for both: kaiming_uniform with slope sqrt(5) bounds the weight by 1 / sqrt(fan_in), the bias likewise.
void initialise(Tensor& weight, Tensor& bias) {
  init::kaiming_uniform_(weight, std::sqrt(5.0));
  weight.requires_grad_();
  if (!bias.defined()) return;
  const double bound = 1 / std::sqrt(static_cast<double>(init::fan_of(weight, init::Fan::in)));
  init::uniform_(bias, -bound, bound);
  bias.requires_grad_();
}

heddle::Conv2dOptions op_options(const Conv2dOptions& o) {
  return {.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups};
}

// "3" or "(3, 5)"
std::string show(Pair p) { return p.h == p.w ? strings::format("{}", p.h) : strings::format("({}, {})", p.h, p.w); }

}  // namespace

Conv2d::Conv2d(const Conv2dOptions& o) : options(o) {
  const auto positive = [](Pair p) { return p.h > 0 && p.w > 0; };
  check(o.in_channels > 0 && o.out_channels > 0, "Conv2d", "expected one channel or more on both sides, got {} and {}", o.in_channels,
        o.out_channels);
  check(o.groups > 0 && o.in_channels % o.groups == 0 && o.out_channels % o.groups == 0, "Conv2d",
        "expected groups that divide {} and {} channels, got {}", o.in_channels, o.out_channels, o.groups);
  check(positive(o.kernel_size) && positive(o.stride) && positive(o.dilation) && o.padding.h >= 0 && o.padding.w >= 0, "Conv2d",
        "expected kernel_size, stride and dilation of 1 or more and padding of 0 or more, got {}, {}, {} and {}", show(o.kernel_size),
        show(o.stride), show(o.dilation), show(o.padding));
  weight = empty({o.out_channels, o.in_channels / o.groups, o.kernel_size.h, o.kernel_size.w});
  if (o.bias) bias = empty({o.out_channels});
  initialise(weight, bias);
}

Tensor Conv2d::forward(const Tensor& x) { return conv2d(x, weight, bias, op_options(options)); }

Tensor Conv2d::with_norm(const Tensor& x, const detail::FrozenNorm& norm, const Label& label) {
  return guarded([&] {
    const Scope scope(label.name, label.kind, x);
    return scope.output(detail::conv2d_frozen_norm(x, weight, bias, op_options(options), norm));
  });
}

Tensor Conv2d::to_norm(const Tensor& x, const NormNeighbours& neighbours, detail::ConvMoments& handed) {
  return guarded([&] { return detail::conv2d_to_norm(x, weight, bias, op_options(options), neighbours, handed); });
}

std::string Conv2d::describe() const {
  std::string text = strings::format("Conv2d({}, {}, kernel_size={}", options.in_channels, options.out_channels, show(options.kernel_size));
  if (options.stride != Pair(1)) text += ", stride=" + show(options.stride);
  if (options.padding != Pair(0)) text += ", padding=" + show(options.padding);
  if (options.dilation != Pair(1)) text += ", dilation=" + show(options.dilation);
  if (options.groups != 1) text += strings::format(", groups={}", options.groups);
  return text + (options.bias ? ")" : ", bias=False)");
}

Linear::Linear(const LinearOptions& o) : options(o) {
  check(o.in_features > 0 && o.out_features > 0, "Linear", "expected one feature or more on both sides, got {} and {}", o.in_features,
        o.out_features);
  weight = empty({o.out_features, o.in_features});
  if (o.bias) bias = empty({o.out_features});
  initialise(weight, bias);
}

Tensor Linear::forward(const Tensor& x) { return linear(x, weight, bias); }

std::string Linear::describe() const {
  return strings::format("Linear(in_features={}, out_features={}, bias={})", options.in_features, options.out_features,
                     options.bias ? "True" : "False");
}

}  // namespace heddle::nn

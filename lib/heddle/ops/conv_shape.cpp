#include "heddle/ops/conv_shape.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "heddle/base/checked.hpp"
#include "heddle/base/format.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/gemm.hpp"

namespace heddle {

using namespace detail;
using kernels::ConvChoice;

namespace {

constexpr std::pair<std::string_view, ConvChoice> algorithms[] = {
    {"auto", ConvChoice::automatic}, {"direct", ConvChoice::direct}, {"winograd", ConvChoice::winograd}};

// What set_conv_algorithm() asked for, or else the environment.
std::atomic<ConvChoice>& asked() {
  static std::atomic<ConvChoice> choice = kernels::conv_choice();
  return choice;
}

}  // namespace

kernels::ConvShape detail::conv_shape(const Tensor& x, const Tensor& weight, const Conv2dOptions& o) {
  constexpr auto where = "conv2d";
  check(x.dim() == 4, where, "expected an input [n, c, h, w], got {}", x.shape());
  check(weight.dim() == 4, where, "expected a weight [k, c / groups, kh, kw], got {}", weight.shape());
  check_parameter(where, "weight", weight, x);
  check(o.stride.h > 0 && o.stride.w > 0, where, "expected a stride of 1 or more, got {{{}, {}}}", o.stride.h, o.stride.w);
  check(o.dilation.h > 0 && o.dilation.w > 0, where, "expected a dilation of 1 or more, got {{{}, {}}}", o.dilation.h,
        o.dilation.w);
  check(o.padding.h >= 0 && o.padding.w >= 0, where, "expected a padding of 0 or more, got {{{}, {}}}", o.padding.h,
        o.padding.w);
  check(o.groups > 0 && weight.size(0) % o.groups == 0, where, "expected groups that divide the {} output channels, got {}",
        weight.size(0), o.groups);
  check(x.size(1) == weight.size(1) * o.groups, where, "expected an input of {} channels (weight is {}{}), got {}",
        weight.size(1) * o.groups, weight.shape(), o.groups > 1 ? strings::format(", groups {}", o.groups) : "", x.shape());
  // A batch may be empty, images and filters may not.
  check(product(x.shape(), 1, 4) > 0 && weight.numel() > 0, where,
        "expected operands with elements, got an input {} and a weight {}", x.shape(), weight.shape());
  const auto size = [&](const Tensor& t, int dim) { return to_int(t.size(dim), where); };
  kernels::ConvShape s{.n = size(x, 0),
                       .c = size(x, 1),
                       .h = size(x, 2),
                       .w = size(x, 3),
                       .k = size(weight, 0),
                       .kh = size(weight, 2),
                       .kw = size(weight, 3),
                       .stride_h = o.stride.h,
                       .stride_w = o.stride.w,
                       .pad_h = o.padding.h,
                       .pad_w = o.padding.w,
                       .dilation_h = o.dilation.h,
                       .dilation_w = o.dilation.w,
                       .groups = o.groups,
                       .precision = matmul_precision()};
  const auto fits = [](std::int64_t in, std::int64_t pad, std::int64_t dilation, std::int64_t kernel) {
    return in + 2 * pad >= dilation * (kernel - 1) + 1;
  };
  check(fits(s.h, s.pad_h, s.dilation_h, s.kh) && fits(s.w, s.pad_w, s.dilation_w, s.kw), where,
        "expected a kernel within the padded input, got weight {} with dilation {{{}, {}}} and padding {{{}, {}}} for input {}",
        weight.shape(), s.dilation_h, s.dilation_w, s.pad_h, s.pad_w, x.shape());
  const std::int64_t padded_h = s.h + 2 * std::int64_t{s.pad_h}, padded_w = s.w + 2 * std::int64_t{s.pad_w};
  for (const std::int64_t padded : {padded_h, padded_w}) checked_int(padded, where, "a padded height and width");
  checked_int(padded_h * padded_w, where, "a padded image's elements");
  // Steps that lead out of the image are never taken; kernels would add them up.
  for (const auto& [most, step] :
       {std::pair{padded_h, &s.stride_h}, {padded_w, &s.stride_w}, {padded_h, &s.dilation_h}, {padded_w, &s.dilation_w}})
    *step = static_cast<int>(std::min<std::int64_t>(*step, most));
  return s;
}

ConvChoice detail::conv_algorithm_asked() {
  return asked();
}

void set_conv_algorithm(std::string_view algorithm) {
  for (const auto& [name, choice] : algorithms)
    if (name == algorithm) {
      asked() = choice;
      return;
    }
  fail("set_conv_algorithm", "expected auto, direct or winograd, got '" + std::string(algorithm) + "'");
}

std::string_view get_conv_algorithm() {
  for (const auto& [name, choice] : algorithms)
    if (choice == asked()) return name;
  return algorithms[0].first;
}

}  // namespace heddle

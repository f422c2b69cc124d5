#include "heddle/debug/check_numerics.hpp"

#include <algorithm>
#include <cmath>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/check.hpp"
#include "heddle/ops/conv.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"

namespace heddle::debug {
namespace {

// "stages.0.1+2+3" as its modules' paths.
std::vector<std::string> paths_of(const std::string& name) {
  std::vector<std::string> paths;
  const std::string prefix = name.substr(0, name.substr(0, name.find('+')).rfind('.') + 1);
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('+', at), name.size());
    paths.push_back((at == 0 ? "" : prefix) + name.substr(at, end - at));
    at = end + 1;
  }
  return paths;
}

std::string describe(const Label& label) {
  return label.name.find('+') == std::string::npos ? label.str() : label.str() + ", run as one op";
}

// Of an output that a 3 x 3 convolution may have made of few bad numbers.
std::string about_winograd(const Tensor& t, std::string_view what) {
  const bool may_be = t.device().is_cpu() && t.dtype() == float32 && get_conv_algorithm() != "direct";
  if (!may_be || what.find("onv2d") == std::string_view::npos) return "";
  return strings::format("; a 3 x 3 convolution may run by Winograd's algorithm, which spreads a number that is not finite, or is too "
                         "large, over a tile of 4 x 4 outputs: set_conv_algorithm(\"direct\"), or HEDDLE_CONV=direct in the "
                         "environment, leaves it to those that see it");
}

std::string name_of(std::string_view op, const Label* label) {
  return strings::format("{}op '{}'", label ? describe(*label) + ", " : "", op);
}

}  // namespace

bool all_finite(const Tensor& t) {
  if (!t.defined() || !is_floating_point(t.dtype())) return true;
  // Zero times a number is zero, times anything else NaN, which a sum keeps.
  return no_grad([&] { return sum(t.detach() * 0.0).item<double>() == 0; });
}

std::string count_non_finite(const Tensor& t) {
  std::int64_t nans = 0, infinite = 0;
  for (double v : t.detach().to(float64).to_vector<double>()) nans += std::isnan(v), infinite += std::isinf(v);
  std::string text = nans || !infinite ? strings::format("{} NaN", nans) : "";
  if (infinite) text += strings::format("{}{} infinite", text.empty() ? "" : " and ", infinite);
  return text + strings::format(" of {} values", t.numel());
}

void CheckNumerics::enter(const Label& label, const Tensor& input) {
  if (depth_++ == 0 && !all_finite(input)) {
    depth_ = 0;
    fail("forward", strings::format("expected finite numbers into {}, got {} in its input {}{}", describe(label),
                                count_non_finite(input), input.shape().str(), about_winograd(input, label.kind)));
  }
}

void CheckNumerics::output(const Label& label, const Tensor& y) {
  if (all_finite(y)) return;
  fail("forward", strings::format("expected finite numbers out of {}, got {} in its output {}{}", describe(label),
                              count_non_finite(y), y.shape().str(), bad_parameters(label) + about_winograd(y, label.kind)));
}

void CheckNumerics::leave(const Label&) {
  --depth_;
}

// The sum of several uses, or a hook, can spoil what the layers behind gave in order: so what goes in is looked at too.
void CheckNumerics::enter_backward(std::string_view op, const Label* label, const Tensor& dy) {
  if (all_finite(dy)) return;
  fail("backward", strings::format("expected a finite gradient into {}, got {} in the gradient {} of its output",
                               name_of(op, label), count_non_finite(dy), dy.shape().str()));
}

void CheckNumerics::leave_backward(std::string_view op, const Label* label, const std::vector<Tensor>& grads) {
  for (std::size_t i = 0; i < grads.size(); ++i)
    if (!all_finite(grads[i]))
      fail("backward", strings::format("expected finite gradients out of {}, got {} in the gradient {} of its input {}{}",
                                   name_of(op, label), count_non_finite(grads[i]), grads[i].shape().str(), i,
                                   about_winograd(grads[i], op)));
}

std::string CheckNumerics::bad_parameters(const Label& label) const {
  if (!net_) return "";
  std::string text;
  for (const std::string& path : paths_of(label.name))
    for (const auto& [name, module] : net_->named_modules()) {
      if (name != path || !module->named_children().empty()) continue;
      for (const auto& [part, value] : module->state_dict())
        if (!all_finite(value)) text += strings::format("; its {} holds {}", part, count_non_finite(value));
    }
  return text;
}

}  // namespace heddle::debug

// What an optimizer's step does to one element, for CUDA kernels: derive() turns the options into numbers of the
// parameters' type once a block, operator() is the step.
#pragma once

#include <cmath>

#include "kernels/optim/optim.hpp"
#include "kernels/simt/qualifiers.hpp"

namespace heddle::kernels {
namespace {

template <class T>
struct SgdRule {
  using Options = SgdOptions;
  T lr, momentum, decay, fresh;
  bool nesterov, first;

  HD_DEVICE void derive(const SgdOptions& o) {
    lr = static_cast<T>(o.lr), momentum = static_cast<T>(o.momentum), decay = static_cast<T>(o.weight_decay);
    fresh = static_cast<T>(1 - o.dampening);
    nesterov = o.nesterov, first = o.first_step;
  }
  HD_DEVICE bool has_state0() const { return momentum != 0; }
  HD_DEVICE bool has_state1() const { return false; }
  HD_DEVICE void operator()(T& value, T gradient, T& buffer, T&) const {
    const T g = gradient + decay * value;
    if (has_state0()) buffer = first ? g : momentum * buffer + fresh * g;
    value -= lr * (!has_state0() ? g : nesterov ? g + momentum * buffer : buffer);
  }
};

template <class T>
struct AdamRule {
  using Options = AdamOptions;
  T step, root, beta1, beta2, rest1, rest2, eps, coupled, keep;

  HD_DEVICE void derive(const AdamOptions& o) {
    const double correction1 = 1 - std::pow(o.beta1, static_cast<double>(o.step));
    const double correction2 = 1 - std::pow(o.beta2, static_cast<double>(o.step));
    step = static_cast<T>(o.lr / correction1), root = static_cast<T>(1 / std::sqrt(correction2));
    beta1 = static_cast<T>(o.beta1), beta2 = static_cast<T>(o.beta2), eps = static_cast<T>(o.eps);
    rest1 = static_cast<T>(1 - o.beta1), rest2 = static_cast<T>(1 - o.beta2);
    coupled = o.decoupled ? T(0) : static_cast<T>(o.weight_decay);
    keep = o.decoupled ? static_cast<T>(1 - o.lr * o.weight_decay) : T(1);
  }
  HD_DEVICE bool has_state0() const { return true; }
  HD_DEVICE bool has_state1() const { return true; }
  HD_DEVICE void operator()(T& value, T gradient, T& first, T& second) const {
    const T g = gradient + coupled * value;
    first = beta1 * first + rest1 * g;
    second = beta2 * second + rest2 * (g * g);
    value = keep * value - step * first / (std::sqrt(second) * root + eps);
  }
};

}  // namespace
}  // namespace heddle::kernels

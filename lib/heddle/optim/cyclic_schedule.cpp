#include "heddle/optim/cyclic_schedule.hpp"

#include <cmath>
#include <numbers>
#include <utility>

#include "heddle/base/check.hpp"
#include "heddle/base/error.hpp"
#include "heddle/base/format.hpp"

namespace heddle::optim {

CosineAnnealingWarmRestarts::CosineAnnealingWarmRestarts(Optimizer& optimizer, const Options& options)
    : LRScheduler(optimizer), options_(options) {
  check(options.t_0 >= 1, "CosineAnnealingWarmRestarts", "expected a t_0 of 1 or more, got {}", options.t_0);
  check(options.t_mult >= 1, "CosineAnnealingWarmRestarts", "expected a t_mult of 1 or more, got {}", options.t_mult);
  apply(0);
}

double CosineAnnealingWarmRestarts::lr_at(std::int64_t step, int group) const {
  std::int64_t length = options_.t_0, at = step;
  auto whole = static_cast<double>(length);
  if (options_.t_mult == 1) at %= length;
  while (at >= length) {
    at -= length;
    whole = static_cast<double>(length) * static_cast<double>(options_.t_mult);
    if (length > step / options_.t_mult) break;  // the next period is longer than all steps so far, and may not fit an integer
    length *= options_.t_mult;
  }
  const double turn = std::numbers::pi * static_cast<double>(at) / whole;
  return options_.eta_min + (base(group) - options_.eta_min) * (1 + std::cos(turn)) / 2;
}

CyclicLR::CyclicLR(Optimizer& optimizer, Options options) : LRScheduler(optimizer), options_(std::move(options)) {
  check(options_.step_size_up >= 1, "CyclicLR", "expected a step_size_up of 1 or more, got {}", options_.step_size_up);
  check(!options_.step_size_down || *options_.step_size_down >= 1, "CyclicLR", "expected a step_size_down of 1 or more, got {}",
        options_.step_size_down.value_or(0));
  apply(0);
}

double CyclicLR::height(std::int64_t step) const {
  const auto up = static_cast<double>(options_.step_size_up), at = static_cast<double>(step);
  const double whole = up + static_cast<double>(options_.step_size_down.value_or(options_.step_size_up)), ratio = up / whole;
  const double cycle = std::floor(1 + at / whole), x = 1 + at / whole - cycle;
  const double line = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
  if (options_.scale_fn) return line * options_.scale_fn(options_.scale_mode == ScaleMode::cycle ? cycle : at);
  switch (options_.mode) {
    case Mode::triangular:
      return line;
    case Mode::triangular2:
      return line / std::pow(2, cycle - 1);
    case Mode::exp_range:
      return line * std::pow(options_.gamma, at);
  }
  fail("CyclicLR", strings::format("expected a mode, got {}", static_cast<int>(options_.mode)));
}

double CyclicLR::lr_at(std::int64_t step, int) const {
  return options_.base_lr + (options_.max_lr - options_.base_lr) * height(step);
}

std::optional<double> CyclicLR::momentum_at(std::int64_t step) const {
  if (!options_.cycle_momentum) return {};
  return options_.max_momentum - (options_.max_momentum - options_.base_momentum) * height(step);
}

}  // namespace heddle::optim

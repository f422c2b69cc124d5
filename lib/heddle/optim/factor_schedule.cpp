#include "heddle/optim/factor_schedule.hpp"

#include <algorithm>
#include <cmath>

#include "heddle/base/check.hpp"

namespace heddle::optim {
namespace {

// How much of `total` steps is done, at most 1.
double part(std::int64_t step, std::int64_t total) {
  return static_cast<double>(std::min(step, total)) / static_cast<double>(total);
}

}  // namespace

PolynomialLR::PolynomialLR(Optimizer& optimizer, const Options& options) : LRScheduler(optimizer), options_(options) {
  check(options.total_iters >= 1, "PolynomialLR", "expected total_iters of 1 or more, got {}", options.total_iters);
  apply(0);
}

double PolynomialLR::lr_at(std::int64_t step, int group) const {
  return base(group) * std::pow(1 - part(step, options_.total_iters), options_.power);
}

double PolynomialLR::next_lr(std::int64_t step, int, double lr) const {
  if (step == 0 || step > options_.total_iters) return lr;
  return lr * std::pow((1 - part(step, options_.total_iters)) / (1 - part(step - 1, options_.total_iters)), options_.power);
}

LinearLR::LinearLR(Optimizer& optimizer, const Options& options) : LRScheduler(optimizer), options_(options) {
  check(options.start_factor > 0 && options.start_factor <= 1, "LinearLR", "expected a start_factor in (0, 1], got {}",
        options.start_factor);
  check(options.end_factor >= 0 && options.end_factor <= 1, "LinearLR", "expected an end_factor in [0, 1], got {}",
        options.end_factor);
  check(options.total_iters >= 1, "LinearLR", "expected total_iters of 1 or more, got {}", options.total_iters);
  apply(0);
}

double LinearLR::lr_at(std::int64_t step, int group) const {
  return base(group) *
         (options_.start_factor + (options_.end_factor - options_.start_factor) * part(step, options_.total_iters));
}

double LinearLR::next_lr(std::int64_t step, int, double lr) const {
  if (step == 0) return lr * options_.start_factor;
  if (step > options_.total_iters) return lr;
  const double rise = options_.end_factor - options_.start_factor;
  const double before =
      static_cast<double>(options_.total_iters) * options_.start_factor + static_cast<double>(step - 1) * rise;
  return lr * (1 + rise / before);
}

ConstantLR::ConstantLR(Optimizer& optimizer, const Options& options) : LRScheduler(optimizer), options_(options) {
  check(options.factor > 0 && options.factor <= 1, "ConstantLR", "expected a factor in (0, 1], got {}", options.factor);
  check(options.total_iters >= 0, "ConstantLR", "expected total_iters of 0 or more, got {}", options.total_iters);
  apply(0);
}

double ConstantLR::lr_at(std::int64_t step, int group) const {
  return step < options_.total_iters ? base(group) * options_.factor : base(group);
}

double ConstantLR::next_lr(std::int64_t step, int, double lr) const {
  if (options_.total_iters == 0) return lr;
  if (step == 0) return lr * options_.factor;
  return step == options_.total_iters ? lr / options_.factor : lr;
}

}  // namespace heddle::optim

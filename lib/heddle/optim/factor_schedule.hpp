// Schedules that multiply the base rate by a factor of the step until total_iters, and then leave it, as in PyTorch.
#pragma once

#include <cstdint>

#include "heddle/base/export.hpp"
#include "heddle/optim/schedule.hpp"

HD_API_BEGIN
namespace heddle::optim {

/// base * (1 - step / total_iters)^power, 0 from total_iters on. Error for a total_iters below 1.
class PolynomialLR : public LRScheduler {
 public:
  struct Options {
    std::int64_t total_iters = 5;
    double power = 1;
  };
  PolynomialLR(Optimizer& optimizer, const Options& options);
  double lr_at(std::int64_t step, int group = 0) const override;
  double next_lr(std::int64_t step, int group, double lr) const override;

 private:
  Options options_;
};

/// base times a factor on a straight line from start_factor to end_factor, which it keeps from total_iters on. Error for a
/// start_factor outside (0, 1], an end_factor outside [0, 1], a total_iters below 1.
class LinearLR : public LRScheduler {
 public:
  struct Options {
    double start_factor = 1.0 / 3, end_factor = 1;
    std::int64_t total_iters = 5;
  };
  LinearLR(Optimizer& optimizer, const Options& options);
  double lr_at(std::int64_t step, int group = 0) const override;
  double next_lr(std::int64_t step, int group, double lr) const override;

 private:
  Options options_;
};

/// base * factor for total_iters steps, then base. Error for a factor outside (0, 1] or a negative total_iters.
class ConstantLR : public LRScheduler {
 public:
  struct Options {
    double factor = 1.0 / 3;
    std::int64_t total_iters = 5;
  };
  ConstantLR(Optimizer& optimizer, const Options& options);
  double lr_at(std::int64_t step, int group = 0) const override;
  double next_lr(std::int64_t step, int group, double lr) const override;

 private:
  Options options_;
};

}  // namespace heddle::optim
HD_API_END

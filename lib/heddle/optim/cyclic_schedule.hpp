// Schedules that come back: cosine annealing with warm restarts and triangular cycles, as in PyTorch.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "heddle/base/export.hpp"
#include "heddle/optim/schedule.hpp"

HD_API_BEGIN
namespace heddle::optim {

/// Half a cosine from base down to eta_min over t_0 steps, then again from base over t_mult times as many as the last time.
/// Loshchilov and Hutter, ICLR 2017. Error for a t_0 or t_mult below 1.
class CosineAnnealingWarmRestarts : public LRScheduler {
 public:
  struct Options {
    std::int64_t t_0 = 1;
    std::int64_t t_mult = 1;
    double eta_min = 0;
  };
  CosineAnnealingWarmRestarts(Optimizer& optimizer, const Options& options);
  double lr_at(std::int64_t step, int group = 0) const override;

 private:
  Options options_;
};

/// Straight lines from base_lr up to max_lr in step_size_up steps and down again in step_size_down, the momentum of all groups
/// against it. Smith, WACV 2017. The same for all groups; the rates that the optimizer had are not used. Error for step sizes
/// below 1.
class CyclicLR : public LRScheduler {
 public:
  /// The height of a cycle: the same, halved from cycle to cycle, or gamma^step.
  enum class Mode { triangular, triangular2, exp_range };
  /// What scale_fn is called with: the cycle's number from 1, or the step.
  enum class ScaleMode { cycle, iterations };
  struct Options {
    double base_lr = 0.001;
    double max_lr = 0.1;
    std::int64_t step_size_up = 2000;
    std::optional<std::int64_t> step_size_down = {};  ///< none: as up
    Mode mode = Mode::triangular;
    double gamma = 1;
    std::function<double(double)> scale_fn = {};  ///< instead of the mode's; is not part of the state
    ScaleMode scale_mode = ScaleMode::cycle;      ///< of scale_fn; the modes have their own
    bool cycle_momentum = true;
    double base_momentum = 0.8, max_momentum = 0.9;
  };
  CyclicLR(Optimizer& optimizer, Options options);
  double lr_at(std::int64_t step, int group = 0) const override;
  std::optional<double> momentum_at(std::int64_t step) const override;

 private:
  /// How high in the cycle `step` is, its scale included: 0 at the foot, 1 at the top of the first.
  double height(std::int64_t step) const;
  Options options_;
};

}  // namespace heddle::optim
HD_API_END

// Schedules made of schedules: one after another, or all at once, as in PyTorch.
//
// The schedules that are composed are made for the same optimizer and belong to the composition from then on: it alone is
// stepped and saved, and its state restores them. All have the base rates of the first of the list, which is to be the one made
// first: each that is made changes the optimizer's rates.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/optim/schedule.hpp"

HD_API_BEGIN
namespace heddle::optim {

/// The first schedule until the first milestone, then the second from its own beginning, and so on. Where a schedule does not
/// cycle the momentum, it stays as the one before left it. Differs from PyTorch where OneCycleLR or CyclicLR is among the
/// schedules: there it replaces the base rate of those that are made later (and the first rate of those before), here it does
/// not.
class SequentialLR : public LRScheduler {
 public:
  struct Options {
    std::vector<std::int64_t> milestones = {};  ///< one fewer than schedules, increasing, above 0
  };
  /// Error for no schedules, null, one of another optimizer, or milestones that do not fit.
  SequentialLR(Optimizer& optimizer, std::vector<std::shared_ptr<LRScheduler>> schedulers, Options options);
  double lr_at(std::int64_t step, int group = 0) const override;
  std::optional<double> momentum_at(std::int64_t step) const override;
  double next_lr(std::int64_t step, int group, double lr) const override;

 private:
  void set_state(const ScheduleState& state) override;
  std::size_t index_at(std::int64_t step) const;
  /// The step at which schedule `index` begins.
  std::int64_t begin_of(std::size_t index) const;

  std::vector<std::shared_ptr<LRScheduler>> schedulers_;
  Options options_;
};

/// All schedules at every step, each from the rate that the one before left: factors multiply. One whose rate is not a multiple
/// of the last (OneCycleLR, CyclicLR, LambdaLR, PiecewiseLinear, CosineAnnealingWarmRestarts, LinearWarmup) sets it whatever
/// came before, as in PyTorch, and so is of use only at the front. A rate follows from all before it: what is restored is
/// computed from the first step again, some nanoseconds a step. Error for a step beyond 10^9.
class ChainedScheduler : public LRScheduler {
 public:
  /// Error for no schedules, null, or one of another optimizer.
  ChainedScheduler(Optimizer& optimizer, std::vector<std::shared_ptr<LRScheduler>> schedulers);
  double lr_at(std::int64_t step, int group = 0) const override;
  std::optional<double> momentum_at(std::int64_t step) const override;
  double next_lr(std::int64_t step, int group, double lr) const override;

 private:
  void set_state(const ScheduleState& state) override;

  struct Reached {
    std::int64_t step;
    double lr;
  };
  std::vector<std::shared_ptr<LRScheduler>> schedulers_;
  mutable std::vector<Reached> reached_;  ///< for each group, the last rate computed
};

}  // namespace heddle::optim
HD_API_END

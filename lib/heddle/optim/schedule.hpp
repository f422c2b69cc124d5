// Learning-rate schedules with PyTorch's names, arguments and numbers.
//
// Making a schedule sets the first rate; step(), after the optimizer's, sets the next. A schedule is a function of the
// number of steps and the rates the optimizer had when the schedule was made, so that its state is these alone. A schedule
// refers to its optimizer, which must live longer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/optim/optimizer.hpp"

HD_API_BEGIN
namespace heddle::optim {

struct ScheduleState {
  std::int64_t last_step = 0;
  std::vector<double> base_lrs;  ///< one a group (ReduceLROnPlateau: the rates now)
  std::vector<double> extra;     ///< what a schedule that listens (ReduceLROnPlateau) remembers
};

class LRScheduler {
 public:
  virtual ~LRScheduler() = default;
  LRScheduler(const LRScheduler&) = delete;
  LRScheduler& operator=(const LRScheduler&) = delete;

  /// Sets the rates (and momentum, where cycled) of the next step.
  void step() { apply(last_step_ + 1); }
  /// Steps so far; PyTorch's last_epoch.
  std::int64_t last_step() const { return last_step_; }
  const std::vector<double>& base_lrs() const { return base_lrs_; }
  /// The rate of a group after `step` steps.
  virtual double lr_at(std::int64_t step, int group = 0) const = 0;
  /// The momentum after `step` steps, from a schedule that cycles it.
  virtual std::optional<double> momentum_at(std::int64_t step) const;
  /// For ChainedScheduler: the rate after `step` steps where `lr` is the one so far, which other schedules may have changed.
  /// Schedules that multiply the rate continue from there; the others set lr_at(step) whatever it was.
  virtual double next_lr(std::int64_t step, int group, double lr) const;

  ScheduleState state_dict() const { return {last_step_, base_lrs_, {}}; }
  /// Also sets the rates. Error for a state of another number of groups.
  void load_state_dict(const ScheduleState& state);

 protected:
  explicit LRScheduler(Optimizer& optimizer);
  /// Sets the rates after `step` steps; with 0 the last thing a schedule's constructor does.
  void apply(std::int64_t step);
  /// The rate the group had when the schedule was made.
  double base(int group) const;
  virtual void set_state(const ScheduleState& state);

 private:
  friend class LinearWarmup;  // these set the state of the schedules that they hold
  friend class SequentialLR;
  friend class ChainedScheduler;
  Optimizer& optimizer_;
  std::int64_t last_step_ = 0;
  std::vector<double> base_lrs_;
};

/// base * gamma^(step / step_size), rounded down.
class StepLR : public LRScheduler {
 public:
  struct Options {
    std::int64_t step_size = 30;
    double gamma = 0.1;
  };
  StepLR(Optimizer& optimizer, const Options& options);
  double lr_at(std::int64_t step, int group = 0) const override;
  double next_lr(std::int64_t step, int group, double lr) const override;

 private:
  Options options_;
};

/// base * gamma^(milestones reached).
class MultiStepLR : public LRScheduler {
 public:
  struct Options {
    std::vector<std::int64_t> milestones = {};
    double gamma = 0.1;
  };
  MultiStepLR(Optimizer& optimizer, Options options);
  double lr_at(std::int64_t step, int group = 0) const override;
  double next_lr(std::int64_t step, int group, double lr) const override;

 private:
  Options options_;
};

/// base * gamma^step.
class ExponentialLR : public LRScheduler {
 public:
  struct Options {
    double gamma = 0.9;
  };
  ExponentialLR(Optimizer& optimizer, const Options& options);
  double lr_at(std::int64_t step, int group = 0) const override;
  double next_lr(std::int64_t step, int group, double lr) const override;

 private:
  Options options_;
};

/// From base to eta_min and back, half a cosine each t_max steps. Loshchilov and Hutter, ICLR 2017, without restarts.
class CosineAnnealingLR : public LRScheduler {
 public:
  struct Options {
    std::int64_t t_max = 1;
    double eta_min = 0;
  };
  CosineAnnealingLR(Optimizer& optimizer, const Options& options);
  double lr_at(std::int64_t step, int group = 0) const override;
  double next_lr(std::int64_t step, int group, double lr) const override;

 private:
  Options options_;
};

/// A cosine (or a straight line) up from max_lr / div_factor over the first pct_start of the steps, down to that /
/// final_div_factor over the rest, the momentum of all groups against it. With three_phase down to max_lr / div_factor in as
/// many steps as up, then to the last rate over the rest. Smith and Topin, 2018. The same for all groups; base rates are not
/// used. Error for a step beyond total_steps.
class OneCycleLR : public LRScheduler {
 public:
  enum class Anneal { cos, linear };
  struct Options {
    double max_lr = 0.1;
    std::int64_t total_steps = 0;
    double pct_start = 0.3;
    Anneal anneal_strategy = Anneal::cos;
    bool cycle_momentum = true;
    double base_momentum = 0.85, max_momentum = 0.95;
    double div_factor = 25, final_div_factor = 1e4;
    bool three_phase = false;
  };
  OneCycleLR(Optimizer& optimizer, const Options& options);
  double lr_at(std::int64_t step, int group = 0) const override;
  std::optional<double> momentum_at(std::int64_t step) const override;

 private:
  double anneal(std::int64_t step, double first, double peak, double valley, double last) const;
  Options options_;
};

/// Straight lines through points (time, rate), constant before the first and after the last. The same for all groups; base
/// rates are not used.
class PiecewiseLinear : public LRScheduler {
 public:
  struct Options {
    std::vector<std::pair<double, double>> points = {};
    /// Steps in a unit of the points' time: 1 where these are steps, the batches of an epoch where they are epochs.
    std::int64_t steps_per_unit = 1;
    /// Only change the rate at whole units.
    bool staircase = false;
  };
  PiecewiseLinear(Optimizer& optimizer, Options options);
  double lr_at(std::int64_t step, int group = 0) const override;

 private:
  Options options_;
};

/// base * factor(step).
class LambdaLR : public LRScheduler {
 public:
  using Factor = std::function<double(std::int64_t step)>;
  LambdaLR(Optimizer& optimizer, Factor factor);
  /// One factor a group.
  LambdaLR(Optimizer& optimizer, std::vector<Factor> factors);
  double lr_at(std::int64_t step, int group = 0) const override;

 private:
  std::vector<Factor> factors_;
};

/// `steps` steps in a straight line from start_factor times the first rate of another schedule up to that, then that
/// schedule from its beginning. PyTorch: SequentialLR of LinearLR and the other.
class LinearWarmup : public LRScheduler {
 public:
  struct Options {
    std::int64_t steps = 5;
    double start_factor = 1.0 / 3;
  };
  LinearWarmup(std::unique_ptr<LRScheduler> after, const Options& options);
  double lr_at(std::int64_t step, int group = 0) const override;
  std::optional<double> momentum_at(std::int64_t step) const override;

 private:
  static Optimizer& optimizer_of(const LRScheduler* schedule);
  void set_state(const ScheduleState& state) override;

  std::unique_ptr<LRScheduler> after_;
  Options options_;
};

/// Multiplies the rate by `factor` when a metric has not improved for more than `patience` calls of step(metric).
class ReduceLROnPlateau {
 public:
  enum class Mode { min, max };
  enum class ThresholdMode { rel, abs };
  struct Options {
    Mode mode = Mode::min;
    double factor = 0.1;
    std::int64_t patience = 10;
    double threshold = 1e-4;
    ThresholdMode threshold_mode = ThresholdMode::rel;
    std::int64_t cooldown = 0;
    double min_lr = 0;
    double eps = 1e-8;  ///< smaller changes of the rate are not made
  };
  ReduceLROnPlateau(Optimizer& optimizer, const Options& options);
  void step(double metric);

  ScheduleState state_dict() const;
  /// Also sets the rates. Error for a state of another kind or number of groups.
  void load_state_dict(const ScheduleState& state);

 private:
  bool better(double metric) const;

  Optimizer& optimizer_;
  Options options_;
  std::int64_t last_step_ = 0, bad_ = 0, cooling_ = 0;
  std::optional<double> best_;
};

}  // namespace heddle::optim
HD_API_END

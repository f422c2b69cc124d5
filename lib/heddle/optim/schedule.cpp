#include "heddle/optim/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "heddle/base/check.hpp"

namespace heddle::optim {
namespace {

// From a at 0 to b at 1, along half a cosine.
double cosine(double a, double b, double at) {
  return b + (a - b) / 2 * (std::cos(std::numbers::pi * at) + 1);
}

}  // namespace

LRScheduler::LRScheduler(Optimizer& optimizer) : optimizer_(optimizer) {
  for (int g = 0; g < optimizer.num_groups(); ++g) base_lrs_.push_back(optimizer.lr(g));
}

void LRScheduler::apply(std::int64_t step) {
  for (int g = 0; g < optimizer_.num_groups(); ++g) optimizer_.set_lr(g, lr_at(step, g));
  if (const auto momentum = momentum_at(step)) optimizer_.set_momentum(*momentum);
  last_step_ = step;
}

std::optional<double> LRScheduler::momentum_at(std::int64_t) const {
  return {};
}

double LRScheduler::next_lr(std::int64_t step, int group, double) const {
  return lr_at(step, group);
}

void LRScheduler::load_state_dict(const ScheduleState& state) {
  constexpr std::int64_t most_steps = std::int64_t{1} << 53;
  check(state.base_lrs.size() == base_lrs_.size() && state.extra.empty() && state.last_step >= 0 && state.last_step <= most_steps,
        "schedule.load_state_dict",
        "expected the state of a schedule over {} groups, got {} groups, {} extra numbers, step {}", base_lrs_.size(),
        state.base_lrs.size(), state.extra.size(), state.last_step);
  set_state(state);
  apply(state.last_step);
}

void LRScheduler::set_state(const ScheduleState& state) {
  last_step_ = state.last_step;
  base_lrs_ = state.base_lrs;
}

double LRScheduler::base(int group) const {
  check(group >= 0 && static_cast<std::size_t>(group) < base_lrs_.size(), "schedule",
        "expected a group that the optimizer had when the schedule was made (below {}), got {}", base_lrs_.size(), group);
  return base_lrs_[static_cast<std::size_t>(group)];
}

StepLR::StepLR(Optimizer& optimizer, const Options& options) : LRScheduler(optimizer), options_(options) {
  check(options.step_size >= 1, "StepLR", "expected a step_size of 1 or more, got {}", options.step_size);
  apply(0);
}

double StepLR::lr_at(std::int64_t step, int group) const {
  return base(group) * std::pow(options_.gamma, static_cast<double>(step / options_.step_size));
}

double StepLR::next_lr(std::int64_t step, int, double lr) const {
  return step > 0 && step % options_.step_size == 0 ? lr * options_.gamma : lr;
}

MultiStepLR::MultiStepLR(Optimizer& optimizer, Options options) : LRScheduler(optimizer), options_(std::move(options)) {
  std::sort(options_.milestones.begin(), options_.milestones.end());
  apply(0);
}

double MultiStepLR::lr_at(std::int64_t step, int group) const {
  const auto& m = options_.milestones;
  return base(group) * std::pow(options_.gamma, static_cast<double>(std::upper_bound(m.begin(), m.end(), step) - m.begin()));
}

double MultiStepLR::next_lr(std::int64_t step, int, double lr) const {
  const auto [first, last] = std::equal_range(options_.milestones.begin(), options_.milestones.end(), step);
  return lr * std::pow(options_.gamma, static_cast<double>(last - first));
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, const Options& options) : LRScheduler(optimizer), options_(options) {
  apply(0);
}

double ExponentialLR::lr_at(std::int64_t step, int group) const {
  return base(group) * std::pow(options_.gamma, static_cast<double>(step));
}

double ExponentialLR::next_lr(std::int64_t step, int, double lr) const {
  return step > 0 ? lr * options_.gamma : lr;
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, const Options& options) : LRScheduler(optimizer), options_(options) {
  check(options.t_max >= 1, "CosineAnnealingLR", "expected a t_max of 1 or more, got {}", options.t_max);
  apply(0);
}

double CosineAnnealingLR::lr_at(std::int64_t step, int group) const {
  return cosine(base(group), options_.eta_min, static_cast<double>(step) / static_cast<double>(options_.t_max));
}

// PyTorch's recursion. Out of a minimum, where the factor is 0, it climbs by a difference of the base rate's own cosine.
double CosineAnnealingLR::next_lr(std::int64_t step, int group, double lr) const {
  if (step == 0) return lr;
  const auto t_max = static_cast<double>(options_.t_max);
  const auto height = [&](std::int64_t at) { return 1 + std::cos(std::numbers::pi * static_cast<double>(at) / t_max); };
  if ((step - 1 - options_.t_max) % (2 * options_.t_max) == 0)
    return lr + (base(group) - options_.eta_min) * (1 - std::cos(std::numbers::pi / t_max)) / 2;
  return height(step) / height(step - 1) * (lr - options_.eta_min) + options_.eta_min;
}

OneCycleLR::OneCycleLR(Optimizer& optimizer, const Options& options) : LRScheduler(optimizer), options_(options) {
  check(options.total_steps >= 1, "OneCycleLR", "expected total_steps of 1 or more, got {}", options.total_steps);
  check(options.pct_start >= 0 && options.pct_start <= 1, "OneCycleLR", "expected pct_start in [0, 1], got {}",
        options.pct_start);
  check(options.div_factor > 0 && options.final_div_factor > 0, "OneCycleLR", "expected factors above 0, got {} and {}",
        options.div_factor, options.final_div_factor);
  apply(0);
}

// PyTorch's phases end one step early each, at pct_start * total_steps - 1 and total_steps - 1, so that the lowest rate is
// that of the last step of all; and it takes one step more than total_steps, a little way beyond the last phase's end.
double OneCycleLR::anneal(std::int64_t step, double first, double peak, double valley, double last) const {
  check(step >= 0 && step <= options_.total_steps, "OneCycleLR", "expected at most {} steps, as total_steps says, got {}",
        options_.total_steps, step);
  const auto total = static_cast<double>(options_.total_steps), at = static_cast<double>(step);
  const double up_ends = options_.pct_start * total - 1, valley_at = 2 * options_.pct_start * total - 2, down_ends = total - 1;
  const auto between = [&](double from, double to, double a, double b) {
    const double part = to == from ? 1 : (at - from) / (to - from);
    return options_.anneal_strategy == Anneal::cos ? cosine(a, b, part) : (b - a) * part + a;
  };
  if (at <= up_ends) return between(0, up_ends, first, peak);
  if (!options_.three_phase) return between(up_ends, down_ends, peak, last);
  if (at <= valley_at) return between(up_ends, valley_at, peak, valley);
  return between(valley_at, down_ends, valley, last);
}

double OneCycleLR::lr_at(std::int64_t step, int) const {
  const double first = options_.max_lr / options_.div_factor;
  return anneal(step, first, options_.max_lr, first, first / options_.final_div_factor);
}

std::optional<double> OneCycleLR::momentum_at(std::int64_t step) const {
  if (!options_.cycle_momentum) return {};
  return anneal(step, options_.max_momentum, options_.base_momentum, options_.max_momentum, options_.max_momentum);
}

PiecewiseLinear::PiecewiseLinear(Optimizer& optimizer, Options options) : LRScheduler(optimizer), options_(std::move(options)) {
  const auto& points = options_.points;
  check(!points.empty(), "PiecewiseLinear", "expected at least one point, got none");
  check(options_.steps_per_unit >= 1, "PiecewiseLinear", "expected steps_per_unit of 1 or more, got {}",
        options_.steps_per_unit);
  for (std::size_t i = 1; i < points.size(); ++i)
    check(points[i - 1].first < points[i].first, "PiecewiseLinear",
          "expected points in increasing order of time, got {} after {}", points[i].first, points[i - 1].first);
  apply(0);
}

double PiecewiseLinear::lr_at(std::int64_t step, int) const {
  const auto& points = options_.points;
  const double time = options_.staircase ? static_cast<double>(step / options_.steps_per_unit)
                                         : static_cast<double>(step) / static_cast<double>(options_.steps_per_unit);
  const auto after = std::find_if(points.begin(), points.end(), [&](const auto& p) { return p.first > time; });
  if (after == points.begin()) return points.front().second;
  if (after == points.end()) return points.back().second;
  const auto& [t0, lr0] = *std::prev(after);
  const auto& [t1, lr1] = *after;
  return lr0 + (lr1 - lr0) / (t1 - t0) * (time - t0);
}

LambdaLR::LambdaLR(Optimizer& optimizer, Factor factor)
    : LambdaLR(optimizer, std::vector<Factor>(static_cast<std::size_t>(optimizer.num_groups()), std::move(factor))) {}

LambdaLR::LambdaLR(Optimizer& optimizer, std::vector<Factor> factors) : LRScheduler(optimizer), factors_(std::move(factors)) {
  check(factors_.size() == base_lrs().size(), "LambdaLR", "expected one factor for each of {} groups, got {}",
        base_lrs().size(), factors_.size());
  apply(0);
}

double LambdaLR::lr_at(std::int64_t step, int group) const {
  return base(group) * factors_[static_cast<std::size_t>(group)](step);
}

LinearWarmup::LinearWarmup(std::unique_ptr<LRScheduler> after, const Options& options)
    : LRScheduler(optimizer_of(after.get())), after_(std::move(after)), options_(options) {
  check(options.steps >= 0, "LinearWarmup", "expected 0 or more steps, got {}", options.steps);
  set_state({0, after_->base_lrs(), {}});  // the optimizer's rates are the other schedule's by now
  apply(0);
}

Optimizer& LinearWarmup::optimizer_of(const LRScheduler* schedule) {
  check(schedule != nullptr, "LinearWarmup", "expected a schedule to follow the warm-up, got null");
  return schedule->optimizer_;
}

double LinearWarmup::lr_at(std::int64_t step, int group) const {
  if (step >= options_.steps) return after_->lr_at(step - options_.steps, group);
  const double done = static_cast<double>(step) / static_cast<double>(options_.steps);
  return after_->lr_at(0, group) * (options_.start_factor + (1 - options_.start_factor) * done);
}

std::optional<double> LinearWarmup::momentum_at(std::int64_t step) const {
  return after_->momentum_at(std::max<std::int64_t>(0, step - options_.steps));
}

void LinearWarmup::set_state(const ScheduleState& state) {
  LRScheduler::set_state(state);
  after_->set_state({0, state.base_lrs, {}});
}

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, const Options& options) : optimizer_(optimizer), options_(options) {
  check(options.factor < 1, "ReduceLROnPlateau", "expected a factor below 1, got {}", options.factor);
}

bool ReduceLROnPlateau::better(double metric) const {
  const bool relative = options_.threshold_mode == ThresholdMode::rel;
  if (!best_) return options_.mode == Mode::min ? metric < HUGE_VAL : metric > -HUGE_VAL;
  if (options_.mode == Mode::min) return metric < (relative ? *best_ * (1 - options_.threshold) : *best_ - options_.threshold);
  return metric > (relative ? *best_ * (1 + options_.threshold) : *best_ + options_.threshold);
}

void ReduceLROnPlateau::step(double metric) {
  ++last_step_;
  if (better(metric)) {
    best_ = metric;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ <= options_.patience) return;
  for (int g = 0; g < optimizer_.num_groups(); ++g) {
    const double before = optimizer_.lr(g), after = std::max(before * options_.factor, options_.min_lr);
    if (before - after > options_.eps) optimizer_.set_lr(g, after);
  }
  cooling_ = options_.cooldown;
  bad_ = 0;
}

ScheduleState ReduceLROnPlateau::state_dict() const {
  ScheduleState state{
      last_step_, {}, {best_ ? 1.0 : 0.0, best_.value_or(0), static_cast<double>(bad_), static_cast<double>(cooling_)}};
  for (int g = 0; g < optimizer_.num_groups(); ++g) state.base_lrs.push_back(optimizer_.lr(g));
  return state;
}

void ReduceLROnPlateau::load_state_dict(const ScheduleState& state) {
  check(static_cast<int>(state.base_lrs.size()) == optimizer_.num_groups() && state.extra.size() == 4,
        "ReduceLROnPlateau.load_state_dict",
        "expected the state of a ReduceLROnPlateau over {} groups, got {} groups and {} extra numbers (expected 4)",
        optimizer_.num_groups(), state.base_lrs.size(), state.extra.size());
  last_step_ = state.last_step;
  best_ = state.extra[0] != 0 ? std::optional(state.extra[1]) : std::nullopt;
  bad_ = static_cast<std::int64_t>(state.extra[2]);
  cooling_ = static_cast<std::int64_t>(state.extra[3]);
  for (int g = 0; g < optimizer_.num_groups(); ++g) optimizer_.set_lr(g, state.base_lrs[static_cast<std::size_t>(g)]);
}

}  // namespace heddle::optim

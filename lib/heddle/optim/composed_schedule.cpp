#include "heddle/optim/composed_schedule.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "heddle/base/check.hpp"

namespace heddle::optim {
namespace {

void check_schedulers(const std::vector<std::shared_ptr<LRScheduler>>& schedulers, std::string_view where) {
  check(!schedulers.empty(), where, "expected at least one schedule, got none");
  for (std::size_t i = 0; i < schedulers.size(); ++i)
    check(schedulers[i] != nullptr, where, "expected schedules, got null at place {}", i);
}

}  // namespace

SequentialLR::SequentialLR(Optimizer& optimizer, std::vector<std::shared_ptr<LRScheduler>> schedulers, Options options)
    : LRScheduler(optimizer), schedulers_(std::move(schedulers)), options_(std::move(options)) {
  check_schedulers(schedulers_, "SequentialLR");
  for (const auto& s : schedulers_)
    check(&s->optimizer_ == &optimizer, "SequentialLR", "expected schedules of this optimizer, got one of another");
  const auto& m = options_.milestones;
  check(m.size() + 1 == schedulers_.size(), "SequentialLR", "expected {} milestones for {} schedules, got {}",
        schedulers_.size() - 1, schedulers_.size(), m.size());
  for (std::size_t i = 0; i < m.size(); ++i)
    check(m[i] > begin_of(i), "SequentialLR", "expected increasing milestones above 0, got {} after {}", m[i], begin_of(i));
  set_state({0, schedulers_.front()->base_lrs(), {}});
  apply(0);
}

std::size_t SequentialLR::index_at(std::int64_t step) const {
  const auto& m = options_.milestones;
  return static_cast<std::size_t>(std::upper_bound(m.begin(), m.end(), step) - m.begin());
}

std::int64_t SequentialLR::begin_of(std::size_t index) const {
  return index == 0 ? 0 : options_.milestones[index - 1];
}

double SequentialLR::lr_at(std::int64_t step, int group) const {
  const std::size_t i = index_at(step);
  return schedulers_[i]->lr_at(step - begin_of(i), group);
}

std::optional<double> SequentialLR::momentum_at(std::int64_t step) const {
  for (std::size_t i = index_at(step) + 1; i-- > 0;) {
    if (const auto momentum = schedulers_[i]->momentum_at(step - begin_of(i))) return momentum;
    step = begin_of(i) - 1;  // the last step of the one before
  }
  return {};
}

double SequentialLR::next_lr(std::int64_t step, int group, double lr) const {
  const std::size_t i = index_at(step);
  if (i > 0 && step == begin_of(i)) return schedulers_[i]->lr_at(0, group);  // begins at its own rate, not where the last ended
  return schedulers_[i]->next_lr(step - begin_of(i), group, lr);
}

void SequentialLR::set_state(const ScheduleState& state) {
  LRScheduler::set_state(state);
  for (const auto& s : schedulers_) s->set_state({0, state.base_lrs, {}});
}

ChainedScheduler::ChainedScheduler(Optimizer& optimizer, std::vector<std::shared_ptr<LRScheduler>> schedulers)
    : LRScheduler(optimizer), schedulers_(std::move(schedulers)) {
  check_schedulers(schedulers_, "ChainedScheduler");
  for (const auto& s : schedulers_)
    check(&s->optimizer_ == &optimizer, "ChainedScheduler", "expected schedules of this optimizer, got one of another");
  set_state({0, schedulers_.front()->base_lrs(), {}});
  apply(0);
}

double ChainedScheduler::lr_at(std::int64_t step, int group) const {
  constexpr std::int64_t most_steps = 1'000'000'000;
  check(step >= 0 && step <= most_steps, "ChainedScheduler", "expected at most {} steps, got {}", most_steps, step);
  const double first = base(group);
  Reached& reached = reached_[static_cast<std::size_t>(group)];
  if (step < reached.step) reached = {-1, first};
  while (reached.step < step) {
    reached.lr = next_lr(reached.step + 1, group, reached.lr);
    ++reached.step;
  }
  return reached.lr;
}

std::optional<double> ChainedScheduler::momentum_at(std::int64_t step) const {
  for (auto s = schedulers_.rbegin(); s != schedulers_.rend(); ++s)
    if (const auto momentum = (*s)->momentum_at(step)) return momentum;
  return {};
}

double ChainedScheduler::next_lr(std::int64_t step, int group, double lr) const {
  for (const auto& s : schedulers_) lr = s->next_lr(step, group, lr);
  return lr;
}

void ChainedScheduler::set_state(const ScheduleState& state) {
  LRScheduler::set_state(state);
  for (const auto& s : schedulers_) s->set_state({0, state.base_lrs, {}});
  reached_.clear();
  for (const double lr : base_lrs()) reached_.push_back({-1, lr});
}

}  // namespace heddle::optim

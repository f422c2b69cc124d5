// Schedules step by step against PyTorch (make_schedule_reference.py).
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include "heddle/optim/composed_schedule.hpp"
#include "heddle/optim/cyclic_schedule.hpp"
#include "heddle/optim/factor_schedule.hpp"
#include "heddle/optim/schedule.hpp"
#include "heddle/optim/sgd.hpp"
#include "tests/optim/schedule_reference.hpp"
#include "tests/optim/schedules.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using namespace heddle::optim;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::unique_ptr<SGD> two_groups() {
  const auto parameter = [] { return std::vector{zeros({1}).requires_grad_()}; };
  auto sgd = std::make_unique<SGD>(parameter(), SGDOptions{.lr = 0.1, .momentum = 0.9});
  sgd->add_param_group(parameter(), {.lr = 0.03, .momentum = 0.9});
  return sgd;
}

void require_rates(const Optimizer& o, const double* want) {
  const double got[] = {o.lr(0), o.lr(1), o.momentum(0)};
  for (int i = 0; i < 3; ++i) REQUIRE(got[i] == Approx(want[i]).epsilon(1e-12).margin(1e-15));
  REQUIRE(o.momentum(1) == o.momentum(0));
}

const ScheduleReference& reference(const std::string& name) {
  for (const auto& r : schedule_reference)
    if (r.name == name) return r;
  throw std::runtime_error("no table " + name);
}

}  // namespace

TEST_CASE("Schedules set PyTorch's rates and momentum, step for step", "[schedule]") {
  for (const auto& [name, make] : schedules) {
    auto sgd = two_groups();
    auto schedule = make(*sgd);
    for (int step = 0; step <= schedule_steps; ++step) {
      INFO(name << ", step " << step);
      REQUIRE(schedule->last_step() == step);
      require_rates(*sgd, reference(name).rates[step]);
      if (step < schedule_steps) schedule->step();
    }
  }
}

TEST_CASE("A restored schedule goes on as the one it was saved from", "[schedule]") {
  for (const auto& [name, make] : schedules) {
    auto first = two_groups(), second = two_groups();
    auto schedule = make(*first), restored = make(*second);
    for (int step = 0; step < 8; ++step) schedule->step();
    auto state = schedule->state_dict();
    restored->load_state_dict(state);
    for (int step = 8; step < schedule_steps; ++step) {
      INFO(name << ", step " << step);
      REQUIRE(second->lr(0) == first->lr(0));
      REQUIRE(second->lr(1) == first->lr(1));
      REQUIRE(second->momentum() == first->momentum());
      schedule->step();
      restored->step();
    }
    state.base_lrs.pop_back();
    REQUIRE_THROWS_WITH(restored->load_state_dict(state), ContainsSubstring("2 groups"));
  }
}

TEST_CASE("Base rates are restored with the state, through a warm-up too", "[schedule]") {
  auto sgd = two_groups();
  auto schedule = warmup(step_lr(*sgd));
  auto state = schedule->state_dict();
  REQUIRE(state.base_lrs == std::vector<double>{0.1, 0.03});
  state.base_lrs = {8, 4};
  state.last_step = 6;
  schedule->load_state_dict(state);
  REQUIRE(sgd->lr(0) == 8);
  REQUIRE(sgd->lr(1) == 4);
  state.last_step = 0;
  schedule->load_state_dict(state);
  REQUIRE(sgd->lr(0) == 2);
}

TEST_CASE("ReduceLROnPlateau follows PyTorch, also when restored halfway", "[schedule]") {
  using Plateau = ReduceLROnPlateau;
  const std::map<std::string, Plateau::Options> kinds = {{"plateau", {.factor = 0.5, .patience = 2}},
                                                         {"plateau, cooldown",
                                                          {.mode = Plateau::Mode::max,
                                                           .factor = 0.3,
                                                           .patience = 1,
                                                           .threshold = 0.5,
                                                           .threshold_mode = Plateau::ThresholdMode::abs,
                                                           .cooldown = 2,
                                                           .min_lr = 0.005}}};
  for (const auto& [name, options] : kinds) {
    auto sgd = two_groups();
    auto plateau = std::make_unique<Plateau>(*sgd, options);
    for (int step = 0; step <= schedule_steps; ++step) {
      INFO(name << ", step " << step);
      require_rates(*sgd, reference(name).rates[step]);
      if (step == schedule_steps) break;
      if (step == 9) {
        const auto state = plateau->state_dict();
        sgd = two_groups();
        plateau = std::make_unique<Plateau>(*sgd, options);
        plateau->load_state_dict(state);
      }
      plateau->step(plateau_metrics[step]);
    }
  }
}

TEST_CASE("OneCycleLR ends where it was told to", "[schedule]") {
  auto sgd = two_groups();
  OneCycleLR schedule(*sgd, {.max_lr = 0.1, .total_steps = 3});
  for (int i = 0; i < 3; ++i) schedule.step();
  const double last = sgd->lr();
  REQUIRE_THROWS_WITH(schedule.step(), ContainsSubstring("[OneCycleLR] expected at most 3 steps"));
  REQUIRE(schedule.last_step() == 3);
  REQUIRE(sgd->lr() == last);
  // Cycles so short that a phase has no length still have finite rates.
  for (std::int64_t total : {1, 2, 4})
    for (double start : {0.0, 0.25, 0.5, 1.0}) {
      OneCycleLR brief(*sgd, {.max_lr = 0.1, .total_steps = total, .pct_start = start});
      for (std::int64_t step = 0; step <= total; ++step) {
        REQUIRE(brief.lr_at(step) > 0);
        REQUIRE(brief.lr_at(step) <= Approx(0.1));
      }
    }
}

TEST_CASE("A composed schedule has the rates of the optimizer before any of its parts was made", "[schedule]") {
  auto sgd = two_groups();
  ChainedScheduler chain(*sgd, Parts{constant(*sgd, {.factor = 0.5, .total_iters = 2}), exponential(*sgd, 0.5)});
  REQUIRE(chain.base_lrs() == std::vector<double>{0.1, 0.03});
  // A rate of an earlier step follows from the first again, and leaves the later ones as they were.
  const double third = chain.lr_at(3, 1);
  REQUIRE(chain.lr_at(1, 1) == Approx(0.03 * 0.5 * 0.5));
  REQUIRE(chain.lr_at(3, 1) == third);
  REQUIRE_THROWS_WITH(chain.lr_at(std::int64_t{1} << 40), ContainsSubstring("[ChainedScheduler] expected at most"));
  auto state = chain.state_dict();
  state.base_lrs = {8, 4};
  chain.load_state_dict(state);
  REQUIRE(sgd->lr(0) == 4);
  REQUIRE(sgd->lr(1) == 2);
}

TEST_CASE("Momentum in a sequence stays where the last schedule that cycled it left it", "[schedule]") {
  auto sgd = two_groups();
  SequentialLR schedule(*sgd, Parts{one_cycle(*sgd, {.max_lr = 0.2, .total_steps = 10}), exponential(*sgd, 0.5)}, {{5}});
  for (int step = 0; step < 4; ++step) schedule.step();
  const double left = sgd->momentum();
  REQUIRE(left < 0.95);
  for (int step = 0; step < 4; ++step) schedule.step();
  REQUIRE(sgd->momentum() == left);
  REQUIRE(schedule.momentum_at(20) == left);
}

TEST_CASE("Warm restarts find their place after any number of steps", "[schedule]") {
  auto sgd = two_groups();
  const CosineAnnealingWarmRestarts doubling(*sgd, {.t_0 = 1, .t_mult = 2});
  const std::int64_t many = (std::int64_t{1} << 52) - 1;  // 1 + 2 + 4 + ... : a restart
  REQUIRE(doubling.lr_at(many) == 0.1);
  REQUIRE(doubling.lr_at(many - 1) < 1e-12);
  REQUIRE(doubling.lr_at(many + (std::int64_t{1} << 51)) == Approx(0.05));
  const CosineAnnealingWarmRestarts leaping(*sgd, {.t_0 = 3, .t_mult = std::numeric_limits<std::int64_t>::max()});
  REQUIRE(leaping.lr_at(3) == 0.1);
  REQUIRE(leaping.lr_at(1000) == Approx(0.1));
}

TEST_CASE("Schedules refuse settings that make no sense", "[schedule]") {
  auto sgd = two_groups();
  REQUIRE_THROWS_AS(StepLR(*sgd, {.step_size = 0}), Error);
  REQUIRE_THROWS_AS(CosineAnnealingLR(*sgd, {.t_max = 0}), Error);
  REQUIRE_THROWS_AS(OneCycleLR(*sgd, {.max_lr = 1}), Error);
  REQUIRE_THROWS_AS(OneCycleLR(*sgd, {.max_lr = 1, .total_steps = 5, .pct_start = 2}), Error);
  REQUIRE_THROWS_AS(PiecewiseLinear(*sgd, {}), Error);
  REQUIRE_THROWS_WITH(PiecewiseLinear(*sgd, {.points = {{1, 1}, {1, 2}}}), ContainsSubstring("increasing"));
  REQUIRE_THROWS_AS(LambdaLR(*sgd, std::vector<LambdaLR::Factor>(3)), Error);
  REQUIRE_THROWS_AS(LinearWarmup(nullptr, {}), Error);
  REQUIRE_THROWS_AS(ReduceLROnPlateau(*sgd, {.factor = 1}), Error);
  REQUIRE_THROWS_AS(CosineAnnealingWarmRestarts(*sgd, {.t_0 = 0}), Error);
  REQUIRE_THROWS_AS(CosineAnnealingWarmRestarts(*sgd, {.t_0 = 2, .t_mult = 0}), Error);
  REQUIRE_THROWS_AS(CyclicLR(*sgd, {.step_size_up = 0}), Error);
  REQUIRE_THROWS_AS(CyclicLR(*sgd, {.step_size_down = 0}), Error);
  REQUIRE_THROWS_AS(PolynomialLR(*sgd, {.total_iters = 0}), Error);
  REQUIRE_THROWS_AS(LinearLR(*sgd, {.start_factor = 0}), Error);
  REQUIRE_THROWS_AS(LinearLR(*sgd, {.end_factor = 2}), Error);
  REQUIRE_THROWS_AS(ConstantLR(*sgd, {.factor = 0}), Error);
  auto other = two_groups();
  REQUIRE_THROWS_WITH(ChainedScheduler(*sgd, {}), ContainsSubstring("at least one"));
  REQUIRE_THROWS_WITH(ChainedScheduler(*sgd, Parts{nullptr}), ContainsSubstring("null at place 0"));
  REQUIRE_THROWS_WITH(ChainedScheduler(*sgd, Parts{step_lr(*other)}), ContainsSubstring("of another"));
  REQUIRE_THROWS_WITH(SequentialLR(*sgd, Parts{step_lr(*other)}, {}), ContainsSubstring("of another"));
  REQUIRE_THROWS_WITH(SequentialLR(*sgd, Parts{step_lr(*sgd), cosine(*sgd)}, {}), ContainsSubstring("1 milestones"));
  REQUIRE_THROWS_WITH(SequentialLR(*sgd, Parts{step_lr(*sgd), cosine(*sgd)}, {{0}}), ContainsSubstring("above 0"));
}

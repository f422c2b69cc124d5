// Schedules step by step against PyTorch (make_schedule_reference.py).
#include <map>
#include <memory>
#include <vector>

#include "heddle/optim/schedule.hpp"
#include "heddle/optim/sgd.hpp"
#include "tests/optim/schedule_reference.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using namespace heddle::optim;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;

namespace {

using Made = std::unique_ptr<LRScheduler>;
using Make = std::function<Made(Optimizer&)>;

const std::vector<std::pair<double, double>> points = {{0, 0.001}, {2, 0.01}, {8, 0.0002}, {12, 0.0001}, {20, 0}};

Made warmup(Made after) {
  return std::make_unique<LinearWarmup>(std::move(after), LinearWarmup::Options{.steps = 6, .start_factor = 0.25});
}
Made step_lr(Optimizer& o) {
  return std::make_unique<StepLR>(o, StepLR::Options{.step_size = 7, .gamma = 0.3});
}
Made cosine(Optimizer& o) {
  return std::make_unique<CosineAnnealingLR>(o, CosineAnnealingLR::Options{.t_max = 10, .eta_min = 0.001});
}
Made one_cycle(Optimizer& o, const OneCycleLR::Options& options) {
  return std::make_unique<OneCycleLR>(o, options);
}
Made piecewise(Optimizer& o, std::int64_t unit, bool staircase) {
  return std::make_unique<PiecewiseLinear>(
      o, PiecewiseLinear::Options{.points = points, .steps_per_unit = unit, .staircase = staircase});
}

const std::map<std::string, Make> schedules = {
    {"step", step_lr},
    {"multistep",
     [](Optimizer& o) {
       return std::make_unique<MultiStepLR>(o, MultiStepLR::Options{.milestones = {12, 4, 11}, .gamma = 0.5});
     }},
    {"exponential", [](Optimizer& o) { return std::make_unique<ExponentialLR>(o, ExponentialLR::Options{.gamma = 0.85}); }},
    {"cosine", cosine},
    {"onecycle", [](Optimizer& o) { return one_cycle(o, {.max_lr = 0.2, .total_steps = schedule_steps}); }},
    {"onecycle other",
     [](Optimizer& o) {
       return one_cycle(o, {.max_lr = 0.5,
                            .total_steps = schedule_steps + 9,
                            .pct_start = 0.45,
                            .base_momentum = 0.8,
                            .max_momentum = 0.9,
                            .div_factor = 10,
                            .final_div_factor = 100});
     }},
    {"onecycle without momentum",
     [](Optimizer& o) { return one_cycle(o, {.max_lr = 0.2, .total_steps = schedule_steps, .cycle_momentum = false}); }},
    {"points", [](Optimizer& o) { return piecewise(o, 1, false); }},
    {"points by epoch", [](Optimizer& o) { return piecewise(o, 3, true); }},
    {"points within epochs", [](Optimizer& o) { return piecewise(o, 3, false); }},
    {"lambda",
     [](Optimizer& o) {
       return std::make_unique<LambdaLR>(
           o, std::vector<LambdaLR::Factor>{[](std::int64_t s) { return 1.0 / static_cast<double>(1 + s); },
                                            [](std::int64_t s) { return std::pow(0.9, s); }});
     }},
    {"warmup, step", [](Optimizer& o) { return warmup(step_lr(o)); }},
    {"warmup, cosine", [](Optimizer& o) { return warmup(cosine(o)); }},
};

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
}

// The schedules of make_schedule_reference.py, by the names of their tables.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "heddle/optim/composed_schedule.hpp"
#include "heddle/optim/cyclic_schedule.hpp"
#include "heddle/optim/factor_schedule.hpp"
#include "heddle/optim/schedule.hpp"
#include "tests/optim/schedule_reference.hpp"

namespace heddle::test {

using namespace heddle::optim;

using Made = std::unique_ptr<LRScheduler>;
using Parts = std::vector<std::shared_ptr<LRScheduler>>;
using Make = std::function<Made(Optimizer&)>;

inline const std::vector<std::pair<double, double>> points = {{0, 0.001}, {2, 0.01}, {8, 0.0002}, {12, 0.0001}, {20, 0}};

inline Made warmup(Made after) {
  return std::make_unique<LinearWarmup>(std::move(after), LinearWarmup::Options{.steps = 6, .start_factor = 0.25});
}
inline Made step_lr(Optimizer& o) {
  return std::make_unique<StepLR>(o, StepLR::Options{.step_size = 7, .gamma = 0.3});
}
inline Made cosine(Optimizer& o) {
  return std::make_unique<CosineAnnealingLR>(o, CosineAnnealingLR::Options{.t_max = 10, .eta_min = 0.001});
}
inline Made one_cycle(Optimizer& o, const OneCycleLR::Options& options) {
  return std::make_unique<OneCycleLR>(o, options);
}
inline Made restarts(Optimizer& o, const CosineAnnealingWarmRestarts::Options& options) {
  return std::make_unique<CosineAnnealingWarmRestarts>(o, options);
}
inline Made cyclic(Optimizer& o, const CyclicLR::Options& options) {
  return std::make_unique<CyclicLR>(o, options);
}
inline Made polynomial(Optimizer& o, const PolynomialLR::Options& options) {
  return std::make_unique<PolynomialLR>(o, options);
}
inline Made linear(Optimizer& o, const LinearLR::Options& options) {
  return std::make_unique<LinearLR>(o, options);
}
inline Made constant(Optimizer& o, const ConstantLR::Options& options) {
  return std::make_unique<ConstantLR>(o, options);
}
inline Made exponential(Optimizer& o, double gamma) {
  return std::make_unique<ExponentialLR>(o, ExponentialLR::Options{.gamma = gamma});
}
inline Made stepped(Optimizer& o, std::int64_t step_size, double gamma) {
  return std::make_unique<StepLR>(o, StepLR::Options{.step_size = step_size, .gamma = gamma});
}
inline Made cosine_plain(Optimizer& o, std::int64_t t_max, double eta_min) {
  return std::make_unique<CosineAnnealingLR>(o, CosineAnnealingLR::Options{.t_max = t_max, .eta_min = eta_min});
}
inline Made piecewise(Optimizer& o, std::int64_t unit, bool staircase) {
  return std::make_unique<PiecewiseLinear>(
      o, PiecewiseLinear::Options{.points = points, .steps_per_unit = unit, .staircase = staircase});
}

inline const std::map<std::string, Make> schedules = {
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
    {"onecycle linear",
     [](Optimizer& o) {
       return one_cycle(o, {.max_lr = 0.2, .total_steps = schedule_steps, .anneal_strategy = OneCycleLR::Anneal::linear});
     }},
    {"onecycle three phases",
     [](Optimizer& o) { return one_cycle(o, {.max_lr = 0.2, .total_steps = schedule_steps, .three_phase = true}); }},
    {"onecycle three lines",
     [](Optimizer& o) {
       return one_cycle(o, {.max_lr = 0.3,
                            .total_steps = schedule_steps,
                            .pct_start = 0.4,
                            .anneal_strategy = OneCycleLR::Anneal::linear,
                            .three_phase = true});
     }},
    {"warm restarts", [](Optimizer& o) { return restarts(o, {.t_0 = 5}); }},
    {"warm restarts, longer", [](Optimizer& o) { return restarts(o, {.t_0 = 3, .t_mult = 2, .eta_min = 0.002}); }},
    {"cyclic", [](Optimizer& o) { return cyclic(o, {.base_lr = 0.01, .max_lr = 0.3, .step_size_up = 4}); }},
    {"cyclic, halved",
     [](Optimizer& o) {
       return cyclic(o, {.base_lr = 0.01,
                         .max_lr = 0.3,
                         .step_size_up = 3,
                         .step_size_down = 5,
                         .mode = CyclicLR::Mode::triangular2,
                         .base_momentum = 0.7,
                         .max_momentum = 0.95});
     }},
    {"cyclic, exponential",
     [](Optimizer& o) {
       return cyclic(o, {.base_lr = 0.01,
                         .max_lr = 0.3,
                         .step_size_up = 4,
                         .mode = CyclicLR::Mode::exp_range,
                         .gamma = 0.9,
                         .cycle_momentum = false});
     }},
    {"cyclic, scaled by cycle",
     [](Optimizer& o) {
       return cyclic(o, {.base_lr = 0.01, .max_lr = 0.3, .step_size_up = 4, .scale_fn = [](double x) { return 1 / (1 + x); }});
     }},
    {"cyclic, scaled by step",
     [](Optimizer& o) {
       return cyclic(o, {.base_lr = 0.01,
                         .max_lr = 0.3,
                         .step_size_up = 4,
                         .scale_fn = [](double x) { return 1 / (1 + x); },
                         .scale_mode = CyclicLR::ScaleMode::iterations});
     }},
    {"polynomial", [](Optimizer& o) { return polynomial(o, {}); }},
    {"polynomial, squared", [](Optimizer& o) { return polynomial(o, {.total_iters = 20, .power = 2}); }},
    {"linear", [](Optimizer& o) { return linear(o, {}); }},
    {"linear, down", [](Optimizer& o) { return linear(o, {.start_factor = 0.75, .end_factor = 0.125, .total_iters = 9}); }},
    {"constant", [](Optimizer& o) { return constant(o, {.factor = 0.25, .total_iters = 7}); }},
    {"sequential",
     [](Optimizer& o) {
       return std::make_unique<SequentialLR>(
           o, Parts{linear(o, {.start_factor = 0.25, .total_iters = 4}), cosine_plain(o, 10, 0), stepped(o, 3, 0.1)},
           SequentialLR::Options{{4, 14}});
     }},
    {"sequential, cycles",
     [](Optimizer& o) {
       return std::make_unique<SequentialLR>(
           o, Parts{constant(o, {.factor = 0.5, .total_iters = 3}), restarts(o, {.t_0 = 4}), polynomial(o, {.total_iters = 8})},
           SequentialLR::Options{{3, 15}});
     }},
    {"chained",
     [](Optimizer& o) {
       return std::make_unique<ChainedScheduler>(
           o, Parts{linear(o, {.start_factor = 0.25, .total_iters = 6}), exponential(o, 0.9), stepped(o, 5, 0.5),
                    std::make_unique<MultiStepLR>(o, MultiStepLR::Options{.milestones = {3, 17}, .gamma = 0.7}),
                    constant(o, {.factor = 0.5, .total_iters = 4}), polynomial(o, {.total_iters = 22, .power = 0.5})});
     }},
    {"chained cosine",
     [](Optimizer& o) {
       return std::make_unique<ChainedScheduler>(o, Parts{cosine_plain(o, 7, 0.001), exponential(o, 0.95)});
     }},
    {"chained sequential",
     [](Optimizer& o) {
       return std::make_unique<ChainedScheduler>(
           o,
           Parts{std::make_unique<SequentialLR>(o, Parts{constant(o, {.factor = 0.5, .total_iters = 3}), exponential(o, 0.9)},
                                                SequentialLR::Options{{5}}),
                 stepped(o, 4, 0.5)});
     }},
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

}  // namespace heddle::test

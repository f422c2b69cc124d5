// Optimizers over parameter groups against PyTorch (make_reference.py, make_schedule_reference.py), and their state.
#include <cstring>
#include <memory>
#include <vector>

#include "heddle/optim/adam.hpp"
#include "heddle/optim/schedule.hpp"
#include "heddle/optim/sgd.hpp"
#include "tests/optim/schedule_reference.hpp"
#include "tests/optim/step_reference.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using namespace heddle::optim;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Tensor parameter(std::vector<double> values) {
  Tensor t = tensor(values);
  t.requires_grad_();
  return t;
}

void require_close(const std::vector<double>& got, const double* want) {
  for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(got[i] == Approx(want[i]).epsilon(1e-11).margin(1e-13));
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// The three parameters of make_schedule_reference.py and their gradients.
struct Bowl {
  std::vector<Tensor> p = {parameter({0.5, -1.25, 2.0}), parameter({0.25, -0.75}), parameter({1.5})};
  std::vector<Tensor> first() const { return {p[0], p[1]}; }
  std::vector<Tensor> second() const { return {p[2]}; }

  void set_gradients(int step) {
    for (std::size_t which = 0; which < p.size(); ++which) {
      if (which == 1 && (step == 0 || step == 4 || step == 5)) {
        p[which].set_grad({});
        continue;
      }
      auto g = p[which].to_vector<double>();
      for (double& v : g) v = 0.5 * v + 0.125 * static_cast<double>(which + 1) - 0.0625 * step;
      p[which].set_grad(tensor(g));
    }
  }
  std::vector<double> values() const {
    std::vector<double> all;
    for (const auto& t : p)
      for (const double v : t.to_vector<double>()) all.push_back(v);
    return all;
  }
};

const TrainingReference& training(const std::string& name) {
  for (const auto& r : training_reference)
    if (r.name == name) return r;
  throw std::runtime_error("no table " + name);
}

template <class Make>
void check_state(Make make) {
  Bowl one;
  auto first = make(one);
  OneCycleLR schedule(*first, {.max_lr = 0.2, .total_steps = 20});
  const auto go = [](Bowl& bowl, Optimizer& o, OneCycleLR& s, int from, int to) {
    for (int step = from; step < to; ++step) {
      bowl.set_gradients(step);
      o.step();
      s.step();
    }
  };
  go(one, *first, schedule, 0, 7);
  const StateDict saved = first->state_dict();
  const ScheduleState saved_schedule = schedule.state_dict();

  Bowl two;
  for (std::size_t i = 0; i < two.p.size(); ++i) two.p[i].detach().copy_(one.p[i].detach());
  auto second = make(two);
  OneCycleLR second_schedule(*second, {.max_lr = 0.2, .total_steps = 20});
  second->load_state_dict(saved);
  second_schedule.load_state_dict(saved_schedule);
  go(one, *first, schedule, 7, 15);
  go(two, *second, second_schedule, 7, 15);
  REQUIRE(same_bits(one.values(), two.values()));
  REQUIRE(first->lr(1) == second->lr(1));
  REQUIRE(first->momentum(1) == second->momentum(1));

  // The copy did not follow the steps that came after it: restoring it once more repeats them.
  Bowl three;
  auto third = make(three);
  third->load_state_dict(saved);
  const auto again = third->state_dict();
  REQUIRE(again.numbers == saved.numbers);
  REQUIRE(again.tensors.size() == saved.tensors.size());
  for (const auto& [name, t] : saved.tensors)
    REQUIRE(same_bits(again.tensors.at(name).template to_vector<double>(), t.template to_vector<double>()));
}

}  // namespace

TEST_CASE("SGD's options give PyTorch's steps", "[optim]") {
  for (const auto& r : sgd_reference) {
    Tensor p = parameter({reference_start, reference_start + reference_size});
    SGD sgd(
        {p},
        {.lr = r.lr, .momentum = r.momentum, .dampening = r.dampening, .weight_decay = r.weight_decay, .nesterov = r.nesterov});
    for (int step = 0; step < reference_steps; ++step) {
      INFO("lr " << r.lr << " momentum " << r.momentum << " nesterov " << r.nesterov << " step " << step);
      p.set_grad(tensor(std::vector<double>(reference_gradient[step], reference_gradient[step] + reference_size)));
      sgd.step();
      require_close(p.to_vector<double>(), r.value[step]);
    }
  }
}

TEST_CASE("Adam's and AdamW's options give PyTorch's steps", "[optim]") {
  for (const auto& r : adam_reference) {
    Tensor p = parameter({reference_start, reference_start + reference_size});
    const auto with = [&]<class Options>(Options) {
      return Options{.lr = r.lr, .beta1 = r.beta1, .beta2 = r.beta2, .eps = r.eps, .weight_decay = r.weight_decay};
    };
    std::unique_ptr<Optimizer> adam;
    if (r.decoupled)
      adam = std::make_unique<AdamW>(std::vector{p}, with(AdamWOptions{}));
    else
      adam = std::make_unique<Adam>(std::vector{p}, with(AdamOptions{}));
    for (int step = 0; step < reference_steps; ++step) {
      INFO("decoupled " << r.decoupled << " lr " << r.lr << " step " << step);
      p.set_grad(tensor(std::vector<double>(reference_gradient[step], reference_gradient[step] + reference_size)));
      adam->step();
      require_close(p.to_vector<double>(), r.value[step]);
    }
  }
}

TEST_CASE("Two groups under a cycled rate and momentum follow PyTorch, gradients missing at times", "[optim]") {
  Bowl bowl;
  SECTION("SGD") {
    SGD sgd(bowl.first(), {.lr = 0.1, .momentum = 0.8, .weight_decay = 0.01});
    sgd.add_param_group(bowl.second(), {.lr = 0.02, .momentum = 0.8});
    OneCycleLR schedule(sgd, {.max_lr = 0.2, .total_steps = schedule_steps});
    for (int step = 0; step < schedule_steps; ++step) {
      INFO("step " << step);
      bowl.set_gradients(step);
      sgd.step();
      schedule.step();
      require_close(bowl.values(), training("sgd").values[step]);
    }
  }
  SECTION("Adam") {
    Adam adam(bowl.first(), {.lr = 0.05, .weight_decay = 0.1});
    adam.add_param_group(bowl.second(), {.lr = 0.05, .beta1 = 0.8, .beta2 = 0.9});
    OneCycleLR schedule(adam, {.max_lr = 0.2, .total_steps = schedule_steps});
    for (int step = 0; step < schedule_steps; ++step) {
      INFO("step " << step);
      bowl.set_gradients(step);
      adam.step();
      schedule.step();
      require_close(bowl.values(), training("adam").values[step]);
    }
  }
  SECTION("AdamW, clipped") {
    AdamW adamw(bowl.first(), {.lr = 0.1, .weight_decay = 0.01});
    adamw.add_param_group(bowl.second(), {.lr = 0.02, .weight_decay = 0.3});
    CosineAnnealingLR schedule(adamw, {.t_max = 10});
    for (int step = 0; step < schedule_steps; ++step) {
      INFO("step " << step);
      bowl.set_gradients(step);
      const double norm = clip_grad_norm_(bowl.p, 0.75).item();
      adamw.step();
      schedule.step();
      auto got = bowl.values();
      got.push_back(norm);
      require_close(got, training("adamw").values[step]);
    }
  }
}

TEST_CASE("An optimizer's restored state continues to the same bits", "[optim]") {
  check_state([](Bowl& b) {
    auto sgd = std::make_unique<SGD>(b.first(), SGDOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01});
    sgd->add_param_group(b.second(), {.lr = 0.2, .momentum = 0.9, .nesterov = true});
    return sgd;
  });
  check_state([](Bowl& b) {
    auto adam = std::make_unique<AdamW>(b.first());
    adam->add_param_group(b.second(), {.lr = 0.2});
    return adam;
  });
}

TEST_CASE("State that does not fit is refused, name by name, and changes nothing", "[optim]") {
  Bowl bowl;
  SGD sgd(bowl.p, {.lr = 0.1, .momentum = 0.9});
  bowl.set_gradients(1);
  sgd.step();
  const StateDict good = sgd.state_dict();
  REQUIRE(good.tensors.size() == 3);

  auto bad = good;
  bad.numbers.erase("param_groups.0.lr");
  bad.numbers["param_groups.0.momentum"] = 0.1;
  bad.numbers["param_groups.1.lr"] = 0.1;
  bad.tensors["state.0.momentum_buffer"] = zeros({4}, {.dtype = float64});
  bad.tensors["state.7.momentum_buffer"] = zeros({1}, {.dtype = float64});
  REQUIRE_THROWS_WITH(sgd.load_state_dict(bad),
                      ContainsSubstring("missing: param_groups.0.lr") &&
                          ContainsSubstring("unexpected: state.7.momentum_buffer, param_groups.1.lr") &&
                          ContainsSubstring("state.0.momentum_buffer (expected float64 [3], got float64 [4])"));
  REQUIRE(sgd.momentum() == 0.9);
  bad = good;
  bad.tensors["state.0.momentum_buffer"] = zeros({3});
  REQUIRE_THROWS_WITH(sgd.load_state_dict(bad), ContainsSubstring("(expected float64 [3], got float32 [3])"));

  Adam adam(bowl.p);
  bowl.set_gradients(1);
  adam.step();
  auto half = adam.state_dict();
  half.tensors.erase("state.1.exp_avg_sq");
  REQUIRE_THROWS_WITH(adam.load_state_dict(half), ContainsSubstring("state.1.{exp_avg, exp_avg_sq, step}"));
  REQUIRE_THROWS_WITH(adam.load_state_dict(good), ContainsSubstring("param_groups.0.beta1"));
}

TEST_CASE("zero_grad drops gradients, and a step without them changes nothing", "[optim]") {
  Bowl bowl;
  SGD sgd(bowl.p, {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.5});
  bowl.set_gradients(1);
  sgd.zero_grad();
  for (const auto& p : bowl.p) REQUIRE_FALSE(p.grad().defined());
  const auto before = bowl.values();
  sgd.step();
  REQUIRE(same_bits(before, bowl.values()));
}

TEST_CASE("Optimizers refuse settings and parameters that make no sense", "[optim]") {
  Tensor p = parameter({1, 2});
  REQUIRE_THROWS_WITH(SGD({p}, {.lr = -1}), ContainsSubstring("[SGD] expected lr"));
  REQUIRE_THROWS_WITH(SGD({p}, {.nesterov = true}), ContainsSubstring("nesterov"));
  REQUIRE_THROWS_WITH(Adam({p}, {.beta1 = 1}), ContainsSubstring("[Adam] expected beta1"));
  REQUIRE_THROWS_WITH(AdamW({p}, {.eps = -1}), ContainsSubstring("[AdamW] expected eps"));
  REQUIRE_THROWS_WITH(SGD({p, p}), ContainsSubstring("once"));
  REQUIRE_THROWS_WITH(SGD(std::vector<Tensor>{}), ContainsSubstring("at least one"));
  REQUIRE_THROWS_WITH(SGD({tensor<std::int64_t>({1})}), ContainsSubstring("int64"));
  SGD sgd({p});
  REQUIRE_THROWS_WITH(sgd.add_param_group({p}, {}), ContainsSubstring("once"));
  REQUIRE_THROWS_WITH(sgd.lr(1), ContainsSubstring("group"));
  REQUIRE(sgd.num_groups() == 1);
}

// AdamW once took Adam's options: AdamW(p, {.lr = 3e-4}) had a decay of 0, AdamW(p) one of 0.01.
TEST_CASE("AdamW decays whether or not other options are named", "[optim]") {
  const auto after_a_step = [](auto make) {
    Tensor p = parameter({1});
    p.set_grad(tensor<double>({0}));
    make(p).step();
    return p.item();
  };
  REQUIRE(after_a_step([](const Tensor& p) { return AdamW({p}); }) == Approx(1 - 1e-3 * 0.01).epsilon(1e-12));
  REQUIRE(after_a_step([](const Tensor& p) { return AdamW({p}, {.lr = 3e-4}); }) == Approx(1 - 3e-4 * 0.01).epsilon(1e-12));
  REQUIRE(after_a_step([](const Tensor& p) { return AdamW({p}, {.weight_decay = 0}); }) == 1);
  REQUIRE(after_a_step([](const Tensor& p) { return Adam({p}); }) == 1);
}

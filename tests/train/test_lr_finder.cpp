// The learning-rate finder: it finds what is known, and leaves no trace.
#include <cmath>

#include "heddle/heddle.hpp"
#include "heddle/train/lr_finder.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

namespace {

nn::Sequential small_net() {
  return nn::Sequential(nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .stride = 2, .padding = 1}),
                        nn::BatchNorm2d({.num_features = 8}), nn::ReLU(), nn::Dropout({.p = 0.1}), nn::AdaptiveAvgPool2d(),
                        nn::Flatten(), nn::Linear({.in_features = 8, .out_features = 10}));
}

data::DataLoader loader() {
  return data::DataLoader(data::synthetic({.count = 160}), {.batch_size = 32, .shuffle = true, .seed = 4});
}

// All that a training step can change.
struct State {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::map<std::string, double> numbers;
  std::vector<bool> modes;
  Tensor drawn;
};

State state_of(nn::Module& net, const optim::Optimizer& optimizer) {
  State state;
  const auto keep = [&](const std::string& name, const Tensor& t) {
    state.tensors.emplace_back(name, t.defined() ? empty_like(t).copy_(t) : Tensor{});
  };
  for (const auto& [name, t] : net.state_dict()) keep(name, t);
  for (const auto& [name, t] : net.named_parameters()) keep("grad of " + name, t.grad());
  const auto saved = optimizer.state_dict();
  for (const auto& [name, t] : saved.tensors) keep(name, t);
  state.numbers = saved.numbers;
  for (const auto& [name, m] : net.named_modules()) state.modes.push_back(m->training());
  Generator copy = default_generator();
  state.drawn = rand({16}, {}, copy);
  return state;
}

void require_same(const State& a, const State& b) {
  REQUIRE(a.tensors.size() == b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    INFO(a.tensors[i].first);
    REQUIRE(a.tensors[i].first == b.tensors[i].first);
    REQUIRE(a.tensors[i].second.defined() == b.tensors[i].second.defined());
    if (a.tensors[i].second.defined()) test::require_same_bits(a.tensors[i].second, b.tensors[i].second);
  }
  CHECK(a.numbers == b.numbers);
  CHECK(a.modes == b.modes);
  test::require_same_bits(a.drawn, b.drawn);
}

template <class Optimizer, class Options>
void check_restores(const Options& options) {
  manual_seed(6);
  auto net = small_net();
  Optimizer optimizer(net.parameters(), options);
  for (const auto& batch : loader().epoch(0)) {
    optimizer.zero_grad();
    cross_entropy(net(batch.images), batch.labels).backward();
    optimizer.step();
  }
  net[1].eval();  // one part is frozen
  const State before = state_of(net, optimizer);
  double seen = 0;
  const auto curve = train::find_lr(net, optimizer, loader(), {.steps = 20, .seed = 9, .on_step = [&](int, double lr, double) {
                                                                 seen = lr;
                                                                 // In between, it does train.
                                                                 CHECK(net.training());
                                                                 CHECK_FALSE(net[1].training());
                                                                 CHECK(optimizer.lr() == lr);
                                                               }});
  CHECK(curve.points.size() > 10);
  CHECK(seen == curve.points.back().lr);
  require_same(before, state_of(net, optimizer));

  const auto stop = [&](int step, double, double) {
    if (step == 5) fail("test", "enough");
  };
  CHECK_THROWS_WITH(train::find_lr(net, optimizer, loader(), {.on_step = stop}), ContainsSubstring("enough"));
  require_same(before, state_of(net, optimizer));
}

train::LRCurve curve_of(const std::function<double(double)>& loss_at) {
  train::LRCurve curve;
  for (int i = 0; i < 100; ++i) {
    const double x = -6 + 7.0 * i / 99;
    curve.points.push_back({.lr = std::pow(10, x), .loss = loss_at(x)});
  }
  return curve;
}

}  // namespace

TEST_CASE("a sweep puts everything back to the bit") {
  SECTION("SGD") {
    check_restores<optim::SGD>(optim::SGDOptions{.lr = 0.05, .momentum = 0.9});
  }
  SECTION("Adam") {
    check_restores<optim::Adam>(optim::AdamOptions{.lr = 0.003});
  }
}

TEST_CASE("a sweep repeats itself, grows by one factor, and stops where the loss breaks") {
  manual_seed(6);
  auto net = small_net();
  optim::SGD optimizer(net.parameters(), {.lr = 0.1, .momentum = 0.9});
  const train::LRFinderOptions options{.start_lr = 1e-4, .end_lr = 1e8, .steps = 60};
  const auto one = train::find_lr(net, optimizer, loader(), options), two = train::find_lr(net, optimizer, loader(), options);
  REQUIRE(one.points.size() == two.points.size());
  for (std::size_t i = 0; i < one.points.size(); ++i)
    CHECK((one.points[i].loss == two.points[i].loss || !std::isfinite(one.points[i].loss)));
  CHECK(one.diverged);
  CHECK(one.points.size() < 60);
  CHECK(one.points[0].lr == 1e-4);
  const double factor = std::pow(1e12, 1.0 / 59);
  for (std::size_t i = 1; i < one.points.size(); ++i) CHECK(one.points[i].lr / one.points[i - 1].lr == Approx(factor));
}

TEST_CASE("the suggestion is the steepest descent of a known curve") {
  // Falls from 2.3 to 1.3 around 10^-2, explodes above 10^-0.5.
  const auto curve = [](double noise) {
    int i = 0;
    auto made = curve_of([&](double x) {
      const double wiggle = noise * std::sin(37.0 * ++i);
      return x > -0.5 ? 50.0 : 2.3 - 1 / (1 + std::exp(-6 * (x + 2))) + wiggle;
    });
    train::analyse(made, 0.2);
    return made;
  };
  CHECK(std::log10(curve(0).suggestion) == Approx(-2).margin(0.08));
  CHECK(std::log10(curve(0.05).suggestion) == Approx(-2).margin(0.25));
  CHECK(std::log10(curve(0).minimum) == Approx(-0.8).margin(0.4));
  // A straight line is smoothed to itself.
  auto line = curve_of([](double x) { return 3 - 0.1 * (x + 6); });
  train::analyse(line, 0.2);
  for (const auto& p : line.points) {
    CHECK(p.smoothed == Approx(p.loss));
    CHECK(p.slope == Approx(-0.1));
  }
}

TEST_CASE("a curve that never falls suggests nothing") {
  auto flat = curve_of([](double) { return 2.0; });
  train::analyse(flat, 0.2);
  CHECK(flat.suggestion == 0);
  auto rising = curve_of([](double x) { return 3 + x / 10; });
  train::analyse(rising, 0.2);
  CHECK(rising.suggestion == 0);
  CHECK(rising.minimum == 0);
}

TEST_CASE("limits that make no sweep are errors") {
  auto net = small_net();
  optim::SGD optimizer(net.parameters(), {.lr = 0.1});
  const auto with = [&](train::LRFinderOptions options) { train::find_lr(net, optimizer, loader(), options); };
  CHECK_THROWS_WITH(with({.start_lr = 0}), ContainsSubstring("expected 0 < start_lr < end_lr, got 0 and 10"));
  CHECK_THROWS_WITH(with({.start_lr = 1, .end_lr = 1}), ContainsSubstring("expected 0 < start_lr < end_lr"));
  CHECK_THROWS_WITH(with({.steps = 9}), ContainsSubstring("expected 10 steps or more, got 9"));
  CHECK_THROWS_WITH(with({.stop_factor = 1}), ContainsSubstring("expected a stop_factor above 1"));
  for (auto& p : net.parameters()) p.detach().fill_(std::nan(""));
  CHECK_THROWS_WITH(with({}), ContainsSubstring("expected a finite loss at the first step, got nan"));
}

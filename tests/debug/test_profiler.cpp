// The profiler: times that are known, sums that add up, a trace whose spans nest, and results that it leaves alone.
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "heddle/debug/profiler.hpp"
#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Sleep : nn::Module {
  Tensor forward(const Tensor& x) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return x * 1.0;
  }
  std::string describe() const override { return "Sleep()"; }
};

nn::Sequential small_net() {
  return nn::Sequential(nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .stride = 2, .padding = 1}),
                        nn::BatchNorm2d({.num_features = 8}), nn::ReLU(), nn::Dropout2d({.p = 0.1}),
                        nn::Sequential(nn::Conv2d({.in_channels = 8, .out_channels = 8, .kernel_size = 1}), Sleep()),
                        nn::AdaptiveAvgPool2d(), nn::Flatten(), nn::Linear({.in_features = 8, .out_features = 10}));
}

struct Training {
  std::vector<float> weights;
  int steps = 0;
};

Training run(debug::Profiler* profiler, int images = 96) {
  manual_seed(5);
  auto net = small_net();
  const data::DataLoader loader(data::synthetic({.count = images}), {.batch_size = 16, .shuffle = true, .seed = 1});
  optim::SGD optimizer(net.parameters(), {.lr = 0.1, .momentum = 0.9});
  Training result;
  train::fit(net, optimizer, nullptr, loader, loader, {.epochs = 1, .seed = 3, .on_step = [&](const train::Progress&) {
                                                         if (profiler && profiler->step()) result.steps = 1;
                                                         return true;
                                                       }});
  for (const auto& [name, t] : net.state_dict())
    if (t.dtype() == float32) {
      const auto v = t.to_vector<float>();
      result.weights.insert(result.weights.end(), v.begin(), v.end());
    }
  return result;
}

}  // namespace

TEST_CASE("a profile tells what each layer takes, and changes nothing") {
  const auto plain = run(nullptr);
  debug::Profiler profiler({.skip = 2, .steps = 3});
  const auto watched = run(&profiler);
  CHECK(profiler.done());
  CHECK(watched.steps == 1);
  CHECK(watched.weights == plain.weights);
  CHECK(!observed());

  const auto profile = profiler.profile();
  CHECK(profile.steps == 3);
  std::vector<std::string> names;
  double sum = 0, sleep = 0;
  for (const auto& row : profile.rows) {
    names.push_back(row.label.str());
    CHECK(row.forward >= 0);
    CHECK(row.backward >= 0);
    sum += row.total();
    if (row.label.kind == "Sleep") sleep = row.forward;
  }
  CHECK(names == std::vector<std::string>{"data", "0 (Conv2d)", "1+2+3 (BatchNorm2d+ReLU+Dropout2d)", "4.0 (Conv2d)",
                                          "4.1 (Sleep)", "5 (AdaptiveAvgPool2d)", "6 (Flatten)", "7 (Linear)",
                                          "loss (cross_entropy)", "optimizer (SGD)", "between layers", "adding gradients",
                                          "the rest"});
  CHECK(sum == Approx(profile.step).epsilon(1e-6));
  CHECK(sleep >= 20);
  CHECK(sleep < profile.step);
  for (const auto& row : profile.rows)
    if (row.label.kind == "Conv2d" || row.label.name == "loss") {
      INFO(row.label.str());
      CHECK(row.forward > 0);
      CHECK(row.backward > 0);
    }
  const std::string table = profile.str();
  CHECK_THAT(table, ContainsSubstring("4.1 (Sleep)"));
  CHECK_THAT(table, ContainsSubstring("Means of 3 steps. Layers joined by + run as one op"));
}

TEST_CASE("a trace is JSON whose spans nest") {
  debug::Profiler profiler({.skip = 1, .steps = 2});
  run(&profiler, 64);
  test::Folder folder;
  profiler.save_trace(folder / "trace.json");
  const auto trace = nlohmann::json::parse(std::ifstream(folder / "trace.json"));
  struct Span {
    double begin, end;
    std::string name;
  };
  std::vector<Span> open;
  int spans = 0, steps = 0, nested = 0, backward = 0;
  double last = 0;
  for (const auto& event : trace.at("traceEvents")) {
    if (event.at("ph") == "M") continue;
    REQUIRE(event.at("ph") == "X");
    const Span span{event.at("ts"), event.at("ts").get<double>() + event.at("dur").get<double>(), event.at("name")};
    CHECK(span.begin >= last);
    last = span.begin;
    while (!open.empty() && open.back().end <= span.begin + 1e-6) open.pop_back();
    if (!open.empty()) {
      INFO(span.name << " in " << open.back().name);
      CHECK(span.end <= open.back().end + 1e-6);
      nested += open.size() >= 3;
    }
    ++spans;
    steps += event.at("cat") == "step";
    if (event.at("cat") == "backward") {
      ++backward;
      CHECK(open.back().name == "backward");
      CHECK(!event.at("args").at("op").get<std::string>().empty());
    }
    open.push_back(span);
  }
  CHECK(steps == 2);
  CHECK(spans > 20);
  CHECK(nested == 4);
  CHECK(backward >= 2 * 7);
}

TEST_CASE("steps are counted") {
  debug::Profiler profiler({.skip = 0, .steps = 2});
  CHECK_THROWS_WITH(profiler.profile(), ContainsSubstring("expected one measured step or more"));
  CHECK(observed());
  CHECK(!profiler.step());
  CHECK(profiler.profile().steps == 1);
  CHECK(profiler.step());
  CHECK(!profiler.step());
  CHECK(!observed());
  CHECK_THROWS_AS(debug::Profiler({.skip = -1}), Error);
  CHECK_THROWS_AS(debug::Profiler({.steps = 0}), Error);
}

TEST_CASE("an op outside of all scopes is a line of its own") {
  debug::Profiler profiler({.skip = 0, .steps = 1});
  Tensor x = ones({4}).requires_grad_();
  sum(exp(x)).backward();
  profiler.step();
  CHECK_THAT(profiler.profile().str(), ContainsSubstring("exp (op)"));
}

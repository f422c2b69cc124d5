// Finding the first layer that computes something else than a dump says.
#include <limits>

#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

namespace {

nn::Sequential small_net() {
  manual_seed(3);
  return nn::Sequential(nn::Sequential(nn::Conv2d({.in_channels = 3, .out_channels = 4, .kernel_size = 3}),
                                       nn::BatchNorm2d({.num_features = 4}), nn::ReLU(), nn::Dropout({.p = 0.5})),
                        nn::AdaptiveAvgPool2d(), nn::Flatten(), nn::Linear({.in_features = 4, .out_features = 2}));
}

Tensor& named(nn::NamedTensors& tensors, const std::string& name) {
  for (auto& [path, t] : tensors)
    if (path == name) return t;
  throw std::runtime_error("no " + name);
}

// A network that runs its one layer twice.
struct Twice : nn::Module {
  nn::Linear layer{{.in_features = 2, .out_features = 2}};
  Tensor forward(const Tensor& x) override { return layer(relu(layer(x))); }
  void members(nn::Members& m) override { m.module("layer", layer); }
};

}  // namespace

TEST_CASE("every layer's output by its path, in evaluation mode, and nothing left behind") {
  auto net = small_net();
  const auto made = debug::record_activations(net, randn({2, 3, 5, 5}));
  std::vector<std::string> names;
  for (const auto& [path, t] : made) names.push_back(path);
  CHECK(names == std::vector<std::string>{"input", "0.0", "0.1", "0.2", "0.3", "1", "2", "3", "output"});
  CHECK(made[4].second.to_vector<float>() == made[3].second.to_vector<float>());  // dropout did nothing
  CHECK(made[8].second.to_vector<float>() == made[7].second.to_vector<float>());
  CHECK(net.training());
  for (const auto& [path, part] : net.named_modules()) CHECK_FALSE(part->has_hooks());
  CHECK_THROWS_AS(debug::record_activations(net, randn({2, 4, 5, 5})), Error);
  for (const auto& [path, part] : net.named_modules()) CHECK_FALSE(part->has_hooks());

  Twice twice;
  const auto again = debug::record_activations(twice, randn({1, 2}));
  CHECK(again[1].first == "layer");
  CHECK(again[2].first == "layer#2");
}

TEST_CASE("the first layer that differs is named, with how much") {
  auto net = small_net();
  auto dump = debug::record_activations(net, randn({2, 3, 5, 5}));
  for (auto& [path, t] : dump) t = t.clone();
  auto same = debug::compare_activations(net, dump);
  CHECK(same.first_difference() == nullptr);
  CHECK(same.layers.size() == 8);
  CHECK_THAT(same.str(), ContainsSubstring("All 8 layers agree."));

  Tensor& norm = named(dump, "0.1");
  norm = norm + 0.25;
  Tensor& last = named(dump, "3");
  last = last + 7.0;
  const auto other = debug::compare_activations(net, dump);
  REQUIRE(other.first_difference() != nullptr);
  CHECK(other.first_difference()->path == "0.1");
  CHECK(other.first_difference()->type == "BatchNorm2d");
  CHECK(other.first_difference()->largest == Approx(0.25).epsilon(1e-4));
  CHECK(other.layers[2].agrees);
  CHECK_FALSE(other.layers[6].agrees);
  CHECK_THAT(other.str(), ContainsSubstring("The first layer that differs is 0.1 (BatchNorm2d): by 2.50e-01"));
  CHECK(debug::compare_activations(net, dump, {.atol = 10}).first_difference() == nullptr);
}

TEST_CASE("a weight that differs shows at its layer") {
  auto net = small_net();
  auto dump = debug::record_activations(net, randn({2, 3, 5, 5}));
  for (auto& [path, t] : dump) t = t.clone();
  dynamic_cast<nn::Linear&>(net[3]).bias.detach().fill_(3);
  CHECK(debug::compare_activations(net, dump).first_difference()->path == "3");
}

TEST_CASE("shapes, numbers that are not finite, and names that differ") {
  auto net = small_net();
  auto dump = debug::record_activations(net, randn({2, 3, 5, 5}));
  named(dump, "0.0") = zeros({2, 4, 5, 5});
  const auto shapes = debug::compare_activations(net, dump);
  CHECK(shapes.first_difference()->path == "0.0");
  CHECK_THAT(shapes.str(), ContainsSubstring("its output is [2, 4, 3, 3], theirs is [2, 4, 5, 5]"));

  dump = debug::record_activations(net, randn({2, 3, 5, 5}));
  Tensor& relu = named(dump, "0.2");
  relu = full(relu.shape(), std::numeric_limits<double>::quiet_NaN());
  CHECK(debug::compare_activations(net, dump).first_difference()->path == "0.2");

  named(dump, "0.2") = named(dump, "0.3");
  dump.erase(dump.begin() + 1);
  dump.emplace_back("head", ones({1}));
  const auto names = debug::compare_activations(net, dump);
  CHECK(names.only_ours == std::vector<std::string>{"0.0"});
  CHECK(names.only_theirs == std::vector<std::string>{"head"});
  CHECK(names.first_difference() == nullptr);
  CHECK_THROWS_WITH(debug::compare_activations(net, {{"0.0", ones({1})}}), ContainsSubstring("a tensor called 'input'"));
  CHECK_THROWS_WITH(debug::compare_activations(net, {{"input", randn({2, 3, 5, 5})}, {"conv", ones({1})}}),
                    ContainsSubstring("got conv"));
}

// A dump of a hundred bytes could ask for terabytes: a trillion images of no rows, each of which a pooling layer gives a pixel.
TEST_CASE("an input without elements is no input") {
  nn::Sequential net(nn::AdaptiveAvgPool2d({.output_size = 1}));
  REQUIRE_THROWS_AS(debug::compare_activations(net, {{"input", zeros({std::int64_t{1} << 40, 1, 0, 4})}}), Error);
}

// Module: names, modes, moving, hooks, state dictionaries, and errors that say which layer.
#include "heddle/nn/module.hpp"

#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

nn::Sequential small_net() {
  return nn::Sequential(nn::Conv2d({.in_channels = 3, .out_channels = 4, .kernel_size = 3, .padding = 1, .bias = false}),
                        nn::BatchNorm2d({.num_features = 4}), nn::ReLU(), nn::AdaptiveAvgPool2d(), nn::Flatten(),
                        nn::Linear({.in_features = 4, .out_features = 2}));
}

std::vector<std::string> names_of(const nn::NamedTensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, t] : tensors) names.push_back(name);
  return names;
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// As a user writes one: members, forward and their names.
struct TwoHeads : nn::Module {
  nn::Linear first{{.in_features = 3, .out_features = 2}};
  nn::Linear second{{.in_features = 3, .out_features = 2, .bias = false}};
  Tensor forward(const Tensor& x) override { return first(x) + second(x); }
  void members(nn::Members& m) override { m.module("first", first).module("second", second); }
};

}  // namespace

TEST_CASE("parameters and buffers have PyTorch's names") {
  auto net = small_net();
  CHECK(names_of(net.named_parameters()) == std::vector<std::string>{"0.weight", "1.weight", "1.bias", "5.weight", "5.bias"});
  CHECK(names_of(net.named_buffers()) == std::vector<std::string>{"1.running_mean", "1.running_var", "1.num_batches_tracked"});
  CHECK(net.num_parameters() == 3 * 4 * 9 + 8 + 10);
  TwoHeads heads;
  CHECK(names_of(heads.named_parameters()) == std::vector<std::string>{"first.weight", "first.bias", "second.weight"});
  CHECK(heads(ones({5, 3})).shape() == Shape{5, 2});
}

TEST_CASE("train and eval reach every part") {
  auto net = small_net();
  net.eval();
  for (const auto& [path, m] : net.named_modules()) CHECK_FALSE(m->training());
  net.train();
  for (const auto& [path, m] : net.named_modules()) CHECK(m->training());
}

TEST_CASE("batch norm tracks statistics in training only") {
  auto net = small_net();
  const Tensor x = randn({8, 3, 6, 6});
  net.eval();
  net(x);
  CHECK(net.state_dict()[3].second.to_vector<float>() == std::vector<float>(4, 0.0f));
  net.train();
  net(x);
  net(x);
  CHECK(net.state_dict()[5].first == "1.num_batches_tracked");
  CHECK(net.state_dict()[5].second.item<int>() == 2);
}

TEST_CASE("an error names the layer it came from") {
  auto net = small_net();
  const auto text = message_of([&] { net(ones({2, 4, 6, 6})); });
  CHECK(text.rfind("[0] [conv2d] expected", 0) == 0);
  nn::Sequential outer(small_net(), nn::Linear({.in_features = 3, .out_features = 1}));
  CHECK(message_of([&] { outer(ones({2, 3, 6, 6})); }).rfind("[1] [linear] expected", 0) == 0);
  CHECK(message_of([&] { outer(ones({2, 1, 6, 6})); }).rfind("[0.0] [conv2d] expected", 0) == 0);
}

TEST_CASE("state dictionaries travel, and strict loading lists what differs and changes nothing") {
  manual_seed(1);
  auto a = small_net(), b = small_net();
  const Tensor x = randn({4, 3, 6, 6});
  a.train();
  a(x);
  a.eval();
  b.eval();
  CHECK(a(x).to_vector<float>() != b(x).to_vector<float>());
  b.load_state_dict(a.state_dict());
  CHECK(a(x).to_vector<float>() == b(x).to_vector<float>());

  auto state = a.state_dict();
  state[0].first = "stem.weight";
  state[1].second = ones({5});
  const auto before = b(x).to_vector<float>();
  const auto text = message_of([&] { b.load_state_dict(state); });
  CHECK(text.find("missing: 0.weight") != std::string::npos);
  CHECK(text.find("unexpected: stem.weight") != std::string::npos);
  CHECK(text.find("1.weight: expected float32 [4], got float32 [5]") != std::string::npos);
  CHECK(b(x).to_vector<float>() == before);
  const auto report = b.load_state_dict(state, false);
  CHECK(report.missing == std::vector<std::string>{"0.weight"});
  CHECK(report.unexpected == std::vector<std::string>{"stem.weight"});
}

TEST_CASE("strict loading refuses other element types and names that are there twice, and changes nothing") {
  manual_seed(1);
  auto net = small_net();
  const auto before = net.state_dict()[0].second.to_vector<float>();
  auto state = net.state_dict();
  for (auto& [name, t] : state) t = t.clone();
  state[0].second = full(state[0].second.shape(), 2, {.dtype = float64});
  CHECK(message_of([&] { net.load_state_dict(state); }).find("0.weight: expected float32 [4, 3, 3, 3], got float64") !=
        std::string::npos);
  CHECK(net.state_dict()[0].second.to_vector<float>() == before);
  // Where the caller asks for what fits, another precision does, and an integer does not.
  CHECK(net.load_state_dict(state, false).ok());
  CHECK(net.state_dict()[0].second.to_vector<float>()[0] == 2);
  state[0].second = zeros(state[0].second.shape(), {.dtype = int64});
  CHECK(net.load_state_dict(state, false).mismatched.size() == 1);

  auto twice = net.state_dict();
  twice.push_back(twice[1]);
  CHECK(message_of([&] { net.load_state_dict(twice); }).find("each name once, got 1.weight again") != std::string::npos);
  CHECK(message_of([&] { net.load_state_dict(twice, false); }).find("again") != std::string::npos);
  twice.back() = {"more", Tensor()};
  CHECK(message_of([&] { net.load_state_dict(twice); }).find("undefined one for more") != std::string::npos);
}

TEST_CASE("to another type and back: leaves stay leaves that require gradients") {
  auto net = small_net();
  net.to(float64);
  for (const auto& t : net.parameters()) {
    CHECK(t.dtype() == float64);
    CHECK(t.requires_grad());
    CHECK(t.is_leaf());
  }
  const Tensor y = net(randn({2, 3, 6, 6}, {.dtype = float64}));
  sum(y).backward();
  for (const auto& t : net.parameters()) CHECK(t.grad().dtype() == float64);
  net.zero_grad();
  for (const auto& t : net.parameters()) CHECK_FALSE(t.grad().defined());
}

TEST_CASE("forward hooks see input and output until they are removed") {
  auto net = small_net();
  int calls = 0;
  auto remove = net[2].register_forward_hook([&](nn::Module& m, const Tensor& in, const Tensor& out) {
    ++calls;
    CHECK(m.path() == "2");
    CHECK(in.shape() == Shape{2, 4, 6, 6});
    CHECK(out.shape() == in.shape());
  });
  net(ones({2, 3, 6, 6}));
  remove();
  net(ones({2, 3, 6, 6}));
  CHECK(calls == 1);
}

TEST_CASE("apply visits parts before the whole") {
  auto net = small_net();
  std::vector<std::string> order;
  net.apply([&](nn::Module& m) { order.push_back(m.describe().substr(0, m.describe().find('('))); });
  CHECK(order.front() == "Conv2d");
  CHECK(order.back() == "Sequential");
  CHECK(order.size() == 7);
}

TEST_CASE("layers refuse options that make no sense") {
  CHECK_THROWS_AS(nn::Conv2d({.in_channels = 0, .out_channels = 4}), Error);
  CHECK_THROWS_AS(nn::Conv2d({.in_channels = 4, .out_channels = 6, .groups = 4}), Error);
  CHECK_THROWS_AS(nn::Conv2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3, .stride = 0}), Error);
  CHECK_THROWS_AS(nn::GroupNorm({.num_groups = 3, .num_channels = 4}), Error);
  CHECK_THROWS_AS(nn::Dropout({.p = 1.5}), Error);
  CHECK_THROWS_AS(nn::Linear({.in_features = 3, .out_features = 0}), Error);
}

TEST_CASE("printing shows the tree") {
  auto net = small_net();
  const auto text = nn::to_string(net);
  CHECK(text.find("(0): Conv2d(3, 4, kernel_size=3, padding=1, bias=False)") != std::string::npos);
  CHECK(text.find("(5): Linear(in_features=4, out_features=2, bias=True)") != std::string::npos);
}

// Parameters are objects: moving, converting and loading a network changes what they hold, and what has several names is one.
#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

// Two layers that share a weight, as an encoder and a decoder do, and a part that is there under two names.
struct Tied : nn::Module {
  nn::Linear first{{.in_features = 3, .out_features = 3}};
  nn::Linear second{{.in_features = 3, .out_features = 3, .bias = false}};
  std::shared_ptr<nn::Linear> twice = std::make_shared<nn::Linear>(nn::LinearOptions{.in_features = 3, .out_features = 3});
  Tied() { second.weight = first.weight; }
  Tensor forward(const Tensor& x) override { return (*twice)(second(first((*twice)(x)))); }
  void members(nn::Members& m) override {
    m.module("first", first).module("second", second).module("a", *twice).module("b", *twice);
  }
};

// A part that names the module it lies in.
struct Child : nn::Module {
  nn::Module* parent = nullptr;
  nn::Linear layer{{.in_features = 2, .out_features = 2}};
  Tensor forward(const Tensor& x) override { return layer(x); }
  void members(nn::Members& m) override {
    m.module("layer", layer);
    if (parent) m.module("parent", *parent);
  }
};
struct Parent : nn::Module {
  Child child;
  Parent() { child.parent = this; }
  Tensor forward(const Tensor& x) override { return child(x); }
  void members(nn::Members& m) override { m.module("child", child); }
};

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

}  // namespace

// The optimizer used to hold the leaves that to() had replaced: the weights never moved again, without a word.
TEST_CASE("an optimizer made before to() trains the network after it", "[identity]") {
  manual_seed(1);
  const auto check_trains = [](auto make, auto convert, DType dtype) {
    nn::Sequential net{nn::Linear({.in_features = 3, .out_features = 2}), nn::BatchNorm2d({.num_features = 2})};
    nn::Module& layer = net[0];
    auto optimizer = make(layer.parameters());
    const auto step = [&] {
      optimizer->zero_grad();
      sum(layer(ones({4, 3}, {.dtype = layer.parameters()[0].dtype()}))).backward();
      optimizer->step();
    };
    step();  // the optimizer has state
    const auto before = layer.parameters()[0].to(float64).to_vector<double>();
    convert(net);
    CHECK(layer.parameters()[0].impl() == optimizer->parameters()[0].impl());
    step();
    const Tensor after = layer.parameters()[0];
    CHECK(after.dtype() == dtype);
    CHECK(after.to(float64).to_vector<double>() != before);
    for (const auto& [name, t] : optimizer->state_dict().tensors) CHECK(t.dtype() == dtype);
    const auto state = optimizer->state_dict();
    CHECK_NOTHROW(optimizer->load_state_dict(state));
  };
  const auto sgd = [](const std::vector<Tensor>& p) { return std::make_unique<optim::SGD>(p, optim::SGDOptions{.lr = 0.1, .momentum = 0.9}); };
  const auto adam = [](const std::vector<Tensor>& p) { return std::make_unique<optim::AdamW>(p, optim::AdamWOptions{.lr = 0.1}); };
  check_trains(sgd, [](nn::Module& m) { m.to(cpu); }, float32);
  check_trains(sgd, [](nn::Module& m) { m.to(float64); }, float64);
  check_trains(adam, [](nn::Module& m) { m.to(float64); }, float64);
  check_trains(adam, [](nn::Module& m) { m.to(float64), m.to(float32); }, float32);
}

TEST_CASE("an optimizer's state follows its parameters to another type with its values", "[identity]") {
  nn::Linear net({.in_features = 2, .out_features = 1, .bias = false});
  optim::SGD moved(net.parameters(), {.lr = 0.5, .momentum = 0.5});
  const auto gradient = [&](double value) { net.weight.set_grad(full({1, 2}, value, net.weight.options())); };
  net.weight.detach().fill_(8);
  gradient(2);
  moved.step();  // b = 2, p = 7
  net.to(float64);
  gradient(2);
  moved.step();  // b = 3, p = 5.5
  CHECK(net.weight.to_vector<double>() == std::vector<double>{5.5, 5.5});
}

TEST_CASE("to() keeps gradients, hooks, ties, freezing and the handles of what is there already", "[identity]") {
  Tied net;
  net.first.bias.requires_grad_(false);
  int hooked = 0;
  net.first.weight.register_hook([&](const Tensor& g) {
    ++hooked;
    CHECK(g.dtype() == float64);
    return Tensor();
  });
  net.first.weight.set_grad(full({3, 3}, 2));
  const Tensor handle = net.first.weight, gradient = net.first.weight.grad();
  const void* before = handle.raw_data();
  net.to(cpu);
  net.to(float32);
  CHECK(handle.raw_data() == before);
  net.to(float64);
  CHECK(handle.dtype() == float64);
  CHECK(gradient.dtype() == float64);
  CHECK(net.first.weight.impl() == handle.impl());
  CHECK(net.second.weight.impl() == handle.impl());
  CHECK(handle.requires_grad());
  CHECK(handle.is_leaf());
  CHECK_FALSE(net.first.bias.requires_grad());
  CHECK(handle.grad().to_vector<double>() == std::vector<double>(9, 2.0));
  sum(net(ones({1, 3}, {.dtype = float64}))).backward();
  CHECK(hooked == 1);
}

TEST_CASE("a graph recorded before to() gives the right gradient, in the new type", "[identity]") {
  nn::Linear net({.in_features = 2, .out_features = 1, .bias = false});
  net.weight.detach().fill_(3);
  const Tensor x = tensor(std::vector<float>{1, 2}, Shape{1, 2});
  const Tensor early = sum(square(net(x)));  // 2 * 9 x
  net.to(float64);
  net.weight.detach().fill_(100);
  early.backward();
  CHECK(net.weight.grad().dtype() == float64);
  CHECK(net.weight.grad().to_vector<double>() == std::vector<double>{18, 36});
}

TEST_CASE("to() another type that fails changes nothing", "[identity]") {
  Tied net;
  CHECK_THROWS_AS(net.to(bfloat16), Error);
  CHECK_THROWS_AS(net.to(int64), Error);
  for (const auto& t : net.parameters()) CHECK(t.dtype() == float32);
}

// 40 parameters were counted instead of 24, and SGD refused them.
TEST_CASE("what has two names is one parameter, met once", "[identity]") {
  manual_seed(2);
  Tied net;
  CHECK(names_of(net.named_parameters()) == std::vector<std::string>{"first.weight", "first.bias", "a.weight", "a.bias"});
  CHECK(net.num_parameters() == 9 + 3 + 9 + 3);
  CHECK(names_of(net.state_dict()) == std::vector<std::string>{"first.weight", "first.bias", "second.weight", "a.weight", "a.bias",
                                                               "b.weight", "b.bias"});
  CHECK(net.named_modules().size() == 4);
  CHECK(net.named_children().size() == 3);
  int applied = 0;
  net.apply([&](nn::Module&) { ++applied; });
  CHECK(applied == 4);
  CHECK(nn::summarize(net, {1, 3}).parameters == 24);
  CHECK(nn::to_string(net).find("(b): Linear") != std::string::npos);

  optim::SGD sgd(net.parameters(), {.lr = 0.1});
  const auto before = net.first.weight.to_vector<float>();
  sum(net(ones({1, 3}))).backward();
  sgd.step();
  CHECK(net.first.weight.to_vector<float>() != before);
  CHECK(net.second.weight.to_vector<float>() == net.first.weight.to_vector<float>());
  net.zero_grad();
  CHECK_FALSE(net.second.weight.grad().defined());
  CHECK_THROWS_AS(optim::SGD({net.first.weight, net.second.weight}), Error);
  CHECK_THROWS_AS(sgd.add_param_group({net.second.weight}, {}), Error);
}

TEST_CASE("the gradient of a tied weight is the sum over its uses", "[identity]") {
  nn::Linear a({.in_features = 1, .out_features = 1, .bias = false}), b = a;
  a.weight.detach().fill_(3);
  sum(b(a(full({1, 1}, 2)))).backward();  // w^2 x
  CHECK(a.weight.grad().item() == 12);
  CHECK(b.weight.grad().item() == 12);
}

TEST_CASE("tied weights are loaded by both names, or by one", "[identity]") {
  manual_seed(3);
  Tied a, b;
  const Tensor x = ones({2, 3});
  const auto want = a(x).to_vector<float>();
  b.load_state_dict(a.state_dict());
  CHECK(b(x).to_vector<float>() == want);
  Tied c;
  auto one_name = a.state_dict();
  std::erase_if(one_name, [](const auto& entry) { return entry.first == "first.weight" || entry.first.starts_with("b."); });
  CHECK(c.load_state_dict(one_name).ok());
  CHECK(c(x).to_vector<float>() == want);

  // Two names that say different things cannot both be right.
  auto untied = a.state_dict();
  for (auto& [name, t] : untied) t = t.clone();
  untied[2].second.fill_(7);
  const auto before = b(x).to_vector<float>();
  CHECK(message_of([&] { b.load_state_dict(untied); }).find("second.weight: expected the values of first.weight") !=
        std::string::npos);
  CHECK(b(x).to_vector<float>() == before);
}

TEST_CASE("loading keeps the parameters, and a state that shares their memory is read before it is overwritten", "[identity]") {
  nn::Sequential net{nn::Linear({.in_features = 2, .out_features = 2, .bias = false}),
                     nn::Linear({.in_features = 2, .out_features = 2, .bias = false})};
  const auto parameters = net.parameters();
  parameters[0].detach().fill_(1);
  parameters[1].detach().fill_(2);
  auto swapped = net.state_dict();
  std::swap(swapped[0].second, swapped[1].second);
  net.load_state_dict(swapped);
  CHECK(net.parameters()[0].impl() == parameters[0].impl());
  CHECK(parameters[0].to_vector<float>() == std::vector<float>(4, 2.0f));
  CHECK(parameters[1].to_vector<float>() == std::vector<float>(4, 1.0f));
}

TEST_CASE("a module that lies in itself ends every walk", "[identity]") {
  Parent net;
  CHECK(net.num_parameters() == 6);
  CHECK(net.state_dict().size() == 2);
  CHECK(net.named_modules().size() == 3);
  net.eval();
  net.to(float64);
  net.apply([](nn::Module&) {});
  CHECK(net(ones({1, 2}, {.dtype = float64})).shape() == Shape{1, 2});
  CHECK(nn::to_string(net).find("(parent)") != std::string::npos);
}

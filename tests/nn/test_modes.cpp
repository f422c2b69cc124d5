// Modes that last, hooks that end once, parameters that train because they are named, and parts that were forgotten.
#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

nn::Sequential image_net() {
  return nn::Sequential{nn::Conv2d({.in_channels = 3, .out_channels = 4, .kernel_size = 3}), nn::BatchNorm2d({.num_features = 4}),
                        nn::ReLU(), nn::Dropout({.p = 0.5}), nn::AdaptiveAvgPool2d(), nn::Flatten(),
                        nn::Linear({.in_features = 4, .out_features = 2})};
}

std::vector<bool> modes_of(nn::Module& net) {
  std::vector<bool> modes;
  for (const auto& [path, m] : net.named_modules()) modes.push_back(m->training());
  return modes;
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// A weight of one's own, as a user writes it first.
struct Scale : nn::Module {
  Tensor factor = ones({2});
  Tensor forward(const Tensor& x) override { return x * factor; }
  void members(nn::Members& m) override { m.parameter("factor", factor); }
};

struct Forgetful : nn::Module {
  nn::Linear named{{.in_features = 2, .out_features = 2}};
  nn::Sequential unnamed{nn::Dropout(), nn::Linear({.in_features = 2, .out_features = 2})};
  Tensor weight = randn({2}), frozen = randn({2}), constant = ones({2});
  Forgetful() { frozen.requires_grad_(false); }
  Tensor forward(const Tensor& x) override { return unnamed(named(x)) * weight; }
  void members(nn::Members& m) override { m.module("named", named); }
};

struct Hidden : nn::Module {
  nn::Linear named{{.in_features = 2, .out_features = 2}};
  std::shared_ptr<nn::Module> unnamed = std::make_shared<nn::Linear>(nn::LinearOptions{.in_features = 2, .out_features = 2});
  Tensor forward(const Tensor& x) override { return (*unnamed)(named(x)); }
  void members(nn::Members& m) override { m.module("named", named); }
};

}  // namespace

// net.train(); bn.eval(); and the next evaluation put bn back into training mode.
TEST_CASE("what runs a network in evaluation leaves each module the mode it had", "[modes]") {
  auto net = image_net();
  net[1].eval();
  const auto before = modes_of(net);
  REQUIRE(before == std::vector<bool>{true, true, false, true, true, true, true, true});
  const Tensor x = randn({2, 3, 6, 6});
  nn::summarize(net, {1, 3, 6, 6});
  CHECK(modes_of(net) == before);
  nn::to_onnx(net, {1, 3, 6, 6});
  CHECK(modes_of(net) == before);
  debug::record_activations(net, x);
  CHECK(modes_of(net) == before);
  debug::grad_cam(net, x);
  CHECK(modes_of(net) == before);
  CHECK_THROWS_AS(nn::summarize(net, {1, 5, 6, 6}), Error);
  CHECK(modes_of(net) == before);
  {
    const nn::ModeGuard evaluating(net, false);
    CHECK(modes_of(net) == std::vector<bool>(8, false));
    const nn::ModeGuard training(net, true);
    CHECK(modes_of(net) == std::vector<bool>(8, true));
  }
  CHECK(modes_of(net) == before);
}

// The remover's number was given to the next hook, so that a second call removed another's.
TEST_CASE("a hook's remover removes that hook, once, at any time", "[modes]") {
  int first = 0, second = 0;
  std::function<void()> remove_second, late;
  {
    nn::ReLU relu_layer;
    auto remove_first = relu_layer.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) { ++first; });
    remove_first();
    remove_second = relu_layer.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) { ++second; });
    remove_first();
    relu_layer(ones({1}));
    CHECK(first == 0);
    CHECK(second == 1);
    late = relu_layer.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) {
      ++first;
      late();  // from within itself
    });
    relu_layer(ones({1}));
    relu_layer(ones({1}));
    CHECK(first == 1);
    remove_second();
    CHECK_FALSE(relu_layer.has_hooks());
  }
  remove_second();
  late();  // the module is gone
}

TEST_CASE("a copy begins with the original's hooks, and a hook of the copy's is its own", "[modes]") {
  int both = 0, own = 0;
  nn::ReLU a;
  auto remove = a.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) { ++both; });
  nn::ReLU b = a;
  b.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) { ++own; });
  a(ones({1}));
  CHECK(both == 1);
  CHECK(own == 0);
  b(ones({1}));
  CHECK(both == 2);
  CHECK(own == 1);
  remove();
  b(ones({1}));
  CHECK(both == 2);
}

TEST_CASE("a gradient hook may register another", "[modes]") {
  Tensor w = ones({2});
  w.requires_grad_();
  int calls = 0;
  w.register_hook([&](const Tensor&) {
    for (int i = 0; i < 20; ++i) w.register_hook([&](const Tensor&) { return ++calls, Tensor(); });
    return Tensor();
  });
  sum(w).backward();
  CHECK(calls == 0);
  CHECK(w.grad().to_vector<float>() == std::vector<float>{1, 1});
}

// Without requires_grad_() it used to stay as it was, silently.
TEST_CASE("a named parameter trains, unless it was frozen", "[modes]") {
  Scale net;
  optim::SGD sgd(net.parameters(), {.lr = 1});
  sum(net(ones({2}))).backward();
  sgd.step();
  CHECK(net.factor.to_vector<float>() == std::vector<float>{0, 0});

  Scale without_walk;  // called before anything asked for its parameters
  sum(without_walk(ones({2}))).backward();
  CHECK(without_walk.factor.grad().defined());

  Scale frozen;
  frozen.factor.requires_grad_(false);
  CHECK_FALSE(frozen.parameters()[0].requires_grad());
  frozen.to(float64);
  CHECK_FALSE(frozen.parameters()[0].requires_grad());
  frozen.parameters()[0].requires_grad_();
  CHECK(frozen.factor.requires_grad());
}

TEST_CASE("an audit finds the parts and parameters that members() forgot", "[modes]") {
  Forgetful net;
  const auto text = message_of([&] { nn::audit(net); });
  CHECK(text.find("Sequential (byte") != std::string::npos);
  CHECK(text.find("a float32 [2] tensor (byte") != std::string::npos);
  CHECK(text.find("float32 [2, 2]") == std::string::npos);                // the part accounts for its own weights
  CHECK(text.find("[2] tensor") == text.rfind("[2] tensor"));             // neither the frozen one nor the constant

  // Also below what is audited, where the type is known.
  nn::Sequential outer{Forgetful(), nn::ReLU()};
  CHECK(message_of([&] { nn::audit(outer); }).find("of 0)") != std::string::npos);

  auto whole = image_net();
  CHECK_NOTHROW(nn::audit(whole));
  Scale scale;
  CHECK_NOTHROW(nn::audit(scale));
}

TEST_CASE("a loss shows parts behind pointers that members() forgot", "[modes]") {
  Hidden net;
  CHECK_NOTHROW(nn::audit(net));
  const Tensor loss = sum(net(ones({1, 2})));
  CHECK(message_of([&] { nn::audit(net, loss); }).find("one of shape [2, 2] (read by op 'linear')") != std::string::npos);
  CHECK_NOTHROW(nn::audit(net, loss, net.unnamed->parameters()));  // the optimizer's
  for (Tensor& t : net.unnamed->parameters()) t.requires_grad_(false);
  CHECK_NOTHROW(nn::audit(net, sum(net(ones({1, 2})))));
}

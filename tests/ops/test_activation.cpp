// Activations against their definitions, and dropout's masks.
#include "heddle/core/random.hpp"
#include "heddle/ops/activation.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

struct Function {
  std::string name;
  std::function<Tensor(const Tensor&)> op;
  std::function<double(double)> value;
};

std::vector<Function> functions() {
  const auto phi = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  return {
      {"relu", relu, [](double x) { return x > 0 ? x : 0; }},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x); }, [](double x) { return x > 0 ? x : 0.01 * x; }},
      {"leaky_relu 0.3", [](const Tensor& x) { return leaky_relu(x, 0.3); }, [](double x) { return x > 0 ? x : 0.3 * x; }},
      {"gelu", [](const Tensor& x) { return gelu(x); }, [=](double x) { return x * phi(x); }},
      {"gelu by tanh", [](const Tensor& x) { return gelu(x, GeluApproximation::tanh); },
       [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x))); }},
      {"silu", silu, [=](double x) { return x * logistic(x); }},
      {"sigmoid", sigmoid, logistic},
      {"tanh", [](const Tensor& x) { return tanh(x); }, [](double x) { return std::tanh(x); }}};
}

}  // namespace

TEST_CASE("activations, their values and gradients", "[activation]") {
  for (Device device : test_devices())
    for (const auto& [name, op, value] : functions()) {
      INFO(name);
      for (const Shape& shape : {Shape{}, Shape{1}, Shape{37}, Shape{2, 3, 5, 7}}) {
        const Tensor x = leaf(shape, device, -6, 6);
        std::vector<double> want;
        for (double v : x.to_vector<double>()) want.push_back(value(v));
        require_close(op(x), want, 1e-11);
        require_close(op(x.detach().to(float32)), want, 2e-6);
        require_gradients([op = op](const auto& in) { return op(in[0]); }, {x});
      }
      const Tensor x = leaf({4, 5}, device);
      require_same_bits(op(x.transpose(0, 1)), op(x.transpose(0, 1).clone()));
      require_gradients([op = op](const auto& in) { return op(in[0].transpose(0, 1)); }, {x});
      REQUIRE(op(zeros({0, 3})).shape() == Shape{0, 3});
    }
}

TEST_CASE("activations at their limits", "[activation]") {
  for (Device device : test_devices()) {
    const Tensor x = tensor(std::vector<double>{-1e4, -100, 0, 100, 1e4}, {}, device);
    require_close(sigmoid(x), std::vector<double>{0, 0, 0.5, 1, 1});
    require_close(tanh(x), std::vector<double>{-1, -1, 0, 1, 1});
    require_close(silu(x), std::vector<double>{0, 0, 0, 100, 1e4});
    require_close(gelu(x), std::vector<double>{0, 0, 0, 100, 1e4});
    const Tensor zero = zeros({1}, {.dtype = float64, .device = device}).requires_grad_();
    relu(zero).backward();
    REQUIRE(zero.grad().item() == 0);
  }
}

TEST_CASE("dropout keeps what it keeps at 1 / (1 - p), as often as it should", "[dropout]") {
  for (Device device : test_devices())
    for (DType type : {float32, float64})
      for (double p : {0.05, 0.5, 0.9}) {
        manual_seed(1);
        const Tensor x = full({40000}, 3, {type, device});
        const auto y = dropout(x, p).to(float64).to_vector<double>();
        double kept = 0;
        for (double v : y) {
          if (v != 0) REQUIRE(v == Approx(3 / (1 - p)).epsilon(1e-6));
          kept += v != 0;
        }
        REQUIRE(std::abs(kept / 40000 - (1 - p)) < 4 * std::sqrt(p * (1 - p) / 40000));
      }
}

TEST_CASE("dropout's gradient has the mask of its output", "[dropout]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({3, 4, 5, 6}, device);
    for (bool planes : {false, true})
      require_gradients(
          [&](const auto& in) {
            manual_seed(9);
            return planes ? dropout2d(in[0], 0.4) : dropout(in[0], 0.4);
          },
          {x});
  }
}

TEST_CASE("dropout2d drops planes", "[dropout]") {
  for (Device device : test_devices()) {
    manual_seed(2);
    const auto y = dropout2d(ones({20, 30, 3, 4}, {.device = device}), 0.3).to_vector<float>();
    int dropped = 0;
    for (std::size_t plane = 0; plane < 600; ++plane) {
      for (std::size_t i = 1; i < 12; ++i) REQUIRE(y[plane * 12 + i] == y[plane * 12]);
      dropped += y[plane * 12] == 0;
    }
    REQUIRE(dropped > 130);
    REQUIRE(dropped < 230);
  }
}

TEST_CASE("dropout draws new numbers each time, the same ones from the same seed, and none in evaluation", "[dropout]") {
  const Tensor x = ones({1000});
  manual_seed(3);
  const auto first = dropout(x).to_vector<float>(), second = dropout(x).to_vector<float>();
  REQUIRE(first != second);
  manual_seed(3);
  require_same_bits(dropout(x, 0.5, false), x);
  require_same_bits(dropout(x, 0), x);
  REQUIRE(dropout(x).to_vector<float>() == first);
  REQUIRE(dropout(x).to_vector<float>() == second);
  const Tensor l = leaf({5});
  const Tensor nothing = dropout(l, 1);
  require_close(nothing, std::vector<double>(5, 0.0));
  sum(nothing).backward();
  require_close(l.grad(), std::vector<double>(5, 0.0));
}

TEST_CASE("activations and dropout give the same bits on any number of threads", "[activation]") {
  const Tensor x = made({70001}, cpu, -6, 6).to(float32);
  same_on_any_threads([&] {
    manual_seed(4);
    std::vector<float> all;
    for (const auto& f : functions()) {
      const Tensor xl = x.detach().requires_grad_();
      const Tensor y = dropout(f.op(xl), 0.2);
      sum(y * y).backward();
      for (const Tensor& t : {y, xl.grad()})
        for (float v : t.to_vector<float>()) all.push_back(v);
    }
    return all;
  });
}

TEST_CASE("activations and dropout say what they expected", "[activation]") {
  require_error([] { relu(zeros({3}, {.dtype = int64})); }, "[relu] expected float32 or float64, got int64");
  require_error([] { leaky_relu(zeros({3}), -0.1); }, "[leaky_relu] expected a slope of 0 or more, got -0.1");
  require_error([] { dropout(zeros({3}), 1.5); }, "[dropout] expected a probability in [0, 1], got 1.5");
  require_error([] { dropout2d(zeros({3})); }, "[dropout2d] expected an input [n, c, ...], got [3]");
  const Tensor x = leaf({3});
  const Tensor y = sigmoid(x), total = sum(y);
  y.detach().zero_();
  require_error(
      [&] { total.backward(); },
      "[sigmoid] expected the tensor of shape [3] that backward needs as it was, got one written in place since forward");
}

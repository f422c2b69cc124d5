// Arithmetic, comparisons and functions element by element: values, broadcasting, gradients, integers and errors.
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

struct BinaryOp {
  std::string name;
  std::function<Tensor(const Tensor&, const Tensor&)> op;
  std::function<double(double, double)> value;
};

// Operands are positive, so that every power has a value.
std::vector<BinaryOp> binary_ops() {
  using A = const Tensor&;
  return {{"add", [](A a, A b) { return a + b; }, [](double a, double b) { return a + b; }},
          {"sub", [](A a, A b) { return a - b; }, [](double a, double b) { return a - b; }},
          {"mul", [](A a, A b) { return a * b; }, [](double a, double b) { return a * b; }},
          {"div", [](A a, A b) { return a / b; }, [](double a, double b) { return a / b; }},
          {"pow", [](A a, A b) { return pow(a, b); }, [](double a, double b) { return std::pow(a, b); }},
          {"maximum", [](A a, A b) { return maximum(a, b); }, [](double a, double b) { return std::max(a, b); }},
          {"minimum", [](A a, A b) { return minimum(a, b); }, [](double a, double b) { return std::min(a, b); }}};
}

// Element by element over the shape that both take together.
std::vector<double> broadcast(const Tensor& a, const Tensor& b, const Shape& shape,
                              const std::function<double(double, double)>& f) {
  const auto left = a.expand(shape).to_vector<double>(), right = b.expand(shape).to_vector<double>();
  std::vector<double> y;
  for (std::size_t i = 0; i < left.size(); ++i) y.push_back(f(left[i], right[i]));
  return y;
}

}  // namespace

TEST_CASE("arithmetic of two tensors that broadcast", "[elementwise]") {
  const std::vector<std::array<Shape, 3>> shapes{{Shape{}, Shape{}, Shape{}},
                                                 {Shape{5}, Shape{5}, Shape{5}},
                                                 {Shape{2, 3}, Shape{}, Shape{2, 3}},
                                                 {Shape{1}, Shape{4, 3}, Shape{4, 3}},
                                                 {Shape{2, 3, 4}, Shape{4}, Shape{2, 3, 4}},
                                                 {Shape{3, 1}, Shape{1, 4}, Shape{3, 4}},
                                                 {Shape{2, 1, 3, 1}, Shape{5, 1, 4}, Shape{2, 5, 3, 4}},
                                                 {Shape{1, 3, 1, 1}, Shape{2, 3, 2, 2}, Shape{2, 3, 2, 2}},
                                                 {Shape{1, 1}, Shape{1}, Shape{1, 1}}};
  for (Device device : test_devices())
    for (const auto& [name, op, value] : binary_ops())
      for (const auto& [a_shape, b_shape, shape] : shapes) {
        INFO(a_shape.str() << " " << name << " " << b_shape.str());
        const Tensor a = leaf(a_shape, device, 0.5, 2), b = leaf(b_shape, device, 0.55, 2.1, 2);
        REQUIRE(op(a, b).shape() == shape);
        require_close(op(a, b), broadcast(a, b, shape, value));
        require_close(op(a.detach().to(float32), b.detach().to(float32)), broadcast(a, b, shape, value), 1e-6);
        require_gradients([op = op](const auto& in) { return op(in[0], in[1]); }, {a, b});
        require_gradients([op = op, b = b.detach()](const auto& in) { return op(in[0], b); }, {a});
        require_gradients([op = op, a = a.detach()](const auto& in) { return op(a, in[0]); }, {b});
      }
}

TEST_CASE("arithmetic takes views of any layout", "[elementwise]") {
  for (Device device : test_devices())
    for (const auto& [name, op, value] : binary_ops()) {
      INFO(name);
      const Tensor a = leaf({4, 3, 5}, device, 0.5, 2), b = leaf({6, 4}, device, 0.55, 2.1, 2);
      const auto f = [op = op](const auto& in) { return op(in[0].permute({2, 1, 0}), in[1].slice(0, 1, 6, 2)); };
      require_close(f(std::vector{a, b}), op(a.permute({2, 1, 0}).clone(), b.slice(0, 1, 6, 2).clone()));
      require_gradients(f, {a, b});
    }
}

TEST_CASE("a tensor with itself", "[elementwise]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({2, 3}, device, 0.5, 2);
    require_gradients([](const auto& in) { return in[0] * in[0] + in[0] / in[0] - in[0]; }, {x});
  }
}

TEST_CASE("arithmetic with numbers", "[elementwise]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({3, 5}, device, 0.5, 2);
    const std::vector<std::pair<std::function<Tensor(const Tensor&)>, std::function<double(double)>>> cases{
        {[](const Tensor& t) { return t + 2.5; }, [](double v) { return v + 2.5; }},
        {[](const Tensor& t) { return 2.5 + t; }, [](double v) { return v + 2.5; }},
        {[](const Tensor& t) { return t - 2.5; }, [](double v) { return v - 2.5; }},
        {[](const Tensor& t) { return 2.5 - t; }, [](double v) { return 2.5 - v; }},
        {[](const Tensor& t) { return t * 3; }, [](double v) { return v * 3; }},
        {[](const Tensor& t) { return -3 * t; }, [](double v) { return v * -3; }},
        {[](const Tensor& t) { return t / 3; }, [](double v) { return v / 3; }},
        {[](const Tensor& t) { return 3 / t; }, [](double v) { return 3 / v; }},
        {[](const Tensor& t) { return pow(t, 0); }, [](double) { return 1; }},
        {[](const Tensor& t) { return pow(t, 1); }, [](double v) { return v; }},
        {[](const Tensor& t) { return pow(t, 2); }, [](double v) { return v * v; }},
        {[](const Tensor& t) { return pow(t, 2.7); }, [](double v) { return std::pow(v, 2.7); }},
        {[](const Tensor& t) { return pow(t, -1.5); }, [](double v) { return std::pow(v, -1.5); }},
        {[](const Tensor& t) { return clamp(t, 0.8, 1.4); }, [](double v) { return std::clamp(v, 0.8, 1.4); }}};
    for (const auto& [op, value] : cases) {
      std::vector<double> want;
      for (double v : x.to_vector<double>()) want.push_back(value(v));
      require_close(op(x), want);
      require_gradients([op = op](const auto& in) { return op(in[0]); }, {x});
      require_gradients([op = op](const auto& in) { return op(in[0].transpose(0, 1)); }, {x});
    }
    // A true division: 1/3 times 3 would be one bit off for some.
    const Tensor third = full({1}, 5, {.dtype = float32, .device = device}) / 3;
    REQUIRE(third.to_vector<float>()[0] == 5.0f / 3.0f);
  }
}

TEST_CASE("functions of one tensor", "[elementwise]") {
  const std::vector<std::pair<std::function<Tensor(const Tensor&)>, std::function<double(double)>>> positive{
      {[](const Tensor& t) { return log(t); }, [](double v) { return std::log(v); }},
      {[](const Tensor& t) { return sqrt(t); }, [](double v) { return std::sqrt(v); }},
      {[](const Tensor& t) { return rsqrt(t); }, [](double v) { return 1 / std::sqrt(v); }},
      {[](const Tensor& t) { return reciprocal(t); }, [](double v) { return 1 / v; }}};
  const std::vector<std::pair<std::function<Tensor(const Tensor&)>, std::function<double(double)>>> any{
      {[](const Tensor& t) { return -t; }, [](double v) { return -v; }},
      {[](const Tensor& t) { return exp(t); }, [](double v) { return std::exp(v); }},
      {[](const Tensor& t) { return abs(t); }, [](double v) { return std::abs(v); }},
      {[](const Tensor& t) { return sign(t); }, [](double v) { return v < 0 ? -1 : 1; }},
      {[](const Tensor& t) { return square(t); }, [](double v) { return v * v; }},
      {[](const Tensor& t) { return sin(t); }, [](double v) { return std::sin(v); }},
      {[](const Tensor& t) { return cos(t); }, [](double v) { return std::cos(v); }}};
  const auto check = [](const auto& functions, double low, double high) {
    for (Device device : test_devices())
      for (const auto& [op, value] : functions)
        for (const Shape& shape : {Shape{}, Shape{4, 9}}) {
          const Tensor x = leaf(shape, device, low, high);
          std::vector<double> want;
          for (double v : x.to_vector<double>()) want.push_back(value(v));
          require_close(op(x), want);
          require_close(op(x.detach().to(float32)), want, 2e-6);
          require_gradients([op = op](const auto& in) { return op(in[0]); }, {x});
          if (shape.rank() == 2) require_gradients([op = op](const auto& in) { return op(in[0].transpose(0, 1)); }, {x});
        }
  };
  check(positive, 0.3, 3);
  check(any, -3, 2.9);
}

TEST_CASE("gradients where functions have corners", "[elementwise]") {
  for (Device device : test_devices()) {
    const auto at = [&](std::vector<double> values) { return tensor(values, {}, device).requires_grad_(); };
    const auto gradient = [](const Tensor& x, const Tensor& y) {
      sum(y).backward();
      return x.grad().to_vector<double>();
    };
    {
      const Tensor a = at({1, 2, 3}), b = at({2, 2, 2});
      const Tensor y = maximum(a, b);
      REQUIRE(gradient(a, y) == std::vector<double>{0, 0.5, 1});
      REQUIRE(b.grad().to_vector<double>() == std::vector<double>{1, 0.5, 0});
    }
    {
      const Tensor a = at({1, 2, 3}), b = at({2, 2, 2});
      const Tensor y = minimum(a, b);
      REQUIRE(gradient(a, y) == std::vector<double>{1, 0.5, 0});
      REQUIRE(b.grad().to_vector<double>() == std::vector<double>{0, 0.5, 1});
    }
    const Tensor x = at({-1, 0, 2});
    REQUIRE(gradient(x, abs(x)) == std::vector<double>{-1, 0, 1});
    const Tensor c = at({-1, 0, 0.5, 1, 2});
    REQUIRE(gradient(c, clamp(c, 0, 1)) == std::vector<double>{0, 1, 1, 1, 0});
    // Powers at 0: 0 to the 0 is 1, with gradient 0; to the 1, 2 and 3 the gradients are 1, 0 and 0.
    const Tensor base = at({0, 0, 0, 0}), exponent = at({0, 1, 2, 3});
    const Tensor y = pow(base, exponent);
    REQUIRE(y.to_vector<double>() == std::vector<double>{1, 0, 0, 0});
    REQUIRE(gradient(base, y) == std::vector<double>{0, 1, 0, 0});
    REQUIRE(exponent.grad().to_vector<double>() == std::vector<double>{0, 0, 0, 0});
    const Tensor zero = at({0});
    REQUIRE(gradient(zero, pow(zero, 1)) == std::vector<double>{1});
  }
}

TEST_CASE("comparisons give 1 or 0 in their operands' type", "[elementwise]") {
  for (Device device : test_devices())
    for (DType type : {float32, float64, int64}) {
      const Tensor a = tensor(std::vector<double>{1, 2, 3}, {}, device).to(type),
                   b = tensor(std::vector<double>{2, 2, 2}, {}, device).to(type);
      const auto values = [&](const Tensor& t) {
        REQUIRE(t.dtype() == type);
        return t.to(float64).to_vector<double>();
      };
      using V = std::vector<double>;
      REQUIRE(values(eq(a, b)) == V{0, 1, 0});
      REQUIRE(values(ne(a, b)) == V{1, 0, 1});
      REQUIRE(values(lt(a, b)) == V{1, 0, 0});
      REQUIRE(values(le(a, b)) == V{1, 1, 0});
      REQUIRE(values(gt(a, b)) == V{0, 0, 1});
      REQUIRE(values(ge(a, b)) == V{0, 1, 1});
      REQUIRE(values(eq(a, 2)) == V{0, 1, 0});
      REQUIRE(values(ne(a, 2)) == V{1, 0, 1});
      REQUIRE(values(lt(a, 2)) == V{1, 0, 0});
      REQUIRE(values(le(a, 2)) == V{1, 1, 0});
      REQUIRE(values(gt(a, 2)) == V{0, 0, 1});
      REQUIRE(values(ge(a, 2)) == V{0, 1, 1});
      REQUIRE(values(eq(a.reshape({3, 1}), a)) == V{1, 0, 0, 0, 1, 0, 0, 0, 1});
    }
  REQUIRE_FALSE(gt(leaf({3}), 0).requires_grad());
}

TEST_CASE("whole numbers", "[elementwise]") {
  for (Device device : test_devices()) {
    const Tensor a = tensor(std::vector<std::int64_t>{1, -2, 1ll << 40}, {}, device),
                 b = tensor(std::vector<std::int64_t>{3, 4, 1}, {}, device);
    using V = std::vector<std::int64_t>;
    REQUIRE((a + b).to_vector<std::int64_t>() == V{4, 2, (1ll << 40) + 1});
    REQUIRE((a - b).to_vector<std::int64_t>() == V{-2, -6, (1ll << 40) - 1});
    REQUIRE((a * b).to_vector<std::int64_t>() == V{3, -8, 1ll << 40});
    REQUIRE((a * 2 + 1).to_vector<std::int64_t>() == V{3, -3, (1ll << 41) + 1});
    REQUIRE((-a).to_vector<std::int64_t>() == V{-1, 2, -(1ll << 40)});
    REQUIRE(abs(a).to_vector<std::int64_t>() == V{1, 2, 1ll << 40});
    REQUIRE(maximum(a, b).to_vector<std::int64_t>() == V{3, 4, 1ll << 40});
    require_error([&] { a + 0.5; }, "[add] expected a whole number beside a tensor of int64, got 0.5");
    require_error([&] { a / b; }, "[div] expected float32 or float64, got int64");
    require_error([&] { sqrt(a); }, "[sqrt] expected float32 or float64, got int64");
  }
}

TEST_CASE("arithmetic over no elements gives none", "[elementwise]") {
  REQUIRE((zeros({0, 3}) + zeros({3})).shape() == Shape{0, 3});
  REQUIRE(exp(zeros({0})).shape() == Shape{0});
  REQUIRE((zeros({0}) * 2.0).shape() == Shape{0});
}

TEST_CASE("arithmetic gives the same bits on any number of threads", "[elementwise]") {
  const Tensor a = made({300, 301}, cpu, 0.5, 2).to(float32), b = made({301}, cpu, 0.5, 2, 2).to(float32);
  same_on_any_threads([&] {
    std::vector<float> all;
    for (const auto& [name, op, value] : binary_ops()) {
      const Tensor al = a.detach().requires_grad_(), bl = b.detach().requires_grad_();
      const Tensor y = op(al, bl);
      sum(y * y).backward();
      for (const Tensor& t : {y, al.grad(), bl.grad()})
        for (float v : t.to_vector<float>()) all.push_back(v);
    }
    return all;
  });
}

TEST_CASE("arithmetic says what it expected", "[elementwise]") {
  require_error([] { zeros({2, 3}) + zeros({4}); }, "[add] expected shapes that broadcast, got [2, 3] and [4]");
  require_error([] { zeros({3}) * zeros({3}, {.dtype = float64}); },
                "[mul] expected a right operand of float32 on cpu, got float64 on cpu");
  require_error([] { zeros({3}, {.dtype = uint8}) + zeros({3}, {.dtype = uint8}); },
                "[add] expected float32, float64 or int64, got uint8");
  require_error([] { clamp(zeros({3}), 1, 0); }, "[clamp] expected bounds in order, got [1, 0]");
  const Tensor a = leaf({3}), b = leaf({3}, cpu, 1, 2, 2);
  const Tensor hidden = a + b, y = sum(hidden * b);
  hidden.detach().fill_(1);
  require_error([&] { y.backward(); },
                "[mul] expected the tensor of shape [3] that backward needs as it was, got one written in place since forward");
}

// matmul and linear: every combination of ranks, gradients, layouts and errors.
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/linear.hpp"
#include "heddle/ops/matmul.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

// a [m, k] times b [k, n] by the definition.
std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, std::size_t m, std::size_t k,
                            std::size_t n) {
  std::vector<double> c(m * n);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t l = 0; l < k; ++l) c[i * n + j] += a[i * k + l] * b[l * n + j];
  return c;
}

// The broadcast product as single products of the matrices that meet.
std::vector<double> batched(const Tensor& a, const Tensor& b, const Shape& batch) {
  const auto m = a.size(-2), k = a.size(-1), n = b.size(-1);
  const auto whole = [&](const Tensor& t) {
    Shape shape = batch;
    shape.push_back(t.size(-2));
    shape.push_back(t.size(-1));
    return t.expand(shape).reshape({-1, t.size(-2), t.size(-1)});
  };
  const Tensor left = whole(a), right = whole(b);
  std::vector<double> all;
  for (std::int64_t i = 0; i < batch.numel(); ++i)
    for (double v : product(left.select(0, i).to_vector<double>(), right.select(0, i).to_vector<double>(),
                            static_cast<std::size_t>(m), static_cast<std::size_t>(k), static_cast<std::size_t>(n)))
      all.push_back(v);
  return all;
}

const auto multiply = [](const std::vector<Tensor>& in) { return matmul(in[0], in[1]); };

}  // namespace

TEST_CASE("matmul of matrices, in every stored order", "[matmul]") {
  for (Device device : test_devices())
    for (auto [m, k, n] : {std::array{1, 1, 1}, {2, 3, 4}, {5, 1, 7}, {1, 9, 2}, {7, 5, 3}, {17, 20, 33}}) {
      const Tensor a = leaf({m, k}, device), b = leaf({k, n}, device, -1, 1, 2);
      const auto want = batched(a, b, {});
      INFO(m << " x " << k << " x " << n);
      REQUIRE(matmul(a, b).shape() == Shape{m, n});
      require_close(matmul(a, b), want);
      require_close(matmul(a.transpose(0, 1).clone().transpose(0, 1), b), want);
      require_close(matmul(a, b.transpose(0, 1).clone().transpose(0, 1)), want);
      require_close(matmul(a.transpose(0, 1).clone().transpose(0, 1), b.transpose(0, 1).clone().transpose(0, 1)), want);
      if (m < 10) require_gradients(multiply, {a, b});
    }
}

TEST_CASE("matmul with vectors", "[matmul]") {
  for (Device device : test_devices()) {
    const Tensor v = leaf({4}, device), u = leaf({4}, device, -1, 1, 2), a = leaf({3, 4}, device),
                 batch = leaf({2, 3, 4}, device);
    REQUIRE(matmul(v, u).shape() == Shape{});
    require_close(matmul(v, u), product(v.to_vector<double>(), u.to_vector<double>(), 1, 4, 1));
    REQUIRE(matmul(a, v).shape() == Shape{3});
    require_close(matmul(a, v), product(a.to_vector<double>(), v.to_vector<double>(), 3, 4, 1));
    REQUIRE(matmul(v, a.transpose(0, 1)).shape() == Shape{3});
    require_close(matmul(v, a.transpose(0, 1)), matmul(a, v));
    REQUIRE(matmul(batch, v).shape() == Shape{2, 3});
    REQUIRE(matmul(v, batch.transpose(-1, -2)).shape() == Shape{2, 3});
    require_close(matmul(v, batch.transpose(-1, -2)), matmul(batch, v));
    require_gradients(multiply, {v, u});
    require_gradients(multiply, {a, v});
    require_gradients(multiply, {batch, v});
    require_gradients([](const auto& in) { return matmul(in[0], in[1].transpose(1, 2)); }, {v, batch});
  }
}

TEST_CASE("matmul of batches, which broadcast", "[matmul]") {
  for (Device device : test_devices())
    for (const auto& [a_shape, b_shape, batch] :
         std::vector<std::array<Shape, 3>>{{Shape{3, 2, 4}, Shape{3, 4, 2}, Shape{3}},
                                           {Shape{3, 2, 4}, Shape{4, 5}, Shape{3}},
                                           {Shape{2, 4}, Shape{3, 4, 5}, Shape{3}},
                                           {Shape{2, 1, 2, 3}, Shape{4, 3, 2}, Shape{2, 4}},
                                           {Shape{1, 2, 3}, Shape{4, 3, 2}, Shape{4}},
                                           {Shape{2, 3, 2, 3}, Shape{2, 1, 3, 2}, Shape{2, 3}},
                                           {Shape{2, 3, 2, 3}, Shape{3, 4}, Shape{2, 3}}}) {
      INFO(a_shape.str() << " times " << b_shape.str());
      const Tensor a = leaf(a_shape, device), b = leaf(b_shape, device, -1, 1, 2);
      require_close(matmul(a, b), batched(a, b, batch));
      require_gradients(multiply, {a, b});
      require_gradients([](const auto& in) { return matmul(in[1].transpose(-1, -2), in[0].transpose(-1, -2)); }, {a, b});
    }
}

TEST_CASE("matmul over no elements is zero, and of none is empty", "[matmul]") {
  require_close(matmul(ones({2, 0}, {.dtype = float64}), ones({0, 3}, {.dtype = float64})), std::vector<double>(6, 0.0));
  REQUIRE(matmul(ones({0, 2}), ones({2, 3})).shape() == Shape{0, 3});
}

TEST_CASE("linear", "[linear]") {
  for (Device device : test_devices())
    for (const Shape& leading : {Shape{}, Shape{1}, Shape{5}, Shape{2, 3}})
      for (auto [in, out] : {std::array{1, 1}, {3, 10}, {10, 3}, {20, 7}}) {
        Shape shape = leading;
        shape.push_back(in);
        const Tensor x = leaf(shape, device), w = leaf({out, in}, device, -1, 1, 2), b = leaf({out}, device, -1, 1, 3);
        const auto rows = static_cast<std::size_t>(leading.numel());
        auto want = product(x.to_vector<double>(), w.transpose(0, 1).to_vector<double>(), rows, static_cast<std::size_t>(in),
                            static_cast<std::size_t>(out));
        require_close(linear(x, w), want);
        for (std::size_t i = 0; i < want.size(); ++i) want[i] += b.to_vector<double>()[i % static_cast<std::size_t>(out)];
        require_close(linear(x, w, b), want);
        require_gradients([](const auto& all) { return linear(all[0], all[1], all[2]); }, {x, w, b});
        require_gradients([](const auto& all) { return linear(all[0], all[1]); }, {x, w});
      }
}

TEST_CASE("matrix products give the same bits on any number of threads", "[matmul]") {
  const Tensor x = made({70, 90}).to(float32), w = made({33, 90}).to(float32), b = made({33}).to(float32);
  same_on_any_threads([&] {
    const Tensor xl = x.detach().requires_grad_(), wl = w.detach().requires_grad_(), bl = b.detach().requires_grad_();
    const Tensor y = linear(xl, wl, bl);
    sum(matmul(y, y.transpose(0, 1))).backward();
    std::vector<float> all;
    for (const Tensor& t : {y, xl.grad(), wl.grad(), bl.grad()})
      for (float v : t.to_vector<float>()) all.push_back(v);
    return all;
  });
}

TEST_CASE("matmul and linear say what they expected", "[matmul]") {
  require_error(
      [] {
        matmul(zeros({2, 3}), zeros({4, 5}));
      },
      "[matmul] expected inner sizes that agree, got [2, 3] and [4, 5]");
  require_error([] { matmul(zeros({2, 2, 3}), zeros({3, 3, 5})); }, "[matmul] expected shapes that broadcast, got [2] and [3]");
  require_error([] { matmul(zeros({}), zeros({3})); }, "[matmul] expected operands of one dimension or more, got [] and [3]");
  require_error(
      [] {
        matmul(zeros({2, 3}), zeros({3, 2}, {.dtype = float64}));
      },
      "[matmul] expected a right operand of float32 on cpu, got float64 on cpu");
  require_error(
      [] {
        linear(zeros({8, 5}), zeros({10, 4}));
      },
      "[linear] expected an input [..., 4] (weight is [10, 4]), got [8, 5]");
  require_error(
      [] {
        linear(zeros({8, 4}), zeros({10, 4}), zeros({4}));
      },
      "[linear] expected a bias of shape [10] for an input [8, 4], got [4]");
}

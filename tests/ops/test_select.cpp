// Choosing by masks, and new tensors of whole numbers. Expected numbers are PyTorch's.
#include <limits>

#include "heddle/core/random.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/select.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

using V = std::vector<double>;
using N = std::vector<std::int64_t>;
constexpr double infinity = std::numeric_limits<double>::infinity(), not_a_number = std::numeric_limits<double>::quiet_NaN();

// The gradient of sum(y * [1, 2, 3, ...]) by x.
V gradient(const Tensor& x, const Tensor& y) {
  Tensor leaf = x;
  leaf.set_grad({});
  sum(y * arange(1, static_cast<double>(y.numel() + 1), 1, y.options()).reshape(y.shape())).backward();
  return x.grad().to_vector<double>();
}

Tensor sample(Device device) {
  return tensor(V{1, -2, 3, 4, 0, -6}, Shape{2, 3}, device).requires_grad_();
}

}  // namespace

TEST_CASE("where takes a, or b, and sends the gradient there", "[select]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device);
    const Tensor y = where(gt(x, 0), x * 2.0, -1);
    CHECK(y.to_vector<double>() == V{2, -1, 6, 8, -1, -1});
    CHECK(gradient(x, y) == V{2, 0, 6, 8, 0, 0});
    // Three shapes that broadcast, masks of any type.
    const Tensor a = leaf({3, 1}, device), b = leaf({4}, device, 2, 3, 2);
    for (DType type : {float32, float64, bfloat16, int64, uint8}) {
      const Tensor mask = tensor(V{1, 0, 2, 0, 0, 3}, Shape{2, 3, 1}, device).to(type);
      CHECK(where(mask, a, b).shape() == Shape{2, 3, 4});
      require_gradients([&](const auto& in) { return where(mask, in[0], in[1]); }, {a, b});
      require_gradients([&](const auto& in) { return where(mask, 2, in[0]) * where(mask, in[1], 3); }, {a, b});
    }
    // What is not taken does not matter, nor is it touched by the gradient.
    const Tensor z = tensor(V{0, 4}, {}, device).requires_grad_();
    const Tensor safe = where(eq(z, 0), 1, where(eq(z, 0), not_a_number, sqrt(z)));
    CHECK(safe.to_vector<double>() == V{1, 2});
    CHECK(where(tensor(V{not_a_number, 0, -0.0}, {}, device), 1, zeros({3}, {int64, device})).to_vector<std::int64_t>() ==
          N{1, 0, 0});
    for (DType type : {float32, bfloat16, int64, uint8})
      CHECK(where(ones({2}, {uint8, device}), ones({2}, {type, device}), zeros({2}, {type, device}))
                .to(float64)
                .to_vector<double>() == V{1, 1});
    CHECK(where(zeros({0, 1}, {uint8, device}), zeros({3}, {float32, device}), 1.0).shape() == Shape{0, 3});
  }
  require_error([] { where(zeros({2}), zeros({3}), zeros({3})); }, "[where] expected shapes that broadcast, got [2] and [3]");
  require_error([] { where(zeros({3}), zeros({3}), zeros({3}, {float64})); },
                "[where] expected a second choice of float32 on cpu, got float64 on cpu");
  require_error([] { where(zeros({3}), zeros({3}, {int64}), 0.5); },
                "[where] expected a whole number beside a tensor of int64, got 0.5");
}

TEST_CASE("masked_fill and masked_select", "[select]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device), mask = tensor(std::vector<std::uint8_t>{1, 0, 1}, {}, device);
    CHECK(masked_fill(x, mask, 9).to_vector<double>() == V{9, -2, 9, 9, 0, 9});
    CHECK(x.masked_fill(mask, -infinity).to_vector<double>() == V{-infinity, -2, -infinity, -infinity, 0, -infinity});
    CHECK(gradient(x, masked_fill(x, mask, 9)) == V{0, 2, 0, 0, 5, 0});
    require_gradients([&](const auto& in) { return masked_fill(in[0], mask, in[1]); },
                      {leaf({2, 3}, device), leaf({}, device)});
    CHECK(masked_fill(zeros({3}, {float32, device}), ones({2, 1}, {uint8, device}), 1).shape() == Shape{2, 3});
    Tensor written = x * 1.0;
    written.masked_fill_(mask, 9);
    CHECK(written.to_vector<double>() == V{9, -2, 9, 9, 0, 9});
    CHECK(gradient(x, written) == V{0, 2, 0, 0, 5, 0});
    Tensor turned = x.detach().clone().transpose(0, 1);
    turned.masked_fill_(gt(turned, 0), 0).masked_fill_(turned, 1);
    CHECK(turned.to_vector<double>() == V{0, 0, 1, 0, 0, 1});
    CHECK(masked_select(x, gt(x, 0)).to_vector<double>() == V{1, 3, 4});
    CHECK(masked_select(x, mask).to_vector<double>() == V{1, 3, 4, -6});
    CHECK(masked_select(x, lt(x, -9)).shape() == Shape{0});
    CHECK(gradient(x, masked_select(x, gt(x, 0))) == V{1, 0, 2, 3, 0, 0});
    CHECK(nonzero(gt(x, 0)).to_vector<std::int64_t>() == N{0, 0, 0, 2, 1, 0});
    CHECK(nonzero(zeros({2, 3}, {float32, device})).shape() == Shape{0, 2});
    CHECK(nonzero(ones({}, {float32, device})).shape() == Shape{1, 0});
  }
  require_error(
      [] {
        zeros({2}).masked_fill_(ones({3, 2}), 0);
      },
      "[masked_fill_] expected a mask that broadcasts to [2], got [3, 2]");
  CHECK_THROWS_AS(leaf({2}).masked_fill_(ones({2}), 0), Error);
  require_error([] { masked_fill(zeros({2}), ones({2}), zeros({2})); },
                "[masked_fill] expected a scalar to fill with, got a tensor of 1 dimensions");
}

TEST_CASE("isnan, isinf and isfinite", "[select]") {
  for (Device device : test_devices())
    for (DType type : {float32, float64, bfloat16}) {
      const Tensor x = tensor(V{0, not_a_number, infinity, -infinity, 1}, {}, device).to(type);
      const auto values = [&](const Tensor& t) {
        CHECK(t.dtype() == type);
        return t.to(float64).to_vector<double>();
      };
      CHECK(values(isnan(x)) == V{0, 1, 0, 0, 0});
      CHECK(values(isinf(x)) == V{0, 0, 1, 1, 0});
      CHECK(values(isfinite(x)) == V{1, 0, 0, 0, 1});
    }
  CHECK(isnan(ones({2}, {int64})).to_vector<std::int64_t>() == N{0, 0});
  CHECK(isfinite(zeros({2}, {uint8})).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 1});
  CHECK_FALSE(isfinite(leaf({2})).requires_grad());
}

TEST_CASE("tril and triu", "[select]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device);
    CHECK(tril(x).to_vector<double>() == V{1, 0, 0, 4, 0, 0});
    CHECK(gradient(x, tril(x)) == V{1, 0, 0, 4, 5, 0});
    CHECK(triu(x, 1).to_vector<double>() == V{0, -2, 3, 0, 0, -6});
    CHECK(gradient(x, x.triu(1)) == V{0, 2, 3, 0, 0, 6});
    CHECK(x.tril(-1).to_vector<double>() == V{0, 0, 0, 4, 0, 0});
    CHECK(triu(x, -100).to_vector<double>() == x.to_vector<double>());
    CHECK(sum(abs(triu(x, 100))).item() == 0);
    require_same_bits(tril(full({2, 2}, infinity, {float32, device})),
                      tensor(std::vector<float>{INFINITY, 0, INFINITY, INFINITY}, Shape{2, 2}, device));
    require_gradients([](const auto& in) { return tril(in[0].transpose(1, 2), -1); }, {leaf({2, 3, 4}, device)});
    CHECK(tril(ones({2, 3, 3}, {int64, device})).sum().item<int>() == 12);
    CHECK(triu(zeros({0, 3}, {float32, device})).shape() == Shape{0, 3});
  }
  require_error([] { tril(zeros({3})); }, "[tril] expected a tensor of two dimensions or more, got shape [3]");
}

TEST_CASE("one_hot", "[select]") {
  for (Device device : test_devices()) {
    const Tensor labels = tensor(N{2, 0, 1}, {}, device);
    CHECK(one_hot(labels).to_vector<std::int64_t>() == N{0, 0, 1, 1, 0, 0, 0, 1, 0});
    CHECK(one_hot(labels.reshape({3, 1}), 4).shape() == Shape{3, 1, 4});
    CHECK(one_hot(zeros({0}, {int64, device}), 3).shape() == Shape{0, 3});
  }
  require_error([] { one_hot(tensor(N{0, 3}), 3); }, "[one_hot] expected numbers in [0, 3), got 3 at 1");
  require_error([] { one_hot(tensor(N{-1, 0})); }, "[one_hot] expected numbers in [0, 1), got -1 at 0");
  require_error([] { one_hot(zeros({0}, {int64})); }, "[one_hot] expected labels to count the classes of, got shape [0]");
  require_error([] { one_hot(zeros({2})); }, "[one_hot] expected labels of int64, got float32");
}

TEST_CASE("linspace and randint", "[select]") {
  for (Device device : test_devices()) {
    CHECK(linspace(-1, 1, 5, {float64, device}).to_vector<double>() == V{-1, -0.5, 0, 0.5, 1});
    CHECK(linspace(0, 10, 5, {int64, device}).to_vector<std::int64_t>() == N{0, 2, 5, 7, 10});
    CHECK(linspace(3, 4, 1, {float64, device}).to_vector<double>() == V{3});
    CHECK(linspace(3, 4, 0, {float32, device}).shape() == Shape{0});
    CHECK(linspace(0, 0.1, 7, {float64, device}).to_vector<double>()[6] == 0.1);
    const auto draw = [&] {
      manual_seed(3);
      return randint(-5, 15, {2000}, {int64, device}).to_vector<std::int64_t>();
    };
    const N numbers = same_on_any_threads(draw);
    std::vector<int> seen(20);
    for (const std::int64_t n : numbers) {
      REQUIRE(n >= -5);
      REQUIRE(n < 15);
      ++seen[static_cast<std::size_t>(n + 5)];
    }
    for (const int count : seen) CHECK(std::abs(count - 100) < 50);  // five deviations
    CHECK(randint(3, {2, 2}, {float32, device}).dtype() == float32);
    // More than 24 bits.
    const auto large = randint(std::int64_t{1} << 40, {100}, {int64, device}).to_vector<std::int64_t>();
    int odd = 0;
    for (const std::int64_t n : large) odd += static_cast<int>(n % 2);
    CHECK(odd > 20);
    CHECK(odd < 80);
    const std::int64_t top = std::numeric_limits<std::int64_t>::max();
    for (const std::int64_t n : randint(top - 2, top, {50}, {int64, device}).to_vector<std::int64_t>())
      CHECK((n == top - 2 || n == top - 1));
  }
  require_error([] { randint(3, 3, {1}); }, "[randint] expected from 1 to 2^48 numbers to draw from, got [3, 3)");
  require_error([] { linspace(0, 1, -1); }, "[linspace] expected a number of steps of 0 or more, got -1");
}

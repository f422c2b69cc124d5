// Backward: accumulation, shared inputs, hooks, what is kept and freed, and what it says when misused.
#include "heddle/autograd/grad_mode.hpp"
#include "heddle/ops/activation.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

using V = std::vector<double>;

Tensor of(const V& values, Device device = cpu) {
  return tensor(values, {}, device).requires_grad_();
}
V grad(const Tensor& t) {
  return t.grad().to_vector<double>();
}

}  // namespace

TEST_CASE("gradients of a formula", "[backward]") {
  for (Device device : test_devices()) {
    const Tensor x = of({1, 2, 3}, device), w = of({4, 5, 6}, device);
    const Tensor y = sum(x * w + x);
    REQUIRE(y.requires_grad());
    REQUIRE_FALSE(y.is_leaf());
    REQUIRE(x.is_leaf());
    y.backward();
    REQUIRE(grad(x) == V{5, 6, 7});
    REQUIRE(grad(w) == V{1, 2, 3});
    REQUIRE_FALSE(y.grad().defined());
  }
}

TEST_CASE("gradients add up in leaves, over uses and over calls", "[backward]") {
  const Tensor x = of({1, 2});
  sum(x * x + x * 3.0).backward();
  REQUIRE(grad(x) == V{5, 7});
  sum(x).backward();
  REQUIRE(grad(x) == V{6, 8});
  Tensor(x).set_grad({});
  REQUIRE_FALSE(x.grad().defined());
  x.backward(tensor(V{2, 3}));
  REQUIRE(grad(x) == V{2, 3});
}

TEST_CASE("a tensor used along several paths gets the sum of their gradients before it goes on", "[backward]") {
  const Tensor x = of({3});
  int visits = 0;
  const Tensor hidden = x * 2.0;
  Tensor(hidden).register_hook([&](const Tensor& g) {
    ++visits;
    REQUIRE(g.item() == 1 + 10 + 12);
    return Tensor{};
  });
  const Tensor left = hidden * 10.0, right = hidden * hidden;
  sum(left + hidden + right).backward();
  REQUIRE(visits == 1);
  REQUIRE(grad(x) == V{46});
}

TEST_CASE("a gradient given to two leaves is each one's own", "[backward]") {
  const Tensor a = of({1}), b = of({2}), given = tensor(V{5});
  (a + b).backward(given);
  Tensor(a.grad()).fill_(7);
  REQUIRE(grad(b) == V{5});
  REQUIRE(given.to_vector<double>() == V{5});
  (a + b).backward(given);
  REQUIRE(grad(a) == V{12});
  REQUIRE(grad(b) == V{10});
  REQUIRE(given.to_vector<double>() == V{5});
  const Tensor c = of({3});
  c.backward(given);
  Tensor(c.grad()).fill_(9);
  REQUIRE(given.to_vector<double>() == V{5});
}

TEST_CASE("no_grad and detach end history", "[backward]") {
  const Tensor x = of({1, 2});
  REQUIRE(is_grad_enabled());
  {
    NoGradGuard guard;
    REQUIRE_FALSE(is_grad_enabled());
    REQUIRE_FALSE((x * 2.0).requires_grad());
  }
  REQUIRE(is_grad_enabled());
  REQUIRE_FALSE(no_grad([&] { return x * 2.0; }).requires_grad());
  REQUIRE_THROWS(no_grad([]() -> int { throw Error("thrown through"); }));
  REQUIRE(is_grad_enabled());
  const Tensor y = x * x.detach();
  sum(y).backward();
  REQUIRE(grad(x) == V{1, 2});
  REQUIRE_FALSE(y.detach().requires_grad());
  REQUIRE(y.detach().raw_data() == y.raw_data());
}

TEST_CASE("retain_grad keeps what an op's result got", "[backward]") {
  const Tensor x = of({1, 2});
  Tensor hidden = x * 3.0;
  hidden.retain_grad();
  sum(hidden * hidden).backward();
  REQUIRE(grad(hidden) == V{6, 12});
  REQUIRE(grad(x) == V{18, 36});
  Tensor leaf = of({1});
  leaf.retain_grad();
  sum(leaf * 2.0).backward();
  REQUIRE(grad(leaf) == V{2});
  REQUIRE_THROWS_AS(Tensor(ones({1})).retain_grad(), Error);
}

TEST_CASE("hooks see gradients, and replace them", "[hooks]") {
  for (Device device : test_devices()) {
    Tensor x = of({1, 2}, device);
    Tensor hidden = x * 3.0;
    std::vector<std::string> order;
    hidden.register_hook([&](const Tensor& g) {
      order.push_back("hidden");
      REQUIRE(g.to_vector<double>() == V{1, 1});
      return g * 10.0;
    });
    hidden.register_hook([&](const Tensor& g) {
      order.push_back("hidden again");
      REQUIRE(g.to_vector<double>() == V{10, 10});
      return Tensor{};
    });
    x.register_hook([&](const Tensor& g) {
      order.push_back("x");
      return g + 1.0;
    });
    sum(hidden).backward();
    REQUIRE(order == std::vector<std::string>{"hidden", "hidden again", "x"});
    REQUIRE(grad(x) == V{31, 31});
  }
}

TEST_CASE("a leaf's hook sees the whole gradient of a backward, once", "[hooks]") {
  // A hook that clips must not see the terms of x's gradient one by one: clipped terms do not add up to the clipped sum.
  Tensor x = of({3});
  int calls = 0;
  x.register_hook([&](const Tensor& g) {
    ++calls;
    return clamp(g, -1, 1);
  });
  sum(x * x + x).backward();
  REQUIRE(calls == 1);
  REQUIRE(grad(x) == V{1});
  sum(x * 2.0).backward();
  REQUIRE(calls == 2);
  REQUIRE(grad(x) == V{2});
}

TEST_CASE("a hook's gradient of another shape is an error", "[hooks]") {
  Tensor x = of({1, 2});
  x.register_hook([](const Tensor&) { return ones({3}); });
  require_error([&] { sum(x).backward(); }, "[hook] expected a gradient of shape [2], got [3]");
}

TEST_CASE("backward frees the graph, unless it is retained", "[backward]") {
  const Tensor x = of({1, 2});
  const Tensor y = sum(x * x);
  y.backward({}, true);
  y.backward();
  REQUIRE(grad(x) == V{4, 8});
  require_error([&] { y.backward(); },
                "[backward] expected a graph that is still there, got one (at op 'sum') that an earlier backward freed: pass "
                "retain_graph = true to that one");
  // A part of the graph that two results share is freed by the first of them.
  const Tensor shared = x * 2.0;
  const Tensor one = sum(shared), other = sum(shared * shared);
  one.backward();
  require_error([&] { other.backward(); },
                "[backward] expected a graph that is still there, got one (at op 'mul') that an earlier backward freed: pass "
                "retain_graph = true to that one");
}

TEST_CASE("a chain of a hundred thousand ops is walked and freed without deep recursion", "[backward]") {
  const Tensor x = of({1});
  {
    Tensor y = x;
    for (int i = 0; i < 100000; ++i) y = y + 0.0;
  }
  Tensor y = x;
  for (int i = 0; i < 100000; ++i) y = y + 0.0;
  y.backward();
  REQUIRE(grad(x) == V{1});
}

TEST_CASE("requires_grad of leaves and types", "[backward]") {
  Tensor x = ones({2});
  REQUIRE_FALSE(x.requires_grad());
  x.requires_grad_();
  REQUIRE(x.requires_grad());
  x.requires_grad_(false);
  REQUIRE_FALSE((x * 2.0).requires_grad());
  require_error([] { ones({2}, {.dtype = int64}).requires_grad_(); },
                "[requires_grad_] expected float32, float64 or bfloat16, got int64");
  x.requires_grad_();
  Tensor y = x * 2.0;
  require_error([&] { y.requires_grad_(false); }, "[requires_grad_] expected a leaf, got a tensor that an op made");
  require_error([] { Tensor().is_leaf(); }, "[is_leaf] expected a tensor, got an undefined one");
}

TEST_CASE("backward says what it expected", "[backward]") {
  const Tensor x = of({1, 2});
  require_error([&] { (x * 2.0).backward(); }, "[backward] expected a tensor of one element, or a gradient, got shape [2]");
  require_error([&] { (x * 2.0).backward(ones({3})); }, "[backward] expected a gradient of shape [2], got [3]");
  require_error([] { ones({}).backward(); },
                "[backward] expected a tensor made from one that requires grad, got one without history");
  require_error([&] { Tensor(x).set_grad(ones({2})); },
                "[set_grad] expected a float64 gradient of shape [2] on cpu, got float32 [2] on cpu");
}

TEST_CASE("a gradient that was set as a view takes further ones", "[backward]") {
  Tensor x = of({1, 2});
  const Tensor matrix = tensor(V{1, 2, 3, 4}, Shape{2, 2});
  x.set_grad(matrix.select(1, 0));
  sum(x).backward();
  REQUIRE(grad(x) == V{2, 4});
  REQUIRE(matrix.to_vector<double>() == V{1, 2, 3, 4});
}

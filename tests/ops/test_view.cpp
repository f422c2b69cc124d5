// Views and copies: what they show, whose memory they share, and their gradients.
#include "heddle/ops/cat.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

bool share_memory(const Tensor& a, const Tensor& b) {
  Tensor(a).fill_(7);
  Tensor(b).fill_(8);
  return max(a).item() == 8;
}

// 0, 1, 2, ... in this shape.
Tensor counted(const Shape& shape, Device device = cpu) {
  return arange(0, static_cast<double>(shape.numel()), 1, {float64, device}).reshape(shape);
}

}  // namespace

TEST_CASE("reshape keeps the order of elements", "[view]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({2, 3, 4}, device);
    for (const Shape& shape : {Shape{24}, Shape{4, 6}, Shape{2, 1, 12}, Shape{-1, 8}, Shape{3, -1, 2}, Shape{2, 3, 4, 1}}) {
      REQUIRE(x.reshape(shape).to_vector<double>() == x.to_vector<double>());
      require_gradients([&](const auto& in) { return in[0].reshape(shape); }, {x});
      require_gradients([&](const auto& in) { return in[0].permute({2, 0, 1}).reshape(shape); }, {x});
    }
    REQUIRE(x.reshape({3, -1}).shape() == Shape{3, 8});
    REQUIRE(x.flatten().shape() == Shape{24});
    REQUIRE(x.flatten(1).shape() == Shape{2, 12});
    REQUIRE(x.flatten(0, 1).shape() == Shape{6, 4});
    REQUIRE(leaf({}, device).flatten().shape() == Shape{1});
    REQUIRE(zeros({0, 3}).reshape({3, -1}).shape() == Shape{3, 0});
    REQUIRE(zeros({1, 1}).reshape({}).shape() == Shape{});
  }
}

TEST_CASE("reshape copies only where the layout forces it", "[view]") {
  const auto values = [](const Tensor& t) { return t.clone().to_vector<double>(); };
  struct Case {
    Tensor view;
    Shape shape;
    bool shares;
  };
  const Tensor x = counted({4, 6, 5});
  for (const Case& c :
       {Case{x, {20, 6}, true}, Case{x.transpose(0, 1), {6, 20}, false}, Case{x.transpose(0, 1), {2, 3, 4, 5}, true},
        Case{x.transpose(0, 1), {6, 2, 2, 5}, true}, Case{x.transpose(1, 2), {4, 30}, false},
        Case{x.slice(0, 1, 3), {60}, true}, Case{x.slice(1, 0, 6, 2), {4, 15}, false},
        Case{x.slice(1, 0, 6, 2), {2, 2, 3, 5}, true}, Case{x.slice(2, 0, 5, 2), {4, 2, 3, 3}, true},
        Case{x.slice(2, 0, 5, 2), {24, 3}, true}, Case{x.slice(2, 0, 5, 2), {4, 18}, false},
        Case{x.select(1, 2), {2, 2, 1, 5}, true}, Case{x.select(1, 2), {20}, false},
        Case{x.unsqueeze(1).transpose(0, 1), {1, 120}, true}, Case{x.select(0, 1).select(0, 1).expand({3, 5}), {15}, false},
        Case{x.select(0, 1).select(0, 1).expand({4, 5}), {2, 2, 5}, true}}) {
    INFO(c.view.shape().str() << " with strides " << c.view.strides().str() << " as " << c.shape.str());
    const Tensor y = c.view.reshape(c.shape);
    REQUIRE(y.shape() == c.shape);
    REQUIRE(values(y) == values(c.view));
    const bool shares = y.raw_data() == c.view.raw_data();
    REQUIRE(shares == c.shares);
  }
}

TEST_CASE("permute and transpose", "[view]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({2, 3, 4}, device), y = x.permute({2, 0, -2});
    REQUIRE(y.shape() == Shape{4, 2, 3});
    const auto from = x.to_vector<double>(), to = y.to_vector<double>();
    for (std::size_t i = 0; i < 2; ++i)
      for (std::size_t j = 0; j < 3; ++j)
        for (std::size_t k = 0; k < 4; ++k) REQUIRE(to[(k * 2 + i) * 3 + j] == from[(i * 3 + j) * 4 + k]);
    REQUIRE(x.transpose(0, -1).shape() == Shape{4, 3, 2});
    require_same_bits(x.transpose(0, 2), x.permute({2, 1, 0}));
    require_same_bits(x.transpose(1, 1), x);
    require_gradients([](const auto& in) { return in[0].permute({2, 0, 1}) * in[0].transpose(0, 1).permute({2, 1, 0}); }, {x});
  }
}

TEST_CASE("slice and select", "[view]") {
  for (Device device : test_devices()) {
    const Tensor x = counted({4, 5}, device);
    using V = std::vector<double>;
    REQUIRE(x.slice(0, 1, 3).to_vector<double>() == V{5, 6, 7, 8, 9, 10, 11, 12, 13, 14});
    REQUIRE(x.slice(1, 0, 5, 2).select(0, 1).to_vector<double>() == V{5, 7, 9});
    REQUIRE(x.slice(-1, -2, 100).select(0, -1).to_vector<double>() == V{18, 19});
    REQUIRE(x.slice(0, 3, 1).shape() == Shape{0, 5});
    REQUIRE(x.slice(0, 4, 9).numel() == 0);
    REQUIRE(x.select(1, 2).to_vector<double>() == V{2, 7, 12, 17});
    REQUIRE(x.select(1, -1).select(0, 0).item() == 4);
    const Tensor l = leaf({4, 5}, device);
    require_gradients([](const auto& in) { return in[0].slice(1, 1, 5, 3); }, {l});
    require_gradients([](const auto& in) { return in[0].select(0, -2) * in[0].slice(0, 1, 2).squeeze(0); }, {l});
    require_gradients([](const auto& in) { return in[0].transpose(0, 1).slice(0, 0, 4).select(1, 1); }, {l});
  }
}

TEST_CASE("squeeze, unsqueeze and expand", "[view]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({3, 1, 4}, device);
    REQUIRE(x.squeeze(1).shape() == Shape{3, 4});
    REQUIRE(x.squeeze(0).shape() == Shape{3, 1, 4});
    REQUIRE(x.unsqueeze(0).shape() == Shape{1, 3, 1, 4});
    REQUIRE(x.unsqueeze(-1).shape() == Shape{3, 1, 4, 1});
    REQUIRE(x.unsqueeze(2).is_contiguous());
    const Tensor wide = x.expand({2, 3, 5, 4});
    REQUIRE(wide.strides()[0] == 0);
    REQUIRE(wide.raw_data() == x.raw_data());
    require_close(wide.select(0, 1).select(1, 3), x.squeeze(1).detach());
    require_gradients([](const auto& in) { return in[0].expand({2, 3, 5, 4}) * in[0]; }, {x});
    require_gradients([](const auto& in) { return in[0].squeeze(1).unsqueeze(0).unsqueeze(-1); }, {x});
    REQUIRE(leaf({}, device).expand({2, 2}).shape() == Shape{2, 2});
  }
}

TEST_CASE("views share memory, copies do not", "[view]") {
  const Tensor x = counted({2, 6});
  REQUIRE(share_memory(x, x.reshape({3, 4})));
  REQUIRE(share_memory(x, x.transpose(0, 1)));
  REQUIRE(share_memory(x, x.slice(1, 0, 6, 2)));
  REQUIRE(share_memory(x, x.select(0, 0)));
  REQUIRE(share_memory(x, x.detach()));
  REQUIRE(share_memory(x, x.contiguous()));
  REQUIRE_FALSE(share_memory(x, x.clone()));
  REQUIRE_FALSE(share_memory(x, x.transpose(0, 1).contiguous()));
  REQUIRE_FALSE(share_memory(x, x.to(float32)));
}

TEST_CASE("contiguous, clone and conversions", "[copy]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({3, 4}, device, -5, 5);
    const Tensor turned = x.transpose(0, 1);
    REQUIRE_FALSE(turned.is_contiguous());
    REQUIRE(turned.contiguous().is_contiguous());
    REQUIRE(turned.clone().is_contiguous());
    require_same_bits(turned.contiguous(), turned);
    require_gradients([](const auto& in) { return in[0].transpose(0, 1).contiguous() * in[0].clone().transpose(0, 1); }, {x});
    const Tensor single = x.to(float32);
    REQUIRE(single.dtype() == float32);
    require_close(single, x, 1e-6);
    (single * 2.0).backward(ones({3, 4}, {float32, device}));
    REQUIRE(x.grad().dtype() == float64);
    require_close(x.grad(), std::vector<double>(12, 2.0));
    const Tensor whole = x.to(int64);
    REQUIRE_FALSE(whole.requires_grad());
    const auto values = x.to_vector<double>();
    for (std::size_t i = 0; i < values.size(); ++i)
      REQUIRE(whole.to_vector<std::int64_t>()[i] == static_cast<std::int64_t>(values[i]));
    REQUIRE(x.to(float64).impl() == x.impl());
    REQUIRE(x.to(device).impl() == x.impl());
    REQUIRE(x.to(cpu).device() == cpu);
    require_gradients([](const auto& in) { return in[0].to(cpu) * 3.0; }, {x});
  }
}

TEST_CASE("cat and stack", "[cat]") {
  for (Device device : test_devices()) {
    const Tensor a = leaf({2, 3}, device), b = leaf({2, 1}, device, -1, 1, 2), c = leaf({2, 2}, device, -1, 1, 3);
    const Tensor y = cat({a, b, c}, 1);
    REQUIRE(y.shape() == Shape{2, 6});
    require_same_bits(y.slice(1, 0, 3), a.detach());
    require_same_bits(y.slice(1, 3, 4), b.detach());
    require_same_bits(y.slice(1, 4, 6), c.detach());
    require_gradients([](const auto& in) { return cat(in, -1); }, {a, b, c});
    require_gradients([](const auto& in) { return cat({in[0], in[0].slice(1, 0, 2)}, 1); }, {a});
    require_gradients([](const auto& in) { return cat({in[0].transpose(0, 1), in[1].transpose(0, 1)}); }, {a, b});
    require_gradients([&](const auto& in) { return cat({in[0], b.detach()}, 1); }, {a});
    const Tensor s = stack({c, c * 2.0}, 1);
    REQUIRE(s.shape() == Shape{2, 2, 2});
    require_same_bits(s.select(1, 0), c.detach());
    REQUIRE(stack({c, c}, -1).shape() == Shape{2, 2, 2});
    require_gradients([](const auto& in) { return stack({in[0], in[1] * 2.0}, -1); }, {a, leaf({2, 3}, device, -1, 1, 4)});
    REQUIRE(cat({a.detach(), zeros({0, 3}, {float64, device})}).shape() == Shape{2, 3});
  }
  require_error([] { cat({}); }, "[cat] expected a tensor or more, got none");
  require_error(
      [] {
        cat({zeros({2, 3}), zeros({3, 3})}, 1);
      },
      "[cat] expected shapes that agree but for dimension 1, got [2, 3] and [3, 3]");
  require_error(
      [] {
        cat({zeros({2}), zeros({2}, {.dtype = int64})});
      },
      "[cat] expected a tensor of float32 on cpu, got int64 on cpu");
  require_error([] { stack({zeros({2}), zeros({3})}); }, "[stack] expected equal shapes, got [2] and [3]");
}

TEST_CASE("views say what they expected", "[view]") {
  const Tensor x = zeros({2, 3});
  require_error([&] { x.reshape({4, 2}); }, "[reshape] expected a shape of 6 elements for [2, 3], got [4, 2]");
  require_error([&] { x.reshape({4, -1}); }, "[reshape] expected a shape of 6 elements for [2, 3], got [4, -1]");
  require_error([&] { x.reshape({-1, -1}); }, "[reshape] expected at most one -1, got [-1, -1]");
  require_error([&] { x.reshape({-2, 3}); }, "[reshape] expected sizes of 0 or more, or -1, got [-2, 3]");
  require_error([&] { x.permute({0}); }, "[permute] expected the 2 dimensions of [2, 3] in some order, got [0]");
  require_error([&] { x.permute({1, -1}); }, "[permute] expected each dimension once, got [1, -1]");
  require_error([&] { x.transpose(0, 2); }, "[transpose] expected a dimension in [-2, 2), got 2");
  require_error([&] { x.slice(0, 0, 1, 0); }, "[slice] expected a step of 1 or more, got 0");
  require_error([&] { x.select(1, 3); }, "[select] expected an index in [-3, 3) for dimension 1 of [2, 3], got 3");
  require_error([&] { x.expand({4, 3}); }, "[expand] expected a shape that [2, 3] stretches to, got [4, 3]");
  require_error([&] { x.expand({3}); }, "[expand] expected a shape that [2, 3] stretches to, got [3]");
  require_error([&] { x.flatten(1, 0); }, "[flatten] expected start before end, got 1 and 0 for shape [2, 3]");
}

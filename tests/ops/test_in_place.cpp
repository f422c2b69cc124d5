// Arithmetic in place: values, gradients, every handle's history, and what is refused because a gradient would be wrong.
#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/format.hpp"
#include "heddle/ops/activation.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/matmul.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/softmax.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

struct InPlace {
  std::string name;
  std::function<void(Tensor&, const Tensor&)> write;
  std::function<Tensor(const Tensor&, const Tensor&)> op;
  std::function<void(Tensor&, double)> write_number;
};

std::vector<InPlace> in_place_ops() {
  using T = Tensor&;
  using A = const Tensor&;
  return {{"add_", [](T a, A b) { a += b; }, [](A a, A b) { return a + b; }, [](T a, double b) { a += b; }},
          {"sub_", [](T a, A b) { a -= b; }, [](A a, A b) { return a - b; }, [](T a, double b) { a -= b; }},
          {"mul_", [](T a, A b) { a *= b; }, [](A a, A b) { return a * b; }, [](T a, double b) { a *= b; }},
          {"div_", [](T a, A b) { a /= b; }, [](A a, A b) { return a / b; }, [](T a, double b) { a /= b; }}};
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

using V = std::vector<double>;

}  // namespace

TEST_CASE("arithmetic in place gives the numbers of the op that makes a new tensor", "[in_place]") {
  for (Device device : test_devices())
    for (DType type : {float32, float64, bfloat16})
      for (const auto& [name, write, op, write_number] : in_place_ops())
        for (const Shape& other : {Shape{3, 4}, Shape{4}, Shape{3, 1}, Shape{}, Shape{1, 1}}) {
          INFO(name << " " << other.str());
          const Tensor a = made({3, 4}, device, 0.5, 2).to(type), b = made(other, device, 0.55, 2.1, 2).to(type);
          Tensor x = a.clone();
          const void* memory = x.raw_data();
          write(x, b);
          require_same_bits(x, op(a, b));
          CHECK(x.raw_data() == memory);
          Tensor turned = a.transpose(0, 1).clone().transpose(0, 1);  // not dense
          write(turned, b);
          require_same_bits(turned, op(a, b));
          Tensor y = a.clone();
          write_number(y, 1.5);
          require_same_bits(y, op(a, full({}, 1.5, a.options())));
        }
}

TEST_CASE("arithmetic in place writes through views, and takes operands of the same memory", "[in_place]") {
  for (Device device : test_devices()) {
    const Tensor x = arange(0, 6, 1, {float64, device}).reshape({2, 3});
    x.select(0, 1) += 10;
    x.slice(1, 0, 3, 2) *= 2;
    CHECK(x.to_vector<double>() == V{0, 1, 4, 26, 14, 30});
    Tensor y = arange(0, 4, 1, {float64, device}).reshape({2, 2});
    y += y.transpose(0, 1);  // as of a clone
    CHECK(y.to_vector<double>() == V{0, 3, 3, 6});
    Tensor z = arange(0, 4, 1, {float64, device});
    z.slice(0, 1, 4) += z.slice(0, 0, 3);
    CHECK(z.to_vector<double>() == V{0, 1, 3, 5});
    z *= z;
    CHECK(z.to_vector<double>() == V{0, 1, 9, 25});
    Tensor n = tensor(std::vector<std::int64_t>{1, 2, 3}, {}, device);
    n += 2;
    n *= n;
    n -= tensor(std::vector<std::int64_t>{1}, {}, device);
    CHECK(n.to_vector<std::int64_t>() == std::vector<std::int64_t>{8, 15, 24});
    Tensor w = tensor(V{1, 2}, {}, device);
    w.add_(tensor(V{10, 20}, {}, device), 0.5).sub_(tensor(V{1}, {}, device), 2).mul_(3).div_(2);
    CHECK(w.to_vector<double>() == V{6, 15});
  }
}

TEST_CASE("arithmetic in place is recorded with the gradients of its op", "[in_place]") {
  for (Device device : test_devices())
    for (const auto& [name, write, op, write_number] : in_place_ops())
      for (const Shape& other : {Shape{3, 4}, Shape{4}, Shape{3, 1}, Shape{}}) {
        INFO(name << " " << other.str());
        const Tensor a = leaf({3, 4}, device, 0.5, 2), b = leaf(other, device, 0.55, 2.1, 2);
        const auto run = [write = write](const Tensor& left, const Tensor& right) {
          Tensor y = left + 0.25;
          write(y, right);
          return y;
        };
        require_gradients([&](const auto& in) { return run(in[0], in[1]); }, {a, b});
        require_gradients([&](const auto& in) { return run(in[0], b.detach()); }, {a});
        // A tensor without a gradient takes part from its first operand with one on.
        require_gradients(
            [&](const auto& in) {
              Tensor y = a.detach().clone();
              write(y, in[0]);
              return y;
            },
            {b});
        require_gradients(
            [&, write_number = write_number](const auto& in) {
              Tensor y = in[0] * 2.0;
              write_number(y, 1.5);
              write_number(y, 0.5);
              return y;
            },
            {a});
      }
  // With itself.
  for (const auto& [name, write, op, write_number] : in_place_ops())
    require_gradients(
        [write = write](const auto& in) {
          Tensor y = in[0] + 0.0;
          write(y, y);
          return y * in[0];
        },
        {leaf({3}, cpu, 0.5, 2)});
  const Tensor x = leaf({3}), u = leaf({3}, cpu, 1, 2, 2);
  require_gradients(
      [](const auto& in) {
        Tensor y = in[0] * 1.0;
        y.add_(in[1], 3).sub_(in[1] * in[0], 0.5);
        return y;
      },
      {x, u});
}

TEST_CASE("a sum of losses grows in place", "[in_place]") {
  const Tensor w = tensor(V{1, 2}).requires_grad_();
  Tensor total = zeros({}, {float64});
  for (int i = 1; i <= 3; ++i) total += sum(w * static_cast<double>(i));
  total /= 2;
  total.backward();
  CHECK(total.item() == 9);
  CHECK(w.grad().to_vector<double>() == V{3, 3});
}

TEST_CASE("every handle of a tensor has its new history, and retain_grad goes with it", "[in_place]") {
  const Tensor x = tensor(V{1, 2}).requires_grad_();
  Tensor y = x * 3.0;
  const Tensor same = y;
  y.retain_grad();
  y *= 2;
  sum(same * 5.0).backward();
  CHECK(x.grad().to_vector<double>() == V{30, 30});
  CHECK(y.grad().to_vector<double>() == V{5, 5});
  CHECK_FALSE(same.is_leaf());
}

TEST_CASE("writes that would make gradients wrong are refused", "[in_place]") {
  const auto held = "memory nothing else holds";
  for (const auto& [name, write, op, write_number] : in_place_ops()) {
    INFO(name);
    const auto refused = [&, name = name, write = write, write_number = write_number](Tensor t, const std::string& why) {
      for (const std::string& message :
           {error_of([&] { write(t, ones(t.shape(), t.options())); }), error_of([&] { write_number(t, 2); })}) {
        INFO(message);
        CHECK(message.starts_with(strings::format("[{}] expected", name)));
        CHECK(message.find(why) != std::string::npos);
      }
    };
    const Tensor x = leaf({4}, cpu, 0.5, 2);
    refused(x, "a leaf that requires grad of shape [4]");
    refused(x.slice(0, 0, 2), held);  // a view of a leaf
    const Tensor y = x * 2.0, part = y.slice(0, 0, 2);
    refused(y, held);  // beside a view of it
    refused(part, held);
    const Tensor z = exp(x);  // which keeps its result
    refused(z, held);
    // A buffer with a view that has no history, once an operand brings one.
    Tensor buffer = ones({4}, {float64});
    const Tensor view = buffer.reshape({2, 2});
    CHECK(error_of([&, write = write] { write(buffer, x); }).find(held) != std::string::npos);
    // Nothing was written.
    CHECK(buffer.to_vector<double>() == V{1, 1, 1, 1});
    require_close(y, (x * 2.0).to_vector<double>());
    // Without gradients all of it is allowed, and counted.
    no_grad([&, write = write] { write(const_cast<Tensor&>(part), ones({2}, {float64})); });
  }
  const Tensor x = leaf({3}), y = leaf({3});
  const Tensor product = x * y;
  no_grad([&] { Tensor(x).add_(1); });
  CHECK(error_of([&] {
          sum(product).backward();
        }).find("[mul] expected the tensor of shape [3] that backward needs as it was") == 0);
  // What backward needs of the operand is watched too.
  Tensor factor = ones({3}, {float64});
  Tensor z = x + 0.0;
  z *= factor;
  factor += 1;
  CHECK(error_of([&] { sum(z).backward(); }).find("[mul_] expected the tensor of shape [3] that backward needs as it was") ==
        0);
}

TEST_CASE("arithmetic in place says what it expected", "[in_place]") {
  Tensor x = zeros({2, 3}), n = zeros({3}, {int64}), bytes = zeros({3}, {uint8}), one = zeros({1});
  require_error([&] { x += zeros({4}); }, "[add_] expected shapes that broadcast, got [2, 3] and [4]");
  require_error([&] { x += zeros({5, 2, 3}); }, "[add_] expected a right operand that broadcasts to [2, 3], got [5, 2, 3]");
  require_error([&] { x *= zeros({3}, {float64}); }, "[mul_] expected a right operand of float32 on cpu, got float64 on cpu");
  require_error([&] { n += 0.5; }, "[add_] expected a whole number beside a tensor of int64, got 0.5");
  require_error([&] { n /= 2; }, "[div_] expected float32 or float64, got int64");
  require_error([&] { bytes += 1; }, "[add_] expected float32, float64 or int64, got uint8");
  require_error([] { Tensor() += 1; }, "[add_] expected a tensor to write to, got an undefined one");
  CHECK(error_of([&] { one.expand({4}) += 1; }).find("[add_] expected a tensor whose elements each have memory of their own") ==
        0);
  Tensor none = zeros({0, 3});
  none += zeros({3});
  CHECK(none.shape() == Shape{0, 3});
}

TEST_CASE("ops as members are the functions of the same name", "[in_place]") {
  const Tensor x = tensor(V{1, -2, 3, 4, -5, 6}, Shape{2, 3}), y = abs(x);
  CHECK(x.sum().item() == 7);
  CHECK(x.sum(1).to_vector<double>() == V{2, 5});
  CHECK(x.sum({0, -1}).item() == 7);
  CHECK(x.sum({}).item() == 7);
  CHECK(x.mean(0, true).shape() == Shape{1, 3});
  CHECK(x.mean({0}).to_vector<double>() == V{2.5, -3.5, 4.5});
  CHECK(x.max().item() == 6);
  CHECK(x.max(1).indices.to_vector<std::int64_t>() == std::vector<std::int64_t>{2, 2});
  CHECK(x.min(-1, true).values.to_vector<double>() == V{-2, -5});
  CHECK(x.argmax().item<int>() == 5);
  require_same_bits(x.exp(), exp(x));
  require_same_bits(y.sqrt().add(1).mul(y).sub(x).div(y), ((sqrt(y) + 1) * y - x) / y);
  require_same_bits(x.relu().pow(2), square(relu(x)));
  require_same_bits(x.matmul(x.transpose(0, 1)), matmul(x, x.transpose(0, 1)));
  require_same_bits(x.softmax(1), softmax(x, 1));
  require_same_bits(x.ge(0).sub(x.lt(0)), sign(x));
  require_same_bits(x.clamp(-1, 1), clamp(x, -1, 1));
  require_same_bits(x.var({1}).sqrt(), x.std({1}));
  require_gradients([](const auto& in) { return in[0].tanh().sigmoid().log().neg().mean(1); }, {leaf({2, 3})});
}

// Activations in bfloat16: each op gives what float32 gives of the same numbers, rounded once, with float32 parameters and
// float32 gradients of these; on a GPU by kernels of its own, on the CPU by way of float32.
#include <functional>

#include "heddle/core/random.hpp"
#include "heddle/ops/activation.hpp"
#include "heddle/ops/cat.hpp"
#include "heddle/ops/conv.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/linear.hpp"
#include "heddle/ops/loss.hpp"
#include "heddle/ops/matmul.hpp"
#include "heddle/ops/norm.hpp"
#include "heddle/ops/pool.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/softmax.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

// Numbers that bfloat16 has.
Tensor exact(const Shape& shape, std::uint64_t seed = 1) {
  return made(shape, cpu, -2, 2, seed).to(bfloat16).to(float32);
}

// Whole numbers from -3 to 3: their sums and products are exact.
Tensor whole(const Shape& shape, int offset) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<double>((i * 5 + static_cast<std::size_t>(offset)) % 7) - 3;
  return tensor(values, shape).to(float32);
}

struct Result {
  Tensor y;
  std::vector<Tensor> gradients;
};

using Op = std::function<Tensor(const std::vector<Tensor>&)>;

// The op and its gradients of x (operand 0, of the type) and parameters (the others, float32).
Result run(const Op& op, const std::vector<Tensor>& operands, DType type, Device device) {
  std::vector<Tensor> leaves;
  for (std::size_t i = 0; i < operands.size(); ++i)
    leaves.push_back(operands[i].to(i == 0 ? type : float32).to(device).detach().requires_grad_());
  manual_seed(5);
  default_generator().begin_step(1);
  Result result{op(leaves), {}};
  const Tensor dy = exact(result.y.shape(), 9);
  result.y.backward(dy.to(result.y.dtype()).to(device));
  for (const Tensor& leaf : leaves) result.gradients.push_back(leaf.grad());
  return result;
}

struct Case {
  const char* name;
  Op op;
  std::vector<Tensor> operands;
};

std::vector<Case> cases() {
  using In = std::vector<Tensor>;
  const Tensor image = exact({3, 6, 8, 8}), channel = exact({6}, 2), other = exact({6}, 3);
  const auto conv = [](Conv2dOptions o) { return [o](const In& in) { return conv2d(in[0], in[1], in[2], o); }; };
  return {
      {"relu", [](const In& in) { return relu(in[0]); }, {image}},
      {"gelu", [](const In& in) { return gelu(in[0]); }, {image}},
      {"dropout", [](const In& in) { return dropout(in[0], 0.3, true); }, {image}},
      {"dropout2d", [](const In& in) { return dropout2d(in[0], 0.3, true); }, {image}},
      {"conv2d", conv({.padding = 1}), {image, exact({10, 6, 3, 3}, 4), exact({10}, 5)}},
      {"conv2d, dilation", conv({.padding = 2, .dilation = 2}), {image, exact({5, 6, 3, 3}, 4), exact({5}, 5)}},
      {"conv2d, stride and groups",
       conv({.stride = 2, .padding = 1, .groups = 2}),
       {image, exact({8, 3, 3, 3}, 4), exact({8}, 5)}},
      {"conv2d, 1 x 1", conv({}), {image, exact({4, 6, 1, 1}, 4), exact({4}, 5)}},
      {"conv2d, depthwise", conv({.padding = 1, .groups = 6}), {image, exact({6, 1, 3, 3}, 4), exact({6}, 5)}},
      {"batch_norm",
       [](const In& in) { return batch_norm(in[0], {}, {}, in[1], in[2], {.training = true}, {.relu_after = true}); },
       {image, channel, other}},
      {"group_norm",
       [](const In& in) { return group_norm(in[0], 3, in[1], in[2], 1e-5, {.relu_before = true}); },
       {image, channel, other}},
      {"layer_norm",
       [](const In& in) {
         return layer_norm(in[0], {6, 8, 8}, in[1], in[2]);
       },
       {image, exact({6, 8, 8}, 2), exact({6, 8, 8}, 3)}},
      {"max_pool2d", [](const In& in) { return max_pool2d(in[0], 2); }, {image}},
      {"avg_pool2d", [](const In& in) { return avg_pool2d(in[0], 3, {.stride = 2}); }, {image}},
      {"global_avg_pool2d", [](const In& in) { return global_avg_pool2d(in[0]); }, {image}},
      {"adaptive_avg_pool2d, uneven", [](const In& in) { return adaptive_avg_pool2d(in[0], 3); }, {image}},
      {"linear", [](const In& in) { return linear(in[0], in[1], in[2]); }, {exact({5, 7}), exact({4, 7}, 2), exact({4}, 3)}},
      {"softmax", [](const In& in) { return softmax(in[0], 1); }, {exact({5, 7})}},
      {"sum", [](const In& in) { return sum(in[0], {1}); }, {exact({4, 3})}},
      {"exp", [](const In& in) { return exp(in[0]); }, {exact({4, 3})}},
      {"twice the scalar", [](const In& in) { return in[0] * 3.0; }, {exact({4, 3})}},
      {"transposed", [](const In& in) { return in[0].transpose(1, 2).contiguous(); }, {exact({2, 9, 17})}},
  };
}

// One rounding to eight bits, and what little the order of sums can add to it; relative to the largest.
void require_rounded(const Tensor& got, const Tensor& want, double steps) {
  const auto expected = want.to(float64).to_vector<double>();
  double largest = 0;
  for (double v : expected) largest = std::max(largest, std::abs(v));
  const auto values = got.to(cpu).to(float64).to_vector<double>();
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    INFO("element " << i << ": " << values[i] << ", expected " << expected[i]);
    REQUIRE(std::abs(values[i] - expected[i]) <= steps * (0x1p-8 * std::abs(expected[i]) + 1e-6 * (1 + largest)));
  }
}

}  // namespace

TEST_CASE("ops on bfloat16 give float32's results rounded, and float32 gradients of parameters", "[bfloat16]") {
  for (Device device : test_devices())
    for (const Case& c : cases()) {
      INFO(c.name << " on " << device.str());
      const Result got = run(c.op, c.operands, bfloat16, device), want = run(c.op, c.operands, float32, cpu);
      CHECK(got.y.dtype() == bfloat16);
      CHECK(got.y.device() == device);
      require_rounded(got.y, want.y, 1.01);
      CHECK(got.gradients[0].dtype() == bfloat16);
      for (std::size_t i = 0; i < got.gradients.size(); ++i) {
        INFO("gradient " << i);
        if (i > 0) CHECK(got.gradients[i].dtype() == float32);
        require_rounded(got.gradients[i], want.gradients[i], 2.5);
      }
    }
}

TEST_CASE("two operands of bfloat16, broadcast, and a tensor that is used twice", "[bfloat16]") {
  for (Device device : test_devices()) {
    const Tensor a = whole({2, 3, 4}, 0).to(bfloat16).to(device).requires_grad_(),
                 b = whole({3, 1}, 2).to(bfloat16).to(device).requires_grad_();
    const Tensor y = a * b + a - b;
    CHECK(y.dtype() == bfloat16);
    y.backward(ones_like(y));
    const Tensor wide_a = a.detach().to(cpu).to(float32).requires_grad_(),
                 wide_b = b.detach().to(cpu).to(float32).requires_grad_();
    const Tensor wide = wide_a * wide_b + wide_a - wide_b;
    wide.backward(ones_like(wide));
    require_close(y.to(cpu), wide, 0);
    require_close(a.grad().to(cpu), wide_a.grad(), 0);
    require_close(b.grad().to(cpu), wide_b.grad(), 0);
    CHECK(eq(a, a).dtype() == bfloat16);
    CHECK(sum(gt(a, b)).item() == sum(gt(wide_a, wide_b)).item());
    CHECK(argmax(a.detach().reshape({24})).item<int>() == argmax(wide_a.detach().reshape({24})).item<int>());
    CHECK(cat({a, a}, 1).dtype() == bfloat16);
    require_close(matmul(a, a.transpose(1, 2)).to(cpu), matmul(wide_a, wide_a.transpose(1, 2)), 0);
  }
}

TEST_CASE("cross entropy of bfloat16 logits is a float32 loss", "[bfloat16]") {
  for (Device device : test_devices()) {
    const Tensor scores = exact({6, 10}).to(bfloat16), labels = tensor<std::int64_t>({3, 0, 9, 2, 2, 7});
    const Tensor logits = scores.to(device).detach().requires_grad_(), wide = scores.to(float32).requires_grad_();
    const Tensor loss = cross_entropy(logits, labels.to(device)), expected = cross_entropy(wide, labels);
    CHECK(loss.dtype() == float32);
    require_close(loss, expected, 1e-6);
    loss.backward();
    expected.backward();
    CHECK(logits.grad().dtype() == bfloat16);
    require_rounded(logits.grad(), wide.grad(), 1.01);
    Tensor totals = zeros({3}, {float64, device}), wide_totals = zeros({3}, {.dtype = float64});
    accumulate_metrics(totals, logits.detach(), labels.to(device), loss.detach());
    accumulate_metrics(wide_totals, wide.detach(), labels, expected.detach());
    require_close(totals, wide_totals, 1e-6);
  }
}

TEST_CASE("batch norm's running statistics stay float32 beside bfloat16", "[bfloat16]") {
  for (Device device : test_devices()) {
    Tensor mean = zeros({6}, {.device = device}), var = ones({6}, {.device = device});
    Tensor wide_mean = zeros({6}), wide_var = ones({6});
    const Tensor x = exact({3, 6, 8, 8});
    batch_norm(x.to(bfloat16).to(device), mean, var, {}, {}, {.training = true});
    batch_norm(x, wide_mean, wide_var, {}, {}, {.training = true});
    require_close(mean, wide_mean, 1e-6);
    require_close(var, wide_var, 1e-6);
    const Tensor y = batch_norm(x.to(bfloat16).to(device), mean, var, {}, {}, {});
    CHECK(y.dtype() == bfloat16);
    require_rounded(y, batch_norm(x, wide_mean, wide_var, {}, {}, {}), 1.01);
  }
}

TEST_CASE("bfloat16 is random, printed and refused like the other types", "[bfloat16]") {
  for (Device device : test_devices()) {
    manual_seed(3);
    const Tensor drawn = randn({50}, {bfloat16, device});
    manual_seed(3);
    require_same_bits(drawn, randn({50}, {float32, device}).to(bfloat16));
    const Tensor x = zeros({1, 2, 4, 4}, {bfloat16, device});
    require_error(
        [&] {
          conv2d(x, zeros({3, 2, 1, 1}, {bfloat16, device}), {}, {});
        },
        "[conv2d] expected a weight of float32 on " + device.str() + ", got bfloat16 on " + device.str());
    require_error(
        [&] {
          x + zeros({1}, {float32, device});
        },
        "[add] expected a right operand of bfloat16 on " + device.str() + ", got float32 on " + device.str());
  }
  CHECK(tensor<double>({1.5, -2}).to(bfloat16).str() == "[1.5, -2]\ntensor(shape=[2], dtype=bfloat16, device=cpu)");
  CHECK(tensor<double>({0.1}).to(bfloat16).item() == 0.10009765625);
}

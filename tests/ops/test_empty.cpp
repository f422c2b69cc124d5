// Batches of nothing: shapes as PyTorch gives them, gradients of zeros for weights. Convolutions, linear layers, norms, pools
// and cross-entropy once refused them, where everything else took them.
#include <cmath>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/core/random.hpp"
#include "heddle/nn/containers.hpp"
#include "heddle/nn/conv.hpp"
#include "heddle/nn/layers.hpp"
#include "heddle/nn/norm.hpp"
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

// The op's result has this shape; all inputs get gradients, zeros where they have elements.
void require_empty(const std::function<Tensor(const std::vector<Tensor>&)>& op, const std::vector<Shape>& shapes,
                   const Shape& want) {
  for (Device device : test_devices())
    for (DType type : {float32, float64}) {
      std::vector<Tensor> inputs;
      for (const Shape& shape : shapes) {
        const TensorOptions options{type, device};
        inputs.push_back(ones(shape, options).requires_grad_());
      }
      const Tensor y = op(inputs);
      REQUIRE(y.shape() == want);
      REQUIRE(y.dtype() == type);
      y.backward(zeros_like(y));
      for (const Tensor& input : inputs) {
        REQUIRE(input.grad().defined());
        REQUIRE(input.grad().shape() == input.shape());
        for (double v : input.grad().to(float64).to_vector<double>()) REQUIRE(v == 0);
      }
      const Tensor plain = no_grad([&] { return op(inputs); });
      REQUIRE(plain.shape() == want);
    }
}

}  // namespace

TEST_CASE("convolutions and products of empty batches", "[empty]") {
  for (int groups : {1, 2, 4})
    require_empty([=](const auto& in) { return conv2d(in[0], in[1], in[2], {.stride = 2, .padding = 1, .groups = groups}); },
                  {{0, 4, 8, 9}, {8, 4 / groups, 3, 3}, {8}}, {0, 8, 4, 5});
  require_empty([](const auto& in) { return linear(in[0], in[1], in[2]); }, {{0, 3}, {5, 3}, {5}}, {0, 5});
  require_empty([](const auto& in) { return linear(in[0], in[1], in[2]); }, {{2, 0, 3}, {5, 3}, {5}}, {2, 0, 5});
  require_empty([](const auto& in) { return matmul(in[0], in[1]); }, {{0, 3}, {3, 5}}, {0, 5});
  require_empty([](const auto& in) { return matmul(in[0], in[1]); }, {{0, 2, 3}, {0, 3, 5}}, {0, 2, 5});
  require_empty([](const auto& in) { return matmul(in[0], in[1]); }, {{2, 0}, {0, 5}}, {2, 5});
  // A sum of no terms leaves the bias.
  const Tensor bias = tensor(std::vector<float>{1, 2});
  CHECK(linear(zeros({2, 0}), zeros({2, 0}), bias).to_vector<float>() == std::vector<float>{1, 2, 1, 2});
  CHECK(linear(zeros({1, 0}), zeros({2, 0})).to_vector<float>() == std::vector<float>{0, 0});
  CHECK_THROWS_AS(conv2d(zeros({1, 0, 4, 4}), zeros({2, 0, 3, 3})), Error);
  CHECK_THROWS_AS(conv2d(zeros({0, 3, 0, 4}), zeros({2, 3, 3, 3})), Error);
}

TEST_CASE("norms of empty batches", "[empty]") {
  require_empty([](const auto& in) { return batch_norm(in[0], {}, {}, in[1], in[2], {.training = true}); },
                {{0, 4, 3, 3}, {4}, {4}}, {0, 4, 3, 3});
  require_empty([](const auto& in) { return group_norm(in[0], 2, in[1], in[2]); }, {{0, 4, 3, 3}, {4}, {4}}, {0, 4, 3, 3});
  require_empty([](const auto& in) { return instance_norm(in[0], in[1], in[2]); }, {{0, 4, 3, 3}, {4}, {4}}, {0, 4, 3, 3});
  require_empty([](const auto& in) { return layer_norm(in[0], {4}, in[1], in[2]); }, {{0, 4}, {4}, {4}}, {0, 4});
  require_empty([](const auto& in) { return layer_norm(in[0], {4, 3}, in[1]); }, {{0, 4, 3}, {4, 3}}, {0, 4, 3});
  // Neighbouring dropouts draw as they would alone, so that what is drawn afterwards is the same.
  manual_seed(1);
  (void)group_norm(zeros({0, 4, 3, 3}), 2, {}, {}, 1e-5, {.dropout_after = {.p = 0.5}});
  const Tensor fused = rand({3});
  manual_seed(1);
  (void)dropout(group_norm(zeros({0, 4, 3, 3}), 2), 0.5);
  require_same_bits(fused, rand({3}));

  const Tensor mean = zeros({4}), var = ones({4}), batches = zeros({}, {.dtype = int64});
  (void)batch_norm(zeros({0, 4, 3, 3}), mean, var, {}, {}, {.training = true, .num_batches_tracked = batches});
  CHECK(batches.item<int>() == 1);
  CHECK(var.to_vector<float>() == std::vector<float>{1, 1, 1, 1});
  require_error(
      [&] {
        batch_norm(zeros({1, 4, 1, 1}), mean, var, {}, {}, {.training = true});
      },
      "[batch_norm] expected more than one value a channel when training, got input [1, 4, 1, 1]");
}

TEST_CASE("pools and activations of empty batches", "[empty]") {
  require_empty([](const auto& in) { return max_pool2d(in[0], 2); }, {{0, 3, 8, 8}}, {0, 3, 4, 4});
  require_empty([](const auto& in) { return avg_pool2d(in[0], 3, {.stride = 2, .padding = 1}); }, {{0, 3, 8, 8}}, {0, 3, 4, 4});
  require_empty([](const auto& in) { return adaptive_avg_pool2d(in[0], 3); }, {{0, 2, 8, 7}}, {0, 2, 3, 3});
  require_empty([](const auto& in) { return adaptive_avg_pool2d(in[0], 4); }, {{0, 2, 8, 8}}, {0, 2, 4, 4});
  require_empty([](const auto& in) { return global_avg_pool2d(in[0]); }, {{0, 2, 8, 8}}, {0, 2, 1, 1});
  require_empty([](const auto& in) { return relu(in[0]); }, {{0, 3}}, {0, 3});
  require_empty([](const auto& in) { return dropout(in[0], 0.5); }, {{0, 3}}, {0, 3});
  require_empty([](const auto& in) { return dropout2d(in[0], 0.5); }, {{0, 3, 4, 4}}, {0, 3, 4, 4});
  require_empty([](const auto& in) { return softmax(in[0], 1); }, {{0, 3}}, {0, 3});
  require_empty([](const auto& in) { return log_softmax(in[0], 0); }, {{0, 3}}, {0, 3});
  CHECK_THROWS_AS(max_pool2d(zeros({0, 3, 0, 8}), 2), Error);
  CHECK_THROWS_AS(max_pool2d(zeros({0, 8, 8}), 2), Error);
}

TEST_CASE("elementwise ops, reductions and shapes of empty batches", "[empty]") {
  require_empty([](const auto& in) { return in[0] * in[1] + exp(in[0]); }, {{0, 3}, {3}}, {0, 3});
  require_empty([](const auto& in) { return sum(in[0], {0}); }, {{0, 3}}, {3});
  require_empty([](const auto& in) { return sum(in[0], {1}); }, {{0, 3}}, {0});
  require_empty([](const auto& in) { return mean(in[0], {1}, true); }, {{0, 3}}, {0, 1});
  require_empty([](const auto& in) { return var(in[0], {1}); }, {{0, 3}}, {0});
  require_empty([](const auto& in) { return max(in[0], 1).values; }, {{0, 3}}, {0});
  require_empty([](const auto& in) { return min(in[0], 1, true).values; }, {{0, 3}}, {0, 1});
  require_empty([](const auto& in) { return in[0].flatten(1); }, {{0, 3, 2}}, {0, 6});
  require_empty([](const auto& in) { return cat({in[0], in[1]}, 1); }, {{0, 3}, {0, 2}}, {0, 5});
  require_empty([](const auto& in) { return in[0].permute({1, 0}).contiguous(); }, {{0, 3}}, {3, 0});
  CHECK(argmax(zeros({0, 3}), 1).shape() == Shape{0});
  CHECK(max(zeros({0, 3}), 1).indices.shape() == Shape{0});
  require_error([] { max(zeros({3, 0}), 1); }, "[max] expected elements to choose from along dimension 1, got shape [3, 0]");
  require_error([] { argmax(zeros({0})); }, "[argmax] expected elements to choose from, got shape [0]");
  CHECK_THROWS_AS(max(zeros({0})), Error);
}

TEST_CASE("losses of empty batches: the mean is NaN, the sum 0", "[empty]") {
  const Tensor labels = zeros({0}, {.dtype = int64});
  const auto each = [&](const std::function<Tensor(const Tensor&, Reduction)>& loss, const Shape& shape,
                        const Shape& unreduced) {
    Tensor x = zeros(shape).requires_grad_();
    const Tensor mean = loss(x, Reduction::mean);
    CHECK(std::isnan(mean.item()));
    mean.backward();
    CHECK(x.grad().shape() == shape);
    CHECK(loss(x, Reduction::sum).item() == 0);
    CHECK(loss(x, Reduction::none).shape() == unreduced);
  };
  each([&](const Tensor& x, Reduction r) { return cross_entropy(x, labels, {.reduction = r}); }, {0, 3}, {0});
  each([&](const Tensor& x, Reduction r) { return nll_loss(x, labels, {.reduction = r}); }, {0, 3}, {0});
  each([](const Tensor& x, Reduction r) { return mse_loss(x, zeros({0, 3}), r); }, {0, 3}, {0, 3});
  each([](const Tensor& x, Reduction r) { return l1_loss(x, zeros({0, 3}), r); }, {0, 3}, {0, 3});
  each([](const Tensor& x, Reduction r) { return binary_cross_entropy_with_logits(x, zeros({0, 3}), r); }, {0, 3}, {0, 3});
  Tensor totals = ones({3}, {.dtype = float64});
  accumulate_metrics(totals, zeros({0, 3}), labels, full({}, std::nan("")));
  CHECK(totals.to_vector<double>() == std::vector<double>{1, 1, 1});
}

TEST_CASE("a network of an empty batch, trained and evaluated", "[empty]") {
  nn::Sequential net(nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1, .bias = false}),
                     nn::BatchNorm2d({.num_features = 8}), nn::ReLU(), nn::Dropout({.p = 0.5}),
                     nn::MaxPool2d({.kernel_size = 2}), nn::Flatten(), nn::Linear({.in_features = 8 * 16, .out_features = 10}));
  const Tensor labels = zeros({0}, {.dtype = int64});
  const Tensor y = net(zeros({0, 3, 8, 8}));
  CHECK(y.shape() == Shape{0, 10});
  cross_entropy(y, labels, {.reduction = Reduction::sum}).backward();
  for (const Tensor& p : net.parameters()) {
    REQUIRE(p.grad().defined());
    for (float v : p.grad().to_vector<float>()) CHECK(v == 0);
  }
  net.eval();
  CHECK(no_grad([&] { return net(zeros({0, 3, 8, 8})); }).shape() == Shape{0, 10});
}

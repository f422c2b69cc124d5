// Softmax and losses against their definitions, over their options.
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/loss.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/softmax.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

// PyTorch's definition: with q the one-hot target mixed with `smoothing` of the uniform one, sample i costs
// -sum over k of weight[k] * q[k] * log p[k]; the mean divides by the sum of the labels' weights.
std::vector<double> reference(const Tensor& logits, const std::vector<std::int64_t>& labels, const std::vector<double>& weight,
                              std::int64_t ignored, double smoothing, Reduction reduction) {
  const auto x = logits.to_vector<double>();
  const std::size_t classes = static_cast<std::size_t>(logits.size(1));
  std::vector<double> losses;
  double divisor = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    double normalizer = 0, loss = 0;
    for (std::size_t k = 0; k < classes; ++k) normalizer += std::exp(x[i * classes + k]);
    for (std::size_t k = 0; k < classes; ++k) {
      const double hot = static_cast<std::int64_t>(k) == labels[i] ? 1 : 0;
      const double q = (1 - smoothing) * hot + smoothing / static_cast<double>(classes);
      loss -= weight[k] * q * std::log(std::exp(x[i * classes + k]) / normalizer);
    }
    if (labels[i] == ignored)
      loss = 0;
    else
      divisor += weight[static_cast<std::size_t>(labels[i])];
    losses.push_back(loss);
  }
  if (reduction == Reduction::none) return losses;
  double total = 0;
  for (double l : losses) total += l;
  return {reduction == Reduction::mean ? total / divisor : total};
}

}  // namespace

TEST_CASE("softmax and log_softmax along any dimension", "[softmax]") {
  for (Device device : test_devices())
    for (int dim : {0, 1, 2, -1}) {
      const Tensor x = leaf({3, 4, 5}, device, -3, 3);
      const Tensor e = exp(x.detach()), want = e / sum(e, {dim}, true);
      require_close(softmax(x, dim), want);
      require_close(log_softmax(x, dim), log(want));
      require_close(softmax(x.detach().to(float32), dim), want, 1e-6);
      require_gradients([=](const auto& in) { return softmax(in[0], dim); }, {x});
      require_gradients([=](const auto& in) { return log_softmax(in[0], dim); }, {x});
      require_gradients([=](const auto& in) { return softmax(in[0].permute({1, 2, 0}), dim); }, {x});
    }
  require_close(softmax(tensor(std::vector<double>{1000, 1001, -1000}), 0),
                std::vector<double>{1 / (1 + std::exp(1)), 1 / (1 + std::exp(-1)), 0});
  require_close(log_softmax(tensor(std::vector<double>{0, 2000}), 0), std::vector<double>{-2000, 0});
  require_error([] { softmax(zeros({2, 3}), 2); }, "[softmax] expected a dimension in [-2, 2), got 2");
  require_error([] { log_softmax(zeros({2}, {.dtype = int64}), 0); }, "[log_softmax] expected float32 or float64, got int64");
}

TEST_CASE("cross_entropy over its options", "[loss]") {
  const std::vector<std::int64_t> labels{2, 0, 4, 1, 2, 3, 4};
  const std::vector<double> weights{0.5, 1, 2, 1.5, 0.25};
  for (Device device : test_devices())
    for (bool weighted : {false, true})
      for (std::int64_t ignored : {-100, 4})
        for (double smoothing : {0.0, 0.1, 1.0})
          for (Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
            INFO("weighted " << weighted << ", ignored " << ignored << ", smoothing " << smoothing << ", reduction "
                             << static_cast<int>(reduction));
            const Tensor x = leaf({7, 5}, device, -3, 3), y = tensor(labels, {}, device);
            const CrossEntropyOptions options{.weight = weighted ? tensor(weights, {}, device) : Tensor{},
                                              .ignore_index = ignored,
                                              .reduction = reduction,
                                              .label_smoothing = smoothing};
            const Tensor loss = cross_entropy(x, y, options);
            REQUIRE(loss.shape() == (reduction == Reduction::none ? Shape{7} : Shape{}));
            require_close(
                loss, reference(x, labels, weighted ? weights : std::vector<double>(5, 1.0), ignored, smoothing, reduction));
            require_gradients([&](const auto& in) { return cross_entropy(in[0], y, options); }, {x});
            if (smoothing > 0) continue;
            const NllLossOptions same{.weight = options.weight, .ignore_index = ignored, .reduction = reduction};
            require_close(nll_loss(log_softmax(x, 1), y, same), loss);
            require_gradients([&](const auto& in) { return nll_loss(in[0], y, same); }, {x});
          }
}

TEST_CASE("cross_entropy in float32, of hopeless and of certain predictions", "[loss]") {
  for (Device device : test_devices()) {
    const Tensor x = tensor(std::vector<float>{1000, 0, -1000, 1000}, Shape{2, 2}, device);
    require_close(cross_entropy(x, tensor(std::vector<std::int64_t>{0, 0}, {}, device), {.reduction = Reduction::none}),
                  std::vector<double>{0, 2000});
    const Tensor big = made({33, 10}, device, -4, 4);
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < 33; ++i) labels.push_back(i % 10);
    const Tensor y = tensor(labels, {}, device);
    require_close(cross_entropy(big.to(float32), y), cross_entropy(big, y), 1e-6);
  }
}

TEST_CASE("losses of equal shapes", "[loss]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({3, 4}, device, -2, 2), t = leaf({3, 4}, device, 0.1, 0.9, 2);
    const Tensor d = x.detach() - t.detach();
    require_close(mse_loss(x, t), mean(d * d));
    require_close(mse_loss(x, t, Reduction::sum), sum(d * d));
    require_close(mse_loss(x, t, Reduction::none), d * d);
    require_close(l1_loss(x, t), mean(abs(d)));
    const Tensor p = 1 / (1 + exp(-x.detach())), td = t.detach();
    require_close(binary_cross_entropy_with_logits(x, t), -mean(td * log(p) + (1 - td) * log(1 - p)));
    for (Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
      require_gradients([=](const auto& in) { return mse_loss(in[0], in[1], reduction); }, {x, t});
      require_gradients([=](const auto& in) { return l1_loss(in[0], in[1], reduction); }, {x, t});
      require_gradients([=](const auto& in) { return binary_cross_entropy_with_logits(in[0], in[1], reduction); }, {x, t});
    }
    const Tensor far = tensor(std::vector<double>{-1000, 0, 1000}, {}, device).requires_grad_(), ones3 = ones_like(far);
    const Tensor losses = binary_cross_entropy_with_logits(far, ones3, Reduction::none);
    require_close(losses, std::vector<double>{1000, std::log(2), 0});
    sum(losses).backward();
    require_close(far.grad(), std::vector<double>{-1, -0.5, 0});
  }
}

TEST_CASE("meters add up on the device", "[loss]") {
  for (Device device : test_devices()) {
    Tensor totals = zeros({3}, {float64, device});
    // Rows say 1, 0, 2, and 1 by the first of equals.
    const Tensor logits = tensor(std::vector<float>{0, 5, 1, 3, 2, 1, 0, 0, 1, 0, 4, 4}, Shape{4, 3}, device);
    const Tensor labels = tensor(std::vector<std::int64_t>{1, 2, 2, 1}, {}, device);
    accumulate_metrics(totals, logits, labels, full({}, 0.5, {.device = device}));
    require_close(totals, std::vector<double>{2, 3, 4});
    accumulate_metrics(totals, logits.slice(0, 1, 3), labels.slice(0, 1, 3), full({}, 2, {.device = device}));
    require_close(totals, std::vector<double>{6, 4, 6});
  }
}

TEST_CASE("losses give the same bits on any number of threads", "[loss]") {
  const Tensor x = made({513, 10}).to(float32);
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < 513; ++i) labels.push_back(i * 7 % 10);
  same_on_any_threads([&] {
    const Tensor xl = x.detach().requires_grad_();
    const Tensor loss = cross_entropy(xl, tensor(labels), {.label_smoothing = 0.1});
    loss.backward();
    std::vector<float> all = xl.grad().to_vector<float>();
    all.push_back(loss.item<float>());
    return all;
  });
}

TEST_CASE("losses say what they expected, before anything is computed", "[loss]") {
  const Tensor x = zeros({4, 10});
  const auto labels = [](std::vector<std::int64_t> values) { return tensor(values); };
  require_error(
      [&] {
        cross_entropy(x, labels({0, 1, 10, 3}));
      },
      "[cross_entropy] expected labels in [0, 10) or the ignored -100, got 10 at 2");
  require_error(
      [&] {
        nll_loss(x, labels({0, -1, 2, 3}), {.ignore_index = 7});
      },
      "[nll_loss] expected labels in [0, 10) or the ignored 7, got -1 at 1");
  require_error(
      [&] {
        cross_entropy(x, labels({0, 1}));
      },
      "[cross_entropy] expected labels of shape [4] for scores [4, 10], got [2]");
  require_error([&] { cross_entropy(x, zeros({4})); }, "[cross_entropy] expected labels of int64, got float32");
  require_error([&] { cross_entropy(zeros({10}), labels({1})); },
                "[cross_entropy] expected scores [n, classes] of one class or more, got [10]");
  require_error(
      [&] {
        cross_entropy(x, labels({0, 1, 2, 3}), {.label_smoothing = 1.5});
      },
      "[cross_entropy] expected a label_smoothing in [0, 1], got 1.5");
  require_error(
      [&] {
        cross_entropy(x, labels({0, 1, 2, 3}), {.weight = ones({9})});
      },
      "[cross_entropy] expected a weight of shape [10] for an input [4, 10], got [9]");
  require_error([&] { mse_loss(x, zeros({4, 9})); }, "[mse_loss] expected a target of the input's shape [4, 10], got [4, 9]");
  require_error([&] { l1_loss(x, {}); }, "[l1_loss] expected a target of the input's shape [4, 10], got none");
  Tensor totals = zeros({3});
  require_error(
      [&] {
        accumulate_metrics(totals, x, labels({0, 1, 2, 3}), zeros({}));
      },
      "[accumulate_metrics] expected totals float64 [3] on cpu, got float32 [3] on cpu");
}

// Training does not grow: after the first steps every step lives on the same memory.
#include "heddle/autograd/grad_mode.hpp"
#include "heddle/core/allocator.hpp"
#include "heddle/core/random.hpp"
#include "heddle/ops/activation.hpp"
#include "heddle/ops/conv.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/linear.hpp"
#include "heddle/ops/loss.hpp"
#include "heddle/ops/norm.hpp"
#include "heddle/ops/pool.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

struct Net {
  Tensor conv, gamma, beta, weight, bias, running_mean, running_var;

  explicit Net(Device device)
      : conv(made({8, 3, 3, 3}, device).to(float32).requires_grad_()),
        gamma(ones({8}, {.device = device}).requires_grad_()),
        beta(zeros({8}, {.device = device}).requires_grad_()),
        weight(made({10, 8}, device).to(float32).requires_grad_()),
        bias(zeros({10}, {.device = device}).requires_grad_()),
        running_mean(zeros({8}, {.device = device})),
        running_var(ones({8}, {.device = device})) {}

  Tensor loss(const Tensor& x, const Tensor& labels) const {
    Tensor y = conv2d(x, conv, {}, {.padding = 1});
    y = batch_norm(y, running_mean, running_var, gamma, beta, {.training = true},
                   {.relu_after = true, .dropout_after = {.p = 0.1}});
    y = y + relu(y);
    y = global_avg_pool2d(max_pool2d(y, 2)).flatten(1);
    return cross_entropy(linear(y, weight, bias), labels);
  }
};

}  // namespace

TEST_CASE("memory does not grow from step to step", "[memory]") {
  for (Device device : test_devices()) {
    const Net net(device);
    const Tensor x = made({16, 3, 12, 12}, device).to(float32);
    const Tensor labels = tensor(std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5}, {}, device);
    std::size_t in_use = 0, taken = 0;
    for (int step = 0; step < 6; ++step) {
      net.loss(x, labels).backward();
      for (Tensor p : {net.conv, net.gamma, net.beta, net.weight, net.bias}) {
        no_grad([&] { p.copy_(p - p.grad() * 0.1); });
        p.set_grad({});
      }
      const MemoryStats stats = memory_stats(device);
      if (step == 1) {
        in_use = stats.allocated;
        taken = stats.system_allocations;
      }
      if (step > 1) {
        REQUIRE(stats.allocated == in_use);
        REQUIRE(stats.system_allocations == taken);
      }
    }
  }
}

TEST_CASE("a loss that is dropped without backward frees its graph", "[memory]") {
  for (Device device : test_devices()) {
    const Net net(device);
    const Tensor x = made({4, 3, 12, 12}, device).to(float32);
    const Tensor labels = tensor(std::vector<std::int64_t>{0, 1, 2, 3}, {}, device);
    const std::size_t before = memory_stats(device).allocated;
    { const Tensor loss = net.loss(x, labels); }
    REQUIRE(memory_stats(device).allocated == before);
  }
}

TEST_CASE("evaluation keeps nothing of a layer once the next has run", "[memory]") {
  for (Device device : test_devices()) {
    const Tensor x = ones({1 << 18}, {.device = device}).requires_grad_();
    const auto peak = [&](bool recording) {
      empty_cache(device);
      reset_peak_memory_stats(device);
      const std::size_t before = memory_stats(device).allocated;
      const auto chain = [&] {
        Tensor y = x;
        for (int i = 0; i < 10; ++i) y = sigmoid(y);
        return y;
      };
      const Tensor y = recording ? chain() : no_grad(chain);
      return memory_stats(device).peak_allocated - before;
    };
    REQUIRE(peak(false) <= 2u << 20);
    REQUIRE(peak(true) >= 10u << 20);
  }
}

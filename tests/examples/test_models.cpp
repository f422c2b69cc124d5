// The thirteen trainings: parameter counts to the digit, learning, and repeatability.

#include "heddle/heddle.hpp"
#include "model.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

struct Count {
  const char* arch;
  const char* norm;
  std::int64_t parameters;
};
constexpr Count counts[] = {
    {"transition", "batch", 47876}, {"transition", "group", 47876}, {"transition", "layer", 47452}, {"dilated", "batch", 195508},
    {"residual", "batch", 48178},   {"residual", "group", 48178},   {"residual", "layer", 48178},   {"bottleneck", "batch", 48096},
    {"bottleneck", "group", 48096}, {"bottleneck", "layer", 111568}, {"compact", "batch", 37098},   {"compact", "group", 37098},
    {"compact", "layer", 37098}};

cifar10::Net build(const Count& c) {
  const auto& architecture = cifar10::find_architecture(c.arch);
  return architecture.build(cifar10::find_norm(architecture, c.norm));
}

// One batch of drawn images, normalised.
data::Batch some_batch(std::int64_t n) {
  const auto set = data::synthetic({.count = n});
  const data::DataLoader loader(set, {.batch_size = n, .transform = {data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std}}});
  for (auto& batch : loader.epoch(0)) return batch;
  return {};
}

// Loss of every step, and the weights at the end.
std::vector<float> train_a_little(const Count& c, const data::Batch& batch, int steps, double lr) {
  manual_seed(5);
  auto net = build(c);
  optim::SGD optimizer(net.parameters(), {.lr = lr, .momentum = 0.9});
  std::vector<float> trace;
  for (int s = 0; s < steps; ++s) {
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(net(batch.images), batch.labels);
    loss.backward();
    optimizer.step();
    trace.push_back(loss.item<float>());
  }
  for (const auto& p : net.parameters()) {
    const auto v = p.detach().to_vector<float>();
    trace.insert(trace.end(), v.begin(), v.end());
  }
  return trace;
}

}  // namespace

TEST_CASE("parameter counts of the thirteen") {
  for (const auto& c : counts) {
    CAPTURE(c.arch, c.norm);
    auto net = build(c);
    CHECK(net.num_parameters() == c.parameters);
    const auto summary = nn::summarize(net, {1, 3, 32, 32});
    CHECK(summary.parameters == c.parameters);
    CHECK(net(zeros({2, 3, 32, 32})).shape() == Shape{2, 10});
  }
}

TEST_CASE("the dilated network sees more than 44 pixels") {
  auto net = build({"dilated", "batch", 0});
  CHECK(nn::summarize(net, {1, 3, 32, 32}).layers.back().receptive_field > 44);
}

// Learnt by heart: a mean loss below ln 2 / 8 over eight images means that every one of them is right.
TEST_CASE("each of the thirteen overfits one batch", "[slow]") {
  const auto batch = some_batch(8);
  for (const auto& c : counts) {
    CAPTURE(c.arch, c.norm);
    manual_seed(5);
    auto net = build(c);
    optim::Adam optimizer(net.parameters(), {.lr = 3e-3});
    double loss_value = 10;
    for (int step = 1; step <= 2000 && loss_value > 0.08; ++step) {
      net.train();
      optimizer.zero_grad();
      cross_entropy(net(batch.images), batch.labels).backward();
      optimizer.step();
      if (step % 20 != 0) continue;
      net.eval();
      loss_value = no_grad([&] { return cross_entropy(net(batch.images), batch.labels).item(); });
    }
    CHECK(loss_value <= 0.08);
  }
}

TEST_CASE("one seed, one result, to the bit, on any number of threads") {
  const auto batch = some_batch(24);
  for (const auto& c : counts) {
    CAPTURE(c.arch, c.norm);
    set_num_threads(1);
    const auto once = train_a_little(c, batch, 3, 0.01);
    CHECK(once == train_a_little(c, batch, 3, 0.01));
    for (int threads : {2, 4}) {
      set_num_threads(threads);
      CHECK(once == train_a_little(c, batch, 3, 0.01));
    }
    set_num_threads(0);
  }
}

TEST_CASE("memory stops growing after the first step") {
  const auto batch = some_batch(8);
  auto net = build({"bottleneck", "batch", 0});
  optim::SGD optimizer(net.parameters(), {.lr = 0.01, .momentum = 0.9});
  const auto step = [&] {
    optimizer.zero_grad();
    cross_entropy(net(batch.images), batch.labels).backward();
    optimizer.step();
  };
  for (int warm = 0; warm < 2; ++warm) step();
  const auto before = memory_stats();
  for (int s = 0; s < 5; ++s) step();
  const auto after = memory_stats();
  CHECK(after.reserved == before.reserved);
  CHECK(after.system_allocations == before.system_allocations);
  CHECK(after.allocated == before.allocated);
}

TEST_CASE("unknown names are told what there is") {
  CHECK_THROWS_WITH(cifar10::find_architecture("resnet"),
                    "[arch] expected one of transition, dilated, residual, bottleneck, compact, got 'resnet'");
  CHECK_THROWS_WITH(cifar10::find_norm(cifar10::find_architecture("dilated"), "group"), "[norm] expected one of batch for dilated, got 'group'");
}

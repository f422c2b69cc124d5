// The training loop on small drawn data: it learns, repeats itself to the bit, and says when it diverges.
#include <filesystem>

#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

nn::Sequential small_net() {
  return nn::Sequential(nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .stride = 2, .padding = 1}),
                        nn::BatchNorm2d({.num_features = 8}), nn::ReLU(), nn::Dropout2d({.p = 0.05}),
                        nn::Conv2d({.in_channels = 8, .out_channels = 16, .kernel_size = 3, .stride = 2, .padding = 1}),
                        nn::BatchNorm2d({.num_features = 16}), nn::ReLU(), nn::AdaptiveAvgPool2d({.output_size = 2}),
                        nn::Flatten(), nn::Linear({.in_features = 64, .out_features = 10}));
}

struct Run {
  std::vector<train::EpochResult> history;
  std::vector<float> weights;
};

Run run(int threads, double lr = 0.05) {
  set_num_threads(threads);
  manual_seed(2);
  const data::Normalize normalize{.mean = data::cifar10_mean, .std = data::cifar10_std};
  const data::DataLoader train(
      data::synthetic({.count = 1000}),
      {.batch_size = 48, .shuffle = true, .seed = 2, .transform = {data::RandomHorizontalFlip{}, normalize}});
  const data::DataLoader test(data::synthetic({.count = 300, .split = data::Split::test}),
                              {.batch_size = 100, .transform = {normalize}});
  auto net = small_net();
  optim::SGD optimizer(net.parameters(), {.lr = lr, .momentum = 0.9});
  optim::OneCycleLR schedule(optimizer, {.max_lr = lr, .total_steps = 6 * train.size()});
  Run result;
  std::int64_t steps = 0;
  result.history =
      train::fit(net, optimizer, &schedule, train, test, {.epochs = 6, .seed = 2, .on_step = [&](const train::Progress& p) {
                                                            ++steps;
                                                            CHECK(p.steps == 21);
                                                            return true;
                                                          }});
  CHECK(steps == 126);
  for (const auto& [name, t] : net.state_dict())
    if (t.dtype() == float32) {
      const auto v = t.to_vector<float>();
      result.weights.insert(result.weights.end(), v.begin(), v.end());
    }
  set_num_threads(0);
  return result;
}

}  // namespace

TEST_CASE("fit learns, and repeats itself on any number of threads") {
  const auto one = run(1), three = run(3);
  REQUIRE(one.history.size() == 6);
  CHECK(one.history.back().train.loss < 0.85 * one.history.front().train.loss);
  CHECK(one.history.back().test.accuracy > 20);
  CHECK(one.history.front().train.count == 1000);
  CHECK(one.history.front().test.count == 300);
  CHECK(one.weights == three.weights);
  for (std::size_t e = 0; e < 6; ++e) {
    CHECK(one.history[e].train.loss == three.history[e].train.loss);
    CHECK(one.history[e].test.accuracy == three.history[e].test.accuracy);
  }
}

TEST_CASE("a training that diverges stops with an error that names the step") {
  CHECK_THROWS_WITH(run(0, 1e30), Catch::Matchers::ContainsSubstring("expected a finite loss"));
}

TEST_CASE("on_epoch can end the training") {
  const data::DataLoader loader(data::synthetic({.count = 64}), {.batch_size = 32});
  auto net = small_net();
  optim::SGD optimizer(net.parameters(), {.lr = 0.01});
  const auto history =
      train::fit(net, optimizer, nullptr, loader, loader, {.epochs = 5, .on_epoch = [](const auto& r) { return r.epoch < 2; }});
  CHECK(history.size() == 2);
}

TEST_CASE("predict gives every sample's label, class and confidence in order") {
  const auto set = data::synthetic({.count = 50});
  const data::DataLoader loader(set, {.batch_size = 16});
  auto net = small_net();
  const auto p = train::predict(net, loader);
  REQUIRE(p.label.size() == 50);
  CHECK(p.label == set.labels().to_vector<std::int64_t>());
  std::int64_t right = 0;
  for (std::size_t i = 0; i < 50; ++i) {
    CHECK(p.index[i] == static_cast<std::int64_t>(i));
    CHECK(p.confidence[i] >= 0.1f);
    CHECK(p.confidence[i] <= 1.0f);
    right += p.label[i] == p.predicted[i];
  }
  CHECK(train::evaluate(net, loader).accuracy == Approx(100.0 * static_cast<double>(right) / 50));
  CHECK(net.training());
}

// The training loop on small drawn data: it learns, repeats itself to the bit, and says when it diverges.
#include <filesystem>
#include <thread>

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

namespace {

data::DataLoader few_images() {
  return data::DataLoader(data::synthetic({.count = 64}), {.batch_size = 32, .transform = {data::Normalize{}}});
}

// A part behind a pointer that members() does not name.
struct Hidden : nn::Module {
  nn::Sequential named = small_net();
  std::shared_ptr<nn::Module> unnamed = std::make_shared<nn::Linear>(nn::LinearOptions{.in_features = 10, .out_features = 10});
  Tensor forward(const Tensor& x) override { return (*unnamed)(named(x)); }
  void members(nn::Members& m) override { m.module("named", named); }
};

}  // namespace

// evaluate() and each of fit()'s epochs used to put every layer into one mode.
TEST_CASE("frozen layers stay frozen through evaluate, predict, find_lr and fit") {
  manual_seed(1);
  auto net = small_net();
  net[1].eval();
  net[0].parameters()[0].requires_grad_(false);
  const auto loader = few_images();
  optim::SGD optimizer(net.parameters(), {.lr = 0.01});
  const auto statistics = [&] { return net[1].named_buffers()[0].second.to_vector<float>(); };
  const auto weight = [&] { return net[0].parameters()[0].to_vector<float>(); };
  const auto before = statistics(), weight_before = weight();
  const auto modes = [&] {
    std::vector<bool> all;
    for (const auto& [path, m] : net.named_modules()) all.push_back(m->training());
    return all;
  };
  const auto modes_before = modes();
  train::evaluate(net, loader);
  CHECK(modes() == modes_before);
  train::predict(net, loader);
  train::find_lr(net, optimizer, loader, {.steps = 10});
  CHECK(modes() == modes_before);
  CHECK(statistics() == before);
  train::fit(net, optimizer, nullptr, loader, loader, {.epochs = 2, .on_epoch = [&](const train::EpochResult&) {
                                                         CHECK(modes() == modes_before);
                                                         return true;
                                                       }});
  CHECK(modes() == modes_before);
  CHECK(statistics() == before);
  CHECK(weight() == weight_before);
  CHECK(net[5].named_buffers()[0].second.to_vector<float>() != std::vector<float>(16, 0.0f));

  // Left in evaluation mode as a whole, it trains as a whole, and is in evaluation mode again afterwards.
  net.eval();
  train::fit(net, optimizer, nullptr, loader, loader, {.epochs = 1});
  CHECK(statistics() != before);
  CHECK_FALSE(net.training());
}

TEST_CASE("fit says at its first step that members() forgot a part") {
  manual_seed(1);
  Hidden net;
  const auto loader = few_images();
  optim::SGD optimizer(net.parameters(), {.lr = 0.01});
  CHECK_THROWS_WITH(train::fit(net, optimizer, nullptr, loader, loader, {.epochs = 1}),
                    Catch::Matchers::ContainsSubstring("shape [10, 10]") && Catch::Matchers::ContainsSubstring("members()"));
  optim::SGD all(net.parameters(), {.lr = 0.01});
  all.add_param_group(net.unnamed->parameters(), {.lr = 0.01});
  CHECK(train::fit(net, all, nullptr, loader, loader, {.epochs = 1}).size() == 1);
}

TEST_CASE("a thread that trains keeps its numbers when another seeds the program") {
  const auto loader = few_images();
  const auto train_once = [&](const std::function<void()>& meanwhile) {
    manual_seed(3);
    auto net = small_net();
    optim::SGD optimizer(net.parameters(), {.lr = 0.01});
    train::fit(net, optimizer, nullptr, loader, loader, {.epochs = 1, .seed = 5, .on_step = [&](const train::Progress&) {
                                                           meanwhile();
                                                           return true;
                                                         }});
    return net.parameters().back().to_vector<float>();
  };
  const auto alone = train_once([] {});
  CHECK(train_once([] { std::thread([] { manual_seed(99), rand({4}); }).join(); }) == alone);
}

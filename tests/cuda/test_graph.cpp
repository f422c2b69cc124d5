// Recorded steps: the same bits as steps that are launched one by one, with everything that changes between two of them:
// batches, augmentation, dropout's masks, rates and momentum, Adam's count, a shorter last batch.
#include <memory>
#include <vector>

#include "heddle/core/graph.hpp"
#include "heddle/heddle.hpp"
#include "heddle/train/recorded_steps.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

nn::Sequential small_net() {
  return nn::Sequential(nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .stride = 2, .padding = 1}),
                        nn::BatchNorm2d({.num_features = 8}), nn::ReLU(), nn::Dropout({.p = 0.2}),
                        nn::Conv2d({.in_channels = 8, .out_channels = 8, .kernel_size = 3, .stride = 2, .padding = 1}),
                        nn::GroupNorm({.num_groups = 2, .num_channels = 8}), nn::ReLU(), nn::Dropout2d({.p = 0.1}),
                        nn::AdaptiveAvgPool2d({.output_size = 1}), nn::Flatten(),
                        nn::Linear({.in_features = 8, .out_features = 10}));
}

enum class Kind { sgd, adam };

struct Outcome {
  std::vector<float> weights, metrics;
  std::size_t nodes = 0;
};

// Three epochs of two whole batches and a shorter one: by the third, both sizes are replayed.
Outcome train_small(Kind kind, bool recorded, double clip = 0) {
  manual_seed(5);
  auto net = small_net();
  net.to(cuda);
  net.train();
  const data::DataLoader loader(data::synthetic({.count = 19}).to(cuda),
                                {.batch_size = 8,
                                 .shuffle = true,
                                 .seed = 3,
                                 .transform = {data::ShiftScaleRotate{}, data::RandomHorizontalFlip{},
                                               data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std}}});
  std::unique_ptr<optim::Optimizer> optimizer;
  if (kind == Kind::sgd)
    optimizer = std::make_unique<optim::SGD>(net.parameters(), optim::SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true});
  else
    optimizer = std::make_unique<optim::AdamW>(net.parameters(), optim::AdamWOptions{.lr = 0.01, .weight_decay = 0.1});
  train::Meter meter(cuda);
  const auto parameters = optimizer->parameters();
  const auto work = [&](const data::Batch& batch) {
    optimizer->zero_grad();
    const Tensor logits = net(batch.images);
    const Tensor loss = cross_entropy(logits, batch.labels, {.label_smoothing = 0.1});
    loss.backward();
    if (clip > 0) optim::clip_grad_norm_(parameters, clip);
    optimizer->step();
    meter.add(logits, batch.labels, loss.detach());
  };
  train::RecordedSteps steps(loader, *optimizer, work);
  Outcome outcome;
  std::uint64_t step = 0;
  for (std::uint64_t epoch = 0; epoch < 5; ++epoch) {
    meter.reset();
    const auto before = [&] {  // a rate of its own for each step
      ++step;
      optimizer->set_lr(0.1 / static_cast<double>(step));
      optimizer->set_momentum(0.9 - 0.01 * static_cast<double>(step));
    };
    if (recorded) {
      steps.begin_epoch(epoch);
      for (std::int64_t batch = 0; batch < loader.size(); ++batch) before(), steps.run(batch, step);
    } else {
      for (const auto& batch : loader.epoch(epoch)) before(), default_generator().begin_step(step), work(batch);
    }
    const auto metrics = meter.read();
    outcome.metrics.push_back(static_cast<float>(metrics.loss));
    outcome.metrics.push_back(static_cast<float>(metrics.accuracy));
    CHECK(metrics.count == 19);
  }
  for (const auto& [name, t] : net.state_dict())
    if (t.dtype() == float32)
      for (float v : t.to_vector<float>()) outcome.weights.push_back(v);
  for (const auto& [name, t] : optimizer->state_dict().tensors)
    for (float v : t.to_vector<float>()) outcome.weights.push_back(v);
  for (const auto& [name, number] : optimizer->state_dict().numbers) outcome.weights.push_back(static_cast<float>(number));
  outcome.nodes = steps.nodes();
  return outcome;
}

}  // namespace

TEST_CASE("recorded steps are those that are launched one by one, to the bit", "[cuda][graph]") {
  for (const Kind kind : {Kind::sgd, Kind::adam})
    for (const double clip : {0.0, 0.5}) {
      INFO((kind == Kind::sgd ? "SGD" : "AdamW") << ", clip " << clip);
      const Outcome launched = train_small(kind, false, clip), recorded = train_small(kind, true, clip);
      CHECK(recorded.weights == launched.weights);
      CHECK(recorded.metrics == launched.metrics);
      CHECK(launched.nodes == 0);
      CHECK(recorded.nodes > 20);
    }
}

TEST_CASE("fit on a GPU gives the same bits recorded and launched, and follows the CPU's curve", "[cuda][graph]") {
  const auto fit = [](Device device, bool record_steps) {
    manual_seed(5);
    auto net = small_net();
    net.to(device);
    const data::Normalize normalize{.mean = data::cifar10_mean, .std = data::cifar10_std};
    const data::DataLoader loader(
        data::synthetic({.count = 19}).to(device),
        {.batch_size = 8, .shuffle = true, .seed = 3, .transform = {data::RandomHorizontalFlip{}, normalize}});
    const data::DataLoader test(data::synthetic({.count = 10, .split = data::Split::test}).to(device),
                                {.batch_size = 10, .transform = {normalize}});
    optim::SGD optimizer(net.parameters(), {.lr = 0.05, .momentum = 0.9});
    optim::OneCycleLR schedule(optimizer, {.max_lr = 0.05, .total_steps = 4 * loader.size()});
    return train::fit(net, optimizer, &schedule, loader, test, {.epochs = 4, .seed = 2, .record_steps = record_steps});
  };
  const auto on_cpu = fit(cpu, true), launched = fit(cuda, false), recorded = fit(cuda, true);
  REQUIRE(recorded.size() == 4);
  for (std::size_t e = 0; e < 4; ++e) {
    CHECK(recorded[e].train.loss == launched[e].train.loss);
    CHECK(recorded[e].test.loss == launched[e].test.loss);
    CHECK(recorded[e].train.count == 19);
    CHECK(recorded[e].lr == on_cpu[e].lr);
    CHECK(recorded[e].train.loss == Approx(on_cpu[e].train.loss).epsilon(1e-3));
    CHECK(recorded[e].test.loss == Approx(on_cpu[e].test.loss).epsilon(1e-3));
  }
}

TEST_CASE("a recording keeps its memory to itself", "[cuda][graph]") {
  const Tensor x = full({1000}, 2, {.device = cuda});
  Tensor y;
  std::vector<Tensor> others;
  {
    StepGraph graph(cuda);
    for (int i = 0; i < 5; ++i) {
      graph.run([&] {
        const Tensor between = x * 3.0;
        y = between + 1.0;
      });
      CHECK(graph.replays() == (i >= 2));  // the second call makes its y while the first one's lives
    }
    CHECK(graph.nodes() == 2);
    for (int i = 0; i < 8; ++i) others.push_back(full({1000}, i, {.device = cuda}));
    graph.run([] { FAIL("a recorded step is not called again"); });
    for (int i = 0; i < 8; ++i)
      CHECK(others[static_cast<std::size_t>(i)].to_vector<float>() == std::vector<float>(1000, static_cast<float>(i)));
    CHECK(y.to_vector<float>() == std::vector<float>(1000, 7.0f));
  }
  CHECK(y.to_vector<float>() == std::vector<float>(1000, 7.0f));  // outlives the recording
}

TEST_CASE("what waits for the device cannot be recorded, and says so", "[cuda][graph]") {
  const Tensor x = full({4}, 2, {.device = cuda});
  StepGraph graph(cuda);
  const auto work = [&] { (void)(x * 2.0).to_vector<float>(); };
  graph.run(work);
  graph.run(work);
  if (graph.replays()) CHECK_THROWS_AS(graph.run(work), Error);
  CHECK((x + 1.0).to_vector<float>() == std::vector<float>(4, 3.0f));  // the stream is usable again
}

TEST_CASE("a replay without a recorded optimizer step is an error", "[cuda][graph]") {
  Tensor p = zeros({3}, {.device = cuda});
  p.requires_grad_();
  optim::SGD optimizer({p});
  CHECK_THROWS_AS(optimizer.before_replay(), Error);
}

// One network and several threads: the first call, evaluations, summaries and exports at the same time. Also run under
// ThreadSanitizer.
#include <atomic>
#include <thread>

#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

nn::Sequential image_net() {
  manual_seed(4);
  return nn::Sequential{nn::Conv2d({.in_channels = 3, .out_channels = 4, .kernel_size = 3}), nn::BatchNorm2d({.num_features = 4}),
                        nn::ReLU(), nn::Dropout({.p = 0.5}), nn::AdaptiveAvgPool2d(), nn::Flatten(),
                        nn::Linear({.in_features = 4, .out_features = 10})};
}

template <class F> void on_threads(int count, F f) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([f, i] { f(i); });
  for (auto& thread : threads) thread.join();
}

// A weight that nothing has asked to require a gradient before the threads come.
struct Scale : nn::Module {
  Tensor factor = ones({2});
  Tensor forward(const Tensor& x) override { return x * factor; }
  void members(nn::Members& m) override { m.parameter("factor", factor); }
};

}  // namespace

TEST_CASE("several threads may make the first call of a network", "[threads]") {
  auto net = image_net();
  net.eval();
  const Tensor x = randn({2, 3, 6, 6});
  std::vector<std::vector<float>> results(4);
  on_threads(4, [&](int i) {
    // Every other one starts in the middle, so that paths begin at another module there.
    if (i % 2) net[1](ones({1, 4, 2, 2}));
    results[static_cast<std::size_t>(i)] = net(x).to_vector<float>();
  });
  for (const auto& result : results) CHECK(result == results[0]);

  Scale scale;
  on_threads(3, [&](int) { scale(ones({2})); });
  CHECK(scale.factor.requires_grad());
}

TEST_CASE("an error names the layer by the path from the module that was called", "[threads]") {
  auto net = image_net();
  nn::Sequential outer{net, nn::Linear({.in_features = 10, .out_features = 1})};
  const auto message = [](nn::Module& m, const Shape& shape) {
    try {
      m(ones(shape));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message(outer, {1, 5, 6, 6}).rfind("[0.0] [conv2d]", 0) == 0);
  CHECK(message(outer[0], {1, 5, 6, 6}).rfind("[0] [conv2d]", 0) == 0);
  CHECK(message(outer, {1, 5, 6, 6}).rfind("[0.0] [conv2d]", 0) == 0);
}

TEST_CASE("evaluation, summary, export and dumps of one network at once do not see each other", "[threads]") {
  auto net = image_net();
  net[1].eval();  // the rest is in training mode: each thread evaluates all the same
  const data::DataLoader loader(data::synthetic({.count = 20}), {.batch_size = 8, .transform = {data::Normalize{}}});
  const double loss_alone = train::evaluate(net, loader).loss;
  const std::string model = nn::to_onnx(net, {1, 3, 6, 6}), table = nn::summarize(net, {1, 3, 6, 6}).str();
  const Tensor x = randn({2, 3, 6, 6});
  const auto layers = debug::record_activations(net, x).size();
  std::atomic<int> wrong = 0;
  on_threads(5, [&](int i) {
    for (int round = 0; round < 2; ++round) {
      if (i < 2) wrong += train::evaluate(net, loader).loss != loss_alone;
      if (i == 2) wrong += nn::to_onnx(net, {1, 3, 6, 6}) != model;
      if (i == 3) wrong += nn::summarize(net, {1, 3, 6, 6}).str() != table;
      if (i == 4) wrong += debug::record_activations(net, x).size() != layers;
    }
  });
  CHECK(wrong == 0);
  CHECK(net.training());
  CHECK_FALSE(net[1].training());
  CHECK_FALSE(net[0].has_hooks());
}

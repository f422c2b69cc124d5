// A program of somebody else's, on public headers alone: trains a small network for a few steps and catches an Error.
#include <cstdio>

#include "heddle/heddle.hpp"

namespace {

struct Net : heddle::nn::Module {
  heddle::nn::Conv2d conv{{.in_channels = 1, .out_channels = 4, .kernel_size = 3, .padding = 1}};
  heddle::nn::BatchNorm2d norm{{.num_features = 4}};
  heddle::nn::Linear head{{.in_features = 4, .out_features = 2}};

  heddle::Tensor forward(const heddle::Tensor& x) override { return head(mean(relu(norm(conv(x))), {2, 3})); }
  void members(heddle::nn::Members& m) override { m.module("conv", conv).module("norm", norm).module("head", head); }
};

}  // namespace

int main() {
  heddle::manual_seed(1);
  Net net;
  heddle::optim::SGD optimizer(net.parameters(), {.lr = 0.1, .momentum = 0.9});
  const heddle::Tensor images = heddle::randn({8, 1, 6, 6});
  const heddle::Tensor labels = heddle::tensor<std::int64_t>({0, 1, 0, 1, 0, 1, 0, 1});
  double first = 0, last = 0;
  for (int step = 0; step < 30; ++step) {
    optimizer.zero_grad();
    const heddle::Tensor loss = heddle::cross_entropy(net(images), labels);
    loss.backward();
    optimizer.step();
    last = loss.item();
    if (step == 0) first = last;
  }
  std::printf("loss %.4f at first, %.4f at last\n", first, last);
  // The compiler options of a project around heddle must not blind it to what is not a number.
  if (heddle::debug::all_finite(heddle::zeros({3}) / heddle::zeros({3}))) return 1;
  try {
    net(heddle::randn({8, 3, 6, 6}));
  } catch (const heddle::Error& error) {
    std::printf("as expected: %s\n", error.what());
    return last < first ? 0 : 1;
  }
  return 1;
}

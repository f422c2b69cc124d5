// A network from bytes to accuracy, top to bottom: data, model, optimizer, loop, test.
//
//   quickstart [--device auto|cpu|cuda]
#include <cstdio>
#include <string_view>

#include "heddle/heddle.hpp"

using namespace heddle;

int main(int argc, char** argv) {
  const bool chosen = argc == 3 && std::string_view(argv[1]) == "--device";
  if (argc > 1 && !chosen) {
    std::fprintf(stderr, "usage: quickstart [--device auto|cpu|cuda]\n");
    return 2;
  }
  const DeviceChoice choice = choose_device(chosen ? argv[2] : "auto");
  std::printf("Device: %s\n", choice.reason.c_str());
  manual_seed(1);
  // Ten classes of drawn 32x32 images; data::read_cifar10(folder, split) reads the real ones.
  const auto train_set = data::synthetic({.count = 10000, .split = data::Split::train}).to(choice.device);
  const auto test_set = data::synthetic({.count = 2000, .split = data::Split::test}).to(choice.device);
  const data::Normalize normalize{.mean = data::cifar10_mean, .std = data::cifar10_std};
  const data::DataLoader train_loader(train_set, {.batch_size = 64, .shuffle = true, .transform = {data::RandomHorizontalFlip{}, normalize}});
  const data::DataLoader test_loader(test_set, {.batch_size = 500, .transform = {normalize}});

  nn::Sequential net(nn::Conv2d({.in_channels = 3, .out_channels = 16, .kernel_size = 3, .padding = 1, .bias = false}),
                     nn::BatchNorm2d({.num_features = 16}), nn::ReLU(), nn::MaxPool2d(),  // [n, 16, 16, 16]
                     nn::Conv2d({.in_channels = 16, .out_channels = 32, .kernel_size = 3, .padding = 1, .bias = false}),
                     nn::BatchNorm2d({.num_features = 32}), nn::ReLU(), nn::MaxPool2d(),  // [n, 32, 8, 8]
                     nn::Conv2d({.in_channels = 32, .out_channels = 64, .kernel_size = 3, .padding = 1, .bias = false}),
                     nn::BatchNorm2d({.num_features = 64}), nn::ReLU(), nn::AdaptiveAvgPool2d(), nn::Flatten(),  // [n, 64]
                     nn::Linear({.in_features = 64, .out_features = 10}));
  std::printf("%s", nn::summarize(net, {1, 3, 32, 32}).str().c_str());

  net.to(choice.device);
  optim::SGD optimizer(net.parameters(), {.lr = 0.05, .momentum = 0.9});
  for (int epoch = 0; epoch < 3; ++epoch) {
    net.train();
    train::Meter meter(choice.device);
    for (const auto& batch : train_loader.epoch(epoch)) {
      optimizer.zero_grad();
      const Tensor logits = net(batch.images);
      const Tensor loss = cross_entropy(logits, batch.labels);
      loss.backward();
      optimizer.step();
      meter.add(logits, batch.labels, loss.detach());
    }
    const auto test = train::evaluate(net, test_loader);
    std::printf("epoch %d  train loss %.4f  test accuracy %.2f%%\n", epoch + 1, meter.read().loss, test.accuracy);
  }
}

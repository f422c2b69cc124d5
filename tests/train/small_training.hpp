// A training of a fraction of a second with everything that could forget its state: batch norm, dropout, augmentation,
// shuffling, momentum, a schedule.
#pragma once

#include <memory>

#include "heddle/heddle.hpp"

namespace heddle::test {

struct SmallTraining {
  static constexpr int epochs = 2;
  static constexpr std::int64_t batches = 4;  // an epoch, the last of them smaller

  explicit SmallTraining(bool adam = false, std::uint64_t first_seed = 5)
      : seed(first_seed),
        train_set(data::synthetic({.count = 52}),
                  {.batch_size = 16,
                   .shuffle = true,
                   .seed = seed,
                   .transform = {data::RandomHorizontalFlip{}, data::RandomCrop{}, normalize()}}),
        test_set(data::synthetic({.count = 20, .split = data::Split::test}), {.batch_size = 20, .transform = {normalize()}}) {
    manual_seed(seed);
    net = nn::Sequential(nn::Conv2d({.in_channels = 3, .out_channels = 4, .kernel_size = 3, .stride = 4, .padding = 1}),
                         nn::BatchNorm2d({.num_features = 4}), nn::ReLU(), nn::Dropout({.p = 0.2}), nn::Flatten(),
                         nn::Linear({.in_features = 256, .out_features = 10}));
    if (adam) {
      optimizer = std::make_unique<optim::AdamW>(net.parameters());
    } else {
      optimizer = std::make_unique<optim::SGD>(net.parameters(), optim::SGDOptions{.lr = 0.05, .momentum = 0.9});
      schedule = std::make_unique<optim::OneCycleLR>(
          *optimizer, optim::OneCycleLR::Options{.max_lr = 0.05, .total_steps = epochs * batches});
    }
  }

  /// Goes on from where it is; calls each(training) after every step, which says whether to go on.
  template <class Each>
  void fit(Each each) {
    train::fit(
        net, *optimizer, schedule.get(), train_set, test_set,
        {.epochs = epochs, .seed = seed, .state = &state, .on_step = [&](const train::Progress&) { return each(*this); }});
  }
  void fit() {
    fit([](SmallTraining&) { return true; });
  }
  train::Checkpoint checkpoint() { return train::make_checkpoint(net, *optimizer, schedule.get(), state, {{"arch", "small"}}); }
  void restore(const train::Checkpoint& saved) { train::restore(saved, net, *optimizer, schedule.get(), state); }

  /// Everything that is to be the same to the bit: weights, buffers, losses, accuracies, rates.
  std::vector<double> result() {
    std::vector<double> all;
    const auto append = [&](const Tensor& t) {
      const auto values = t.to(float64).to_vector<double>();
      all.insert(all.end(), values.begin(), values.end());
    };
    for (const auto& [name, t] : net.state_dict()) append(t);
    for (const auto& [name, t] : optimizer->state_dict().tensors) append(t);
    for (const auto& r : state.history)
      all.insert(all.end(), {r.lr, r.train.loss, r.train.accuracy, r.test.loss, r.test.accuracy,
                             static_cast<double>(r.train.count), static_cast<double>(r.epoch)});
    return all;
  }

  static data::Normalize normalize() { return {.mean = data::cifar10_mean, .std = data::cifar10_std}; }

  std::uint64_t seed;
  data::DataLoader train_set, test_set;
  nn::Sequential net;
  std::unique_ptr<optim::Optimizer> optimizer;
  std::unique_ptr<optim::LRScheduler> schedule;
  train::TrainerState state;
};

}  // namespace heddle::test

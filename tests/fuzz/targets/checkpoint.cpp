// A checkpoint that somebody put together: its sidecar, the model's tensors and the training's, in three parts. The sidecar's
// sum is put right first, so that what lies behind its check is reached; those of the other files are of no matter here.
#include "heddle/train/checkpoint.hpp"

#include "heddle/core/safetensors.hpp"
#include "heddle/heddle.hpp"
#include "heddle/train/checkpoint_files.hpp"
#include "tests/fuzz/target.hpp"

using namespace heddle;

namespace {

struct Training {
  nn::Sequential net{nn::Conv2d({.in_channels = 1, .out_channels = 2, .kernel_size = 3}), nn::Flatten(),
                     nn::Linear({.in_features = 8, .out_features = 2})};
  optim::SGD optimizer{net.parameters(), {.lr = 0.1, .momentum = 0.9}};
  optim::OneCycleLR schedule{optimizer, {.max_lr = 0.1, .total_steps = 10}};
  train::TrainerState state;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Training training;
  const fuzz::Input input(data, size, 2 << 20);
  fuzz::accepts([&] {
    train::Checkpoint checkpoint;
    train::detail::read_sidecar(train::detail::seal(fuzz::part_of(input.bytes(), 0)), "last.json", checkpoint);
    checkpoint.model = read_safetensors(fuzz::part_of(input.bytes(), 1), "model").tensors;
    train::detail::take_state_tensors(read_safetensors(fuzz::part_of(input.bytes(), 2), "state"), "state", checkpoint);
    train::restore(checkpoint, training.net, training.optimizer, &training.schedule, training.state);
    const auto metrics = training.state.meter.read();
    fuzz::require(metrics.count >= 0, "samples are counted from 0");
    training.schedule.step();
    fuzz::require(training.state.epoch + 1 > 0 && training.state.step + 1 > 0, "a training goes on counting");
    train::check_same(checkpoint.config, {{"arch", "small"}});
  });
  return 0;
}

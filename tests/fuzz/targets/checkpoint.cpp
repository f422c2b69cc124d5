// A checkpoint that somebody put together: its sidecar, the model's tensors and the training's, in three parts. The sums are put right first, so that what lies behind their check is reached.
#include "heddle/train/checkpoint.hpp"

#include "heddle/core/safetensors.hpp"
#include "heddle/data/md5.hpp"
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

// The sidecar with the sum that belongs to the rest of it; as it is where it is no such thing.
std::string with_right_sum(std::string_view text) {
  using Json = train::detail::Json;
  int depth = 0;
  for (const char c : text) depth += c == '[' || c == '{';
  Json json = depth < 1000 ? Json::parse(text, nullptr, false) : Json();
  if (!json.is_object()) return std::string(text);
  json.erase("md5");
  data::detail::Md5 sum;
  sum.update(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  json["md5"] = sum.finish();
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Training training;
  const fuzz::Input input(data, size, 2 << 20);
  fuzz::accepts([&] {
    train::Checkpoint checkpoint;
    train::detail::read_sidecar(with_right_sum(fuzz::part_of(input.bytes(), 0)), "last.json", checkpoint);
    checkpoint.model = read_safetensors(fuzz::part_of(input.bytes(), 1), "model").tensors;
    train::detail::take_state_tensors(read_safetensors(fuzz::part_of(input.bytes(), 2), "state"), "state", checkpoint);
    train::restore(checkpoint, training.net, training.optimizer, &training.schedule, training.state);
    (void)training.state.meter.read();
    train::check_same(checkpoint.config, {{"arch", "small"}});
  });
  return 0;
}

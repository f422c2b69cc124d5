// What the trials do: building, training, evaluating and saving small networks, and what looks into them.
#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "heddle/heddle.hpp"
#include "tests/faults/trials.hpp"

namespace faults {
namespace {

using namespace heddle;

std::uint64_t mix(std::uint64_t sum, const void* bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sum = (sum ^ static_cast<const unsigned char*>(bytes)[i]) * 0x100000001b3;
  return sum;
}
std::uint64_t mix(std::uint64_t sum, const Tensor& t) {
  const auto values = t.detach().to(float64).to_vector<double>();
  return mix(sum, values.data(), values.size() * sizeof(double));
}
std::uint64_t bits_of(nn::Module& net) {
  std::uint64_t sum = 14695981039346656037u;
  for (const auto& [name, t] : net.state_dict()) sum = mix(mix(sum, name.data(), name.size()), t);
  return sum;
}

nn::Sequential small_net() {
  manual_seed(3);
  return nn::Sequential{nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1}),
                        nn::BatchNorm2d({.num_features = 8}),
                        nn::ReLU(),
                        nn::MaxPool2d({.kernel_size = 2}),
                        nn::Dropout({.p = 0.1}),
                        nn::Flatten(),
                        nn::Linear({.in_features = 8 * 16, .out_features = 10})};
}
Tensor images(std::int64_t count, std::int64_t size = 8) {
  Generator generator(5);
  return randn({count, 3, size, size}, {}, generator);
}
Tensor labels(std::int64_t count) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int64_t>(i % 10);
  return tensor(values);
}
void train_step(nn::Module& net, optim::Optimizer& optimizer) {
  optimizer.zero_grad();
  cross_entropy(net(images(16)), labels(16)).backward();
  optimizer.step();
}

std::uint64_t build(const std::string&) {
  auto net = small_net();
  return mix(bits_of(net), to_string(net).data(), 10);
}

std::uint64_t step(const std::string&) {
  auto net = small_net();
  optim::AdamW optimizer(net.parameters(), {.lr = 1e-2});
  train_step(net, optimizer);
  return bits_of(net);
}

// Large enough to go through the network a few images at a time.
std::uint64_t evaluate(const std::string&) {
  manual_seed(3);
  nn::Sequential net{nn::Conv2d({.in_channels = 3, .out_channels = 4, .kernel_size = 3}), nn::ReLU(),
                     nn::Conv2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3})};
  net.eval();
  const Tensor x = images(12, 32);
  return no_grad([&] { return mix(mix(1, net(x)), net(x)); });
}

std::uint64_t safetensors(const std::string& folder) {
  auto net = small_net();
  save_safetensors(folder + "/net.safetensors", {.tensors = net.state_dict(), .metadata = {{"format", "pt"}}});
  std::uint64_t sum = 1;
  for (const auto& [name, t] : load_safetensors(folder + "/net.safetensors").tensors) sum = mix(sum, t);
  return sum;
}

std::uint64_t checkpoint(const std::string& folder) {
  auto net = small_net();
  optim::SGD optimizer(net.parameters(), {.lr = 1e-2, .momentum = 0.9});
  train_step(net, optimizer);
  train::TrainerState state;
  {
    train::CheckpointFolder checkpoints(folder + "/checkpoints");
    checkpoints.save(train::make_checkpoint(net, optimizer, nullptr, state, {{"arch", "small"}}), {"last"});
    train::restore(checkpoints.load("last"), net, optimizer, nullptr, state);
  }
  train_step(net, optimizer);
  return bits_of(net);
}

std::uint64_t threads(const std::string&) {
  std::uint64_t sum = 1;
  for (int count : {3, 5, 1, 2}) {
    set_num_threads(count);
    std::atomic<std::uint64_t> total = 0;
    parallel_for(1000, 10, [&](std::int64_t begin, std::int64_t end) { total += static_cast<std::uint64_t>(begin * end); });
    const std::uint64_t now = total;
    sum = mix(sum, &now, sizeof now);
  }
  return sum;
}

std::uint64_t loader(const std::string&) {
  const auto dataset = data::synthetic({.count = 40, .seed = 2});
  const data::DataLoader batches(dataset, {.batch_size = 8, .shuffle = true, .seed = 4, .workers = 2});
  std::uint64_t sum = 1;
  for (const auto& batch : batches.epoch(1)) sum = mix(mix(sum, batch.images), batch.labels);
  return sum;
}

std::uint64_t fit(const std::string&) {
  const auto dataset = data::synthetic({.count = 24, .seed = 2});
  const data::DataLoader batches(dataset, {.batch_size = 8, .shuffle = true, .seed = 4});
  manual_seed(3);
  nn::Sequential net{nn::Conv2d({.in_channels = 3, .out_channels = 4, .kernel_size = 5, .stride = 4}), nn::ReLU(),
                     nn::Flatten(), nn::Linear({.in_features = 4 * 7 * 7, .out_features = 10})};
  optim::SGD optimizer(net.parameters(), {.lr = 1e-2, .momentum = 0.9});
  train::find_lr(net, optimizer, batches, {.steps = 10});
  train::evaluate(net, batches);
  return bits_of(net);
}

std::uint64_t picture(const std::string&) {
  report::Image image{37, 29, 3, {}};
  for (int i = 0; i < 37 * 29 * 3; ++i) image.pixels.push_back(static_cast<std::uint8_t>(i * i % 251));
  const std::string png = report::encode_png(image);
  return mix(1, png.data(), png.size());
}

std::uint64_t look(const std::string& folder) {
  auto net = small_net();
  optim::AdamW optimizer(net.parameters(), {.lr = 1e-2});
  {
    debug::Profiler profiler({.skip = 0, .steps = 1});
    train_step(net, optimizer);
    profiler.step();
    profiler.save_trace(folder + "/trace.json");
  }
  const auto cam = debug::grad_cam(net, images(2));
  net.eval();
  const std::string onnx = nn::to_onnx(net, {1, 3, 8, 8});
  return mix(mix(bits_of(net), cam.maps), onnx.data(), onnx.size());
}

}  // namespace

const std::vector<Work>& works() {
  static const auto& all = *new std::vector<Work>{
      {"build", build},           {"step", step},       {"evaluate", evaluate}, {"safetensors", safetensors},
      {"checkpoint", checkpoint}, {"threads", threads}, {"loader", loader},     {"fit", fit},
      {"picture", picture},       {"look", look}};
  return all;
}

}  // namespace faults

// The library on its CUDA backend, which here is the emulator: a training step of each of the thirteen systems beside the
// same step on the CPU. What comes from the seed (weights, batches, augmentation, masks) is the same on both, so losses and
// gradients differ by the rounding of sums in another order, and not at all from run to run.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "heddle/heddle.hpp"
#include "model.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

data::DataLoader loader_of(const cifar10::Architecture& architecture, const data::ImageDataset& images, Device device,
                           DType activations, std::uint64_t seed) {
  auto steps = architecture.recipe.augmentation;
  steps.push_back(data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std});
  return data::DataLoader(
      images.to(device),
      {.batch_size = 4, .shuffle = true, .seed = seed, .transform = data::Transform(steps), .dtype = activations});
}

struct Step {
  std::vector<std::int64_t> index, labels;
  std::vector<float> images, loss;
  std::vector<std::string> names;
  std::vector<std::vector<float>> weights, gradients, updated;
};

Step take_step(const cifar10::Architecture& architecture, cifar10::Norm norm, const data::ImageDataset& images, Device device,
               DType activations = float32, std::uint64_t seed = 11) {
  Step step;
  manual_seed(seed);
  auto net = architecture.build(norm);
  net.to(device);
  optim::SGD optimizer(net.parameters(), {.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-4});
  const auto loader = loader_of(architecture, images, device, activations, seed);
  for (const auto& batch : loader.epoch(3)) {
    step.index = batch.index.to_vector<std::int64_t>();
    step.labels = batch.labels.to_vector<std::int64_t>();
    step.images = batch.images.to(float32).to_vector<float>();
    default_generator().begin_step(1);
    net.train();
    const Tensor loss = cross_entropy(net(batch.images), batch.labels);
    loss.backward();
    step.loss = loss.to_vector<float>();
    for (const auto& [name, parameter] : net.named_parameters()) {
      REQUIRE(parameter.device() == device);
      step.names.push_back(name);
      step.weights.push_back(parameter.detach().to_vector<float>());
      step.gradients.push_back(parameter.grad().to_vector<float>());
    }
    optimizer.step();
    for (const auto& parameter : net.parameters()) step.updated.push_back(parameter.detach().to_vector<float>());
    break;
  }
  return step;
}

// The largest difference, relative to the largest value.
double difference(const std::vector<float>& got, const std::vector<float>& want) {
  REQUIRE(got.size() == want.size());
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
    largest = std::max(largest, std::abs(static_cast<double>(want[i])));
    if (!std::isfinite(got[i])) return INFINITY;
  }
  return largest > 0 ? worst / largest : worst;
}

// The length of the difference of all gradients together, relative to the length of what is wanted.
double distance(const std::vector<std::vector<float>>& got, const std::vector<std::vector<float>>& want) {
  double apart = 0, length = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    for (std::size_t j = 0; j < want[i].size(); ++j) {
      const double g = got[i][j], w = want[i][j];
      apart += (g - w) * (g - w);
      length += w * w;
    }
  return std::sqrt(apart / length);
}

// A gradient whose true value is nothing (of a bias before a batch norm) is rounding alone, on both devices.
bool is_noise(const std::vector<float>& gradient, double largest_of_all) {
  double largest = 0;
  for (float g : gradient) largest = std::max(largest, std::abs(static_cast<double>(g)));
  return largest < 1e-6 * largest_of_all;
}

}  // namespace

// An input of ReLU that is nothing but rounding may fall on either side of zero, and the gradient follows the side: about one
// step in fifteen has such an input. So a step may differ in a gradient, by little in all, and each system has a seed of a few
// where nothing differs.
TEST_CASE("a training step of each of the thirteen, on CUDA as on the CPU", "[cuda][step]") {
  const auto images = data::synthetic({.count = 12});
  for (const auto& architecture : cifar10::architectures())
    for (const cifar10::Norm norm : architecture.norms)
      DYNAMIC_SECTION(architecture.name << ", " << cifar10::name_of(norm) << " norm") {
        std::string differs = "nothing";
        for (std::uint64_t seed = 11; seed < 15 && !differs.empty(); ++seed) {
          INFO("seed " << seed);
          const Step on_cpu = take_step(architecture, norm, images, cpu, float32, seed);
          const Step on_cuda = take_step(architecture, norm, images, cuda, float32, seed);
          CHECK(on_cuda.index == on_cpu.index);
          CHECK(on_cuda.labels == on_cpu.labels);
          CHECK(on_cuda.weights == on_cpu.weights);
          CHECK(difference(on_cuda.images, on_cpu.images) < 1e-5);
          CHECK(difference(on_cuda.loss, on_cpu.loss) < 1e-5);
          CHECK(distance(on_cuda.gradients, on_cpu.gradients) < 0.02);
          differs.clear();
          double largest = 0;
          for (const auto& gradient : on_cpu.gradients)
            for (float g : gradient) largest = std::max(largest, std::abs(static_cast<double>(g)));
          REQUIRE(largest > 0);
          for (std::size_t i = 0; i < on_cpu.names.size(); ++i) {
            const std::string& name = on_cpu.names[i];
            if (is_noise(on_cpu.gradients[i], largest)) {
              INFO(name);
              CHECK(is_noise(on_cuda.gradients[i], largest));
              continue;
            }
            if (!(difference(on_cuda.gradients[i], on_cpu.gradients[i]) < 1e-4)) differs += name + "'s gradient, ";
            if (!(difference(on_cuda.updated[i], on_cpu.updated[i]) < 1e-4)) differs += name + " after the step, ";
          }
          if (seed > 11) continue;
          const Step again = take_step(architecture, norm, images, cuda, float32, seed);
          CHECK(again.images == on_cuda.images);
          CHECK(again.loss == on_cuda.loss);
          CHECK(again.gradients == on_cuda.gradients);
          CHECK(again.updated == on_cuda.updated);
        }
        CHECK(differs == "");
      }
}

// Both round at the same places, so they part only where a sum in another order falls on the other side of a rounding: by one
// step of bfloat16 (0.8 %) there, and by what later layers make of that.
TEST_CASE("a training step with bfloat16 activations, on CUDA as on the CPU", "[cuda][step]") {
  const auto images = data::synthetic({.count = 12});
  for (const auto& architecture : cifar10::architectures()) DYNAMIC_SECTION(architecture.name) {
      const cifar10::Norm norm = architecture.norms.back();
      const Step on_cpu = take_step(architecture, norm, images, cpu, bfloat16);
      const Step on_cuda = take_step(architecture, norm, images, cuda, bfloat16);
      const Step in_float = take_step(architecture, norm, images, cpu);
      CHECK(difference(on_cuda.images, on_cpu.images) < 0.01);
      CHECK(difference(on_cuda.loss, on_cpu.loss) < 0.01);
      CHECK(difference(on_cuda.loss, in_float.loss) < 0.05);
      CHECK(on_cuda.loss != in_float.loss);
      const double apart = distance(on_cuda.gradients, on_cpu.gradients),
                   rounding = distance(on_cuda.gradients, in_float.gradients);
      CHECK(apart < 0.2);
      CHECK(apart < 0.75 * rounding);
      const Step again = take_step(architecture, norm, images, cuda, bfloat16);
      CHECK(again.loss == on_cuda.loss);
      CHECK(again.gradients == on_cuda.gradients);
      CHECK(again.updated == on_cuda.updated);
    }
}

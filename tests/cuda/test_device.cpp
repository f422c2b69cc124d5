// What a program sees of its CUDA device beyond kernels: how it is chosen, its memory, a short training on it.
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "heddle/core/backend.hpp"
#include "heddle/heddle.hpp"
#include "kernels/simt/registry.hpp"
#include "kernels/simt/runtime.hpp"
#include "tests/simt/device_memory.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

nn::Sequential small_net() {
  return nn::Sequential(nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1}),
                        nn::BatchNorm2d({.num_features = 8}), nn::ReLU(), nn::MaxPool2d(), nn::Dropout({.p = 0.1}),
                        nn::AdaptiveAvgPool2d(), nn::Flatten(), nn::Linear({.in_features = 8, .out_features = 10}));
}

std::vector<train::EpochResult> train_a_little(Device device) {
  const auto images = data::synthetic({.count = 24}).to(device);
  const data::DataLoader loader(images, {.batch_size = 8, .shuffle = true, .seed = 3, .transform = {data::Normalize{}}});
  manual_seed(3);
  auto net = small_net();
  net.to(device);
  optim::SGD optimizer(net.parameters(), {.lr = 0.05, .momentum = 0.9});
  return train::fit(net, optimizer, nullptr, loader, loader, {.epochs = 2, .seed = 3, .clip_grad_norm = 1});
}

}  // namespace

TEST_CASE("the device is chosen, and named", "[cuda]") {
  CHECK(choose_device().device == cuda);
  CHECK(choose_device().reason == "cuda:0 (emulated GPU), the first GPU that this build has kernels for");
  CHECK(choose_device("cuda").reason == "cuda:0 (emulated GPU), as asked");
  CHECK_THROWS_WITH(choose_device("cuda:7"), "[device] expected a GPU numbered below 1, got 'cuda:7'");
}

TEST_CASE("out of device memory: what was asked for, what is held", "[cuda]") {
  empty_cache(cuda);
  const Tensor held = zeros({250, 1000}, {.device = cuda});
  simt::emulator::set_device_memory(simt::emulator::device_bytes_in_use() + 1'000'000);
  std::string message;
  try {
    (void)empty({64, 3, 128, 128}, {.device = cuda});
  } catch (const Error& error) {
    message = error.what();
  }
  simt::emulator::set_device_memory(0);
  CHECK_THAT(message,
             Catch::Matchers::ContainsSubstring("[allocator] expected 12582912 bytes of memory on cuda:0, got none: "));
  CHECK_THAT(message, Catch::Matchers::ContainsSubstring("MB in use in") && Catch::Matchers::ContainsSubstring(" 1.0 MB"));
  CHECK_THAT(message, Catch::Matchers::ContainsSubstring("it was for float32 [64, 3, 128, 128]"));
}

TEST_CASE("a short training gives the same numbers on CUDA and on the CPU, and the same bits twice", "[cuda]") {
  const auto on_cpu = train_a_little(cpu), on_cuda = train_a_little(cuda), again = train_a_little(cuda);
  for (std::size_t epoch = 0; epoch < on_cpu.size(); ++epoch) {
    CHECK(on_cuda[epoch].train.loss == Approx(on_cpu[epoch].train.loss).epsilon(1e-5));
    CHECK(on_cuda[epoch].train.accuracy == on_cpu[epoch].train.accuracy);
    CHECK(on_cuda[epoch].test.loss == Approx(on_cpu[epoch].test.loss).epsilon(1e-5));
    CHECK(again[epoch].train.loss == on_cuda[epoch].train.loss);
    CHECK(again[epoch].test.loss == on_cuda[epoch].test.loss);
  }
}

TEST_CASE("after its first step a training asks the device for no more memory", "[cuda]") {
  const auto images = data::synthetic({.count = 8}).to(cuda);
  const data::DataLoader loader(images, {.batch_size = 8});
  auto net = small_net();
  net.to(cuda);
  optim::SGD optimizer(net.parameters(), {.lr = 0.01, .momentum = 0.9});
  const auto step = [&] {
    for (const auto& batch : loader.epoch(0)) {
      optimizer.zero_grad();
      cross_entropy(net(batch.images), batch.labels).backward();
      optimizer.step();
    }
  };
  for (int warm = 0; warm < 2; ++warm) step();
  const auto before = memory_stats(cuda);
  for (int more = 0; more < 2; ++more) step();
  const auto settled = memory_stats(cuda);  // small tensors may have had larger blocks than they needed
  for (int more = 0; more < 3; ++more) step();
  CHECK(memory_stats(cuda).system_allocations == before.system_allocations);
  CHECK(memory_stats(cuda).allocated == settled.allocated);
}

TEST_CASE("tensors of two devices do not mix", "[cuda]") {
  const Tensor here = ones({4}), there = ones({4}, {.device = cuda});
  CHECK_THROWS_AS(here + there, Error);
  CHECK((here.to(cuda) + there).to(cpu).to_vector<float>() == std::vector<float>(4, 2));
}

// Where a convolution and the batch norm behind it share work on a GPU: the same numbers as layer after layer, whichever stands
// between them and behind them, and the same running statistics.
TEST_CASE("a convolution run with its batch norm is one layer after another", "[cuda]") {
  const auto conv = [] { return nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1}); };
  const auto norm = [] { return nn::BatchNorm2d({.num_features = 8}); };
  const std::vector<std::function<nn::Sequential()>> nets = {
      [&] { return nn::Sequential(conv(), norm()); },
      [&] { return nn::Sequential(conv(), norm(), nn::ReLU(), nn::Dropout2d({.p = 0.3})); },
      [&] { return nn::Sequential(conv(), nn::ReLU(), norm(), nn::Dropout({.p = 0.2})); },
      [&] { return nn::Sequential(conv(), nn::ReLU(), nn::Dropout({.p = 0.3}), norm()); },
      [&] { return nn::Sequential(conv(), nn::ReLU(), nn::Dropout2d({.p = 0.3}), norm(), nn::ReLU()); },
      [&] { return nn::Sequential(conv(), nn::Dropout({.p = 0.3}), norm()); },  // without a ReLU, z does not tell what was kept
  };
  const auto run = [&](std::size_t which, bool fused) {
    manual_seed(4);
    auto net = nets[which]();
    net.to(float64);
    net.to(cuda);
    Tensor x = randn({3, 3, 6, 8}, {.dtype = float64}).to(cuda);
    x.requires_grad_();
    nn::set_fusion(fused);
    const std::uint64_t before = simt::launch_count();
    const Tensor y = net(x);
    const std::uint64_t launches = simt::launch_count() - before;
    nn::set_fusion(true);
    (y * y).backward(arange(0, y.numel(), 1, {.dtype = float64}).reshape(y.shape()).to(cuda));
    std::vector<double> all = y.detach().to(cpu).to_vector<double>();
    const auto append = [&](const Tensor& t) {
      const auto values = t.to(cpu).to_vector<double>();
      all.insert(all.end(), values.begin(), values.end());
    };
    append(x.grad());
    for (const auto& p : net.parameters()) append(p.grad());
    for (const auto& [name, b] : net.named_buffers()) {
      if (b.dtype() == float64) append(b);
      if (b.dtype() == int64) CHECK(b.to(cpu).item<std::int64_t>() == 1);
    }
    return std::pair(all, launches);
  };
  for (std::size_t i = 0; i < nets.size(); ++i) {
    CAPTURE(i);
    const auto [fused, few] = run(i, true);
    const auto [separate, many] = run(i, false);
    CHECK(few == (i + 1 < nets.size() ? 2 : 3));
    CHECK(many >= 3);
    REQUIRE(fused.size() == separate.size());
    double worst = 0;
    for (std::size_t k = 0; k < fused.size(); ++k)
      worst = std::max(worst, std::abs(fused[k] - separate[k]) / (1 + std::abs(separate[k])));
    CHECK(worst < 1e-10);
    CHECK(run(i, true).first == fused);
  }
}

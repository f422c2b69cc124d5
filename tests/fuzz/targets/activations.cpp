// Another program's activations, compared with what a network makes of the input in the same file.
#include "heddle/core/safetensors.hpp"
#include "heddle/debug/compare_activations.hpp"
#include "heddle/heddle.hpp"
#include "tests/fuzz/target.hpp"

using namespace heddle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static nn::Sequential net(nn::Conv2d({.in_channels = 1, .out_channels = 2, .kernel_size = 3, .padding = 1}),
                            nn::BatchNorm2d({.num_features = 2}), nn::ReLU(), nn::MaxPool2d({.kernel_size = 2}),
                            nn::AdaptiveAvgPool2d({.output_size = 1}), nn::Flatten(),
                            nn::Linear({.in_features = 2, .out_features = 3}));
  // Each layer's output is kept, up to twice the input, and compared in float64.
  const fuzz::Input input(data, size, (1 << 20) + 64 * size);
  fuzz::accepts([&] {
    const Safetensors dump = read_safetensors(input.bytes(), "a dump");
    const auto comparison = debug::compare_activations(net, dump.tensors);
    fuzz::require(!comparison.layers.empty(), "a comparison that is accepted has layers");
    const std::string text = comparison.str();
    fuzz::require(text.find("ayers agree") != std::string::npos || text.find("first layer that differs") != std::string::npos,
                  "a comparison has an outcome");
  });
  return 0;
}

// A stranger's safetensors file, loaded into a network.
#include "heddle/core/safetensors.hpp"

#include "heddle/heddle.hpp"
#include "tests/fuzz/target.hpp"

using namespace heddle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static nn::Sequential net(nn::Conv2d({.in_channels = 1, .out_channels = 2, .kernel_size = 3}),
                            nn::BatchNorm2d({.num_features = 2}), nn::Flatten(),
                            nn::Linear({.in_features = 8, .out_features = 2}));
  const fuzz::Input input(data, size);
  fuzz::accepts([&] {
    const Safetensors content = read_safetensors(input.bytes(), "a file");
    std::size_t bytes = 0;
    for (const auto& [name, t] : content.tensors) bytes += static_cast<std::size_t>(t.numel()) * size_of(t.dtype());
    fuzz::require(bytes <= size, "all tensors together have no more bytes than their file");
    fuzz::accepts([&] { fuzz::require(net.load_state_dict(content.tensors).ok(), "a strict load that is accepted fits"); });
    fuzz::accepts([&] {
      const nn::LoadReport report = net.load_state_dict(content.tensors, false);
      if (!report.ok()) fuzz::require(!report.str().empty(), "what does not fit is listed");
    });
  });
  return 0;
}

// A stranger's PNG or JPEG file, at the size that a network takes.
#include "heddle/data/image_file.hpp"
#include "tests/fuzz/target.hpp"

using namespace heddle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size, 64 << 20);
  fuzz::accepts([&] {
    const Tensor image = data::decode_image(input.bytes(), "a file");
    fuzz::require(image.dim() == 4 && image.size(0) == 1 && image.size(1) == 3 && image.numel() > 0, "a picture is [1, 3, h, w]");
    if (image.numel() < 300'000) data::resize(image, 32, 32);
  });
  return 0;
}

// A stranger's PNG or JPEG file, at the size that a network takes.
#include "heddle/data/resize.hpp"
#include "heddle/pictures/read_image.hpp"
#include "tests/fuzz/target.hpp"

using namespace heddle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A few bytes may be many equal pixels: 9 bytes each while they are decoded, turned and smaller.
  constexpr std::int64_t most = 500'000;
  const fuzz::Input input(data, size, 9 * most + (2 << 20));
  fuzz::accepts([&] {
    const Tensor image = pictures::decode_image(input.bytes(), "a file", {.max_pixels = most});
    fuzz::require(image.dim() == 4 && image.size(0) == 1 && image.size(1) == 3 && image.numel() > 0,
                  "a picture is [1, 3, h, w]");
    fuzz::require(image.numel() <= 3 * most, "a picture has no more pixels than the limit");
    if (image.numel() < 30'000) data::resize(image, 32, 32);
  });
  return 0;
}

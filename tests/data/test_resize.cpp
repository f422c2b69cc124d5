// Images at another size: averaged downwards, interpolated upwards.
#include "heddle/data/resize.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a picture is averaged downwards and interpolated upwards") {
  const Tensor four = tensor(std::vector<std::uint8_t>{10, 80, 150, 24}, Shape{1, 1, 1, 4});
  // Triangles two outputs wide: weights 3, 3, 1 of 7.
  CHECK(data::resize(four, 1, 2).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{60, 86});
  const Tensor two = tensor(std::vector<std::uint8_t>{0, 100}, Shape{1, 1, 2, 1});
  CHECK(data::resize(two, 4, 1).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 25, 75, 100});
  // One colour stays that colour, whatever the sizes.
  for (const auto& [h, w] : {std::pair{1, 1}, {7, 3}, {32, 32}, {100, 41}}) {
    const Tensor flat = full({2, 3, h, w}, 77, {.dtype = uint8});
    const Tensor out = data::resize(flat, 32, 32);
    CHECK(out.shape() == Shape{2, 3, 32, 32});
    for (std::uint8_t v : out.to_vector<std::uint8_t>()) REQUIRE(v == 77);
  }
  // The mean survives being averaged away.
  std::vector<std::uint8_t> ramp;
  for (int i = 0; i < 64 * 64; ++i) ramp.push_back(static_cast<std::uint8_t>((i * 13) % 256));
  const auto values = data::resize(tensor(ramp, Shape{1, 1, 64, 64}), 1, 1).to_vector<std::uint8_t>();
  CHECK(values[0] == Approx(127).margin(6));
}

TEST_CASE("only images are resized, and to a size of a pixel or more") {
  CHECK_THROWS_WITH(data::resize(zeros({1, 3, 4, 4}), 2, 2), ContainsSubstring("expected uint8 images"));
  CHECK_THROWS_WITH(data::resize(full({1, 3, 4, 4}, 1, {.dtype = uint8}), 0, 2),
                    ContainsSubstring("expected a size of 1 x 1 or more"));
}

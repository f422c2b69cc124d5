// Pictures from files: what comes out is what went in, at another size too; what is no picture is an error that says so.
#include "heddle/base/file.hpp"
#include "heddle/data/image_file.hpp"
#include "heddle/report/image.hpp"
#include "tests/support/folder.hpp"
#include "tests/support/tensors.hpp"

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

namespace {

report::Image ramp(int width, int height, int channels) {
  report::Image image{width, height, channels, {}};
  for (int i = 0; i < width * height * channels; ++i) image.pixels.push_back(static_cast<std::uint8_t>((i * 13) % 256));
  return image;
}

std::string jpeg(const report::Image& image) {
  std::string bytes;
  stbi_write_jpg_to_func(
      [](void* to, void* data, int size) {
        static_cast<std::string*>(to)->append(static_cast<char*>(data), static_cast<std::size_t>(size));
      },
      &bytes, image.width, image.height, image.channels, image.pixels.data(), 95);
  return bytes;
}

}  // namespace

TEST_CASE("a PNG file is read to the byte") {
  test::Folder folder;
  const auto image = ramp(5, 3, 3);
  report::save_png(folder / "a.png", image);
  const Tensor t = data::read_image(folder / "a.png");
  CHECK(t.shape() == Shape{1, 3, 3, 5});
  CHECK(report::image_of(t, 0).pixels == image.pixels);

  const auto grey = ramp(4, 2, 1);
  const auto planes = data::decode_image(report::encode_png(grey), "grey").to_vector<std::uint8_t>();
  REQUIRE(planes.size() == 24);
  for (std::size_t i = 0; i < 24; ++i) CHECK(planes[i] == grey.pixels[i % 8]);
}

TEST_CASE("what is transparent shows white") {
  const report::Image image{2, 1, 4, {10, 20, 30, 0, 100, 0, 200, 128}};
  const auto values = data::decode_image(report::encode_png(image), "alpha").to_vector<std::uint8_t>();
  CHECK(values == std::vector<std::uint8_t>{255, 177, 255, 127, 255, 227});
}

TEST_CASE("a JPEG file is read") {
  const report::Image image{16, 8, 3, std::vector<std::uint8_t>(16 * 8 * 3, 90)};
  const Tensor t = data::decode_image(jpeg(image), "flat.jpg");
  CHECK(t.shape() == Shape{1, 3, 8, 16});
  for (std::uint8_t v : t.to_vector<std::uint8_t>()) CHECK(std::abs(v - 90) <= 2);
}

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
  const auto values =
      data::resize(data::decode_image(report::encode_png(ramp(64, 64, 1)), "ramp"), 1, 1).to_vector<std::uint8_t>();
  CHECK(values[0] == Approx(127).margin(6));
}

TEST_CASE("files that are no pictures are errors that name them") {
  test::Folder folder;
  write_file(folder / "text.png", "this is no picture");
  write_file(folder / "empty.jpg", "");
  const std::string png = report::encode_png(ramp(40, 40, 3));
  write_file(folder / "cut.png", png.substr(0, png.size() / 2));
  const auto read = [&](const char* name) { data::read_image(folder / name); };
  CHECK_THROWS_WITH(read("text.png"), ContainsSubstring("[read_image] expected a PNG or JPEG picture in '") &&
                                          ContainsSubstring("text.png', got something else"));
  CHECK_THROWS_WITH(read("empty.jpg"), ContainsSubstring("got an empty file"));
  CHECK_THROWS_WITH(read("cut.png"),
                    ContainsSubstring("expected a whole picture in '") && ContainsSubstring("got a broken one"));
  CHECK_THROWS_WITH(read("missing.png"), ContainsSubstring("missing.png"));
  CHECK_THROWS_WITH(data::read_image(folder.path()), ContainsSubstring("got a folder"));
  CHECK_THROWS_WITH(data::resize(zeros({1, 3, 4, 4}), 2, 2), ContainsSubstring("expected uint8 images"));
  CHECK_THROWS_WITH(data::resize(full({1, 3, 4, 4}, 1, {.dtype = uint8}), 0, 2),
                    ContainsSubstring("expected a size of 1 x 1 or more"));
}

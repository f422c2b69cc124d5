// PNG pictures: every kind comes out as it went in, and a byte that is another is noticed.
#include <csetjmp>

#include "heddle/base/file.hpp"
#include "heddle/pictures/read_image.hpp"
#include "heddle/report/image.hpp"
#include "tests/pictures/picture_files.hpp"
#include "tests/support/folder.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;
using Bytes = std::vector<std::uint8_t>;

namespace {

Bytes values_of(const std::string& png) {
  return pictures::decode_image(png, "test.png").to_vector<std::uint8_t>();
}

Bytes ramp(std::size_t count, int step = 13) {
  Bytes bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i * static_cast<std::size_t>(step) % 256));
  return bytes;
}

bool is_refused(const std::string& bytes) {
  try {
    pictures::decode_image(bytes, "test.png");
    return false;
  } catch (const Error&) {
    return true;
  }
}

}  // namespace

TEST_CASE("a PNG file is read to the byte", "[pictures]") {
  test::Folder folder;
  report::Image image{5, 3, 3, ramp(45)};
  report::save_png(folder / "a.png", image);
  const Tensor t = pictures::read_image(folder / "a.png");
  CHECK(t.shape() == Shape{1, 3, 3, 5});
  CHECK(report::image_of(t, 0).pixels == image.pixels);

  const Bytes grey = ramp(8);
  const auto planes = values_of(report::encode_png({4, 2, 1, grey}));
  REQUIRE(planes.size() == 24);
  for (std::size_t i = 0; i < 24; ++i) CHECK(planes[i] == grey[i % 8]);
}

TEST_CASE("what is transparent shows white", "[pictures]") {
  CHECK(values_of(report::encode_png({2, 1, 4, {10, 20, 30, 0, 100, 0, 200, 128}})) == Bytes{255, 177, 255, 127, 255, 227});
  // One colour of a palette, or one grey, may be transparent too.
  const std::vector<png_color> palette = {{10, 20, 30}, {200, 100, 0}};
  CHECK(values_of(
            write_png({.width = 2, .depth = 1, .color = PNG_COLOR_TYPE_PALETTE, .palette = palette, .palette_alpha = {255, 0}},
                      {0b01000000})) == Bytes{10, 255, 20, 255, 30, 255});
  png_color_16 grey{};
  grey.gray = 7;
  CHECK(values_of(write_png({.width = 2, .color = PNG_COLOR_TYPE_GRAY}, {7, 8}, [&](png_structp png, png_infop info) {
          png_set_tRNS(png, info, nullptr, 0, &grey);
        })) == Bytes{255, 8, 255, 8, 255, 8});
}

TEST_CASE("palettes and greys of few bits become colours of eight", "[pictures]") {
  const std::vector<png_color> palette = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {250, 251, 252}};
  CHECK(values_of(write_png({.width = 4, .depth = 2, .color = PNG_COLOR_TYPE_PALETTE, .palette = palette}, {0b11100100})) ==
        Bytes{250, 7, 4, 1, 251, 8, 5, 2, 252, 9, 6, 3});
  CHECK(values_of(write_png({.width = 2, .depth = 4, .color = PNG_COLOR_TYPE_GRAY}, {0x2f})) ==
        Bytes{34, 255, 34, 255, 34, 255});
  CHECK(values_of(write_png({.width = 3, .depth = 1, .color = PNG_COLOR_TYPE_GRAY}, {0b10100000})) ==
        Bytes{255, 0, 255, 255, 0, 255, 255, 0, 255});
}

TEST_CASE("sixteen bits are rounded to eight", "[pictures]") {
  // 0x12ff / 257 = 18.9, whose high byte alone is 18.
  CHECK(values_of(write_png({.depth = 16, .color = PNG_COLOR_TYPE_RGB}, {0x12, 0xff, 0x00, 0x7f, 0xff, 0xff})) ==
        Bytes{19, 0, 255});
  CHECK(values_of(write_png({.width = 2, .depth = 16, .color = PNG_COLOR_TYPE_GRAY}, {0x12, 0x12, 0x00, 0xff})) ==
        Bytes{18, 1, 18, 1, 18, 1});
  CHECK(values_of(write_png({.depth = 16, .color = PNG_COLOR_TYPE_RGB_ALPHA}, {1, 1, 2, 2, 3, 3, 0, 0})) ==
        Bytes{255, 255, 255});
}

TEST_CASE("an interlaced picture is the same picture", "[pictures]") {
  for (const int color : {PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA, PNG_COLOR_TYPE_GRAY})
    for (const int width : {1, 2, 5, 13}) {
      const std::size_t channels = color == PNG_COLOR_TYPE_RGB ? 3 : color == PNG_COLOR_TYPE_GRAY ? 1 : 4;
      const Bytes rows = ramp(static_cast<std::size_t>(width) * 11 * channels, 37);
      const PngPicture plain{.width = width, .height = 11, .color = color};
      auto interlaced = plain;
      interlaced.interlaced = true;
      CHECK(values_of(write_png(interlaced, rows)) == values_of(write_png(plain, rows)));
    }
}

TEST_CASE("gamma and profiles change no pixel, and a broken one hinders nothing", "[pictures]") {
  const Bytes pixel = {10, 120, 240};
  CHECK(values_of(write_png({}, pixel, [](png_structp png, png_infop info) { png_set_gAMA(png, info, 0.1); })) == pixel);
  std::string png = write_png({}, pixel);
  constexpr std::size_t behind_header = 8 + 25;
  png.insert(behind_header, png_chunk("iCCP", "no profile") + png_chunk("zTXt", "no text") + png_chunk("raNd", "unknown"));
  CHECK(values_of(png) == pixel);
}

TEST_CASE("a picture is turned as its EXIF chunk says", "[pictures]") {
  // In front of the pixels or behind them; some versions of libpng write it in both places.
  const std::string plain = write_png({.width = 2, .height = 1, .color = PNG_COLOR_TYPE_GRAY}, {1, 2});
  const std::string chunk = png_chunk("eXIf", orientation_tiff(6, true));
  for (const bool in_front : {true, false})
    for (const bool behind : {true, false}) {
      std::string png = plain;
      if (behind) png.insert(png.size() - 12, chunk);
      if (in_front) png.insert(8 + 25, chunk);
      const bool turned = in_front || behind;
      CHECK(pictures::decode_image(png, "turned.png").shape() == (turned ? Shape{1, 3, 2, 1} : Shape{1, 3, 1, 2}));
    }
  const std::string png =
      write_png({.width = 2, .height = 1, .color = PNG_COLOR_TYPE_GRAY}, {1, 2}, [](png_structp writer, png_infop info) {
        std::string tiff = orientation_tiff(6, false);
        png_set_eXIf_1(writer, info, static_cast<png_uint_32>(tiff.size()), reinterpret_cast<png_bytep>(tiff.data()));
      });
  CHECK(pictures::decode_image(png, "turned.png").shape() == Shape{1, 3, 2, 1});
  CHECK(values_of(png) == Bytes{1, 2, 1, 2, 1, 2});
  CHECK(pictures::decode_image(png, "as it is", {.apply_exif_orientation = false}).shape() == Shape{1, 3, 1, 2});
}

// stb_image, which read pictures before, does not look at checksums: a picture with one flipped byte loaded, and was predicted.
TEST_CASE("a PNG with one bit flipped is refused, wherever the bit is", "[pictures]") {
  for (const bool interlaced : {false, true}) {
    const std::string png =
        write_png({.width = 9, .height = 7, .interlaced = interlaced}, ramp(189), [](png_structp p, png_infop info) {
          png_set_gAMA(p, info, 0.5);
          png_set_pHYs(p, info, 100, 100, PNG_RESOLUTION_METER);
        });
    REQUIRE_FALSE(is_refused(png));
    for (std::size_t i = 0; i < png.size(); ++i)
      for (int bit = 0; bit < 8; ++bit) {
        std::string damaged = png;
        damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
        INFO("bit " << bit << " of byte " << i);
        CHECK(is_refused(damaged));
      }
    for (std::size_t length = 0; length < png.size(); ++length) {
      INFO("the first " << length << " bytes");
      CHECK(is_refused(png.substr(0, length)));
    }
  }
}

TEST_CASE("the pixels' own checksum counts where the chunk's is right", "[pictures]") {
  const std::string png = write_png({.width = 4, .height = 4}, ramp(48));
  const std::size_t data = png.find("IDAT");
  const std::size_t end = png.find("IEND") - 4;
  std::string stream = png.substr(data + 4, end - 4 - (data + 4));
  stream.back() = static_cast<char>(stream.back() ^ 1);  // of Adler-32
  const std::string damaged = png.substr(0, data - 4) + png_chunk("IDAT", stream) + png.substr(end);
  CHECK_THROWS_WITH(values_of(damaged), ContainsSubstring("[read_image] expected a whole picture in 'test.png', got a PNG") &&
                                            ContainsSubstring("IDAT"));
}

TEST_CASE("a PNG that claims more pixels than it can hold is refused before memory is asked for", "[pictures]") {
  std::string png = write_png({.width = 4, .height = 4}, ramp(48));
  const auto claiming = [&](std::string_view width, std::string_view height) {
    const std::string header = std::string(width) + std::string(height) + png.substr(24, 5);
    return png.substr(0, 8) + png_chunk("IHDR", header) + png.substr(33);
  };
  using namespace std::string_view_literals;
  CHECK_THROWS_WITH(values_of(claiming("\0\0\x20\0"sv, "\0\0\x1e\0"sv)),
                    ContainsSubstring("expected a whole picture of 8192 x 7680 pixels in 'test.png', got a PNG file of"));
  CHECK_THROWS_WITH(values_of(claiming("\0\0\x20\0"sv, "\0\0\x20\0"sv)),
                    ContainsSubstring("expected a picture of at most 64000000 pixels in 'test.png', got 8192 x 8192"));
  CHECK_THROWS_WITH(values_of(claiming("\x7f\xff\xff\xff"sv, "\0\0\0\x01"sv)),
                    ContainsSubstring("at most 1000000 pixels a side"));
  CHECK_THROWS_WITH(pictures::decode_image(png, "test.png", {.max_pixels = 15}), ContainsSubstring("at most 15 pixels"));
  CHECK_NOTHROW(pictures::decode_image(png, "test.png", {.max_pixels = 16}));
}

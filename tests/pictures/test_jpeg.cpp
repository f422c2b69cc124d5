// JPEG pictures: grey, RGB, CMYK, baseline and progressive, the right way up; and what is no whole picture is refused.
#include <cstdlib>

#include "heddle/pictures/read_image.hpp"
#include "tests/pictures/picture_files.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;
using Bytes = std::vector<std::uint8_t>;

namespace {

Tensor decoded(const std::string& jpeg) {
  return pictures::decode_image(jpeg, "test.jpg");
}

// Red, green, blue and white quarters.
Bytes quarters(int width, int height) {
  Bytes bytes;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const bool right = x >= width / 2, below = y >= height / 2;
      for (const bool on : {right == below, right, below}) bytes.push_back(on ? 230 : 20);
    }
  return bytes;
}

std::string quarters_jpeg(bool progressive, bool subsampled) {
  return write_jpeg({.width = 48, .height = 32, .progressive = progressive, .subsampled = subsampled}, quarters(48, 32));
}

bool is_refused(const std::string& bytes) {
  try {
    decoded(bytes);
    return false;
  } catch (const Error&) {
    return true;
  }
}

std::string exif(int orientation, bool big_endian) {
  return std::string("Exif\0\0", 6) + orientation_tiff(orientation, big_endian);
}

}  // namespace

TEST_CASE("a JPEG file is read", "[pictures]") {
  for (const bool progressive : {false, true})
    for (const bool subsampled : {false, true}) {
      const Tensor t = decoded(quarters_jpeg(progressive, subsampled));
      REQUIRE(t.shape() == Shape{1, 3, 32, 48});
      const auto values = t.to_vector<std::uint8_t>();
      const Bytes expected = quarters(48, 32);
      // Away from the edges between colours.
      for (const int y : {2, 28})
        for (const int x : {3, 44})
          for (int c = 0; c < 3; ++c)
            CHECK(std::abs(values[static_cast<std::size_t>((c * 32 + y) * 48 + x)] -
                           expected[static_cast<std::size_t>((y * 48 + x) * 3 + c)]) <= 4);
    }
}

TEST_CASE("grey, RGB and inverted CMYK come out as RGB", "[pictures]") {
  const auto near = [](const Tensor& t, int r, int g, int b) {
    const auto values = t.to_vector<std::uint8_t>();
    REQUIRE(values.size() == 3 * 64);
    const int expected[] = {r, g, b};
    for (std::size_t i = 0; i < values.size(); ++i) CHECK(std::abs(values[i] - expected[i / 64]) <= 3);
  };
  const auto flat = [](const JpegPicture& picture, const Bytes& pixel) {
    Bytes pixels;
    for (int i = 0; i < 64; ++i) pixels.insert(pixels.end(), pixel.begin(), pixel.end());
    auto whole = picture;
    whole.width = whole.height = 8;
    return decoded(write_jpeg(whole, pixels));
  };
  near(flat({.components = 1, .color = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE}, {90}), 90, 90, 90);
  near(flat({.stored = JCS_RGB}, {200, 100, 50}), 200, 100, 50);
  // 255 is no ink: cyan 55, magenta 155, yellow 205 and no black.
  near(flat({.components = 4, .color = JCS_CMYK, .stored = JCS_CMYK}, {200, 100, 50, 255}), 200, 100, 50);
  near(flat({.components = 4, .color = JCS_CMYK, .stored = JCS_CMYK}, {200, 100, 50, 128}), 100, 50, 25);
  near(flat({.components = 4, .color = JCS_CMYK, .stored = JCS_YCCK}, {200, 100, 50, 255}), 200, 100, 50);
  CHECK_THROWS_WITH(flat({.components = 2, .color = JCS_UNKNOWN, .stored = JCS_UNKNOWN}, {1, 2}),
                    ContainsSubstring("expected a grey, RGB or CMYK picture in 'test.jpg', got a JPEG file of 2 components"));
}

TEST_CASE("a picture is turned as its camera was held", "[pictures]") {
  // What the upright picture is stored as, for each orientation, in blocks of 8 pixels: one dark corner and one grey beside it.
  const Bytes upright = {0, 100, 200, 200, 200, 200};  // 2 x 3 blocks: height 3, width 2
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool big_endian : {false, true}) {
      const bool swapped = orientation >= 5;
      const int height = swapped ? 2 : 3, width = swapped ? 3 : 2;
      Bytes pixels(static_cast<std::size_t>(height * width * 64));
      for (int y = 0; y < height * 8; ++y)
        for (int x = 0; x < width * 8; ++x) {
          // By the standard's words: which sides of the upright picture the stored row 0 and column 0 are.
          const int row = y / 8, column = x / 8, last_row = 2, last_column = 1;
          int up_row = 0, up_column = 0;
          switch (orientation) {
            case 1:
              up_row = row, up_column = column;
              break;  // top, left
            case 2:
              up_row = row, up_column = last_column - column;
              break;  // top, right
            case 3:
              up_row = last_row - row, up_column = last_column - column;
              break;  // bottom, right
            case 4:
              up_row = last_row - row, up_column = column;
              break;  // bottom, left
            case 5:
              up_row = column, up_column = row;
              break;  // left, top
            case 6:
              up_row = column, up_column = last_column - row;
              break;  // right, top
            case 7:
              up_row = last_row - column, up_column = last_column - row;
              break;  // right, bottom
            case 8:
              up_row = last_row - column, up_column = row;
              break;  // left, bottom
          }
          pixels[static_cast<std::size_t>(y * width * 8 + x)] = upright[static_cast<std::size_t>(up_row * 2 + up_column)];
        }
      const JpegPicture picture{.width = width * 8,
                                .height = height * 8,
                                .components = 1,
                                .color = JCS_GRAYSCALE,
                                .stored = JCS_GRAYSCALE,
                                .exif = exif(orientation, big_endian)};
      const Tensor t = decoded(write_jpeg(picture, pixels));
      INFO("orientation " << orientation);
      REQUIRE(t.shape() == Shape{1, 3, 24, 16});
      const auto values = t.to_vector<std::uint8_t>();
      for (int block = 0; block < 6; ++block)
        CHECK(std::abs(values[static_cast<std::size_t>((block / 2 * 8 + 4) * 16 + block % 2 * 8 + 4)] -
                       upright[static_cast<std::size_t>(block)]) <= 4);
    }
}

TEST_CASE("an orientation that makes no sense is none", "[pictures]") {
  const auto shape_of = [](const std::string& segment) {
    return decoded(write_jpeg({.width = 16, .height = 8, .exif = segment}, Bytes(16 * 8 * 3, 90))).shape();
  };
  const Shape as_it_is{1, 3, 8, 16}, turned{1, 3, 16, 8};
  CHECK(shape_of(exif(6, true)) == turned);
  CHECK(shape_of(exif(9, true)) == as_it_is);
  CHECK(shape_of(exif(0, false)) == as_it_is);
  const std::string whole = exif(6, false);
  for (std::size_t length = 1; length < whole.size() - 8; ++length) CHECK(shape_of(whole.substr(0, length)) == as_it_is);
  std::string far = whole;
  far[6 + 4] = '\xff', far[6 + 7] = '\xff';  // the directory's place
  CHECK(shape_of(far) == as_it_is);
  std::string many = whole;
  many[6 + 8] = many[6 + 9] = '\xff', many[6 + 10] = '\0';  // 65535 entries, none of them an orientation
  CHECK(shape_of(many) == as_it_is);
}

TEST_CASE("a JPEG that is cut is refused, wherever it is cut", "[pictures]") {
  for (const bool progressive : {false, true}) {
    const std::string jpeg = quarters_jpeg(progressive, true);
    REQUIRE_FALSE(is_refused(jpeg));
    for (std::size_t length = 0; length < jpeg.size(); ++length) {
      INFO("the first " << length << " bytes of " << jpeg.size());
      CHECK(is_refused(jpeg.substr(0, length)));
    }
    // Bytes in the middle that are gone, too.
    std::string without = jpeg;
    without.erase(jpeg.size() - jpeg.size() / 5, jpeg.size() / 10);
    CHECK(is_refused(without));
  }
  // Padding in front of the end marker is what some cameras write.
  std::string padded = quarters_jpeg(false, true);
  padded.insert(padded.size() - 2, 6, '\0');
  CHECK_FALSE(is_refused(padded));
  CHECK_FALSE(is_refused(padded + "a preview, or another picture"));
}

// stb_image, which read pictures before, wrote behind its table: 16 counts of up to 255 codes each for 256 places.
TEST_CASE("Huffman tables with more codes than there are values are refused", "[pictures]") {
  std::string jpeg("\xff\xd8\xff\xdb\0\x43\0", 7);
  jpeg += std::string(64, '\1') + std::string("\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0", 13);
  jpeg += std::string("\xff\xc4\0\x14\0\0\1", 7) + std::string(15, '\0');
  jpeg += std::string("\xff\xc4\x07\x0c\x10", 5) + std::string(9, '\0') + std::string(7, '\xff') + std::string(1785, 'A');
  jpeg += std::string("\xff\xda\0\x08\1\1\0\0\x3f\0", 10) + std::string(200, '\0') + "\xff\xd9";
  CHECK_THROWS_WITH(decoded(jpeg),
                    ContainsSubstring("[read_image] expected a whole picture in 'test.jpg', got a JPEG file that "
                                      "cannot be read: Bogus Huffman table definition"));
  // Every byte of a picture's headers and data as 0xff, 0 and with a bit flipped: read or refused, never worse.
  for (const bool progressive : {false, true}) {
    const std::string whole = quarters_jpeg(progressive, true);
    int refused = 0;
    for (std::size_t i = 0; i < whole.size(); ++i)
      for (const int value : {0xff, 0, whole[i] ^ 0x10}) {
        std::string damaged = whole;
        damaged[i] = static_cast<char>(value);
        refused += is_refused(damaged);
      }
    CHECK(refused > 100);
  }
}

TEST_CASE("a JPEG that claims more pixels than it can hold is refused before memory is asked for", "[pictures]") {
  const std::string jpeg = quarters_jpeg(false, false);
  const std::size_t frame = jpeg.find("\xff\xc0");
  REQUIRE(frame != std::string::npos);
  const auto claiming = [&](int height, int width) {
    std::string changed = jpeg;
    changed[frame + 5] = static_cast<char>(height >> 8), changed[frame + 6] = static_cast<char>(height & 255);
    changed[frame + 7] = static_cast<char>(width >> 8), changed[frame + 8] = static_cast<char>(width & 255);
    return changed;
  };
  REQUIRE_FALSE(is_refused(claiming(32, 48)));
  CHECK_THROWS_WITH(decoded(claiming(7000, 9000)),
                    ContainsSubstring("expected a whole picture of 9000 x 7000 pixels in 'test.jpg', got a JPEG file of"));
  CHECK_THROWS_WITH(decoded(claiming(65500, 65500)),
                    ContainsSubstring("at most 64000000 pixels in 'test.jpg', got 65500 x 65500"));
}

TEST_CASE("a JPEG of hundreds of scans is refused", "[pictures]") {
  std::vector<jpeg_scan_info> scans;
  for (int i = 0; i < 3; ++i) {
    jpeg_scan_info scan{};
    scan.comps_in_scan = 1;
    scan.component_index[0] = i;
    scan.Se = 63;
    scans.push_back(scan);
  }
  const std::string jpeg = write_jpeg({.width = 48, .height = 32, .scans = scans}, quarters(48, 32));
  REQUIRE_FALSE(is_refused(jpeg));
  // The first component's scan, over and over, as a picture of a few kilobytes can keep a decoder at work for minutes.
  const std::size_t first = jpeg.find("\xff\xda"), second = jpeg.find("\xff\xda", first + 2);
  std::string many = jpeg.substr(0, second);
  for (int i = 0; i < 200; ++i) many += jpeg.substr(first, jpeg.find("\xff\xc4", first) - first);
  many += jpeg.substr(second);
  CHECK_THROWS_WITH(decoded(many), ContainsSubstring("more than 100 scans"));
}

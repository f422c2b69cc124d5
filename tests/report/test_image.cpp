// Pictures to files and back: PNG, base64, tensors as images.
#include <filesystem>

#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "heddle/report/image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/png.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using report::Image;

TEST_CASE("PNG files hold the pixels, for one, three and four channels") {
  for (int channels : {1, 3, 4}) {
    Image image{37, 19, channels, {}};
    for (double v : test::made_up<double>(static_cast<std::size_t>(37 * 19 * channels), 0, 255))
      image.pixels.push_back(static_cast<std::uint8_t>(v));
    const auto path = std::filesystem::temp_directory_path() / "heddle_image_test.png";
    report::save_png(path, image);
    const Image back = test::decode_png(read_file(path));
    CHECK(back.width == 37);
    CHECK(back.height == 19);
    CHECK(back.channels == channels);
    CHECK(back.pixels == image.pixels);
    std::filesystem::remove(path);
  }
  const Image opaque{1, 2, 4, {1, 2, 3, 255, 4, 5, 6, 255}};
  CHECK(test::decode_png(report::encode_png(opaque)).pixels == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
  CHECK_THROWS_AS(report::encode_png({2, 2, 3, {1, 2, 3}}), Error);
  CHECK_THROWS_AS(report::encode_png({}), Error);
}

TEST_CASE("base64, as RFC 4648 has it") {
  CHECK(report::base64("") == "");
  CHECK(report::base64("f") == "Zg==");
  CHECK(report::base64("fo") == "Zm8=");
  CHECK(report::base64("foo") == "Zm9v");
  CHECK(report::base64("foob") == "Zm9vYg==");
  CHECK(report::base64("fooba") == "Zm9vYmE=");
  CHECK(report::base64("foobar") == "Zm9vYmFy");
  CHECK(report::base64("\xff\xfe\xfd") == "//79");
  CHECK(report::data_uri({1, 1, 3, {1, 2, 3}}).substr(0, 33) == "data:image/png;base64,iVBORw0KGgo");
}

TEST_CASE("tensors as images: planes become pixels") {
  const Tensor bytes = tensor<std::uint8_t>({0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6}, Shape{2, 3, 1, 2});
  const Image second = report::image_of(bytes, 1);
  CHECK(second.width == 2);
  CHECK(second.height == 1);
  CHECK(second.pixels == std::vector<std::uint8_t>{1, 3, 5, 2, 4, 6});
  const Image grey = report::image_of(tensor<float>({-1, 0.5f, 1, 7}, Shape{1, 1, 2, 2}), 0);
  CHECK(grey.channels == 1);
  CHECK(grey.pixels == std::vector<std::uint8_t>{0, 128, 255, 255});
  CHECK_THROWS_AS(report::image_of(bytes, 2), Error);
  CHECK_THROWS_AS(report::image_of(zeros({1, 2, 4, 4}), 0), Error);
}

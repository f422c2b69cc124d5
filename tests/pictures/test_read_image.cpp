// Files that are no pictures are errors that name them and what they are.
#include <sys/stat.h>

#include "heddle/base/file.hpp"
#include "heddle/pictures/read_image.hpp"
#include "heddle/report/image.hpp"
#include "tests/support/folder.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("files that are no pictures are errors that name them", "[pictures]") {
  test::Folder folder;
  write_file(folder / "text.png", "this is no picture");
  write_file(folder / "empty.jpg", "");
  write_file(folder / "a.gif", "GIF89a and so on");
  write_file(folder / "a.webp", "RIFF1234WEBPVP8 ");
  const std::string png = report::encode_png({40, 40, 3, std::vector<std::uint8_t>(4800, 7)});
  write_file(folder / "cut.png", png.substr(0, png.size() / 2));
  const auto read = [&](const char* name) { pictures::read_image(folder / name); };
  CHECK_THROWS_WITH(read("text.png"), ContainsSubstring("[read_image] expected a PNG or JPEG picture in '") &&
                                          ContainsSubstring("text.png', got something else"));
  CHECK_THROWS_WITH(read("empty.jpg"), ContainsSubstring("empty.jpg', got an empty file"));
  CHECK_THROWS_WITH(read("a.gif"), ContainsSubstring("got a GIF picture"));
  CHECK_THROWS_WITH(read("a.webp"), ContainsSubstring("got a WebP picture"));
  CHECK_THROWS_WITH(read("cut.png"),
                    ContainsSubstring("expected a whole picture in '") && ContainsSubstring("the file ends early"));
  CHECK_THROWS_WITH(read("missing.png"), ContainsSubstring("missing.png', got: No such file"));
  CHECK_THROWS_WITH(pictures::read_image(folder.path()), ContainsSubstring("got a folder"));
}

TEST_CASE("no more of a file is read than a picture may have", "[pictures]") {
  CHECK_THROWS_WITH(pictures::read_image("/dev/zero"), ContainsSubstring("'/dev/zero', got something else"));
  test::Folder folder;
  write_file(folder / "large.png", report::encode_png({40, 40, 3, std::vector<std::uint8_t>(4800, 7)}));
  CHECK_THROWS_WITH(pictures::read_image(folder / "large.png", {.max_file_bytes = 50}), ContainsSubstring("at most 50 bytes"));
}

// MD5, by which checkpoints tell that their files are whole.
#include <string>

#include "heddle/data/md5.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_folder.hpp"

using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;
using heddle::data::detail::Md5;
using heddle::data::detail::md5_of_file;

namespace {

std::string md5(const std::string& text) {
  Md5 m;
  m.update(text);
  return m.finish();
}

}  // namespace

TEST_CASE("MD5 of the standard's examples, in pieces of any length", "[md5]") {
  REQUIRE(md5("") == "d41d8cd98f00b204e9800998ecf8427e");
  REQUIRE(md5("abc") == "900150983cd24fb0d6963f7d28e17f72");
  REQUIRE(md5("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
  const std::string digits = "12345678901234567890123456789012345678901234567890123456789012345678901234567890";
  REQUIRE(md5(digits) == "57edf4a22be3c955ac49da2e2107b67a");
  for (std::size_t piece : {1, 7, 63, 64, 65}) {
    Md5 m;
    for (std::size_t at = 0; at < digits.size(); at += piece) m.update(std::string_view(digits).substr(at, piece));
    REQUIRE(m.finish() == "57edf4a22be3c955ac49da2e2107b67a");
  }
  const TempFolder folder;
  write_file(folder / "abc", "abc");
  REQUIRE(md5_of_file(folder / "abc") == md5("abc"));
  REQUIRE_THROWS_WITH(md5_of_file(folder / "none"), ContainsSubstring("none"));
}

// JSON from outside, and the sum that says whether it is what was written. A checkpoint's sidecar of 200,000 brackets ended
// the program: dump() called itself for each before the sum was compared.
#include <string>

#include "heddle/base/crc64.hpp"
#include "heddle/base/file.hpp"
#include "heddle/base/json.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("JSON is refused where it is too deep, says something twice, or is no JSON") {
  const auto parse = [](const std::string& text) { return parse_json(text, "test", "file.json"); };
  CHECK(parse(" {\"a\": [1, {\"a\": 2}], \"b\": {\"a\": 3}}\n").at("b").at("a") == 3);
  for (const char* open : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 200000; ++i) deep += open;
    CHECK_THROWS_WITH(parse(deep), ContainsSubstring("file.json") && ContainsSubstring("nested more than 16 deep"));
  }
  CHECK_NOTHROW(parse(std::string(16, '[') + std::string(16, ']')));
  CHECK_THROWS_AS(parse(std::string(17, '[') + std::string(17, ']')), Error);
  CHECK_THROWS_WITH(parse(R"({"a": 1, "b": {"c": 1, "c": 2}})"), ContainsSubstring("the name 'c' twice"));
  CHECK_THROWS_WITH(parse("\xef\xbb\xbf{}"), ContainsSubstring("byte order mark"));
  CHECK_THROWS_WITH(parse(std::string("{}\0{", 4)), ContainsSubstring("zero byte"));
  for (const char* bad : {"", "{", "{} x", "nan", "[1,]", "{\"a\" 1}", "\"\xff\"", "[01]", "/**/1"}) {
    INFO(bad);
    CHECK_THROWS_WITH(parse(bad), ContainsSubstring("[test] expected file.json to be JSON"));
  }
}

TEST_CASE("numbers are what they are taken for") {
  const nlohmann::json json = {{"whole", 7},         {"real", 1.9}, {"large", 1e300}, {"below", -1},
                               {"most", UINT64_MAX}, {"text", "x"}, {"yes", true}};
  const auto as = [&]<class T>(T, const char* name) { return json_as<T>(json.at(name), "test", name); };
  CHECK(as(int{}, "whole") == 7);
  CHECK(as(int{}, "below") == -1);
  CHECK(as(std::uint64_t{}, "most") == UINT64_MAX);
  CHECK(as(double{}, "whole") == 7);
  CHECK(as(std::string(), "text") == "x");
  CHECK(as(bool{}, "yes"));
  for (const char* name : {"real", "large", "most", "text", "yes"})
    CHECK_THROWS_WITH(as(int{}, name), ContainsSubstring("a whole number") && ContainsSubstring(name));
  CHECK_THROWS_AS(as(std::uint64_t{}, "below"), Error);
  CHECK_THROWS_AS(as(double{}, "text"), Error);
  CHECK_THROWS_AS(as(bool{}, "whole"), Error);
  CHECK_THROWS_AS(as(std::string(), "whole"), Error);
}

TEST_CASE("the sum is xz's CRC-64, in one piece or in several, and of a file") {
  CHECK(crc64_of("123456789") == "995dc9bbdf1939fa");
  CHECK(crc64_of("") == "0000000000000000");
  std::string bytes(100003, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i % 251);
  Crc64 sum;
  for (std::size_t at = 0, length = 1; at < bytes.size(); at += length, length = length * 3 % 1009 + 1)
    sum.update(std::string_view(bytes).substr(at, length));
  CHECK(sum.str() == crc64_of(bytes));
  test::Folder folder;
  write_file(folder / "f", bytes);
  CHECK(crc64_of_file(folder / "f") == crc64_of(bytes));
  bytes[50000] = static_cast<char>(bytes[50000] ^ 1);
  CHECK(sum.str() != crc64_of(bytes));
  CHECK_THROWS_WITH(crc64_of_file(folder / "absent"), ContainsSubstring("absent"));
}

// What the safetensors reader once took although the format forbids it: "shape": [1.9] as 1, a byte order mark, a field twice.
// Nine dimensions were refused without the file's name, 60,000 names took 6.6 s, and an ESC in a name reached the terminal.
#include <chrono>
#include <cstring>
#include <string>

#include "heddle/base/error.hpp"
#include "heddle/base/format.hpp"
#include "heddle/core/safetensors.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string file_of(const std::string& header, std::size_t bytes) {
  const std::uint64_t length = header.size();
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  return file + header + std::string(bytes, '\1');
}

std::string refusal(const std::string& header, std::size_t bytes) {
  try {
    read_safetensors(file_of(header, bytes), "some.safetensors");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// An entry 'a' of two bytes with this in place of its shape, or of its offsets.
std::string with_shape(const std::string& shape) {
  return refusal(R"({"a":{"dtype":"U8","shape":)" + shape + R"(,"data_offsets":[0,2]}})", 2);
}
std::string with_offsets(const std::string& offsets) {
  return refusal(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + offsets + "}}", 2);
}

}  // namespace

TEST_CASE("sizes and offsets are whole numbers from 0, and nothing that looks like them") {
  CHECK(with_shape("[2]") == "");
  CHECK(with_shape("[2,1,1]") == "");
  for (const char* shape : {"[2.9]", "[2.0]", "[2e0]", "[-0]", "[-2]", "[\"2\"]", "[true,2]", "[null]", "[[2]]", "[{}]", "2",
                            "{}", "null", "[99999999999999999999]", "[18446744073709551615,2]"}) {
    INFO(shape);
    CHECK_THAT(with_shape(shape), ContainsSubstring("some.safetensors") && ContainsSubstring("'a'"));
  }
  for (const char* offsets :
       {"[0.0,2]", "[0,2.9]", "[-0,2]", "[0]", "[0,2,2]", "[0,1]", "[2,0]", "[0,18446744073709551615]", "\"0,2\"", "[[0,2]]"}) {
    INFO(offsets);
    CHECK_THAT(with_offsets(offsets), ContainsSubstring("some.safetensors") && ContainsSubstring("'a'"));
  }
}

TEST_CASE("nothing is said twice: no name, no field, no key of the metadata") {
  const std::string a = R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})";
  CHECK_THAT(refusal("{" + a + "," + a + "}", 2), ContainsSubstring("'a' twice"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"I64","dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2),
             ContainsSubstring("'dtype' twice"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"data_offsets":[0,2]}})", 2),
             ContainsSubstring("'data_offsets' twice"));
  CHECK_THAT(refusal(R"({"__metadata__":{"k":"1","k":"2"}})", 0), ContainsSubstring("'k' twice"));
  CHECK_THAT(refusal(R"({"__metadata__":{},"__metadata__":{}})", 0), ContainsSubstring("twice"));
  CHECK_THAT(refusal("{" + a + R"(,"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})", 2),
             ContainsSubstring("'a' twice"));
}

TEST_CASE("the header is one JSON object from its first byte to its last") {
  for (const std::string& header :
       {std::string("\xef\xbb\xbf{}"), std::string(" {}"), std::string("[]"), std::string("{} {}"), std::string("{},"),
        std::string("{}\0 ", 4), std::string(""), std::string("null"), std::string(R"({"__metadata__":[]})"),
        std::string(R"({"__metadata__":{"k":{}}})"), std::string(R"({"__metadata__":{"k":["v"]}})"),
        std::string(R"({"__metadata__":null})"), std::string(R"({"a":null})"), std::string(R"({"a":{}})"),
        std::string(R"({"a":[]})"), std::string("{\"\xff\":{}}")}) {
    INFO(header);
    CHECK_THAT(refusal(header, 0), ContainsSubstring("some.safetensors"));
  }
  CHECK(refusal("{}      ", 0) == "");
  std::string deep = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"more":)";
  CHECK(refusal(deep + R"({"x":[1,{"y":null}]}}})", 2) == "");  // the format's own reader passes over such a field, too
  for (int i = 0; i < 200000; ++i) deep += "[";
  CHECK_THAT(refusal(deep, 2), ContainsSubstring("nested more than 32 deep"));
}

TEST_CASE("more dimensions than a tensor has are refused with the file and the tensor") {
  CHECK_THAT(with_shape("[1,1,1,1,1,1,1,1,2]"),
             ContainsSubstring("some.safetensors") && ContainsSubstring("'a'") && ContainsSubstring("8 dimensions"));
  CHECK(with_shape("[1,1,1,1,1,1,1,2]") == "");
}

TEST_CASE("names that would move a cursor are written out") {
  const std::string message =
      refusal("{\"\\u001b]0;title\\u0007\\n\\u202e\":{\"dtype\":\"F8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
  CHECK_THAT(message, ContainsSubstring("\\x1b]0;title\\x07\\x0a\\u{202e}"));
  CHECK(message.find('\x1b') == std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}

TEST_CASE("a file of 60,000 names is written and read in the time of its bytes", "[unsanitized]") {
  Safetensors content;
  const Tensor one = ones({1});
  for (int i = 0; i < 60000; ++i)
    content.tensors.emplace_back(strings::format("layers.{}.a.name.of.usual.length.weight", i), one);
  test::Folder folder;
  const auto begin = std::chrono::steady_clock::now();
  save_safetensors(folder / "f", content);
  const Safetensors back = load_safetensors(folder / "f");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  REQUIRE(back.tensors.size() == 60000);
  CHECK(back.tensors[59999].first == content.tensors[59999].first);
  INFO(seconds << " s");
  CHECK(seconds < 4);  // about 0.2 on a machine of its own; looking through all names for each took 6.6 for reading alone
}

// Safetensors: what is written is read again, to the bit, and a file that is not one is refused before anything is made of it.
#include "heddle/core/safetensors.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
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

// What loading a file of this header and so many bytes of tensors says.
std::string refusal(const std::string& header, std::size_t bytes) {
  test::Folder folder;
  write_file(folder / "f", file_of(header, bytes));
  try {
    load_safetensors(folder / "f");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("every element type comes back to the bit, in order, with its metadata") {
  test::Folder folder;
  const float odd[] = {0.0f, -0.0f, 1.5f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::denorm_min(), -3e38f};
  Safetensors content;
  content.metadata = {{"format", "pt"}, {"note", "Gewicht \"ä\"\n"}};
  content.tensors.emplace_back("z.last.first", from_memory(odd, {2, 3}));
  content.tensors.emplace_back("doubles", tensor<double>({1e-300, -2.5}));
  content.tensors.emplace_back("labels", tensor<std::int64_t>({-1, 1ll << 62, 3}, Shape{3, 1}));
  content.tensors.emplace_back("bytes", tensor<std::uint8_t>({0, 255, 7}));
  content.tensors.emplace_back("halves", tensor<double>({1, -0.375, 3e38, 1e-40}).to(bfloat16));
  content.tensors.emplace_back("scalar", full({}, 4.25));
  content.tensors.emplace_back("nothing", empty({0, 5}));
  content.tensors.emplace_back("a view", arange(0, 12).reshape({3, 4}).transpose(0, 1));
  save_safetensors(folder / "f", content);

  const Safetensors back = load_safetensors(folder / "f");
  CHECK(back.metadata == content.metadata);
  REQUIRE(back.tensors.size() == content.tensors.size());
  for (std::size_t i = 0; i < content.tensors.size(); ++i) {
    const auto& [name, t] = content.tensors[i];
    const auto& [name_back, u] = back.tensors[i];
    INFO(name);
    CHECK(name_back == name);
    CHECK(u.dtype() == t.dtype());
    CHECK(u.shape() == t.shape());
    const std::size_t bytes = static_cast<std::size_t>(t.numel()) * size_of(t.dtype());
    std::string expected(bytes, '\0'), got(bytes, '\0');
    t.copy_to(expected.data());
    u.copy_to(got.data());
    CHECK(got == expected);
  }
  CHECK(folder.count() == 1);
}

TEST_CASE("the file is laid out as the format says, with tensors aligned") {
  test::Folder folder;
  save_safetensors(folder / "f", {{{"w", ones({2})}}, {}});
  const std::string file = read_file(folder / "f");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  CHECK(length % 8 == 0);
  REQUIRE(file.size() == sizeof length + length + 8);
  CHECK_THAT(file.substr(8, length), ContainsSubstring(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"));
  save_safetensors(folder / "f", {});
  CHECK(load_safetensors(folder / "f").tensors.empty());
}

TEST_CASE("names that the format cannot hold are refused, and nothing is written") {
  test::Folder folder;
  CHECK_THROWS_WITH(save_safetensors(folder / "f", {{{"w", ones({1})}, {"w", ones({1})}}, {}}), ContainsSubstring("'w' again"));
  CHECK_THROWS_WITH(save_safetensors(folder / "f", {{{"__metadata__", ones({1})}}, {}}), ContainsSubstring("__metadata__"));
  CHECK_THROWS_WITH(save_safetensors(folder / "f", {{{"\xff\xfe", ones({1})}}, {}}), ContainsSubstring("UTF-8"));
  CHECK(folder.count() == 0);
}

TEST_CASE("a file cut short anywhere, or with something behind its end, is refused") {
  test::Folder folder;
  save_safetensors(folder / "f", {{{"a", ones({3})}, {"b", tensor<std::uint8_t>({1, 2})}}, {{"k", "v"}}});
  const std::string file = read_file(folder / "f");
  for (std::size_t length = 0; length < file.size(); ++length) {
    write_file(folder / "g", std::string_view(file).substr(0, length));
    INFO("cut to " << length << " bytes of " << file.size());
    CHECK_THROWS_AS(load_safetensors(folder / "g"), Error);
  }
  write_file(folder / "g", file + "x");
  CHECK_THROWS_WITH(load_safetensors(folder / "g"), ContainsSubstring("gap"));
}

TEST_CASE("a file that contradicts itself is refused with the reason") {
  CHECK_THAT(refusal("[]", 0), ContainsSubstring("no JSON object"));
  CHECK_THAT(refusal("{\"a\":", 0), ContainsSubstring("no JSON object"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4), ContainsSubstring("for 'a', got F16"));
  CHECK_THAT(refusal(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4), ContainsSubstring("'a'") && ContainsSubstring("dtype"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4), ContainsSubstring("shape"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", 4), ContainsSubstring("malformed entry 'a'"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4), ContainsSubstring("malformed entry 'a'"));
  CHECK_THAT(refusal(R"({"a":7})", 0), ContainsSubstring("malformed entry 'a'"));
  CHECK_THAT(refusal(R"({"__metadata__":{"k":1}})", 0), ContainsSubstring("malformed entry"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), ContainsSubstring("bytes [0, 4)"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 4), ContainsSubstring("bytes [4, 8) of 4"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4), ContainsSubstring("bytes [4, 0)"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), ContainsSubstring("'-1' for 'shape'"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0), ContainsSubstring("shape"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4), ContainsSubstring("8"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
             ContainsSubstring("overlap"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})", 12),
             ContainsSubstring("gap at byte 4"));
  CHECK_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8),
             ContainsSubstring("'a' twice"));
  CHECK(refusal(R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8) == "");
}

TEST_CASE("a header longer than the file is refused without being believed") {
  test::Folder folder;
  std::string file(8, '\xff');
  write_file(folder / "f", file + "{}");
  CHECK_THROWS_WITH(load_safetensors(folder / "f"), ContainsSubstring("a header of 18446744073709551615 bytes in a file of 10"));
  CHECK_THROWS_WITH(load_safetensors(folder / "absent"), ContainsSubstring("No such file"));
}

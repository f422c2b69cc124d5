// TensorBoard event files: checksums against published vectors, and the records read back by a parser of the tests' own.
#include <unistd.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <map>

#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "heddle/report/event_file.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using report::crc32c;

namespace {

template <class T>
T number(std::string_view bytes) {
  T value;
  REQUIRE(bytes.size() >= sizeof value);
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// A message's fields; numbers as their bytes, varints as eight.
std::multimap<int, std::string> fields(std::string_view message) {
  std::multimap<int, std::string> all;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      REQUIRE(!message.empty());
      const auto byte = static_cast<unsigned char>(message[0]);
      message.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (!message.empty()) {
    const std::uint64_t key = varint();
    std::string value;
    std::size_t length = 0;
    switch (key & 7) {
      case 0: {
        const std::uint64_t v = varint();
        value.assign(reinterpret_cast<const char*>(&v), 8);
        break;
      }
      case 1:
        length = 8;
        break;
      case 2:
        length = static_cast<std::size_t>(varint());
        break;
      case 5:
        length = 4;
        break;
      default:
        FAIL("wire type " << (key & 7));
    }
    if ((key & 7) != 0) {
      REQUIRE(length <= message.size());
      value = message.substr(0, length);
      message.remove_prefix(length);
    }
    all.emplace(static_cast<int>(key >> 3), value);
  }
  return all;
}

std::uint32_t unmask(std::uint32_t masked) {
  return std::rotl(masked - 0xA282EAD8u, 15);
}

std::vector<std::string> records(std::string_view file) {
  std::vector<std::string> all;
  while (!file.empty()) {
    REQUIRE(file.size() >= 16);
    const auto length = static_cast<std::size_t>(number<std::uint64_t>(file));
    CHECK(unmask(number<std::uint32_t>(file.substr(8))) == crc32c(file.substr(0, 8)));
    REQUIRE(file.size() >= 16 + length);
    CHECK(unmask(number<std::uint32_t>(file.substr(12 + length))) == crc32c(file.substr(12, length)));
    all.emplace_back(file.substr(12, length));
    file.remove_prefix(16 + length);
  }
  return all;
}

std::map<std::string, float> scalars(const std::string& event) {
  std::map<std::string, float> all;
  for (const auto& [number_of_field, summary] : fields(event))
    if (number_of_field == 5)
      for (const auto& [one, value] : fields(summary)) {
        const auto parts = fields(value);
        all[parts.find(1)->second] = number<float>(parts.find(2)->second);
      }
  return all;
}

std::filesystem::path fresh_folder() {
  const auto folder = std::filesystem::temp_directory_path() / ("heddle_events_" + std::to_string(::getpid()));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace

TEST_CASE("CRC-32C gives the values of RFC 3720, B.4") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAu);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43u);
  std::string up, down;
  for (int i = 0; i < 32; ++i) up += static_cast<char>(i), down += static_cast<char>(31 - i);
  CHECK(crc32c(up) == 0x46DD794Eu);
  CHECK(crc32c(down) == 0x113FDB5Cu);
}

TEST_CASE("scalars are in the file as soon as they were added") {
  const auto folder = fresh_folder();
  report::EventFile events(folder);
  CHECK(events.path().filename().string().rfind("events.out.tfevents.", 0) == 0);
  auto all = records(read_file(events.path()));
  REQUIRE(all.size() == 1);
  CHECK(fields(all[0]).find(3)->second == "brain.Event:2");
  events.add(1, {{"accuracy/test", 61.25}, {"loss/test", 1.125}});
  events.add(300, {{"accuracy/test", 70.5}, {"a tag with \u00e9", -1e-30}});
  all = records(read_file(events.path()));
  REQUIRE(all.size() == 3);
  CHECK(number<std::int64_t>(fields(all[1]).find(2)->second) == 1);
  CHECK(number<std::int64_t>(fields(all[2]).find(2)->second) == 300);
  CHECK(number<double>(fields(all[1]).find(1)->second) > 1.6e9);
  CHECK(scalars(all[1]) == std::map<std::string, float>{{"accuracy/test", 61.25f}, {"loss/test", 1.125f}});
  CHECK(scalars(all[2]) == std::map<std::string, float>{{"accuracy/test", 70.5f}, {"a tag with \u00e9", -1e-30f}});
  std::filesystem::remove_all(folder);
}

TEST_CASE("two runs that begin in one second keep their own files") {
  const auto folder = fresh_folder();
  report::EventFile first(folder), second(folder), third(folder);
  CHECK(first.path() != second.path());
  CHECK(second.path() != third.path());
  second.add(1, {{"x", 1}});
  CHECK(records(read_file(first.path())).size() == 1);
  CHECK(records(read_file(second.path())).size() == 2);
  std::filesystem::remove_all(folder);
  CHECK_THROWS_AS(report::EventFile(folder), Error);
}

// TensorBoard drops what it knows of a step and later ones when it meets a SessionLog of status START (1) at that step.
TEST_CASE("a run that goes on tells TensorBoard from which step") {
  const auto folder = fresh_folder();
  report::EventFile events(folder, 4);
  const auto all = records(read_file(events.path()));
  REQUIRE(all.size() == 2);
  const auto restart = fields(all[1]);
  CHECK(number<std::int64_t>(restart.find(2)->second) == 4);
  const auto log = fields(restart.find(7)->second);
  CHECK(number<std::int64_t>(log.find(1)->second) == 1);
  std::filesystem::remove_all(folder);
}

// Reads the fields of protocol buffers, for tests of what writes them.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::test {

/// A message: each field's values in the order of the file, numbers as they are in the file and all else as bytes.
class Message {
 public:
  explicit Message(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::uint64_t key = varint(bytes);
      Value value;
      if ((key & 7) == 0)
        value.number = varint(bytes);
      else
        value.bytes = take(bytes, (key & 7) == 5 ? 4 : (key & 7) == 1 ? 8 : (key & 7) == 2 ? varint(bytes) : bad());
      fields_[static_cast<int>(key >> 3)].push_back(std::move(value));
    }
  }

  std::size_t count(int field) const { return fields_.contains(field) ? fields_.at(field).size() : 0; }
  std::int64_t number(int field, std::size_t index = 0) const {
    return static_cast<std::int64_t>(fields_.at(field).at(index).number);
  }
  const std::string& text(int field, std::size_t index = 0) const { return fields_.at(field).at(index).bytes; }
  Message message(int field, std::size_t index = 0) const { return Message(text(field, index)); }
  float real(int field) const {
    float value = 0;
    std::memcpy(&value, text(field).data(), sizeof value);
    return value;
  }
  std::vector<std::string> texts(int field) const {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count(field); ++i) all.push_back(text(field, i));
    return all;
  }
  std::vector<std::int64_t> numbers(int field) const {
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < count(field); ++i) all.push_back(number(field, i));
    return all;
  }
  std::vector<Message> messages(int field) const {
    std::vector<Message> all;
    for (std::size_t i = 0; i < count(field); ++i) all.push_back(message(field, i));
    return all;
  }

 private:
  struct Value {
    std::uint64_t number = 0;
    std::string bytes;
  };

  [[noreturn]] static std::uint64_t bad() { throw std::runtime_error("no protocol buffer"); }
  static std::uint64_t varint(std::string_view& bytes) {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      if (bytes.empty() || shift > 63) bad();
      const auto byte = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
  }
  static std::string take(std::string_view& bytes, std::uint64_t count) {
    if (count > bytes.size()) bad();
    const std::string taken(bytes.substr(0, count));
    bytes.remove_prefix(count);
    return taken;
  }

  std::map<int, std::vector<Value>> fields_;
};

}  // namespace heddle::test
